//! Questions about work in the background: lists, one job with its lines, queues with what waits in them.

use std::collections::BTreeMap;

use muster_model::{
    JobId,
    job::{JobRecord, JobState},
};
use muster_store::job::QueueRecord;
pub use muster_store::job::{JobDetail, JobFilter, JobStat};

use crate::{context::Context, error::AppError};

/// A page of jobs.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Newest first.
    pub jobs: Vec<JobRecord>,
    /// The job behind which the next page begins; `None` on the last one.
    pub next: Option<JobId>,
    /// Jobs that fit.
    pub total: u64,
}

/// A queue with its numbers.
#[derive(Debug, Clone)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Its limits; `None` before a runner served it.
    pub record: Option<QueueRecord>,
    /// Jobs by state; states without any are missing.
    pub counts: BTreeMap<JobState, u64>,
    /// What outlives the jobs, by kind.
    pub stats: Vec<JobStat>,
}

/// Jobs, newest first.
pub async fn list(
    context: &Context,
    filter: &JobFilter,
    before: Option<JobId>,
    limit: u64,
) -> Result<Page, AppError> {
    let mut jobs = context.store.job_list(filter, before, limit + 1).await?;
    let is_more = jobs.len() as u64 > limit;
    if is_more {
        jobs.pop();
    }
    let next = jobs.last().filter(|_| is_more).map(|last| last.id);
    Ok(Page { jobs, next, total: context.store.job_total(filter).await? })
}

/// One job with its lines.
pub async fn show(context: &Context, id: &str) -> Result<JobDetail, AppError> {
    let not_found = || AppError::NoSuch { what: "job", query: id.to_owned() };
    let job: JobId = id.parse().map_err(|_| not_found())?;
    context.store.job(job).await?.ok_or_else(not_found)
}

/// All queues that exist, by name.
pub async fn queues(context: &Context) -> Result<Vec<Queue>, AppError> {
    let mut queues: BTreeMap<String, Queue> = BTreeMap::new();
    let empty = |name: &str| Queue {
        name: name.to_owned(),
        record: None,
        counts: BTreeMap::new(),
        stats: Vec::new(),
    };
    for record in context.store.job_queues().await? {
        let queue = queues.entry(record.name.clone()).or_insert_with(|| empty(&record.name));
        queue.record = Some(record);
    }
    for count in context.store.job_counts().await? {
        let queue = queues.entry(count.queue.clone()).or_insert_with(|| empty(&count.queue));
        queue.counts.insert(count.state, count.count);
    }
    for stat in context.store.job_stats().await? {
        let queue = queues.entry(stat.queue.clone()).or_insert_with(|| empty(&stat.queue));
        queue.stats.push(stat);
    }
    Ok(queues.into_values().collect())
}
