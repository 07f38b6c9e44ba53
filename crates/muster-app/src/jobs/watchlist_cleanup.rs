//! Removes what the watchlist leaves behind: commits of repositories that are gone, copies that nobody needs or that do
//! not fit the quota, and what crashes left of copies.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use muster_git::mirror::{MirrorError, Mirrors, default_quota};
use muster_jobs::{Job, JobFailure, JobRun};
use muster_model::RepoId;
use muster_store::Priority;

use crate::{blocking::blocking, context::Context};

use super::requests::{QUEUE_MAINTENANCE, WATCHLIST_CLEANUP};

/// Commits removed by one transaction, so that it stays short.
const BATCH: u64 = 200;

/// See the module.
pub(super) struct WatchlistCleanup {
    pub(super) context: Context,
    pub(super) mirrors: Arc<Mirrors>,
    /// Bytes that copies may take; negative = what the disk suggests.
    pub(super) quota_bytes: i64,
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
        let known = self.context.store.repository_ids().await?;
        let (mirrors, quota) = (Arc::clone(&self.mirrors), self.quota_bytes);
        let done = blocking("looking after mirrors", move || trim(&mirrors, quota, &known)).await;
        match done {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(JobFailure::Retry(error.to_string())),
            Err(error) => Err(JobFailure::Retry(error.to_string())),
        }
    }
}

/// Removes copies of repositories that are gone, then the longest unused ones beyond the quota. Those that are in use
/// are held by whoever uses them, and stay.
fn trim(mirrors: &Mirrors, quota: i64, known: &[RepoId]) -> Result<(), MirrorError> {
    mirrors.sweep()?;
    for size in mirrors.sizes()? {
        if known.binary_search(&size.id).is_err() {
            match mirrors.remove(size.id) {
                Ok(()) | Err(MirrorError::InUse { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    let quota = match u64::try_from(quota) {
        Ok(bytes) => bytes,
        Err(_) => default_quota(mirrors.root())?,
    };
    let trimmed = mirrors.trim(quota, &|_| false)?;
    if !trimmed.removed.is_empty() {
        tracing::info!(
            mirrors.removed = trimmed.removed.len(),
            mirrors.freed_bytes = trimmed.freed,
            mirrors.left_bytes = trimmed.left,
            "copies beyond the quota were removed"
        );
    }
    Ok(())
}
