//! Why a job waits, in words. Worked out when it is looked at, from the job, its queue and what else runs: nothing that
//! goes stale is stored.

use std::collections::HashMap;

use muster_model::{
    Timestamp,
    job::{JobRecord, JobState},
};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use crate::{
    entity::{
        job::{self, Column, Model},
        job_queue,
    },
    job::{
        QueueLimits,
        queue::queue_record,
        row::{ALIVE, RUNNING, condition, number},
    },
    store::Store,
    text,
};

/// What is known of the surroundings of some jobs, in three queries however many they are.
struct Surroundings {
    queues: HashMap<String, (QueueLimits, job_queue::Model)>,
    running: HashMap<(String, String), i64>,
    children: HashMap<String, i64>,
}

impl Store {
    pub(super) async fn say_why_they_wait(
        &self,
        rows: &[Model],
        records: &mut [JobRecord],
    ) -> Result<(), DbErr> {
        if !records.iter().any(|record| record.state.is_waiting()) {
            return Ok(());
        }
        let queues: Vec<&str> = {
            let mut names: Vec<&str> = rows.iter().map(|row| row.queue.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        let known = job_queue::Entity::find()
            .filter(job_queue::Column::Name.is_in(queues.iter().copied()))
            .all(self.reader())
            .await?;
        let running = job::Entity::find()
            .select_only()
            .columns([Column::Queue, Column::GroupKey])
            .column_as(Expr::col(Column::Id).count(), "count")
            .filter(Column::Queue.is_in(queues))
            .filter(condition(RUNNING))
            .group_by(Column::Queue)
            .group_by(Column::GroupKey)
            .into_tuple::<(String, String, i64)>()
            .all(self.reader())
            .await?;
        let parked: Vec<&str> =
            rows.iter().filter(|row| row.is_parked != 0).map(|row| row.id.as_str()).collect();
        let children = if parked.is_empty() {
            Vec::new()
        } else {
            job::Entity::find()
                .select_only()
                .column(Column::Parent)
                .column_as(Expr::col(Column::Id).count(), "count")
                .filter(Column::Parent.is_in(parked))
                .filter(condition(ALIVE))
                .group_by(Column::Parent)
                .into_tuple::<(String, i64)>()
                .all(self.reader())
                .await?
        };
        let around = Surroundings {
            queues: known
                .into_iter()
                .map(|row| (row.name.clone(), (queue_record(&row).limits, row)))
                .collect(),
            running: running.into_iter().map(|(queue, group, count)| ((queue, group), count)).collect(),
            children: children.into_iter().collect(),
        };
        let now = self.inner.clock.now();
        for (row, record) in rows.iter().zip(records) {
            if record.state.is_waiting() {
                record.wait_reason = Some(reason(row, record, &around, now));
            }
        }
        Ok(())
    }
}

fn reason(row: &Model, record: &JobRecord, around: &Surroundings, now: Timestamp) -> String {
    if row.is_parked != 0 {
        return match around.children.get(&row.id).copied().unwrap_or_default() {
            1 => "waits for one of its jobs".into(),
            left => format!("waits for {left} of its jobs"),
        };
    }
    let queue = &row.queue;
    let known = around.queues.get(queue);
    let limits = known.map(|(limits, _)| *limits).unwrap_or_default();
    let pause = if limits.is_paused { format!("queue {queue} is paused") } else { String::new() };
    if record.run_at > now {
        let at = record.run_at;
        let time = match (record.state, &row.reason) {
            (JobState::Retryable, Some(why)) => format!("{why}; tried again at {at}"),
            (_, Some(why)) => format!("{why}; not before {at}"),
            (_, None) => format!("due at {at}"),
        };
        return if pause.is_empty() { time } else { format!("{pause}; {time}") };
    }
    if limits.is_paused {
        return pause;
    }
    if let Some((_, row)) = known
        && let Some(rate) = limits.rate
    {
        let began_at = text::from_micros(row.rate_began_at).unwrap_or(Timestamp::MIN);
        let age = now.duration_since(began_at);
        let is_open = age.is_negative() || age.unsigned_abs() >= rate.per;
        if !is_open && number::<u32>(row.rate_used) >= rate.count {
            let per = rate.per.as_secs();
            return format!("queue {queue} begins at most {} in {per} s", rate.count);
        }
    }
    let running =
        |group: &str| around.running.get(&(queue.clone(), group.to_owned())).copied().unwrap_or_default();
    if let (Some(group), Some(limit)) = (&record.group, limits.group_limit)
        && running(group) >= i64::from(limit)
    {
        return format!("{} of {group} run already, no more at a time", running(group));
    }
    let in_queue: i64 =
        around.running.iter().filter(|((name, _), _)| name == queue).map(|(_, count)| count).sum();
    let why = row.reason.as_ref().map(|why| format!("{why}; ")).unwrap_or_default();
    if in_queue >= i64::from(limits.concurrency) {
        format!("{why}waits for its turn in queue {queue}, in which {in_queue} run")
    } else if let Some(node) = record.only_node {
        format!("{why}waits for {node}, which alone has what it is about")
    } else {
        format!("{why}waits for a runner to take it")
    }
}
