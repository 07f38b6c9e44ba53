//! An application names dependencies and pins none: two installs may differ. Follows the health item, which knows where a lock file is customary.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::{Recommendation, Urgency},
};

use super::rule::Rule;

pub(super) struct NoLockFile;

impl Rule for NoLockFile {
    fn id(&self) -> &'static str {
        "no-lock-file"
    }

    fn judge(&self, analysis: &Analysis, _: &Context<'_>) -> Option<Recommendation> {
        let item = analysis.health.items.iter().find(|item| item.id == "lock-file")?;
        if item.points != Some(0) {
            return None;
        }
        Some(Recommendation {
            rule: self.id().into(),
            urgency: Urgency::Medium,
            category: "dependencies".into(),
            action: "Commit the lock file of the package manager.".to_owned(),
            impact:
                "Without a lock file every install may bring other versions, and a build cannot be repeated."
                    .to_owned(),
            evidence: item.evidence.clone(),
        })
    }
}
