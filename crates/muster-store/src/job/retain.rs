//! Retention: of each queue the newest jobs that are over are kept, the others go, with their lines. Their statistics
//! stay.

use muster_model::job::JobState;
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{LockBehavior, LockType},
};

use crate::{
    entity::{
        job::{Column, Entity},
        job_log,
    },
    error::StoreError,
    tx::Tx,
};

/// How many are kept in each queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Completed ones.
    pub completed: u64,
    /// Discarded ones; as many cancelled ones besides.
    pub discarded: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { completed: 100, discarded: 50 }
    }
}

impl Tx {
    /// Takes away the oldest jobs of a queue that are over, beyond those that are kept, at most `limit`. Says how many
    /// went: as many as `limit` means that there are more.
    pub async fn job_retain(&mut self, queue: &str, keep: Retention, limit: u64) -> Result<u64, StoreError> {
        let removed = self.retain(queue, keep, limit).await;
        self.told(removed)
    }

    async fn retain(&mut self, queue: &str, keep: Retention, limit: u64) -> Result<u64, DbErr> {
        let kept = [
            (JobState::Completed, keep.completed),
            (JobState::Discarded, keep.discarded),
            (JobState::Cancelled, keep.discarded),
        ];
        let mut removed = 0;
        for (state, kept) in kept {
            let surplus: Vec<String> = Entity::find()
                .select_only()
                .column(Column::Id)
                .filter(Column::Queue.eq(queue))
                .filter(Column::State.eq(state.as_str()))
                .order_by_desc(Column::FinishedAt)
                .order_by_desc(Column::Id)
                .offset(kept)
                .limit(limit - removed)
                .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
                .into_tuple()
                .all(self.connection())
                .await?;
            if surplus.is_empty() {
                continue;
            }
            let lines = job_log::Entity::delete_many().filter(job_log::Column::Job.is_in(&surplus));
            lines.exec(self.connection()).await?;
            let jobs = Entity::delete_many().filter(Column::Id.is_in(&surplus));
            removed += jobs.exec(self.connection()).await?.rows_affected;
            if removed >= limit {
                break;
            }
        }
        Ok(removed)
    }
}
