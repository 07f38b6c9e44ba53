//! Nothing grows without bound: not the bytes, not the tags, not the counted keys.

use std::{collections::HashMap, convert::Infallible};

use muster_cache::{CacheConfig, Status};

use crate::lab::{lab, lab_with, plain};

#[tokio::test]
async fn the_bytes_stay_within_their_bound_under_pressure() {
    let max_bytes = 1 << 20;
    let lab = lab_with(CacheConfig { max_bytes, ..plain() }, || 0);
    let heaviest = 10_000 + 2_000;
    for round in 0..2000_u32 {
        let load = move || async move { Ok::<_, Infallible>("x".repeat(10_000)) };
        lab.cache.get_or_load(&lab.thing, &format!("key {round}"), &[], load).await.unwrap();
        // Without the tidying of `stats`: what is held at this very moment.
        let held: u64 = (0..=round)
            .rev()
            .take(200)
            .filter_map(|round| lab.cache.entry(&format!("key {round}")))
            .map(|entry| entry.bytes)
            .sum();
        assert!(held <= max_bytes + max_bytes / 16 + heaviest, "{held} after {round}");
    }
    let stats = lab.cache.stats();
    assert!(stats.totals.bytes <= max_bytes, "{} of {max_bytes}", stats.totals.bytes);
    assert!(stats.totals.bytes > max_bytes / 2, "and it is used: {}", stats.totals.bytes);
    assert_eq!(stats.totals.entries + stats.totals.evictions, 2000);
}

#[tokio::test]
async fn what_is_too_heavy_is_handed_out_and_not_kept() {
    let lab = lab_with(CacheConfig { max_entry_bytes: 2000, ..plain() }, || 0);
    let text = |length: usize| move || async move { Ok::<_, Infallible>("x".repeat(length)) };
    lab.cache.get_or_load(&lab.thing, "k", &["t"], text(100)).await.unwrap();
    lab.cache.expire_by_tag("t");
    lab.cache.get_or_load(&lab.thing, "k", &["t"], text(5000)).await.unwrap();
    lab.settled().await;
    assert!(lab.cache.entry("k").is_none(), "nor is what it replaces: that is older than what was seen");
    let found = lab.cache.get_or_load(&lab.thing, "k", &["t"], text(5000)).await.unwrap();
    assert_eq!((found.len(), found.status), (5000, Status::Miss { is_stored: false, is_collapsed: false }));
    let stats = lab.cache.stats().totals;
    assert_eq!((stats.oversized, stats.entries, stats.bytes), (2, 0, 0));
}

#[tokio::test]
async fn what_cannot_be_encoded_is_handed_out_and_not_kept() {
    let lab = lab();
    // JSON has no such keys.
    let load = || async { Ok::<_, Infallible>(HashMap::from([((1, 2), 3)])) };
    let found = lab.cache.get_or_load(&lab.thing, "k", &[], load).await.unwrap();
    assert_eq!(found.status, Status::Miss { is_stored: false, is_collapsed: false });
    assert_eq!(found.value[&(1, 2)], 3);
}

#[tokio::test]
async fn tags_are_forgotten_when_nothing_depends_on_them_and_not_before() {
    let lab = lab();
    let fixed = lab.cache.stats().tags;
    for round in 0..5000 {
        let (key, tag) = (format!("key {round}"), format!("tag {round}"));
        let stamp = lab.cache.stamp(&[&tag]);
        lab.cache.put(&lab.thing, &key, stamp, round);
        if round >= 10 {
            lab.cache.remove(&format!("key {}", round - 10));
        }
    }
    let left = lab.cache.stats().tags - fixed;
    assert!((10..=20).contains(&left), "{left} tags for 10 entries");
    for round in 4990..5000 {
        lab.cache.remove_by_tag(&format!("tag {round}"));
        assert!(lab.cache.entry(&format!("key {round}")).is_none(), "{round}");
    }
}

#[tokio::test]
async fn a_flood_of_keys_does_not_make_it_forget_the_most_wanted() {
    let lab = lab();
    for key in ["hot", "hot", "hot", "hot", "hot", "hot", "hot", "hot", "warm", "warm", "warm", "warm"] {
        lab.read(key, 1).await;
    }
    for round in 0..10_000 {
        lab.read(&format!("key {round}"), 1).await;
        if round % 1000 == 0 {
            lab.read("hot", 1).await;
        }
    }
    let hottest = lab.cache.hottest(usize::MAX);
    assert!((2048..=4096).contains(&hottest.len()), "{}", hottest.len());
    assert_eq!((&*hottest[0].key, hottest[0].data_type), ("hot", "thing"));
    assert_eq!(lab.cache.hottest(1).len(), 1);
}

#[tokio::test]
async fn a_pattern_names_what_it_says() {
    let table: &[(&str, &[&str])] = &[
        ("*", &["http:/a", "http:/a/b", "search:x", "x"]),
        ("http:*", &["http:/a", "http:/a/b"]),
        ("*/b", &["http:/a/b"]),
        ("*a*b", &["http:/a/b"]),
        ("?", &["x"]),
        ("search:?", &["search:x"]),
        ("search", &[]),
        ("http:/a", &["http:/a"]),
        ("http:/a?", &[]),
        ("", &[]),
    ];
    for (glob, named) in table {
        let lab = lab();
        let keys = ["http:/a", "http:/a/b", "search:x", "x"];
        for key in keys {
            lab.read(key, 1).await;
        }
        assert_eq!(lab.cache.remove_matching(glob), named.len(), "`{glob}`");
        for key in keys {
            assert_eq!(lab.cache.entry(key).is_none(), named.contains(&key), "`{glob}` and {key}");
        }
    }
}
