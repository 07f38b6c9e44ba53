//! `make bench`: muster beside what people use today, each part interleaved in one run, so that whatever else the machine
//! does hits all alike: a scan of 100 warm repositories, the service beside a bare handler, the history of a repository,
//! the job engine, the watchlist, the shared cache, a large store. Prints Markdown tables; compare ratios, not times.
//!
//! Variables: `BENCH_PARTS` (some of `scan,service,backfill,jobs,watchlist,shared,scale`, else all), `BENCH_ROUNDS` (default 9),
//! `BENCH_ROOTS` (a folder of your own repositories, else a generated corpus), `BENCH_REPO` (a repository of your own for
//! backfill and watchlist, else a generated history), `BENCH_CORPUS` (where the corpus and the peers that come from
//! package registries are kept, else below the system's temporary folder), `BENCH_REPOSITORIES`, `BENCH_COMMITS` (the size
//! of the large store) or `BENCH_STORE` (one that `cargo xtask generate-store` made), `MUSTER_BIN`, `GFOLD`, `GITA`.

mod backfill;
mod candidates;
mod corpus;
mod generated;
mod history;
mod jobs;
mod measure;
mod peers;
mod report;
mod scale;
mod service;
mod shared;
mod spread;
mod watchlist;

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
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("bare-handler") => return service::serve_bare(),
        Some("generate-store") => return generated::command(&args[1..]),
        _ => {}
    }
    let rounds = match std::env::var("BENCH_ROUNDS") {
        Ok(text) => text.parse().context("BENCH_ROUNDS is no number")?,
        Err(_) => 9,
    };
    ensure!(rounds > 0, "BENCH_ROUNDS must be at least 1");
    let parts = std::env::var("BENCH_PARTS").ok();
    let wanted: Vec<&str> = parts.iter().flat_map(|parts| parts.split(',')).map(str::trim).collect();
    for name in &wanted {
        ensure!(PARTS.iter().any(|(part, _)| part == name), "BENCH_PARTS: there is no part '{name}'");
    }
    for (name, part) in PARTS {
        if parts.is_none() || wanted.contains(name) {
            part(rounds)?;
        }
    }
    Ok(())
}

type Part = fn(usize) -> Result<()>;

/// By name, what is measured in so many rounds.
const PARTS: &[(&str, Part)] = &[
    ("scan", scan),
    ("service", service::run),
    ("backfill", backfill::run),
    ("jobs", jobs::run),
    ("watchlist", watchlist::run),
    ("shared", shared::run),
    ("scale", scale::run),
];

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
