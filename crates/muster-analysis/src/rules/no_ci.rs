//! No continuous integration: tests that are not run do not count.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::{Recommendation, Urgency},
};

use super::rule::Rule;

pub(super) struct NoCi;

impl Rule for NoCi {
    fn id(&self) -> &'static str {
        "no-ci"
    }

    fn judge(&self, analysis: &Analysis, context: &Context<'_>) -> Option<Recommendation> {
        if !analysis.facts.ci.is_empty() || !context.git.has_remote || analysis.facts.manifests.is_empty() {
            return None;
        }
        Some(Recommendation {
            rule: self.id().into(),
            urgency: if analysis.facts.tests.is_empty() { Urgency::Low } else { Urgency::Medium },
            category: "ci".into(),
            action: "Add a CI workflow that builds the project and runs its tests on every push.".to_owned(),
            impact: "Mistakes are found when they are made, on a machine that is not yours.".to_owned(),
            evidence: analysis.facts.manifests.iter().take(3).cloned().collect(),
        })
    }
}
