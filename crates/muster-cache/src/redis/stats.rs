//! What the link and the shared level count, as plain numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// What the breaker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// Closed: Redis is used.
    Up,
    /// An answer was late or missing; not used until a sign of life.
    Doubted,
    /// Open: there is no connection, and one is tried for.
    Down,
}

impl LinkState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Doubted => "doubted",
            Self::Down => "down",
        }
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        #[derive(Debug)]
        pub(crate) struct LinkCounters {
            $(pub(crate) $name: AtomicU64,)*
            /// Bytes; `u64::MAX` while it is not known.
            pub(crate) used_memory: AtomicU64,
            /// Likewise.
            pub(crate) server_keys: AtomicU64,
        }

        impl Default for LinkCounters {
            fn default() -> Self {
                Self {
                    $($name: AtomicU64::new(0),)*
                    used_memory: AtomicU64::new(u64::MAX),
                    server_keys: AtomicU64::new(u64::MAX),
                }
            }
        }

        /// The shared level since the start.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct SharedStats {
            /// Where Redis is, without secrets.
            pub place: String,
            /// What the breaker says.
            pub state: LinkState,
            /// Invalidations of other nodes arrive. While they do not, nothing is served that is older than 15 s.
            pub is_synced: bool,
            /// Invalidations that Redis has not been told yet.
            pub pending: u64,
            /// Bytes that the whole server uses, if it says so.
            pub used_memory: Option<u64>,
            /// Keys in the whole database, if it says so.
            pub server_keys: Option<u64>,
            $($(#[$doc])* pub $name: u64,)*
        }

        impl SharedStats {
            pub(crate) fn read(
                counters: &LinkCounters,
                place: &str,
                state: LinkState,
                is_synced: bool,
                pending: usize,
            ) -> Self {
                let known = |counter: &AtomicU64| {
                    Some(counter.load(Ordering::Relaxed)).filter(|number| *number != u64::MAX)
                };
                Self {
                    place: place.to_owned(),
                    state,
                    is_synced,
                    pending: pending as u64,
                    used_memory: known(&counters.used_memory),
                    server_keys: known(&counters.server_keys),
                    $($name: counters.$name.load(Ordering::Relaxed),)*
                }
            }
        }
    };
}

counters! {
    /// Loads that were saved, because the value lay here.
    hits,
    /// Looks that found nothing usable.
    misses,
    /// Values stored.
    writes,
    /// Bytes of values read.
    bytes_read,
    /// Bytes of values stored.
    bytes_written,
    /// Values not stored because they are too large.
    oversized,
    /// Values that could not be decoded; they were deleted.
    poisoned,
    /// Values of another version of the program, left alone.
    foreign,
    /// Loads that waited for one of another node.
    awaited,
    /// Commands asked, signs of life and the bus left out.
    commands,
    /// Commands that were refused, or whose connection broke.
    errors,
    /// Answers that did not come in time.
    timeouts,
    /// Questions not asked because Redis is away or late, or has been waited for long enough.
    skipped,
    /// Connections made.
    connects,
    /// Messages sent to the other nodes.
    sent,
    /// Messages of other nodes.
    received,
    /// Times that this node was cut off from the messages.
    cut_off,
}
