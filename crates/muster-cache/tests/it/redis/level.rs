//! Values in Redis: when they are taken, when they are stored, and who loads.

use std::time::Duration;

use futures_util::future::join_all;
use muster_cache::{Encoding, Status, redis::RedisConfig};
use muster_testkit::Redis;

use super::{config, node, node_with};

#[tokio::test]
async fn what_one_node_loaded_another_finds_with_its_age() {
    let redis = Redis::start();
    let (one, other) = (node(&redis).await, node(&redis).await);
    assert_eq!(one.read("portfolio:summary", 1).await, 1);
    one.stored(1).await;
    let found = other.read_slowly("portfolio:summary", 2, Duration::ZERO).await;
    assert_eq!((*found, other.loads()), (1, 0));
    assert!(matches!(found.status, Status::Hit { .. }), "{:?}", found.status);
    let stats = other.cache.stats();
    assert_eq!((stats.totals.loads, stats.totals.misses, stats.totals.shared_hits), (0, 1, 1));
    assert_eq!(stats.totals.hit_ratio(), Some(1.0));
    assert_eq!((other.shared().hits, other.shared().writes), (1, 0));
    // Readable by people under one prefix, and it ends by itself.
    assert_eq!(redis.ask(["EXISTS", "muster:portfolio:summary"]), "1");
    assert!(redis.ask(["PTTL", "muster:portfolio:summary"]).parse::<i64>().unwrap() > 0);
}

#[tokio::test]
async fn a_hit_asks_redis_nothing_and_a_read_of_redis_asks_once() {
    let redis = Redis::start();
    let (one, other) = (node(&redis).await, node(&redis).await);
    one.read("k", 1).await;
    one.stored(1).await;
    let before = other.shared().commands;
    other.read("k", 2).await;
    assert_eq!(other.shared().commands - before, 2, "MGET and PTTL, together");
    for _ in 0..1000 {
        other.read("k", 2).await;
    }
    assert_eq!(other.shared().commands - before, 2);
    assert_eq!(other.cache.stats().totals.hits, 1000);
}

#[tokio::test]
async fn ready_bodies_are_shared_with_their_encodings_and_not_compressed_again() {
    let redis = Redis::start();
    let (one, other) = (node(&redis).await, node(&redis).await);
    let made = one.page("hello, hello, hello", 200).await;
    one.stored(1).await;
    let found = other.page("not rendered", 200).await;
    assert_eq!(found.body.identity(), "hello, hello, hello");
    assert_eq!(found.body.etag(), made.body.etag());
    assert_eq!(found.body.variant(Encoding::Zstd), made.body.variant(Encoding::Zstd));
    assert_eq!((found.body.status(), found.body.content_type()), (200, "text/plain"));
    assert_eq!((other.loads(), other.cache.stats().totals.encodes()), (0, 0));
}

#[tokio::test]
async fn not_found_is_shared_for_its_short_time() {
    let redis = Redis::start();
    let (one, other) = (node(&redis).await, node(&redis).await);
    one.page("nothing here", 404).await;
    one.stored(1).await;
    assert!(redis.ask(["PTTL", "muster:http:/page"]).parse::<i64>().unwrap() <= 11_000);
    assert_eq!(other.page("here", 200).await.body.status(), 404);
    other.page("here", 200).await;
    assert_eq!(other.cache.stats().totals.negative_hits, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_misses_on_several_nodes_are_one_load() {
    let redis = Redis::start();
    let nodes = [node(&redis).await, node(&redis).await, node(&redis).await];
    let reads = (0..200).map(|index| nodes[index % 3].read_slowly("k", 7, Duration::from_millis(50)));
    let found = join_all(reads).await;
    assert!(found.iter().all(|found| **found == 7));
    // Normally one; on a machine that stands still for a moment a node does not wait for another.
    for node in &nodes {
        assert!(node.loads() <= 1, "{} loads on one node", node.loads());
    }
    let loads: usize = nodes.iter().map(super::Node::loads).sum();
    let awaited: u64 = nodes.iter().map(|node| node.shared().awaited).sum();
    assert!(loads >= 1 && loads as u64 + awaited >= 3, "{loads} loads, {awaited} waited");
}

#[tokio::test]
async fn nobody_waits_long_for_a_node_that_does_not_finish() {
    let redis = Redis::start();
    let (one, other) = (node(&redis).await, node(&redis).await);
    let slow = one.read_slowly("k", 1, Duration::from_mins(1));
    let quick = async {
        super::until("the other loads", || one.loads() == 1).await;
        other.read("k", 2).await
    };
    tokio::select! {
        _ = slow => panic!("the slow one was waited for"),
        value = quick => assert_eq!(value, 2),
    }
    assert_eq!(other.shared().awaited, 1);
}

#[tokio::test]
async fn what_is_not_shared_stays_here() {
    let redis = Redis::start();
    let node = node(&redis).await;
    let before = node.shared().commands;
    let load = || async { Ok::<_, std::convert::Infallible>(1) };
    node.cache.get_or_load(&node.local, "a", &["t"], load).await.unwrap();
    node.cache.get_or_load(&node.thing, "b", &["t", "own"], load).await.unwrap();
    node.cache.put(&node.thing, "c", node.cache.stamp(&["t"]), 1);
    assert_eq!(node.shared().commands, before);
    node.cache.remove_by_tag("own");
    assert_eq!(node.shared().pending, 0);
    assert!(node.cache.entry("b").is_none() && node.cache.entry("a").is_some());
}

#[tokio::test]
async fn what_is_too_large_is_not_stored() {
    let redis = Redis::start();
    let node = node_with(RedisConfig { max_value_bytes: 60, ..config(&redis) }).await;
    node.read("k", 1).await;
    super::until("it is found too large", || node.shared().oversized == 1).await;
    assert_eq!((redis.ask(["EXISTS", "muster:k"]).as_str(), node.shared().writes), ("0", 0));
    assert!(node.cache.entry("k").is_some());
}

#[tokio::test]
async fn what_tells_of_one_node_is_found_by_that_node_alone_and_falls_like_all_else() {
    let redis = Redis::start();
    let called = |name: &str| RedisConfig { node: name.to_owned(), ..config(&redis) };
    let read = async |node: &super::Node, value: u32| {
        let load = move || async move { Ok::<_, std::convert::Infallible>(value) };
        *node.cache.get_or_load(&node.mine, "all", &["t"], load).await.expect("it loads")
    };
    let (one, two) = (node_with(called("one")).await, node_with(called("two")).await);
    assert_eq!((read(&one, 1).await, read(&two, 2).await), (1, 2));
    one.stored(1).await;
    two.stored(1).await;
    let again = node_with(called("one")).await;
    assert_eq!(read(&again, 9).await, 1);
    let ways: [fn(&super::Node); 2] = [|node| node.cache.remove_by_tag("t"), |node| node.cache.remove("all")];
    for (round, invalidate) in ways.into_iter().enumerate() {
        let value = 10 + u32::try_from(round).expect("a small number");
        invalidate(&one);
        one.told().await;
        super::until("the other hears of it", || two.cache.entry("all").is_none()).await;
        assert_eq!((read(&one, value).await, read(&two, value).await), (value, value));
        let written = |node: &super::Node| node.shared().writes;
        super::until("it is stored", || {
            written(&one) >= 2 + round as u64 && written(&two) >= 2 + round as u64
        })
        .await;
    }
    one.cache.remove_matching("a?l");
    one.told().await;
    super::until("the other hears of it", || two.cache.entry("all").is_none()).await;
    assert_eq!(read(&two, 20).await, 20);
}
