//! The limit of all nodes together, as far as Redis is there; else each node's own, at once and without a gap: what was
//! decided for all is kept here too. Who is banned is turned away here until the ban ends, so that an attacker costs no
//! way to Redis.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::{ClientKey, Cost, Decision, LimitStats, Limiter, TENTHS, bucket_of, table::GRUDGE};
use crate::redis::{LinkState, RedisLink, Rules};

/// Refunds on their way at once. One more is lost: the client pays the whole.
const REFUNDS: usize = 256;

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// This node for itself.
    Local,
    /// Redis for all nodes.
    Redis,
}

impl Backend {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Redis => "redis",
        }
    }
}

/// A limiter that may be one of several.
pub struct SharedLimiter {
    local: Limiter,
    link: Option<RedisLink>,
    refunds: Arc<Semaphore>,
}

impl SharedLimiter {
    /// Shares over `link`, if there is one.
    pub fn new(local: Limiter, link: Option<RedisLink>) -> Self {
        Self { local, link, refunds: Arc::new(Semaphore::new(REFUNDS)) }
    }

    /// See [`Limiter::check`]. Waits for Redis 100 ms at most, and no longer than its request may ([`of_request`]).
    ///
    /// [`of_request`]: crate::of_request
    pub async fn check(&self, client: ClientKey, cost: Cost) -> Decision {
        if self.local.is_exempt(client) {
            return self.local.check(client, cost);
        }
        if let Some(decision) = self.local.standing_ban(client) {
            return decision;
        }
        let price = i32::try_from(cost.tenths()).unwrap_or_default();
        let verdict = match &self.link {
            Some(link) => link.charge(&name(client), &self.rules(client), price).await,
            None => None,
        };
        match verdict {
            Some(verdict) => self.local.adopt(client, &verdict),
            None => self.local.check(client, cost),
        }
    }

    /// See [`Limiter::refund`]. Waits for nothing.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn refund(&self, client: ClientKey) -> Decision {
        if let Some(link) = self.link.as_ref().filter(|link| link.state() == LinkState::Up)
            && !self.local.is_exempt(client)
            && let Ok(permit) = Arc::clone(&self.refunds).try_acquire_owned()
        {
            let (link, rules) = (link.clone(), self.rules(client));
            let nine_tenths = 1 - i32::try_from(TENTHS).unwrap_or_default();
            tokio::spawn(async move {
                // Lost, the client pays the whole.
                let _ = link.charge(&name(client), &rules, nine_tenths).await;
                drop(permit);
            });
        }
        self.local.refund(client)
    }

    /// Who decides now.
    pub fn backend(&self) -> Backend {
        match &self.link {
            Some(link) if link.state() == LinkState::Up => Backend::Redis,
            _ => Backend::Local,
        }
    }

    /// See [`Limiter::is_allowed_always`].
    pub fn is_allowed_always(&self, address: IpAddr) -> bool {
        self.local.is_allowed_always(address)
    }

    /// See [`Limiter::sweep`].
    pub fn sweep(&self) {
        self.local.sweep();
    }

    /// What this node decided or was told.
    pub fn stats(&self) -> LimitStats {
        self.local.stats()
    }

    fn rules(&self, client: ClientKey) -> Rules {
        let config = &self.local.config;
        Rules {
            limit: self.local.limit_of(client),
            window: config.window,
            first_ban: config.first_ban,
            longest_ban: config.longest_ban,
            forgiven_after: config.forgiven_after,
            grudge: Duration::from_nanos(GRUDGE.unsigned_abs()),
        }
    }
}

/// The client as its key in Redis names it. Of a token it is a hash.
fn name(client: ClientKey) -> String {
    match bucket_of(client) {
        ClientKey::Address(address) => address.to_string(),
        ClientKey::Token(token) => format!("token-{token:032x}"),
    }
}
