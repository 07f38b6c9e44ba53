//! The service beside what it is measured against: how soon a change on disk shows, what a hit costs next to a handler
//! that returns the same bytes, how long a cold summary and a start take, what it holds in memory. Counts (loads, encodes,
//! readings) stand beside the times, since they do not depend on the machine's mood.

mod bare;
pub(crate) mod client;
pub(crate) mod process;
pub(crate) mod world;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::measure::{load, median};

use client::Client;
use process::Muster;
use world::World;

pub(crate) use bare::serve as serve_bare;

/// Projects whose list is about 60 KB.
const HIT_PROJECTS: usize = 6;
const COLD_PROJECTS: usize = 50;
const LIVE_PROJECTS: usize = 500;
const START_PROJECTS: usize = 1000;
/// Requests of one sample of a hit.
const REQUESTS: u32 = 5_000;
/// Connections that they go over.
const CONNECTIONS: usize = 16;
/// Changes whose way to the API is timed.
const CHANGES: usize = 100;

/// One line of the report.
struct Row {
    what: String,
    value: String,
    reach: &'static str,
    is_reached: Option<bool>,
}

/// Measures everything and prints the report.
#[expect(clippy::print_stdout, reason = "the report is this program's output")]
pub(crate) fn run(rounds: usize) -> Result<()> {
    let before = load();
    let mut rows = Vec::new();
    crate::tell("service: hits beside a bare handler");
    rows.extend(hits(rounds)?);
    crate::tell("service: cold summary");
    rows.push(cold_summary(rounds)?);
    crate::tell("service: freshness, idle CPU and memory");
    rows.extend(freshness()?);
    crate::tell("service: start with what is known");
    rows.push(start(rounds)?);
    println!("\nThe service, load {before} before and {} after.\n", load());
    println!("| what | measured | reach | |\n|---|--:|--:|---|");
    for row in rows {
        let verdict = match row.is_reached {
            Some(true) => "reached",
            Some(false) => "NOT reached",
            None => "",
        };
        println!("| {} | {} | {} | {verdict} |", row.what, row.value, row.reach);
    }
    Ok(())
}

/// CPU of a hit and of a 304, each as a share of what a handler costs that returns the same bytes.
fn hits(rounds: usize) -> Result<Vec<Row>> {
    let world = World::new(HIT_PROJECTS)?;
    let muster = Muster::start(&world)?;
    muster.wait_for_projects(HIT_PROJECTS)?;
    muster.wait_until_quiet()?;
    let mut ours = muster.client()?;
    let path = "/portfolio/projects";
    let answer = ours.get(path, &[])?;
    let etag = answer.etag.context("the list has no ETag")?;
    let peer = bare::Bare::start(&answer.body)?;
    let mut theirs = (0..CONNECTIONS).map(|_| peer.client()).collect::<Result<Vec<_>>>()?;
    let mut many = (0..CONNECTIONS).map(|_| muster.client()).collect::<Result<Vec<_>>>()?;
    let counters = |client: &mut Client| -> Result<[u64; 2]> {
        Ok([client.metric("muster_cache_loads_total")?, client.metric("muster_cache_encodes_total")?])
    };
    let before = counters(&mut ours)?;
    let (mut hit, mut known, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds {
        let samples = [
            cost(peer.pid(), &mut theirs, "/", &[])?,
            cost(muster.pid(), &mut many, path, &[])?,
            cost(muster.pid(), &mut many, path, &[("If-None-Match", &etag)])?,
        ];
        if round > 0 {
            plain.push(samples[0]);
            hit.push(samples[1]);
            known.push(samples[2]);
        }
    }
    let after = counters(&mut ours)?;
    let [plain, hit, known] = [plain, hit, known].map(median);
    let ratio = |time: Duration| time.as_secs_f64() / plain.as_secs_f64();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let bytes = answer.body.len();
    Ok(vec![
        Row {
            what: format!(
                "CPU of a hit ({bytes} bytes) / a handler that returns the same bytes ({:.1} µs)",
                micros(plain)
            ),
            value: format!("{:.2} ({:.1} µs)", ratio(hit), micros(hit)),
            reach: "≤ 1.2",
            is_reached: Some(ratio(hit) <= 1.2),
        },
        Row {
            what: "CPU of a 304 / the same".to_owned(),
            value: format!("{:.2} ({:.1} µs)", ratio(known), micros(known)),
            reach: "below the hit",
            is_reached: Some(known < hit),
        },
        Row {
            what: format!(
                "loads and encodes during these {} requests",
                2 * REQUESTS * u32::try_from(rounds + 1)?
            ),
            value: format!("{} and {}", after[0] - before[0], after[1] - before[1]),
            reach: "0 and 0",
            is_reached: Some(before == after),
        },
    ])
}

/// CPU time of the server for one request, from many on a few connections: one alone would measure how often the
/// server is put to sleep and woken.
fn cost(pid: u32, clients: &mut [Client], path: &str, headers: &[(&str, &str)]) -> Result<Duration> {
    let before = process::cpu_of(pid)?;
    let mut asked = 0;
    while asked < REQUESTS {
        for client in &mut *clients {
            client.send("GET", path, headers)?;
        }
        for client in &mut *clients {
            client.receive(path)?;
            asked += 1;
        }
    }
    Ok(process::cpu_of(pid)?.saturating_sub(before) / asked)
}

fn cold_summary(rounds: usize) -> Result<Row> {
    let world = World::new(COLD_PROJECTS)?;
    let muster = Muster::start(&world)?;
    muster.wait_for_projects(COLD_PROJECTS)?;
    let mut client = muster.client()?;
    let mut times = Vec::new();
    for round in 0..=rounds {
        client.post("/api/v1/admin/cache/clear")?;
        let begin = Instant::now();
        client.get("/portfolio/summary", &[])?;
        if round > 0 {
            times.push(begin.elapsed());
        }
    }
    let time = median(times);
    Ok(Row {
        what: format!("cold summary of {COLD_PROJECTS} projects (nothing cached)"),
        value: format!("{:.1} ms", time.as_secs_f64() * 1e3),
        reach: "≤ 250 ms",
        is_reached: Some(time <= Duration::from_millis(250)),
    })
}

/// From the end of a git command to the answer that shows it, over all projects in turn; then the quiet after it.
fn freshness() -> Result<Vec<Row>> {
    const IDLE: Duration = Duration::from_secs(20);
    let world = World::new(LIVE_PROJECTS)?;
    let muster = Muster::start(&world)?;
    let first = muster.wait_for_projects(LIVE_PROJECTS)?;
    let mut client = muster.client()?;
    muster.wait_until_quiet()?;
    // As programs ask that mean it: compressed.
    let compressed = [("Accept-Encoding", "zstd")];
    client.get("/portfolio/projects", &compressed)?;
    let begin = Instant::now();
    client.get("/portfolio/projects", &compressed)?;
    let again = begin.elapsed();
    let read_before = client.metric("muster_projects_read_total")?;
    let mut times = Vec::new();
    for change in 0..CHANGES {
        let project = change * LIVE_PROJECTS / CHANGES;
        let head = world.commit(project)?;
        let begin = Instant::now();
        loop {
            let answer = client.get(&format!("/portfolio/projects/{}", World::name(project)), &[])?;
            if answer.text().contains(&head) {
                break;
            }
            ensure!(begin.elapsed() < Duration::from_secs(30), "a commit never showed");
        }
        times.push(begin.elapsed());
    }
    times.sort();
    let p95 = times[times.len() * 95 / 100];
    let p50 = times[times.len() / 2];
    muster.wait_until_quiet()?;
    let read = client.metric("muster_projects_read_total")? - read_before;
    let cpu = process::ticks_of(muster.pid())?;
    std::thread::sleep(IDLE);
    let idle =
        process::ticks_of(muster.pid())?.saturating_sub(cpu).as_secs_f64() / IDLE.as_secs_f64() * 100.0;
    let memory = process::memory_of(muster.pid())?;
    Ok(vec![
        Row {
            what: format!(
                "the same answer again / the first search of {LIVE_PROJECTS} projects ({} ms)",
                first.as_millis()
            ),
            value: format!("{:.4}", again.as_secs_f64() / first.as_secs_f64()),
            reach: "≤ 0.02",
            is_reached: Some(again.as_secs_f64() <= 0.02 * first.as_secs_f64()),
        },
        Row {
            what: format!(
                "commit on disk to the API, {LIVE_PROJECTS} projects, {CHANGES} commits, p95 (p50)"
            ),
            value: format!("{} ms ({} ms)", p95.as_millis(), p50.as_millis()),
            reach: "≤ 1 s",
            is_reached: Some(p95 <= Duration::from_secs(1)),
        },
        Row {
            what: format!("projects read for {CHANGES} commits"),
            value: read.to_string(),
            reach: "only those changed",
            is_reached: None,
        },
        Row {
            what: format!("CPU while idle, {LIVE_PROJECTS} projects watched"),
            value: format!("{idle:.2} %"),
            reach: "< 1 %",
            is_reached: Some(idle < 1.0),
        },
        Row {
            what: format!("memory at rest, {LIVE_PROJECTS} projects"),
            value: format!("{:.0} MB", memory / 1e6),
            reach: "≤ 100 MB",
            is_reached: Some(memory <= 100e6),
        },
    ])
}

/// From the start of the process to the first summary with every known project in it.
fn start(rounds: usize) -> Result<Row> {
    let world = World::new(START_PROJECTS)?;
    let muster = Muster::start(&world)?;
    muster.wait_for_projects(START_PROJECTS)?;
    drop(muster);
    let mut times = Vec::new();
    for _ in 0..rounds {
        let begin = Instant::now();
        let muster = Muster::start(&world)?;
        let answer = muster.client()?.get("/portfolio/summary", &[])?;
        times.push(begin.elapsed());
        ensure!(
            answer.text().contains(&format!("\"total_projects\":{START_PROJECTS}")),
            "the first answer does not know all projects: {}",
            answer.text()
        );
    }
    let time = median(times);
    Ok(Row {
        what: format!("start with {START_PROJECTS} known projects to the first summary"),
        value: format!("{} ms", time.as_millis()),
        reach: "≤ 1 s",
        is_reached: Some(time <= Duration::from_secs(1)),
    })
}
