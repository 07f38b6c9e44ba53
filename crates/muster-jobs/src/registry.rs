//! The kinds of jobs that this process knows, and what needs them outside of a run: making a job of a kind, and giving
//! one up.

use std::{collections::BTreeMap, sync::Arc};

use muster_model::JobId;
use muster_store::{
    StoreError, Tx,
    job::{CancelOutcome, GivenUp, NewJob, NewJobId},
};
use serde_json::Value;

use crate::job::Job;

/// All kinds, by name. A cheap handle.
#[derive(Clone)]
pub struct Registry {
    kinds: Arc<BTreeMap<&'static str, Arc<dyn Job>>>,
}

impl Registry {
    /// Of two kinds with one name the last counts.
    pub fn new(kinds: impl IntoIterator<Item = Arc<dyn Job>>) -> Self {
        Self { kinds: Arc::new(kinds.into_iter().map(|job| (job.kind(), job)).collect()) }
    }

    /// The kind of this name.
    pub fn kind(&self, kind: &str) -> Option<&Arc<dyn Job>> {
        self.kinds.get(kind)
    }

    /// All kinds, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &Arc<dyn Job>> {
        self.kinds.values()
    }

    /// A job of this kind, for its queue and with its attempts; `None` if there is no such kind.
    pub fn new_job(&self, kind: &str, id: JobId, payload: Value) -> Option<NewJob> {
        let job = self.kind(kind)?;
        let new = NewJob::new(id, job.kind(), job.queue(), payload);
        Some(NewJob { max_attempts: job.max_attempts(), ..new })
    }

    /// Cancels a job: at once if it waits, and then its kind puts right what waits for it; else it is asked to stop.
    pub async fn cancel(
        &self,
        tx: &mut Tx,
        id: JobId,
        new_id: NewJobId<'_>,
    ) -> Result<CancelOutcome, StoreError> {
        let outcome = tx.job_cancel(id, new_id).await?;
        if let CancelOutcome::Cancelled(given_up) = &outcome {
            self.give_up(tx, given_up).await?;
        }
        Ok(outcome)
    }

    /// Lets the kinds of these jobs put right what waits for them.
    pub async fn give_up(&self, tx: &mut Tx, given_up: &[GivenUp]) -> Result<(), StoreError> {
        for GivenUp { record, reason } in given_up {
            if let Some(job) = self.kind(&record.kind) {
                job.given_up(tx, record, reason).await?;
            }
        }
        Ok(())
    }
}
