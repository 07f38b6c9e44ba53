//! A Redis that comes back as it was some time ago, that refuses half of what it is told, or whose messages are lost:
//! nothing that fell since is served.

use std::{convert::Infallible, time::Duration};

use muster_cache::redis::LinkState;
use muster_testkit::Redis;
use tokio::time::Instant;

use super::{Node, node, until};

/// Used again within this time of coming back, by the promise; a busy machine is given twice that.
const AGAIN: Duration = Duration::from_secs(10);

/// Ways to say that what depends on the tag `t` is wrong.
type Way = fn(&Node);

async fn connected_again(node: &Node, connects: u64) {
    until("it has connected again", || {
        let shared = node.shared();
        shared.connects > connects && shared.is_synced && shared.state == LinkState::Up
    })
    .await;
}

/// Stores `k` as 1 and takes a snapshot of that; then what it depends on falls.
async fn aged(redis: &Redis, node: &Node, invalidate: Way) {
    node.cache.remove_by_change(1, ["s"]);
    node.told().await;
    node.read("k", 1).await;
    node.stored(1).await;
    redis.ask(["SAVE"]);
    invalidate(node);
    node.told().await;
    assert_eq!(node.read("k", 2).await, 2);
    node.stored(2).await;
}

#[tokio::test]
async fn restored_from_a_snapshot_it_revives_nothing() {
    let ways: [(&str, Way); 3] = [
        ("change", |node| node.cache.remove_by_change(2, ["t"])),
        ("tag", |node| node.cache.remove_by_tag("t")),
        ("all", |node| node.cache.clear()),
    ];
    for (name, invalidate) in ways {
        let mut redis = Redis::start();
        let (one, other) = (node(&redis).await, node(&redis).await);
        aged(&redis, &one, invalidate).await;
        redis.start_again();
        assert_eq!(redis.ask(["EXISTS", "muster:k"]), "1", "{name}: it is older, not empty");
        let back = Instant::now();
        // One that was not there before, and has seen nothing.
        let third = node(&redis).await;
        assert_ne!(third.read("k", 3).await, 1, "{name}");
        for node in [&one, &other] {
            connected_again(node, 1).await;
            assert_ne!(node.read("k", 4).await, 1, "{name}");
        }
        assert!(back.elapsed() < AGAIN, "{name}: {:?}", back.elapsed());
        // And it is used.
        let before = one.shared().writes;
        one.read("new", 5).await;
        one.stored(before + 1).await;
        assert_eq!(other.read("new", 6).await, 5, "{name}");
    }
}

#[tokio::test]
async fn a_replica_that_lagged_behind_revives_nothing() {
    let redis = Redis::start();
    let (one, other) = (node(&redis).await, node(&redis).await);
    other.read("elsewhere", 1).await;
    let states: Vec<String> =
        ["t", "type:thing", "all"].map(|tag| redis.ask(["GET", &format!("muster:tag:{tag}")])).into();
    aged(&redis, &one, |node| node.cache.remove_by_change(2, ["t"])).await;
    redis.ask(["CLIENT", "KILL", "TYPE", "pubsub"]);
    for (tag, state) in ["t", "type:thing", "all"].iter().zip(&states) {
        redis.ask(["SET", &format!("muster:tag:{tag}"), state]);
    }
    redis.ask(["SET", "muster:told", "1"]);
    let connects = other.shared().connects;
    redis.ask(["CLIENT", "KILL", "TYPE", "normal"]);
    connected_again(&other, connects).await;
    assert_ne!(redis.ask(["GET", "muster:tag:all"]), states[2], "what lies there fits nobody");
    assert_eq!(redis.ask(["GET", "muster:told"]), "2");
}

#[tokio::test]
async fn an_invalidation_is_told_as_a_whole_or_not_at_all() {
    let redis = Redis::start_with(&["--maxmemory-policy", "noeviction"]);
    let (one, other) = (node(&redis).await, node(&redis).await);
    one.read("k", 1).await;
    one.stored(1).await;
    assert_eq!(other.read("k", 9).await, 1);
    let state = redis.ask(["GET", "muster:tag:t"]);
    redis.ask(["CONFIG", "SET", "maxmemory", "1"]);
    one.cache.remove_by_change(7, ["t"]);
    until("it is refused", || one.shared().cut_off == 1).await;
    // Who had heard the number would leave the change to a node that could not tell it to Redis.
    assert_eq!((other.shared().received, one.shared().pending), (0, 1));
    assert_eq!(
        (redis.ask(["GET", "muster:tag:t"]), redis.ask(["EXISTS", "muster:told"])),
        (state, "0".into())
    );
    assert_eq!(one.read("k", 2).await, 2);
    redis.ask(["CONFIG", "SET", "maxmemory", "0"]);
    one.told().await;
    until("the other hears of it", || other.cache.entry("k").is_none()).await;
    assert_eq!(redis.ask(["GET", "muster:told"]), "7");
}

#[tokio::test]
async fn a_number_that_was_told_is_not_taken_back_by_a_slower_node() {
    let redis = Redis::start();
    let (one, slow) = (node(&redis).await, node(&redis).await);
    one.cache.remove_by_change(41, ["t"]);
    one.told().await;
    until("it is remembered", || redis.ask(["GET", "muster:told"]) == "41").await;
    slow.cache.remove_by_change(40, ["t"]);
    slow.told().await;
    until("all hear of it", || one.shared().received == 1).await;
    assert_eq!(redis.ask(["GET", "muster:told"]), "41");
}

/// Keeps `p` on the first level alone, under a tag whose state this node does not know yet.
fn keep_unknown(node: &Node) {
    let stamp = node.cache.stamp(&["t"]);
    node.cache.put(&node.thing, "p", stamp, 1_u32);
}

#[tokio::test]
async fn a_message_is_heeded_although_its_state_was_learnt_before() {
    let redis = Redis::start();
    let node = node(&redis).await;
    keep_unknown(&node);
    redis.ask(["SET", "muster:tag:t", "00000000000000aa"]);
    let load = || async { Ok::<_, Infallible>(2_u32) };
    node.cache.get_or_load(&node.thing, "k", &["t"], load).await.expect("it loads");
    assert!(node.cache.entry("p").is_some(), "the test means an entry that is older than what was learnt");
    redis.ask(["PUBLISH", "muster:bus", r#"{"from":1,"tags":[["t",170]]}"#]);
    until("it is heard", || node.shared().received == 1).await;
    until("what it hits falls", || node.cache.entry("p").is_none()).await;
}

#[tokio::test]
async fn more_messages_than_can_wait_leave_nothing_that_they_may_have_hit() {
    const BURST: &str = r#"
        for i = 1, 5000 do redis.call('PUBLISH', 'muster:bus', '{"from":1,"keys":["x' .. i .. '"]}') end
        redis.call('SET', 'muster:tag:t', '00000000000000aa')
        redis.call('PUBLISH', 'muster:bus', '{"from":1,"tags":[["t",170]],"keys":["q"]}')"#;
    let redis = Redis::start();
    let node = node(&redis).await;
    keep_unknown(&node);
    let stamp = node.cache.stamp(&["u"]);
    node.cache.put(&node.thing, "q", stamp, 1_u32);
    redis.ask(["EVAL", BURST, "0"]);
    until("both fall", || node.cache.entry("p").is_none() && node.cache.entry("q").is_none()).await;
    assert!(node.shared().received < 5001, "the test means that messages are lost");
    assert_eq!(node.shared().cut_off, 0);
    node.read("k", 3).await;
    node.stored(1).await;
}
