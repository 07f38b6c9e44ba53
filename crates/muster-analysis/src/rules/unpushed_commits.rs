//! Commits that no remote has, although there is one. Names the branches.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::{Recommendation, Urgency},
};

use super::rule::{Audience, Rule};
use super::{days_since_commit, from_git};
use crate::text::{count, some_of};

pub(super) struct UnpushedCommits;

impl Rule for UnpushedCommits {
    fn id(&self) -> &'static str {
        "unpushed-commits"
    }

    fn audience(&self) -> Audience {
        Audience::Everyone
    }

    fn judge(&self, _: &Analysis, context: &Context<'_>) -> Option<Recommendation> {
        let commits = context.git.unpushed_commits.filter(|commits| *commits > 0)?;
        let branches = &context.git.unpushed_branch_names;
        let on = if branches.is_empty() { String::new() } else { format!(" on {}", some_of(branches, 5)) };
        let commits = count(commits, "commit", "commits");
        Some(Recommendation {
            rule: self.id().into(),
            urgency: if days_since_commit(context).is_some_and(|days| days >= 14) {
                Urgency::High
            } else {
                Urgency::Medium
            },
            category: "version-control".into(),
            action: format!("Push {commits}{on}."),
            impact:
                "These commits exist on this disk only; nobody else can see them, and they are lost with it."
                    .to_owned(),
            evidence: vec![from_git(format!("{commits} on no remote{on}"))],
        })
    }
}
