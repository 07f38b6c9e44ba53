//! Work in the background: what there is, what it waits for, and what people do to it.

#![expect(unused_qualifications, reason = "what utoipa makes of IntoParams names it in full")]

use std::collections::BTreeMap;

use axum::{extract::State, http::StatusCode, response::IntoResponse};
use jiff::Timestamp;
use muster_app::services::jobs::{self, JobDetail, JobFilter, JobStat, Queue};
use muster_model::{
    JobId,
    job::{JobRecord, JobState},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    extract::{By, Json, Path, Query},
    problem::{Problem, ProblemView},
    state::HttpState,
    wire::repository::ProgressView,
};

use super::cache::no_store;

/// Jobs of a page, and at most.
const LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 500;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(retry))
        .routes(routes!(cancel))
        .routes(routes!(retry_failed))
        .routes(routes!(queues))
        .routes(routes!(pause))
        .routes(routes!(resume))
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
struct JobView {
    id: String,
    kind: String,
    queue: String,
    /// The id of what it is about.
    subject: Option<String>,
    #[schema(value_type = Object)]
    payload: serde_json::Value,
    /// 1 goes first.
    priority: u8,
    /// `available`, `scheduled`, `running`, `retryable`, `completed`, `cancelled` or `discarded`
    state: &'static str,
    /// Why it is not running, while it waits.
    wait_reason: Option<String>,
    attempt: u32,
    max_attempts: u32,
    run_at: Timestamp,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    progress: Option<ProgressView>,
    error: Option<String>,
    errors: Vec<JobErrorView>,
    parent: Option<String>,
    cancel_requested: bool,
    /// It was asked for again while it ran.
    rerun_requested: bool,
    node: Option<String>,
}

/// A failed attempt.
#[derive(Debug, Serialize, ToSchema)]
struct JobErrorView {
    at: Timestamp,
    attempt: u32,
    error: String,
}

impl From<&JobRecord> for JobView {
    fn from(job: &JobRecord) -> Self {
        let error = |error: &muster_model::job::JobError| JobErrorView {
            at: error.at,
            attempt: error.attempt,
            error: error.error.clone(),
        };
        Self {
            id: job.id.to_string(),
            kind: job.kind.to_string(),
            queue: job.queue.to_string(),
            subject: job.subject.clone(),
            payload: job.payload.clone(),
            priority: job.priority,
            state: job.state.as_str(),
            wait_reason: job.wait_reason.clone(),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            run_at: job.run_at,
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            progress: job.progress.as_ref().map(ProgressView::from),
            error: job.error.clone(),
            errors: job.errors.iter().map(error).collect(),
            parent: job.parent.map(|parent| parent.to_string()),
            cancel_requested: job.is_cancel_requested,
            rerun_requested: job.is_rerun_requested,
            node: job.node.map(|node| node.to_string()),
        }
    }
}

/// A job with what it wrote about its work.
#[derive(Debug, Serialize, ToSchema)]
struct JobDetailView {
    #[serde(flatten)]
    job: JobView,
    /// Oldest first.
    log: Vec<LineView>,
    children: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct LineView {
    at: Timestamp,
    line: String,
}

impl From<&JobDetail> for JobDetailView {
    fn from(detail: &JobDetail) -> Self {
        let line = |line: &muster_model::job::JobLogLine| LineView { at: line.at, line: line.line.clone() };
        Self {
            job: JobView::from(&detail.record),
            log: detail.log.iter().map(line).collect(),
            children: detail.children.iter().map(JobId::to_string).collect(),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    queue: Option<String>,
    kind: Option<String>,
    /// One or several states, separated by commas.
    state: Option<String>,
    /// The id of what they are about: `repo_…`.
    subject: Option<String>,
    /// The job that asked for them.
    parent: Option<String>,
    /// What `next` said.
    cursor: Option<String>,
    /// 1 to 500
    limit: Option<u64>,
}

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
struct ListView {
    /// Newest first.
    items: Vec<JobView>,
    /// The cursor of the next page; `null` on the last one.
    next: Option<String>,
    /// Jobs that fit.
    total: u64,
}

fn filter_of(params: &ListParams) -> Result<JobFilter, Problem> {
    let words = params.state.as_deref().into_iter().flat_map(|states| states.split(','));
    let states = words
        .map(|word| {
            word.trim().parse::<JobState>().map_err(|error| Problem::field("state", error.to_string()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let parent = params
        .parent
        .as_deref()
        .map(|parent| parent.parse::<JobId>().map_err(|error| Problem::field("parent", error.to_string())));
    Ok(JobFilter {
        queue: params.queue.clone(),
        kind: params.kind.clone(),
        states,
        unique_key: None,
        subject: params.subject.clone(),
        parent: parent.transpose()?,
    })
}

/// Jobs
#[utoipa::path(get, path = "/jobs", tag = "jobs", params(ListParams), responses((status = OK, body = ListView)))]
async fn list(
    State(state): State<HttpState>,
    Query(params): Query<ListParams>,
) -> Result<impl IntoResponse, Problem> {
    let filter = filter_of(&params)?;
    let before = params.cursor.as_deref().map(super::cursor).transpose()?;
    let limit = super::limit(params.limit, LIMIT, MAX_LIMIT)?;
    let page = jobs::list(&state.context, &filter, before, limit).await?;
    Ok(no_store(ListView {
        items: page.jobs.iter().map(JobView::from).collect(),
        next: page.next.map(|next| next.to_string()),
        total: page.total,
    }))
}

/// One job
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = String, Path)), responses(
    (status = OK, body = JobDetailView),
    (status = NOT_FOUND, body = ProblemView, content_type = "application/problem+json"),
))]
async fn show(State(state): State<HttpState>, Path(id): Path<String>) -> Result<impl IntoResponse, Problem> {
    Ok(no_store(JobDetailView::from(&jobs::show(&state.context, &id).await?)))
}

/// Try a job again that was given up
#[utoipa::path(post, path = "/jobs/{id}/retry", tag = "jobs", params(("id" = String, Path)), responses(
    (status = OK, body = JobView),
    (status = CONFLICT, body = ProblemView, content_type = "application/problem+json"),
))]
async fn retry(
    State(state): State<HttpState>,
    By(by): By,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    Ok(no_store(JobView::from(&state.jobs.retry(&by, &id).await?)))
}

/// Cancel a job
///
/// One that waits is cancelled at once, one that runs is asked to stop.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = "jobs", params(("id" = String, Path)), responses(
    (status = OK, body = JobView),
    (status = CONFLICT, body = ProblemView, content_type = "application/problem+json"),
))]
async fn cancel(
    State(state): State<HttpState>,
    By(by): By,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    Ok(no_store(JobView::from(&state.jobs.cancel(&by, &id).await?)))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct RetryRequest {
    /// Only of this queue.
    queue: Option<String>,
}

/// How many were taken up.
#[derive(Debug, Serialize, ToSchema)]
struct RetriedView {
    retried: u64,
}

/// Try all jobs again that failed for good
#[utoipa::path(post, path = "/jobs/retry-failed", tag = "jobs", request_body = RetryRequest,
    responses((status = OK, body = RetriedView)))]
async fn retry_failed(
    State(state): State<HttpState>,
    By(by): By,
    Json(request): Json<RetryRequest>,
) -> Result<impl IntoResponse, Problem> {
    let retried = state.jobs.retry_failed(&by, request.queue.as_deref()).await?;
    Ok(no_store(RetriedView { retried }))
}

/// A queue.
#[derive(Debug, Serialize, ToSchema)]
struct QueueView {
    name: String,
    paused: bool,
    /// Jobs that one node runs at the same time.
    concurrency: Option<u32>,
    /// Of one host, over all nodes.
    group_limit: Option<u32>,
    /// Jobs by state.
    counts: BTreeMap<&'static str, u64>,
    /// What outlives the jobs.
    statistics: Vec<StatView>,
}

/// Numbers of a kind of job since the store was made.
#[derive(Debug, Serialize, ToSchema)]
struct StatView {
    kind: String,
    completed: u64,
    /// Attempts.
    failed: u64,
    cancelled: u64,
    /// Given up.
    discarded: u64,
    /// Of completed runs; `null` before the first.
    mean_ms: Option<f64>,
    max_ms: f64,
    /// From being due to beginning.
    mean_wait_ms: Option<f64>,
}

/// All queues.
#[derive(Debug, Serialize, ToSchema)]
struct QueuesView {
    queues: Vec<QueueView>,
}

impl From<&Queue> for QueueView {
    fn from(queue: &Queue) -> Self {
        let limits = queue.record.as_ref().map(|record| &record.limits);
        let mean = |total: std::time::Duration, count: u64| {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            (count > 0).then(|| total.as_secs_f64() * 1000.0 / f64::from(count))
        };
        let stat = |stat: &JobStat| StatView {
            kind: stat.kind.clone(),
            completed: stat.completed,
            failed: stat.failed,
            cancelled: stat.cancelled,
            discarded: stat.discarded,
            mean_ms: mean(stat.duration_total, stat.completed),
            max_ms: stat.duration_max.as_secs_f64() * 1000.0,
            mean_wait_ms: mean(stat.wait_total, stat.waits),
        };
        Self {
            name: queue.name.clone(),
            paused: limits.is_some_and(|limits| limits.is_paused),
            concurrency: limits.map(|limits| limits.concurrency),
            group_limit: limits.and_then(|limits| limits.group_limit),
            counts: queue.counts.iter().map(|(state, count)| (state.as_str(), *count)).collect(),
            statistics: queue.stats.iter().map(stat).collect(),
        }
    }
}

/// Queues and what waits in them
#[utoipa::path(get, path = "/queues", tag = "jobs", responses((status = OK, body = QueuesView)))]
async fn queues(State(state): State<HttpState>) -> Result<impl IntoResponse, Problem> {
    let queues = jobs::queues(&state.context).await?;
    Ok(no_store(QueuesView { queues: queues.iter().map(QueueView::from).collect() }))
}

/// Begin no more jobs of a queue; what runs goes on
#[utoipa::path(post, path = "/queues/{name}/pause", tag = "jobs", params(("name" = String, Path)), responses(
    (status = NO_CONTENT),
    (status = NOT_FOUND, body = ProblemView, content_type = "application/problem+json"),
))]
async fn pause(
    State(state): State<HttpState>,
    By(by): By,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    state.jobs.pause(&by, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Go on with a queue
#[utoipa::path(post, path = "/queues/{name}/resume", tag = "jobs", params(("name" = String, Path)), responses(
    (status = NO_CONTENT),
    (status = NOT_FOUND, body = ProblemView, content_type = "application/problem+json"),
))]
async fn resume(
    State(state): State<HttpState>,
    By(by): By,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    state.jobs.resume(&by, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
