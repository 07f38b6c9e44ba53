//! Sections of the configuration that services and actions obey. Defaults and the meaning of each key stand in
//! `muster.default.toml`; who set what is gathered by the binary.

use std::{fmt, num::NonZeroUsize, path::PathBuf, time::Duration};

use muster_cache::redis::RedisConfig;
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
    /// Ask the remotes of checkouts whether they have moved on.
    pub remote_freshness: bool,
    /// Seconds between two looks at one remote.
    pub remote_freshness_seconds: u64,
    /// Remotes of checkouts are asked in the person's name: credential helpers, ssh keys.
    pub remote_credentials: bool,
}

/// `[auth]`: who may ask.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// How people say who they are.
    pub mode: AuthMode,
    /// Whoever has not signed in may read.
    pub anonymous_read: bool,
    /// Hours after which one has to sign in anew.
    pub session_hours: u64,
    /// The header in which a proxy says who asks.
    pub proxy_header: String,
    /// Addresses and networks of those proxies; from others the header means nothing.
    pub proxy_peers: Vec<String>,
    /// Names that have all scopes when a proxy says them; others have read, write and jobs.
    pub proxy_admins: Vec<String>,
    /// Answer on an address that others can reach although nobody signs in: whoever reaches it may do everything.
    pub open_to_network: bool,
}

/// How people say who they are. Programs show a token in every mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// They do not: whoever reaches muster may do everything.
    #[default]
    None,
    /// By the administrator's password.
    Local,
    /// A proxy has asked them already.
    Proxy,
}

impl AuthMode {
    /// The word used in the configuration and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Local => "local",
            Self::Proxy => "proxy",
        }
    }
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
    /// Seconds.
    pub ttl_facets: u64,
}

/// `[redis]`: what nodes share.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisSection {
    /// Off, it is not used whatever else is set.
    pub enabled: bool,
    /// Wins over `host`, `port` and `db`; empty = they count.
    pub url: String,
    /// A name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Number of the database.
    pub db: u32,
    /// Empty = none.
    pub username: String,
    /// Empty = none.
    pub password: String,
    /// Seconds to wait for an answer.
    pub socket_timeout_seconds: f64,
    /// Seconds to wait for a connection.
    pub connect_timeout_seconds: f64,
    /// All connections, the one that listens too.
    pub max_connections: usize,
    /// Begins every key.
    pub prefix: String,
    /// Bytes of one value.
    pub max_value_bytes: usize,
}

impl fmt::Debug for RedisSection {
    /// Without its secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSection").field("enabled", &self.enabled).finish_non_exhaustive()
    }
}

impl RedisSection {
    /// How the cache is to use it. `node` names this node, `schema` the version of the program.
    pub fn config(&self, node: String, schema: String) -> RedisConfig {
        let url = match (self.url.is_empty(), self.host.contains(':')) {
            (false, _) => self.url.clone(),
            (true, false) => format!("redis://{}:{}/{}", self.host, self.port, self.db),
            (true, true) => format!("redis://[{}]:{}/{}", self.host, self.port, self.db),
        };
        // What the address says of who asks wins as a whole.
        let given = |text: &String| (!text.is_empty() && !url.contains('@')).then(|| text.clone());
        let seconds = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        RedisConfig {
            username: given(&self.username),
            password: given(&self.password),
            database: None,
            connect_timeout: seconds(self.connect_timeout_seconds),
            response_timeout: seconds(self.socket_timeout_seconds),
            max_connections: self.max_connections,
            prefix: self.prefix.clone(),
            schema,
            node,
            max_value_bytes: self.max_value_bytes,
            url,
            ..RedisConfig::default()
        }
    }
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
    /// Seconds after which a connection to PostgreSQL without work is closed.
    pub idle_seconds: u64,
    /// Seconds after which a connection to PostgreSQL is replaced.
    pub lifetime_seconds: u64,
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

/// `[mirror]`: copies of remote repositories, and what may be reached to make them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MirrorConfig {
    /// Folder of the copies; empty = mirrors in the data folder.
    pub folder: PathBuf,
    /// Bytes that they may take together; 0 = each is removed when it was processed; negative = a fifth of the disk, at
    /// least 5 GiB.
    pub quota_bytes: i64,
    /// How remotes may be reached: https, http, git.
    pub schemes: Vec<String>,
    /// Addresses in a spelling for ssh are reached so; else over https.
    pub ssh: bool,
    /// Private, loopback and link-local addresses may be reached too.
    pub allow_private: bool,
    /// Seconds after which a clone or fetch is given up.
    pub timeout_seconds: u64,
    /// Seconds without a byte after which the other side counts as stalled.
    pub stall_seconds: u64,
    /// Bytes of one copy.
    pub max_bytes: u64,
}

/// `[backfill]`: how much of a history is read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackfillConfig {
    /// Days back from now.
    pub days: u32,
    /// Newest commits that are read even if they are older.
    pub at_least: u32,
    /// Commits that are read at most.
    pub at_most: u32,
}

/// `[watchlist]`: how often remotes are asked for news.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchlistConfig {
    /// Hours between two looks at a repository.
    pub poll_hours: u32,
    /// The same for one with a commit in the last week.
    pub poll_active_hours: u32,
    /// The same for one without a commit in the last half year.
    pub poll_dormant_hours: u32,
}

/// `[jobs]`: work in the background.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobsConfig {
    /// Jobs at the same time that wait for the network.
    pub network: usize,
    /// Jobs at the same time that keep a processor busy.
    pub analysis: usize,
    /// Network jobs at the same time for one host.
    pub per_host: usize,
    /// Seconds after which the jobs of a process that died go to another.
    pub lease_seconds: u64,
    /// Jobs of each queue that are kept after they were completed.
    pub keep_completed: u64,
    /// The same for those that failed or were cancelled.
    pub keep_failed: u64,
}

/// `[webhook]`: one address that is told when a watched repository is ready, failed for good, or raised an alert.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Where to; empty = nobody.
    pub url: String,
    /// `whsec_` and the key in base64, by which the receiver knows that it was us.
    pub secret: String,
}
