//! The watchlist: remote repositories added by their address, answered at once and worked on in the background.

#![expect(unused_qualifications, reason = "what utoipa makes of IntoParams names it in full")]

use axum::{
    Json as AxumJson, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use jiff::Timestamp;
use muster_app::{
    actions::watchlist::WatchRequest,
    services::watchlist::{self, Filter},
};
use muster_model::{
    alert::AlertSettings,
    category::Category,
    repository::{Level, Processing},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    extract::{By, Json, Path, Query},
    problem::{Problem, ProblemView},
    state::HttpState,
    wire::repository::{EntryView, WatchView},
};

use super::cache::no_store;

/// Entries of a page, and at most.
const LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 500;
/// Commits of a summary, and at most.
const SUMMARY: u64 = 10;
const MAX_SUMMARY: u64 = 50;

/// Below `/api/v1`, documented.
pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(add, list))
        .routes(routes!(status, remove))
        .routes(routes!(retry))
        .routes(routes!(refresh))
        .routes(routes!(level))
        .routes(routes!(commit_summary))
        .routes(routes!(set_alerts))
}

/// The names that clients of older systems use.
pub(super) fn short_routes() -> Router<HttpState> {
    Router::new()
        .route("/activity/user-watchlist-added", post(add))
        .route("/activity/watchlist/{id}/status", get(status))
        .route("/activity/watchlist/{id}/commit-summary", post(commit_summary))
        .route("/activity/user-watchlist-alerts/{id}", put(set_alerts))
}

/// What is to be watched.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AddRequest {
    /// The address: `https://host/owner/name`. Credentials in it are dropped.
    repo_url: String,
    /// Who wants to watch it.
    added_by: Option<String>,
    /// What they want to be told; see `PUT …/user-watchlist-alerts/{id}`.
    #[schema(value_type = Option<Object>)]
    alerts: Option<AlertSettings>,
    notes: Option<String>,
    /// One of the fourteen categories.
    category: Option<String>,
    tags: Option<Vec<String>>,
    /// `facts`, `history` or `full` (the default)
    level: Option<String>,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
struct AddedView {
    message: String,
    watchlist_id: String,
    /// Of this person's watch.
    user_watchlist_id: String,
    /// `processing` for a new entry; else how it stands.
    status: &'static str,
}

fn level_of(word: &str) -> Result<Level, Problem> {
    Level::of_word(word)
        .ok_or_else(|| Problem::field("level", format!("'{word}' is none of facts, history, full")))
}

fn category_of(word: &str) -> Result<Category, Problem> {
    Category::of_word(word).ok_or_else(|| {
        let words: Vec<_> = Category::ALL.iter().map(|category| category.as_str()).collect();
        Problem::field("category", format!("'{word}' is none of {}", words.join(", ")))
    })
}

/// Watch a repository
///
/// Answered at once; what follows is done in the background and seen at `GET /watchlist/{id}` and in the events. A
/// repository that is watched already, in whatever spelling, is answered as it is.
#[utoipa::path(post, path = "/watchlist", tag = "watchlist", request_body = AddRequest, responses(
    (status = ACCEPTED, body = AddedView),
    (status = UNPROCESSABLE_ENTITY, body = ProblemView, content_type = "application/problem+json"),
))]
async fn add(
    State(state): State<HttpState>,
    By(by): By,
    Json(request): Json<AddRequest>,
) -> Result<Response, Problem> {
    let request = WatchRequest {
        url: request.repo_url,
        added_by: request.added_by,
        alerts: request.alerts,
        notes: request.notes,
        category: request.category.as_deref().map(category_of).transpose()?,
        tags: request.tags,
        level: request.level.as_deref().map(level_of).transpose()?,
    };
    let added = state.watchlist.add(&by, request).await?;
    let repository = &added.repository;
    let message = match (added.is_new, repository.processing) {
        (true, _) => format!("{} was added and is being processed", repository.slug()),
        (false, Processing::Ready) => format!("{} is watched already and ready", repository.slug()),
        (false, Processing::Processing) => format!("{} is being processed already", repository.slug()),
        (false, Processing::Failed) => {
            format!("{} is watched already and failed; retry it", repository.slug())
        }
    };
    let view = AddedView {
        message,
        watchlist_id: repository.watchlist_id(),
        user_watchlist_id: added.watch.id.to_string(),
        status: repository.processing.as_str(),
    };
    Ok(accepted(view))
}

fn accepted(view: impl Serialize) -> Response {
    (StatusCode::ACCEPTED, [(header::CACHE_CONTROL, "no-store")], AxumJson(view)).into_response()
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// `processing`, `ready` or `failed`
    status: Option<String>,
    /// Only what this person watches.
    added_by: Option<String>,
    /// What `next` said.
    cursor: Option<String>,
    /// 1 to 500
    limit: Option<u64>,
}

/// Entries.
#[derive(Debug, Serialize, ToSchema)]
struct ListView {
    items: Vec<EntryView>,
    /// The cursor of the next page; `null` on the last one.
    next: Option<String>,
    total: u64,
}

/// What is watched
#[utoipa::path(get, path = "/watchlist", tag = "watchlist", params(ListParams), responses((status = OK, body = ListView)))]
async fn list(
    State(state): State<HttpState>,
    Query(params): Query<ListParams>,
) -> Result<impl IntoResponse, Problem> {
    let status = |word: String| {
        Processing::of_word(&word)
            .ok_or_else(|| Problem::field("status", format!("'{word}' is none of processing, ready, failed")))
    };
    let filter = Filter { processing: params.status.map(status).transpose()?, added_by: params.added_by };
    let after = params.cursor.map(|cursor| super::cursor(&cursor)).transpose()?;
    let limit = super::limit(params.limit, LIMIT, MAX_LIMIT)?;
    let page = watchlist::list(&state.context, &filter, after, limit).await?;
    Ok(no_store(ListView {
        items: page.entries.iter().map(EntryView::from).collect(),
        next: page.next.map(|next: i64| next.to_string()),
        total: page.total,
    }))
}

/// How an entry stands
#[utoipa::path(get, path = "/watchlist/{id}", tag = "watchlist",
    params(("id" = String, Path, description = "`watchlist_…`, `repo_…`, a number, or `owner/name` percent-encoded")),
    responses(
        (status = OK, body = EntryView),
        (status = NOT_FOUND, body = ProblemView, content_type = "application/problem+json"),
    ))]
async fn status(
    State(state): State<HttpState>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let entry = watchlist::entry(&state.context, &id).await?;
    Ok(no_store(EntryView::from(&entry)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RemoveParams {
    /// Only this person's watch; without, everybody's.
    added_by: Option<String>,
}

/// Watch a repository no longer
///
/// When nobody watches it any more, everything known of it is removed.
#[utoipa::path(delete, path = "/watchlist/{id}", tag = "watchlist", params(("id" = String, Path), RemoveParams), responses(
    (status = NO_CONTENT),
    (status = NOT_FOUND, body = ProblemView, content_type = "application/problem+json"),
))]
async fn remove(
    State(state): State<HttpState>,
    By(by): By,
    Path(id): Path<String>,
    Query(params): Query<RemoveParams>,
) -> Result<StatusCode, Problem> {
    state.watchlist.remove(&by, &id, params.added_by.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn processed(state: &HttpState, repository: muster_model::Repository) -> Result<Response, Problem> {
    let entry = watchlist::entry(&state.context, &repository.id.to_string()).await?;
    Ok(accepted(EntryView::from(&entry)))
}

/// Take up an entry that failed
#[utoipa::path(post, path = "/watchlist/{id}/retry", tag = "watchlist", params(("id" = String, Path)), responses(
    (status = ACCEPTED, body = EntryView),
    (status = CONFLICT, body = ProblemView, content_type = "application/problem+json"),
))]
async fn retry(
    State(state): State<HttpState>,
    By(by): By,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let repository = state.watchlist.retry(&by, &id).await?;
    processed(&state, repository).await
}

/// Ask the remote for news now
#[utoipa::path(post, path = "/watchlist/{id}/refresh", tag = "watchlist", params(("id" = String, Path)), responses(
    (status = ACCEPTED, body = EntryView),
))]
async fn refresh(
    State(state): State<HttpState>,
    By(by): By,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let repository = state.watchlist.refresh(&by, &id).await?;
    processed(&state, repository).await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LevelRequest {
    /// `facts`, `history` or `full`
    level: String,
}

/// Learn more of a repository, or from now on less
#[utoipa::path(post, path = "/watchlist/{id}/level", tag = "watchlist", params(("id" = String, Path)),
    request_body = LevelRequest, responses((status = ACCEPTED, body = EntryView)))]
async fn level(
    State(state): State<HttpState>,
    By(by): By,
    Path(id): Path<String>,
    Json(request): Json<LevelRequest>,
) -> Result<Response, Problem> {
    let repository = state.watchlist.set_level(&by, &id, level_of(&request.level)?).await?;
    processed(&state, repository).await
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct SummaryRequest {
    /// How many of the newest commits, 1 to 50; 10 if it is left out.
    count: Option<u64>,
}

/// The newest commits in short.
#[derive(Debug, Serialize, ToSchema)]
struct SummaryView {
    watchlist_id: String,
    /// In a few sentences.
    summary: String,
    commits: u64,
    /// Of the oldest and the newest of them.
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    insertions: u64,
    deletions: u64,
    authors: Vec<AuthorCountView>,
    subjects: Vec<String>,
}

/// Commits of a person.
#[derive(Debug, Serialize, ToSchema)]
struct AuthorCountView {
    name: String,
    commits: u64,
}

/// The newest commits in short
#[utoipa::path(post, path = "/watchlist/{id}/commit-summary", tag = "watchlist", params(("id" = String, Path)),
    request_body = SummaryRequest, responses((status = OK, body = SummaryView)))]
async fn commit_summary(
    State(state): State<HttpState>,
    Path(id): Path<String>,
    Json(request): Json<SummaryRequest>,
) -> Result<impl IntoResponse, Problem> {
    let count = request.count.unwrap_or(SUMMARY);
    if !(1..=MAX_SUMMARY).contains(&count) {
        return Err(Problem::field("count", format!("{count} is out of range; use 1 to {MAX_SUMMARY}")));
    }
    let repository = watchlist::find(&state.context, &id).await?;
    let summary = watchlist::commit_summary(&state.context, &repository, count).await?;
    Ok(no_store(SummaryView {
        watchlist_id: repository.watchlist_id(),
        summary: summary.text,
        commits: summary.commits,
        from: summary.from,
        to: summary.to,
        insertions: summary.insertions,
        deletions: summary.deletions,
        authors: summary
            .authors
            .into_iter()
            .map(|(name, commits)| AuthorCountView { name, commits })
            .collect(),
        subjects: summary.subjects,
    }))
}

/// Change what somebody is told
///
/// Replaces all settings of one watch; what is not named is off.
#[utoipa::path(put, path = "/watchlist/user-watchlist-alerts/{id}", tag = "watchlist",
    params(("id" = String, Path, description = "`user_watchlist_id`")),
    request_body(content = Object), responses((status = OK, body = WatchView)))]
async fn set_alerts(
    State(state): State<HttpState>,
    By(by): By,
    Path(id): Path<String>,
    Json(alerts): Json<AlertSettings>,
) -> Result<impl IntoResponse, Problem> {
    let watch = state.watchlist.set_alerts(&by, &id, alerts).await?;
    Ok(no_store(WatchView::from(&watch)))
}
