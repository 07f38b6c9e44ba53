//! The second level and the bus, with a real Redis. A node is a cache of its own in this process; time is real, so
//! upper bounds are generous and everything else is waited for.

mod away;
mod bus;
mod level;
mod limit;
mod odd;
mod older;
mod slow;

use std::{
    convert::Infallible,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use muster_cache::{
    Cache, CacheConfig, DataType, DataTypeConfig, Found, FoundBody, Rendered, Sharing,
    redis::{LinkState, RedisConfig, RedisLink, SharedStats},
};
use muster_model::{Clock, SystemClock};
use muster_testkit::Redis;
use tokio::time::{Instant, sleep};

/// What a caller may wait for Redis, with much room for a machine that does other things too.
const NO_LONGER: Duration = Duration::from_secs(2);

struct Node {
    cache: Cache,
    link: RedisLink,
    thing: DataType,
    /// Not shared.
    local: DataType,
    /// Shared with the node's later runs alone.
    mine: DataType,
    loads: Arc<AtomicUsize>,
}

fn chance() -> impl Fn() -> u64 + Send + Sync + 'static {
    let (state, count) = (RandomState::new(), AtomicU64::new(0));
    move || state.hash_one(count.fetch_add(1, Ordering::Relaxed))
}

fn config(redis: &Redis) -> RedisConfig {
    RedisConfig {
        url: redis.url(),
        schema: "test 1".to_owned(),
        heartbeat: Duration::from_millis(200),
        ..RedisConfig::default()
    }
}

/// A node that may not have reached Redis yet.
fn starting(config: RedisConfig, clock: impl Clock + 'static) -> Node {
    let link = RedisLink::start(config, chance()).expect("the address is right");
    let kind = |name, sharing| DataTypeConfig {
        name,
        ttl: Duration::from_secs(100),
        stale: Duration::from_secs(50),
        is_enabled: true,
        sharing,
    };
    let types = [kind("thing", Sharing::All), kind("local", Sharing::Nobody), kind("mine", Sharing::Node)];
    let cache =
        Cache::shared(CacheConfig::default(), &types, Arc::new(clock), chance(), link.clone(), &["own"]);
    let [thing, local, mine] = ["thing", "local", "mine"].map(|name| cache.data_type(name));
    Node { cache, link, thing, local, mine, loads: Arc::default() }
}

async fn node_with(config: RedisConfig) -> Node {
    let node = starting(config, SystemClock);
    node.ready().await;
    node
}

async fn node(redis: &Redis) -> Node {
    node_with(config(redis)).await
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

impl Node {
    async fn ready(&self) {
        until("the node is connected", || self.link.state() == LinkState::Up && self.shared().is_synced)
            .await;
    }

    fn shared(&self) -> SharedStats {
        self.cache.shared_stats().expect("it is shared")
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    /// Reads `key`, which depends on the tag `t`; a loader says `value` after `takes`.
    async fn read_slowly(&self, key: &str, value: u32, takes: Duration) -> Found<u32> {
        let loads = Arc::clone(&self.loads);
        let load = move || async move {
            loads.fetch_add(1, Ordering::SeqCst);
            sleep(takes).await;
            Ok::<_, Infallible>(value)
        };
        self.cache.get_or_load(&self.thing, key, &["t"], load).await.expect("it loads")
    }

    async fn read(&self, key: &str, value: u32) -> u32 {
        *self.read_slowly(key, value, Duration::ZERO).await
    }

    async fn page(&self, text: &'static str, status: u16) -> FoundBody {
        let loads = Arc::clone(&self.loads);
        let render = move || async move {
            loads.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>(Rendered { status, content_type: "text/plain", bytes: text.into() })
        };
        self.cache.body(&self.thing, "http:/page", &["t"], render).await.expect("it renders")
    }

    /// Until what was loaded lies in Redis.
    async fn stored(&self, writes: u64) {
        until("it is stored in Redis", || self.shared().writes >= writes).await;
    }

    /// Until Redis was told every invalidation.
    async fn told(&self) {
        until("Redis was told", || self.shared().pending == 0).await;
    }
}
