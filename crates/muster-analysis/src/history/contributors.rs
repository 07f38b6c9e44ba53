//! Who wrote how much. One entry per person or machine, whatever names and addresses they used.

use std::collections::{BTreeMap, HashMap};

use muster_model::{Timestamp, history::Contributor};

use super::log::{Entry, Log};

/// Characters of a name and of an address that are kept. Addresses have at most 254 (RFC 5321), names no limit.
const LONGEST: usize = 254;

/// All authors, those with most commits first.
pub(super) struct Contributors {
    pub(super) people: Vec<Contributor>,
    pub(super) bots: Vec<Contributor>,
}

/// Counts the commits of each author.
pub(super) fn contributors(log: &Log<'_>) -> Contributors {
    let mut tallies: Vec<Option<Tally<'_>>> = Vec::new();
    tallies.resize_with(log.authors, || None);
    for entry in &log.entries {
        tallies[entry.author].get_or_insert_with(|| Tally::new(entry)).add(entry);
    }
    let (mut people, mut bots) = (Vec::new(), Vec::new());
    for tally in tallies.into_iter().flatten() {
        let list = if tally.is_bot { &mut bots } else { &mut people };
        list.push(tally.finish());
    }
    for list in [&mut people, &mut bots] {
        list.sort_by(|a, b| {
            let by_commits = b.commits.cmp(&a.commits).then(b.last_at.cmp(&a.last_at));
            by_commits.then_with(|| a.name.cmp(&b.name)).then_with(|| a.emails.cmp(&b.emails))
        });
    }
    Contributors { people, bots }
}

struct Tally<'a> {
    name: &'a str,
    is_bot: bool,
    commits_by_email: HashMap<&'a str, u64>,
    commits: u64,
    merges: u64,
    insertions: u64,
    deletions: u64,
    first_at: Timestamp,
    last_at: Timestamp,
}

impl<'a> Tally<'a> {
    fn new(entry: &Entry<'a>) -> Self {
        let author = &entry.commit.author;
        Self {
            name: &author.name,
            is_bot: entry.is_bot,
            commits_by_email: HashMap::new(),
            commits: 0,
            merges: 0,
            insertions: 0,
            deletions: 0,
            first_at: author.at,
            last_at: author.at,
        }
    }

    /// The newest commit comes first.
    fn add(&mut self, entry: &Entry<'a>) {
        let author = &entry.commit.author;
        if self.name.trim().is_empty() {
            self.name = &author.name;
        }
        *self.commits_by_email.entry(&author.email).or_default() += 1;
        self.commits += 1;
        self.merges += u64::from(entry.commit.is_merge());
        self.insertions = self.insertions.saturating_add(entry.size.insertions);
        self.deletions = self.deletions.saturating_add(entry.size.deletions);
        self.first_at = self.first_at.min(author.at);
        self.last_at = self.last_at.max(author.at);
    }

    fn finish(self) -> Contributor {
        let mut by_email: BTreeMap<String, u64> = BTreeMap::new();
        for (email, commits) in self.commits_by_email {
            let email = email.trim().to_lowercase();
            if !email.is_empty() {
                *by_email.entry(cut(&email)).or_default() += commits;
            }
        }
        let mut by_email: Vec<(String, u64)> = by_email.into_iter().collect();
        // Stable: equally used addresses stay in alphabetic order.
        by_email.sort_by_key(|(_, commits)| std::cmp::Reverse(*commits));
        Contributor {
            name: cut(self.name.trim()),
            emails: by_email.into_iter().map(|(email, _)| email).collect(),
            commits: self.commits,
            merges: self.merges,
            insertions: self.insertions,
            deletions: self.deletions,
            first_at: self.first_at,
            last_at: self.last_at,
        }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
