//! No licence: by law nobody else may use it.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::{Recommendation, Urgency},
};

use super::from_git;
use super::rule::Rule;

pub(super) struct NoLicence;

impl Rule for NoLicence {
    fn id(&self) -> &'static str {
        "no-licence"
    }

    fn judge(&self, analysis: &Analysis, _: &Context<'_>) -> Option<Recommendation> {
        if !analysis.facts.licence.is_empty() || analysis.facts.file_count == 0 {
            return None;
        }
        Some(Recommendation {
            rule: self.id().into(),
            urgency: Urgency::Medium,
            category: "licence".into(),
            action: "Choose a licence and add its full text as LICENSE.".to_owned(),
            impact: "Without a licence nobody but the author may use, change or pass on this work."
                .to_owned(),
            evidence: vec![from_git("no licence file at the root and no licence field in a manifest")],
        })
    }
}
