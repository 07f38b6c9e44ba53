//! The end of a load: store what it brought if nothing has overtaken it, take it off the list, tell those who wait. It
//! happens once for every load, also for one that panicked, and for one whose runtime was taken away.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{
    engine::{Engine, Made},
    entry::Entry,
    flight::{Flights, Freshness, Landed, Outcome},
    redis::Parcel,
    stats::count,
    status::LoadError,
    tags::{Stamp, Standing},
};

/// Brings one load home, whatever becomes of it.
pub(crate) struct Landing<V, E> {
    pub(crate) engine: Arc<Engine>,
    pub(crate) key: Arc<str>,
    pub(crate) id: u64,
    pub(crate) of: usize,
    pub(crate) stamp: Stamp,
    pub(crate) replaces: Option<Arc<Entry>>,
    pub(crate) announce: Option<watch::Sender<Option<Outcome<V, E>>>>,
}

impl<V: Send + Sync + 'static, E> Landing<V, E> {
    /// What is to be stored in the second level as well, and for how long.
    pub(crate) fn land(mut self, made: Result<Made<V>, LoadError<E>>) -> Option<(Parcel, Duration)> {
        let mut to_share = None;
        let outcome = made.map(|mut made| {
            let (value, parcel) = (Arc::clone(&made.value), made.parcel.take());
            let ttl = self.store(made, None);
            to_share = parcel.zip(ttl);
            Landed { value, is_stored: ttl.is_some(), shared: None }
        });
        if outcome.is_err() {
            self.give_up();
        }
        self.announce(outcome);
        to_share
    }

    /// The second level had it.
    pub(crate) fn land_shared(mut self, made: Made<V>, freshness: Freshness) {
        let value = Arc::clone(&made.value);
        let is_stored = self.store(made, Some(freshness)).is_some();
        self.announce(Ok(Landed { value, is_stored, shared: Some(freshness) }));
    }

    fn announce(&mut self, outcome: Outcome<V, E>) {
        if let Some(announce) = self.announce.take() {
            announce.send_replace(Some(outcome));
        }
    }
}

impl<V: Send + Sync + 'static, E> Landing<V, E> {
    /// For how long, if it was stored.
    fn store(&self, made: Made<V>, freshness: Option<Freshness>) -> Option<Duration> {
        let engine = &self.engine;
        let mut running = engine.flights.lock(&self.key);
        let standing = engine.standing(&self.stamp, self.of, &self.key);
        // Expired meanwhile, it may still be served while the next load runs; but not if that one has begun.
        let is_wanted = Flights::is_latest(&running, &self.key, self.id) && standing != Standing::Removed;
        let ttl = if is_wanted {
            engine.keep(self.of, &self.key, self.stamp.clone(), made, self.replaces.as_ref(), freshness)
        } else {
            count(&engine.types[self.of].counters.invalidations);
            None
        };
        Flights::deregister(&mut running, &self.key, self.id);
        ttl
    }
}

impl<V, E> Landing<V, E> {
    /// Nothing was loaded. What is kept stays, and is not loaded again at once.
    fn give_up(&self) {
        let engine = &self.engine;
        let mut running = engine.flights.lock(&self.key);
        if let Some(entry) = &self.replaces {
            entry.upkeep.note_failure(engine.time.mono_millis(engine.time.now()));
            entry.upkeep.release_refresh();
        }
        Flights::deregister(&mut running, &self.key, self.id);
        drop(running);
        if self.replaces.is_some() {
            // Whoever is served something stale has no error to report, so it is said here.
            let data_type = engine.types[self.of].config.name;
            tracing::warn!(
                cache.data_type = data_type,
                "a refresh failed; what is kept is served until it ends"
            );
        }
    }
}

impl<V, E> Drop for Landing<V, E> {
    fn drop(&mut self) {
        // Only if the runtime ended under the load: those who wait see that nobody will announce anything.
        if self.announce.is_some() {
            self.give_up();
        }
    }
}
