//! The commits as all parts of the history read them: each once, the newest first, with its author and its lines.

use std::collections::HashSet;

use muster_model::{Commit, Timestamp, commit::ChangeSize};

use super::{identity::Identities, order::newest_first};

/// All commits, and the moment they are looked at.
pub(super) struct Log<'a> {
    /// Each id once; children before parents, otherwise the newest first.
    pub(super) entries: Vec<Entry<'a>>,
    /// How many authors there are: their numbers are below.
    pub(super) authors: usize,
    /// A commit has a parent that is not here, so there is older work that nobody sees.
    pub(super) is_cut_off: bool,
    pub(super) as_of: Timestamp,
}

/// One commit.
pub(super) struct Entry<'a> {
    pub(super) commit: &'a Commit,
    /// Number of its author, from 0; one person has one number, whatever the spelling.
    pub(super) author: usize,
    pub(super) is_bot: bool,
    /// Nothing for a merge.
    pub(super) size: ChangeSize,
}

impl<'a> Log<'a> {
    pub(super) fn read(commits: &'a [Commit], as_of: Timestamp) -> Self {
        let commits = newest_first(commits);
        let ids: HashSet<&str> = commits.iter().map(|commit| commit.id.as_str()).collect();
        let is_cut_off =
            commits.iter().flat_map(|commit| &commit.parents).any(|id| !ids.contains(id.as_str()));
        let identities = Identities::of_commits(&commits);
        let entries = commits.iter().zip(&identities.author_of).map(|(commit, &author)| Entry {
            commit,
            author,
            is_bot: identities.is_bot[author],
            size: if commit.is_merge() { ChangeSize::default() } else { commit.size.unwrap_or_default() },
        });
        Self { entries: entries.collect(), authors: identities.is_bot.len(), is_cut_off, as_of }
    }

    /// Commits of people.
    pub(super) fn by_people(&self) -> impl Iterator<Item = &Entry<'a>> {
        self.entries.iter().filter(|entry| !entry.is_bot)
    }
}
