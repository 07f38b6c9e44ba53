//! The application error: what a caller can act on. Mapped to an exit code and a hint in the binary, and to a problem
//! document by the HTTP skin. It imports nothing above it, so that nothing can form a ring through it.

use std::path::PathBuf;

/// What went wrong with a request as a whole; one bad repository is no such error, it is listed.
#[derive(Debug, thiserror::Error)]
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
    /// Several repositories have that name.
    #[error("'{query}' could be any of {}", .candidates.join(", "))]
    Ambiguous {
        /// What was asked for.
        query: String,
        /// Names that are unique.
        candidates: Vec<String>,
    },
}
