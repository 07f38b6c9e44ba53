//! The program. Parses arguments, gathers the configuration, hands both to one file per subcommand, and turns what
//! comes back into an exit code. Nothing is decided here; everything is wired here.

mod args;
mod commands;
mod compose;
mod config;
mod exit;
mod output;
mod own_token;
mod signals;

use std::{os::unix::process::CommandExt, process::ExitCode};

use clap::Parser;

use crate::{args::Args, exit::Exit};

/// A hit is made of some dozen small allocations. Tried beside the system's allocator with mixed results
/// (docs/benchmarks.md); whoever measures it on a quiet machine decides.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Some(code) = start_again_without_repository_variables() {
        return code;
    }
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are answers, not errors: clap knows which stream and code belong to each.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    args.color.apply();
    init_logging(&args);
    match commands::run(&args) {
        Ok(exit) => exit.into(),
        Err(error) => exit::report(&error).into(),
    }
}

/// Inside a git hook or alias, git sets variables that point to the hook's repository; reading any other one would see
/// that repository's index. The process is replaced by one without them.
fn start_again_without_repository_variables() -> Option<ExitCode> {
    let leaks = muster_app::environment_leaks();
    if leaks.is_empty() {
        return None;
    }
    let program = std::env::current_exe().ok()?;
    let mut command = std::process::Command::new(program);
    command.args(std::env::args_os().skip(1));
    for name in leaks {
        command.env_remove(name);
    }
    // Only returns if it failed.
    let error = command.exec();
    let error = anyhow::Error::from(error).context("cannot start again without git's repository variables");
    Some(exit::report(&error).into())
}

fn init_logging(args: &Args) {
    use tracing_subscriber::{EnvFilter, fmt};
    // A service says what it does; a command only what is wrong.
    let usual =
        if matches!(args.command, Some(args::Command::Serve(_))) { "warn,muster=info" } else { "warn" };
    let filter = match &args.log_level {
        Some(level) => EnvFilter::new(level),
        None => EnvFilter::try_from_env("MUSTER_LOG").unwrap_or_else(|_| EnvFilter::new(usual)),
    };
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match args.log_format {
        args::LogFormat::Json => builder.json().init(),
        args::LogFormat::Text => builder.with_ansi(false).init(),
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
