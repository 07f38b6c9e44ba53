//! A stored unit of work as everybody may look at it: what it is about, where it stands and why it waits. Who keeps
//! jobs is muster-store, who runs them muster-jobs; what a kind of job does is known to neither.

use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    id::{JobId, NodeId},
    word::Word,
};

/// The most urgent priority; higher numbers wait longer.
pub const PRIORITY_FIRST: u8 = 1;

/// The priority of a job that does not say otherwise.
pub const PRIORITY_DEFAULT: u8 = 2;

/// The priority of work that may always wait.
pub const PRIORITY_LAST: u8 = 4;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Due, and not begun.
    Available,
    /// Due later, put off by its handler, or waiting for its children.
    Scheduled,
    /// Begun under a lease.
    Running,
    /// Failed, and tried again later.
    Retryable,
    /// Done.
    Completed,
    /// Given up because somebody asked for it.
    Cancelled,
    /// Given up because it failed for the last time.
    Discarded,
}

impl JobState {
    /// All of them, in the order of a job's life.
    pub const ALL: [Self; 7] = [
        Self::Available,
        Self::Scheduled,
        Self::Running,
        Self::Retryable,
        Self::Completed,
        Self::Cancelled,
        Self::Discarded,
    ];

    /// The word used in the store, the API and in queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Retryable => "retryable",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Discarded => "discarded",
        }
    }

    /// The state of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Not begun: it will run when it is due.
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::Available | Self::Scheduled | Self::Retryable)
    }

    /// Nothing happens to it any more unless a person retries it.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Discarded)
    }
}

/// A word that is no state of a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no state of a job; they are available, scheduled, running, retryable, completed, cancelled, discarded"
)]
pub struct JobStateError(String);

impl FromStr for JobState {
    type Err = JobStateError;

    fn from_str(word: &str) -> Result<Self, JobStateError> {
        Self::parse(word).ok_or_else(|| JobStateError(word.to_owned()))
    }
}

/// How far a job says it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JobProgress {
    /// So many are done.
    pub done: u64,
    /// Of so many, if that is known.
    pub total: Option<u64>,
    /// What is counted: `commits`.
    pub unit: String,
    /// What it does now, one line.
    pub message: String,
}

/// One failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobError {
    /// When it failed.
    pub at: Timestamp,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Why.
    pub error: String,
}

/// A line that a job wrote about its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobLogLine {
    /// When.
    pub at: Timestamp,
    /// What.
    pub line: String,
}

/// A job as it is kept. Times are kept to the microsecond.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRecord {
    /// Which one.
    pub id: JobId,
    /// What is to be done: `commit-backfill`.
    pub kind: Word,
    /// Where it waits.
    pub queue: Word,
    /// To what: small, an id and nothing that goes stale.
    pub payload: Value,
    /// The text of the id that it is about, by which it is found.
    pub subject: Option<String>,
    /// 1 goes first.
    pub priority: u8,
    /// Of the jobs with one key only one is waiting or running.
    pub unique_key: Option<String>,
    /// With whom it shares a budget, such as a forge's host: groups take turns.
    pub group: Option<String>,
    /// Where it stands.
    pub state: JobState,
    /// Attempts begun.
    pub attempt: u32,
    /// Attempts allowed.
    pub max_attempts: u32,
    /// When it is due, or was.
    pub run_at: Timestamp,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// How far it said it is.
    pub progress: Option<JobProgress>,
    /// Why it failed or was given up last.
    pub error: Option<String>,
    /// The last failed attempts, oldest first.
    pub errors: Vec<JobError>,
    /// The job that asked for this one and may wait for it.
    pub parent: Option<JobId>,
    /// Somebody wants it to stop.
    pub is_cancel_requested: bool,
    /// It was asked for again while it ran, and will be enqueued again when it is over.
    pub is_rerun_requested: bool,
    /// Why it is not running; there is always a reason while it waits, and never one otherwise.
    pub wait_reason: Option<String>,
    /// The node that runs it or ran it last.
    pub node: Option<NodeId>,
    /// The node that alone may run it.
    pub only_node: Option<NodeId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_words_and_back() {
        for state in JobState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
            assert_eq!(serde_json::to_value(state).expect("a word"), state.as_str());
            assert!(!(state.is_waiting() && state.is_over()), "{state:?} cannot be waiting and over");
        }
        assert_eq!(JobState::parse("Running"), None);
        assert!("done".parse::<JobState>().expect_err("no state").to_string().contains("'done'"));
    }
}
