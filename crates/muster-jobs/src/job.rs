//! What a kind of job says of itself. One implementation per file, in the crate that knows what the job is about.

use std::time::Duration;

use futures_util::future::BoxFuture;
use muster_model::{Timestamp, job::JobRecord};
use muster_store::{StoreError, Tx, job::MAX_ATTEMPTS};

use crate::run::JobRun;

/// A kind of job.
pub trait Job: Send + Sync + 'static {
    /// Its name, unique among all kinds: `commit-backfill`.
    fn kind(&self) -> &'static str;

    /// Where its jobs wait.
    fn queue(&self) -> &'static str;

    /// Attempts until it is given up.
    fn max_attempts(&self) -> u32 {
        MAX_ATTEMPTS
    }

    /// A run that takes longer has failed.
    fn time_limit(&self) -> Duration;

    /// Does it. May be called again for work that was done already, and must then come to the same end. Long work looks
    /// at [`JobRun::cancelled`] now and then; what blocks belongs on a thread of its own.
    fn run<'a>(&'a self, run: &'a JobRun) -> BoxFuture<'a, Result<(), JobFailure>>;

    /// In the transaction that gives the job up for good: its last attempt failed, its process died too often, or it was
    /// cancelled. Puts right what waits for it. If this fails nothing is given up, and it is tried again later.
    fn given_up<'a>(
        &'a self,
        tx: &'a mut Tx,
        job: &'a JobRecord,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let _ = (tx, job, reason);
        Box::pin(async { Ok(()) })
    }
}

/// Why a run did not do its work.
#[derive(Debug)]
pub enum JobFailure {
    /// It failed, and may succeed another time.
    Retry(String),
    /// It failed, and would fail again.
    Permanent(String),
    /// Not yet: the attempt does not count.
    Later {
        /// Why, for those who look at what waits.
        reason: String,
        /// When to begin it again.
        at: Timestamp,
    },
    /// It stopped because it was told to.
    Cancelled,
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for JobFailure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
