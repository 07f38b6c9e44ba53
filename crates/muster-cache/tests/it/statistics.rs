//! What is counted, and which TTL follows from it.

use std::time::Duration;

use muster_model::Clock;

use crate::lab::{Lab, TTL, lab};

#[tokio::test(start_paused = true)]
async fn each_type_has_its_own_counts_and_the_totals_are_their_sum() {
    let lab = lab();
    for key in ["a", "b", "a", "a"] {
        lab.read(key, 1).await;
    }
    lab.read_as(lab.strict, "c", 1).await;
    lab.fail("d").await.unwrap_err();
    let stats = lab.cache.stats();
    assert_eq!(stats.types.iter().map(|kind| kind.name).collect::<Vec<_>>(), ["thing", "strict", "off"]);
    let thing = &stats.types[0];
    assert_eq!((thing.hits, thing.misses, thing.loads, thing.load_failures), (2, 3, 3, 1));
    assert_eq!((thing.entries, thing.serializations), (2, 2));
    assert_eq!(thing.hit_ratio(), Some(0.4));
    assert_eq!((stats.types[1].hits, stats.types[1].misses), (0, 1));
    assert_eq!((stats.totals.name, stats.totals.misses, stats.totals.entries), ("all", 4, 3));
    assert_eq!(stats.totals.bytes, stats.types.iter().map(|kind| kind.bytes).sum::<u64>());
    assert_eq!((stats.last_invalidation, stats.loads_running), (None, 0));
    assert_eq!(stats.totals.suggested_ttl, None);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_loads_is_summed() {
    let lab = lab();
    let load = || async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok::<_, std::convert::Infallible>(1_u32)
    };
    lab.cache.get_or_load(&lab.thing, "k", &[], load).await.unwrap();
    assert_eq!(lab.cache.stats().totals.load_time, Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn looking_counts_nothing() {
    let lab = lab();
    lab.read("k", 1).await;
    let before = lab.cache.stats();
    assert_eq!(lab.cache.peek::<u32>(&lab.thing, "k").as_deref(), Some(&1));
    assert_eq!(lab.cache.peek::<String>(&lab.thing, "k"), None, "something else");
    assert_eq!(lab.cache.peek::<u32>(&lab.thing, "absent"), None);
    lab.pass(TTL);
    assert_eq!(lab.cache.peek::<u32>(&lab.thing, "k"), None, "no longer fresh");
    let info = lab.cache.entry("k").unwrap();
    assert_eq!((info.data_type, info.age, info.ttl_left), ("thing", TTL, Duration::ZERO));
    assert_eq!(lab.cache.stats(), before);
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_is_counted_once_for_each_entry_when_it_is_noticed() {
    let lab = lab();
    lab.read("a", 1).await;
    lab.read("b", 1).await;
    lab.pass(Duration::from_secs(1));
    lab.cache.remove_by_tag("t");
    assert_eq!(lab.cache.stats().last_invalidation, Some(lab.clock.now()));
    for _ in 0..3 {
        lab.fail("a").await.unwrap_err();
    }
    assert_eq!(lab.cache.stats().totals.invalidations, 1);
    lab.read("b", 2).await;
    lab.cache.remove("b");
    lab.cache.remove("absent");
    assert_eq!(lab.cache.stats().totals.invalidations, 3);
}

/// Rounds of four reads, `apart`; `change` says what happens between two rounds.
async fn rounds(lab: &Lab, apart: Duration, change: impl Fn(&Lab, u32) -> u32) {
    for round in 0..8 {
        let value = change(lab, round);
        for _ in 0..4 {
            lab.read("k", value).await;
            lab.pass(apart);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_suggested_before_enough_was_seen() {
    let lab = lab();
    assert_eq!(lab.cache.stats().types[0].suggested_ttl, None);
    for _ in 0..30 {
        lab.read("k", 1).await;
    }
    assert_eq!(lab.cache.stats().types[0].suggested_ttl, None, "read often, but no life ended");
}

#[tokio::test(start_paused = true)]
async fn what_never_changes_is_kept_for_twenty_reads() {
    let lab = lab();
    // Four reads 30 s apart: the fifth is past the TTL of 100 s, loads, and finds the same.
    rounds(&lab, Duration::from_secs(30), |_, _| 1).await;
    assert_eq!(lab.cache.stats().types[0].suggested_ttl, Some(Duration::from_mins(10)));
}

#[tokio::test(start_paused = true)]
async fn what_changes_with_events_is_kept_as_long_as_it_lives() {
    let lab = lab();
    rounds(&lab, Duration::from_secs(10), |lab, round| {
        lab.cache.remove_by_tag("t");
        round
    })
    .await;
    assert_eq!(lab.cache.stats().types[0].suggested_ttl, Some(Duration::from_secs(40)));
}

#[tokio::test(start_paused = true)]
async fn what_changes_in_silence_is_kept_for_a_tenth_of_its_life() {
    let lab = lab();
    rounds(&lab, Duration::from_secs(30), |_, round| round).await;
    assert_eq!(lab.cache.stats().types[0].suggested_ttl, Some(Duration::from_secs(12)));
}
