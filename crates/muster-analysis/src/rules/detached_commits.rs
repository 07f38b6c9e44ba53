//! Commits on a detached HEAD that no branch holds: the next checkout leaves them to the garbage collector.

use muster_model::{
    analysis::{Analysis, Context},
    git_state::Head,
    recommendation::{Recommendation, Urgency},
};

use super::from_git;
use super::rule::{Audience, Rule};
use crate::text::count;

pub(super) struct DetachedCommits;

impl Rule for DetachedCommits {
    fn id(&self) -> &'static str {
        "detached-commits"
    }

    fn audience(&self) -> Audience {
        Audience::Workers
    }

    fn judge(&self, _: &Analysis, context: &Context<'_>) -> Option<Recommendation> {
        let state = context.git.state.as_ref()?;
        let commits =
            context.git.detached_commits.filter(|commits| *commits > 0 && state.head == Head::Detached)?;
        let commits = count(commits, "commit", "commits");
        Some(Recommendation {
            rule: self.id().into(),
            urgency: Urgency::High,
            category: "version-control".into(),
            action: format!("Give the {commits} on the detached HEAD a branch: git switch -c NAME."),
            impact: "No branch holds these commits; after the next checkout git deletes them in time."
                .to_owned(),
            evidence: vec![from_git(format!("{commits} on a detached HEAD, on no remote"))],
        })
    }
}
