//! Redis dead, frozen, absent, restarted, idle: no read fails, none waits long, and it is used again by itself.

use std::time::Duration;

use muster_cache::redis::LinkState;
use muster_model::SystemClock;
use muster_testkit::Redis;
use tokio::time::Instant;

use super::{NO_LONGER, Node, config, node, starting, until};

/// Reads a key that nobody has read, and says how long that took.
async fn read_anew(node: &Node, key: &str) -> Duration {
    let begin = Instant::now();
    assert_eq!(node.read(key, 5).await, 5);
    begin.elapsed()
}

#[tokio::test]
async fn frozen_it_is_waited_for_once_and_used_again_when_it_thaws() {
    let redis = Redis::start();
    let (node, other) = (node(&redis).await, node(&redis).await);
    node.read("kept", 1).await;
    redis.freeze();
    for key in 0..50 {
        let took = read_anew(&node, &format!("k{key}")).await;
        assert!(took < NO_LONGER, "{took:?}");
    }
    assert!(node.shared().timeouts <= 2, "{:?}", node.shared());
    assert_eq!(node.read("kept", 2).await, 1, "what is held is served");
    until("it is given up", || node.link.state() == LinkState::Down && !node.shared().is_synced).await;
    node.cache.remove_by_tag("t");
    assert_eq!(node.read("kept", 3).await, 3);
    assert_eq!(node.shared().pending, 1);
    redis.thaw();
    for node in [&node, &other] {
        node.ready().await;
    }
    node.told().await;
    let before = node.shared().writes;
    node.read("again", 1).await;
    node.stored(before + 1).await;
    assert_eq!(other.read("kept", 4).await, 4);
}

#[tokio::test]
async fn a_configured_patience_does_not_reach_requests() {
    let redis = Redis::start();
    let patient = super::RedisConfig { response_timeout: Duration::from_mins(1), ..config(&redis) };
    let node = super::node_with(patient).await;
    redis.freeze();
    assert!(read_anew(&node, "k").await < NO_LONGER);
    assert_eq!(node.shared().timeouts, 1);
}

#[tokio::test]
async fn absent_at_the_start_it_delays_nothing_and_is_used_when_it_comes() {
    let mut redis = Redis::absent();
    let node = starting(config(&redis), SystemClock);
    assert!(read_anew(&node, "early").await < NO_LONGER);
    assert_eq!((node.link.state(), node.shared().timeouts), (LinkState::Down, 0));
    redis.start_again();
    node.ready().await;
    node.read("later", 1).await;
    node.stored(1).await;
}

#[tokio::test]
async fn killed_and_started_empty_it_revives_nothing() {
    let mut redis = Redis::start();
    let (one, other) = (node(&redis).await, node(&redis).await);
    one.read("k", 1).await;
    one.stored(1).await;
    other.read("k", 9).await;
    redis.kill();
    for node in [&one, &other] {
        until("it notices", || node.link.state() == LinkState::Down && !node.shared().is_synced).await;
        assert!(read_anew(node, "meanwhile").await < NO_LONGER);
    }
    one.cache.remove_by_tag("t");
    // Nobody can tell the other now.
    assert_eq!((one.read("k", 2).await, other.read("k", 2).await), (2, 1));
    redis.start_again();
    for node in [&one, &other] {
        node.ready().await;
    }
    one.told().await;
    assert_ne!(other.read("k", 3).await, 1);
    assert!(other.shared().cut_off >= 1);
}

#[tokio::test]
async fn idle_it_is_noticed_that_it_was_away() {
    let mut redis = Redis::start();
    let node = node(&redis).await;
    redis.start_again();
    // Nothing is asked but signs of life.
    until("it has connected again", || node.shared().connects >= 2 && node.shared().is_synced).await;
    let begin = Instant::now();
    node.read("k", 1).await;
    assert!(begin.elapsed() < NO_LONGER);
    node.stored(1).await;
    assert_eq!(node.shared().errors + node.shared().timeouts, 0);
}

#[tokio::test]
async fn cut_off_it_trusts_what_it_holds_for_a_quarter_of_a_minute() {
    let mut redis = Redis::start();
    let clock = muster_testkit::FixedClock::at("2026-01-31T12:00:00Z");
    let node = starting(config(&redis), clock.clone());
    node.ready().await;
    node.read("k", 1).await;
    let pass = |seconds| clock.set(muster_model::Clock::now(&clock) + Duration::from_secs(seconds));
    pass(20);
    assert_eq!(node.read("k", 2).await, 1);
    redis.kill();
    until("it notices", || !node.shared().is_synced).await;
    assert_eq!(node.read("k", 2).await, 2);
    pass(10);
    assert_eq!(node.read("k", 3).await, 2);
    pass(6);
    assert_eq!(node.read("k", 3).await, 3);
}

#[tokio::test]
async fn the_wrong_password_is_like_no_redis_at_all() {
    let redis = Redis::start_with(&["--requirepass", "secret"]);
    let right = super::RedisConfig { password: Some("secret".to_owned()), ..config(&redis) };
    assert!(!format!("{right:?}").contains("secret"));
    let node = super::node_with(right).await;
    node.read("k", 1).await;
    node.stored(1).await;
    let wrong = super::RedisConfig { password: Some("guess".to_owned()), ..config(&redis) };
    let node = starting(wrong, SystemClock);
    assert!(read_anew(&node, "k").await < NO_LONGER);
    assert_eq!(node.link.state(), LinkState::Down);
}
