//! Branches that no remote knows by name. Their commits may be pushed under another name, so this is the milder warning.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::{Recommendation, Urgency},
};

use super::from_git;
use super::rule::{Audience, Rule};
use crate::text::{count, some_of};

pub(super) struct LocalOnlyBranches;

impl Rule for LocalOnlyBranches {
    fn id(&self) -> &'static str {
        "local-only-branches"
    }

    fn audience(&self) -> Audience {
        Audience::Workers
    }

    fn judge(&self, _: &Analysis, context: &Context<'_>) -> Option<Recommendation> {
        let branches =
            context.git.local_only_branches.filter(|branches| *branches > 0 && context.git.has_remote)?;
        let branches = count(branches, "branch exists", "branches exist");
        let names = &context.git.unpushed_branch_names;
        let which = if names.is_empty() {
            String::new()
        } else {
            format!("; with commits of their own: {}", some_of(names, 5))
        };
        Some(Recommendation {
            rule: self.id().into(),
            urgency: Urgency::Low,
            category: "version-control".into(),
            action: "Push the branches that matter, and delete those that are done.".to_owned(),
            impact: format!("{branches} here only and will be forgotten, or lost with this disk."),
            evidence: vec![from_git(format!("{branches} only here{which}"))],
        })
    }
}
