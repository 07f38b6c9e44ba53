//! Removes what the watchlist leaves behind in the store: commits of repositories that are gone. Their copies are the
//! matter of each node that has some.

use std::time::Duration;

use futures_util::future::BoxFuture;
use muster_jobs::{Job, JobFailure, JobRun};
use muster_store::Priority;

use crate::context::Context;

use super::requests::{QUEUE_MAINTENANCE, WATCHLIST_CLEANUP};

/// Commits removed by one transaction, so that it stays short.
const BATCH: u64 = 200;

/// See the module.
pub(super) struct WatchlistCleanup {
    pub(super) context: Context,
}

impl Job for WatchlistCleanup {
    fn kind(&self) -> &'static str {
        WATCHLIST_CLEANUP
    }

    fn queue(&self) -> &'static str {
        QUEUE_MAINTENANCE
    }

    fn time_limit(&self) -> Duration {
        Duration::from_mins(30)
    }

    fn run<'a>(&'a self, run: &'a JobRun) -> BoxFuture<'a, Result<(), JobFailure>> {
        Box::pin(self.clean_up(run))
    }
}

impl WatchlistCleanup {
    async fn clean_up(&self, run: &JobRun) -> Result<(), JobFailure> {
        let orphaned = self.context.store.commits_orphaned().await?;
        for number in orphaned {
            loop {
                let mut tx = run.begin(Priority::Background).await?;
                let removed = tx.commits_remove(number, BATCH).await?;
                tx.commit().await?;
                if removed < BATCH {
                    break;
                }
            }
        }
        Ok(())
    }
}
