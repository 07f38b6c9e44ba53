//! No-op jobs, each leased, claimed and completed: the job engine on SQLite and on PostgreSQL beside BullMQ on Redis, all
//! with four at a time, all jobs waiting before the first begins. The CPU time is of the process that works, without the
//! server of its database.

mod engine;

use anyhow::{Context, Result, ensure};
use muster_testkit::Postgres;

use crate::{
    measure::{Sample, load, median, rotating},
    peers::BullMq,
    report::cpus,
};

use engine::{Ahead, Engine};

const JOBS: u32 = 5_000;
const CONCURRENCY: u32 = 4;

struct Line {
    name: &'static str,
    version: String,
    /// Jobs per second as a share of BullMQ's.
    goal: Option<f64>,
}

/// Measures and prints the report.
#[expect(clippy::print_stdout, reason = "the report is this program's output")]
pub(crate) fn run(rounds: usize) -> Result<()> {
    crate::tell("jobs: preparing databases");
    // It panics where no PostgreSQL is installed, since tests cannot go on without.
    let server = std::panic::catch_unwind(Postgres::durable).ok();
    let peer = BullMq::find()?;
    let postgres = match &server {
        Some(server) => format!("{}, fsync on", server.version()),
        None => "not installed: install postgresql".to_owned(),
    };
    let bullmq = match &peer {
        Ok(peer) => peer.version.clone(),
        Err(remedy) => format!("not installed: {remedy}"),
    };
    let sqlite = "write-ahead log, synchronous = FULL";
    let line = |name, version: &str, goal| Line { name, version: version.to_owned(), goal };
    let lines = [
        line("muster on SQLite", sqlite, Some(1.0)),
        line("muster on SQLite, none claimed ahead", sqlite, None),
        line("muster on PostgreSQL", &postgres, Some(0.4)),
        line("muster on PostgreSQL, none claimed ahead", &postgres, None),
        line("BullMQ", &bullmq, None),
    ];
    let engine = Engine::new()?;
    let before = load();
    let samples = rotating(lines.len(), rounds, |index| {
        Ok(match (index, &server, &peer) {
            (0, ..) => Some(engine.run(None, JOBS, CONCURRENCY, Ahead::Some)?),
            (1, ..) => Some(engine.run(None, JOBS, CONCURRENCY, Ahead::None)?),
            (2, Some(server), _) => {
                Some(engine.run(Some(server.fresh_database()), JOBS, CONCURRENCY, Ahead::Some)?)
            }
            (3, Some(server), _) => {
                Some(engine.run(Some(server.fresh_database()), JOBS, CONCURRENCY, Ahead::None)?)
            }
            (4, _, Ok(peer)) => Some(sample_of(&peer.run(JOBS, CONCURRENCY)?)?),
            _ => None,
        })
    })?;

    println!("\n{JOBS} no-op jobs, {CONCURRENCY} at a time, median of {rounds} interleaved rounds,");
    println!("load {before} before and {} after, {} CPUs.\n", load(), cpus());
    println!(
        "| engine | version | jobs/s | least and most | CPU of the worker, µs a job | jobs/s to BullMQ | reach | |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|---|");
    let theirs = figures(&samples[4]);
    for (line, samples) in lines.iter().zip(&samples) {
        let Some(own) = figures(samples) else {
            println!("| {} | {} | - | - | - | - | - | |", line.name, line.version);
            continue;
        };
        let share = theirs.as_ref().map(|theirs| own.rate / theirs.rate);
        let verdict = match (share, line.goal) {
            (Some(share), Some(goal)) if share >= goal => "reached",
            (Some(_), Some(_)) => "NOT reached",
            _ => "",
        };
        println!(
            "| {} | {} | {:.0} | {:.0} to {:.0} | {:.0} | {} | {} | {verdict} |",
            line.name,
            line.version,
            own.rate,
            own.least,
            own.most,
            own.cpu_micros,
            share.map_or("-".to_owned(), |share| format!("{share:.2}")),
            line.goal.map_or("-".to_owned(), |goal| format!("≥ {goal:.1}")),
        );
    }
    Ok(())
}

/// What the samples say, per second and per job.
struct Figures {
    rate: f64,
    least: f64,
    most: f64,
    cpu_micros: f64,
}

fn figures(samples: &[Sample]) -> Option<Figures> {
    let rate = |wall: std::time::Duration| f64::from(JOBS) / wall.as_secs_f64();
    let walls: Vec<_> = samples.iter().map(|sample| sample.wall).collect();
    let cpu = median(samples.iter().map(|sample| sample.cpu).collect());
    Some(Figures {
        least: rate(*walls.iter().max()?),
        most: rate(*walls.iter().min()?),
        rate: rate(median(walls)),
        cpu_micros: cpu.as_secs_f64() * 1e6 / f64::from(JOBS),
    })
}

/// Reads the line of the script.
fn sample_of(text: &str) -> Result<Sample> {
    let said: serde_json::Value = serde_json::from_str(text.trim()).context("BullMQ's script")?;
    let number = |name: &str| said[name].as_u64().with_context(|| format!("BullMQ's script: no {name}"));
    ensure!(number("completed")? == u64::from(JOBS), "BullMQ did not complete all jobs: {text}");
    Ok(Sample {
        wall: std::time::Duration::from_nanos(number("nanos")?),
        cpu: std::time::Duration::from_micros(number("cpu_micros")?),
    })
}
