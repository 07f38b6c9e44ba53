//! The way of one read: look, judge, serve, load, store. All races are decided here.
//!
//! In order of a load: its stamp is taken and it is put on the list under the lock of its key; it runs; under the same
//! lock it is stored, if its stamp still stands, and taken off the list. Removing a key takes that lock too. So there is no
//! moment at which a finished load is neither running nor stored, and none at which a removal falls between the last look
//! at the stamp and the insertion. Tags need no lock: what is stored with an outdated stamp is never served.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tracing::Instrument;

use crate::{
    engine::{Engine, Made},
    entry::{Condition, Entry},
    flight::{Flight, Freshness, Landed, Outcome},
    landing::Landing,
    patience::of_this_load,
    shared::Unpack,
    stats::{TypeState, count},
    status::{LoadError, StaleDetail, StaleReason, Status},
    tags::Standing,
    time::Moment,
};

/// What came of wanting a load.
enum Begun<V, E> {
    Started(Flight<V, E>),
    Joined(Flight<V, E>),
    /// Meanwhile something else was stored: look again.
    Changed,
}

impl Engine {
    pub(crate) async fn fetch<V, E, F, Fut>(
        self: &Arc<Self>,
        of: usize,
        key: &str,
        tags: &[&str],
        unpack: Unpack<V>,
        load: F,
    ) -> Result<(Arc<V>, Status), LoadError<E>>
    where
        V: Send + Sync + 'static,
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Made<V>, E>> + Send + 'static,
    {
        let kind = &self.types[of];
        if !kind.config.is_enabled {
            count(&kind.counters.bypassed);
            let value = self.load(of, async move { load().await }).await?.value;
            return Ok((value, Status::Bypass));
        }
        let mut load = Some(load);
        let now = self.time.now();
        loop {
            let seen = self.store.find(key);
            // A key that was used for something else before is a miss, and is replaced.
            let known = seen.as_ref().filter(|entry| entry.of == of);
            let known = known.and_then(|entry| Some((entry, entry.value::<V>()?)));
            let stale = match known {
                None => None,
                Some((entry, value)) => match entry.condition(now, self.trust()) {
                    Condition::Fresh { left, is_early } => {
                        if is_early && !entry.upkeep.is_pausing(self.time.mono_millis(now)) {
                            self.refresh_early(of, key, tags, entry, unpack, &mut load);
                        }
                        self.note_read(kind, entry, now);
                        count(&kind.counters.hits);
                        if entry.is_negative {
                            count(&kind.counters.negative_hits);
                        }
                        return Ok((value, Status::Hit { age: now.since(entry.loaded), ttl: left }));
                    }
                    Condition::Past { past } => Some((entry, value, past, self.config.soft_timeout)),
                    // The next reads need not wait: that is what tells "expire" from "remove".
                    Condition::Expired { past } => Some((entry, value, past, Duration::ZERO)),
                    Condition::Ended => {
                        if entry.upkeep.write_off() {
                            count(&kind.counters.expirations);
                        }
                        None
                    }
                    Condition::Removed => {
                        entry.note_end_by_event(kind);
                        None
                    }
                },
            };
            let stale = stale.map(|(entry, value, past, patience)| {
                let age = now.since(entry.loaded);
                let status = move |reason| Status::Stale { age, detail: StaleDetail { reason, past } };
                (entry, value, patience, status)
            });
            if let Some((entry, value, _, status)) = &stale
                && entry.upkeep.is_pausing(self.time.mono_millis(now))
            {
                self.note_read(kind, entry, now);
                count(&kind.counters.stale_served);
                return Ok((Arc::clone(value), status(StaleReason::LoadFailed)));
            }
            let (flight, is_collapsed) = match self.begin(of, key, tags, seen.as_ref(), unpack, &mut load) {
                Begun::Started(flight) => (flight, false),
                Begun::Joined(flight) => (flight, true),
                Begun::Changed => continue,
            };
            let Some((entry, value, patience, status)) = stale else {
                self.popularity.of(key, of).add();
                note_miss(kind, is_collapsed);
                return landed(kind, flight.outcome().await, is_collapsed);
            };
            self.note_read(kind, entry, now);
            let reason = if patience.is_zero() {
                StaleReason::Refreshing
            } else {
                match flight.outcome_within(patience).await {
                    Some(Ok(answer)) => {
                        note_miss(kind, is_collapsed);
                        return landed(kind, Ok(answer), is_collapsed);
                    }
                    Some(Err(_)) => StaleReason::LoadFailed,
                    None => StaleReason::LoadSlow,
                }
            };
            count(&kind.counters.stale_served);
            return Ok((value, status(reason)));
        }
    }

    /// Joins the running load of `key` if its tags still stand, else starts one; unless something other than `seen` is
    /// stored by now.
    fn begin<V, E, F, Fut>(
        self: &Arc<Self>,
        of: usize,
        key: &str,
        tags: &[&str],
        seen: Option<&Arc<Entry>>,
        unpack: Unpack<V>,
        load: &mut Option<F>,
    ) -> Begun<V, E>
    where
        V: Send + Sync + 'static,
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Made<V>, E>> + Send + 'static,
    {
        let mut running = self.flights.lock(key);
        if let Some(registered) = running.get(key)
            && registered.of == of
            && self.standing(&registered.stamp, of, key) == Standing::Current
            && let Some(flight) = registered.flight()
        {
            return Begun::Joined(flight);
        }
        let stored = self.store.find(key);
        let is_as_seen = match (&stored, seen) {
            (None, _) => true,
            (Some(stored), Some(seen)) => Arc::ptr_eq(stored, seen),
            (Some(_), None) => false,
        };
        // Without a loader (it was handed to an early refresh) there is nothing to start; the caller has its value.
        if !is_as_seen || load.is_none() {
            return Begun::Changed;
        }
        let Some(load) = load.take() else { return Begun::Changed };
        let stamp = self.tags.stamp(Some(of), tags, self.removals.so_far());
        let (announce, flight) = Flight::new();
        let patience = flight.patience.clone();
        let key: Arc<str> = Arc::from(key);
        let id = self.flights.register(&mut running, Arc::clone(&key), of, stamp.clone(), flight.clone());
        drop(running);
        let landing = Landing {
            engine: Arc::clone(self),
            key,
            id,
            of,
            stamp,
            replaces: stored,
            announce: Some(announce),
        };
        let shared = self.shared_tags(of, tags);
        let flown = async move {
            match shared {
                Some(tags) => landing.fly_shared(&tags, &patience, unpack, load).await,
                None => {
                    let made = landing.engine.load(of, async move { load().await }).await;
                    landing.land(made);
                }
            }
        };
        tokio::spawn(of_this_load(flight.patience.clone(), flown).in_current_span());
        Begun::Started(flight)
    }

    fn refresh_early<V, E, F, Fut>(
        self: &Arc<Self>,
        of: usize,
        key: &str,
        tags: &[&str],
        entry: &Arc<Entry>,
        unpack: Unpack<V>,
        load: &mut Option<F>,
    ) where
        V: Send + Sync + 'static,
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Made<V>, E>> + Send + 'static,
    {
        if !entry.upkeep.claim_refresh() {
            return;
        }
        match self.begin::<V, E, F, Fut>(of, key, tags, Some(entry), unpack, load) {
            Begun::Started(_) => count(&self.types[of].counters.early_refreshes),
            Begun::Joined(_) | Begun::Changed => entry.upkeep.release_refresh(),
        }
    }

    fn note_read(&self, kind: &TypeState, entry: &Entry, now: Moment) {
        entry.requests.add();
        let now = self.time.millis(now);
        let last = entry.last_read.swap(now, Ordering::Relaxed);
        kind.observed.reread(now.saturating_sub(last));
    }
}

fn note_miss(kind: &TypeState, is_collapsed: bool) {
    count(&kind.counters.misses);
    if is_collapsed {
        count(&kind.counters.collapsed);
    }
}

fn landed<V, E>(
    kind: &TypeState,
    outcome: Outcome<V, E>,
    is_collapsed: bool,
) -> Result<(Arc<V>, Status), LoadError<E>> {
    let Landed { value, is_stored, shared } = outcome?;
    let status = match shared {
        Some(Freshness { age, ttl }) => {
            count(&kind.counters.shared_hits);
            Status::Hit { age, ttl: ttl.saturating_sub(age) }
        }
        None => Status::Miss { is_stored, is_collapsed },
    };
    Ok((value, status))
}
