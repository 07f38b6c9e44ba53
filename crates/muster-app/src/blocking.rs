//! Work that waits for the disk or for git, done where it holds up no request.

use crate::error::AppError;

/// Runs it on a thread of its own. `what` says what failed if it does not come back: "reading the projects".
pub(crate) async fn blocking<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, AppError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| AppError::Internal { message: format!("{what} failed: {error}") })
}
