//! How the program ends: the exit codes, and the printing of an error as what failed, why, and what to do.

use std::io::Write;

use muster_app::{AppError, services::scan::ScanReport};

use muster_http::BindError;
use muster_model::project::Project;
use muster_net::ServerError;

use crate::{config::ConfigError, output};

/// The ways to end. Documented in `muster --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All went well.
    Fine,
    /// The request failed.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// Some repository is listed with an error.
    Partial,
    /// Stopped by Ctrl-C.
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partial => 4,
            Self::Interrupted => 130,
        }
    }
}

/// How a command ends that listed these projects of the report.
pub(crate) fn exit_of(report: &ScanReport, shown: &[&Project]) -> Exit {
    match () {
        () if report.is_interrupted => Exit::Interrupted,
        () if shown.iter().any(|project| project.error.is_some()) => Exit::Partial,
        () => Exit::Fine,
    }
}

/// An error of the command line that clap could not see.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct UsageError {
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: Option<String>,
}

/// Prints the error and says how to end.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    if is_broken_pipe(error) {
        // The reader has seen enough (`muster scan | head`): no failure.
        return Exit::Fine;
    }
    let mut lines = vec![format!("error: {error}")];
    for cause in error.chain().skip(1) {
        lines.push(format!("  because: {cause}"));
    }
    lines.extend(hint(error).map(|hint| format!("  try: {hint}")));
    let mut stderr = anstream::stderr().lock();
    // Messages name files and quote what stands in them. Their own line breaks are kept.
    for line in lines.iter().flat_map(|lines| lines.split('\n')) {
        let _ = writeln!(stderr, "{}", output::clean(line));
    }
    if error.is::<UsageError>() || error.is::<ConfigError>() { Exit::Usage } else { Exit::Failed }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

fn hint(error: &anyhow::Error) -> Option<String> {
    if let Some(error) = error.downcast_ref::<UsageError>() {
        return error.hint.clone();
    }
    if let Some(error) = error.downcast_ref::<BindError>() {
        return Some(match error {
            BindError::InUse(_) => {
                "stop the other program, or choose a port with --listen 127.0.0.1:PORT".to_owned()
            }
            BindError::NotLoopback(_) => {
                "set auth.mode to local or proxy, or listen on 127.0.0.1 and reach it through ssh -L"
                    .to_owned()
            }
            BindError::Other(..) => "choose another address with --listen".to_owned(),
        });
    }
    if let Some(ServerError::Unreachable { .. }) = error.downcast_ref() {
        return Some("start it with `muster serve`, or name another with --server".to_owned());
    }
    if let Some(ServerError::Problem { status: 401, .. }) = error.downcast_ref() {
        return Some(
            "set MUSTER_TOKEN to a token, or name the data folder of a server on this machine by \
             MUSTER__SERVER__DATA_DIR"
                .to_owned(),
        );
    }
    match error.downcast_ref::<AppError>()? {
        AppError::RootUnreadable { .. } => {
            Some("name a folder that exists, or correct portfolio.roots".to_owned())
        }
        AppError::NotFound { .. } => Some("`muster path --all` lists what there is".to_owned()),
        AppError::Ambiguous { .. } => Some("name one of them in full".to_owned()),
        AppError::Invalid { .. }
        | AppError::NoSuch { .. }
        | AppError::Conflict { .. }
        | AppError::Forbidden { .. }
        | AppError::Unauthorised { .. }
        | AppError::Limited { .. }
        | AppError::Unavailable { .. }
        | AppError::Internal { .. } => None,
    }
}
