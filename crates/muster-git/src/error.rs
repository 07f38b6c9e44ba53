//! Turns what gix and the system say into the closed table of repository errors.

use std::{io, path::Path};

use muster_model::{ErrorCode, RepoError};

/// An error about reading `what` in the repository at `path`.
pub(crate) fn from_gix(path: &Path, what: &str, error: &gix::Error) -> RepoError {
    let cause = error.probable_cause().to_string();
    let message = format!("{what} in {}: {}", path.display(), one_line(&cause));
    let code = if error.is_permission_denied() {
        ErrorCode::PermissionDenied
    } else if error.is_unsupported() {
        ErrorCode::UnsupportedFormat
    } else {
        ErrorCode::Corrupt
    };
    RepoError::new(code, message)
}

/// An error of the system about `path`.
pub(crate) fn from_io(path: &Path, what: &str, error: &io::Error) -> RepoError {
    let code = match error.kind() {
        io::ErrorKind::PermissionDenied => ErrorCode::PermissionDenied,
        io::ErrorKind::NotFound => ErrorCode::Vanished,
        _ => ErrorCode::Corrupt,
    };
    RepoError::new(code, format!("{what} {}: {error}", path.display()))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
