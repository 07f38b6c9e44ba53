//! Leases: kept alive by heartbeats, and looked at before a result is stored.

use std::{collections::HashSet, time::Duration};

use muster_model::JobId;
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, sea_query::LockType};

use crate::{
    entity::job::{ActiveModel, Column, Entity},
    error::StoreError,
    job::{
        Lease, RunNotes, lease_lost,
        log::progress_text,
        row::{RUNNING, condition, micros_of},
    },
    tx::Tx,
};

/// A sign of life of one run, with what it said since the last.
#[derive(Debug, Clone, PartialEq)]
pub struct Heartbeat {
    /// The right to the job.
    pub lease: Lease,
    /// What is to be stored with it.
    pub notes: RunNotes,
}

/// What the heartbeats brought to light.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeartbeatAnswer {
    /// These runs lost their lease: nothing they say counts any more.
    pub lost: Vec<JobId>,
    /// These were asked to stop.
    pub cancel_requested: Vec<JobId>,
}

impl Tx {
    /// Prolongs leases by `lease` from now.
    pub async fn job_heartbeat(
        &mut self,
        beats: &[Heartbeat],
        lease: Duration,
    ) -> Result<HeartbeatAnswer, StoreError> {
        let answer = self.heartbeat(beats, lease).await;
        self.told(answer)
    }

    async fn heartbeat(&mut self, beats: &[Heartbeat], lease: Duration) -> Result<HeartbeatAnswer, DbErr> {
        if beats.is_empty() {
            return Ok(HeartbeatAnswer::default());
        }
        let leases: Vec<Lease> = beats.iter().map(|beat| beat.lease).collect();
        let held = self.job_held(&leases, LockType::NoKeyUpdate).await?;
        let until = self.now().saturating_add(micros_of(lease));
        let prolong = ActiveModel { lease_until: Set(Some(until)), ..ActiveModel::default() };
        let query = Entity::update_many()
            .set(prolong)
            .filter(Column::Id.is_in(held.iter().map(|(_, row)| row.id.as_str())))
            .filter(condition(RUNNING));
        if !held.is_empty() {
            query.exec(self.connection()).await?;
        }
        let alive: HashSet<Lease> = held.iter().map(|(lease, _)| *lease).collect();
        let mut answer = HeartbeatAnswer::default();
        for beat in beats {
            if alive.contains(&beat.lease) {
                self.job_note(beat.lease.id, &beat.notes).await?;
            } else {
                answer.lost.push(beat.lease.id);
            }
        }
        let cancelled = held.iter().filter(|(_, row)| row.is_cancel_requested != 0);
        answer.cancel_requested = cancelled.map(|(lease, _)| lease.id).collect();
        Ok(answer)
    }

    /// Stores what a run said, of a job that this transaction has locked.
    pub(super) async fn job_note(&self, job: JobId, notes: &RunNotes) -> Result<(), DbErr> {
        if let Some(progress) = &notes.progress {
            let progress = Set(Some(progress_text(progress)?));
            self.job_write(&job.to_string(), ActiveModel { progress, ..ActiveModel::default() }).await?;
        }
        self.job_log_add(job, &notes.log).await
    }

    /// Refuses to go on unless the lease holds, and keeps it from being lost until this transaction is over:
    /// [`StoreError::LeaseLost`]. So a worker that was frozen for long cannot store its late result.
    pub async fn job_fence(&mut self, lease: Lease) -> Result<(), StoreError> {
        // The weakest lock: a heartbeat passes it, which must not wait for a handler's transaction; a rescue and the end
        // of the run do not (postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS).
        let held = self.job_held(&[lease], LockType::KeyShare).await;
        if self.told(held)?.is_empty() { Err(lease_lost(lease)) } else { Ok(()) }
    }
}
