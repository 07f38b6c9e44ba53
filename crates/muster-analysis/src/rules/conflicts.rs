//! Files with unresolved conflicts: nothing can be committed until they are settled.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::{Recommendation, Urgency},
};

use super::from_git;
use super::rule::{Audience, Rule};
use crate::text::count;

pub(super) struct Conflicts;

impl Rule for Conflicts {
    fn id(&self) -> &'static str {
        "conflicts"
    }

    fn audience(&self) -> Audience {
        Audience::Workers
    }

    fn judge(&self, _: &Analysis, context: &Context<'_>) -> Option<Recommendation> {
        let counts = context.git.state.as_ref()?.work_tree.as_ref().ok()?;
        if counts.conflicted == 0 {
            return None;
        }
        let files = count(counts.conflicted, "conflicted file", "conflicted files");
        Some(Recommendation {
            rule: self.id().into(),
            urgency: Urgency::High,
            category: "version-control".into(),
            action: format!("Resolve {files}, then continue or abort the operation."),
            impact:
                "Until the conflicts are resolved nothing can be committed, and the markers break the code."
                    .to_owned(),
            evidence: vec![from_git(files)],
        })
    }
}
