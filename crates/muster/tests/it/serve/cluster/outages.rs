//! Redis and PostgreSQL go and come back under load.

use super::{load::Load, *};

/// Nobody waits nearly as long; a machine that does other things too may make somebody wait some.
const NOBODY_WAITS: Duration = Duration::from_secs(10);

#[test]
fn whatever_becomes_of_redis_no_request_fails_and_it_is_used_again() {
    let lab = Lab::new();
    let (postgres, mut redis) = (Postgres::start(), Redis::absent());
    let url = redis.url();
    let nodes = ["a", "b", "c"].map(|name| node(&lab, name, &postgres, Some(&url), &[]));
    let counted =
        |key: &str| -> u64 { nodes.iter().map(|node| shared(node)[key].as_u64().expect(key)).sum() };
    let load = Load::on(&nodes);
    let is_used_again = || {
        let begin = Instant::now();
        nodes.iter().for_each(is_used);
        assert!(begin.elapsed() < AGAIN, "{:?}", begin.elapsed());
        let before = counted("writes");
        until("it to be written to", || (counted("writes") > before).then_some(()));
    };
    load.goes_on(200);
    assert_eq!(counted("timeouts"), 0, "nobody waits for what was never there");

    redis.start_again();
    is_used_again();

    let before = counted("timeouts");
    redis.freeze();
    load.goes_on(400);
    // Those who were asking when it stood still; each waits once.
    let late = counted("timeouts") - before;
    assert!(late <= 24, "{late} waited");
    redis.thaw();
    is_used_again();

    redis.kill();
    load.goes_on(400);
    redis.start_again();
    is_used_again();

    let report = load.end();
    assert!(report.failures.is_empty(), "{} failed: {:?}", report.failures.len(), report.failures.first());
    assert_eq!(report.refused, 0);
    assert!(report.slowest < NOBODY_WAITS, "{:?}", report.slowest);
    let promised = report.promised.len() as u64;
    for node in &nodes {
        until("all nodes to agree", || (total(node) == promised).then_some(()));
    }
    nodes.into_iter().for_each(Service::stop);
}

#[test]
fn while_postgres_is_away_clients_are_told_to_come_again_and_nothing_promised_is_lost() {
    let lab = Lab::new();
    let (mut postgres, redis) = (Postgres::start(), Redis::start());
    let nodes = three(&lab, &postgres, Some(&redis));
    let load = Load::on(&nodes);
    load.goes_on(200);
    assert_eq!(load.refused(), 0);
    postgres.stop();
    load.is_refused();
    postgres.start_again();
    for node in &nodes {
        until("it to answer again", || {
            let is_well =
                ["/api/v1/watchlist", "/api/v1/jobs"].iter().all(|path| node.ask("GET", path, "").0 == 200);
            is_well.then_some(())
        });
    }
    load.goes_on(100);
    let refused = load.refused();
    load.goes_on(300);
    assert_eq!(load.refused(), refused, "only while it was away");
    let report = load.end();
    assert!(report.failures.is_empty(), "{} failed: {:?}", report.failures.len(), report.failures.first());
    for (number, id) in report.promised.iter().enumerate() {
        let (status, answer) = nodes[number % 3].ask("GET", &format!("/api/v1/watchlist/{id}"), "");
        assert_eq!(status, 200, "{id}: {answer}");
    }
    let least = report.promised.len() as u64;
    for node in &nodes {
        // One whose answer was lost may be there without having been promised.
        until("all nodes to show it", || (total(node) >= least).then_some(()));
    }
    nodes.into_iter().for_each(Service::stop);
}
