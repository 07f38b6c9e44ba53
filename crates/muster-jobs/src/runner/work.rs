//! A worker of a queue: runs one handler after the other, however it behaves, and says how each ended.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use muster_model::Timestamp;
use muster_store::{StoreError, job::JobOutcome};
use tokio::{sync::mpsc::UnboundedSender, time::timeout};

use super::{Shared, queue::Queue};
use crate::{
    backoff::retry_delay,
    job::{Job, JobFailure},
    run::{JobRun, Stop},
};

/// A node that does not know a kind leaves its jobs to others for so long.
const UNKNOWN_KIND: Duration = Duration::from_mins(1);

/// After the store failed the handler.
const STORE_AWAY: Duration = Duration::from_secs(5);

/// What is said of a job that was given back.
pub(super) const STOPPED: &str = "the process was stopped";

/// The end of a run; `None` if there is nothing to store.
pub(super) struct Ended {
    pub(super) run: Arc<JobRun>,
    pub(super) outcome: Option<JobOutcome>,
}

pub(super) async fn work(shared: Arc<Shared>, queue: Arc<Queue>, ended: UnboundedSender<Ended>) {
    while let Some(run) = queue.take() {
        let begun = Instant::now();
        let outcome = perform(&shared, &run).await;
        queue.done(begun.elapsed());
        // Whoever would hear of it is gone only when the runner is.
        drop(ended.send(Ended { run, outcome }));
    }
}

async fn perform(shared: &Shared, run: &Arc<JobRun>) -> Option<JobOutcome> {
    let now = || shared.clock.now();
    let Some(job) = shared.registry.kind(&run.record().kind) else {
        let reason = format!("this node knows no jobs of kind {}", run.record().kind);
        return Some(JobOutcome::PutOff { reason, until: later(now(), UNKNOWN_KIND) });
    };
    if run.stopped().is_some() {
        return outcome(shared, run, Err(JobFailure::Cancelled));
    }
    let limit = job.time_limit();
    let running = AssertUnwindSafe(handled(job.as_ref(), run)).catch_unwind();
    let result = match timeout(limit, running).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(JobFailure::Retry(format!("the handler panicked: {}", said(panic.as_ref())))),
        Err(_) => {
            run.stop(Stop::TimeLimit);
            let seconds = limit.as_secs_f64();
            Err(JobFailure::Retry(format!("it took longer than its time limit of {seconds} s")))
        }
    };
    outcome(shared, run, result)
}

/// In a future of its own: a handler may panic before it returns one.
async fn handled(job: &dyn Job, run: &JobRun) -> Result<(), JobFailure> {
    job.run(run).await
}

fn outcome(shared: &Shared, run: &JobRun, result: Result<(), JobFailure>) -> Option<JobOutcome> {
    if run.is_finished() || run.stopped() == Some(Stop::LeaseLost) {
        return None;
    }
    let now = shared.clock.now();
    let failed = |error: String| JobOutcome::Failed {
        error,
        retry_at: later(now, retry_delay(run.record().attempt, shared.jitter())),
    };
    Some(match result {
        Ok(()) => run.success(),
        Err(JobFailure::Retry(error)) => failed(error),
        Err(JobFailure::Permanent(error)) => JobOutcome::Discarded { error },
        Err(JobFailure::Later { reason, at }) => JobOutcome::PutOff { reason, until: at },
        Err(JobFailure::Cancelled) => match run.stopped() {
            Some(Stop::Shutdown) => JobOutcome::GivenBack { reason: STOPPED.to_owned() },
            Some(Stop::TimeLimit) => failed("it took longer than its time limit".to_owned()),
            Some(Stop::Asked | Stop::LeaseLost) | None => {
                JobOutcome::Cancelled { reason: "it was cancelled".to_owned() }
            }
        },
        Err(JobFailure::Store(StoreError::LeaseLost { .. })) => {
            run.stop(Stop::LeaseLost);
            return None;
        }
        // Not the job's fault: the attempt does not count.
        Err(JobFailure::Store(error)) if is_passing(&error) => {
            JobOutcome::PutOff { reason: error.to_string(), until: later(now, STORE_AWAY) }
        }
        Err(JobFailure::Store(error)) => failed(error.to_string()),
    })
}

/// Trying the same again later may work.
pub(super) fn is_passing(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Busy { .. }
            | StoreError::Full { .. }
            | StoreError::ReadOnly { .. }
            | StoreError::Timeout { .. }
            | StoreError::Unreachable { .. }
    )
}

fn later(now: Timestamp, delay: Duration) -> Timestamp {
    now.saturating_add(delay).unwrap_or(now)
}

/// What a panic says, if it says something.
fn said(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
