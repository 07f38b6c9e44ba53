//! Sections of the configuration that services and actions obey. Defaults and the meaning of each key stand in
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

/// `[watch]`: how changes are noticed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchConfig {
    /// Use the operating system's file events.
    pub events: bool,
    /// Folders that may be watched at most; what git writes comes first, then work trees by their last activity.
    pub max_folders: usize,
    /// Milliseconds without a further event before a project is read again.
    pub quiet_ms: u64,
    /// Seconds between two searches through all roots.
    pub search_seconds: u64,
}

/// `[cache]`: the first level, in the process.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheSection {
    /// Bytes that may be held.
    pub max_bytes: u64,
    /// Bytes of one entry; larger ones are not kept.
    pub max_entry_bytes: usize,
    /// Seconds after its time for which a value may be given out when loading fails.
    pub stale_seconds: u64,
    /// Milliseconds after which a load is given up.
    pub load_timeout_ms: u64,
    /// Milliseconds after which an old value is given out while loading goes on.
    pub soft_timeout_ms: u64,
    /// Types that are not cached.
    pub off: Vec<String>,
    /// Seconds; also how often a project is read although no event came.
    pub ttl_git_state: u64,
    /// Seconds.
    pub ttl_project: u64,
    /// Seconds.
    pub ttl_all_projects: u64,
    /// Seconds.
    pub ttl_summary: u64,
    /// Seconds.
    pub ttl_recommendations: u64,
}

/// `[database]`: where muster keeps what it knows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite:PATH` or `postgres://…`; empty = muster.db in the data folder.
    pub url: String,
    /// Connections at most.
    pub max_connections: u32,
    /// Seconds after which a statement is given up.
    pub statement_timeout_seconds: u64,
    /// Seconds to wait for a connection.
    pub acquire_timeout_seconds: u64,
    /// Bring an older schema up to date at start.
    pub migrate: bool,
}

/// `[actions]`: what may be done in repositories on a person's order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionsConfig {
    /// Anything at all.
    pub enabled: bool,
    /// Folders of the repositories whose own hooks and filters may run; each by itself, nothing below them.
    pub trusted: Vec<PathBuf>,
}

/// `[registry]`: the file that declares roots, repositories and agents.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// Path of registry.json; empty = none.
    pub path: PathBuf,
    /// Seconds between two looks at its content, besides events.
    pub check_seconds: u64,
}
