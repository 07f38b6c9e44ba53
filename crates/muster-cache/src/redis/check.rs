//! The proof that an invalidation reaches every node. Nodes give signs of life by one connection and hear messages by
//! another: a node that lives and does not hear is what this finds.

use std::{collections::BTreeMap, time::Duration};

use redis::Pipeline;
use tokio::time::timeout;

use super::{level::Level, stats::LinkState};

/// Nodes that are looked for at once.
const BATCH: usize = 500;

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// What the breaker says; there are no nodes if it is not `Up`.
    pub state: LinkState,
    /// All nodes that gave a sign of life lately, this one too, by their names.
    pub nodes: Vec<CheckedNode>,
}

/// A node that lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedNode {
    /// Its name, as it says it.
    pub name: String,
    /// Of this run of it.
    pub id: u64,
    pub is_self: bool,
    /// After what time it had answered; `None` if it did not.
    pub answered_after: Option<Duration>,
}

impl CheckReport {
    /// Whether every node that lives heard it.
    pub fn is_complete(&self) -> bool {
        self.state == LinkState::Up && self.nodes.iter().all(|node| node.answered_after.is_some())
    }
}

impl Level {
    /// Tells all nodes something, by the way that invalidations go, and waits up to `limit` until each has answered.
    pub(crate) async fn check(&self, limit: Duration) -> CheckReport {
        let Some(nodes) = self.nodes().await else {
            return CheckReport { state: self.link.state(), nodes: Vec::new() };
        };
        let question = self.link.draw();
        self.checks.begin(question);
        self.outbox.check(question);
        let all = self.checks.until(question, |answers| nodes.keys().all(|id| answers.contains_key(id)));
        // Those who did not answer are in the report.
        let _ = timeout(limit, all).await;
        let answers = self.checks.end(question);
        let node = |(id, name)| CheckedNode {
            name,
            id,
            is_self: id == self.link.id(),
            answered_after: answers.get(&id).copied(),
        };
        let mut nodes: Vec<_> = nodes.into_iter().map(node).collect();
        nodes.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
        CheckReport { state: self.link.state(), nodes }
    }

    /// The nodes that gave a sign of life lately, with their names.
    async fn nodes(&self) -> Option<BTreeMap<u64, String>> {
        let (pattern, before) = self.link.keys().nodes();
        let keys = self.keys_like(&pattern, BATCH).await?;
        let mut nodes = BTreeMap::new();
        for key in keys {
            let Some(id) = key.strip_prefix(&before).and_then(|id| u64::from_str_radix(id, 16).ok()) else {
                continue;
            };
            let mut questions = Pipeline::new();
            questions.cmd("GET").arg(&key);
            let (name,): (Option<String>,) = self.link.ask_patiently(&questions).await?;
            // It may have ended meanwhile.
            nodes.extend(name.map(|name| (id, name)));
        }
        Some(nodes)
    }

    /// All keys that match a pattern of Redis. Goes through all there are, so it is for administration.
    pub(super) async fn keys_like(&self, pattern: &str, batch: usize) -> Option<Vec<String>> {
        let (mut cursor, mut keys) = (0_u64, Vec::new());
        loop {
            let mut questions = Pipeline::new();
            questions.cmd("SCAN").arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(batch);
            let ((next, found),): ((u64, Vec<String>),) = self.link.ask_patiently(&questions).await?;
            keys.extend(found);
            if next == 0 {
                return Some(keys);
            }
            cursor = next;
        }
    }
}
