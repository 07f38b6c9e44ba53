//! Invalidations between nodes: they arrive, they are not lost, and nothing old comes back.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use muster_cache::redis::RedisConfig;
use muster_testkit::Redis;
use tokio::sync::oneshot;

use super::{Node, config, node, node_with, until};

/// Ways to say that what depends on the tag `t`, or the key `k`, is wrong.
type Way = fn(&Node);
const WAYS: [(&str, Way); 6] = [
    ("tag", |node| node.cache.remove_by_tag("t")),
    ("type", |node| node.cache.remove_by_tag("type:thing")),
    ("change", |node| {
        // A number is used once.
        static CHANGES: AtomicU64 = AtomicU64::new(0);
        node.cache.remove_by_change(CHANGES.fetch_add(1, Ordering::Relaxed), ["t"]);
    }),
    ("key", |node| node.cache.remove("k")),
    ("pattern", |node| {
        node.cache.remove_matching("?*");
    }),
    ("all", |node| node.cache.clear()),
];

#[tokio::test]
async fn an_invalidation_reaches_the_other_node_and_redis() {
    for (name, invalidate) in WAYS {
        let redis = Redis::start();
        let (one, other) = (node(&redis).await, node(&redis).await);
        one.read("k", 1).await;
        one.stored(1).await;
        assert_eq!(other.read("k", 9).await, 1, "{name}");
        invalidate(&one);
        // At once here, whether Redis knows already or not.
        assert_eq!(one.read("k", 2).await, 2, "{name}");
        until("the other hears of it", || other.cache.entry("k").is_none()).await;
        assert!([2, 3].contains(&other.read("k", 3).await), "{name}");
        assert_eq!(one.shared().received, 0, "{name}: its own message is no news");
        let third = node(&redis).await;
        assert!(third.read("k", 4).await != 1, "{name}");
    }
}

#[tokio::test]
async fn what_expires_elsewhere_may_be_served_once_more_while_it_is_loaded() {
    let redis = Redis::start();
    let (one, other) = (node(&redis).await, node(&redis).await);
    one.read("k", 1).await;
    one.stored(1).await;
    other.read("k", 9).await;
    one.cache.expire_by_tag("t");
    until("the other hears of it", || {
        other.cache.entry("k").is_some_and(|entry| entry.ttl_left == Duration::ZERO)
    })
    .await;
    assert_eq!(other.read("k", 2).await, 1);
    until("it is loaded anew", || other.cache.peek::<u32>(&other.thing, "k").as_deref() == Some(&2)).await;
}

/// Begins to load `k` on `node`, and gives what ends the load with a value.
async fn begin(node: &Node) -> (tokio::task::JoinHandle<u32>, oneshot::Sender<u32>) {
    let ((began, has_begun), (finish, finished)) = (oneshot::channel(), oneshot::channel());
    let load = move || async move {
        began.send(()).expect("the test waits");
        Ok::<_, Infallible>(finished.await.expect("the test ends it"))
    };
    let (cache, thing) = (node.cache.clone(), node.thing);
    let read = async move { *cache.get_or_load(&thing, "k", &["t"], load).await.expect("it loads") };
    let read = tokio::spawn(read);
    has_begun.await.expect("it begins");
    (read, finish)
}

#[tokio::test]
async fn a_load_that_an_invalidation_overtook_is_kept_on_neither_level() {
    for (name, invalidate) in WAYS {
        let redis = Redis::start();
        let (one, other) = (node(&redis).await, node(&redis).await);
        for by in [&one, &other] {
            let (read, finish) = begin(&one).await;
            let heard = one.shared().received;
            invalidate(by);
            by.told().await;
            if std::ptr::eq(by, &raw const other) {
                until("it hears of it", || one.shared().received > heard).await;
            }
            finish.send(1).unwrap();
            assert_eq!(read.await.unwrap(), 1, "{name}: who asked before gets what was loaded for them");
            assert_eq!(one.read("k", 2).await, 2, "{name}");
            one.stored(1).await;
            assert_eq!(other.read("k", 3).await, 2, "{name}");
            one.cache.clear();
            one.told().await;
            until("the other is empty", || other.cache.entry("k").is_none()).await;
        }
    }
}

#[tokio::test]
async fn what_a_late_writer_stores_is_taken_by_nobody() {
    let redis = Redis::start();
    let (one, other) = (node(&redis).await, node(&redis).await);
    one.read("k", 1).await;
    one.stored(1).await;
    let old = redis.ask(["--no-raw", "DUMP", "muster:k"]);
    assert!(!old.is_empty());
    redis.ask(["COPY", "muster:k", "muster:late"]);
    one.cache.remove_by_tag("t");
    one.told().await;
    // As if the store of a node that stood still came through now.
    redis.ask(["COPY", "muster:late", "muster:k", "REPLACE"]);
    assert_eq!(other.read("k", 2).await, 2);
}

#[tokio::test]
async fn a_change_is_announced_once_however_many_nodes_see_it() {
    let redis = Redis::start();
    let (one, other) = (node(&redis).await, node(&redis).await);
    one.read("k", 1).await;
    one.stored(1).await;
    other.read("k", 1).await;
    one.cache.remove_by_change(11, ["t"]);
    until("the other hears of it", || other.shared().received == 1).await;
    assert_eq!(other.read("k", 2).await, 2);
    // It comes to the same change by itself.
    other.cache.remove_by_change(11, ["t"]);
    assert_eq!((other.read("k", 3).await, other.shared().pending), (2, 0));
    other.cache.remove_by_change(12, ["t"]);
    assert_eq!(other.read("k", 4).await, 4);
}

#[tokio::test]
async fn a_message_that_was_lost_is_healed_by_the_states_of_the_tags() {
    let redis = Redis::start();
    let node = node_with(RedisConfig { resync: Duration::from_millis(300), ..config(&redis) }).await;
    for tag in ["t", "type:thing", "all"] {
        assert_eq!(node.read("k", 1).await, 1);
        redis.ask(["SET", &format!("muster:tag:{tag}"), "00000000000000aa"]);
        until("it notices", || node.cache.entry("k").is_none()).await;
        node.cache.remove("k");
        node.told().await;
    }
}

#[tokio::test]
async fn a_check_names_who_heard_it_and_who_did_not() {
    let redis = Redis::start();
    let called = |name: &str| RedisConfig { node: name.to_owned(), ..config(&redis) };
    let (one, two) = (node_with(called("one")).await, node_with(called("two")).await);
    let report = one.cache.check(Duration::from_secs(20)).await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    let names: Vec<_> = report.nodes.iter().map(|node| (node.name.as_str(), node.is_self)).collect();
    assert_eq!(names, [("one", true), ("two", false)]);
    // A node that gives signs of life and listens to nothing.
    redis.ask(["SET", "muster:node:00000000000000bb", "deaf", "PX", "60000"]);
    let report = two.cache.check(Duration::from_millis(500)).await.unwrap();
    let deaf: Vec<_> = report.nodes.iter().filter(|node| node.answered_after.is_none()).collect();
    assert_eq!(deaf.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["deaf"]);
    assert!(!report.is_complete());
}

#[tokio::test]
async fn what_was_changed_while_nobody_looked_is_told_before_anything_is_used() {
    let redis = Redis::start();
    let one = node(&redis).await;
    assert_eq!(one.cache.told_up_to().await, Ok(None));
    one.read("k", 1).await;
    one.stored(1).await;
    one.cache.remove_by_change(40, ["s"]);
    one.told().await;
    until("it is remembered", || redis.ask(["GET", "muster:told"]) == "40").await;
    let late = node(&redis).await;
    late.cache.catching_up();
    let before = late.shared().commands;
    assert_eq!(late.read("k", 2).await, 2);
    assert_eq!(late.shared().commands, before, "nothing is used yet");
    assert_eq!(late.cache.told_up_to().await, Ok(Some(40)));
    late.cache.remove_by_change(41, ["t"]);
    late.cache.caught_up(41);
    until("it is remembered", || redis.ask(["GET", "muster:told"]) == "41").await;
    assert_eq!(node(&redis).await.read("k", 3).await, 3);
}

#[tokio::test]
async fn news_is_passed_on_to_others_and_lost_while_redis_is_away() {
    let mut redis = Redis::start();
    let (one, other) = (node(&redis).await, node(&redis).await);
    let mut heard = other.cache.passed_on().expect("a second level");
    let mut own = one.cache.passed_on().expect("a second level");
    one.cache.pass_on("first".to_owned());
    assert_eq!(heard.recv().await.as_deref(), Ok("first"));
    redis.kill();
    until("it is cut off", || !one.shared().is_synced).await;
    one.cache.pass_on("lost".to_owned());
    redis.start_again();
    until("both are back", || one.shared().is_synced && other.shared().is_synced).await;
    one.cache.pass_on("last".to_owned());
    assert_eq!(heard.recv().await.as_deref(), Ok("last"));
    assert!(own.try_recv().is_err(), "its own news is none");
}
