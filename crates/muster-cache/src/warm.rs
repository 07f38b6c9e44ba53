//! Warming: loading what will be asked for before it is. Which keys, and how each is loaded, is the caller's; here is
//! only the order it gives, a bound on how many run at once, a stop, and the care not to push out what is in use.

use std::time::Duration;

use futures_util::{StreamExt, future, stream};

use crate::Cache;

/// How far warming may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarmLimits {
    /// Loads at once; zero counts as one.
    pub concurrency: usize,
    /// Nothing new is begun once the cache is filled to this part of its bound.
    pub fill_percent: u8,
    /// Nothing new is begun, and nothing waited for, after this.
    pub time: Duration,
}

impl Default for WarmLimits {
    /// Two at once, up to 80 % of the bound, for a minute.
    fn default() -> Self {
        Self { concurrency: 2, fill_percent: 80, time: Duration::from_mins(1) }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Warmed {
    pub loaded: usize,
    pub failed: usize,
    /// Not begun, or not waited for, because of a limit or the stop. Loads that had begun end by themselves.
    pub left: usize,
}

/// Calls `load` for each of `keys` in their order, which should be the most wanted first ([`Cache::hottest`]), until
/// they are done, a limit is reached, or `stop` ends.
pub async fn warm<K, L, Fut, E>(
    cache: &Cache,
    keys: Vec<K>,
    limits: &WarmLimits,
    stop: impl Future<Output = ()>,
    load: L,
) -> Warmed
where
    L: Fn(K) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    let mut warmed = Warmed { left: keys.len(), ..Warmed::default() };
    let over = future::select(Box::pin(stop), Box::pin(tokio::time::sleep(limits.time)));
    let room = stream::iter(keys).take_while(|_| future::ready(!cache.is_filled(limits.fill_percent)));
    let loads = room.map(load).buffer_unordered(limits.concurrency.max(1)).take_until(over);
    let mut loads = std::pin::pin!(loads);
    while let Some(loaded) = loads.next().await {
        warmed.left -= 1;
        match loaded {
            Ok(()) => warmed.loaded += 1,
            Err(_) => warmed.failed += 1,
        }
    }
    warmed
}
