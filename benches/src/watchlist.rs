//! How long a person waits who adds a repository, when a hundred do so at once and the workers are at it: repositories of
//! a git daemon on the loopback are mirrored and read meanwhile, on the same processors. Beside it the same with all
//! queues paused, to tell what the company costs.

use std::{
    sync::Barrier,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};

use crate::{
    history::History,
    measure::load,
    report::cpus,
    service::{client::Client, process::Muster, world::World},
};

/// Added at the same moment, each over its own connection.
const AT_ONCE: usize = 100;
/// Repositories whose backfills keep the workers busy from the start.
const BUSY: usize = 20;
const PATIENCE: Duration = Duration::from_mins(2);
/// What a person may wait, of a hundred the slowest but one.
const REACH: Duration = Duration::from_millis(50);
const QUEUES: [&str; 2] = ["repository-setup", "commit-backfill"];
/// The repositories are on the loopback, which nobody but a bench asks for.
const SETTINGS: &[(&str, &str)] = &[
    ("MUSTER__MIRROR__ALLOW_PRIVATE", "true"),
    ("MUSTER__MIRROR__SCHEMES", "https,http,git"),
    // As long as its processing takes, whatever year it is.
    ("MUSTER__BACKFILL__AT_LEAST", "1000"),
];

/// Measures and prints the report.
#[expect(clippy::print_stdout, reason = "the report is this program's output")]
pub(crate) fn run(rounds: usize) -> Result<()> {
    let history = History::open()?;
    crate::tell(&format!("watchlist: backfills of {}", history.name));
    let before = load();
    let alone = paused(&history, rounds)?;

    let world = World::new(1)?;
    let muster = Muster::start_with(&world, SETTINGS)?;
    let mut client = muster.client()?;
    for number in 0..BUSY {
        history.alias(&format!("busy-{number}"))?;
        client.post_json("/api/v1/watchlist", &body(&history.url("127.0.0.1", &format!("busy-{number}"))))?;
    }
    let (mut busy, mut least_running, mut reading) = (Vec::new(), u64::MAX, 0);
    for round in 0..=rounds {
        wait_for(&mut client, "a backfill", |client| {
            Ok(jobs(client, "state=running&kind=commit-backfill")? > 0)
        })?;
        for number in 0..AT_ONCE {
            history.alias(&format!("added-{round}-{number}"))?;
        }
        let running = jobs(&mut client, "state=running")?;
        let times = add(&muster, |number| history.url("127.0.0.1", &format!("added-{round}-{number}")))?;
        if round > 0 {
            busy.extend(times);
            least_running = least_running.min(running);
            reading += jobs(&mut client, "state=running&kind=commit-backfill")?;
        }
    }
    let completed = jobs(&mut client, "state=completed&kind=commit-backfill")?;

    println!("\n{AT_ONCE} repositories added at once over {AT_ONCE} connections, {rounds} rounds,");
    println!(
        "load {before} before and {} after, {} CPUs; the workers read {}.\n",
        load(),
        cpus(),
        history.name
    );
    println!("| workers | p50 ms | p99 ms | most ms | reach (p99) | |");
    println!("|---|--:|--:|--:|--:|---|");
    let alone = Spread::of(alone);
    let busy = Spread::of(busy);
    let verdict = if busy.p99 <= REACH { "reached" } else { "NOT reached" };
    println!("| paused | {alone} | | |");
    println!("| busy | {busy} | ≤ {} | {verdict} |", REACH.as_millis());
    println!(
        "\n- jobs running when a round began: at least {least_running}; rounds after which a backfill still ran: {reading} of {rounds}"
    );
    println!("- backfills completed meanwhile: {completed} (of those that are kept)");
    Ok(())
}

/// The times of a server that works on nothing.
fn paused(history: &History, rounds: usize) -> Result<Vec<Duration>> {
    let world = World::new(1)?;
    let muster = Muster::start_with(&world, SETTINGS)?;
    let mut client = muster.client()?;
    for queue in QUEUES {
        // The runner makes its queues when it begins, which is after the server answers.
        let name = format!("\"{queue}\"");
        wait_for(&mut client, "a queue", |client| {
            Ok(client.get("/api/v1/queues", &[])?.text().contains(&name))
        })?;
        client.post(&format!("/api/v1/queues/{queue}/pause"))?;
    }
    let mut times = Vec::new();
    for round in 0..=rounds {
        let added = add(&muster, |number| history.url("127.0.0.1", &format!("added-{round}-{number}")))?;
        if round > 0 {
            times.extend(added);
        }
    }
    Ok(times)
}

/// Times until the answers, all asked at the same moment.
fn add(muster: &Muster, url: impl Fn(usize) -> String) -> Result<Vec<Duration>> {
    let clients = (0..AT_ONCE).map(|_| muster.client()).collect::<Result<Vec<_>>>()?;
    let barrier = Barrier::new(AT_ONCE);
    std::thread::scope(|scope| {
        let asked: Vec<_> = clients
            .into_iter()
            .enumerate()
            .map(|(number, mut client)| {
                let (body, barrier) = (body(&url(number)), &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let begin = Instant::now();
                    let answer = client.post_json("/api/v1/watchlist", &body)?;
                    let time = begin.elapsed();
                    ensure!(answer.text().contains("processing"), "not added: {}", answer.text());
                    Ok(time)
                })
            })
            .collect();
        asked.into_iter().map(|asked| asked.join().map_err(|_| anyhow!("a client panicked"))?).collect()
    })
}

fn body(url: &str) -> String {
    serde_json::json!({ "repo_url": url, "level": "history" }).to_string()
}

/// How many jobs there are of this sort.
fn jobs(client: &mut Client, query: &str) -> Result<u64> {
    let answer = client.get(&format!("/api/v1/jobs?{query}&limit=100"), &[])?;
    let list: serde_json::Value = serde_json::from_slice(&answer.body)?;
    Ok(list["items"].as_array().context("no list of jobs")?.len() as u64)
}

fn wait_for(
    client: &mut Client,
    what: &str,
    mut is_so: impl FnMut(&mut Client) -> Result<bool>,
) -> Result<()> {
    let begin = Instant::now();
    while !is_so(client)? {
        ensure!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// The middle, the slowest but one in a hundred, the slowest.
struct Spread {
    p50: Duration,
    p99: Duration,
    most: Duration,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        let at = |hundredths: usize| {
            let place = (times.len() * hundredths).div_ceil(100).saturating_sub(1);
            times.get(place).copied().unwrap_or_default()
        };
        Self { p50: at(50), p99: at(99), most: at(100) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = [self.p50, self.p99, self.most].map(|time| time.as_secs_f64() * 1e3);
        write!(f, "{:.1} | {:.1} | {:.1}", millis[0], millis[1], millis[2])
    }
}
