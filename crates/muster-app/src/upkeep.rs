//! What has to be done now and then while muster serves: one line a minute about the cache, and changes that nobody will
//! ask for any more are removed.

use std::time::Duration;

use jiff::SignedDuration;
use muster_store::{Priority, StoreError};
use tokio::time::{self, MissedTickBehavior};

use crate::context::Context;

/// Between two lines about the cache.
const REPORT: Duration = Duration::from_mins(1);
/// Between two removals.
const PRUNE: Duration = Duration::from_hours(1);
/// How long changes are kept, for clients that were away.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long the audit log goes back.
const AUDIT_KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);
/// How long a token that has expired is still listed.
const TOKENS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long the answer of a remote is kept that nobody asks any more.
const HEADS_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Runs until the process ends.
pub async fn run(context: Context) {
    tokio::join!(report(&context), prune(&context));
}

async fn report(context: &Context) {
    let mut ticks = time::interval(REPORT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.tick().await;
    let mut asked_before = 0;
    loop {
        ticks.tick().await;
        let stats = context.cache.stats();
        let totals = &stats.totals;
        let asked = totals.hits + totals.misses + totals.stale_served;
        // An idle night needs no thousand lines that say nothing.
        if std::mem::replace(&mut asked_before, asked) != asked {
            tracing::info!(
                cache.hits = totals.hits,
                cache.misses = totals.misses,
                cache.hit_percent = totals.hit_ratio().map(|ratio| (ratio * 100.0).round()),
                cache.stale_served = totals.stale_served,
                cache.entries = totals.entries,
                cache.bytes = totals.bytes,
                cache.evictions = totals.evictions,
                "cache"
            );
        }
    }
}

async fn prune(context: &Context) {
    let mut ticks = time::interval(PRUNE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        match prune_once(context).await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(changes.removed = removed, "old changes removed"),
            Err(error) => tracing::warn!(error = %error, "old changes could not be removed"),
        }
    }
}

async fn prune_once(context: &Context) -> Result<u64, StoreError> {
    let mut tx = context.store.begin(Priority::Background).await?;
    let removed = tx.changes_prune(context.clock.now() - KEPT).await?;
    tx.remote_heads_prune(context.clock.now() - HEADS_KEPT).await?;
    tx.audit_prune(context.clock.now() - AUDIT_KEPT).await?;
    tx.tokens_prune(context.clock.now() - TOKENS_KEPT).await?;
    tx.commit().await?;
    Ok(removed)
}
