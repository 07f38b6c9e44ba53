//! Something that looks like a secret lies among the files.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::{Recommendation, Urgency},
};

use super::rule::Rule;
use crate::text::some_of;

pub(super) struct CommittedSecrets;

impl Rule for CommittedSecrets {
    fn id(&self) -> &'static str {
        "committed-secrets"
    }

    fn judge(&self, analysis: &Analysis, _: &Context<'_>) -> Option<Recommendation> {
        if analysis.facts.secrets.is_empty() {
            return None;
        }
        let mut files: Vec<&str> =
            analysis.facts.secrets.iter().map(|evidence| evidence.path.as_str()).collect();
        files.dedup();
        let files = some_of(&files, 3);
        Some(Recommendation {
            rule: self.id().into(),
            urgency: Urgency::Critical,
            category: "security".into(),
            action: format!(
                "Replace the secret in {files} with a new one, then remove the file from the repository and ignore it."
            ),
            impact: "Everyone who can read the repository, or an old clone of it, can use the secret."
                .to_owned(),
            evidence: analysis.facts.secrets.clone(),
        })
    }
}
