//! What the person who runs it may set. Read by the composition root, obeyed here; nothing in this file acts.

use std::time::Duration;

/// How one type of data is kept. Registered once at start, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataTypeConfig {
    /// Unique among the types of a cache; labels its statistics, and its tag is `type:NAME`.
    pub name: &'static str,
    /// How long an entry is fresh: the ceiling for the case that an event was lost.
    pub ttl: Duration,
    /// How long after `ttl` an entry may still be served when its load fails or is slow. Zero: never.
    pub stale: Duration,
    /// Switched off, every read loads and nothing is kept.
    pub is_enabled: bool,
    /// Whether loads look into the second level first, if there is one, and store there what they bring.
    pub sharing: Sharing,
}

/// Who finds in the second level what a node stored there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Nothing is stored.
    Nobody,
    /// The same node, after it was started again: what is stored tells of this node alone.
    Node,
    /// All nodes.
    All,
}

/// How a whole cache behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheConfig {
    /// Bound of the weights of all entries together. May be passed by a sixteenth for the moment of an insertion.
    pub max_bytes: u64,
    /// An entry heavier than this is handed out but not kept.
    pub max_entry_bytes: usize,
    /// Hard limit of one load; after it the load is dropped and all who wait get `LoadError::TimedOut`.
    pub load_timeout: Duration,
    /// Past its TTL, an entry is served stale if its load takes longer than this.
    pub soft_timeout: Duration,
    /// A TTL is lengthened or shortened by up to this much of itself, so that what was loaded together does not end
    /// together. Above 100 counts as 100.
    pub jitter_percent: u8,
    /// A hit on an entry older than this part of its TTL starts one load in the background. 100 or more: never.
    pub early_refresh_percent: u8,
    /// TTL of a body that says "not found" (404, 410).
    pub negative_ttl: Duration,
}

impl Default for CacheConfig {
    /// 64 MiB, entries up to 4 MiB, loads up to 30 s, stale after 250 ms, jitter of 10 %, refresh at 85 %, "not found"
    /// for 10 s.
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_entry_bytes: 4 << 20,
            load_timeout: Duration::from_secs(30),
            soft_timeout: Duration::from_millis(250),
            jitter_percent: 10,
            early_refresh_percent: 85,
            negative_ttl: Duration::from_secs(10),
        }
    }
}

impl CacheConfig {
    /// `ttl` with its jitter, decided by `chance` (any 64 bits).
    pub(crate) fn jittered(&self, ttl: Duration, chance: u64) -> Duration {
        let span = u128::from(self.jitter_percent.min(100));
        // 0 ..= 2000 in steps of a thousandth of the span: 1000 leaves the TTL as it is.
        let step = u128::from(chance % 2001);
        let nanos = ttl.as_nanos();
        let shifted = nanos * (100_000 - span * 1000 + span * step) / 100_000;
        Duration::from_nanos(u64::try_from(shifted).unwrap_or(u64::MAX))
    }

    /// The age from which a hit refreshes an entry with this TTL.
    pub(crate) fn early_from(&self, ttl: Duration) -> Duration {
        match self.early_refresh_percent {
            100.. => Duration::MAX,
            percent => ttl.mul_f64(f64::from(percent) / 100.0),
        }
    }
}
