//! The ends of runs: completed, failed, put off, given back, cancelled; and what follows in the same transaction: the
//! job that was asked for again while it ran, the parent that waited for it, the statistics, the news.
//!
//! A job is given up when it is discarded or cancelled. Whoever ends runs is told which jobs were given up, parents
//! among them, so that what depends on them can be put right in the same transaction.

use std::collections::BTreeMap;

use muster_model::{
    JobId, Timestamp,
    job::{JobRecord, JobState},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, sea_query::LockType,
};

use crate::{
    entity::job::{ActiveModel, Column, Entity, Model},
    error::StoreError,
    job::{
        Lease, Loudness, NewJob, NewJobId, RunNotes,
        row::{ALIVE, RUNNING, condition, errors_with, number, plain, record},
        stat::Stats,
    },
    text,
    tx::Tx,
};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobOutcome {
    /// It did what it had to.
    Completed,
    /// It did its part; the job is completed when all that it enqueued as its children are over, and discarded if one
    /// of them was.
    AwaitsChildren,
    /// It failed; tried again at that time if attempts are left, else discarded.
    Failed {
        /// Why.
        error: String,
        /// When to try again.
        retry_at: Timestamp,
    },
    /// It failed in a way that trying again cannot mend.
    Discarded {
        /// Why.
        error: String,
    },
    /// It stopped because somebody asked for it.
    Cancelled {
        /// What is said of it.
        reason: String,
    },
    /// Not yet; the attempt does not count.
    PutOff {
        /// Why, for those who look at what waits.
        reason: String,
        /// Until when.
        until: Timestamp,
    },
    /// Its runner could not go on; due at once, the attempt does not count.
    GivenBack {
        /// Why.
        reason: String,
    },
}

/// The end of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// The right to the job.
    pub lease: Lease,
    /// How it ended.
    pub outcome: JobOutcome,
    /// What it said since the last heartbeat.
    pub notes: RunNotes,
}

/// A job that will not be done.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenUp {
    /// The job.
    pub record: JobRecord,
    /// Why.
    pub reason: String,
}

/// What ending runs came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settled {
    /// The jobs whose run ended, and where they stand now.
    pub applied: Vec<(JobId, JobState)>,
    /// The runs whose lease was lost: nothing of them was stored.
    pub lost: Vec<JobId>,
    /// Jobs discarded or cancelled, parents among them.
    pub given_up: Vec<GivenUp>,
}

/// Where a row goes, and what is written with it.
pub(super) struct Move {
    pub(super) state: JobState,
    pub(super) error: Option<String>,
    /// Why it waits, if it waits.
    pub(super) reason: Option<String>,
    pub(super) run_at: Option<i64>,
    pub(super) is_attempt_counted: bool,
    pub(super) is_parked: bool,
}

impl Tx {
    /// Ends runs. Those whose lease is lost change nothing and are named.
    pub async fn job_finish(
        &mut self,
        finishes: &[Finish],
        new_id: NewJobId<'_>,
    ) -> Result<Settled, StoreError> {
        let settled = self.finish(finishes, new_id).await;
        self.told(settled)
    }

    async fn finish(&mut self, finishes: &[Finish], new_id: NewJobId<'_>) -> Result<Settled, DbErr> {
        let mut settled = Settled::default();
        if finishes.is_empty() {
            return Ok(settled);
        }
        let now = self.now();
        let leases: Vec<Lease> = finishes.iter().map(|finish| finish.lease).collect();
        let held = self.job_held(&leases, LockType::Update).await?;
        let mut rows: BTreeMap<JobId, Model> = held.into_iter().map(|(lease, row)| (lease.id, row)).collect();
        let mut stats = Stats::default();
        let mut over = Vec::new();
        let mut completed = Vec::new();
        for finish in finishes {
            let Some(row) = rows.remove(&finish.lease.id) else {
                settled.lost.push(finish.lease.id);
                continue;
            };
            if !finish.notes.is_empty() {
                self.job_note(finish.lease.id, &finish.notes).await?;
            }
            let step = self.step_of(&row, &finish.outcome, now).await?;
            let counts = stats.of(&row.queue, &row.kind);
            let started_at = row.started_at.unwrap_or(now);
            counts.waited(started_at - row.run_at.max(row.created_at));
            match step.state {
                JobState::Completed => counts.lasted(now - started_at),
                JobState::Retryable | JobState::Discarded => counts.failed += 1,
                _ => {}
            }
            settled.applied.push((finish.lease.id, step.state));
            if step.state == JobState::Completed {
                self.job_tell(&row, step.state, None);
                completed.push(row.id.clone());
                over.push((row, step));
            } else {
                self.job_move(&row, &step, now).await?;
                if step.state.is_over() {
                    over.push((row, step));
                }
            }
        }
        if !completed.is_empty() {
            let columns = ActiveModel {
                state: Set(JobState::Completed.as_str().to_owned()),
                finished_at: Set(Some(now)),
                error: Set(None),
                lease_until: Set(None),
                rerun_at: Set(None),
                ..ActiveModel::default()
            };
            let query = Entity::update_many().set(columns);
            let query = query.filter(Column::Id.is_in(completed)).filter(condition(RUNNING));
            query.exec(self.connection()).await?;
        }
        self.job_ended(over, stats, &mut settled.given_up, new_id).await?;
        Ok(settled)
    }

    async fn step_of(&self, row: &Model, outcome: &JobOutcome, now: i64) -> Result<Move, DbErr> {
        let attempts = || {
            let of = if row.max_attempts == 1 { "attempt" } else { "attempts" };
            format!("{} of {} {of} failed", row.attempt, row.max_attempts)
        };
        let is_cancelled = row.is_cancel_requested != 0;
        Ok(match outcome {
            JobOutcome::Completed => Move::to(JobState::Completed),
            JobOutcome::AwaitsChildren => match self.children_left(&row.id).await? {
                0 => over_with_children(row.children_failed),
                _ => Move { is_parked: true, ..Move::to(JobState::Scheduled) },
            },
            JobOutcome::Cancelled { reason } => {
                Move { error: Some(plain(reason)), ..Move::to(JobState::Cancelled) }
            }
            // Who asked for it to stop does not want it to begin again.
            JobOutcome::PutOff { .. } | JobOutcome::GivenBack { .. } | JobOutcome::Failed { .. }
                if is_cancelled =>
            {
                Move { error: Some(CANCELLED.to_owned()), ..Move::to(JobState::Cancelled) }
            }
            JobOutcome::Failed { error, retry_at } if row.attempt < row.max_attempts => Move {
                error: Some(plain(error)),
                reason: Some(attempts()),
                run_at: Some(text::micros(*retry_at)),
                ..Move::to(JobState::Retryable)
            },
            JobOutcome::Failed { error, .. } | JobOutcome::Discarded { error } => {
                Move { error: Some(plain(error)), ..Move::to(JobState::Discarded) }
            }
            JobOutcome::PutOff { reason, until } => {
                let run_at = text::micros(*until);
                let state = if run_at > now { JobState::Scheduled } else { JobState::Available };
                Move {
                    reason: Some(plain(reason)),
                    run_at: Some(run_at),
                    is_attempt_counted: false,
                    ..Move::to(state)
                }
            }
            JobOutcome::GivenBack { reason } => Move {
                reason: Some(plain(reason)),
                is_attempt_counted: false,
                ..Move::to(JobState::Available)
            },
        })
    }

    /// Writes a step of a row that this transaction has locked, and tells of it.
    pub(super) async fn job_move(&mut self, row: &Model, step: &Move, now: i64) -> Result<(), DbErr> {
        let mut columns = ActiveModel {
            state: Set(step.state.as_str().to_owned()),
            reason: Set(step.reason.clone()),
            lease_until: Set(None),
            is_parked: Set(step.is_parked.into()),
            ..ActiveModel::default()
        };
        if let Some(run_at) = step.run_at {
            columns.run_at = Set(run_at);
        }
        if !step.is_attempt_counted {
            columns.attempt = Set((row.attempt - 1).max(0));
        }
        if let Some(error) = &step.error {
            columns.error = Set(Some(error.clone()));
            if step.state != JobState::Cancelled {
                columns.errors = Set(errors_with(row, text::from_micros(now)?, error)?);
            }
        } else if step.state == JobState::Completed {
            columns.error = Set(None);
        }
        if step.state.is_over() {
            columns.finished_at = Set(Some(now));
            columns.rerun_at = Set(None);
        } else if !step.is_parked {
            // It waits again: that is the run that was asked for.
            columns.rerun_at = Set(None);
        }
        self.job_write(&row.id, columns).await?;
        if step.state == JobState::Available {
            self.wake_queue(&row.queue);
        }
        self.job_tell(row, step.state, step.error.as_deref());
        Ok(())
    }

    /// What follows from jobs being over: they are counted, enqueued again if that was asked for, and their parents
    /// go on. Their rows are written already.
    pub(super) async fn job_ended(
        &mut self,
        mut over: Vec<(Model, Move)>,
        mut stats: Stats,
        given_up: &mut Vec<GivenUp>,
        new_id: NewJobId<'_>,
    ) -> Result<(), DbErr> {
        let now = self.now();
        let mut again = Vec::new();
        // A parent may have a parent: each time round is one generation.
        while !over.is_empty() {
            let mut parents: BTreeMap<String, i64> = BTreeMap::new();
            for (row, step) in over {
                let counts = stats.of(&row.queue, &row.kind);
                match step.state {
                    JobState::Completed => counts.completed += 1,
                    JobState::Cancelled => counts.cancelled += 1,
                    _ => counts.discarded += 1,
                }
                if let Some(parent) = &row.parent {
                    *parents.entry(parent.clone()).or_default() +=
                        i64::from(step.state == JobState::Discarded);
                }
                if let Some(asked_at) = row.rerun_at {
                    again.push(same_again(&row, new_id(), asked_at)?);
                }
                if step.state != JobState::Completed {
                    let reason = step.error.unwrap_or_default();
                    let record = JobRecord {
                        state: step.state,
                        finished_at: Some(text::from_micros(now)?),
                        error: Some(reason.clone()),
                        ..record(&row)?
                    };
                    given_up.push(GivenUp { record, reason });
                }
            }
            over = self.parents_go_on(parents, now).await?;
        }
        self.stats_add(stats).await?;
        if !again.is_empty() {
            self.enqueue(&again).await?;
        }
        Ok(())
    }

    /// Children of these are over, so many of them discarded. The parents that are over by it.
    async fn parents_go_on(
        &mut self,
        parents: BTreeMap<String, i64>,
        now: i64,
    ) -> Result<Vec<(Model, Move)>, DbErr> {
        let mut over = Vec::new();
        for (id, failed) in parents {
            // Locked before its children are counted: of two transactions that end the last two children, the second
            // counts when the first is done.
            let Some(mut row) = self.job_locked(text::parse(&id)?).await? else { continue };
            if text::parse::<JobState>(&row.state)?.is_over() {
                continue;
            }
            if failed > 0 {
                row.children_failed += failed;
                let children_failed = Set(row.children_failed);
                self.job_write(&id, ActiveModel { children_failed, ..ActiveModel::default() }).await?;
            }
            if row.is_parked != 0 && self.children_left(&id).await? == 0 {
                let step = over_with_children(row.children_failed);
                self.job_move(&row, &step, now).await?;
                over.push((row, step));
            }
        }
        Ok(over)
    }

    async fn children_left(&self, parent: &str) -> Result<u64, DbErr> {
        let query = Entity::find().filter(Column::Parent.eq(parent)).filter(condition(ALIVE));
        query.count(self.connection()).await
    }
}

/// What is said of a job that was cancelled, if nobody says more.
pub(super) const CANCELLED: &str = "it was cancelled";

impl Move {
    pub(super) fn to(state: JobState) -> Self {
        Self { state, error: None, reason: None, run_at: None, is_attempt_counted: true, is_parked: false }
    }
}

fn over_with_children(failed: i64) -> Move {
    match failed {
        0 => Move::to(JobState::Completed),
        1 => Move { error: Some("one of its jobs failed".into()), ..Move::to(JobState::Discarded) },
        failed => {
            Move { error: Some(format!("{failed} of its jobs failed")), ..Move::to(JobState::Discarded) }
        }
    }
}

/// The job that was asked for while this one ran.
fn same_again(row: &Model, id: JobId, run_at: i64) -> Result<NewJob, DbErr> {
    Ok(NewJob {
        id,
        kind: row.kind.clone().into(),
        queue: row.queue.clone().into(),
        payload: text::from_json(&row.payload)?,
        subject: row.subject.clone(),
        priority: number(row.priority),
        unique_key: row.unique_key.clone(),
        group: (!row.group_key.is_empty()).then(|| row.group_key.clone()),
        run_at: Some(text::from_micros(run_at)?),
        max_attempts: number(row.max_attempts),
        free_losses: number(row.free_losses),
        parent: None,
        only_node: row.only_node.as_deref().map(text::parse).transpose()?,
        loudness: if row.is_quiet == 0 { Loudness::Told } else { Loudness::Quiet },
    })
}
