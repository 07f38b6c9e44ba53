//! The application error: what a caller can act on. Mapped to an exit code and a hint in the binary, and to a problem
//! document by the HTTP skin. It imports nothing of this crate, so that nothing can form a ring through it.

use std::{path::PathBuf, sync::Arc};

use muster_cache::LoadError;
use muster_store::StoreError;

/// What went wrong with a request as a whole; one bad repository is no such error, it is listed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppError {
    /// A root does not exist or cannot be entered.
    #[error("cannot scan {}: {reason}", .path.display())]
    RootUnreadable {
        /// The root as given.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No repository has that name.
    #[error("no repository matches '{query}'")]
    NotFound {
        /// What was asked for.
        query: String,
    },
    /// Something else than a repository is not there.
    #[error("there is no {what} '{query}'")]
    NoSuch {
        /// What was looked for: `job`, `queue`, `watch`.
        what: &'static str,
        /// By what.
        query: String,
    },
    /// Several repositories have that name.
    #[error("'{query}' could be any of {}", .candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        query: String,
        /// Names that are unique.
        candidates: Vec<String>,
    },
    /// A value of the request is wrong.
    #[error("{field}: {message}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What is wrong and what is right.
        message: String,
    },
    /// What was asked does not fit the state of things any more.
    #[error("{message}")]
    Conflict {
        /// What moved, and what to do.
        message: String,
    },
    /// It is not allowed, and asking again does not help.
    #[error("{message}")]
    Forbidden {
        /// Why, and who can allow it.
        message: String,
    },
    /// It is not known who asks, or what they show is worth nothing.
    #[error("{message}")]
    Unauthorised {
        /// Why, and how to say who one is.
        message: String,
    },
    /// Asked too often.
    #[error("{message}")]
    Limited {
        /// What was asked too often.
        message: String,
        /// Seconds after which it may be asked again.
        retry_after: u64,
    },
    /// A part that is needed is away.
    #[error("{what} is away: {reason}")]
    Unavailable {
        /// The part.
        what: &'static str,
        /// Why, as far as known.
        reason: String,
    },
    /// A mistake of ours.
    #[error("{message}")]
    Internal {
        /// What was found.
        message: String,
    },
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable { what: "the database", reason: error.to_string() }
    }
}

/// A load that went wrong, told to everyone who waited for it.
impl From<LoadError<AppError>> for AppError {
    fn from(error: LoadError<Self>) -> Self {
        match error {
            LoadError::Failed(error) => Arc::unwrap_or_clone(error),
            LoadError::Panicked => {
                Self::Internal { message: "working out the answer failed; see the log".to_owned() }
            }
            LoadError::TimedOut => Self::Unavailable {
                what: "the answer",
                reason: "working it out took too long; it goes on, so ask again in a moment".to_owned(),
            },
        }
    }
}
