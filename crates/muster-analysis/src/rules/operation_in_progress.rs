//! A rebase, merge or the like that was begun and not ended.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::{Recommendation, Urgency},
};

use super::from_git;
use super::rule::{Audience, Rule};

pub(super) struct OperationInProgress;

impl Rule for OperationInProgress {
    fn id(&self) -> &'static str {
        "operation-in-progress"
    }

    fn audience(&self) -> Audience {
        Audience::Workers
    }

    fn judge(&self, _: &Analysis, context: &Context<'_>) -> Option<Recommendation> {
        let operation = context.git.state.as_ref()?.operation?.as_str();
        Some(Recommendation {
            rule: self.id().into(),
            urgency: Urgency::High,
            category: "version-control".into(),
            action: format!("Finish the {operation} that is in progress, or abort it."),
            impact: format!(
                "Work done now lands in the middle of the {operation} and is easily lost when it is aborted later."
            ),
            evidence: vec![from_git(format!("{operation} in progress"))],
        })
    }
}
