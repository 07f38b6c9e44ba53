//! Why a mirror could not be made or read, and how that is told from what git said. Nothing here holds a credential:
//! addresses are [`RemoteUrl`]s, which have none, and git is given none.
//!
//! What the other side says arrives in lines that begin with `remote:`; they are quoted, never believed.
//!
//! [`RemoteUrl`]: muster_model::RemoteUrl

use std::{io, path::Path};

/// Why it failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    /// The other side says that it does not exist.
    #[error("there is no repository at {place}; correct the address")]
    NotFound {
        /// The address.
        place: String,
    },
    /// It wants to know who asks, or refuses. Forges answer so for what does not exist, too.
    #[error("{place} is private or does not exist; only what everybody may read can be mirrored")]
    AuthenticationNeeded {
        /// The address.
        place: String,
    },
    /// No connection, or it broke.
    #[error("{place} cannot be reached: {message}")]
    Unreachable {
        /// The address.
        place: String,
        /// git's words.
        message: String,
    },
    /// It is somewhere else now. Not followed: the new place has not been checked.
    #[error("{place} has moved: its server sends elsewhere; give the new address")]
    Redirected {
        /// The address.
        place: String,
    },
    /// The source was refused before anything was reached.
    #[error("{place} is not mirrored: {reason}")]
    Refused {
        /// The address.
        place: String,
        /// Why, and what would help.
        reason: String,
    },
    /// No sign of life for too long.
    #[error("nothing came from {place} for {seconds} s; try again later")]
    Stalled {
        /// The address.
        place: String,
        /// The limit.
        seconds: u64,
    },
    /// It took too long as a whole.
    #[error("{place} took longer than {seconds} s; allow more time for it")]
    TimedOut {
        /// The address, or what was read.
        place: String,
        /// The limit.
        seconds: u64,
    },
    /// It grew beyond the limit.
    #[error("the mirror of {place} grew beyond {limit} bytes; allow more for it")]
    TooLarge {
        /// The address.
        place: String,
        /// The limit.
        limit: u64,
    },
    /// No space is left.
    #[error("no space is left in {folder}; free some, or lower the quota of mirrors")]
    DiskFull {
        /// The folder of mirrors.
        folder: String,
    },
    /// The caller stopped it.
    #[error("stopped")]
    Cancelled,
    /// Nothing was ever pushed to it.
    #[error("{place} is empty: it has no branch and no tag")]
    EmptyRepository {
        /// The address.
        place: String,
    },
    /// HEAD leads nowhere.
    #[error("the default branch of {place} does not exist; set another one there")]
    NoDefaultBranch {
        /// The address.
        place: String,
    },
    /// Objects are damaged, missing or malicious.
    #[error("{place} is damaged: {message}")]
    Corrupt {
        /// The address, or the mirror's folder.
        place: String,
        /// git's words.
        message: String,
    },
    /// The git program cannot be started.
    #[error("git cannot be started: {message}; install git 2.39 or newer")]
    GitMissing {
        /// The system's words.
        message: String,
    },
    /// Somebody else works with this mirror and did not end in time.
    #[error("the mirror {id} is in use by another job or process; try again later")]
    InUse {
        /// Of which repository.
        id: String,
    },
    /// A file of ours cannot be read or written.
    #[error("{path}: {message}; check the rights of the folder of mirrors")]
    Folder {
        /// The file or folder.
        path: String,
        /// The system's words.
        message: String,
    },
    /// git failed in a way that is none of the above.
    #[error("git {what} failed for {place}: {message}")]
    Failed {
        /// The subcommand.
        what: String,
        /// The address, or the mirror's folder.
        place: String,
        /// git's words, bounded.
        message: String,
    },
}

impl MirrorError {
    /// The same call may succeed later though nobody changes anything.
    pub fn is_worth_retrying(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Stalled { .. }
                | Self::TimedOut { .. }
                | Self::DiskFull { .. }
                | Self::InUse { .. }
                | Self::Failed { .. }
        )
    }

    /// Trouble with a file or folder of ours.
    pub(super) fn folder(path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { folder: path.display().to_string() }
            }
            _ => Self::Folder { path: path.display().to_string(), message: error.to_string() },
        }
    }

    /// What git's last words mean. `folder` is where it wrote.
    pub(super) fn classify(what: &str, place: &str, folder: &Path, stderr: &str) -> Self {
        let own = stderr.lines().filter(|line| !line.starts_with("remote:")).collect::<Vec<_>>().join("\n");
        let has = |signs: &[&str]| signs.iter().any(|sign| own.contains(sign));
        let place = place.to_owned();
        let message = shortened(if own.trim().is_empty() { stderr } else { &own });
        let kinds: [Kind; 6] = [
            (REDIRECTED, |place, _| Self::Redirected { place }),
            (AUTHENTICATION, |place, _| Self::AuthenticationNeeded { place }),
            (NOT_FOUND, |place, _| Self::NotFound { place }),
            (NO_BRANCH, |place, _| Self::NoDefaultBranch { place }),
            (CORRUPT, |place, message| Self::Corrupt { place, message }),
            (UNREACHABLE, |place, message| Self::Unreachable { place, message }),
        ];
        if has(&["No space left on device", "Disk quota exceeded"]) {
            return Self::DiskFull { folder: folder.display().to_string() };
        }
        match kinds.iter().find(|(signs, _)| has(signs)) {
            Some((_, kind)) => kind(place, message),
            None => Self::Failed { what: what.to_owned(), place, message },
        }
    }
}

/// Signs in git's words, and the error they mean, made from place and message.
type Kind = (&'static [&'static str], fn(String, String) -> MirrorError);

const REDIRECTED: &[&str] = &[
    "requested URL returned error: 301",
    "requested URL returned error: 302",
    "requested URL returned error: 303",
    "requested URL returned error: 307",
    "requested URL returned error: 308",
    "unable to update url base from redirection",
];

const AUTHENTICATION: &[&str] = &[
    "could not read Username",
    "could not read Password",
    "Authentication failed",
    "requested URL returned error: 401",
    "requested URL returned error: 403",
    "Permission denied (",
    "unable to read askpass response",
];

const NOT_FOUND: &[&str] = &[
    "' not found",
    "requested URL returned error: 404",
    "requested URL returned error: 410",
    "access denied or repository not exported",
    "does not appear to be a git repository",
    "Repository not found",
    "no such repository",
    "not valid: is this a git repository?",
];

const NO_BRANCH: &[&str] = &["couldn't find remote ref"];

const CORRUPT: &[&str] = &[
    "fsck error",
    "index-pack failed",
    "invalid index-pack output",
    "did not send all necessary objects",
    "bad object",
    "error in object",
    "unable to read tree",
    "object file",
    "bad pack",
    "pack is corrupted",
    "missing blob object",
    "missing tree object",
    "Failed to traverse parents",
    "protocol error: bad",
    "unpack-objects failed",
    "loose object",
];

const UNREACHABLE: &[&str] = &[
    "unable to access",
    "Could not resolve",
    "unable to connect",
    "unable to look up",
    "Connection refused",
    "Connection reset",
    "Connection closed",
    "Connection timed out",
    "No route to host",
    "hung up unexpectedly",
    "early EOF",
    "RPC failed",
    "unexpected disconnect",
    "Could not read from remote repository",
    "Host key verification failed",
    "expected flush after",
    "invalid server response",
    "bad line length character",
    "protocol error",
];

/// The words as one line without control characters, bounded.
fn shortened(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().map(|letter| if letter.is_control() { '?' } else { letter }).take(1_000).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stderr: &str, expected: fn(&MirrorError) -> bool) {
        let error = MirrorError::classify("fetch", "https://h.example/a", Path::new("/mirrors"), stderr);
        assert!(expected(&error), "{stderr}: {error:?}");
    }

    #[test]
    fn gits_words_have_one_meaning() {
        check("fatal: repository 'https://h.example/a/' not found", |error| {
            matches!(error, MirrorError::NotFound { .. })
        });
        check("fatal: could not read Username for 'https://h': terminal prompts disabled", |error| {
            matches!(error, MirrorError::AuthenticationNeeded { .. })
        });
        check(
            "git@h.example: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            |e| matches!(e, MirrorError::AuthenticationNeeded { .. }),
        );
        check("fatal: write error: No space left on device\nfatal: index-pack failed", |error| {
            matches!(error, MirrorError::DiskFull { .. })
        });
        check("fatal: unable to connect to 10.0.0.1:\nerrno=Connection refused", |error| {
            matches!(error, MirrorError::Unreachable { .. }) && error.is_worth_retrying()
        });
        check("fatal: something new", |error| matches!(error, MirrorError::Failed { .. }));
    }

    #[test]
    fn the_other_side_is_not_believed() {
        check("remote: fatal: repository 'x' not found\nfatal: early EOF", |error| {
            matches!(error, MirrorError::Unreachable { .. })
        });
        check(
            "remote: No space left on device\nfatal: odd\u{1b}[31m",
            |error| matches!(error, MirrorError::Failed { message, .. } if !message.contains('\u{1b}')),
        );
    }
}
