//! The same action over several repositories: one plan for each, kept together under one id, carried out in order and
//! stopped at the first refusal.

use muster_model::{PlanId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    actions::access::Caller,
    error::AppError,
    services::{
        doable::{ActionId, ActionKind},
        portfolio,
    },
};

use super::{Done, Executor, PLAN_LIFE, plan::Plan, plan::action_of};

/// Kind of the stored plans of workflows.
const PLAN_KIND: &str = "workflow";

/// A kind of workflow and where it would act now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowSummary {
    /// What is done in each repository.
    pub kind: ActionKind,
    /// Names of the repositories in which it can be done and may be.
    pub projects: Vec<String>,
    /// Names of those in which it can be done and may not be.
    pub not_permitted: Vec<String>,
}

/// Several plans under one id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workflow {
    /// Which; taken once.
    pub id: PlanId,
    /// What is done.
    pub kind: ActionKind,
    /// After this it is not carried out any more.
    pub expires_at: Timestamp,
    /// In this order.
    pub plans: Vec<Plan>,
}

/// How it went in one repository.
#[derive(Debug, Clone)]
pub enum StepOutcome {
    /// Done.
    Done(Box<Done>),
    /// Refused; those after it were not tried.
    Refused(AppError),
    /// Not tried.
    Skipped,
}

/// One repository of a workflow.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its plan.
    pub plan: Plan,
    /// How it went.
    pub outcome: StepOutcome,
}

/// How a workflow went.
#[derive(Debug, Clone)]
pub struct WorkflowReport {
    /// In the order of the plan.
    pub steps: Vec<Step>,
}

impl Executor {
    /// The workflows and where they would act.
    pub async fn workflows(&self) -> Result<Vec<WorkflowSummary>, AppError> {
        let doable = self.doable().await?;
        let summary = |kind: ActionKind| {
            let of_kind = doable.iter().filter(|doable| doable.id.kind == kind);
            let (permitted, not_permitted): (Vec<_>, Vec<_>) =
                of_kind.partition(|doable| self.permission(&doable.path).is_ok());
            let names = |list: Vec<&crate::services::doable::Doable>| {
                list.into_iter().map(|doable| doable.name.clone()).collect()
            };
            WorkflowSummary { kind, projects: names(permitted), not_permitted: names(not_permitted) }
        };
        Ok(ActionKind::ALL.into_iter().map(summary).collect())
    }

    /// Plans for these projects (names or ids), or for all in which it can be done and may be. The first refusal is the
    /// answer; nothing is kept then.
    pub async fn plan_workflow(
        &self,
        by: &Caller,
        kind: ActionKind,
        projects: Option<&[String]>,
        message: Option<&str>,
    ) -> Result<Workflow, AppError> {
        let made = self.make_workflow(kind, projects, message).await;
        let detail = made.as_ref().map(|workflow| {
            let actions: Vec<_> = workflow.plans.iter().map(|plan| &plan.action).collect();
            json!({ "plan_id": workflow.id.to_string(), "actions": actions })
        });
        self.audit(by, "workflow.plan", kind.as_str(), "planned", detail).await?;
        made
    }

    async fn make_workflow(
        &self,
        kind: ActionKind,
        projects: Option<&[String]>,
        message: Option<&str>,
    ) -> Result<Workflow, AppError> {
        let mut ids: Vec<ActionId> = Vec::new();
        match projects {
            Some(names) => {
                for name in names {
                    let project = portfolio::project(&self.context, name).await?.record.id;
                    let id = ActionId { kind, project };
                    if !ids.contains(&id) {
                        ids.push(id);
                    }
                }
            }
            None => {
                let doable = self.doable().await?.into_iter().filter(|doable| doable.id.kind == kind);
                ids.extend(
                    doable.filter(|doable| self.permission(&doable.path).is_ok()).map(|doable| doable.id),
                );
            }
        }
        if ids.is_empty() {
            return Err(super::conflict("there is no repository in which this can be done and may be"));
        }
        let mut plans = Vec::with_capacity(ids.len());
        for id in ids {
            plans.push(self.make_plan(id, message.map(ToOwned::to_owned)).await?);
        }
        let now = self.context.clock.now();
        let id = PlanId::new(now, (self.context.chance)());
        let workflow = Workflow { id, kind, expires_at: now + PLAN_LIFE, plans };
        self.keep(id, PLAN_KIND, &workflow).await?;
        Ok(workflow)
    }

    /// Carries out a workflow's plan. An error is one of the whole; what is refused in a repository is in the report.
    pub async fn execute_workflow(
        &self,
        by: &Caller,
        kind: ActionKind,
        plan: PlanId,
    ) -> Result<WorkflowReport, AppError> {
        let (this, by) = (self.clone(), by.clone());
        let task = tokio::spawn(async move {
            let report = this.run_workflow(&by, kind, plan).await;
            let detail = report.as_ref().map(|report| {
                let step = |step: &Step| {
                    let outcome = match &step.outcome {
                        StepOutcome::Done(_) => "done",
                        StepOutcome::Refused(_) => "refused",
                        StepOutcome::Skipped => "skipped",
                    };
                    json!({ "action": step.plan.action, "outcome": outcome })
                };
                let steps: Vec<_> = report.steps.iter().map(step).collect();
                json!({ "plan_id": plan.to_string(), "steps": steps })
            });
            let is_stopped = report.as_ref().is_ok_and(WorkflowReport::is_stopped);
            let outcome = if is_stopped { "refused" } else { "done" };
            this.audit(&by, "workflow.execute", kind.as_str(), outcome, detail).await?;
            report
        });
        super::joined(task.await)
    }

    async fn run_workflow(
        &self,
        by: &Caller,
        kind: ActionKind,
        plan: PlanId,
    ) -> Result<WorkflowReport, AppError> {
        let workflow: Workflow = self.take(plan, PLAN_KIND).await?;
        if workflow.kind != kind {
            let made_for = workflow.kind.as_str();
            return Err(super::conflict(format!(
                "the plan was made for {made_for}, not for {}",
                kind.as_str()
            )));
        }
        let mut report = WorkflowReport { steps: Vec::with_capacity(workflow.plans.len()) };
        for plan in workflow.plans {
            let outcome = if report.is_stopped() {
                StepOutcome::Skipped
            } else {
                match self.execute(by, action_of(&plan)?, plan.id, None).await {
                    Ok(done) => StepOutcome::Done(Box::new(done)),
                    Err(error) => StepOutcome::Refused(error),
                }
            };
            report.steps.push(Step { plan, outcome });
        }
        Ok(report)
    }
}

impl WorkflowReport {
    /// A repository refused.
    pub fn is_stopped(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.outcome, StepOutcome::Refused(_)))
    }
}
