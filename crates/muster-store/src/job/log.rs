//! Lines that a job writes about its work: the newest [`LOG_LINES`] are kept, with the job.

use muster_model::{
    JobId,
    job::{JobLogLine, JobProgress},
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::{
    entity::job_log::{ActiveModel, Column, Entity},
    job::row::plain,
    text,
    tx::Tx,
};

/// Lines kept of a job.
pub const LOG_LINES: usize = 200;

/// The lines of a job, oldest first.
pub(super) async fn lines(connection: &impl ConnectionTrait, job: JobId) -> Result<Vec<JobLogLine>, DbErr> {
    let query = Entity::find()
        .filter(Column::Job.eq(job.to_string()))
        .order_by_desc(Column::Id)
        .limit(LOG_LINES as u64);
    let rows = query.all(connection).await?;
    rows.into_iter()
        .rev()
        .map(|row| Ok(JobLogLine { at: text::from_micros(row.at)?, line: row.line }))
        .collect()
}

pub(super) fn progress_text(progress: &JobProgress) -> Result<String, DbErr> {
    let message = plain(&progress.message);
    text::json(&JobProgress { message, unit: plain(&progress.unit), ..progress.clone() })
}

impl Tx {
    /// Adds lines to a job that this transaction has locked, and takes away the oldest beyond what is kept.
    pub(super) async fn job_log_add(&self, job: JobId, lines: &[JobLogLine]) -> Result<(), DbErr> {
        let newest = &lines[lines.len().saturating_sub(LOG_LINES)..];
        if newest.is_empty() {
            return Ok(());
        }
        let rows = newest.iter().map(|line| ActiveModel {
            id: NotSet,
            job: Set(job.to_string()),
            at: Set(text::micros(line.at)),
            line: Set(plain(&line.line)),
        });
        Entity::insert_many(rows).exec_without_returning(self.connection()).await?;
        let oldest_kept: Option<i64> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::Job.eq(job.to_string()))
            .order_by_desc(Column::Id)
            .offset(LOG_LINES as u64 - 1)
            .limit(1)
            .into_tuple()
            .one(self.connection())
            .await?;
        if let Some(oldest) = oldest_kept {
            let surplus =
                Entity::delete_many().filter(Column::Job.eq(job.to_string())).filter(Column::Id.lt(oldest));
            surplus.exec(self.connection()).await?;
        }
        Ok(())
    }
}
