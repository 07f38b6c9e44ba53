//! Lists, states and sums over a generated store of many repositories and commits, through the program over HTTP, on
//! SQLite and on PostgreSQL (moved there by `muster db copy`). The size is `BENCH_REPOSITORIES` and `BENCH_COMMITS`; a
//! store that was made before is `BENCH_STORE`.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use muster_testkit::Postgres;

use crate::{
    generated::{self, Size},
    measure::load,
    report::cpus,
    service::{process::Muster, world::World},
    spread::Spread,
};

/// Unless somebody asks for more: what is made in seconds.
const REPOSITORIES: usize = 1_000;
const COMMITS: usize = 100_000;
/// Requests of one kind for each round.
const REQUESTS: usize = 10;
/// What a person watches coming, at the 95th of a hundred.
const REACH: Duration = Duration::from_millis(200);

/// Requests of one kind.
struct Kind {
    what: &'static str,
    /// What of it is cached.
    cache: &'static str,
    paths: Vec<String>,
}

/// Measures and prints the report.
#[expect(clippy::print_stdout, reason = "the report is this program's output")]
pub(crate) fn run(rounds: usize) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let file = match std::env::var_os("BENCH_STORE") {
        Some(file) => PathBuf::from(file),
        None => generate(scratch.path())?,
    };
    let url = format!("sqlite:{}", file.display());
    println!("\nA generated store, {} rounds of {REQUESTS} requests, {} CPUs.", rounds, cpus());
    crate::tell("scale: SQLite");
    measure(&url, "SQLite", rounds)?;
    let bytes = std::fs::metadata(&file)?.len();
    println!("\n- on disk: {} MB", bytes / 1_000_000);

    // It panics where no PostgreSQL is installed, since tests cannot go on without.
    let Ok(server) = std::panic::catch_unwind(Postgres::durable) else {
        println!("- PostgreSQL is not installed");
        return Ok(());
    };
    crate::tell("scale: copying to PostgreSQL");
    let (before, begin) = (load(), Instant::now());
    let address = server.fresh_database();
    copy(&file, &address, scratch.path())?;
    let copied = begin.elapsed();
    crate::tell("scale: PostgreSQL");
    measure(&address, &server.version(), rounds)?;
    println!("\n- on disk: {} MB", server.bytes_of(&address) / 1_000_000);
    println!("- `muster db copy` from SQLite: {} s, load {before} before", copied.as_secs());
    Ok(())
}

fn generate(folder: &Path) -> Result<PathBuf> {
    let number = |name: &str, usual: usize| match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} is no number")),
        Err(_) => Ok(usual),
    };
    let size = Size {
        repositories: number("BENCH_REPOSITORIES", REPOSITORIES)?,
        commits: number("BENCH_COMMITS", COMMITS)?,
        seed: 1,
    };
    let file = folder.join("generated/muster.db");
    generated::fill(file.to_str().context("the temporary folder is no text")?, size)?;
    Ok(file)
}

/// By the program itself, which holds little of it at a time.
fn copy(file: &Path, address: &str, scratch: &Path) -> Result<()> {
    let program = std::env::var_os("MUSTER_BIN").map_or_else(|| PathBuf::from("muster"), PathBuf::from);
    let status = Command::new(&program)
        .args(["db", "copy", "--to", address, "--data-dir"])
        .arg(scratch.join("copying"))
        .env("DATABASE_URL", format!("sqlite:{}", file.display()))
        .env("XDG_CONFIG_HOME", scratch)
        .stdout(std::process::Stdio::null())
        .status()
        .with_context(|| format!("cannot start {}", program.display()))?;
    ensure!(status.success(), "muster db copy failed");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the report is this program's output")]
fn measure(database: &str, name: &str, rounds: usize) -> Result<()> {
    let world = World::new(1)?;
    let muster = Muster::start_with(&world, &[("DATABASE_URL", database)])?;
    muster.wait_for_projects(1)?;
    muster.wait_until_quiet()?;
    let mut client = muster.client()?;
    let listed: serde_json::Value =
        serde_json::from_slice(&client.get("/api/v1/repositories?limit=500", &[])?.body)?;
    let numbers: Vec<i64> = listed["items"]
        .as_array()
        .context("no list")?
        .iter()
        .filter(|one| one["origin"] == "watched")
        .filter_map(|one| one["number"].as_i64())
        .collect();
    ensure!(!numbers.is_empty(), "the store has no watched repository");
    let total = listed["total"].as_u64().unwrap_or_default();
    let before = load();
    let mut rows = Vec::new();
    for kind in kinds(&numbers, rounds * REQUESTS, rounds) {
        // One that is not counted: connections are opened, plans are made.
        client.get(&kind.paths[0], &[])?;
        rows.push((kind.what, kind.cache, Spread::asking(&mut client, muster.pid(), &kind.paths)?));
    }
    println!("\n{name}: {total} repositories, load {before} before and {} after\n", load());
    println!(
        "| what | cache | p50 ms | p95 ms | most ms | CPU ms | reach (p95) | |\n|---|---|--:|--:|--:|--:|--:|---|"
    );
    for (what, cache, spread) in rows {
        let verdict = if spread.p95 <= REACH { "reached" } else { "NOT reached" };
        println!("| {what} | {cache} | {spread} | ≤ {} | {verdict} |", REACH.as_millis());
    }
    Ok(())
}

fn kinds(numbers: &[i64], many: usize, few: usize) -> Vec<Kind> {
    let each = |path: &str, count: usize| -> Vec<String> {
        // Anywhere in the list, never the same one twice in a row.
        (0..count).map(|at| path.replace("{}", &numbers[at * 37 % numbers.len()].to_string())).collect()
    };
    let again = |path: &str, count: usize| vec![path.to_owned(); count];
    // Each filter is another key, so its counts were never worked out.
    let fresh = |path: &str, count: usize| -> Vec<String> {
        (0..count).map(|at| format!("{path}&tag=core,absent-{at}-{}", std::process::id())).collect()
    };
    let least = |count: usize| -> Vec<String> {
        (0..count)
            .map(|at| format!("/api/v1/repositories?limit=50&q={}{}", letter(at / 26), letter(at)))
            .collect()
    };
    vec![
        Kind {
            what: "list, first page, by name",
            cache: "counts cached",
            paths: again("/api/v1/repositories?limit=50", many),
        },
        Kind {
            what: "list, newest commit first",
            cache: "counts cached",
            paths: again("/api/v1/repositories?limit=50&sort=-last_commit_at", many),
        },
        Kind {
            what: "list, a tag of 1 in 8",
            cache: "uncached",
            paths: fresh("/api/v1/repositories?limit=50", few * 3),
        },
        Kind { what: "list, two letters of a name", cache: "uncached", paths: least(few * 3) },
        Kind { what: "list, two letters of a name, again", cache: "counts cached", paths: least(few * 3) },
        Kind {
            what: "watchlist, a page of 50",
            cache: "none",
            paths: again("/api/v1/watchlist?limit=50", many),
        },
        Kind { what: "status of one entry", cache: "none", paths: each("/api/v1/watchlist/{}", many) },
        Kind { what: "one repository", cache: "none", paths: each("/api/v1/repositories/{}", many) },
        Kind {
            what: "commits of one, 50",
            cache: "none",
            paths: each("/api/v1/repositories/{}/commits", many),
        },
        Kind {
            what: "activity of one",
            cache: "none",
            paths: each("/api/v1/repositories/{}/activity", many),
        },
        Kind {
            what: "activity of all, 30 days",
            cache: "none",
            paths: again("/api/v1/activity?days=30", few),
        },
        Kind { what: "activity of all, a year", cache: "none", paths: again("/api/v1/activity", few) },
    ]
}

fn letter(at: usize) -> char {
    char::from(b'a' + u8::try_from(at % 26).unwrap_or_default())
}
