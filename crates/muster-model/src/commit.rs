//! A commit of a repository's history with what it changed, as `git log --numstat` counts it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Who wrote or committed something, through the repository's `.mailmap`, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Name; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// E-mail address as written, without angle brackets; may be empty or no address at all.
    pub email: String,
    /// When, by their clock; to the second.
    pub at: Timestamp,
    /// How far their clock was ahead of UTC, in minutes.
    pub offset_minutes: i32,
}

/// How much a commit changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSize {
    /// Files, binary ones too.
    pub files: u64,
    /// Lines added, in files that are not binary.
    pub insertions: u64,
    /// Lines removed, in files that are not binary.
    pub deletions: u64,
}

/// What a commit did to one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Its path after the commit; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// Its path before, if it was renamed.
    pub from: Option<String>,
    /// Lines; `None` if it is binary.
    pub lines: Option<LineChange>,
}

/// Lines that a file gained and lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineChange {
    /// Lines added.
    pub insertions: u64,
    /// Lines removed.
    pub deletions: u64,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its id, hexadecimal.
    pub id: String,
    /// The ids of its parents in order; none for a first commit.
    pub parents: Vec<String>,
    /// Who wrote it.
    pub author: Signature,
    /// Who committed it. History is ordered and cut off by this time.
    pub committer: Signature,
    /// The whole message, cut at 64 KiB; bytes that are not UTF-8 are replaced.
    pub message: String,
    /// How much it changed; `None` for a merge, which git does not count.
    pub size: Option<ChangeSize>,
    /// What it did to which file, as git lists them; empty for a merge.
    pub files: Vec<FileChange>,
}

impl Commit {
    /// First line of the message.
    pub fn subject(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }

    /// More than one parent.
    pub fn is_merge(&self) -> bool {
        self.parents.len() > 1
    }
}

impl ChangeSize {
    /// Lines added and removed.
    pub fn lines(self) -> u64 {
        self.insertions.saturating_add(self.deletions)
    }
}

impl fmt::Display for ChangeSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} files, +{} -{}", self.files, self.insertions, self.deletions)
    }
}
