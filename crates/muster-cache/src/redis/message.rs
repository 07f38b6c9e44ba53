//! What nodes say to each other. Unknown fields are ignored and missing ones empty, so that two versions of the program
//! understand each other; what one does not understand, the tags' states and the change sequence bring it all the same.

use serde::{Deserialize, Serialize};

use super::outbox::Waiting;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    /// Who says it.
    pub(super) from: u64,
    /// Tags with their new states.
    pub(super) tags: Vec<(String, u64)>,
    /// The same, of what may be served while one load runs.
    pub(super) expired: Vec<(String, u64)>,
    pub(super) keys: Vec<String>,
    pub(super) patterns: Vec<String>,
    /// Numbers of changes whose tags are all in this message or were in an earlier one.
    pub(super) marks: Vec<u64>,
    /// Numbers begin anew with these marks: it is another database, or an older state of it.
    pub(super) anew: bool,
    /// Who hears this answers to it.
    pub(super) checks: Vec<u64>,
    /// Answers to questions of others.
    pub(super) heard: Vec<u64>,
    /// What the program says to itself on other nodes. Whoever misses it misses it.
    pub(super) news: Vec<String>,
}

impl Message {
    pub(super) fn of(from: u64, waiting: &Waiting) -> Self {
        let tags = |is_expiry| {
            let news = waiting.tags.iter().filter(move |(_, news)| news.is_expiry == is_expiry);
            news.map(|(tag, news)| (tag.to_string(), news.state)).collect()
        };
        Self {
            from,
            tags: tags(false),
            expired: tags(true),
            keys: waiting.keys.keys().map(ToString::to_string).collect(),
            patterns: waiting.patterns.iter().map(|(pattern, _)| pattern.to_string()).collect(),
            marks: waiting.marks.clone(),
            anew: waiting.is_anew,
            checks: waiting.checks.clone(),
            heard: Vec::new(),
            news: Vec::new(),
        }
    }
}
