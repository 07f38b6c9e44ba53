//! The end of a load: store what it brought if nothing has overtaken it, take it off the list, tell those who wait. It
//! happens once for every load, also for one that panicked, and for one whose runtime was taken away.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{
    engine::{Engine, Made},
    entry::Entry,
    flight::{Flights, Landed, Outcome},
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
    pub(crate) fn land(mut self, made: Result<Made<V>, LoadError<E>>) {
        let outcome = made.map(|made| {
            let value = Arc::clone(&made.value);
            Landed { value, is_stored: self.store(made) }
        });
        if outcome.is_err() {
            self.give_up();
        }
        if let Some(announce) = self.announce.take() {
            announce.send_replace(Some(outcome));
        }
    }
}

impl<V: Send + Sync + 'static, E> Landing<V, E> {
    fn store(&self, made: Made<V>) -> bool {
        let engine = &self.engine;
        let mut running = engine.flights.lock(&self.key);
        let standing = engine.standing(&self.stamp, self.of, &self.key);
        // Expired meanwhile, it may still be served while the next load runs; but not if that one has begun.
        let is_wanted = Flights::is_latest(&running, &self.key, self.id) && standing != Standing::Removed;
        let is_stored =
            is_wanted && engine.keep(self.of, &self.key, self.stamp.clone(), made, self.replaces.as_ref());
        if !is_wanted {
            count(&engine.types[self.of].counters.invalidations);
        }
        Flights::deregister(&mut running, &self.key, self.id);
        is_stored
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
