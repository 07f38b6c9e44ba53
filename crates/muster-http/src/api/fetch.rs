//! Fetching on demand: the remote's branches of local projects are brought up to date in the background.

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use muster_app::actions::fetch::FetchAsked;
use muster_model::query::Query as SearchQuery;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    extract::{By, Json},
    problem::{Problem, ProblemView},
    state::HttpState,
};

use super::cache::no_store;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(fetch))
}

/// The same under its short name.
pub(super) fn short_routes() -> Router<HttpState> {
    Router::new().route("/portfolio/fetch", post(fetch))
}

/// For which projects.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FetchRequest {
    /// Those that match, such as `state:remote-moved`; the language of `muster scan --query`. All without one.
    #[serde(default)]
    query: Option<String>,
}

/// What was asked for.
#[derive(Debug, Serialize, ToSchema)]
struct FetchView {
    /// In the order of the portfolio.
    projects: Vec<FetchProjectView>,
    /// Those with a job.
    total: usize,
}

/// What became of one project.
#[derive(Debug, Serialize, ToSchema)]
struct FetchProjectView {
    id: String,
    name: String,
    path: String,
    /// The job that fetches; `GET /jobs/{id}` follows it. One that was under way already is the same one.
    job: Option<String>,
    /// Why there is none.
    reason: Option<String>,
}

impl From<FetchAsked> for FetchProjectView {
    fn from(asked: FetchAsked) -> Self {
        let (job, reason) = match asked.job {
            Ok(job) => (Some(job.to_string()), None),
            Err(reason) => (None, Some(reason)),
        };
        Self {
            id: asked.project.to_string(),
            name: asked.name,
            path: asked.path.to_string_lossy().into_owned(),
            job,
            reason,
        }
    }
}

/// Fetch for local projects
///
/// One job for each project that matches. It brings the branches below `refs/remotes/` of the remote that counts up to
/// date; work tree, index, HEAD, local branches and tags stay as they are, and nothing of the repository is run.
#[utoipa::path(post, path = "/portfolio/fetch", tag = "portfolio", request_body = FetchRequest, responses(
    (status = ACCEPTED, body = FetchView),
    (status = NOT_FOUND, body = ProblemView, content_type = "application/problem+json", description = "No repository matches"),
    (status = UNPROCESSABLE_ENTITY, body = ProblemView, content_type = "application/problem+json"),
))]
async fn fetch(
    State(state): State<HttpState>,
    By(by): By,
    Json(request): Json<FetchRequest>,
) -> Result<Response, Problem> {
    let text = request.query.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let query = text.map(SearchQuery::parse).transpose();
    let query = query.map_err(|error| Problem::field("query", error.message))?;
    let roots = state.keeper.request().roots;
    let asked = state.fetcher.fetch(&by, text.zip(query.as_ref()), &roots).await?;
    let projects: Vec<_> = asked.into_iter().map(FetchProjectView::from).collect();
    let total = projects.iter().filter(|project| project.job.is_some()).count();
    Ok((StatusCode::ACCEPTED, no_store(&FetchView { projects, total })).into_response())
}
