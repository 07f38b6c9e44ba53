//! What a caller gets beside the value: where it came from and how old it is, enough to write the `Age` and
//! `Cache-Status` (RFC 9211) of an answer; and what can go wrong with a load.

use std::{fmt, ops::Deref, sync::Arc, time::Duration};

use crate::body::Body;

/// A value and where it came from.
#[derive(Debug)]
pub struct Found<T> {
    pub value: Arc<T>,
    pub status: Status,
}

impl<T> Clone for Found<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), status: self.status }
    }
}

impl<T> Deref for Found<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A ready body and where it came from.
#[derive(Debug, Clone)]
pub struct FoundBody {
    pub body: Arc<Body>,
    pub status: Status,
}

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Kept and fresh, here or in the second level: loaded `age` ago, fresh for `ttl` more.
    Hit { age: Duration, ttl: Duration },
    /// Loaded now. `is_collapsed`: by a load that another caller had started.
    Miss { is_stored: bool, is_collapsed: bool },
    /// Kept and no longer fresh: loaded `age` ago.
    Stale { age: Duration, detail: StaleDetail },
    /// This type of data is switched off: loaded, and not kept.
    Bypass,
}

/// Why something stale was served, and how long past its TTL it was (zero if it was expired by its tag before that).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleDetail {
    pub reason: StaleReason,
    pub past: Duration,
}

/// Why something stale was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaleReason {
    /// The load failed, now or so recently that it is not tried again yet.
    LoadFailed,
    /// The load goes on; it took longer than the soft limit.
    LoadSlow,
    /// It was expired by its tag, and a load is running.
    Refreshing,
}

impl StaleReason {
    /// The word for the `detail` of `Cache-Status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LoadFailed => "stale-error",
            Self::LoadSlow => "stale-slow",
            Self::Refreshing => "stale-refreshing",
        }
    }
}

impl StaleDetail {
    /// The word for the `detail` of `Cache-Status`.
    pub fn as_str(self) -> &'static str {
        self.reason.as_str()
    }
}

impl fmt::Display for StaleDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Status {
    /// Since the load; what `Age` says in seconds. Zero for what was loaded now.
    pub fn age(self) -> Duration {
        match self {
            Self::Hit { age, .. } | Self::Stale { age, .. } => age,
            Self::Miss { .. } | Self::Bypass => Duration::ZERO,
        }
    }

    /// The value of a `Cache-Status` header for a cache called `name` (a token), such as `muster; hit; ttl=240`.
    pub fn cache_status(self, name: &str) -> String {
        match self {
            Self::Hit { ttl, .. } => format!("{name}; hit; ttl={}", ttl.as_secs()),
            Self::Miss { is_stored, is_collapsed } => {
                let stored = if is_stored { "; stored" } else { "" };
                let collapsed = if is_collapsed { "; collapsed" } else { "" };
                format!("{name}; fwd=uri-miss{stored}{collapsed}")
            }
            Self::Stale { detail, .. } => {
                // Whole seconds, rounded towards "more stale": ttl=-0 would claim freshness.
                let past = detail.past.as_secs() + u64::from(detail.past.subsec_nanos() > 0);
                match past {
                    0 => format!("{name}; hit; ttl=0; detail={detail}"),
                    past => format!("{name}; hit; ttl=-{past}; detail={detail}"),
                }
            }
            Self::Bypass => format!("{name}; fwd=bypass"),
        }
    }
}

/// A load that brought nothing, and nothing stale was at hand. All who waited for the load get the same.
#[derive(Debug, thiserror::Error)]
pub enum LoadError<E> {
    /// The loader said so.
    #[error("the load failed")]
    Failed(Arc<E>),
    /// The loader panicked, or the runtime ended under it.
    #[error("the load ended without an answer")]
    Panicked,
    /// It took longer than the hard limit.
    #[error("the load took too long")]
    TimedOut,
}

impl<E> Clone for LoadError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Failed(error) => Self::Failed(Arc::clone(error)),
            Self::Panicked => Self::Panicked,
            Self::TimedOut => Self::TimedOut,
        }
    }
}
