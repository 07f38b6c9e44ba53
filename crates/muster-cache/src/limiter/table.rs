//! The clients a limiter remembers: bounded, in shards so that requests seldom meet at a lock, which is held for some
//! tens of nanoseconds. Full, it first forgets those who have nothing on their account, then those who have least.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{ClientKey, LimitStats};

const SHARDS: usize = 16;

/// What is remembered of one client; times in nanoseconds since 1970, zero for never.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    /// When its bucket is full again.
    pub(super) full_at: i64,
    pub(super) banned_until: i64,
    pub(super) struck_at: i64,
    pub(super) strikes: u32,
}

/// An account with violations is remembered this long after the last, in nanoseconds: a day.
pub(super) const GRUDGE: i64 = 24 * 3600 * 1_000_000_000;

impl Account {
    /// Cuts off what only a clock that was set back can have brought about: nobody waits longer than the rules say.
    pub(super) fn tame(&mut self, now: i64, window: i64, longest_ban: i64) {
        self.full_at = self.full_at.min(now + window);
        self.banned_until = self.banned_until.min(now + longest_ban);
        self.struck_at = self.struck_at.min(now);
    }

    fn is_idle(&self, now: i64) -> bool {
        let is_forgiven = self.strikes == 0 || now - self.struck_at.max(self.banned_until) > GRUDGE;
        self.full_at <= now && self.banned_until <= now && is_forgiven
    }
}

pub(super) struct Table {
    shards: Box<[Mutex<Shard>]>,
    most: usize,
    hasher: RandomState,
}

#[derive(Default)]
struct Shard {
    accounts: HashMap<ClientKey, Account>,
    counts: LimitStats,
}

impl Table {
    pub(super) fn new(max_clients: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            most: max_clients.div_ceil(SHARDS).max(1),
            hasher: RandomState::new(),
        }
    }

    /// Works on the account of `client`, which is opened if it has none.
    pub(super) fn with<R>(
        &self,
        client: ClientKey,
        now: i64,
        work: impl FnOnce(&mut Account, &mut LimitStats) -> R,
    ) -> R {
        let Shard { accounts, counts } = &mut *self.shard(client);
        if accounts.len() >= self.most && !accounts.contains_key(&client) {
            make_room(accounts, counts, now);
        }
        work(accounts.entry(client).or_default(), counts)
    }

    /// The same, if there is an account.
    pub(super) fn with_known<R>(
        &self,
        client: ClientKey,
        work: impl FnOnce(&Account, &mut LimitStats) -> R,
    ) -> Option<R> {
        let Shard { accounts, counts } = &mut *self.shard(client);
        accounts.get(&client).map(|account| work(account, counts))
    }

    pub(super) fn count(&self, work: impl FnOnce(&mut LimitStats)) {
        work(&mut lock(&self.shards[0]).counts);
    }

    fn shard(&self, client: ClientKey) -> MutexGuard<'_, Shard> {
        let index = usize::try_from(self.hasher.hash_one(client) % SHARDS as u64).unwrap_or_default();
        lock(&self.shards[index])
    }

    pub(super) fn sweep(&self, now: i64) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.accounts.retain(|_, account| !account.is_idle(now));
            shard.accounts.shrink_to_fit();
        }
    }

    pub(super) fn stats(&self) -> LimitStats {
        let mut sum = LimitStats::default();
        for shard in &self.shards {
            let shard = lock(shard);
            let counts = shard.counts;
            sum.allowed += counts.allowed;
            sum.exempt += counts.exempt;
            sum.limited += counts.limited;
            sum.banned += counts.banned;
            sum.bans += counts.bans;
            sum.refunds += counts.refunds;
            sum.forgotten += counts.forgotten;
            sum.clients += shard.accounts.len();
        }
        sum
    }
}

/// Frees at least a quarter, so that a flood of new clients pays for the search once in many requests. Bans stay longest.
fn make_room(accounts: &mut HashMap<ClientKey, Account>, counts: &mut LimitStats, now: i64) {
    let goal = accounts.len() - accounts.len().div_ceil(4);
    accounts.retain(|_, account| !account.is_idle(now));
    if accounts.len() <= goal {
        return;
    }
    let worth = |account: &Account| (account.banned_until.max(now), account.strikes, account.full_at);
    let mut by_worth: Vec<_> = accounts.iter().map(|(client, account)| (worth(account), *client)).collect();
    by_worth.sort_unstable_by_key(|(worth, _)| *worth);
    for (_, client) in by_worth.iter().take(accounts.len() - goal) {
        accounts.remove(client);
        counts.forgotten += 1;
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
