//! Rows of table `job` and what all steps do with them: reading, locking, telling clients.

use std::time::Duration;

use muster_model::{
    JobId, Timestamp,
    job::{JobError, JobRecord, JobState},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockType, SimpleExpr},
};
use serde_json::json;

use crate::{
    entity::job::{ActiveModel, Column, Entity, Model},
    error::StoreError,
    job::{Lease, NewJob, topic},
    sequence::{ChangeEvent, NewChange},
    text,
    tx::Tx,
};

/// Spelled out, not bound: only so does PostgreSQL see in every plan that a partial index holds what is asked for.
pub(super) const RUNNING: &str = "state = 'running'";
pub(super) const ALIVE: &str = "state IN ('available', 'scheduled', 'retryable', 'running')";

/// Failed attempts that are remembered.
const ERRORS: usize = 10;

/// Bytes of an error, a reason, a message or a line: enough for the end of a compiler's output.
pub(super) const TEXT_LIMIT: usize = 4096;

pub(super) fn condition(sql: &'static str) -> SimpleExpr {
    Expr::cust(sql)
}

/// A text that both databases take: PostgreSQL refuses NUL.
pub(super) fn plain(text: &str) -> String {
    let end = (0..=TEXT_LIMIT.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text[..end].replace('\0', "\u{fffd}")
}

pub(super) fn micros_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn new_row(job: &NewJob, now: i64) -> Result<ActiveModel, DbErr> {
    let run_at = job.run_at.map_or(now, text::micros);
    let state = if run_at > now { JobState::Scheduled } else { JobState::Available };
    Ok(ActiveModel {
        id: Set(job.id.to_string()),
        kind: Set(plain(&job.kind)),
        queue: Set(plain(&job.queue)),
        payload: Set(text::json(&job.payload)?),
        subject: Set(job.subject.as_deref().map(plain)),
        priority: Set(i64::from(job.priority)),
        unique_key: Set(job.unique_key.as_deref().map(plain)),
        group_key: Set(job.group.as_deref().map(plain).unwrap_or_default()),
        state: Set(state.as_str().to_owned()),
        attempt: Set(0),
        max_attempts: Set(i64::from(job.max_attempts.max(1))),
        free_losses: Set(i64::from(job.free_losses)),
        run_at: Set(run_at),
        created_at: Set(now),
        started_at: Set(None),
        finished_at: Set(None),
        progress: Set(None),
        error: Set(None),
        errors: Set("[]".to_owned()),
        reason: Set(None),
        parent: Set(job.parent.map(|parent| parent.to_string())),
        is_parked: Set(0),
        children_failed: Set(0),
        is_cancel_requested: Set(0),
        is_quiet: Set(i64::from(job.loudness == super::Loudness::Quiet)),
        rerun_at: Set(None),
        node: Set(None),
        lease_token: Set(0),
        lease_until: Set(None),
        only_node: Set(job.only_node.map(|node| node.to_string())),
    })
}

/// The job of a row; why it waits is added by whoever reads more than the row.
pub(super) fn record(row: &Model) -> Result<JobRecord, DbErr> {
    Ok(JobRecord {
        id: text::parse(&row.id)?,
        kind: row.kind.clone().into(),
        queue: row.queue.clone().into(),
        payload: text::from_json(&row.payload)?,
        subject: row.subject.clone(),
        priority: number(row.priority),
        unique_key: row.unique_key.clone(),
        group: (!row.group_key.is_empty()).then(|| row.group_key.clone()),
        state: text::parse(&row.state)?,
        attempt: number(row.attempt),
        max_attempts: number(row.max_attempts),
        run_at: text::from_micros(row.run_at)?,
        created_at: text::from_micros(row.created_at)?,
        started_at: row.started_at.map(text::from_micros).transpose()?,
        finished_at: row.finished_at.map(text::from_micros).transpose()?,
        progress: row.progress.as_deref().map(text::from_json).transpose()?,
        error: row.error.clone(),
        errors: text::from_json(&row.errors)?,
        parent: row.parent.as_deref().map(text::parse).transpose()?,
        is_cancel_requested: row.is_cancel_requested != 0,
        is_rerun_requested: row.rerun_at.is_some(),
        wait_reason: None,
        node: row.node.as_deref().map(text::parse).transpose()?,
        only_node: row.only_node.as_deref().map(text::parse).transpose()?,
    })
}

pub(super) fn number<T: TryFrom<i64> + Default>(number: i64) -> T {
    T::try_from(number).unwrap_or_default()
}

/// The errors of a row and one more, as they are stored.
pub(super) fn errors_with(row: &Model, at: Timestamp, error: &str) -> Result<String, DbErr> {
    let mut errors: Vec<JobError> = text::from_json(&row.errors)?;
    errors.push(JobError { at, attempt: number(row.attempt), error: error.to_owned() });
    let surplus = errors.len().saturating_sub(ERRORS);
    text::json(&errors[surplus..])
}

impl Tx {
    pub(super) fn now(&self) -> i64 {
        text::micros(self.timestamp())
    }

    pub(super) fn timestamp(&self) -> Timestamp {
        self.clock().now()
    }

    /// Of these leases those that still hold, with their rows, locked until the end of this transaction.
    pub(super) async fn job_held(
        &self,
        leases: &[Lease],
        lock: LockType,
    ) -> Result<Vec<(Lease, Model)>, DbErr> {
        let rows = Entity::find()
            .filter(Column::Id.is_in(leases.iter().map(|lease| lease.id.to_string())))
            .filter(condition(RUNNING))
            .order_by_asc(Column::Id)
            .lock(lock)
            .all(self.connection())
            .await?;
        let mut held = Vec::with_capacity(rows.len());
        for row in rows {
            let id: JobId = text::parse(&row.id)?;
            let lease = leases.iter().find(|lease| lease.id == id && lease.token == row.lease_token);
            held.extend(lease.map(|lease| (*lease, row)));
        }
        Ok(held)
    }

    /// One row, locked until the end of this transaction.
    pub(super) async fn job_locked(&self, id: JobId) -> Result<Option<Model>, DbErr> {
        Entity::find_by_id(id.to_string()).lock_exclusive().one(self.connection()).await
    }

    /// Writes columns of one row that this transaction has locked.
    pub(super) async fn job_write(&self, id: &str, columns: ActiveModel) -> Result<(), DbErr> {
        let query = Entity::update_many().set(columns).filter(Column::Id.eq(id));
        query.exec(self.connection()).await.map(drop)
    }

    /// Tells clients, unless the job is quiet.
    pub(super) fn job_tell(&mut self, row: &Model, state: JobState, error: Option<&str>) {
        if row.is_quiet == 0 {
            self.job_tell_of(&row.id, &row.kind, &row.queue, state, error);
        }
    }

    pub(super) fn job_tell_of(
        &mut self,
        id: &str,
        kind: &str,
        queue: &str,
        state: JobState,
        error: Option<&str>,
    ) {
        let data = json!({"id": id, "kind": kind, "queue": queue, "state": state.as_str(), "error": error});
        self.record(NewChange {
            entity: "job".into(),
            entity_id: id.to_owned(),
            tags: vec!["jobs".to_owned()],
            event: Some(ChangeEvent { topic: topic(state).into(), data }),
        });
    }

    pub(super) fn told<T>(&self, result: Result<T, DbErr>) -> Result<T, StoreError> {
        result.map_err(|error| self.fail(error))
    }
}
