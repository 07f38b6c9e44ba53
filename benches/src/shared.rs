//! The cache with a Redis behind it, through the program over HTTP: what an answer costs that comes from the second level
//! (after a restart the first is empty) beside one from the first and one that is worked out; how much 500 projects take
//! there; and how often the cache answers while a dashboard is open.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use muster_testkit::Redis;

use crate::{
    measure::load,
    report::cpus,
    service::{client::Client, process::Muster, world::World},
    spread::Spread,
};

const PROJECTS: usize = 500;
/// Lists that are asked for once each.
const FILTERS: usize = 500;
/// An hour of a dashboard is replayed in so many steps; each is a minute.
const MINUTES: usize = 60;
/// A minute lasts a second, so times to live are a sixtieth of what they are (in seconds: all, summary, facets).
const STEP: Duration = Duration::from_secs(1);
const SCALED: &[(&str, &str)] = &[
    ("MUSTER__CACHE__TTL_PROJECT", "5"),
    ("MUSTER__CACHE__TTL_ALL_PROJECTS", "5"),
    ("MUSTER__CACHE__TTL_SUMMARY", "30"),
    ("MUSTER__CACHE__TTL_RECOMMENDATIONS", "30"),
    ("MUSTER__CACHE__TTL_FACETS", "10"),
];
/// What one open page asks for in a minute, events closed: it looks again every half minute at the numbers on top, once a
/// minute at the lists.
const EACH_MINUTE: &[&str] = &[
    "/portfolio/summary",
    "/portfolio/summary",
    "/portfolio/recommendations",
    "/portfolio/dashboard",
    "/portfolio/health",
    "/portfolio/projects",
    "/api/v1/repositories?limit=50",
    "/api/v1/repositories?limit=50&origin=local",
    "/api/v1/repositories?limit=50&relation=mine,unknown",
];
/// Minutes between two commits, where somebody works.
const BETWEEN_COMMITS: usize = 5;
/// Of all keys with the prefix: how many, and their bytes as Redis counts them.
const KEYS: &str = "local c, n, s = '0', 0, 0 repeat local r = redis.call('SCAN', c, 'MATCH', 'muster:*', 'COUNT', 1000) \
                    c = r[1] for _, k in ipairs(r[2]) do n = n + 1 s = s + redis.call('MEMORY', 'USAGE', k) end \
                    until c == '0' return n .. ' ' .. s";

/// Measures and prints the report.
pub(crate) fn run(rounds: usize) -> Result<()> {
    // It panics where no Redis is installed, since tests cannot go on without.
    let Ok(redis) = std::panic::catch_unwind(Redis::start) else {
        crate::tell("shared: Redis is not installed: install redis-server");
        return Ok(());
    };
    crate::tell(&format!("shared: making {PROJECTS} projects"));
    let world = World::new(PROJECTS)?;
    levels(&redis, &world, rounds)?;
    replay(&redis, &world)
}

/// A muster at rest, with all projects read.
fn start(world: &World, redis: &Redis, settings: &[(&str, &str)]) -> Result<Muster> {
    let url = redis.url();
    let settings: Vec<_> = settings.iter().copied().chain([("REDIS_URL", url.as_str())]).collect();
    let muster = Muster::start_with(world, &settings)?;
    muster.wait_for_projects(PROJECTS)?;
    muster.wait_until_quiet()?;
    Ok(muster)
}

/// Loads, and answers of both levels.
struct Counts {
    loads: u64,
    hits: u64,
    misses: u64,
    shared: u64,
}

fn counts(client: &mut Client) -> Result<Counts> {
    Ok(Counts {
        loads: client.metric("muster_cache_loads_total")?,
        hits: client.metric("muster_cache_hits_total")?,
        misses: client.metric("muster_cache_misses_total")?,
        shared: client.metric("muster_cache_shared_hits_total")?,
    })
}

#[expect(clippy::print_stdout, reason = "the report is this program's output")]
fn levels(redis: &Redis, world: &World, rounds: usize) -> Result<()> {
    const WHAT: [&str; 3] = ["worked out", "second level (Redis)", "first level"];
    // Each another filter, so that all counts of the catalogue are asked for: what all nodes share.
    let letter = |at: usize| char::from(b'a' + u8::try_from(at % 26).unwrap_or_default());
    let paths: Vec<String> = (0..FILTERS)
        .map(|at| format!("/api/v1/repositories?limit=1&q={}{}", letter(at / 26), letter(at)))
        .collect();
    let before = load();
    let mut all: [Vec<(Spread, u64, u64)>; 3] = [Vec::new(), Vec::new(), Vec::new()];
    let mut muster = start(world, redis, &[])?;
    for round in 0..=rounds {
        let mut client = muster.client()?;
        client.post("/api/v1/admin/cache/clear")?;
        let mut samples = vec![ask(&mut client, &muster, &paths)?];
        // What was worked out is in Redis when its counter of writes stands still.
        settled(&mut client)?;
        drop(client);
        drop(muster);
        muster = start(world, redis, &[])?;
        let mut client = muster.client()?;
        samples.push(ask(&mut client, &muster, &paths)?);
        samples.push(ask(&mut client, &muster, &paths)?);
        if round > 0 {
            for (kind, sample) in all.iter_mut().zip(samples) {
                kind.push(sample);
            }
        }
    }
    let answers = "the counts of the catalogue under 500 filters, a row of it each time from the database";
    println!("\nAnswers of the two levels ({answers}), median of {rounds} rounds,");
    println!("load {before} before and {} after, {} CPUs.\n", load(), cpus());
    println!("| answer from | p50 ms | p95 ms | most ms | CPU of the server ms | loads | from Redis |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for (what, mut samples) in WHAT.into_iter().zip(all) {
        samples.sort_by_key(|(spread, ..)| spread.p50);
        let (spread, loads, shared) = &samples[samples.len() / 2];
        println!("| {what} | {spread} | {loads} | {shared} |");
    }
    let mut client = muster.client()?;
    for path in EACH_MINUTE {
        client.get(path, &[])?;
    }
    settled(&mut client)?;
    let keys = redis.ask(["EVAL", KEYS, "0"]);
    let (count, bytes) = keys.split_once(' ').unwrap_or(("?", "0"));
    let bytes: u64 = bytes.parse()?;
    let info = redis.ask(["INFO", "memory"]);
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap_or("0").trim();
    let used: u64 = used.parse()?;
    println!(
        "\n- {PROJECTS} projects in Redis: {count} keys, {:.1} MB by MEMORY USAGE; used_memory {:.1} MB \
         (reach < 100 MB: {})",
        mega(bytes),
        mega(used),
        if used < 100_000_000 { "reached" } else { "NOT reached" }
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a number to be read")]
fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Times, and how many were worked out and how many came from Redis.
fn ask(client: &mut Client, muster: &Muster, paths: &[String]) -> Result<(Spread, u64, u64)> {
    let before = counts(client)?;
    let spread = Spread::asking(client, muster.pid(), paths)?;
    let after = counts(client)?;
    Ok((spread, after.loads - before.loads, after.shared - before.shared))
}

/// Until nothing more is written to Redis for a while.
fn settled(client: &mut Client) -> Result<()> {
    let begin = Instant::now();
    let mut before = u64::MAX;
    loop {
        let written = client.metric("muster_redis_writes_total")?;
        if written == before {
            return Ok(());
        }
        ensure!(begin.elapsed() < Duration::from_mins(1), "Redis is written to without end");
        before = written;
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[expect(clippy::print_stdout, reason = "the report is this program's output")]
fn replay(redis: &Redis, world: &World) -> Result<()> {
    println!(
        "\nAn hour of one open dashboard, {} requests a minute and one project each,",
        EACH_MINUTE.len()
    );
    println!("a minute in a second, times to live scaled to it.\n");
    println!("| meanwhile | requests | looks into the cache | answered | worked out | hit ratio | reach | |");
    println!("|---|--:|--:|--:|--:|--:|--:|---|");
    for (what, is_changing, reach) in
        [("nothing changes", false, 0.95), ("a commit every five minutes", true, 0.6)]
    {
        crate::tell(&format!("shared: an hour in which {what}"));
        let muster = start(world, redis, SCALED)?;
        let mut client = muster.client()?;
        let mut requests = 0;
        minute(&mut client, 0, &mut requests)?;
        requests = 0;
        let before = counts(&mut client)?;
        let begin = Instant::now();
        for at in 0..MINUTES {
            if is_changing && at % BETWEEN_COMMITS == 0 {
                world.commit(at)?;
            }
            minute(&mut client, at, &mut requests)?;
            let next = STEP * u32::try_from(at + 1)?;
            std::thread::sleep(next.saturating_sub(begin.elapsed()));
        }
        let after = counts(&mut client)?;
        let (hits, misses) = (after.hits - before.hits, after.misses - before.misses);
        let (loads, shared) = (after.loads - before.loads, after.shared - before.shared);
        #[expect(clippy::cast_precision_loss, reason = "a ratio of small numbers")]
        let ratio = (hits + shared) as f64 / (hits + misses).max(1) as f64;
        let verdict = if ratio >= reach { "reached" } else { "NOT reached" };
        println!(
            "| {what} | {requests} | {} | {} | {loads} | {ratio:.3} | ≥ {reach:.2} | {verdict} |",
            hits + misses,
            hits + shared
        );
    }
    Ok(())
}

/// What a page asks for in a minute; somebody looks at one of ten projects.
fn minute(client: &mut Client, at: usize, requests: &mut usize) -> Result<()> {
    for path in EACH_MINUTE {
        client.get(path, &[])?;
        *requests += 1;
    }
    client.get(&format!("/portfolio/projects/{}", World::name(at % 10)), &[])?;
    *requests += 1;
    Ok(())
}
