//! What is looked at: the commits that are stored, and which of them are new.

use std::collections::HashSet;

use muster_model::{Commit, Timestamp};

/// What is judged.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// Commits that were there when the settings were looked at before: what is usual is taken from them.
    pub known: &'a [Commit],
    /// Those that were not there when the settings were looked at before.
    pub new: &'a [Commit],
    /// If the default branch no longer leads to the tip that was stored before: the id of the tip it has now.
    pub rewritten_tip: Option<&'a str>,
    /// The moment of looking.
    pub as_of: Timestamp,
}

impl<'a> Judged<'a> {
    /// The new commits, each once.
    pub(super) fn fresh(&self) -> Vec<&'a Commit> {
        let mut ids = HashSet::new();
        self.new.iter().filter(|commit| ids.insert(commit.id.as_str())).collect()
    }

    /// The commits that were known before, each once.
    pub(super) fn known(&self) -> Vec<&'a Commit> {
        let mut ids: HashSet<&str> = self.new.iter().map(|commit| commit.id.as_str()).collect();
        self.known.iter().filter(|commit| ids.insert(commit.id.as_str())).collect()
    }

    /// When a commit was committed, by its own account; not later than now.
    pub(super) fn committed_at(&self, commit: &Commit) -> Timestamp {
        commit.committer.at.min(self.as_of)
    }
}

/// Enough of an id to find it; ids are hexadecimal, but nobody has checked.
pub(super) fn short_id(id: &str) -> String {
    id.chars().take(12).collect()
}
