//! What a runner counts of itself. Plain numbers; the HTTP crate makes metrics of them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A runner's numbers at one moment; counts since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunnerStats {
    /// Jobs that run.
    pub running: u64,
    /// Jobs claimed and not begun.
    pub ahead: u64,
    /// Jobs claimed.
    pub claimed: u64,
    /// Jobs completed.
    pub completed: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Jobs discarded or cancelled, here or by their children.
    pub given_up: u64,
    /// Runs whose lease was lost: their outcome was dropped.
    pub lost_leases: u64,
    /// Jobs of other processes taken back.
    pub rescued: u64,
    /// Jobs enqueued because a schedule was due.
    pub scheduled: u64,
    /// Times that the store could not be written or read, and it was tried again.
    pub store_errors: u64,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) claimed: AtomicU64,
    pub(crate) completed: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) given_up: AtomicU64,
    pub(crate) lost_leases: AtomicU64,
    pub(crate) rescued: AtomicU64,
    pub(crate) scheduled: AtomicU64,
    pub(crate) store_errors: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self, running: u64, ahead: u64) -> RunnerStats {
        RunnerStats {
            running,
            ahead,
            claimed: self.claimed.load(Relaxed),
            completed: self.completed.load(Relaxed),
            failed: self.failed.load(Relaxed),
            given_up: self.given_up.load(Relaxed),
            lost_leases: self.lost_leases.load(Relaxed),
            rescued: self.rescued.load(Relaxed),
            scheduled: self.scheduled.load(Relaxed),
            store_errors: self.store_errors.load(Relaxed),
        }
    }
}

pub(crate) fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Relaxed);
}
