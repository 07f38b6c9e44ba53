//! Taking back the jobs whose process is gone: their leases ran out, or, where one process holds the whole database,
//! it has just been started and cannot have begun them.
//!
//! The attempt that was begun stays counted, so that a job that kills its process stops at its last attempt; unless it
//! has losses that are free, because whoever asked for it knows that it is not the cause. Each step
//! is conditional on the lease being over: whoever does it twice, or at the same time on two nodes, does it once.

use muster_model::{JobId, job::JobState};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType},
};

use crate::{
    entity::job::{ActiveModel, Column, Entity},
    error::StoreError,
    job::{
        GivenUp, NewJobId,
        finish::{CANCELLED, Move},
        row::{RUNNING, condition},
        stat::Stats,
    },
    store::Store,
    text,
    tx::Tx,
};

const GONE: &str = "its process ended while it ran";

/// What a rescue came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rescued {
    /// Jobs that are due again.
    pub returned: Vec<JobId>,
}

impl Store {
    /// Running jobs whose lease is over and that cannot be begun again: their attempts are used up, or they are to be
    /// cancelled. At most `limit`.
    pub async fn job_exhausted(&self, limit: u64) -> Result<Vec<JobId>, StoreError> {
        let now = text::micros(self.inner.clock.now());
        let query = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(condition(RUNNING))
            .filter(Column::LeaseUntil.lt(now))
            .filter(is_exhausted())
            .order_by_asc(Column::Id)
            .limit(limit)
            .into_tuple::<String>();
        self.read(async { query.all(self.reader()).await?.iter().map(|id| text::parse(id)).collect() }).await
    }
}

impl Tx {
    /// Makes jobs whose lease is over due again, at most `limit`, but for those that the caller itself has
    /// in hand (`held`). Those that cannot begin again are left to [`Tx::job_rescue_exhausted`].
    pub async fn job_rescue(&mut self, held: &[JobId], limit: u64) -> Result<Rescued, StoreError> {
        let rescued = self.rescue(held, limit).await;
        self.told(rescued)
    }

    async fn rescue(&mut self, held: &[JobId], limit: u64) -> Result<Rescued, DbErr> {
        let now = self.now();
        let rows = Entity::find()
            .filter(condition(RUNNING))
            .filter(Column::LeaseUntil.lt(now))
            .filter(is_exhausted().not())
            .filter(Column::Id.is_not_in(held.iter().map(JobId::to_string)))
            .order_by_asc(Column::Id)
            .limit(limit)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .all(self.connection())
            .await?;
        let mut rescued = Rescued::default();
        let mut stats = Stats::default();
        for row in rows {
            let step = Move {
                error: Some(GONE.to_owned()),
                reason: Some(GONE.to_owned()),
                run_at: Some(now),
                is_attempt_counted: row.free_losses == 0,
                ..Move::to(JobState::Available)
            };
            self.job_move(&row, &step, now).await?;
            if row.free_losses > 0 {
                let left = ActiveModel { free_losses: Set(row.free_losses - 1), ..ActiveModel::default() };
                self.job_write(&row.id, left).await?;
            }
            stats.of(&row.queue, &row.kind).failed += 1;
            rescued.returned.push(text::parse(&row.id)?);
        }
        self.stats_add(stats).await?;
        Ok(rescued)
    }

    /// Gives up a job whose lease is over and that cannot begin again. Empty if that is not so any more.
    pub async fn job_rescue_exhausted(
        &mut self,
        id: JobId,
        new_id: NewJobId<'_>,
    ) -> Result<Vec<GivenUp>, StoreError> {
        let given_up = self.rescue_exhausted(id, new_id).await;
        self.told(given_up)
    }

    async fn rescue_exhausted(&mut self, id: JobId, new_id: NewJobId<'_>) -> Result<Vec<GivenUp>, DbErr> {
        let now = self.now();
        let query = Entity::find_by_id(id.to_string())
            .filter(condition(RUNNING))
            .filter(Column::LeaseUntil.lt(now))
            .filter(is_exhausted())
            // Whoever locked it ends it or proves that its lease holds; the next round looks again.
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        let Some(row) = query.one(self.connection()).await? else { return Ok(Vec::new()) };
        let mut stats = Stats::default();
        stats.of(&row.queue, &row.kind).failed += 1;
        let step = if row.is_cancel_requested != 0 {
            Move { error: Some(CANCELLED.to_owned()), ..Move::to(JobState::Cancelled) }
        } else {
            let times = if row.attempt == 1 { "once".to_owned() } else { format!("{} times", row.attempt) };
            let all_gone = errors_are(&row, GONE)?;
            let error = if all_gone {
                format!("its process ended {times} while it ran")
            } else {
                format!("{GONE}, in the last of {} attempts", row.max_attempts)
            };
            Move { error: Some(error), ..Move::to(JobState::Discarded) }
        };
        self.job_move(&row, &step, now).await?;
        let mut given_up = Vec::new();
        self.job_ended(vec![(row, step)], stats, &mut given_up, new_id).await?;
        Ok(given_up)
    }

    /// Ends the leases of all running jobs, for a process that has just been started and holds the database alone:
    /// nobody can be running them. The next rescue takes them back. Says how many there are.
    pub async fn job_orphans_return(&mut self) -> Result<u64, StoreError> {
        // One before the beginning: over, whatever the clock says.
        let columns = ActiveModel { lease_until: Set(Some(i64::MIN)), ..ActiveModel::default() };
        let done =
            Entity::update_many().set(columns).filter(condition(RUNNING)).exec(self.connection()).await;
        self.told(done.map(|done| done.rows_affected))
    }
}

fn is_exhausted() -> Condition {
    let is_last = Expr::col(Column::Attempt).gte(Expr::col(Column::MaxAttempts));
    Condition::any()
        .add(is_last.and(Expr::col(Column::FreeLosses).lte(0)))
        .add(Column::IsCancelRequested.ne(0))
}

/// All failed attempts of a row ended for this reason.
fn errors_are(row: &crate::entity::job::Model, error: &str) -> Result<bool, DbErr> {
    let errors: Vec<muster_model::job::JobError> = text::from_json(&row.errors)?;
    Ok(errors.iter().all(|failed| failed.error == error))
}
