//! Counts of requests, by class of their answer.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use axum::http::StatusCode;

/// Requests by class of their answer.
#[derive(Debug, Default)]
pub struct HttpCounters {
    by_class: [AtomicU64; 6],
    nanos: AtomicU64,
}

impl HttpCounters {
    pub(crate) fn answered(&self, status: StatusCode, duration: Duration) {
        let class = usize::from(status.as_u16() / 100).min(5);
        self.by_class[class].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Answers by the first digit of their status, 1 to 5.
    pub(crate) fn by_class(&self) -> impl Iterator<Item = (usize, u64)> {
        self.by_class.iter().map(|count| count.load(Ordering::Relaxed)).enumerate().skip(1)
    }

    /// Time spent on requests.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }
}
