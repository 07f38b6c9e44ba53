//! `muster each QUERY -- CMD`: the person's own command in every matching checkout, in parallel, the output of each
//! kept together. Each command leads a process group of its own, so that Ctrl-C ends it with everything it started.

pub(crate) mod group;

use std::{
    io::Write,
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use muster_app::services::{matching::ProjectDocument, scan::Detail};
use muster_model::project::{Project, ProjectKind};

use crate::{
    args::EachArgs,
    commands::{Session, detail_for, each::group::Outcome, parse_query},
    exit::{Exit, UsageError},
    output,
};

/// Runs the command.
pub(crate) fn run(session: &Session, args: &EachArgs) -> anyhow::Result<Exit> {
    let query = parse_query(&args.query)?;
    let report = session.scan(session.roots(&args.roots.roots)?, detail_for(&query, Detail::Name))?;
    if report.is_interrupted {
        return Ok(Exit::Interrupted);
    }
    let matching: Vec<&Project> = report
        .projects
        .iter()
        .filter(|project| project.kind != ProjectKind::Folder && project.error.is_none())
        .filter(|project| query.matches(&ProjectDocument::new(project, &report.roots)))
        .collect();
    if matching.is_empty() {
        output::note("no repository matches")?;
        return Ok(Exit::Fine);
    }
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(UsageError { message: "no command after --".to_owned(), hint: None }.into());
    };
    if !is_program(program) {
        let message = format!("there is no program '{}' on PATH", program.to_string_lossy());
        return Err(UsageError { message, hint: Some("name one, or write sh -c '…'".to_owned()) }.into());
    }
    let threads = args.jobs.filter(|&jobs| jobs > 0).unwrap_or(session.config.each.threads);
    let threads = std::num::NonZeroUsize::new(threads)
        .or_else(|| thread::available_parallelism().ok())
        .map_or(1, std::num::NonZeroUsize::get);
    let next = AtomicUsize::new(0);
    let failed: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let broken_pipe = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..threads.min(matching.len()) {
            scope.spawn(|| {
                while let Some(project) = matching.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if session.interrupt.load(Ordering::Relaxed) || broken_pipe.load(Ordering::Relaxed) {
                        return;
                    }
                    let mut command = Command::new(program);
                    command.args(arguments).current_dir(&project.path);
                    let outcome = group::run(command, &session.groups, &session.interrupt);
                    if let Some(failure) = outcome.failure() {
                        failed
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(format!("{}: {failure}", project.name));
                    }
                    if print(project, &outcome).is_err() {
                        broken_pipe.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    if session.interrupt.load(Ordering::Relaxed) {
        return Ok(Exit::Interrupted);
    }
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if failed.is_empty() {
        return Ok(Exit::Fine);
    }
    output::note(&format!("{} of {} failed: {}", failed.len(), matching.len(), failed.join("; ")))?;
    Ok(Exit::Failed)
}

/// The name, then what the command wrote, byte for byte: it is the person's own command, and a pipe may carry anything.
fn print(project: &Project, outcome: &Outcome) -> std::io::Result<()> {
    let stdout = std::io::stdout();
    let name = output::clean(&project.name);
    let heading = match anstream::AutoStream::choice(&stdout) {
        anstream::ColorChoice::Never => name,
        _ => {
            let bold = anstyle::Style::new().bold();
            format!("{bold}{name}{bold:#}")
        }
    };
    let mut stdout = stdout.lock();
    writeln!(stdout, "{heading}")?;
    stdout.write_all(&outcome.output)?;
    if !outcome.output.is_empty() && !outcome.output.ends_with(b"\n") {
        writeln!(stdout)?;
    }
    if outcome.is_cut {
        writeln!(stdout, "[{}]", Outcome::cut_note())?;
    }
    if let Some(failure) = outcome.failure() {
        writeln!(stdout, "[{failure}]")?;
    }
    stdout.flush()
}

/// Whether the program can be found, so that a slip of the pen fails once and not in every repository.
fn is_program(program: &std::ffi::OsStr) -> bool {
    if std::path::Path::new(program).components().count() > 1 {
        // A path may be relative to each repository.
        return true;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
