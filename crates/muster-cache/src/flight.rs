//! One load at a time for a key. A load is a task of its own: it goes on when everyone who waited has left, and takes
//! itself off the list when it lands, also when it panics or the runtime drops it. Who arrives when the tags have moved on
//! does not join it: its answer may be older than the change that the newcomer knows of.

use std::{
    any::Any,
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{sync::watch, time::Instant};
use xxhash_rust::xxh3::xxh3_64;

use crate::{patience::Patience, status::LoadError, tags::Stamp};

const SHARDS: usize = 64;

/// What a landed load says to all who wait.
pub(crate) struct Landed<V> {
    pub(crate) value: Arc<V>,
    pub(crate) is_stored: bool,
    /// Not loaded: it lay in the second level.
    pub(crate) shared: Option<Freshness>,
}

/// How old something is, and how old it may become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Freshness {
    pub(crate) age: Duration,
    pub(crate) ttl: Duration,
}

impl<V> Clone for Landed<V> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), is_stored: self.is_stored, shared: self.shared }
    }
}

pub(crate) type Outcome<V, E> = Result<Landed<V>, LoadError<E>>;

/// A running load, as those see it who wait for it.
pub(crate) struct Flight<V, E> {
    landing: watch::Receiver<Option<Outcome<V, E>>>,
    started: Instant,
    /// How long it waits for Redis.
    pub(crate) patience: Patience,
}

impl<V, E> Clone for Flight<V, E> {
    fn clone(&self) -> Self {
        Self { landing: self.landing.clone(), started: self.started, patience: self.patience.clone() }
    }
}

impl<V, E> Flight<V, E> {
    pub(crate) fn new() -> (watch::Sender<Option<Outcome<V, E>>>, Self) {
        let (announce, landing) = watch::channel(None);
        (announce, Self { landing, started: Instant::now(), patience: Patience::of_load() })
    }

    /// Waits for the end of it.
    pub(crate) async fn outcome(mut self) -> Outcome<V, E> {
        let _joined = self.patience.join();
        match self.landing.wait_for(Option::is_some).await {
            Ok(landed) => landed.clone().unwrap_or(Err(LoadError::Panicked)),
            // The task is gone without a word: its runtime ended.
            Err(_) => Err(LoadError::Panicked),
        }
    }

    /// The same, but no longer than until `soft` after its start; `None` then.
    pub(crate) async fn outcome_within(self, soft: Duration) -> Option<Outcome<V, E>> {
        let deadline = self.started + soft;
        tokio::time::timeout_at(deadline, self.outcome()).await.ok()
    }
}

/// Runs `load`, with the hard limit, and turns a panic into an error.
pub(crate) async fn run<T, E>(
    load: impl Future<Output = Result<T, E>>,
    limit: Duration,
) -> Result<T, LoadError<E>> {
    match tokio::time::timeout(limit, AssertUnwindSafe(load).catch_unwind()).await {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(error))) => Err(LoadError::Failed(Arc::new(error))),
        Ok(Err(_)) => Err(LoadError::Panicked),
        Err(_) => Err(LoadError::TimedOut),
    }
}

/// A running load on the list.
pub(crate) struct Registered {
    id: u64,
    pub(crate) of: usize,
    pub(crate) stamp: Stamp,
    /// A `Flight<V, E>` of whatever the key's first asker wanted.
    pub(crate) flight: Arc<dyn Any + Send + Sync>,
}

impl Registered {
    pub(crate) fn flight<V, E>(&self) -> Option<Flight<V, E>>
    where
        V: Send + Sync + 'static,
        E: Send + Sync + 'static,
    {
        self.flight.downcast_ref::<Flight<V, E>>().cloned()
    }
}

/// The loads that run, by key. The lock of a key also orders "store it" and "remove it".
pub(crate) struct Flights {
    shards: Box<[Mutex<Running>]>,
    last_id: AtomicU64,
}

pub(crate) type Running = HashMap<Arc<str>, Registered>;

impl Flights {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), last_id: AtomicU64::new(0) }
    }

    /// The lock of the keys among which `key` is.
    pub(crate) fn lock(&self, key: &str) -> MutexGuard<'_, Running> {
        let index = usize::try_from(xxh3_64(key.as_bytes()) % SHARDS as u64).unwrap_or_default();
        lock(&self.shards[index])
    }

    /// Returns when everyone who held a lock at the time of the call has given it back.
    pub(crate) fn barrier(&self) {
        self.shards.iter().for_each(|shard| drop(lock(shard)));
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    pub(crate) fn register<V, E>(
        &self,
        running: &mut Running,
        key: Arc<str>,
        of: usize,
        stamp: Stamp,
        flight: Flight<V, E>,
    ) -> u64
    where
        V: Send + Sync + 'static,
        E: Send + Sync + 'static,
    {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed);
        running.insert(key, Registered { id, of, stamp, flight: Arc::new(flight) });
        id
    }

    /// Whether no newer load took the place of the one with this id.
    pub(crate) fn is_latest(running: &Running, key: &str, id: u64) -> bool {
        running.get(key).is_some_and(|registered| registered.id == id)
    }

    /// The load with this id has not begun yet, so that it will know of everything up to `stamp`.
    pub(crate) fn stamp_anew(running: &mut Running, key: &str, id: u64, stamp: &Stamp) {
        if let Some(registered) = running.get_mut(key).filter(|registered| registered.id == id) {
            registered.stamp = stamp.clone();
        }
    }

    pub(crate) fn deregister(running: &mut Running, key: &str, id: u64) {
        if Self::is_latest(running, key, id) {
            running.remove(key);
        }
    }
}

fn lock(shard: &Mutex<Running>) -> MutexGuard<'_, Running> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
