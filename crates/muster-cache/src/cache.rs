//! The face of the cache: what others call. Everything here is short, because what is hard is decided in the engine.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use muster_model::Clock;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{broadcast, watch};
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    CacheConfig, CacheStats, DataTypeConfig, Found, FoundBody, Hot, LoadError, Stamp, Status,
    body::{Body, Rendered},
    engine::{Engine, Keep, Made},
    entry::Condition,
    flight::Flights,
    popularity::Popularity,
    redis::{Away, CheckReport, Content, Level, Parcel, RedisLink, SharedStats, run_bus},
    removals::Removals,
    shared::{Fall, Parcelling, unpack_body, unpack_value},
    stats::{Counters, TypeState, count},
    store::Store,
    suggest::Observed,
    tags::{ALL_TAG, TagTable},
    time::Time,
};

/// Bodies above this many bytes are compressed on a thread that may be slow.
const SLOW_TO_COMPRESS: usize = 256 << 10;

/// A handle to a cache in this process; clones share it. Loads need a Tokio runtime with time.
#[derive(Clone)]
pub struct Cache {
    engine: Arc<Engine>,
}

/// A registered type of data, of the cache that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataType {
    index: usize,
}

/// What is known of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryInfo {
    pub data_type: &'static str,
    /// What it counts for in the bound: its encoding, its key, and what an entry costs.
    pub bytes: u64,
    /// Since its load.
    pub age: Duration,
    /// Zero if it is only kept to be served stale.
    pub ttl_left: Duration,
}

impl Cache {
    /// An empty cache. Of two types with one name the first counts. `chance` gives any 64 bits, for the jitter.
    pub fn new(
        config: CacheConfig,
        types: &[DataTypeConfig],
        clock: Arc<dyn Clock>,
        chance: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        Self { engine: Arc::new(engine(config, types, clock, Box::new(chance), None, &[])) }
    }

    /// The same with a second level, and with other nodes that hear of invalidations here and are heard. `own_tags` mean
    /// something on this node alone: what depends on one is not shared, and nobody is told when it falls.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn shared(
        config: CacheConfig,
        types: &[DataTypeConfig],
        clock: Arc<dyn Clock>,
        chance: impl Fn() -> u64 + Send + Sync + 'static,
        link: RedisLink,
        own_tags: &[&str],
    ) -> Self {
        let level = Some(Arc::new(Level::new(link)));
        let engine = Arc::new(engine(config, types, clock, Box::new(chance), level, own_tags));
        tokio::spawn(run_bus(Arc::downgrade(&engine)));
        Self { engine }
    }

    /// The type registered as `name`.
    ///
    /// # Panics
    /// If there is none: types are registered at the start, so this is an error of the program.
    #[track_caller]
    pub fn data_type(&self, name: &str) -> DataType {
        match self.engine.types.iter().position(|kind| kind.config.name == name) {
            Some(index) => DataType { index },
            None => panic!("no type of data is registered as `{name}`"),
        }
    }

    /// The value of `key`, from the cache or by `load`. However many ask, one load runs; it is a task of its own and ends
    /// also when all who wait have left. The entry depends on `tags`, on the tag of its type and on `all`.
    ///
    /// The value is encoded once, when it enters (its length is its weight), and kept decoded.
    pub async fn get_or_load<T, E, F, Fut>(
        &self,
        of: &DataType,
        key: &str,
        tags: &[&str],
        load: F,
    ) -> Result<Found<T>, LoadError<E>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        let (types, index) = (Arc::clone(&self.engine.types), of.index);
        let parcelling = self.engine.parcelling(index);
        let make = move || async move { Ok(made(&types[index], load().await?, parcelling)) };
        let (value, status) = self.engine.fetch(index, key, tags, unpack_value, make).await?;
        Ok(Found { value, status })
    }

    /// The value of `key` if it is there and fresh. Loads nothing and counts nothing.
    pub fn peek<T: Send + Sync + 'static>(&self, of: &DataType, key: &str) -> Option<Arc<T>> {
        let entry = self.engine.store.find(key).filter(|entry| entry.of == of.index)?;
        let condition = entry.condition(self.engine.time.now(), self.engine.trust());
        matches!(condition, Condition::Fresh { .. }).then(|| entry.value())?
    }

    /// The state of `tags` now: take it before reading what will be [`put`](Self::put), so that an invalidation in
    /// between is not lost.
    pub fn stamp(&self, tags: &[&str]) -> Stamp {
        self.engine.tags.stamp(None, tags, self.engine.removals.so_far())
    }

    /// Keeps `value`, read after `stamp` was taken; not if something it depends on was invalidated since. It depends on
    /// the tags of the stamp, on the tag of its type and on `all`.
    pub fn put<T>(&self, of: &DataType, key: &str, stamp: Stamp, value: T) -> Arc<T>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let made = made(&self.engine.types[of.index], value, Parcelling::Unwanted);
        self.engine.put(of.index, key, stamp, made)
    }

    /// The ready body of `key`, from the cache or by `render`; in all else like [`get_or_load`](Self::get_or_load).
    pub async fn body<E, F, Fut>(
        &self,
        of: &DataType,
        key: &str,
        tags: &[&str],
        render: F,
    ) -> Result<FoundBody, LoadError<E>>
    where
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Rendered, E>> + Send + 'static,
    {
        let (engine, index) = (Arc::clone(&self.engine), of.index);
        let make = move || async move { Ok(made_body(&engine, index, render().await?).await) };
        let (body, status) = self.engine.fetch(index, key, tags, unpack_body, make).await?;
        Ok(FoundBody { body, status })
    }

    /// A body that is made for one answer and not kept: for what can be asked in endless ways.
    pub fn unkept(&self, of: &DataType, rendered: Rendered) -> FoundBody {
        let (types, loaded_at) = (Arc::clone(&self.engine.types), self.engine.time.now().wall);
        FoundBody { body: Arc::new(Body::new(rendered, loaded_at, types, of.index)), status: Status::Bypass }
    }

    /// Forgets `key`; a load of it that is running will not be kept.
    pub fn remove(&self, key: &str) {
        self.engine.tell_by_key(|outbox, number| outbox.key(key, number));
        self.engine.remove(key);
        self.engine.note_invalidation();
    }

    /// Makes everything that depends on `tag` worthless, also what is being loaded: the next read waits for a load.
    pub fn remove_by_tag(&self, tag: &str) {
        self.engine.invalidate(tag, Fall::Removed);
    }

    /// The same for `tags` by a change that has the number `change` on all nodes, each of which will see it and call this:
    /// if one has said so already, there is nothing left to do. A number is used once.
    pub fn remove_by_change<'a>(&self, change: u64, tags: impl IntoIterator<Item = &'a str>) {
        let level = self.engine.level.as_ref();
        if level.is_some_and(|level| level.is_known(change)) {
            return;
        }
        tags.into_iter().for_each(|tag| self.engine.invalidate(tag, Fall::Removed));
        // Before it has caught up this node cannot say that all up to this one are told.
        if let Some(level) = level.filter(|level| level.is_caught_up()) {
            level.outbox.mark(change);
        }
    }

    /// Uses nothing of the second level until [`caught_up`](Self::caught_up): changes may have happened that it was not
    /// told of. For the start.
    pub fn catching_up(&self) {
        if let Some(level) = &self.engine.level {
            level.set_caught_up(false);
        }
    }

    /// The change up to which the second level was told of all; `None` if it does not know, or there is none.
    pub async fn told_up_to(&self) -> Result<Option<u64>, Away> {
        match &self.engine.level {
            Some(level) => level.told().await,
            None => Ok(None),
        }
    }

    /// Uses the second level: it was told of every change up to `change`.
    pub fn caught_up(&self, change: u64) {
        if let Some(level) = &self.engine.level {
            level.set_caught_up(true);
            level.outbox.mark(change);
        }
    }

    /// Forgets everything, here and on all nodes, and uses the second level: of what happened up to `change` too much is not
    /// known to tell it one by one, or the numbers are those of another database.
    pub fn begin_anew(&self, change: u64) {
        self.engine.begin_anew(change);
    }

    /// Changes when another node tells of changes that have numbers: there is something new to be read. `None` if there is
    /// no second level.
    pub fn changes_heard(&self) -> Option<watch::Receiver<u64>> {
        self.engine.level.as_deref().map(Level::heard)
    }

    /// Whether there is a second level.
    pub fn is_shared(&self) -> bool {
        self.engine.level.is_some()
    }

    /// Ends the freshness of everything that depends on `tag`: it may be served stale while one load runs, and as long as
    /// that fails, up to the end of TTL and stale time.
    pub fn expire_by_tag(&self, tag: &str) {
        self.engine.invalidate(tag, Fall::Expired);
    }

    /// Forgets every key that `glob` names (`*` any characters, `?` one) and says how many there were here. Looks at all
    /// keys, and lets no load that is running now be kept: for administration, not for events.
    pub fn remove_matching(&self, glob: &str) -> usize {
        self.engine.tell_by_key(|outbox, number| outbox.pattern(glob, number));
        let removed = self.engine.remove_matching(glob);
        self.engine.note_invalidation();
        removed
    }

    /// The same on this node alone: for whoever hears that another forgot them.
    pub fn remove_matching_here(&self, glob: &str) {
        self.engine.remove_matching(glob);
        self.engine.note_invalidation();
    }

    /// Says something to this program on the other nodes, by the way that invalidations go. Nothing is promised: it is lost
    /// where there is no second level, and to whoever is cut off.
    pub fn pass_on(&self, news: String) {
        if let Some(level) = &self.engine.level {
            level.pass_on(news);
        }
    }

    /// Hears from now on what others [pass on](Self::pass_on). `None` without a second level.
    pub fn passed_on(&self) -> Option<broadcast::Receiver<String>> {
        self.engine.level.as_ref().map(|level| level.passed())
    }

    /// Forgets everything; what is being loaded will not be kept.
    pub fn clear(&self) {
        self.engine.invalidate(ALL_TAG, Fall::Removed);
    }

    /// Tells all nodes something by the way that invalidations go, and waits up to `limit` until each that lives has
    /// answered. `None` if there is no second level.
    pub async fn check(&self, limit: Duration) -> Option<CheckReport> {
        match &self.engine.level {
            Some(level) => Some(level.check(limit).await),
            None => None,
        }
    }

    /// The second level, if there is one: for health and metrics; cheap.
    pub fn shared_stats(&self) -> Option<SharedStats> {
        self.engine.level.as_deref().map(Level::stats)
    }

    /// What is known of the entry of `key`, if it can still be served.
    pub fn entry(&self, key: &str) -> Option<EntryInfo> {
        let entry = self.engine.store.find(key)?;
        let now = self.engine.time.now();
        let ttl_left = match entry.condition(now, self.engine.trust()) {
            Condition::Fresh { left, .. } => left,
            Condition::Past { .. } | Condition::Expired { .. } => Duration::ZERO,
            Condition::Ended | Condition::Removed => return None,
        };
        Some(EntryInfo {
            data_type: self.engine.types[entry.of].config.name,
            bytes: u64::from(entry.weight),
            age: now.since(entry.loaded),
            ttl_left,
        })
    }

    /// At most `most` keys, those asked for most often first; also of entries that are gone.
    pub fn hottest(&self, most: usize) -> Vec<Hot> {
        let hottest = self.engine.popularity.hottest(most).into_iter();
        let named = |(key, of, requests): (Arc<str>, usize, u64)| Hot {
            key,
            data_type: self.engine.types[of].config.name,
            requests,
        };
        hottest.map(named).collect()
    }

    /// Whether what is held reaches that part of the bound.
    pub(crate) fn is_filled(&self, percent: u8) -> bool {
        self.engine.store.bytes() >= self.engine.config.max_bytes / 100 * u64::from(percent)
    }

    /// All counters. Makes the store tidy up first, so that entries and bytes are what is held.
    pub fn stats(&self) -> CacheStats {
        let engine = &self.engine;
        engine.store.tidy();
        let types: Vec<_> = engine.types.iter().map(TypeState::read).collect();
        CacheStats {
            totals: CacheStats::sum(&types),
            types,
            last_invalidation: *engine.last_invalidation.lock().unwrap_or_else(PoisonError::into_inner),
            max_bytes: engine.config.max_bytes,
            tags: engine.tags.len(),
            loads_running: engine.flights.len(),
            shared: self.shared_stats(),
        }
    }
}

fn engine(
    config: CacheConfig,
    types: &[DataTypeConfig],
    clock: Arc<dyn Clock>,
    chance: Box<dyn Fn() -> u64 + Send + Sync>,
    level: Option<Arc<Level>>,
    own_tags: &[&str],
) -> Engine {
    let types: Arc<[TypeState]> = types
        .iter()
        .map(|config| TypeState {
            config: config.clone(),
            tag: format!("type:{}", config.name),
            counters: Counters::default(),
            observed: Observed::default(),
        })
        .collect();
    Engine {
        store: Store::new(config.max_bytes, Arc::clone(&types)),
        tags: TagTable::new(ALL_TAG, types.iter().map(|kind| kind.tag.as_str())),
        config,
        types,
        removals: Removals::new(),
        flights: Flights::new(),
        popularity: Popularity::default(),
        time: Time::new(clock),
        chance,
        last_invalidation: Mutex::new(None),
        level,
        own_tags: own_tags.iter().map(|&tag| Box::from(tag)).collect(),
    }
}

fn made<T: Serialize>(kind: &TypeState, value: T, parcelling: Parcelling) -> Made<T> {
    if !kind.config.is_enabled {
        return Made { value: Arc::new(value), bytes: None, content: 0, keep: Keep::Never, parcel: None };
    }
    count(&kind.counters.serializations);
    let encoded = serde_json::to_vec(&value).inspect_err(|error| {
        tracing::warn!(cache.data_type = kind.config.name, %error, "a value cannot be encoded, and is not kept");
    });
    let Ok(encoded) = encoded else {
        return Made { value: Arc::new(value), bytes: None, content: 0, keep: Keep::Normal, parcel: None };
    };
    let (bytes, content) = (Some(encoded.len()), xxh3_128(&encoded));
    let is_shared = parcelling == Parcelling::Wanted;
    let parcel = is_shared.then(|| Parcel { content: Content::Value(encoded.into()), is_negative: false });
    Made { value: Arc::new(value), bytes, content, keep: Keep::Normal, parcel }
}

async fn made_body(engine: &Engine, of: usize, rendered: Rendered) -> Made<Body> {
    let keep = match rendered.status {
        200..400 => Keep::Normal,
        404 | 410 => Keep::Negative,
        _ => Keep::Never,
    };
    let (types, loaded_at) = (Arc::clone(&engine.types), engine.time.now().wall);
    let body = if rendered.bytes.len() < SLOW_TO_COMPRESS {
        Body::new(rendered, loaded_at, types, of)
    } else {
        match tokio::task::spawn_blocking(move || Body::new(rendered, loaded_at, types, of)).await {
            Ok(body) => body,
            // Part of the load: its panic is the load's, and a cancelled thread means that the runtime ends.
            Err(error) => panic!("compressing: {error}"),
        }
    };
    let is_shared = engine.parcelling(of) == Parcelling::Wanted;
    let parcel = is_shared.then(|| body.parcel(keep == Keep::Negative));
    Made { bytes: Some(body.weight()), content: body.content(), value: Arc::new(body), keep, parcel }
}
