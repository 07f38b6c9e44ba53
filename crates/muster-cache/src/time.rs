//! Ages that a clock set back cannot stretch.
//!
//! A moment is the handed-in clock's time together with the machine's monotonic time, and the age of a thing is the
//! larger of the two differences. The wall clock may jump forward (things grow old at once, also after a suspend, which
//! the monotonic clock does not count) or back (the monotonic time goes on): nothing is ever served longer than its TTL of
//! time that really passed. Tokio's instant is used because tests can move it.

use std::{sync::Arc, time::Duration};

use muster_model::{Clock, Timestamp};
use tokio::time::Instant;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) wall: Timestamp,
    mono: Instant,
}

impl Moment {
    /// Time passed since `earlier`, never negative.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let wall = Duration::try_from(self.wall.duration_since(earlier.wall)).unwrap_or_default();
        wall.max(self.mono.saturating_duration_since(earlier.mono))
    }

    /// The moment `age` ago.
    pub(crate) fn before(self, age: Duration) -> Self {
        Self {
            wall: self.wall.checked_sub(age).unwrap_or(Timestamp::MIN),
            // A machine that started less than `age` ago has no such moment; its wall clock tells the age then.
            mono: self.mono.checked_sub(age).unwrap_or(self.mono),
        }
    }
}

pub(crate) struct Time {
    clock: Arc<dyn Clock>,
    start: Moment,
}

impl Time {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let start = Moment { wall: clock.now(), mono: Instant::now() };
        Self { clock, start }
    }

    pub(crate) fn now(&self) -> Moment {
        Moment { wall: self.clock.now(), mono: Instant::now() }
    }

    /// Milliseconds from the start of the cache to `moment`: fits an atomic.
    pub(crate) fn millis(&self, moment: Moment) -> u64 {
        to_millis(moment.since(self.start))
    }

    /// The same by the monotonic time alone, for pauses that must end whatever the wall clock does.
    pub(crate) fn mono_millis(&self, moment: Moment) -> u64 {
        to_millis(moment.mono.saturating_duration_since(self.start.mono))
    }
}

pub(crate) fn to_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
