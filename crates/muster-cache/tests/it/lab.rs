//! A cache on a clock that the test moves, without jitter and early loads unless a test asks for them.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use muster_cache::{Cache, CacheConfig, DataType, DataTypeConfig, Found, LoadError, Sharing};
use muster_model::Clock;
use muster_testkit::FixedClock;

pub(crate) const TTL: Duration = Duration::from_secs(100);
pub(crate) const STALE: Duration = Duration::from_secs(50);

pub(crate) struct Lab {
    pub(crate) cache: Cache,
    pub(crate) clock: FixedClock,
    /// Keeps for `TTL`, and `STALE` after it.
    pub(crate) thing: DataType,
    /// Never stale.
    pub(crate) strict: DataType,
    /// Switched off.
    pub(crate) off: DataType,
    pub(crate) loads: Arc<AtomicUsize>,
}

pub(crate) fn lab() -> Lab {
    lab_with(plain(), || 0)
}

pub(crate) fn plain() -> CacheConfig {
    CacheConfig { jitter_percent: 0, early_refresh_percent: 100, ..CacheConfig::default() }
}

pub(crate) fn lab_with(config: CacheConfig, chance: impl Fn() -> u64 + Send + Sync + 'static) -> Lab {
    let clock = FixedClock::at("2026-01-31T12:00:00Z");
    let kind =
        |name, stale, is_enabled| DataTypeConfig { name, ttl: TTL, stale, is_enabled, sharing: Sharing::All };
    let types = [kind("thing", STALE, true), kind("strict", Duration::ZERO, true), kind("off", STALE, false)];
    let cache = Cache::new(config, &types, Arc::new(clock.clone()), chance);
    let [thing, strict, off] = ["thing", "strict", "off"].map(|name| cache.data_type(name));
    Lab { cache, clock, thing, strict, off, loads: Arc::default() }
}

impl Lab {
    pub(crate) fn pass(&self, time: Duration) {
        self.clock.set(self.clock.now() + time);
    }

    pub(crate) fn go_back(&self, time: Duration) {
        self.clock.set(self.clock.now() - time);
    }

    /// Reads `key` of type `of`, which depends on the tag `t`; the loader says `value` at once.
    pub(crate) async fn read_as(&self, of: DataType, key: &str, value: u32) -> Found<u32> {
        let loads = Arc::clone(&self.loads);
        let load = move || async move {
            loads.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>(value)
        };
        self.cache.get_or_load(&of, key, &["t"], load).await.expect("it loads")
    }

    pub(crate) async fn read(&self, key: &str, value: u32) -> Found<u32> {
        self.read_as(self.thing, key, value).await
    }

    /// The same with a loader that fails.
    pub(crate) async fn fail(&self, key: &str) -> Result<Found<u32>, LoadError<&'static str>> {
        let loads = Arc::clone(&self.loads);
        let load = move || async move {
            loads.fetch_add(1, Ordering::SeqCst);
            Err("no")
        };
        self.cache.get_or_load(&self.thing, key, &["t"], load).await
    }

    pub(crate) fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    /// Until no load runs any more.
    pub(crate) async fn settled(&self) {
        while self.cache.stats().loads_running > 0 {
            tokio::task::yield_now().await;
        }
    }
}
