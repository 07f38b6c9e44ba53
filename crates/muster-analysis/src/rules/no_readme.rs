//! No README: nobody knows what this is, the author included, after a while.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::{Recommendation, Urgency},
};

use super::from_git;
use super::rule::Rule;

pub(super) struct NoReadme;

impl Rule for NoReadme {
    fn id(&self) -> &'static str {
        "no-readme"
    }

    fn judge(&self, analysis: &Analysis, _: &Context<'_>) -> Option<Recommendation> {
        if !analysis.facts.readme.is_empty() || analysis.facts.file_count == 0 {
            return None;
        }
        Some(Recommendation {
            rule: self.id().into(),
            urgency: Urgency::Medium,
            category: "documentation".into(),
            action: "Write a README: what it is, how to install it, how to use it.".to_owned(),
            impact: "Without a README nobody can tell what the project is for or how to start it.".to_owned(),
            evidence: vec![from_git("no README at the root")],
        })
    }
}
