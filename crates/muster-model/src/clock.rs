//! The one place that reads the wall clock. Everything else is handed a [`Clock`] or a [`Timestamp`], so that a
//! test can say what time it is and an age in a report never depends on when the test ran.

use jiff::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present moment, UTC.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the home of the wall clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
