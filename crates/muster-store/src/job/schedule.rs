//! Work that comes again. A schedule has an id and a rule; its next time follows from the rule, never from the last
//! run, so that nothing drifts, and from the id, so that a restart doubles nothing. Times that were missed count once.

use std::time::Duration;

use muster_model::{JobId, Timestamp, word::Word};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::OnConflict,
};

use crate::{
    entity::job_schedule::{ActiveModel, Column, Entity, Model},
    error::StoreError,
    job::{
        Loudness, MAX_ATTEMPTS, NewJob, NewJobId,
        row::{number, plain},
    },
    store::Store,
    text,
    tx::Tx,
};

/// When a schedule is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleTime {
    /// At `from`, and again and again after so many whole seconds, at least one.
    Every {
        /// The time between.
        period: Duration,
        /// The first time; the others are counted from it.
        from: Timestamp,
    },
    /// Once at this time, and not again until it is given another.
    At(Timestamp),
}

/// A schedule to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSchedule {
    /// Which one: a word of the caller's, such as `metadata-refresh:repo_…`.
    pub id: String,
    /// What is to be done.
    pub kind: Word,
    /// Where it waits.
    pub queue: Word,
    /// To what.
    pub payload: serde_json::Value,
    /// The text of the id that it is about.
    pub subject: Option<String>,
    /// 1 goes first.
    pub priority: u8,
    /// The key of its jobs; `None` is one of its own. A time at which the job before still waits adds none.
    pub unique_key: Option<String>,
    /// With whom its jobs share a budget.
    pub group: Option<String>,
    /// Attempts of each job.
    pub max_attempts: u32,
    /// As [`NewJob::free_losses`].
    pub free_losses: u32,
    /// Whether clients hear of its jobs.
    pub loudness: Loudness,
    /// When it is due.
    pub time: ScheduleTime,
}

impl JobSchedule {
    /// A schedule of the default priority.
    pub fn new(
        id: impl Into<String>,
        kind: impl Into<Word>,
        queue: impl Into<Word>,
        payload: serde_json::Value,
        time: ScheduleTime,
    ) -> Self {
        Self {
            id: id.into(),
            kind: kind.into(),
            queue: queue.into(),
            payload,
            subject: None,
            priority: muster_model::job::PRIORITY_DEFAULT,
            unique_key: None,
            group: None,
            max_attempts: MAX_ATTEMPTS,
            free_losses: 0,
            loudness: Loudness::Told,
            time,
        }
    }
}

/// A schedule as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleRecord {
    /// What was asked for.
    pub schedule: JobSchedule,
    /// When it is due next, if it is.
    pub next_run_at: Option<Timestamp>,
    /// When it was due and enqueued last.
    pub last_run_at: Option<Timestamp>,
    /// The job of that time; it may be gone.
    pub last_job: Option<JobId>,
}

impl Store {
    /// Schedules ordered by id, behind `after`, at most `limit`.
    pub async fn job_schedules(
        &self,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<ScheduleRecord>, StoreError> {
        let mut query = Entity::find().order_by_asc(Column::Id).limit(limit);
        if let Some(after) = after {
            query = query.filter(Column::Id.gt(after));
        }
        self.read(async { query.all(self.reader()).await?.into_iter().map(schedule_record).collect() }).await
    }

    /// Is any schedule due?
    pub async fn job_schedule_is_due(&self) -> Result<bool, StoreError> {
        let now = text::micros(self.inner.clock.now());
        let query =
            Entity::find().select_only().column(Column::Id).filter(Column::NextRunAt.lte(now)).limit(1);
        self.read(async { Ok(query.into_tuple::<String>().one(self.reader()).await?.is_some()) }).await
    }
}

impl Tx {
    /// Keeps schedules by id. One whose rule is unchanged keeps its next time, whatever else is new.
    pub async fn job_schedule_put(&mut self, schedules: &[JobSchedule]) -> Result<(), StoreError> {
        let put = self.schedule_put(schedules).await;
        self.told(put)
    }

    async fn schedule_put(&mut self, schedules: &[JobSchedule]) -> Result<(), DbErr> {
        let now = self.now();
        let mut sorted: Vec<&JobSchedule> = schedules.iter().collect();
        sorted.sort_by(|one, other| one.id.cmp(&other.id));
        for schedule in sorted {
            let id = plain(&schedule.id);
            let old = Entity::find_by_id(&id).lock_exclusive().one(self.connection()).await?;
            let (every_seconds, anchor) = rule(schedule.time);
            let next_run_at = match &old {
                Some(old) if (old.every_seconds, old.anchor) == (every_seconds, anchor) => old.next_run_at,
                _ => first_due(every_seconds, anchor, now),
            };
            let row = ActiveModel {
                id: Set(id.clone()),
                kind: Set(plain(&schedule.kind)),
                queue: Set(plain(&schedule.queue)),
                payload: Set(text::json(&schedule.payload)?),
                subject: Set(schedule.subject.as_deref().map(plain)),
                priority: Set(schedule.priority.into()),
                unique_key: Set(schedule.unique_key.as_deref().map_or_else(|| own_key(&id), plain)),
                group_key: Set(schedule.group.as_deref().map(plain).unwrap_or_default()),
                max_attempts: Set(schedule.max_attempts.max(1).into()),
                free_losses: Set(schedule.free_losses.into()),
                is_quiet: Set((schedule.loudness == Loudness::Quiet).into()),
                every_seconds: Set(every_seconds),
                anchor: Set(anchor),
                next_run_at: Set(next_run_at),
                last_run_at: Set(old.as_ref().and_then(|old| old.last_run_at)),
                last_job: Set(old.and_then(|old| old.last_job)),
            };
            let conflict = OnConflict::column(Column::Id)
                .update_columns([
                    Column::Kind,
                    Column::Queue,
                    Column::Payload,
                    Column::Subject,
                    Column::Priority,
                    Column::UniqueKey,
                    Column::GroupKey,
                    Column::MaxAttempts,
                    Column::FreeLosses,
                    Column::IsQuiet,
                    Column::EverySeconds,
                    Column::Anchor,
                    Column::NextRunAt,
                ])
                .to_owned();
            Entity::insert(row).on_conflict(conflict).exec_without_returning(self.connection()).await?;
        }
        Ok(())
    }

    /// Forgets schedules; the jobs that they enqueued stay. Says how many there were.
    pub async fn job_schedule_remove(&mut self, ids: &[String]) -> Result<u64, StoreError> {
        let query = Entity::delete_many().filter(Column::Id.is_in(ids));
        let done = query.exec(self.connection()).await;
        self.told(done.map(|done| done.rows_affected))
    }

    /// Enqueues the jobs of schedules that are due, at most `limit`, and sets their next times. Says how many were due.
    pub async fn job_schedules_fire(&mut self, limit: u64, new_id: NewJobId<'_>) -> Result<u64, StoreError> {
        let fired = self.schedules_fire(limit, new_id).await;
        self.told(fired)
    }

    async fn schedules_fire(&mut self, limit: u64, new_id: NewJobId<'_>) -> Result<u64, DbErr> {
        let now = self.now();
        let due = Entity::find()
            .filter(Column::NextRunAt.lte(now))
            .order_by_asc(Column::NextRunAt)
            .order_by_asc(Column::Id)
            .limit(limit)
            .all(self.connection())
            .await?;
        let mut fired: Vec<(Model, NewJob)> = Vec::new();
        for row in due {
            let next = row.every_seconds.and_then(|every| next_after(every, row.anchor, now));
            let columns = ActiveModel {
                next_run_at: Set(next),
                last_run_at: Set(row.next_run_at),
                ..ActiveModel::default()
            };
            // Of two nodes that found it due, the second waits here for the first, and then changes nothing.
            let query = Entity::update_many()
                .set(columns)
                .filter(Column::Id.eq(&row.id))
                .filter(Column::NextRunAt.eq(row.next_run_at));
            if query.exec(self.connection()).await?.rows_affected == 1 {
                let job = job_of(&row, new_id())?;
                fired.push((row, job));
            }
        }
        let jobs: Vec<NewJob> = fired.iter().map(|(_, job)| job.clone()).collect();
        let enqueued = self.enqueue(&jobs).await?;
        for ((row, _), enqueued) in fired.iter().zip(enqueued) {
            let last_job = Set(Some(enqueued.id.to_string()));
            let query = Entity::update_many()
                .set(ActiveModel { last_job, ..ActiveModel::default() })
                .filter(Column::Id.eq(&row.id));
            query.exec(self.connection()).await?;
        }
        Ok(jobs.len() as u64)
    }
}

/// Period in seconds, if there is one, and the time from which it counts.
fn rule(time: ScheduleTime) -> (Option<i64>, i64) {
    match time {
        ScheduleTime::Every { period, from } => {
            (Some(i64::try_from(period.as_secs().max(1)).unwrap_or(i64::MAX)), text::micros(from))
        }
        ScheduleTime::At(at) => (None, text::micros(at)),
    }
}

/// The first time of a rule that is new: one that has just been is not made up for.
fn first_due(every_seconds: Option<i64>, anchor: i64, now: i64) -> Option<i64> {
    match every_seconds {
        Some(_) if anchor >= now => Some(anchor),
        Some(every) => next_after(every, anchor, now),
        None => Some(anchor),
    }
}

/// The first time of the rule after `now`.
fn next_after(every_seconds: i64, anchor: i64, now: i64) -> Option<i64> {
    let every = every_seconds.checked_mul(1_000_000)?;
    let passed = now.checked_sub(anchor)?.div_euclid(every);
    anchor.checked_add(every.checked_mul(passed + 1)?)
}

fn own_key(id: &str) -> String {
    format!("schedule:{id}")
}

fn job_of(row: &Model, id: JobId) -> Result<NewJob, DbErr> {
    Ok(NewJob {
        subject: row.subject.clone(),
        priority: number(row.priority),
        unique_key: Some(row.unique_key.clone()),
        group: (!row.group_key.is_empty()).then(|| row.group_key.clone()),
        max_attempts: number(row.max_attempts),
        free_losses: number(row.free_losses),
        loudness: if row.is_quiet == 0 { Loudness::Told } else { Loudness::Quiet },
        ..NewJob::new(id, row.kind.clone(), row.queue.clone(), text::from_json(&row.payload)?)
    })
}

fn schedule_record(row: Model) -> Result<ScheduleRecord, DbErr> {
    let job = job_of(&row, JobId::new(Timestamp::UNIX_EPOCH, [0; 10]))?;
    let anchor = text::from_micros(row.anchor)?;
    let time = match row.every_seconds {
        Some(every) => ScheduleTime::Every { period: Duration::from_secs(number(every)), from: anchor },
        None => ScheduleTime::At(anchor),
    };
    let own_key = own_key(&row.id);
    Ok(ScheduleRecord {
        schedule: JobSchedule {
            id: row.id,
            kind: job.kind,
            queue: job.queue,
            payload: job.payload,
            subject: job.subject,
            priority: job.priority,
            unique_key: job.unique_key.filter(|key| *key != own_key),
            group: job.group,
            max_attempts: job.max_attempts,
            free_losses: job.free_losses,
            loudness: job.loudness,
            time,
        },
        next_run_at: row.next_run_at.map(text::from_micros).transpose()?,
        last_run_at: row.last_run_at.map(text::from_micros).transpose()?,
        last_job: row.last_job.as_deref().map(text::parse).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn the_next_time_follows_from_the_rule() {
        // Every 10 s from 3 s on.
        for (now, next) in [(-20, -17), (2, 3), (3, 13), (12, 13), (13, 23), (1000, 1003)] {
            assert_eq!(next_after(10, 3 * SECOND, now * SECOND), Some(next * SECOND), "at {now} s");
        }
        assert_eq!(next_after(i64::MAX, 0, 1), None);
        assert_eq!(first_due(Some(10), 3 * SECOND, 3 * SECOND), Some(3 * SECOND));
        assert_eq!(first_due(Some(10), 3 * SECOND, 4 * SECOND), Some(13 * SECOND));
        assert_eq!(first_due(None, 3 * SECOND, 4 * SECOND), Some(3 * SECOND));
    }
}
