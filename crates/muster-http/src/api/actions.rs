//! What can be done about recommendations: planned first, carried out by the plan's id. Workflows are the same over
//! several repositories.

use axum::{Router, extract::State, response::IntoResponse};
use jiff::Timestamp;
use muster_app::{
    AppError, Seq,
    actions::execute::{Done, Plan, Step, StepOutcome, Workflow, WorkflowReport, WorkflowSummary},
    services::doable::{ActionId, ActionKind, Doable},
};
use muster_model::PlanId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    extract::{By, Json, Path},
    problem::{Code, Problem, ProblemView},
    state::HttpState,
};

use super::cache::no_store;

pub(super) fn action_routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(actions)).routes(routes!(execute))
}

pub(super) fn workflow_routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(workflows)).routes(routes!(execute_workflow))
}

/// The same under the names that older clients know.
pub(super) fn short_routes() -> Router<HttpState> {
    Router::new().nest("/automation", action_routes().merge(workflow_routes()).split_for_parts().0)
}

/// What can be done now.
#[derive(Debug, Serialize, ToSchema)]
struct ActionsView {
    actions: Vec<ActionView>,
    total: usize,
}

/// One thing that can be done.
#[derive(Debug, Serialize, ToSchema)]
struct ActionView {
    /// `commit:repo_…`
    id: String,
    /// `init`, `commit` or `push`.
    action: &'static str,
    project: String,
    path: String,
    /// The recommendation.
    why: String,
    needs_message: bool,
    allowed: bool,
    /// Why it is not allowed, and what to set.
    reason: Option<String>,
}

impl ActionView {
    fn new(doable: Doable, permission: Result<(), AppError>) -> Self {
        Self {
            id: doable.id.to_string(),
            action: doable.id.kind.as_str(),
            project: doable.name,
            path: doable.path.to_string_lossy().into_owned(),
            why: doable.why,
            needs_message: doable.id.kind == ActionKind::Commit,
            allowed: permission.is_ok(),
            reason: permission.err().map(|error| error.to_string()),
        }
    }
}

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ExecuteRequest {
    /// Of the plan that is to be carried out; needs `dry_run: false`.
    plan_id: Option<String>,
    /// Of the commit.
    message: Option<String>,
    /// Only make a plan.
    #[serde(default = "yes")]
    dry_run: bool,
}

fn yes() -> bool {
    true
}

/// A plan.
#[derive(Debug, Serialize, ToSchema)]
struct PlanView {
    plan_id: String,
    /// `commit:repo_…`
    action: String,
    project: String,
    path: String,
    /// The commands.
    steps: Vec<String>,
    /// What a commit would hold.
    files: Vec<FileView>,
    /// Id of HEAD's commit.
    head: Option<String>,
    branch: Option<String>,
    index_checksum: Option<String>,
    message: Option<String>,
    expires_at: Timestamp,
}

/// A changed tracked file.
#[derive(Debug, Serialize, ToSchema)]
struct FileView {
    path: String,
    /// The two letters of `git status`: index, work tree.
    state: String,
    /// Bytes; `null` if it is deleted.
    size: Option<u64>,
}

impl PlanView {
    fn new(plan: Plan) -> Self {
        let basis = plan.basis;
        let files = basis.files.into_iter().map(|file| FileView {
            path: file.path.to_string_lossy().into_owned(),
            state: file.state,
            size: file.size,
        });
        Self {
            plan_id: plan.id.to_string(),
            action: plan.action,
            project: plan.project,
            path: plan.path.to_string_lossy().into_owned(),
            steps: plan.steps,
            files: files.collect(),
            head: basis.head,
            branch: basis.branch,
            index_checksum: basis.index_checksum,
            message: basis.message,
            expires_at: plan.expires_at,
        }
    }
}

/// A plan, or how its execution went.
#[derive(Debug, Serialize, ToSchema)]
struct ExecutedView {
    dry_run: bool,
    /// `planned` or `done`.
    status: &'static str,
    #[serde(flatten)]
    plan: PlanView,
    /// Id of HEAD's commit afterwards.
    head_after: Option<String>,
}

impl ExecutedView {
    fn planned(plan: Plan) -> Self {
        Self { dry_run: true, status: "planned", plan: PlanView::new(plan), head_after: None }
    }

    fn done(done: Done) -> Self {
        Self { dry_run: false, status: "done", plan: PlanView::new(done.plan), head_after: done.head }
    }
}

/// What can be done now about what is recommended
#[utoipa::path(get, path = "/actions", tag = "actions", responses((status = OK, body = ActionsView)))]
async fn actions(State(state): State<HttpState>) -> Result<impl IntoResponse, Problem> {
    let doable = state.executor.doable().await?;
    let view = |doable: Doable| {
        let permission = state.executor.permission(&doable.path);
        ActionView::new(doable, permission)
    };
    let actions: Vec<_> = doable.into_iter().map(view).collect();
    Ok(no_store(ActionsView { total: actions.len(), actions }))
}

/// Make a plan, or carry one out
///
/// A dry run (the default) answers with a plan. To carry it out, send its `plan_id` with `dry_run: false`. Each plan is
/// carried out once, and refused if HEAD, the index or the changed files moved.
#[utoipa::path(
    post, path = "/actions/{id}/execute", tag = "actions",
    params(("id" = String, Path, description = "`commit:repo_…`, as listed")), request_body = ExecuteRequest,
    responses(
        (status = OK, body = ExecutedView), (status = FORBIDDEN, body = ProblemView), (status = NOT_FOUND, body = ProblemView),
        (status = CONFLICT, body = ProblemView), (status = 422, body = ProblemView)
    )
)]
async fn execute(
    State(state): State<HttpState>,
    By(by): By,
    Path(id): Path<String>,
    Json(request): Json<ExecuteRequest>,
) -> Result<impl IntoResponse, Problem> {
    let id: ActionId = id.parse().map_err(|_| {
        Problem::new(
            Code::NotFound,
            format!("there is no action '{id}'; GET /api/v1/actions lists what can be done"),
        )
    })?;
    let Some(plan) = plan_of(request.plan_id, request.dry_run)? else {
        let plan = state.executor.plan(&by, id, request.message).await?;
        return Ok(no_store(ExecutedView::planned(plan)));
    };
    let done = state.executor.execute(&by, id, plan, request.message).await?;
    follow(&state, done.seq).await;
    Ok(no_store(ExecutedView::done(done)))
}

/// The plan that is to be carried out; `None` if one is to be made.
fn plan_of(id: Option<String>, dry_run: bool) -> Result<Option<PlanId>, AppError> {
    let invalid = |message: &str| AppError::Invalid { field: "plan_id", message: message.to_owned() };
    match (id, dry_run) {
        (None, true) => Ok(None),
        (None, false) => Err(invalid("make a plan first (dry_run), read it, and send its id")),
        (Some(_), true) => Err(invalid("a plan is carried out with dry_run: false")),
        (Some(id), false) => id.parse().map(Some).map_err(|_| invalid("it is no id of a plan")),
    }
}

/// Whoever asks next is told what is there now.
async fn follow(state: &HttpState, seq: Option<Seq>) {
    if let Some(seq) = seq {
        state.followed.until(seq).await;
    }
}

/// The workflows.
#[derive(Debug, Serialize, ToSchema)]
struct WorkflowsView {
    workflows: Vec<WorkflowView>,
    total: usize,
}

/// The same action over several repositories.
#[derive(Debug, Serialize, ToSchema)]
struct WorkflowView {
    /// `init`, `commit` or `push`.
    r#type: &'static str,
    /// Where it would act now.
    projects: Vec<String>,
    /// Where it could act if that were allowed.
    not_allowed: Vec<String>,
    needs_message: bool,
}

impl WorkflowView {
    fn new(summary: WorkflowSummary) -> Self {
        Self {
            r#type: summary.kind.as_str(),
            projects: summary.projects,
            not_allowed: summary.not_permitted,
            needs_message: summary.kind == ActionKind::Commit,
        }
    }
}

/// What is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WorkflowRequest {
    /// Names or ids; without, all in which it can be done and may be.
    projects: Option<Vec<String>>,
    /// Of the plan that is to be carried out; needs `dry_run: false`.
    plan_id: Option<String>,
    /// Of the commits.
    message: Option<String>,
    /// Only make a plan.
    #[serde(default = "yes")]
    dry_run: bool,
}

/// A workflow's plan, or how its execution went.
#[derive(Debug, Serialize, ToSchema)]
struct WorkflowRunView {
    dry_run: bool,
    r#type: &'static str,
    /// `planned`, `done`, or `stopped` at the first refusal.
    status: &'static str,
    /// To be sent to carry it out.
    plan_id: String,
    expires_at: Option<Timestamp>,
    steps: Vec<StepView>,
}

/// One repository of a workflow.
#[derive(Debug, Serialize, ToSchema)]
struct StepView {
    /// `planned`, `done`, `refused` or `skipped`.
    status: &'static str,
    /// Why it was refused.
    reason: Option<String>,
    #[serde(flatten)]
    plan: PlanView,
    head_after: Option<String>,
}

impl StepView {
    fn planned(plan: Plan) -> Self {
        Self { status: "planned", reason: None, plan: PlanView::new(plan), head_after: None }
    }

    fn new(step: Step) -> Self {
        let (status, reason, head_after) = match step.outcome {
            StepOutcome::Done(done) => ("done", None, done.head),
            StepOutcome::Refused(error) => ("refused", Some(error.to_string()), None),
            StepOutcome::Skipped => ("skipped", None, None),
        };
        Self { status, reason, plan: PlanView::new(step.plan), head_after }
    }
}

impl WorkflowRunView {
    fn planned(workflow: Workflow) -> Self {
        Self {
            dry_run: true,
            r#type: workflow.kind.as_str(),
            status: "planned",
            plan_id: workflow.id.to_string(),
            expires_at: Some(workflow.expires_at),
            steps: workflow.plans.into_iter().map(StepView::planned).collect(),
        }
    }

    fn new(kind: ActionKind, plan: PlanId, report: WorkflowReport) -> Self {
        Self {
            dry_run: false,
            r#type: kind.as_str(),
            status: if report.is_stopped() { "stopped" } else { "done" },
            plan_id: plan.to_string(),
            expires_at: None,
            steps: report.steps.into_iter().map(StepView::new).collect(),
        }
    }
}

/// The workflows and where they would act now
#[utoipa::path(get, path = "/workflows", tag = "actions", responses((status = OK, body = WorkflowsView)))]
async fn workflows(State(state): State<HttpState>) -> Result<impl IntoResponse, Problem> {
    let workflows: Vec<_> = state.executor.workflows().await?.into_iter().map(WorkflowView::new).collect();
    Ok(no_store(WorkflowsView { total: workflows.len(), workflows }))
}

/// Make a plan over several repositories, or carry one out
///
/// As with actions. The repositories are taken in order; the first refusal ends it, and what was done stays done.
#[utoipa::path(
    post, path = "/workflows/{type}/execute", tag = "actions",
    params(("type" = String, Path, description = "`init`, `commit` or `push`")), request_body = WorkflowRequest,
    responses(
        (status = OK, body = WorkflowRunView), (status = FORBIDDEN, body = ProblemView), (status = NOT_FOUND, body = ProblemView),
        (status = CONFLICT, body = ProblemView), (status = 422, body = ProblemView)
    )
)]
async fn execute_workflow(
    State(state): State<HttpState>,
    By(by): By,
    Path(kind): Path<String>,
    Json(request): Json<WorkflowRequest>,
) -> Result<impl IntoResponse, Problem> {
    let kind = ActionKind::of_word(&kind).ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            format!("there is no workflow '{kind}'; GET /api/v1/actions/workflows lists them"),
        )
    })?;
    let Some(plan) = plan_of(request.plan_id, request.dry_run)? else {
        let (projects, message) = (request.projects.as_deref(), request.message.as_deref());
        let workflow = state.executor.plan_workflow(&by, kind, projects, message).await?;
        return Ok(no_store(WorkflowRunView::planned(workflow)));
    };
    if request.projects.is_some() || request.message.is_some() {
        return Err(Problem::field(
            "plan_id",
            "the plan says where and with which message; send its id alone",
        ));
    }
    let report = state.executor.execute_workflow(&by, kind, plan).await?;
    let last = report.steps.iter().filter_map(|step| match &step.outcome {
        StepOutcome::Done(done) => done.seq,
        _ => None,
    });
    follow(&state, last.max()).await;
    Ok(no_store(WorkflowRunView::new(kind, plan, report)))
}
