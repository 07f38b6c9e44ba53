//! What a person does to a job: cancelling it, and having it tried again.

use std::collections::HashSet;

use muster_model::{JobId, job::JobState};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{LockBehavior, LockType},
};

use crate::{
    entity::job::{ActiveModel, Column, Entity, Model},
    error::StoreError,
    job::{
        GivenUp, NewJobId,
        finish::{CANCELLED, Move},
        row::{ALIVE, condition},
        stat::Stats,
    },
    text,
    tx::Tx,
};

/// What cancelling a job came to.
#[derive(Debug, Clone, PartialEq)]
pub enum CancelOutcome {
    /// It had not begun and will not; with the jobs that are given up by it.
    Cancelled(Vec<GivenUp>),
    /// It runs and was asked to stop.
    Requested,
    /// It was over already.
    Over(JobState),
    /// There is no such job.
    NotFound,
}

/// What trying a job again came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryOutcome {
    /// It is due at once, with all its attempts.
    Retried,
    /// Another job does the same already.
    Alive(JobId),
    /// It is not over, or was completed: there is nothing to try again.
    NotGivenUp(JobState),
    /// There is no such job.
    NotFound,
}

impl Tx {
    /// Cancels a job that waits; asks one that runs to stop.
    pub async fn job_cancel(&mut self, id: JobId, new_id: NewJobId<'_>) -> Result<CancelOutcome, StoreError> {
        let outcome = self.cancel(id, new_id).await;
        self.told(outcome)
    }

    async fn cancel(&mut self, id: JobId, new_id: NewJobId<'_>) -> Result<CancelOutcome, DbErr> {
        let Some(mut row) = self.job_locked(id).await? else { return Ok(CancelOutcome::NotFound) };
        let state: JobState = text::parse(&row.state)?;
        if state.is_over() {
            return Ok(CancelOutcome::Over(state));
        }
        if state == JobState::Running {
            let columns =
                ActiveModel { is_cancel_requested: Set(1), rerun_at: Set(None), ..ActiveModel::default() };
            self.job_write(&row.id, columns).await?;
            self.wake_cancel();
            return Ok(CancelOutcome::Requested);
        }
        // What is cancelled is not wanted again either.
        row.rerun_at = None;
        let step = Move { error: Some(CANCELLED.to_owned()), ..Move::to(JobState::Cancelled) };
        self.job_move(&row, &step, self.now()).await?;
        let mut given_up = Vec::new();
        self.job_ended(vec![(row, step)], Stats::default(), &mut given_up, new_id).await?;
        Ok(CancelOutcome::Cancelled(given_up))
    }

    /// Makes a job that was discarded or cancelled due at once, with all its attempts.
    pub async fn job_retry(&mut self, id: JobId) -> Result<RetryOutcome, StoreError> {
        let outcome = self.retry(id).await;
        self.told(outcome)
    }

    async fn retry(&mut self, id: JobId) -> Result<RetryOutcome, DbErr> {
        let Some(row) = self.job_locked(id).await? else { return Ok(RetryOutcome::NotFound) };
        let state: JobState = text::parse(&row.state)?;
        if !matches!(state, JobState::Discarded | JobState::Cancelled) {
            return Ok(RetryOutcome::NotGivenUp(state));
        }
        if let Some(key) = &row.unique_key
            && let Some(alive) = self.alive(key).await?
        {
            return Ok(RetryOutcome::Alive(alive));
        }
        self.begin_anew(&row, state).await?;
        Ok(RetryOutcome::Retried)
    }

    /// Makes the discarded jobs of a queue (of all queues) due again, at most `limit`, the newest first; of several
    /// with one key the newest only. Says how many; those whose work is done by another job stay as they are. Whoever
    /// wants all calls until it says 0.
    pub async fn job_retry_discarded(&mut self, queue: Option<&str>, limit: u64) -> Result<u64, StoreError> {
        let retried = self.retry_discarded(queue, limit).await;
        self.told(retried)
    }

    async fn retry_discarded(&mut self, queue: Option<&str>, limit: u64) -> Result<u64, DbErr> {
        let mut query = Entity::find()
            .filter(Column::State.eq(JobState::Discarded.as_str()))
            // Not those whose work somebody does already: asking again would find them for ever.
            .filter(condition(
                "NOT EXISTS (SELECT 1 FROM job AS other WHERE other.unique_key = job.unique_key \
                 AND other.state IN ('available', 'scheduled', 'retryable', 'running'))",
            ))
            .order_by_desc(Column::Id)
            .limit(limit)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        if let Some(queue) = queue {
            query = query.filter(Column::Queue.eq(queue));
        }
        let mut keys = HashSet::new();
        let mut retried = 0;
        for row in query.all(self.connection()).await? {
            if row.unique_key.as_ref().is_some_and(|key| !keys.insert(key.clone())) {
                continue;
            }
            self.begin_anew(&row, JobState::Discarded).await?;
            retried += 1;
        }
        Ok(retried)
    }

    async fn begin_anew(&mut self, row: &Model, was: JobState) -> Result<(), DbErr> {
        let now = self.now();
        let columns = ActiveModel {
            state: Set(JobState::Available.as_str().to_owned()),
            attempt: Set(0),
            run_at: Set(now),
            finished_at: Set(None),
            children_failed: Set(0),
            is_cancel_requested: Set(0),
            is_parked: Set(0),
            reason: Set(None),
            ..ActiveModel::default()
        };
        self.job_write(&row.id, columns).await?;
        if was == JobState::Discarded
            && let Some(parent) = &row.parent
            && let Some(parent) = self.job_locked(text::parse(parent)?).await?
            && !text::parse::<JobState>(&parent.state)?.is_over()
        {
            let children_failed = Set((parent.children_failed - 1).max(0));
            self.job_write(&parent.id, ActiveModel { children_failed, ..ActiveModel::default() }).await?;
        }
        self.wake_queue(&row.queue);
        self.job_tell(row, JobState::Available, None);
        Ok(())
    }

    async fn alive(&self, key: &str) -> Result<Option<JobId>, DbErr> {
        let query = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::UniqueKey.eq(key))
            .filter(condition(ALIVE))
            .into_tuple::<String>();
        query.one(self.connection()).await?.map(|id| text::parse(&id)).transpose()
    }
}
