//! The local projects: a summary, each of them, what to do, and views of the same data.

use axum::{Router, extract::State, response::Response, routing::get};
use jiff::Timestamp;
use muster_app::{
    AppError,
    caches::{BodyKind, TAG_MEMBERS, TAG_PORTFOLIO, TAG_RECOMMENDATIONS, TAG_WATCH, body_key, project_tag},
    services::{
        matching::ProjectDocument,
        portfolio::{self, Known, Summary},
    },
};
use muster_model::query::Query as SearchQuery;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    extract::{Path, Query},
    problem::{Problem, ProblemView},
    ready::{Conditions, ready, unkept},
    state::HttpState,
    wire::{ProjectView, RecommendationView},
};

/// Below `/api/v1`, documented.
pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(summary))
        .routes(routes!(projects))
        .routes(routes!(project))
        .routes(routes!(recommendations))
        .routes(routes!(dashboard))
        .routes(routes!(health))
}

/// The same under the short names. Whole paths, because a nested router rewrites every request.
pub(super) fn short_routes() -> Router<HttpState> {
    Router::new()
        .route("/portfolio/summary", get(summary))
        .route("/portfolio/projects", get(projects))
        .route("/portfolio/projects/{name}", get(project))
        .route("/portfolio/recommendations", get(recommendations))
        .route("/portfolio/dashboard", get(dashboard))
        .route("/portfolio/health", get(health))
}

/// The portfolio in numbers.
#[derive(Debug, Serialize, ToSchema)]
struct SummaryView {
    total_projects: usize,
    by_potential: PotentialView,
    /// Projects with at least one revenue stream.
    revenue_ready: usize,
    total_recommendations: usize,
    critical_actions: usize,
    revenue_opportunities: usize,
    attention: AttentionView,
    top_projects: Vec<TopView>,
    /// When anything of this last changed.
    updated_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, ToSchema)]
struct PotentialView {
    high: usize,
    medium: usize,
    low: usize,
    exploratory: usize,
}

#[derive(Debug, Serialize, ToSchema)]
struct AttentionView {
    /// Projects that need you, each once.
    total: usize,
    errors: usize,
    unfinished: usize,
    unpushed: usize,
    uncommitted: usize,
    stashed: usize,
    untracked: usize,
    behind: usize,
    /// The remote has moved on, and it was not fetched yet.
    remote_moved: usize,
    only_here: usize,
}

#[derive(Debug, Serialize, ToSchema)]
struct TopView {
    name: String,
    score: u32,
    category: String,
    health: Option<u32>,
    health_status: Option<String>,
}

impl SummaryView {
    fn new(summary: &Summary) -> Self {
        let (potential, attention) = (summary.by_potential, summary.attention);
        Self {
            total_projects: summary.total_projects,
            by_potential: PotentialView {
                high: potential.high,
                medium: potential.medium,
                low: potential.low,
                exploratory: potential.exploratory,
            },
            revenue_ready: summary.revenue_ready,
            total_recommendations: summary.total_recommendations,
            critical_actions: summary.critical_actions,
            revenue_opportunities: summary.revenue_opportunities,
            attention: AttentionView {
                total: attention.total,
                errors: attention.errors,
                unfinished: attention.unfinished,
                unpushed: attention.unpushed,
                uncommitted: attention.uncommitted,
                stashed: attention.stashed,
                untracked: attention.untracked,
                behind: attention.behind,
                remote_moved: attention.remote_moved,
                only_here: attention.only_here,
            },
            top_projects: summary
                .top_projects
                .iter()
                .map(|top| TopView {
                    name: top.name.clone(),
                    score: top.score,
                    category: top.category.clone(),
                    health: top.health,
                    health_status: top.health_status.clone(),
                })
                .collect(),
            updated_at: summary.updated_at,
        }
    }
}

/// The portfolio in numbers
#[utoipa::path(get, path = "/api/v1/portfolio/summary", tag = "portfolio", responses((status = OK, body = SummaryView)))]
async fn summary(State(state): State<HttpState>, conditions: Conditions) -> Result<Response, Problem> {
    summary_body(&state, &conditions).await
}

pub(crate) async fn summary_body(state: &HttpState, conditions: &Conditions) -> Result<Response, Problem> {
    let context = state.context.clone();
    let render = move || async move { Ok(SummaryView::new(&*portfolio::summary(&context).await?)) };
    let key = body_key("/portfolio/summary", "");
    ready(state, conditions, BodyKind::Summary, &key, &[TAG_PORTFOLIO], render).await
}

/// All projects
#[derive(Debug, Serialize, ToSchema)]
struct ProjectsView {
    projects: Vec<ProjectView>,
    total: usize,
}

impl ProjectsView {
    fn new<'a>(known: impl Iterator<Item = &'a Known>) -> Self {
        let projects: Vec<_> = known.map(ProjectView::of_known).collect();
        Self { total: projects.len(), projects }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectsQuery {
    /// Only projects that match, such as `state:dirty stack:rust -name:old`; the language of `muster scan --query`.
    #[serde(default)]
    q: String,
}

/// Every project with all that is known of it
#[utoipa::path(
    get, path = "/api/v1/portfolio/projects", tag = "portfolio", params(("q" = Option<String>, Query, description = "Only projects that match, such as `state:dirty stack:rust -name:old`; the language of `muster scan --query`")),
    responses((status = OK, body = ProjectsView), (status = 422, body = ProblemView))
)]
async fn projects(
    State(state): State<HttpState>,
    conditions: Conditions,
    Query(ProjectsQuery { q }): Query<ProjectsQuery>,
) -> Result<Response, Problem> {
    let q = q.trim();
    if q.is_empty() {
        return projects_body(&state, &conditions).await;
    }
    // Anybody can make up queries without end; their answers are not kept.
    let query = SearchQuery::parse(q).map_err(|error| Problem::field("q", error.message))?;
    let roots = state.keeper.request().roots;
    let known = portfolio::projects(&state.context).await.map_err(Problem::from)?;
    let fits = |known: &&Known| query.matches(&ProjectDocument::new(&known.record.project, &roots));
    unkept(&state, &conditions, BodyKind::AllProjects, &ProjectsView::new(known.iter().filter(fits)))
}

pub(crate) async fn projects_body(state: &HttpState, conditions: &Conditions) -> Result<Response, Problem> {
    let context = state.context.clone();
    let render = move || async move { Ok(ProjectsView::new(portfolio::projects(&context).await?.iter())) };
    let key = body_key("/portfolio/projects", "");
    let tags = [TAG_PORTFOLIO, TAG_MEMBERS, TAG_WATCH];
    ready(state, conditions, BodyKind::AllProjects, &key, &tags, render).await
}

/// One project by its name, id, number or the end of its path
#[utoipa::path(
    get, path = "/api/v1/portfolio/projects/{name}", tag = "portfolio",
    params(("name" = String, Path, description = "Name of its folder; if that is ambiguous, the shortest unique end of its path, percent-encoded")),
    responses((status = OK, body = ProjectView), (status = NOT_FOUND, body = ProblemView), (status = CONFLICT, body = ProblemView))
)]
async fn project(
    State(state): State<HttpState>,
    conditions: Conditions,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let context = state.context.clone();
    // Found first, so that the body is kept once, however it was asked for, and an unknown name is not kept at all.
    let known = portfolio::project(&context, &name).await?;
    let id = known.record.id;
    let render = move || async move {
        let known = portfolio::project(&context, &id.to_string()).await?;
        Ok(ProjectView::of_known(&known))
    };
    let key = body_key(&format!("/portfolio/projects/{id}"), "");
    let tags = [&*project_tag(id), TAG_MEMBERS, TAG_WATCH];
    ready(&state, &conditions, BodyKind::Project, &key, &tags, render).await
}

/// What to do, over all projects.
#[derive(Debug, Serialize, ToSchema)]
struct RecommendationsView {
    recommendations: Vec<RecommendationView>,
    total: usize,
    revenue_opportunities: usize,
}

/// What to do, the critical first
#[utoipa::path(get, path = "/api/v1/portfolio/recommendations", tag = "portfolio", responses((status = OK, body = RecommendationsView)))]
async fn recommendations(
    State(state): State<HttpState>,
    conditions: Conditions,
) -> Result<Response, Problem> {
    recommendations_body(&state, &conditions).await
}

pub(crate) async fn recommendations_body(
    state: &HttpState,
    conditions: &Conditions,
) -> Result<Response, Problem> {
    let context = state.context.clone();
    let render = move || async move {
        let list = portfolio::recommendations(&context).await?;
        Ok(RecommendationsView {
            total: list.len(),
            revenue_opportunities: portfolio::revenue_opportunities(&list),
            recommendations: list
                .iter()
                .map(|one| RecommendationView::new(&one.recommendation, &one.project))
                .collect(),
        })
    };
    let key = body_key("/portfolio/recommendations", "");
    let tags = [TAG_RECOMMENDATIONS, TAG_MEMBERS];
    ready(state, conditions, BodyKind::Recommendations, &key, &tags, render).await
}

/// The projects grouped by what one steers by.
#[derive(Debug, Serialize, ToSchema)]
struct DashboardView {
    total_projects: usize,
    by_attention: Vec<GroupView>,
    by_type: Vec<GroupView>,
    by_stack: Vec<GroupView>,
    by_relation: Vec<GroupView>,
    by_potential: Vec<GroupView>,
    by_health: Vec<GroupView>,
}

/// The projects that have something in common.
#[derive(Debug, Serialize, ToSchema)]
struct GroupView {
    key: String,
    count: usize,
    projects: Vec<String>,
}

impl GroupView {
    fn list(groups: Vec<portfolio::Group>) -> Vec<Self> {
        let view = |group: portfolio::Group| Self {
            key: group.key,
            count: group.projects.len(),
            projects: group.projects,
        };
        groups.into_iter().map(view).collect()
    }
}

/// The projects grouped by need, type, stack, relation, potential and health
#[utoipa::path(get, path = "/api/v1/portfolio/dashboard", tag = "portfolio", responses((status = OK, body = DashboardView)))]
async fn dashboard(State(state): State<HttpState>, conditions: Conditions) -> Result<Response, Problem> {
    dashboard_body(&state, &conditions).await
}

pub(crate) async fn dashboard_body(state: &HttpState, conditions: &Conditions) -> Result<Response, Problem> {
    let context = state.context.clone();
    let render = move || async move {
        let known = portfolio::projects(&context).await?;
        let groups = portfolio::dashboard(&known);
        Ok(DashboardView {
            total_projects: known.len(),
            by_attention: GroupView::list(groups.by_attention),
            by_type: GroupView::list(groups.by_type),
            by_stack: GroupView::list(groups.by_stack),
            by_relation: GroupView::list(groups.by_relation),
            by_potential: GroupView::list(groups.by_potential),
            by_health: GroupView::list(groups.by_health),
        })
    };
    let key = body_key("/portfolio/dashboard", "");
    ready(state, conditions, BodyKind::AllProjects, &key, &[TAG_PORTFOLIO], render).await
}

/// Health over all projects.
#[derive(Debug, Serialize, ToSchema)]
struct PortfolioHealthView {
    total_projects: usize,
    /// Projects whose health could be measured.
    measured: usize,
    /// Mean of their scores, 0-100.
    average: Option<u32>,
    by_status: Vec<GroupView>,
    /// The weakest first.
    projects: Vec<ProjectHealthView>,
}

/// Health of one project.
#[derive(Debug, Serialize, ToSchema)]
struct ProjectHealthView {
    name: String,
    score: Option<u32>,
    status: Option<&'static str>,
    coverage: Option<u32>,
}

/// Health of every project, the weakest first
#[utoipa::path(get, path = "/api/v1/portfolio/health", tag = "portfolio", responses((status = OK, body = PortfolioHealthView)))]
async fn health(State(state): State<HttpState>, conditions: Conditions) -> Result<Response, Problem> {
    health_body(&state, &conditions).await
}

pub(crate) async fn health_body(state: &HttpState, conditions: &Conditions) -> Result<Response, Problem> {
    let context = state.context.clone();
    let render = move || async move { Ok::<_, AppError>(health_view(&portfolio::projects(&context).await?)) };
    let key = body_key("/portfolio/health", "");
    ready(state, conditions, BodyKind::AllProjects, &key, &[TAG_PORTFOLIO], render).await
}

fn health_view(known: &[Known]) -> PortfolioHealthView {
    let mut projects: Vec<_> = known
        .iter()
        .map(|known| {
            let project = &known.record.project;
            let health = project.analysis.as_ref().map(|analysis| &analysis.health);
            ProjectHealthView {
                name: project.name.clone(),
                score: health.and_then(|health| health.value),
                status: portfolio::health_status(project),
                coverage: health.map(|health| health.coverage),
            }
        })
        .collect();
    projects.sort_by_key(|project| (project.score.is_none(), project.score));
    let scores: Vec<u32> = projects.iter().filter_map(|project| project.score).collect();
    let sum: u32 = scores.iter().sum();
    let count = u32::try_from(scores.len()).unwrap_or(u32::MAX);
    PortfolioHealthView {
        total_projects: known.len(),
        measured: scores.len(),
        average: (count > 0).then(|| (sum + count / 2) / count.max(1)),
        by_status: GroupView::list(portfolio::dashboard(known).by_health),
        projects,
    }
}
