//! A clock that shows the time a test gave it. It moves only when told to, so that ages in a snapshot never change.

use std::sync::{Arc, Mutex, PoisonError};

use muster_model::{Clock, Timestamp};

/// A [`Clock`] that stands still. Clones show the same time: hand one out, keep one to move.
#[derive(Debug, Clone)]
pub struct FixedClock {
    now: Arc<Mutex<Timestamp>>,
}

impl FixedClock {
    /// A clock showing the RFC 3339 time `text`, such as `2026-01-31T12:00:00Z`.
    ///
    /// # Panics
    /// If `text` is no RFC 3339 time.
    #[track_caller]
    pub fn at(text: &str) -> Self {
        match text.parse() {
            Ok(now) => Self { now: Arc::new(Mutex::new(now)) },
            Err(error) => panic!("`{text}` is no RFC 3339 time: {error}"),
        }
    }

    /// Shows `now` from here on.
    pub fn set(&self, now: Timestamp) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stands_still_until_moved() {
        let clock = FixedClock::at("2026-01-31T12:00:00Z");
        let held = clock.clone();
        assert_eq!(held.now(), clock.now());
        let later = "2026-02-01T00:00:00Z".parse().unwrap();
        clock.set(later);
        assert_eq!(held.now(), later);
    }
}
