//! The rate limit of all nodes together: one script, one key for each client, one way to Redis and back. Knows no rules;
//! it is told them with each request.

use std::{sync::LazyLock, time::Duration};

use redis::Script;

use super::link::RedisLink;

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("limit.lua")));

/// The rules for one client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) limit: u32,
    pub(crate) window: Duration,
    pub(crate) first_ban: Duration,
    pub(crate) longest_ban: Duration,
    pub(crate) forgiven_after: Duration,
    /// A violation is remembered this long.
    pub(crate) grudge: Duration,
}

/// What came of a request; times in microseconds by Redis's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) kind: VerdictKind,
    pub(crate) now: i64,
    pub(crate) full_at: i64,
    pub(crate) banned_until: i64,
    pub(crate) struck_at: i64,
    pub(crate) strikes: u32,
    /// Until it would have been allowed.
    pub(crate) over: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VerdictKind {
    Allowed,
    Limited,
    /// Since before this request.
    Banned,
    /// By this request.
    BanBegun,
}

impl RedisLink {
    /// Takes the price of a request, in tenths, from `client`; a negative one is given back. `None` if Redis does not
    /// answer in time.
    pub(crate) async fn charge(&self, client: &str, rules: &Rules, tenths: i32) -> Option<Verdict> {
        let mut call = SCRIPT.key(self.keys().limit(client, rules.window.as_secs()));
        call.arg(micros(rules.window).max(1)).arg(rules.limit).arg(tenths);
        call.arg(micros(rules.first_ban)).arg(micros(rules.longest_ban));
        call.arg(micros(rules.forgiven_after).max(1)).arg(micros(rules.grudge));
        let [kind, numbers @ ..]: [String; 7] = self.run::<Vec<String>>(&call).await?.try_into().ok()?;
        let kind = match kind.as_str() {
            "allowed" => VerdictKind::Allowed,
            "limited" => VerdictKind::Limited,
            "banned" => VerdictKind::Banned,
            "ban" => VerdictKind::BanBegun,
            _ => return None,
        };
        let mut numbers = numbers.iter().map(|number| number.parse::<i64>().ok());
        let mut number = || numbers.next().flatten();
        Some(Verdict {
            kind,
            now: number()?,
            full_at: number()?,
            banned_until: number()?,
            struck_at: number()?,
            strikes: u32::try_from(number()?).ok()?,
            over: number()?,
        })
    }
}

/// Bounded, so that Lua's numbers hold it exactly.
fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX).min(1 << 50)
}
