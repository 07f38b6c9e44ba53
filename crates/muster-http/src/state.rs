//! What the handlers share.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use muster_app::{
    Context,
    actions::{
        access::Access, execute::Executor, fetch::Fetcher, jobs::JobControl, refresh::Keeper,
        registry::RegistryKeeper, watchlist::Watchlist,
    },
    follow::Followed,
    live::Live,
};
use muster_cache::limiter::{Network, SharedLimiter};
use tokio::sync::watch;

use crate::{config::Role, counters::HttpCounters, identity::Proxies, security::HostList, wire::SettingView};

/// The parts of muster that answer requests; cloned for each.
#[derive(Clone)]
pub struct HttpState(Arc<Parts>);

/// See [`HttpState`].
pub struct Parts {
    /// Store, cache, clock, events.
    pub context: Context,
    /// How far the cache follows the store.
    pub followed: Followed,
    /// The portfolio of this node.
    pub keeper: Keeper,
    /// What registry.json says.
    pub registry: RegistryKeeper,
    /// Who asks.
    pub access: Access,
    /// Which proxies may say so; `None` if none may.
    pub proxies: Option<Proxies>,
    /// What does something in repositories.
    pub executor: Executor,
    /// What asks for fetches.
    pub fetcher: Fetcher,
    /// What people do to watched repositories.
    pub watchlist: Watchlist,
    /// What people do to work in the background.
    pub jobs: JobControl,
    /// What keeps it fresh.
    pub live: Live,
    /// Says when muster stops; event streams end then.
    pub stopped: watch::Receiver<bool>,
    /// Names that are served.
    pub hosts: HostList,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// How much a client may ask; `None` if that is switched off.
    pub limiter: Option<SharedLimiter>,
    /// After this a request is given up.
    pub request_timeout: Duration,
    /// Bytes of a request body.
    pub max_body_bytes: usize,
    /// The configuration in force, without secrets.
    pub settings: Vec<SettingView>,
    /// What this node does.
    pub role: Role,
    /// The version of the program.
    pub version: &'static str,
    /// When it began.
    pub started: Instant,
    /// Requests by outcome.
    pub counters: HttpCounters,
}

impl HttpState {
    /// Shares the parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for HttpState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
