//! Jobs as they are kept: work that is stored before it is done, begun under a lease, and over only when that is
//! stored too. This file has the words; each step of a job's life has a file below.
//!
//! Three rules hold everywhere. Every transition is conditional on the state and, once begun, on the lease's token, so
//! that whoever comes late changes nothing. Rows are locked in the order of their ids, so that two transactions on
//! PostgreSQL never wait for one another. What clients should hear is recorded in the transaction that makes it true,
//! unless the job is quiet. What a kind of job does, and who runs it, is not known here.

use muster_model::{
    JobId, NodeId, Timestamp,
    job::{JobLogLine, JobProgress, JobRecord, JobState, PRIORITY_DEFAULT},
    word::Word,
};
use serde_json::Value;

use crate::error::StoreError;

mod claim;
mod enqueue;
mod finish;
mod lease;
mod log;
mod manage;
mod queue;
mod read;
mod reason;
mod rescue;
mod retain;
mod row;
mod schedule;
mod stat;
mod wakes;

pub use claim::{Claim, Claimed, ClaimedJob, JobScope};
pub use enqueue::Enqueued;
pub use finish::{Finish, GivenUp, JobOutcome, Settled};
pub use lease::{Heartbeat, HeartbeatAnswer};
pub use log::LOG_LINES;
pub use manage::{CancelOutcome, RetryOutcome};
pub use queue::{QueueLimits, QueueRate, QueueRecord, RateSetting};
pub use read::{JobCount, JobFilter};
pub use rescue::Rescued;
pub use retain::Retention;
pub use schedule::{JobSchedule, ScheduleRecord, ScheduleTime};
pub use stat::JobStat;
pub use wakes::{Heard, JobWakes};

/// What makes new ids, from time and chance that it was given.
pub type NewJobId<'a> = &'a (dyn Fn() -> JobId + Send + Sync);

/// Attempts of a job that does not say otherwise.
pub const MAX_ATTEMPTS: u32 = 3;

/// The right to a job that runs: a later claim of the same job has a higher token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Of which job.
    pub id: JobId,
    /// Of which claim.
    pub token: i64,
}

/// Work to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its id, if it is new.
    pub id: JobId,
    /// What is to be done.
    pub kind: Word,
    /// Where it waits.
    pub queue: Word,
    /// To what: small, an id and nothing that goes stale.
    pub payload: Value,
    /// The text of the id that it is about, by which it is found.
    pub subject: Option<String>,
    /// 1 goes first.
    pub priority: u8,
    /// Jobs with one key are the same job: while one waits, or runs, no second is stored.
    pub unique_key: Option<String>,
    /// With whom it shares a budget, such as a forge's host.
    pub group: Option<String>,
    /// When it is due; `None` is at once.
    pub run_at: Option<Timestamp>,
    /// Attempts allowed, at least one.
    pub max_attempts: u32,
    /// How often its process may end while it runs without that counting as an attempt. 0 for what could be the cause;
    /// more for work whose own danger lies in programs of its own, and which is hit by what kills the process.
    pub free_losses: u32,
    /// The job that asks for it.
    pub parent: Option<JobId>,
    /// The node that alone may run it, because it has what the job is about. It waits for that node however long.
    pub only_node: Option<NodeId>,
    /// Whether clients hear of it.
    pub loudness: Loudness,
}

/// Whether clients hear of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Loudness {
    /// Its transitions are in the change sequence.
    #[default]
    Told,
    /// They are not: for jobs of which there are too many to be news.
    Quiet,
}

impl NewJob {
    /// A job due at once, of the default priority, without a key.
    pub fn new(id: JobId, kind: impl Into<Word>, queue: impl Into<Word>, payload: Value) -> Self {
        Self {
            id,
            kind: kind.into(),
            queue: queue.into(),
            payload,
            subject: None,
            priority: PRIORITY_DEFAULT,
            unique_key: None,
            group: None,
            run_at: None,
            max_attempts: MAX_ATTEMPTS,
            free_losses: 0,
            parent: None,
            only_node: None,
            loudness: Loudness::Told,
        }
    }
}

/// A job and the lines that it wrote, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct JobDetail {
    /// The job.
    pub record: JobRecord,
    /// Its newest lines.
    pub log: Vec<JobLogLine>,
    /// Those that it asked for, oldest first.
    pub children: Vec<JobId>,
}

/// What a run says of itself besides its end.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunNotes {
    /// How far it is; `None` leaves what is stored.
    pub progress: Option<JobProgress>,
    /// Lines to be added.
    pub log: Vec<JobLogLine>,
}

impl RunNotes {
    fn is_empty(&self) -> bool {
        self.progress.is_none() && self.log.is_empty()
    }
}

fn lease_lost(lease: Lease) -> StoreError {
    StoreError::LeaseLost { job: lease.id }
}

/// A state and the topic under which clients hear of it.
fn topic(state: JobState) -> &'static str {
    match state {
        JobState::Available | JobState::Scheduled => "job.enqueued",
        JobState::Running => "job.started",
        JobState::Retryable => "job.retryable",
        JobState::Completed => "job.completed",
        JobState::Cancelled => "job.cancelled",
        JobState::Discarded => "job.failed",
    }
}
