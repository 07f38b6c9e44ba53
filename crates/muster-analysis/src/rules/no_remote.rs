//! A repository without a remote: the only copy lies on this disk.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::{Recommendation, Urgency},
};

use super::from_git;
use super::rule::{Audience, Rule};

pub(super) struct NoRemote;

impl Rule for NoRemote {
    fn id(&self) -> &'static str {
        "no-remote"
    }

    fn audience(&self) -> Audience {
        Audience::Workers
    }

    fn judge(&self, _: &Analysis, context: &Context<'_>) -> Option<Recommendation> {
        if !context.git.is_repo || context.git.has_remote {
            return None;
        }
        let has_commits = context.git.state.as_ref().is_some_and(|state| state.head_id.is_some());
        Some(Recommendation {
            rule: self.id().into(),
            urgency: if has_commits { Urgency::High } else { Urgency::Medium },
            category: "version-control".into(),
            action: "Add a remote and push every branch to it.".to_owned(),
            impact: "The only copy of this work is on this disk and is lost with it.".to_owned(),
            evidence: vec![from_git("no remote is configured")],
        })
    }
}
