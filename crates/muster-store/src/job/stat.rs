//! Counts and durations per queue and kind, added up in the transactions that end runs, so that they outlive the jobs.

use std::{collections::BTreeMap, time::Duration};

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryOrder, Statement, Value};

use crate::{
    entity::job_stat::{Column, Entity},
    error::StoreError,
    job::row::number,
    store::Store,
    tx::Tx,
};

/// What is known of all jobs of a kind in a queue that ever ran.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobStat {
    /// Their queue.
    pub queue: String,
    /// Their kind.
    pub kind: String,
    /// Jobs completed.
    pub completed: u64,
    /// Attempts that failed, were lost with their process, or ran too long.
    pub failed: u64,
    /// Jobs cancelled.
    pub cancelled: u64,
    /// Jobs given up because they failed for the last time.
    pub discarded: u64,
    /// Time of all completed runs.
    pub duration_total: Duration,
    /// The longest of them.
    pub duration_max: Duration,
    /// Runs that ended in any way.
    pub waits: u64,
    /// Time that these were due before they began.
    pub wait_total: Duration,
    /// The longest of these.
    pub wait_max: Duration,
}

#[derive(Default)]
pub(super) struct Stats(BTreeMap<(String, String), Counts>);

#[derive(Default)]
pub(super) struct Counts {
    pub(super) completed: i64,
    pub(super) failed: i64,
    pub(super) cancelled: i64,
    pub(super) discarded: i64,
    duration_total: i64,
    duration_max: i64,
    waits: i64,
    wait_total: i64,
    wait_max: i64,
}

impl Stats {
    pub(super) fn of(&mut self, queue: &str, kind: &str) -> &mut Counts {
        self.0.entry((queue.to_owned(), kind.to_owned())).or_default()
    }
}

impl Counts {
    pub(super) fn lasted(&mut self, micros: i64) {
        self.duration_total += micros.max(0);
        self.duration_max = self.duration_max.max(micros);
    }

    pub(super) fn waited(&mut self, micros: i64) {
        self.waits += 1;
        self.wait_total += micros.max(0);
        self.wait_max = self.wait_max.max(micros);
    }
}

impl Store {
    /// All statistics, by queue and kind.
    pub async fn job_stats(&self) -> Result<Vec<JobStat>, StoreError> {
        let query = Entity::find().order_by_asc(Column::Queue).order_by_asc(Column::Kind);
        let micros = |micros: i64| Duration::from_micros(number(micros));
        self.read(async {
            let rows = query.all(self.reader()).await?;
            let stats = rows.into_iter().map(|row| JobStat {
                queue: row.queue,
                kind: row.kind,
                completed: number(row.completed),
                failed: number(row.failed),
                cancelled: number(row.cancelled),
                discarded: number(row.discarded),
                duration_total: micros(row.duration_total),
                duration_max: micros(row.duration_max),
                waits: number(row.waits),
                wait_total: micros(row.wait_total),
                wait_max: micros(row.wait_max),
            });
            Ok(stats.collect())
        })
        .await
    }
}

impl Tx {
    pub(super) async fn stats_add(&self, stats: Stats) -> Result<(), DbErr> {
        let connection = self.connection();
        // Ordered by the map, so that two transactions meet their common rows in the same order.
        for ((queue, kind), counts) in stats.0 {
            let values: [Value; 11] = [
                queue.into(),
                kind.into(),
                counts.completed.into(),
                counts.failed.into(),
                counts.cancelled.into(),
                counts.discarded.into(),
                counts.duration_total.into(),
                counts.duration_max.into(),
                counts.waits.into(),
                counts.wait_total.into(),
                counts.wait_max.into(),
            ];
            let add = Statement::from_sql_and_values(connection.get_database_backend(), ADD, values);
            connection.execute_raw(add).await?;
        }
        Ok(())
    }
}

const ADD: &str = "INSERT INTO job_stat (queue, kind, completed, failed, cancelled, discarded, \
     duration_total, duration_max, waits, wait_total, wait_max) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
     ON CONFLICT (queue, kind) DO UPDATE SET \
     completed = job_stat.completed + excluded.completed, failed = job_stat.failed + excluded.failed, \
     cancelled = job_stat.cancelled + excluded.cancelled, discarded = job_stat.discarded + excluded.discarded, \
     duration_total = job_stat.duration_total + excluded.duration_total, \
     duration_max = CASE WHEN excluded.duration_max > job_stat.duration_max \
       THEN excluded.duration_max ELSE job_stat.duration_max END, \
     waits = job_stat.waits + excluded.waits, wait_total = job_stat.wait_total + excluded.wait_total, \
     wait_max = CASE WHEN excluded.wait_max > job_stat.wait_max \
       THEN excluded.wait_max ELSE job_stat.wait_max END";
