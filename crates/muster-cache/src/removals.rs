//! Which single keys were removed since a stamp was taken. Removing a key must also stop a load of it that is running, and
//! a bulk load that will put it; a counter for each key ever removed would grow for ever, so keys share a fixed number of
//! slots. Two keys in one slot cost a value that is handed out but not kept, never a wrong one.

use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::xxh3_64;

const SLOTS: usize = 4096;

pub(crate) struct Removals {
    sequence: AtomicU64,
    /// What was stamped before this is not kept, whatever its key: set by removals of many keys by pattern.
    floor: AtomicU64,
    /// The last removal of any key of the slot.
    slots: Box<[AtomicU64]>,
}

impl Removals {
    pub(crate) fn new() -> Self {
        Self {
            sequence: AtomicU64::new(0),
            floor: AtomicU64::new(0),
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The last removal so far; goes into stamps.
    pub(crate) fn so_far(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
    }

    pub(crate) fn note(&self, key: &str) {
        let removal = self.sequence.fetch_add(1, Ordering::AcqRel) + 1;
        self.slot(key).fetch_max(removal, Ordering::AcqRel);
    }

    pub(crate) fn note_all(&self) {
        let removal = self.sequence.fetch_add(1, Ordering::AcqRel) + 1;
        self.floor.fetch_max(removal, Ordering::AcqRel);
    }

    /// Whether `key` was, or may have been, removed since `seen`.
    pub(crate) fn is_removed_since(&self, key: &str, seen: u64) -> bool {
        self.floor.load(Ordering::Acquire) > seen || self.slot(key).load(Ordering::Acquire) > seen
    }

    fn slot(&self, key: &str) -> &AtomicU64 {
        let index = xxh3_64(key.as_bytes()) % SLOTS as u64;
        &self.slots[usize::try_from(index).unwrap_or_default()]
    }
}
