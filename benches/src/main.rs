//! `make bench`: a scan of 100 warm repositories by muster and by what people use today, and the service beside a bare
//! handler, each interleaved in one run, so that whatever else the machine does hits all alike. Prints Markdown tables;
//! compare ratios, not times.
//!
//! Variables: `BENCH_ROOTS` (a folder of your own repositories, else a generated corpus), `BENCH_CORPUS` (where the
//! corpus is kept, else below the system's temporary folder), `BENCH_ROUNDS` (default 9), `BENCH_PARTS` (default
//! `scan,service`), `MUSTER_BIN`, `GFOLD`, `GITA`.

mod candidates;
mod corpus;
mod measure;
mod report;
mod service;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, ensure};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("bare-handler") {
        return service::serve_bare();
    }
    let rounds = match std::env::var("BENCH_ROUNDS") {
        Ok(text) => text.parse().context("BENCH_ROUNDS is no number")?,
        Err(_) => 9,
    };
    ensure!(rounds > 0, "BENCH_ROUNDS must be at least 1");
    let parts = std::env::var("BENCH_PARTS").unwrap_or_else(|_| "scan,service".to_owned());
    if parts.contains("scan") {
        scan(rounds)?;
    }
    if parts.contains("service") {
        service::run(rounds)?;
    }
    Ok(())
}

fn scan(rounds: usize) -> Result<()> {
    let root = match std::env::var_os("BENCH_ROOTS") {
        Some(root) => PathBuf::from(root).canonicalize().context("BENCH_ROOTS")?,
        None => corpus::ensure_built()?,
    };
    let repositories = corpus::repositories_below(&root)?;
    ensure!(!repositories.is_empty(), "no repository below {}", root.display());

    let scratch = tempfile::tempdir().context("no temporary folder")?;
    let candidates = candidates::all(&root, &repositories, scratch.path())?;
    tell(&format!(
        "{} repositories below {}, {rounds} rounds after one to warm up",
        repositories.len(),
        root.display()
    ));
    let load_before = measure::load();
    let samples = measure::interleaved(&candidates, rounds)?;
    report::print(&candidates, &samples, repositories.len(), &load_before, &measure::load());
    Ok(())
}

/// Progress and errors: the report alone goes to standard output.
#[expect(clippy::print_stderr, reason = "this program's output is text for a person")]
fn tell(line: &str) {
    eprintln!("{line}");
}
