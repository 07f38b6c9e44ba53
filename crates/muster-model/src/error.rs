//! What can be wrong with one repository or folder. One bad repository never spoils a scan: it is listed with one of
//! these codes, a sentence that says what and where, and what to do.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::word::Word;

/// A closed table; the words are part of the public API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The operating system refuses to let us read it.
    PermissionDenied,
    /// It was there when the folder was listed and is gone now.
    Vanished,
    /// A file that git needs is damaged or missing.
    Corrupt,
    /// A repository format that this version cannot read (reftable, an unknown extension).
    UnsupportedFormat,
    /// A linked worktree or submodule whose repository is gone.
    BrokenLink,
    /// The repository's data or work tree lies outside the roots and does not point back.
    OutsideRoots,
    /// A file is a device, pipe or socket where a plain file must be.
    Hostile,
    /// Reading took longer than the limit and was given up.
    TimedOut,
}

impl ErrorCode {
    /// Every code, for the documentation and its test.
    pub const ALL: [Self; 8] = [
        Self::PermissionDenied,
        Self::Vanished,
        Self::Corrupt,
        Self::UnsupportedFormat,
        Self::BrokenLink,
        Self::OutsideRoots,
        Self::Hostile,
        Self::TimedOut,
    ];

    /// The word used in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PermissionDenied => "permission_denied",
            Self::Vanished => "vanished",
            Self::Corrupt => "corrupt",
            Self::UnsupportedFormat => "unsupported_format",
            Self::BrokenLink => "broken_link",
            Self::OutsideRoots => "outside_roots",
            Self::Hostile => "hostile",
            Self::TimedOut => "timed_out",
        }
    }

    /// What the person can do about it, one sentence.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::PermissionDenied => "give yourself read access, or leave the folder out with .musterignore",
            Self::Vanished => "scan again",
            Self::Corrupt => "run `git fsck` there, then restore it or clone it again",
            Self::UnsupportedFormat => "read it with git itself; muster lists it so that it is not forgotten",
            Self::BrokenLink => "run `git worktree repair` in the main repository, or delete the folder",
            Self::OutsideRoots => "add the folder it points to as a root",
            Self::Hostile => "look at the file before you run git there",
            Self::TimedOut => "raise scan.timeout_seconds, or leave the folder out with .musterignore",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error of one repository: the code for machines, the message for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct RepoError {
    /// The kind of trouble.
    pub code: ErrorCode,
    /// What and where, one sentence without a full stop.
    pub message: String,
}

impl RepoError {
    /// An error with its sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Something worth telling that did not stop the reading (an ignored setting, a broken `PROJECT_META.json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// A stable word: `project_meta`, `config_ignored`, `foreign_owner`, …
    pub code: Word,
    /// What, where and what to do.
    pub message: String,
}
