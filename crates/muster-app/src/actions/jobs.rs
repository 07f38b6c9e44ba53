//! What people do to work in the background: try again, cancel, stop and go on with a queue.

use muster_jobs::Registry;
use muster_model::{
    JobId,
    job::{JobRecord, JobState},
};
use muster_store::{
    ChangeEvent, NewChange, Priority, Tx,
    job::{CancelOutcome, JobCount, RetryOutcome},
};
use serde_json::{Value, json};

use crate::{
    actions::{access::Caller, audit},
    context::Context,
    error::AppError,
    services::jobs,
};

/// Jobs that one transaction tries again.
const BATCH: u64 = 100;

/// What people do to jobs.
#[derive(Clone)]
pub struct JobControl {
    context: Context,
    registry: Registry,
}

impl JobControl {
    /// For the jobs of these kinds.
    pub fn new(context: Context, registry: Registry) -> Self {
        Self { context, registry }
    }

    /// Makes a job that was given up due at once, with all its attempts.
    pub async fn retry(&self, by: &Caller, id: &str) -> Result<JobRecord, AppError> {
        let job = self.find(id).await?;
        let mut tx = self.context.store.begin(Priority::Interactive).await?;
        match tx.job_retry(job).await? {
            RetryOutcome::Retried => {}
            RetryOutcome::Alive(other) => {
                let message = format!("{other} does the same already; look at that one");
                return Err(AppError::Conflict { message });
            }
            RetryOutcome::NotGivenUp(state) => {
                let message =
                    format!("the job is {}; only one that was given up can be retried", state.as_str());
                return Err(AppError::Conflict { message });
            }
            RetryOutcome::NotFound => return Err(AppError::NoSuch { what: "job", query: id.to_owned() }),
        }
        self.note(&mut tx, by, "job.retry", id, Value::Null).await?;
        tx.commit().await?;
        Ok(jobs::show(&self.context, id).await?.record)
    }

    /// Does so with all that failed for good, of one queue or of all; says how many.
    pub async fn retry_failed(&self, by: &Caller, queue: Option<&str>) -> Result<u64, AppError> {
        let counts = self.context.store.job_counts().await?;
        let is_meant = |count: &&JobCount| {
            count.state == JobState::Discarded && queue.is_none_or(|queue| count.queue == queue)
        };
        // One that fails at once is discarded again: those of now are taken up, not those of later.
        let failed: u64 = counts.iter().filter(is_meant).map(|count| count.count).sum();
        let mut retried = 0;
        loop {
            let mut tx = self.context.store.begin(Priority::Interactive).await?;
            let batch = tx.job_retry_discarded(queue, BATCH.min(failed.saturating_sub(retried))).await?;
            if batch > 0 {
                let detail = json!({ "jobs": batch });
                self.note(&mut tx, by, "job.retry_failed", queue.unwrap_or("all queues"), detail).await?;
            }
            tx.commit().await?;
            retried += batch;
            if batch == 0 || retried >= failed {
                return Ok(retried);
            }
        }
    }

    /// Cancels a job that waits, and asks one that runs to stop.
    pub async fn cancel(&self, by: &Caller, id: &str) -> Result<JobRecord, AppError> {
        let job = self.find(id).await?;
        let context = &self.context;
        let new_id = || JobId::new(context.clock.now(), (context.chance)());
        let mut tx = context.store.begin(Priority::Interactive).await?;
        match self.registry.cancel(&mut tx, job, &new_id).await? {
            CancelOutcome::Cancelled(_) | CancelOutcome::Requested => {}
            CancelOutcome::Over(state) => {
                let message = format!("the job is {} already", state.as_str());
                return Err(AppError::Conflict { message });
            }
            CancelOutcome::NotFound => return Err(AppError::NoSuch { what: "job", query: id.to_owned() }),
        }
        self.note(&mut tx, by, "job.cancel", id, Value::Null).await?;
        tx.commit().await?;
        Ok(jobs::show(context, id).await?.record)
    }

    /// Begins no more jobs of a queue; what runs goes on.
    pub async fn pause(&self, by: &Caller, queue: &str) -> Result<(), AppError> {
        self.known(queue).await?;
        let mut tx = self.context.store.begin(Priority::Interactive).await?;
        tx.job_queue_pause(queue).await?;
        self.note(&mut tx, by, "queue.paused", queue, Value::Null).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Goes on with it.
    pub async fn resume(&self, by: &Caller, queue: &str) -> Result<(), AppError> {
        self.known(queue).await?;
        let mut tx = self.context.store.begin(Priority::Interactive).await?;
        tx.job_queue_resume(queue).await?;
        self.note(&mut tx, by, "queue.resumed", queue, Value::Null).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn find(&self, id: &str) -> Result<JobId, AppError> {
        Ok(jobs::show(&self.context, id).await?.record.id)
    }

    /// A name that no queue has is a mistake, and would pause nothing.
    async fn known(&self, queue: &str) -> Result<(), AppError> {
        let queues = jobs::queues(&self.context).await?;
        if queues.iter().any(|known| known.name == queue) {
            return Ok(());
        }
        Err(AppError::NoSuch { what: "queue", query: queue.to_owned() })
    }

    async fn note(
        &self,
        tx: &mut Tx,
        by: &Caller,
        what: &str,
        target: &str,
        detail: Value,
    ) -> Result<(), AppError> {
        tx.audit_add(&audit::done(&self.context, &by.name, what, target, detail)).await?;
        if what.starts_with("queue.") {
            tx.record(NewChange {
                entity: "queue".into(),
                entity_id: target.to_owned(),
                tags: vec!["jobs".to_owned()],
                event: Some(ChangeEvent {
                    topic: format!("job.{}", what.replace('.', "_")).into(),
                    data: json!({ "queue": target }),
                }),
            });
        }
        Ok(())
    }
}
