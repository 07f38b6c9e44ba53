//! Does what a recommendation asks for: init, commit, push. First a plan that a person can read, then its execution,
//! once, and only if nothing moved in between. Off unless configured, only in repositories that the configuration
//! names, and every attempt is audited, refusals too.

mod plan;
mod workflow;

use std::{path::Path, sync::Arc};

use jiff::SignedDuration;
use muster_model::{PlanId, project::Project};
use muster_store::{NewAudit, PlanRecord, Priority, Seq};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{
    actions::{access::Caller, audit, refresh::Keeper},
    blocking::blocking,
    config::ActionsConfig,
    context::Context,
    error::AppError,
    services::{
        doable::{self, ActionId, ActionKind, Doable},
        portfolio::{self, Stored},
    },
};

pub use plan::{Basis, Plan, PlannedFile};
pub use workflow::{Step, StepOutcome, Workflow, WorkflowReport, WorkflowSummary};

use plan::{action_of, conflict};

/// A plan is for the person who has just read it.
const PLAN_LIFE: SignedDuration = SignedDuration::from_mins(15);
/// Kind of the stored plans of single actions.
const PLAN_KIND: &str = "action";
/// Bytes of a commit's message.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// As planned.
    pub plan: Plan,
    /// Id of HEAD's commit afterwards.
    pub head: Option<String>,
    /// The last change that followed; wait for it before asking the cache.
    pub seq: Option<Seq>,
}

/// Carries out actions; cloned freely.
#[derive(Clone)]
pub struct Executor {
    context: Context,
    keeper: Keeper,
    config: Arc<ActionsConfig>,
    /// One at a time: two in one repository would see each other's halves.
    turn: Arc<Mutex<()>>,
}

impl Executor {
    /// Puts it together.
    pub fn new(context: Context, keeper: Keeper, config: ActionsConfig) -> Self {
        Self { context, keeper, config: Arc::new(config), turn: Arc::default() }
    }

    /// What can be done now, by project.
    pub async fn doable(&self) -> Result<Vec<Doable>, AppError> {
        let known = portfolio::projects(&self.context).await?;
        Ok(known.iter().flat_map(|known| doable::of(known.record.id, &known.record.project)).collect())
    }

    /// Why nothing may be done in this folder; `Ok` if it may.
    pub fn permission(&self, path: &Path) -> Result<(), AppError> {
        if !self.config.enabled {
            let message = "actions are switched off; set actions.enabled = true and name the repository in \
                           actions.trusted";
            return Err(AppError::Forbidden { message: message.to_owned() });
        }
        let real = path.canonicalize().ok();
        let is_same =
            |trusted: &Path| trusted == path || (real.is_some() && trusted.canonicalize().ok() == real);
        if self.config.trusted.iter().any(|trusted| is_same(trusted)) {
            return Ok(());
        }
        let message = format!(
            "{} is not trusted; its own hooks and filters would run, so add it to actions.trusted if you want that",
            path.display()
        );
        Err(AppError::Forbidden { message })
    }

    /// A plan to be read, kept for a quarter of an hour.
    pub async fn plan(&self, by: &Caller, id: ActionId, message: Option<String>) -> Result<Plan, AppError> {
        let made = self.make_plan(id, message).await;
        self.audit(by, "action.plan", &id.to_string(), "planned", made.as_ref().map(plan_detail)).await?;
        made
    }

    /// Carries out a plan that was made before for this action.
    pub async fn execute(
        &self,
        by: &Caller,
        id: ActionId,
        plan: PlanId,
        message: Option<String>,
    ) -> Result<Done, AppError> {
        // On its own: whoever asked may go away, what was begun is ended and audited.
        let (this, by) = (self.clone(), by.clone());
        let task = tokio::spawn(async move {
            let done = this.carry_out(id, plan, message).await;
            let detail = done.as_ref().map(|done| {
                let mut detail = plan_detail(&done.plan);
                detail["head_after"] = json!(done.head);
                detail
            });
            this.audit(&by, "action.execute", &id.to_string(), "done", detail).await?;
            done
        });
        joined(task.await)
    }

    async fn make_plan(&self, id: ActionId, message: Option<String>) -> Result<Plan, AppError> {
        let message = message.map(|message| message.trim().to_owned()).filter(|message| !message.is_empty());
        if message.as_ref().is_some_and(|message| message.len() > MAX_MESSAGE_BYTES || message.contains('\0'))
        {
            let message = format!("a message has {MAX_MESSAGE_BYTES} bytes at most, and none of them is 0");
            return Err(AppError::Invalid { field: "message", message });
        }
        let stored = self.permitted(id).await?;
        let basis = look(id.kind, &stored.project, message).await?;
        let now = self.context.clock.now();
        let plan = Plan {
            id: PlanId::new(now, (self.context.chance)()),
            action: id.to_string(),
            project: stored.project.name.clone(),
            path: stored.project.path.clone(),
            steps: basis.steps(id.kind),
            expires_at: now + PLAN_LIFE,
            basis,
        };
        self.keep(plan.id, PLAN_KIND, &plan).await?;
        Ok(plan)
    }

    async fn carry_out(&self, id: ActionId, plan: PlanId, message: Option<String>) -> Result<Done, AppError> {
        let _turn = self.turn.lock().await;
        let stored = self.permitted(id).await?;
        let plan: Plan = self.take(plan, PLAN_KIND).await?;
        if action_of(&plan)? != id {
            return Err(conflict(format!("the plan was made for {}, not for {id}", plan.action)));
        }
        if message.is_some_and(|message| Some(message.trim()) != plan.basis.message.as_deref()) {
            return Err(conflict("the plan has another message; make a new plan"));
        }
        if stored.project.path != plan.path {
            return Err(conflict("the project lies elsewhere now; make a new plan"));
        }
        let now = look(id.kind, &stored.project, plan.basis.message.clone()).await?;
        if let Some(moved) = plan.basis.moved(&now) {
            return Err(conflict(format!("{moved} than when the plan was made; make a new plan")));
        }
        let (basis, path) = (plan.basis.clone(), plan.path.clone());
        let done = blocking("running git", move || basis.carry_out(id.kind, &path)).await?;
        // Also after a failure: a hook may have done half of it.
        let refreshed = self.keeper.projects(vec![plan.path.clone()]).await;
        done?;
        let path = plan.path.clone();
        let head = blocking("running git", move || muster_git::act::standing(&path))
            .await?
            .ok()
            .and_then(|now| now.head);
        Ok(Done { plan, head, seq: refreshed?.seq })
    }

    /// The project, if something may be done there.
    async fn permitted(&self, id: ActionId) -> Result<Arc<Stored>, AppError> {
        let known = portfolio::project(&self.context, &id.project.to_string()).await?;
        self.permission(&known.record.project.path)?;
        Ok(known.record)
    }

    async fn keep(&self, id: PlanId, kind: &str, document: &impl serde::Serialize) -> Result<(), AppError> {
        let now = self.context.clock.now();
        let document = serde_json::to_value(document)
            .map_err(|error| AppError::Internal { message: format!("the plan cannot be kept: {error}") })?;
        let (created_at, expires_at) = (now, now + PLAN_LIFE);
        let mut tx = self.context.store.begin(Priority::Interactive).await?;
        tx.plans_prune(now).await?;
        tx.plan_put(&PlanRecord { id, kind: kind.to_owned(), created_at, expires_at, document }).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes a plan out; nobody else gets it.
    async fn take<T: serde::de::DeserializeOwned>(&self, id: PlanId, kind: &str) -> Result<T, AppError> {
        let mut tx = self.context.store.begin(Priority::Interactive).await?;
        let taken = tx.plan_take(id).await?;
        tx.commit().await?;
        let plan = taken.filter(|plan| plan.kind == kind && plan.expires_at > self.context.clock.now());
        let plan = plan.ok_or_else(|| {
            conflict("there is no such plan: it was carried out already, or is too old; make a new one")
        })?;
        serde_json::from_value(plan.document)
            .map_err(|error| AppError::Internal { message: format!("plan {id} is damaged: {error}") })
    }

    async fn audit(
        &self,
        by: &Caller,
        what: &str,
        target: &str,
        outcome: &str,
        detail: Result<Value, &AppError>,
    ) -> Result<(), AppError> {
        let (outcome, detail) = match detail {
            Ok(detail) => (outcome, detail),
            Err(error) => {
                let outcome = match error {
                    AppError::Unavailable { .. } | AppError::Internal { .. } => "failed",
                    _ => "refused",
                };
                tracing::info!(action.target = target, error = %error, "an action was {outcome}");
                (outcome, json!({ "reason": error.to_string() }))
            }
        };
        let done = audit::done(&self.context, &by.name, what, target, detail);
        let noted = NewAudit { outcome: outcome.to_owned(), ..done };
        let mut tx = self.context.store.begin(Priority::Interactive).await?;
        tx.audit_add(&noted).await?;
        tx.commit().await?;
        Ok(())
    }
}

fn plan_detail(plan: &Plan) -> Value {
    json!({
        "plan_id": plan.id.to_string(),
        "path": plan.path.to_string_lossy(),
        "steps": plan.steps,
        "head": plan.basis.head,
    })
}

async fn look(kind: ActionKind, project: &Project, message: Option<String>) -> Result<Basis, AppError> {
    let project = project.clone();
    blocking("running git", move || plan::look(kind, &project, message)).await?
}

fn joined<T>(joined: Result<Result<T, AppError>, tokio::task::JoinError>) -> Result<T, AppError> {
    let broken = |error| AppError::Internal { message: format!("an action broke off: {error}") };
    joined.unwrap_or_else(|error| Err(broken(error)))
}
