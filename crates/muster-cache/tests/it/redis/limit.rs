//! The limit of several nodes together: the same rules, one account, and no gap when Redis goes.

use std::{net::IpAddr, sync::Arc, time::Duration};

use muster_cache::{
    limiter::{Backend, ClientKey, Cost, LimitConfig, Limiter, Outcome, SharedLimiter},
    redis::{LinkState, RedisLink},
};
use muster_model::SystemClock;
use muster_testkit::Redis;
use tokio::time::Instant;

use super::{NO_LONGER, chance, config, until};

const CLIENT: ClientKey = ClientKey::Address(IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7)));

/// 20 requests an hour, so that nothing fills up while a test runs.
fn rules() -> LimitConfig {
    LimitConfig { requests: 20, window: Duration::from_hours(1), ..LimitConfig::default() }
}

async fn node_with(redis: &Redis, rules: LimitConfig) -> SharedLimiter {
    let link = RedisLink::start(config(redis), chance()).expect("the address is right");
    until("it is connected", || link.state() == LinkState::Up).await;
    SharedLimiter::new(Limiter::new(rules, Arc::new(SystemClock)), Some(link))
}

async fn node(redis: &Redis) -> SharedLimiter {
    node_with(redis, rules()).await
}

#[tokio::test]
async fn two_nodes_have_one_account_for_a_client() {
    let redis = Redis::start();
    let nodes = [node(&redis).await, node(&redis).await];
    for index in 0..20_u32 {
        let decision = nodes[index as usize % 2].check(CLIENT, Cost::Whole).await;
        assert!(decision.is_allowed(), "{index}: {decision:?}");
        assert_eq!((decision.limit, decision.remaining), (20, 19 - index));
    }
    for node in &nodes {
        let decision = node.check(CLIENT, Cost::Whole).await;
        let Outcome::Limited { retry_after } = decision.outcome else { panic!("{decision:?}") };
        assert!(retry_after > Duration::from_secs(100) && retry_after <= Duration::from_mins(3));
        assert_eq!((node.backend(), node.backend().as_str()), (Backend::Redis, "redis"));
    }
    let key = "muster:ratelimit:203.0.113.7:3600";
    assert_eq!(redis.ask(["HGET", key, "strikes"]), "1", "once a window, not once a refusal");
    assert!(redis.ask(["PTTL", key]).parse::<i64>().expect("a number") > 0);
    let other = ClientKey::token("secret");
    assert!(nodes[0].check(other, Cost::Whole).await.is_allowed());
    assert!(!redis.ask(["KEYS", "*"]).contains("secret"));
}

#[tokio::test]
async fn it_means_what_the_local_one_means() {
    let redis = Redis::start();
    let shared = node(&redis).await;
    let local = Limiter::new(rules(), Arc::new(SystemClock));
    for index in 0..60 {
        let cost = if index % 3 == 0 { Cost::Tenth } else { Cost::Whole };
        let (one, other) = (shared.check(CLIENT, cost).await, local.check(CLIENT, cost));
        assert_eq!((one.limit, one.remaining), (other.limit, other.remaining), "{index}");
        assert!(one.reset_at.abs_diff(other.reset_at) <= 2, "{one:?} {other:?}");
        assert_eq!(one.is_allowed(), other.is_allowed(), "{index}");
    }
    let (one, other) = (shared.stats(), local.stats());
    assert_eq!((one.allowed, one.limited, one.banned), (other.allowed, other.limited, other.banned));
}

#[tokio::test]
async fn a_refund_reaches_the_other_node() {
    let redis = Redis::start();
    let (one, other) = (node(&redis).await, node(&redis).await);
    for _ in 0..10 {
        assert!(one.check(CLIENT, Cost::Whole).await.is_allowed());
    }
    let before = one.refund(CLIENT);
    assert_eq!((before.remaining, one.stats().refunds), (10, 1));
    for _ in 0..9 {
        one.refund(CLIENT);
    }
    // Ten tenths are one request.
    let full =
        || redis.ask(["HGET", "muster:ratelimit:203.0.113.7:3600", "full"]).parse::<u64>().expect("a number");
    let now =
        || redis.ask(["TIME"]).lines().next().and_then(|line| line.parse::<u64>().ok()).expect("a number");
    until("all came back", || full() / 1_000_000 < now() + 200).await;
    let decision = other.check(CLIENT, Cost::Whole).await;
    assert_eq!(decision.remaining, 18, "{decision:?}");
}

#[tokio::test]
async fn who_is_banned_costs_no_question_and_bans_double() {
    let redis = Redis::start();
    // A violation counts once a window: with a short one the next comes soon.
    let rules = LimitConfig { requests: 1, window: Duration::from_millis(50), ..rules() };
    let (one, other) = (node_with(&redis, rules.clone()).await, node_with(&redis, rules.clone()).await);
    let begin = Instant::now();
    let banned = loop {
        let decision = one.check(CLIENT, Cost::Whole).await;
        if let Outcome::Banned { until } = decision.outcome {
            break until;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{decision:?}");
    };
    let asked = || {
        let said = redis.ask(["INFO", "commandstats"]);
        let calls =
            |line: &str| Some(line.strip_prefix("cmdstat_evalsha:calls=")?.split_once(',')?.0.to_owned());
        said.lines().find_map(calls)
    };
    let before = asked();
    for _ in 0..100 {
        let decision = one.check(CLIENT, Cost::Whole).await;
        assert_eq!(decision.outcome, Outcome::Banned { until: banned });
    }
    assert_eq!(asked(), before, "it is remembered here");
    let Outcome::Banned { until } = other.check(CLIENT, Cost::Whole).await.outcome else { panic!() };
    assert!(until.duration_since(banned).as_secs().abs() <= 2, "everywhere for as long");
    let key = "muster:ratelimit:203.0.113.7:0";
    assert_eq!(redis.ask(["HGET", key, "strikes"]), "2");
    // As if the ban were over: the third violation is worth two minutes.
    redis.ask(["HSET", key, "banned", "0"]);
    let third = node_with(&redis, rules).await;
    let begin = Instant::now();
    let ban = loop {
        let decision = third.check(CLIENT, Cost::Whole).await;
        if let Outcome::Banned { until } = decision.outcome {
            break until.duration_since(muster_model::Clock::now(&SystemClock));
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{decision:?}");
    };
    assert!((100..=120).contains(&ban.as_secs()), "{ban:?}");
}

#[tokio::test]
async fn when_redis_goes_each_node_goes_on_from_where_all_were() {
    let mut redis = Redis::start();
    let node = node(&redis).await;
    for _ in 0..15 {
        assert!(node.check(CLIENT, Cost::Whole).await.is_allowed());
    }
    redis.freeze();
    let begin = Instant::now();
    for _ in 0..5 {
        assert!(node.check(CLIENT, Cost::Whole).await.is_allowed());
    }
    assert!(!node.check(CLIENT, Cost::Whole).await.is_allowed());
    assert!(begin.elapsed() < NO_LONGER, "{:?}", begin.elapsed());
    assert_eq!((node.backend(), node.backend().as_str()), (Backend::Local, "local"));
    redis.start_again();
    until("it is used again", || node.backend() == Backend::Redis).await;
    // Nobody knows the account any more but this node: what it held is lost with Redis.
    assert!(node.check(CLIENT, Cost::Whole).await.is_allowed());
}
