//! How times are spread: the middle, the slowest but one in twenty, the slowest.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::service::{client::Client, process};

/// Times of the same thing.
pub(crate) struct Spread {
    pub(crate) p50: Duration,
    pub(crate) p95: Duration,
    pub(crate) most: Duration,
    /// CPU time of the server for each, if it was taken.
    pub(crate) cpu: Duration,
}

impl Spread {
    pub(crate) fn of(mut times: Vec<Duration>, cpu: Duration) -> Self {
        times.sort();
        let at = |hundredths: usize| {
            let place = (times.len() * hundredths).div_ceil(100).saturating_sub(1);
            times.get(place).copied().unwrap_or_default()
        };
        let count = u32::try_from(times.len().max(1)).unwrap_or(u32::MAX);
        Self { p50: at(50), p95: at(95), most: at(100), cpu: cpu / count }
    }

    /// Asks for each path once, one after the other.
    pub(crate) fn asking(client: &mut Client, pid: u32, paths: &[String]) -> Result<Self> {
        let before = process::cpu_of(pid)?;
        let mut times = Vec::with_capacity(paths.len());
        for path in paths {
            let begin = Instant::now();
            client.get(path, &[])?;
            times.push(begin.elapsed());
        }
        Ok(Self::of(times, process::cpu_of(pid)?.saturating_sub(before)))
    }
}

impl fmt::Display for Spread {
    /// Cells of a table, in milliseconds: p50, p95, the most, CPU.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = [self.p50, self.p95, self.most, self.cpu].map(|time| time.as_secs_f64() * 1e3);
        write!(f, "{:.2} | {:.2} | {:.2} | {:.2}", millis[0], millis[1], millis[2], millis[3])
    }
}
