//! Sections of the configuration that the services obey. Defaults and the meaning of each key stand in
//! `muster.default.toml`; who set what is gathered by the binary.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use serde::Deserialize;

/// `[scan]`: how roots are searched.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanConfig {
    /// Folder levels below a root that are entered.
    pub max_depth: usize,
    /// Repositories read at the same time; 0 = one for each processor.
    pub threads: usize,
    /// Seconds after which one repository is given up.
    pub timeout_seconds: u64,
}

impl ScanConfig {
    /// Threads to use on this machine.
    pub fn threads(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.threads)
            .or_else(|| std::thread::available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN)
    }

    /// After this, one repository is given up.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.max(1))
    }
}

/// `[portfolio]`: what is searched and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortfolioConfig {
    /// Folders to search when none is given.
    pub roots: Vec<PathBuf>,
    /// The person's e-mail addresses besides git's global `user.email`.
    pub emails: Vec<String>,
    /// The person's accounts and organisations on forges.
    pub accounts: Vec<String>,
    /// Show readiness as monetization potential.
    pub monetization: bool,
}
