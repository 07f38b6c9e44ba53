//! Commits for tests: made short, changed by what matters to the case.

use jiff::SignedDuration;
use muster_analysis::history::derive;
use muster_model::{
    Commit, Timestamp,
    commit::{ChangeSize, FileChange, LineChange, Signature},
    history::HistoryFacts,
};

use crate::support::{NOW, at};

pub(crate) const ADA: &str = "Ada Lovelace <ada@example.org>";
pub(crate) const GRACE: &str = "Grace Hopper <grace@example.org>";
pub(crate) const DEPENDABOT: &str = "dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>";

/// The moment of looking: a Monday, noon in UTC.
pub(crate) fn now() -> Timestamp {
    at(NOW)
}

pub(crate) fn days_ago(days: i64) -> Timestamp {
    now() - SignedDuration::from_hours(days * 24)
}

pub(crate) fn id(number: u32) -> String {
    format!("{number:08x}{}", "0".repeat(32))
}

/// A commit without parents and changes. The author is written as git does: `Ada Lovelace <ada@example.org>`.
pub(crate) fn commit(number: u32, author: &str, time: Timestamp) -> Commit {
    let (name, email) = author.split_once('<').unwrap_or((author, ""));
    let author = Signature {
        name: name.trim().to_owned(),
        email: email.trim_end_matches('>').to_owned(),
        at: time,
        offset_minutes: 0,
    };
    Commit {
        id: id(number),
        parents: Vec::new(),
        committer: Signature {
            name: "GitHub".to_owned(),
            email: "noreply@github.com".to_owned(),
            ..author.clone()
        },
        author,
        message: format!("Change {number}\n"),
        size: Some(ChangeSize::default()),
        files: Vec::new(),
    }
}

/// One commit for each author, the first the newest.
pub(crate) fn by(authors: &[&str]) -> Vec<Commit> {
    let hours_ago = |number: u32| now() - SignedDuration::from_hours(number.into());
    (0..).zip(authors).map(|(number, author)| commit(number, author, hours_ago(number))).collect()
}

/// What is derived of the commits.
pub(crate) fn of(commits: &[Commit]) -> HistoryFacts {
    derive(commits, now())
}

pub(crate) trait Build {
    fn on(self, parents: &[u32]) -> Self;
    fn sized(self, files: u64, insertions: u64, deletions: u64) -> Self;
    fn file(self, path: &str, insertions: u64, deletions: u64) -> Self;
    fn moved(self, from: &str, path: &str) -> Self;
    fn binary(self, path: &str) -> Self;
    fn authored(self, time: &str, offset_minutes: i32) -> Self;
}

impl Build for Commit {
    /// With two it is a merge, which git does not count.
    fn on(mut self, parents: &[u32]) -> Self {
        self.parents = parents.iter().map(|number| id(*number)).collect();
        if self.is_merge() {
            self.size = None;
        }
        self
    }

    fn sized(mut self, files: u64, insertions: u64, deletions: u64) -> Self {
        self.size = Some(ChangeSize { files, insertions, deletions });
        self
    }

    fn file(mut self, path: &str, insertions: u64, deletions: u64) -> Self {
        let lines = Some(LineChange { insertions, deletions });
        self.files.push(FileChange { path: path.to_owned(), from: None, lines });
        self
    }

    fn moved(mut self, from: &str, path: &str) -> Self {
        let lines = Some(LineChange::default());
        self.files.push(FileChange { path: path.to_owned(), from: Some(from.to_owned()), lines });
        self
    }

    fn binary(mut self, path: &str) -> Self {
        self.files.push(FileChange { path: path.to_owned(), from: None, lines: None });
        self
    }

    fn authored(mut self, time: &str, offset_minutes: i32) -> Self {
        self.author.at = at(time);
        self.author.offset_minutes = offset_minutes;
        self
    }
}
