//! What the store counts of itself. Plain numbers; the HTTP crate makes metrics of them.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

/// The store's numbers at one moment; counts and durations since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreStats {
    /// Connections that are open.
    pub connections: u32,
    /// Of these, without work.
    pub connections_idle: usize,
    /// Transactions that are open.
    pub transactions_open: usize,
    /// Transactions begun.
    pub transactions: u64,
    /// The longest transaction that ended.
    pub transaction_longest: Duration,
    /// Transactions that wait for their turn.
    pub waiting: usize,
    /// Transactions that had to wait for their turn.
    pub waits: u64,
    /// The longest wait that ended with a turn.
    pub wait_longest: Duration,
    /// Statements sent, those of transactions among them.
    pub statements: u64,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) statements: AtomicU64,
    open: AtomicUsize,
    transactions: AtomicU64,
    longest: AtomicU64,
    waits: AtomicU64,
    wait_longest: AtomicU64,
}

impl Counters {
    pub(crate) fn begun(&self, waited: Option<Duration>) {
        self.open.fetch_add(1, Relaxed);
        self.transactions.fetch_add(1, Relaxed);
        if let Some(waited) = waited {
            self.waits.fetch_add(1, Relaxed);
            self.wait_longest.fetch_max(micros(waited), Relaxed);
        }
    }

    pub(crate) fn ended(&self, lasted: Duration) {
        self.open.fetch_sub(1, Relaxed);
        self.longest.fetch_max(micros(lasted), Relaxed);
    }

    pub(crate) fn fill(&self, stats: &mut StoreStats) {
        stats.transactions_open = self.open.load(Relaxed);
        stats.transactions = self.transactions.load(Relaxed);
        stats.transaction_longest = Duration::from_micros(self.longest.load(Relaxed));
        stats.waits = self.waits.load(Relaxed);
        stats.wait_longest = Duration::from_micros(self.wait_longest.load(Relaxed));
        stats.statements = self.statements.load(Relaxed);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
