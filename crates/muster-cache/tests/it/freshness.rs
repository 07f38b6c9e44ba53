//! How long something is served, and what is served when its load fails, hangs or is slow. Time stands still unless a
//! test moves it: the wall clock through the lab, the monotonic one through Tokio.

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures_util::FutureExt;
use muster_cache::{CacheConfig, LoadError, StaleReason, Status};
use tokio::{
    sync::Semaphore,
    time::{Instant, advance},
};

use crate::lab::{Lab, STALE, TTL, lab, lab_with, plain};

const SECOND: Duration = Duration::from_secs(1);
const ALMOST_TTL: Duration = Duration::from_secs(99);

fn reason(status: Status) -> Option<StaleReason> {
    match status {
        Status::Stale { detail, .. } => Some(detail.reason),
        _ => None,
    }
}

/// A read whose load ends only when `gate` is opened.
async fn slow(lab: &Lab, gate: &Arc<Semaphore>, value: u32) -> Result<(u32, Status), LoadError<Infallible>> {
    let gate = Arc::clone(gate);
    let load = move || async move {
        gate.acquire().await.expect("it is never closed").forget();
        Ok(value)
    };
    let found = lab.cache.get_or_load(&lab.thing, "k", &["t"], load).await?;
    Ok((*found.value, found.status))
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_fresh_for_its_ttl() {
    let lab = lab();
    lab.read("k", 1).await;
    lab.pass(ALMOST_TTL);
    let found = lab.read("k", 2).await;
    assert_eq!((*found, found.status), (1, Status::Hit { age: ALMOST_TTL, ttl: SECOND }));
    lab.pass(SECOND);
    assert_eq!(*lab.read("k", 2).await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_does_not_make_an_entry_younger() {
    let lab = lab();
    lab.read("k", 1).await;
    lab.go_back(Duration::from_hours(1));
    advance(ALMOST_TTL).await;
    let found = lab.read("k", 2).await;
    assert_eq!((*found, found.status.age()), (1, ALMOST_TTL));
    advance(SECOND).await;
    assert_eq!(*lab.read("k", 2).await, 2);
}

#[tokio::test(start_paused = true)]
async fn an_entry_loaded_under_a_clock_that_ran_ahead_ends_with_the_time_that_passed() {
    let lab = lab();
    lab.pass(Duration::from_hours(1));
    lab.read_as(lab.strict, "k", 1).await;
    lab.go_back(Duration::from_hours(1));
    assert_eq!(lab.read_as(lab.strict, "k", 2).await.status.age(), Duration::ZERO);
    advance(TTL).await;
    assert_eq!(*lab.read_as(lab.strict, "k", 2).await, 2);
}

#[tokio::test(start_paused = true)]
async fn after_an_error_the_stale_is_served_and_tries_are_spaced() {
    let lab = lab();
    lab.read("k", 1).await;
    advance(TTL).await;
    let (mut tried, mut pauses) = (Vec::new(), Instant::now());
    // Every 100 ms a read, until nothing stale may be served any more.
    let end = loop {
        let before = lab.loads();
        match lab.fail("k").await {
            Ok(found) => assert_eq!((*found, reason(found.status)), (1, Some(StaleReason::LoadFailed))),
            Err(error) => break error,
        }
        if lab.loads() > before {
            tried.push(pauses.elapsed().as_secs());
            pauses = Instant::now();
        }
        advance(Duration::from_millis(100)).await;
    };
    assert!(matches!(end, LoadError::Failed(_)), "{end:?}");
    assert_eq!(tried, [0, 1, 2, 4, 8, 16], "seconds between two tries");
    let stats = lab.cache.stats().totals;
    assert_eq!((stats.stale_served, stats.hits, stats.misses), (500, 0, 2));
    assert_eq!(stats.expirations, 1);
}

#[tokio::test(start_paused = true)]
async fn a_success_after_errors_ends_the_pause() {
    let lab = lab();
    lab.read("k", 1).await;
    advance(TTL).await;
    lab.fail("k").await.unwrap();
    assert_eq!(*lab.read("k", 2).await, 1, "not tried again yet");
    advance(SECOND).await;
    assert_eq!(*lab.read("k", 2).await, 2);
    assert!(matches!(lab.read("k", 3).await.status, Status::Hit { .. }));
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_stale_is_an_error_when_its_load_fails() {
    let lab = lab();
    lab.read_as(lab.strict, "k", 1).await;
    lab.pass(TTL);
    let load = || async { Err::<u32, _>("no") };
    let error = lab.cache.get_or_load(&lab.strict, "k", &[], load).await.unwrap_err();
    assert!(matches!(error, LoadError::Failed(_)));
}

#[tokio::test(start_paused = true)]
async fn after_the_soft_limit_the_stale_is_served_and_the_load_goes_on() {
    let (lab, gate) = (lab(), Arc::new(Semaphore::new(0)));
    lab.read("k", 1).await;
    lab.pass(TTL + SECOND);
    let began = Instant::now();
    let (value, status) = slow(&lab, &gate, 2).await.unwrap();
    assert_eq!((value, reason(status)), (1, Some(StaleReason::LoadSlow)));
    assert_eq!(began.elapsed(), Duration::from_millis(250));
    assert_eq!(status.cache_status("muster"), "muster; hit; ttl=-1; detail=stale-slow");
    let again =
        slow(&lab, &gate, 3).now_or_never().expect("the limit is the load's: nobody waits for it twice");
    assert_eq!(again.unwrap().0, 1);
    gate.add_permits(1);
    lab.settled().await;
    let found = lab.read("k", 4).await;
    assert_eq!(*found, 2);
    assert!(matches!(found.status, Status::Hit { .. }));
}

#[tokio::test(start_paused = true)]
async fn before_the_soft_limit_the_new_value_is_served() {
    let (lab, gate) = (lab(), Arc::new(Semaphore::new(0)));
    lab.read("k", 1).await;
    lab.pass(TTL);
    let open = async {
        tokio::time::sleep(Duration::from_millis(249)).await;
        gate.add_permits(1);
    };
    let (answer, ()) = futures_util::future::join(slow(&lab, &gate, 2), open).await;
    assert_eq!(answer.unwrap(), (2, Status::Miss { is_stored: true, is_collapsed: false }));
}

#[tokio::test(start_paused = true)]
async fn after_the_hard_limit_there_is_an_error_or_what_is_stale() {
    let (lab, gate) = (lab(), Arc::new(Semaphore::new(0)));
    let began = Instant::now();
    let answers = futures_util::future::join(slow(&lab, &gate, 1), slow(&lab, &gate, 1)).await;
    assert_eq!(began.elapsed(), Duration::from_secs(30));
    assert!(matches!(answers, (Err(LoadError::TimedOut), Err(LoadError::TimedOut))), "{answers:?}");

    lab.read("k", 1).await;
    lab.pass(TTL);
    assert_eq!(reason(slow(&lab, &gate, 2).await.unwrap().1), Some(StaleReason::LoadSlow));
    advance(Duration::from_secs(30)).await;
    lab.settled().await;
    assert_eq!(reason(slow(&lab, &gate, 2).await.unwrap().1), Some(StaleReason::LoadFailed), "a pause");
    assert_eq!(lab.cache.stats().totals.load_failures, 2);
}

#[tokio::test(start_paused = true)]
async fn a_hit_late_in_the_ttl_starts_one_load_in_the_background() {
    let lab = lab_with(CacheConfig { early_refresh_percent: 80, ..plain() }, || 0);
    lab.read("k", 1).await;
    lab.pass(TTL * 79 / 100);
    assert_eq!((*lab.read("k", 2).await, lab.loads()), (1, 1));
    lab.pass(SECOND);
    for _ in 0..50 {
        let found = lab.read("k", 2).now_or_never().expect("a hit waits for nothing");
        assert!(matches!(found.status, Status::Hit { .. }));
    }
    lab.settled().await;
    assert_eq!((*lab.read("k", 3).await, lab.loads()), (2, 2));
    let stats = lab.cache.stats().totals;
    assert_eq!((stats.early_refreshes, stats.hits, stats.misses), (1, 52, 1));
}

#[tokio::test(start_paused = true)]
async fn an_early_load_that_fails_costs_nobody_anything_and_is_tried_again_later() {
    let lab = lab_with(CacheConfig { early_refresh_percent: 50, ..plain() }, || 0);
    lab.read("k", 1).await;
    advance(TTL / 2).await;
    for _ in 0..10 {
        assert!(matches!(lab.fail("k").await.unwrap().status, Status::Hit { .. }));
        lab.settled().await;
    }
    assert_eq!(lab.loads(), 2);
    advance(SECOND).await;
    lab.read("k", 2).await;
    lab.settled().await;
    assert_eq!(*lab.read("k", 3).await, 2);
}

#[tokio::test(start_paused = true)]
async fn an_early_load_that_others_have_begun_is_not_begun_twice() {
    let lab = lab_with(CacheConfig { early_refresh_percent: 50, ..plain() }, || 0);
    let gate = Arc::new(Semaphore::new(0));
    lab.read("k", 1).await;
    lab.pass(TTL);
    assert_eq!(reason(slow(&lab, &gate, 2).await.unwrap().1), Some(StaleReason::LoadSlow));
    lab.go_back(TTL / 2);
    assert!(matches!(lab.read("k", 3).await.status, Status::Hit { .. }), "young again by the clock");
    assert_eq!(lab.cache.stats().totals.early_refreshes, 0);
}

#[tokio::test(start_paused = true)]
async fn jitter_stays_within_its_bounds() {
    let percent = |chance: u64| async move {
        let lab = lab_with(CacheConfig { jitter_percent: 10, ..plain() }, move || chance);
        lab.read("k", 1).await;
        lab.cache.entry("k").unwrap().ttl_left.as_millis() / 1000
    };
    for (chance, seconds) in [(0, 90), (500, 95), (1000, 100), (2000, 110), (2001, 90)] {
        assert_eq!(percent(chance).await, seconds, "{chance}");
    }
    for chance in (0..u64::MAX).step_by(usize::MAX / 50) {
        assert!((90..=110).contains(&percent(chance).await), "{chance}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_expired_by_its_tag_is_served_while_one_load_runs() {
    let (lab, gate) = (lab(), Arc::new(Semaphore::new(0)));
    lab.read("k", 1).await;
    lab.cache.expire_by_tag("t");
    for _ in 0..5 {
        let (value, status) = slow(&lab, &gate, 2).now_or_never().expect("nobody waits").unwrap();
        assert_eq!((value, reason(status)), (1, Some(StaleReason::Refreshing)));
        assert_eq!(status.cache_status("muster"), "muster; hit; ttl=0; detail=stale-refreshing");
    }
    assert_eq!(lab.cache.entry("k").unwrap().ttl_left, Duration::ZERO);
    gate.add_permits(1);
    lab.settled().await;
    let found = lab.read("k", 3).await;
    assert_eq!(*found, 2);
    assert!(matches!(found.status, Status::Hit { .. }));
    assert_eq!(lab.cache.stats().totals.loads, 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_expired_by_its_tag_is_not_served_for_ever() {
    let lab = lab();
    lab.read("k", 1).await;
    lab.cache.expire_by_tag("t");
    lab.pass(TTL + STALE);
    assert!(lab.fail("k").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_type_that_is_switched_off_loads_each_time() {
    let lab = lab();
    for _ in 0..3 {
        assert_eq!(lab.read_as(lab.off, "k", 1).await.status, Status::Bypass);
    }
    let load = || async { Err::<u32, _>("no") };
    assert!(lab.cache.get_or_load(&lab.off, "k", &[], load).await.is_err());
    let stats = lab.cache.stats().totals;
    assert_eq!((stats.bypassed, stats.loads, stats.serializations, stats.entries), (4, 4, 0, 0));
    assert_eq!(stats.hit_ratio(), None);
}

#[test]
fn a_status_says_what_the_header_needs() {
    let five = Duration::from_secs(5);
    let cases = [
        (Status::Hit { age: five, ttl: Duration::from_secs(241) }, "muster; hit; ttl=241"),
        (Status::Miss { is_stored: true, is_collapsed: false }, "muster; fwd=uri-miss; stored"),
        (Status::Miss { is_stored: true, is_collapsed: true }, "muster; fwd=uri-miss; stored; collapsed"),
        (Status::Miss { is_stored: false, is_collapsed: false }, "muster; fwd=uri-miss"),
        (Status::Bypass, "muster; fwd=bypass"),
    ];
    for (status, header) in cases {
        assert_eq!(status.cache_status("muster"), header);
    }
    assert_eq!(cases.map(|(status, _)| status.age().as_secs()), [5, 0, 0, 0, 0]);
}

#[test]
#[should_panic(expected = "no type of data is registered as `nonsense`")]
fn an_unregistered_type_is_an_error_of_the_program() {
    lab().cache.data_type("nonsense");
}
