//! Where entries lie: moka, for its bound in bytes, its choice of what to keep, and for dropping what has ended. It
//! decides nothing about freshness; that is the entry's own. Nothing of moka is seen outside this file.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use moka::{Expiry, notification::RemovalCause, sync};

use crate::{
    entry::Entry,
    stats::{TypeState, count},
    tags::Standing,
};

pub(crate) struct Store {
    entries: sync::Cache<Arc<str>, Arc<Entry>>,
    max_bytes: u64,
    /// Bytes put in since the store last tidied itself.
    untidied: AtomicU64,
    types: Arc<[TypeState]>,
}

impl Store {
    pub(crate) fn new(max_bytes: u64, types: Arc<[TypeState]>) -> Self {
        let counted = Arc::clone(&types);
        let entries = sync::Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|_, entry: &Arc<Entry>| entry.weight)
            .expire_after(Lifetime)
            .eviction_listener(move |_, entry: Arc<Entry>, cause| {
                count_out(&counted[entry.of], &entry, cause);
            })
            .build();
        Self { entries, max_bytes, untidied: AtomicU64::new(0), types }
    }

    pub(crate) fn find(&self, key: &str) -> Option<Arc<Entry>> {
        self.entries.get(key)
    }

    pub(crate) fn insert(&self, key: Arc<str>, entry: Arc<Entry>) {
        let weight = u64::from(entry.weight);
        let counters = &self.types[entry.of].counters;
        count(&counters.entries);
        counters.bytes.fetch_add(weight, Ordering::Relaxed);
        self.entries.insert(key, entry);
        // moka makes room when it finds time; by then a burst could have passed the bound by far.
        if self.untidied.fetch_add(weight, Ordering::Relaxed) + weight > self.max_bytes / 16 {
            self.untidied.store(0, Ordering::Relaxed);
            self.entries.run_pending_tasks();
        }
    }

    pub(crate) fn remove(&self, key: &str) -> Option<Arc<Entry>> {
        self.entries.remove(key)
    }

    pub(crate) fn clear(&self) {
        self.entries.invalidate_all();
        self.entries.run_pending_tasks();
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = Arc<str>> {
        self.entries.iter().map(|(key, _)| Arc::clone(&*key))
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.types.iter().map(|kind| kind.counters.bytes.load(Ordering::Relaxed)).sum()
    }

    /// Lets what is due happen, so that the counters say what is held now.
    pub(crate) fn tidy(&self) {
        self.entries.run_pending_tasks();
    }
}

fn count_out(kind: &TypeState, entry: &Entry, cause: RemovalCause) {
    kind.counters.entries.fetch_sub(1, Ordering::Relaxed);
    kind.counters.bytes.fetch_sub(u64::from(entry.weight), Ordering::Relaxed);
    let counter = match cause {
        RemovalCause::Size => &kind.counters.evictions,
        RemovalCause::Expired => &kind.counters.expirations,
        RemovalCause::Explicit | RemovalCause::Replaced => return,
    };
    if entry.stamp.standing(entry.of) == Standing::Removed {
        entry.note_end_by_event(kind);
    } else if entry.upkeep.write_off() {
        count(counter);
    }
}

/// An entry leaves by itself when it can be of no more use.
struct Lifetime;

impl Expiry<Arc<str>, Arc<Entry>> for Lifetime {
    fn expire_after_create(&self, _: &Arc<str>, entry: &Arc<Entry>, _: Instant) -> Option<Duration> {
        Some(entry.keep())
    }

    fn expire_after_update(
        &self,
        _: &Arc<str>,
        entry: &Arc<Entry>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.keep())
    }
}
