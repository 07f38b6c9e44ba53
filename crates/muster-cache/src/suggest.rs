//! Which TTL would suit a type of data, from how it is used and how it changes.
//!
//! R = mean time between two reads of the same entry. M = mean time between changes: the time that entries lived, over
//! the number of them that ended by an invalidation or by a load that brought other content (an entry that ended unchanged
//! adds time and no change: the usual estimate when some observations are cut short). S = the same over *silent* changes
//! alone, those that no invalidation announced: only they make a hit wrong.
//!
//! suggested = min(20 R, M, S / 10), at least a second, at most a week. 20 R because with a TTL of 20 reads one read of
//! about twenty loads (95 % hits), and a longer one hardly helps; M because what changes sooner is loaded again anyway;
//! S / 10 because then about one entry of ten has changed unnoticed when it ends. Nothing is suggested before 16 repeated
//! reads and 4 ended lives were seen.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

const READS_NEEDED: u64 = 16;
const LIVES_NEEDED: u64 = 4;
const LONGEST: Duration = Duration::from_hours(7 * 24);

/// Sums of what was seen; times in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    rereads: AtomicU64,
    reread_millis: AtomicU64,
    lives: AtomicU64,
    lived_millis: AtomicU64,
    announced: AtomicU64,
    silent: AtomicU64,
}

/// How an entry's life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// By an invalidation.
    Announced,
    /// A new load brought other content, and nothing had been said.
    Silent,
    /// A new load brought the same content.
    Unchanged,
}

impl Observed {
    pub(crate) fn reread(&self, after_millis: u64) {
        self.rereads.fetch_add(1, Ordering::Relaxed);
        self.reread_millis.fetch_add(after_millis, Ordering::Relaxed);
    }

    pub(crate) fn ended(&self, end: End, lived_millis: u64) {
        self.lives.fetch_add(1, Ordering::Relaxed);
        self.lived_millis.fetch_add(lived_millis, Ordering::Relaxed);
        match end {
            End::Announced => self.announced.fetch_add(1, Ordering::Relaxed),
            End::Silent => self.silent.fetch_add(1, Ordering::Relaxed),
            End::Unchanged => 0,
        };
    }

    pub(crate) fn suggested_ttl(&self) -> Option<Duration> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (rereads, lives) = (read(&self.rereads), read(&self.lives));
        if rereads < READS_NEEDED || lives < LIVES_NEEDED {
            return None;
        }
        let total = read(&self.lived_millis);
        let (announced, silent) = (read(&self.announced), read(&self.silent));
        let by_use = Some(20 * (read(&self.reread_millis) / rereads));
        let by_change = total.checked_div(announced + silent);
        let by_silence = total.checked_div(silent).map(|between| between / 10);
        let shortest = [by_use, by_change, by_silence].into_iter().flatten().min()?;
        Some(Duration::from_millis(shortest).clamp(Duration::from_secs(1), LONGEST))
    }
}
