//! Following the change sequence when more was missed than can be told one by one. Whoever writes here is another
//! process, as far as the follower can tell: it announces nothing.

use std::{
    convert::Infallible,
    hash::{BuildHasher, RandomState},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use muster_app::{
    Context, Seq,
    context::News,
    events::Event,
    follow::{self, Followed},
};
use muster_cache::{
    Cache, CacheConfig, DataTypeConfig, Sharing,
    redis::{RedisConfig, RedisLink},
};
use muster_model::{Clock, NodeId, SystemClock, Timestamp};
use muster_store::{NewChange, Priority, Store, StoreConfig};
use muster_testkit::{Postgres, Redis};
use tokio::{sync::broadcast, time::sleep};

const LIMIT: Duration = Duration::from_mins(1);

struct Node {
    context: Context,
    followed: Followed,
    news: broadcast::Receiver<Event>,
}

async fn store(postgres: &Postgres) -> Store {
    let mut config = StoreConfig::new(Path::new("/nowhere").to_owned());
    config.url = Some(postgres.url());
    Store::open(&config, Arc::new(SystemClock)).await.expect("the store opens")
}

fn chance() -> impl Fn() -> u64 + Send + Sync + 'static {
    let (state, count) = (RandomState::new(), AtomicU64::new(0));
    move || state.hash_one(count.fetch_add(1, Ordering::Relaxed))
}

async fn node(postgres: &Postgres, redis: Option<&Redis>) -> Node {
    let kind = |name| DataTypeConfig {
        name,
        ttl: Duration::from_hours(1),
        stale: Duration::ZERO,
        is_enabled: true,
        sharing: Sharing::All,
    };
    let types =
        ["git_state", "project", "all_projects", "summary", "recommendations", "facets", "access"].map(kind);
    let (config, clock): (_, Arc<dyn Clock>) = (CacheConfig::default(), Arc::new(SystemClock));
    let cache = match redis {
        Some(redis) => {
            let link = RedisConfig { url: redis.url(), ..RedisConfig::default() };
            let link = RedisLink::start(link, chance()).expect("the address is right");
            Cache::shared(config, &types, Arc::clone(&clock), chance(), link, &[])
        }
        None => Cache::new(config, &types, Arc::clone(&clock), chance()),
    };
    let id = NodeId::new(clock.now(), [7; 10]);
    let context = Context::new(store(postgres).await, cache, clock, Arc::new(|| [7; 10]), id, News::Kept);
    let news = context.events.subscribe();
    let followed = follow::start(context.clone()).await.expect("the sequence can be read");
    Node { context, followed, news }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Commits this many changes, each with a tag of its own, and gives the last number.
async fn change(store: &Store, tags: impl Iterator<Item = String>) -> Seq {
    let mut tx = store.begin(Priority::Interactive).await.expect("a transaction");
    for tag in tags {
        tx.record(NewChange { entity: "thing".into(), entity_id: tag.clone(), tags: vec![tag], event: None });
    }
    tx.commit().await.expect("it commits").expect("a number")
}

impl Node {
    async fn read(&self, value: u32) -> u32 {
        let of = self.context.cache.data_type("facets");
        let load = move || async move { Ok::<_, Infallible>(value) };
        *self.context.cache.get_or_load(&of, "k", &["t"], load).await.expect("it loads")
    }

    async fn stands_at(&self, head: Seq) {
        until("it follows", || self.followed.seq() == head).await;
    }
}

#[tokio::test]
async fn who_is_far_behind_forgets_everything_once_and_says_so() {
    let postgres = Postgres::start();
    let mut node = node(&postgres, None).await;
    let writer = store(&postgres).await;
    assert_eq!(node.read(1).await, 1);
    // One after the other none of these would hit it: so it falls by being forgotten.
    let head = change(&writer, (0..6000).map(|number| format!("x{number}"))).await;
    node.stands_at(head).await;
    assert_eq!(node.read(2).await, 2);
    let event = node.news.recv().await.expect("an event");
    assert!(event.is_resync() && event.seq == Some(head), "{event:?}");
    // And goes on from there.
    let head = change(&writer, ["t".to_owned()].into_iter()).await;
    node.stands_at(head).await;
    assert_eq!(node.read(3).await, 3);
}

#[tokio::test]
async fn what_was_pruned_before_it_was_seen_is_as_if_everything_had_changed() {
    let postgres = Postgres::start();
    let node = node(&postgres, None).await;
    let writer = store(&postgres).await;
    for (round, rest) in [(1, None), (2, Some("u"))] {
        assert_eq!(node.read(round).await, round);
        let mut head = change(&writer, ["t".to_owned()].into_iter()).await;
        let mut tx = writer.begin(Priority::Interactive).await.expect("a transaction");
        assert!(tx.changes_prune(Timestamp::MAX).await.expect("it prunes") >= 1);
        tx.commit().await.expect("it commits");
        if let Some(tag) = rest {
            head = change(&writer, [tag.to_owned()].into_iter()).await;
        }
        node.stands_at(head).await;
        assert_eq!(node.read(round + 1).await, round + 1);
    }
}

#[tokio::test]
async fn redis_is_told_of_a_few_missed_changes_and_cleared_for_many() {
    const BEFORE: &str = "00000000000000aa";
    let postgres = Postgres::start();
    let writer = store(&postgres).await;
    for (count, is_cleared) in [(5, false), (2000, true)] {
        let redis = Redis::start();
        let head = change(&writer, ["a".to_owned()].into_iter()).await;
        redis.ask(["SET", "muster:told", &head.to_string()]);
        redis.ask(["SET", "muster:tag:all", BEFORE]);
        let head = change(&writer, (0..count).map(|number| format!("x{number}"))).await;
        let _node = node(&postgres, Some(&redis)).await;
        until("Redis was told", || redis.ask(["GET", "muster:told"]) == head.to_string()).await;
        assert_eq!(redis.ask(["GET", "muster:tag:all"]) != BEFORE, is_cleared, "{count}");
        assert_eq!(redis.ask(["EXISTS", "muster:tag:x1"]) == "0", is_cleared, "{count}");
    }
}

#[tokio::test]
async fn who_starts_while_others_go_on_clears_nothing() {
    const BEFORE: &str = "00000000000000aa";
    let (postgres, redis) = (Postgres::start(), Redis::start());
    let writer = store(&postgres).await;
    let head = change(&writer, ["a".to_owned()].into_iter()).await;
    redis.ask(["SET", "muster:told", &(head.number() + 3).to_string()]);
    redis.ask(["SET", "muster:tag:all", BEFORE]);
    redis.freeze();
    let node = node(&postgres, Some(&redis)).await;
    // By the time that it is told what Redis knows, others have told more than there was at its start.
    let head = change(&writer, (0..5).map(|number| format!("x{number}"))).await;
    node.stands_at(head).await;
    redis.thaw();
    let begin = Instant::now();
    loop {
        let last = change(&writer, ["z".to_owned()].into_iter()).await;
        node.stands_at(last).await;
        sleep(Duration::from_millis(50)).await;
        if redis.ask(["GET", "muster:told"]) == last.to_string() {
            break;
        }
        assert!(begin.elapsed() < LIMIT, "Redis is not told");
    }
    assert_eq!(redis.ask(["GET", "muster:tag:all"]), BEFORE);
}
