//! The rate limiter of one process: GCRA, which needs one time per client and neither timer nor window that jumps.
//!
//! Each client's bucket holds the time at which it will be full again. A request moves that time on by its price, and is
//! refused if that would take it more than a window ahead. Who overdraws again in a later window is banned: for a minute,
//! then two, four, up to an hour; each quiet hour forgives one violation. A request during a ban changes nothing, so that
//! a client that only retries comes out of it.

mod address;
mod shared;
mod table;

use std::{net::IpAddr, sync::Arc, time::Duration};

use muster_model::{Clock, Timestamp};
use xxhash_rust::xxh3::xxh3_128;

pub use address::{Network, NetworkError, client_address, loopback, network};
pub use shared::{Backend, SharedLimiter};
use table::{Account, Table};

use crate::redis::{Verdict, VerdictKind};

/// What a tenth of a request costs is the smallest price.
const TENTHS: u32 = 10;

/// The rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitConfig {
    /// Requests in a window for a client known by its address; zero counts as one.
    pub requests: u32,
    /// The same for a token or session.
    pub token_requests: u32,
    /// In it an empty bucket fills up again.
    pub window: Duration,
    /// Clients remembered at once; those who matter least are forgotten first.
    pub max_clients: usize,
    /// Addresses that are never limited.
    pub allowed: Vec<Network>,
    /// The ban for the second violation; doubled with each further one.
    pub first_ban: Duration,
    pub longest_ban: Duration,
    /// A quiet time of this length forgives one violation.
    pub forgiven_after: Duration,
}

impl Default for LimitConfig {
    /// 100 requests a minute by address, 1,000 by token, 50,000 clients, loopback allowed, bans from a minute to an hour.
    fn default() -> Self {
        Self {
            requests: 100,
            token_requests: 1000,
            window: Duration::from_mins(1),
            max_clients: 50_000,
            allowed: loopback(),
            first_ban: Duration::from_mins(1),
            longest_ban: Duration::from_hours(1),
            forgiven_after: Duration::from_hours(1),
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientKey {
    /// Counted by /64 if it is IPv6, since that is what one customer gets.
    Address(IpAddr),
    /// A hash; see [`ClientKey::token`].
    Token(u128),
}

impl ClientKey {
    /// The client with that token or session. Only a hash of it is kept.
    pub fn token(token: &str) -> Self {
        Self::Token(xxh3_128(token.as_bytes()))
    }
}

/// What a request costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    Whole,
    /// A cache hit or a 304.
    Tenth,
}

impl Cost {
    fn tenths(self) -> u32 {
        match self {
            Self::Whole => TENTHS,
            Self::Tenth => 1,
        }
    }
}

/// What the limiter says to a request; also what its headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Requests in a window.
    pub limit: u32,
    /// Whole requests left now.
    pub remaining: u32,
    /// When the bucket is full again, in seconds since 1970, rounded up.
    pub reset_at: u64,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Allowed,
    Limited { retry_after: Duration },
    Banned { until: Timestamp },
}

impl Decision {
    pub fn is_allowed(&self) -> bool {
        self.outcome == Outcome::Allowed
    }

    /// The value of `Retry-After` in seconds, rounded up and at least 1; `None` for what is allowed.
    pub fn retry_after_seconds(&self, now: Timestamp) -> Option<u64> {
        let wait = match self.outcome {
            Outcome::Allowed => return None,
            Outcome::Limited { retry_after } => retry_after,
            Outcome::Banned { until } => Duration::try_from(until.duration_since(now)).unwrap_or_default(),
        };
        Some(seconds_up(wait).max(1))
    }
}

/// What the limiter counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LimitStats {
    pub allowed: u64,
    /// From addresses that are never limited; counted in `allowed` too.
    pub exempt: u64,
    /// Refused because the bucket was empty.
    pub limited: u64,
    /// Refused because of a ban.
    pub banned: u64,
    /// Bans begun.
    pub bans: u64,
    /// Refunds given.
    pub refunds: u64,
    /// Clients remembered now.
    pub clients: usize,
    /// Clients that were forgotten for want of space though they were not idle.
    pub forgotten: u64,
}

/// A limiter; share it behind an `Arc`.
pub struct Limiter {
    config: LimitConfig,
    clock: Arc<dyn Clock>,
    table: Table,
}

impl Limiter {
    pub fn new(config: LimitConfig, clock: Arc<dyn Clock>) -> Self {
        let table = Table::new(config.max_clients);
        Self { config, clock, table }
    }

    /// Whether `client` may make a request now, and takes its price if so. A price that turns out to be a tenth (a hit,
    /// a 304) is known only later: take the whole and give the rest back with [`refund`](Self::refund).
    pub fn check(&self, client: ClientKey, cost: Cost) -> Decision {
        let now = self.now();
        let limit = self.limit_of(client);
        if self.is_exempt(client) {
            self.table.count(|counts| {
                counts.allowed += 1;
                counts.exempt += 1;
            });
            return Decision {
                limit,
                remaining: limit,
                reset_at: seconds_up_at(now),
                outcome: Outcome::Allowed,
            };
        }
        self.table.with(bucket_of(client), now, |account, counts| {
            let rate = Rate::new(limit, self.config.window);
            account.tame(now, rate.window, nanos(self.config.longest_ban));
            if account.banned_until > now {
                counts.banned += 1;
                return rate.banned(account);
            }
            let full_at = account.full_at.max(now) + rate.price(cost.tenths());
            let over = full_at - (now + rate.window);
            let outcome = if over <= 0 {
                account.full_at = full_at;
                counts.allowed += 1;
                Outcome::Allowed
            } else if self.violate(account, now, rate.window) {
                counts.banned += 1;
                counts.bans += 1;
                Outcome::Banned { until: timestamp(account.banned_until) }
            } else {
                counts.limited += 1;
                Outcome::Limited { retry_after: Duration::from_nanos(over.unsigned_abs()) }
            };
            rate.decision(account, now, outcome)
        })
    }

    /// The decision for a client that is banned already, which takes nothing from it; counted.
    pub(super) fn standing_ban(&self, client: ClientKey) -> Option<Decision> {
        let (now, limit) = (self.now(), self.limit_of(client));
        self.table.with_known(bucket_of(client), |account, counts| {
            (account.banned_until > now).then(|| {
                counts.banned += 1;
                Rate::new(limit, self.config.window).banned(account)
            })
        })?
    }

    /// Takes over what was decided for all nodes, so that this one goes on from there when it is alone; counted.
    pub(super) fn adopt(&self, client: ClientKey, verdict: &Verdict) -> Decision {
        let now = self.now();
        let here = |micros: i64| match micros {
            0 => 0,
            micros => now.saturating_add((micros - verdict.now).saturating_mul(1000)),
        };
        let rate = Rate::new(self.limit_of(client), self.config.window);
        self.table.with(bucket_of(client), now, |account, counts| {
            *account = Account {
                full_at: here(verdict.full_at),
                banned_until: here(verdict.banned_until),
                struck_at: here(verdict.struck_at),
                strikes: verdict.strikes,
            };
            let until = timestamp(account.banned_until);
            let outcome = match verdict.kind {
                VerdictKind::Allowed => {
                    counts.allowed += 1;
                    Outcome::Allowed
                }
                VerdictKind::Limited => {
                    counts.limited += 1;
                    let over = u64::try_from(verdict.over).unwrap_or_default();
                    Outcome::Limited { retry_after: Duration::from_micros(over) }
                }
                VerdictKind::Banned => {
                    counts.banned += 1;
                    Outcome::Banned { until }
                }
                VerdictKind::BanBegun => {
                    counts.banned += 1;
                    counts.bans += 1;
                    Outcome::Banned { until }
                }
            };
            rate.decision(account, now, outcome)
        })
    }

    /// Gives back nine tenths of a request that was checked at its whole price and cost a tenth. Says what the headers
    /// should say now. Never fills the bucket beyond what it holds.
    pub fn refund(&self, client: ClientKey) -> Decision {
        let now = self.now();
        let limit = self.limit_of(client);
        let rate = Rate::new(limit, self.config.window);
        if self.is_exempt(client) {
            return Decision {
                limit,
                remaining: limit,
                reset_at: seconds_up_at(now),
                outcome: Outcome::Allowed,
            };
        }
        self.table.with(bucket_of(client), now, |account, counts| {
            account.full_at =
                account.full_at.saturating_sub(rate.price(TENTHS - 1)).max(now.min(account.full_at));
            counts.refunds += 1;
            rate.decision(account, now, Outcome::Allowed)
        })
    }

    /// Whether an address is never limited.
    pub fn is_allowed_always(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.config.allowed.iter().any(|network| network.contains(&address))
    }

    /// Forgets clients whose bucket is full and who have nothing on their account. For a timer; the table is bounded
    /// without it.
    pub fn sweep(&self) {
        self.table.sweep(self.now());
    }

    pub fn stats(&self) -> LimitStats {
        self.table.stats()
    }

    fn is_exempt(&self, client: ClientKey) -> bool {
        matches!(client, ClientKey::Address(address) if self.is_allowed_always(address))
    }

    fn limit_of(&self, client: ClientKey) -> u32 {
        match client {
            ClientKey::Address(_) => self.config.requests.max(1),
            ClientKey::Token(_) => self.config.token_requests.max(1),
        }
    }

    /// Notes that a client overdrew, once a window; true if that bans it.
    fn violate(&self, account: &mut Account, now: i64, window: i64) -> bool {
        if account.strikes > 0 && now - account.struck_at < window {
            return false;
        }
        let quiet = now - account.struck_at.max(account.banned_until);
        let forgiven = u32::try_from(quiet / nanos(self.config.forgiven_after).max(1)).unwrap_or(0);
        account.strikes = account.strikes.saturating_sub(forgiven).saturating_add(1);
        account.struck_at = now;
        // The first is a warning: the burst of a browser that opens a page is no attack.
        let Some(doublings) = account.strikes.checked_sub(2) else { return false };
        let ban = self.config.first_ban.saturating_mul(1 << doublings.min(20)).min(self.config.longest_ban);
        account.banned_until = now + nanos(ban);
        ban > Duration::ZERO
    }

    fn now(&self) -> i64 {
        i64::try_from(self.clock.now().as_nanosecond()).unwrap_or(i64::MAX / 2)
    }
}

/// How fast a bucket fills; all in nanoseconds.
#[derive(Clone, Copy)]
struct Rate {
    limit: u32,
    window: i64,
}

impl Rate {
    fn new(limit: u32, window: Duration) -> Self {
        Self { limit, window: nanos(window).max(1) }
    }

    fn price(self, tenths: u32) -> i64 {
        let price =
            i128::from(self.window) * i128::from(tenths) / (i128::from(self.limit) * i128::from(TENTHS));
        i64::try_from(price).unwrap_or(i64::MAX / 4)
    }

    fn banned(self, account: &Account) -> Decision {
        Decision {
            limit: self.limit,
            remaining: 0,
            reset_at: seconds_up_at(account.banned_until.max(account.full_at)),
            outcome: Outcome::Banned { until: timestamp(account.banned_until) },
        }
    }

    fn decision(self, account: &Account, now: i64, outcome: Outcome) -> Decision {
        let free = i128::from(now + self.window - account.full_at.max(now)).max(0);
        let remaining = free * i128::from(self.limit) / i128::from(self.window);
        let (remaining, reset_at) = match outcome {
            Outcome::Banned { .. } => (0, account.banned_until.max(account.full_at)),
            Outcome::Allowed | Outcome::Limited { .. } => (remaining, account.full_at.max(now)),
        };
        Decision {
            limit: self.limit,
            remaining: u32::try_from(remaining).unwrap_or(self.limit),
            reset_at: seconds_up_at(reset_at),
            outcome,
        }
    }
}

/// The client as its bucket knows it.
fn bucket_of(client: ClientKey) -> ClientKey {
    match client {
        ClientKey::Address(address) => ClientKey::Address(address::bucket(address)),
        ClientKey::Token(token) => ClientKey::Token(token),
    }
}

/// Bounded, so that sums of a few cannot overflow.
fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX).min(i64::MAX / 16)
}

fn timestamp(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::MAX)
}

fn seconds_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

fn seconds_up_at(nanos: i64) -> u64 {
    seconds_up(Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)))
}
