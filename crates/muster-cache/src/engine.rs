//! What a cache consists of, and how something is put in and taken out. A key's lock orders the two: nothing is stored
//! after a removal that it should have fallen to.

use std::{
    any::Any,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use muster_model::Timestamp;

use crate::{
    CacheConfig,
    entry::{Entry, OVERHEAD, Upkeep},
    flight::{Flights, Freshness, run},
    glob,
    popularity::Popularity,
    redis::{Level, Parcel},
    removals::Removals,
    stats::{TypeState, count},
    status::LoadError,
    store::Store,
    tags::{Stamp, Standing, TagTable},
    time::Time,
};

/// What a loader made, ready to be kept.
pub(crate) struct Made<V> {
    pub(crate) value: Arc<V>,
    /// Bytes of its encoding; `None` if it cannot be encoded, and so not be kept.
    pub(crate) bytes: Option<usize>,
    /// Hash of its encoding.
    pub(crate) content: u128,
    pub(crate) keep: Keep,
    /// For the second level, if the type is shared.
    pub(crate) parcel: Option<Parcel>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Normal,
    Negative,
    Never,
}

pub(crate) struct Engine {
    pub(crate) config: CacheConfig,
    pub(crate) types: Arc<[TypeState]>,
    pub(crate) store: Store,
    pub(crate) tags: TagTable,
    pub(crate) removals: Removals,
    pub(crate) flights: Flights,
    pub(crate) popularity: Popularity,
    pub(crate) time: Time,
    pub(crate) chance: Box<dyn Fn() -> u64 + Send + Sync>,
    pub(crate) last_invalidation: Mutex<Option<Timestamp>>,
    /// The second level, and the invalidations of other nodes.
    pub(crate) level: Option<Arc<Level>>,
    /// Tags that mean something on this node alone.
    pub(crate) own_tags: Box<[Box<str>]>,
}

impl Engine {
    pub(crate) async fn load<V, E>(
        &self,
        of: usize,
        load: impl Future<Output = Result<Made<V>, E>>,
    ) -> Result<Made<V>, LoadError<E>> {
        let counters = &self.types[of].counters;
        count(&counters.loads);
        let began = tokio::time::Instant::now();
        let made = run(load, self.config.load_timeout).await;
        match &made {
            Ok(_) => {
                let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
                counters.load_nanos.fetch_add(nanos, Ordering::Relaxed);
            }
            Err(_) => count(&counters.load_failures),
        }
        made
    }

    /// What became of a stamp, removals of the key itself included.
    pub(crate) fn standing(&self, stamp: &Stamp, of: usize, key: &str) -> Standing {
        if self.removals.is_removed_since(key, stamp.removals()) {
            Standing::Removed
        } else {
            stamp.standing(of)
        }
    }

    /// Puts a value in that was read elsewhere after `stamp` was taken.
    pub(crate) fn put<V: Send + Sync + 'static>(
        &self,
        of: usize,
        key: &str,
        stamp: Stamp,
        made: Made<V>,
    ) -> Arc<V> {
        let value = Arc::clone(&made.value);
        if !self.types[of].config.is_enabled {
            return value;
        }
        let key: Arc<str> = Arc::from(key);
        let running = self.flights.lock(&key);
        if self.standing(&stamp, of, &key) == Standing::Current {
            let replaces = self.store.find(&key);
            self.keep(of, &key, stamp, made, replaces.as_ref(), None);
        } else {
            count(&self.types[of].counters.invalidations);
        }
        drop(running);
        value
    }

    /// Stores what a load brought, or what the second level had and how good it still is. Called under the lock of the
    /// key. Says for how long, if it was stored.
    pub(crate) fn keep<V: Send + Sync + 'static>(
        &self,
        of: usize,
        key: &Arc<str>,
        stamp: Stamp,
        made: Made<V>,
        replaces: Option<&Arc<Entry>>,
        freshness: Option<Freshness>,
    ) -> Option<Duration> {
        let kind = &self.types[of];
        let now = self.time.now();
        if let Some(old) = replaces {
            old.note_end_by_load(kind, made.content, now);
        }
        let weight = made.bytes.map(|bytes| bytes + key.len() + OVERHEAD);
        let fits = weight.is_some_and(|weight| weight <= self.config.max_entry_bytes);
        if weight.is_some() && !fits {
            count(&kind.counters.oversized);
        }
        let weight = weight.and_then(|weight| u32::try_from(weight).ok());
        let (Some(weight), true) = (weight, fits && made.keep != Keep::Never) else {
            // What it would have replaced is older than what we just saw, and is not served again.
            self.store.remove(key);
            return None;
        };
        let is_negative = made.keep == Keep::Negative;
        let (ttl, stale) = if is_negative {
            (self.config.negative_ttl, Duration::ZERO)
        } else {
            (kind.config.ttl, kind.config.stale)
        };
        let (age, ttl) = match freshness {
            Some(Freshness { age, ttl }) => (age, ttl),
            None => (Duration::ZERO, self.config.jittered(ttl, (self.chance)())),
        };
        let value: Arc<dyn Any + Send + Sync> = made.value;
        let entry = Entry {
            value,
            of,
            weight,
            content: made.content,
            loaded: now.before(age),
            loaded_millis: self.time.millis(now),
            ttl,
            early_from: self.config.early_from(ttl),
            stale,
            is_negative,
            stamp,
            requests: self.popularity.of(key, of),
            last_read: AtomicU64::new(self.time.millis(now)),
            upkeep: Upkeep::default(),
        };
        self.store.insert(Arc::clone(key), Arc::new(entry));
        Some(ttl)
    }

    /// The age beyond which nothing is fresh: none, unless invalidations of other nodes may be missing.
    pub(crate) fn trust(&self) -> Duration {
        self.level.as_ref().map_or(Duration::MAX, |level| level.trust())
    }

    pub(crate) fn remove(&self, key: &str) {
        let running = self.flights.lock(key);
        self.removals.note(key);
        if let Some(entry) = self.store.remove(key) {
            entry.note_removal(&self.types[entry.of], self.time.now());
        }
        drop(running);
    }

    /// Removes every key that `glob` names, and says how many there were.
    pub(crate) fn remove_matching(&self, glob: &str) -> usize {
        self.removals.note_all();
        // A load that found itself still current may be about to store: after this it has, and its key is seen below.
        self.flights.barrier();
        let keys: Vec<Arc<str>> = self.store.keys().filter(|key| glob::is_match(glob, key)).collect();
        for key in &keys {
            self.remove(key);
        }
        keys.len()
    }

    pub(crate) fn note_invalidation(&self) {
        *self.last_invalidation.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.time.now().wall);
    }
}
