//! What the cache counts, as plain numbers: per type of data, never per key. Who shows them, and in which words, is
//! another crate's business.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use muster_model::Timestamp;

use crate::redis::SharedStats;

use crate::suggest::Observed;

/// Declares the counters once: as atomics, as plain numbers, and how a sum is made.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters since the start, of one type of data or of all.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct TypeStats {
            /// The type's name; `all` for the sum.
            pub name: &'static str,
            $($(#[$doc])* pub $name: u64,)*
            /// Time spent in loads that brought a value.
            pub load_time: Duration,
            /// A TTL that follows from what was seen, or `None` until enough was. docs/cache.md has the formula.
            pub suggested_ttl: Option<Duration>,
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: AtomicU64,)*
            pub(crate) load_nanos: AtomicU64,
        }

        impl Counters {
            pub(crate) fn read(&self, name: &'static str) -> TypeStats {
                TypeStats {
                    name,
                    $($name: self.$name.load(Ordering::Relaxed),)*
                    load_time: Duration::from_nanos(self.load_nanos.load(Ordering::Relaxed)),
                    suggested_ttl: None,
                }
            }
        }

        impl TypeStats {
            fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
                self.load_time += other.load_time;
            }
        }
    };
}

counters! {
    /// Reads that found something fresh.
    hits,
    /// Reads that waited for a load, or failed with it.
    misses,
    /// Of these, reads whose load was saved by the second level.
    shared_hits,
    /// Reads that were served something no longer fresh.
    stale_served,
    /// Reads of a type that is switched off.
    bypassed,
    /// Hits on a kept "not found"; they count as hits too.
    negative_hits,
    /// Loads begun, whoever asked.
    loads,
    /// Loads that failed, panicked or took too long.
    load_failures,
    /// Reads that waited for a load which another reader had begun.
    collapsed,
    /// Loads begun by a hit because the entry was about to end.
    early_refreshes,
    /// Entries dropped, or not taken in, for want of space.
    evictions,
    /// Entries that came to their end unread, or were found past it.
    expirations,
    /// Entries and finished loads that an invalidation made worthless; counted when that is noticed.
    invalidations,
    /// Values not kept because they are heavier than one entry may be.
    oversized,
    /// Values encoded, on their way in.
    serializations,
    /// Bodies compressed, with zstd on their way in or with gzip when first asked for.
    compressions,
    /// Entries held now, dead ones that nobody asked for again included.
    entries,
    /// Their weight, bytes.
    bytes,
}

impl TypeStats {
    /// The part of reads that were answered without waiting for a load, 0 to 1; `None` before the first read.
    #[expect(clippy::cast_precision_loss, reason = "a ratio of counters")]
    pub fn hit_ratio(&self) -> Option<f64> {
        let served = self.hits + self.stale_served + self.shared_hits;
        let all = self.hits + self.stale_served + self.misses;
        (all > 0).then(|| served as f64 / all as f64)
    }

    /// Values serialized and bodies compressed: zero on a hit.
    pub fn encodes(&self) -> u64 {
        self.serializations + self.compressions
    }
}

/// The numbers of a whole cache.
#[derive(Debug, Clone, PartialEq)]
pub struct CacheStats {
    /// The sum over all types.
    pub totals: TypeStats,
    /// In the order of registration.
    pub types: Vec<TypeStats>,
    /// When anything was last invalidated from outside: by tag, key, pattern or as a whole.
    pub last_invalidation: Option<Timestamp>,
    /// The bound on `totals.bytes`.
    pub max_bytes: u64,
    /// Tags that something depends on.
    pub tags: usize,
    /// Loads running now, background ones included.
    pub loads_running: usize,
    /// The second level, if there is one.
    pub shared: Option<SharedStats>,
}

impl CacheStats {
    pub(crate) fn sum(types: &[TypeStats]) -> TypeStats {
        let mut totals = TypeStats { name: "all", ..TypeStats::default() };
        for one in types {
            totals.add(one);
        }
        totals
    }
}

/// A type of data as the cache knows it: its configuration, its counters, what was observed of it.
#[derive(Debug)]
pub(crate) struct TypeState {
    pub(crate) config: crate::DataTypeConfig,
    pub(crate) tag: String,
    pub(crate) counters: Counters,
    pub(crate) observed: Observed,
}

impl TypeState {
    pub(crate) fn read(&self) -> TypeStats {
        TypeStats { suggested_ttl: self.observed.suggested_ttl(), ..self.counters.read(self.config.name) }
    }
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
