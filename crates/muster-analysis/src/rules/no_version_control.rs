//! A project folder that is under no version control: one wrong deletion and it is gone.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::{Recommendation, Urgency},
};

use super::rule::{Audience, Rule};

pub(super) struct NoVersionControl;

impl Rule for NoVersionControl {
    fn id(&self) -> &'static str {
        "no-version-control"
    }

    fn audience(&self) -> Audience {
        Audience::Workers
    }

    fn judge(&self, analysis: &Analysis, context: &Context<'_>) -> Option<Recommendation> {
        if context.git.is_repo {
            return None;
        }
        Some(Recommendation {
            rule: self.id().into(),
            urgency: Urgency::Critical,
            category: "version-control".into(),
            action: "Put the folder under version control: git init, then commit what is there.".to_owned(),
            impact: "Without history no change can be undone, and a deleted file is lost.".to_owned(),
            evidence: analysis.facts.manifests.iter().take(3).cloned().collect(),
        })
    }
}
