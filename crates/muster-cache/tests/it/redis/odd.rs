//! What may lie in Redis besides what is expected: nothing, garbage, other versions' values, other clocks' values.

use std::time::Duration;

use muster_model::{Clock, SystemClock};
use muster_testkit::{FixedClock, Redis};

use super::{config, node, node_with, starting};

#[tokio::test]
async fn a_state_that_was_evicted_makes_a_miss_and_never_fits_again() {
    for tag in ["t", "type:thing", "all"] {
        let redis = Redis::start();
        let (one, other) = (node(&redis).await, node(&redis).await);
        one.read("k", 1).await;
        one.stored(1).await;
        assert_eq!(redis.ask(["DEL", &format!("muster:tag:{tag}")]), "1");
        assert_eq!(other.read("k", 2).await, 2, "{tag}");
        other.stored(1).await;
        assert_eq!(node(&redis).await.read("k", 3).await, 2, "{tag}");
        // Who knew the state that is gone takes the new one for an invalidation, and keeps what it then loads.
        one.cache.remove("k");
        one.told().await;
        let before = one.loads();
        for _ in 0..3 {
            one.read("k", 4).await;
        }
        assert!(one.loads() <= before + 1, "{tag}");
    }
}

#[tokio::test]
async fn flushed_it_is_a_miss_and_is_filled_again() {
    let redis = Redis::start();
    let (one, other) = (node(&redis).await, node(&redis).await);
    one.read("k", 1).await;
    one.stored(1).await;
    redis.ask(["FLUSHALL"]);
    assert_eq!(other.read("k", 2).await, 2);
    other.stored(1).await;
    assert_eq!(node(&redis).await.read("k", 3).await, 2);
}

#[tokio::test]
async fn what_is_poisoned_is_a_miss_and_is_deleted() {
    let redis = Redis::start();
    let node = node(&redis).await;
    redis.ask(["SET", "muster:a", "garbage", "PX", "60000"]);
    redis.ask(["SET", "muster:b", "", "PX", "60000"]);
    redis.ask(["LPUSH", "muster:c", "not even a string"]);
    for key in ["a", "b", "c"] {
        assert_eq!(node.read(key, 1).await, 1, "{key}");
    }
    assert_eq!(node.shared().poisoned, 2);
    node.stored(3).await;
    // A state that is none is a missing one.
    redis.ask(["SET", "muster:tag:t", "x y"]);
    assert_eq!(node.read("d", 1).await, 1);
}

#[tokio::test]
async fn a_value_of_another_type_is_a_miss() {
    let redis = Redis::start();
    let (one, other) = (node(&redis).await, node(&redis).await);
    let load = || async { Ok::<_, std::convert::Infallible>("a text".to_owned()) };
    one.cache.get_or_load(&one.thing, "k", &["t"], load).await.unwrap();
    one.stored(1).await;
    assert_eq!(other.read("k", 1).await, 1);
    assert_eq!(other.shared().poisoned, 1);
    // A body under the key of a value.
    one.page("text", 200).await;
    one.stored(2).await;
    assert_eq!(other.read("http:/page", 1).await, 1);
}

#[tokio::test]
async fn two_versions_of_the_program_do_not_read_each_other() {
    let redis = Redis::start();
    let old = node(&redis).await;
    let new = super::RedisConfig { schema: "test 2".to_owned(), ..config(&redis) };
    let new = node_with(new).await;
    old.read("k", 1).await;
    old.stored(1).await;
    assert_eq!(new.read("k", 2).await, 2);
    assert_eq!((new.shared().foreign, new.shared().poisoned), (1, 0));
    // But they hear each other.
    new.cache.remove_by_tag("t");
    super::until("the old one hears it", || old.cache.entry("k").is_none()).await;
}

#[tokio::test]
async fn clocks_that_differ_by_years_agree_on_an_age() {
    let redis = Redis::start();
    let (fast, slow) = (FixedClock::at("2031-01-01T00:00:00Z"), FixedClock::at("2021-01-01T00:00:00Z"));
    let one = starting(config(&redis), fast);
    let other = starting(config(&redis), slow.clone());
    one.ready().await;
    other.ready().await;
    one.read("k", 1).await;
    one.stored(1).await;
    let left: u64 = redis.ask(["PTTL", "muster:k"]).parse().unwrap();
    // As if 60 s had passed since the load.
    redis.ask(["PEXPIRE", "muster:k", &(left - 60_000).to_string()]);
    assert_eq!(other.read("k", 2).await, 1);
    let entry = other.cache.entry("k").unwrap();
    assert!(entry.age >= Duration::from_secs(59) && entry.age < Duration::from_secs(80), "{entry:?}");
    slow.set(slow.now() + Duration::from_mins(1));
    assert_eq!(other.cache.entry("k").unwrap().ttl_left, Duration::ZERO);
    let third = starting(config(&redis), SystemClock);
    third.ready().await;
    assert_eq!(third.read("k", 3).await, 1);
}
