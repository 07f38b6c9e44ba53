//! One thing that is kept: the decoded value, when it was loaded, how long it is good for, and the stamp that says
//! whether an event has made it wrong since. Immutable but for a few atomics, so that a hit shares it freely.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    popularity::Requests,
    stats::{TypeState, count},
    suggest::End,
    tags::{Stamp, Standing},
    time::{Moment, to_millis},
};

/// What an entry costs beside its bytes: itself, its place in the table, its stamp. An estimate, meant to be on the high side.
pub(crate) const OVERHEAD: usize = 512;

/// Longest pause between two tries to replace a stale entry.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

pub(crate) struct Entry {
    pub(crate) value: Arc<dyn Any + Send + Sync>,
    /// Index of its type of data.
    pub(crate) of: usize,
    /// Bytes: of the encoded value, the key, and what an entry costs.
    pub(crate) weight: u32,
    /// Hash of the encoded value: did a new load bring something else?
    pub(crate) content: u128,
    pub(crate) loaded: Moment,
    /// The same in milliseconds of the cache's life.
    pub(crate) loaded_millis: u64,
    pub(crate) ttl: Duration,
    /// Age from which a hit starts a load.
    pub(crate) early_from: Duration,
    pub(crate) stale: Duration,
    pub(crate) is_negative: bool,
    pub(crate) stamp: Stamp,
    pub(crate) requests: Arc<Requests>,
    /// Milliseconds of the cache's life.
    pub(crate) last_read: AtomicU64,
    pub(crate) upkeep: Upkeep,
}

/// What happens to an entry while it is there.
#[derive(Default)]
pub(crate) struct Upkeep {
    is_refreshing: AtomicBool,
    failures: AtomicU32,
    /// Monotonic milliseconds of the cache's life.
    retry_at: AtomicU64,
    is_written_off: AtomicBool,
}

/// How good an entry still is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// For `left` more.
    Fresh { left: Duration, is_early: bool },
    /// Its TTL ended `past` ago.
    Past { past: Duration },
    /// Expired by one of its tags.
    Expired { past: Duration },
    /// Too old to be served in any case.
    Ended,
    /// Removed by one of its tags.
    Removed,
}

impl Entry {
    /// `trust` shortens what is left of its TTL: no entry older than that is fresh.
    pub(crate) fn condition(&self, now: Moment, trust: Duration) -> Condition {
        let age = now.since(self.loaded);
        let ttl = self.ttl.min(trust);
        let past = age.saturating_sub(ttl);
        match self.stamp.standing(self.of) {
            Standing::Removed => Condition::Removed,
            _ if age >= self.keep() => Condition::Ended,
            Standing::Expired => Condition::Expired { past },
            Standing::Current if age < ttl => {
                Condition::Fresh { left: ttl.saturating_sub(age), is_early: age >= self.early_from }
            }
            Standing::Current => Condition::Past { past },
        }
    }

    /// How long it can be of any use, from its load on.
    pub(crate) fn keep(&self) -> Duration {
        self.ttl.saturating_add(self.stale)
    }

    pub(crate) fn value<V: Send + Sync + 'static>(&self) -> Option<Arc<V>> {
        Arc::clone(&self.value).downcast().ok()
    }

    /// Counts the end of an entry that one of its tags removed; once, whoever notices.
    pub(crate) fn note_end_by_event(&self, kind: &TypeState) {
        if self.upkeep.write_off() {
            count(&kind.counters.invalidations);
            let changed_at = self.stamp.changed_at(self.of).unwrap_or(self.loaded_millis);
            kind.observed.ended(End::Announced, changed_at.saturating_sub(self.loaded_millis));
        }
    }

    /// Counts the end of an entry that was removed by its key.
    pub(crate) fn note_removal(&self, kind: &TypeState, now: Moment) {
        if self.upkeep.write_off() {
            count(&kind.counters.invalidations);
            kind.observed.ended(End::Announced, to_millis(now.since(self.loaded)));
        }
    }

    /// Counts the end of an entry whose place a new load takes.
    pub(crate) fn note_end_by_load(&self, kind: &TypeState, content: u128, now: Moment) {
        if self.stamp.standing(self.of) != Standing::Current {
            self.note_end_by_event(kind);
        } else if self.upkeep.write_off() {
            let end = if self.content == content { End::Unchanged } else { End::Silent };
            kind.observed.ended(end, to_millis(now.since(self.loaded)));
        }
    }
}

impl Upkeep {
    /// Whether it is the caller who starts the early load.
    pub(crate) fn claim_refresh(&self) -> bool {
        !self.is_refreshing.load(Ordering::Relaxed) && !self.is_refreshing.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn release_refresh(&self) {
        self.is_refreshing.store(false, Ordering::Release);
    }

    /// A load that should have replaced it failed: pause, 1 s at first, doubled up to half a minute.
    pub(crate) fn note_failure(&self, now_millis: u64) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed);
        let pause = Duration::from_secs(1 << failures.min(5)).min(LONGEST_PAUSE);
        self.retry_at.store(now_millis + to_millis(pause), Ordering::Relaxed);
    }

    pub(crate) fn is_pausing(&self, now_millis: u64) -> bool {
        now_millis < self.retry_at.load(Ordering::Relaxed)
    }

    /// True once: who first notices its end counts it.
    pub(crate) fn write_off(&self) -> bool {
        !self.is_written_off.swap(true, Ordering::AcqRel)
    }
}
