//! Changes that no commit holds: they are in no history and in no other copy. The older, the more urgent.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::{Recommendation, Urgency},
};

use super::rule::{Audience, Rule};
use super::{days_since_commit, from_git};
use crate::text::{count, join_and};

pub(super) struct UncommittedChanges;

impl Rule for UncommittedChanges {
    fn id(&self) -> &'static str {
        "uncommitted-changes"
    }

    fn audience(&self) -> Audience {
        Audience::Everyone
    }

    fn judge(&self, _: &Analysis, context: &Context<'_>) -> Option<Recommendation> {
        let counts = context.git.state.as_ref()?.work_tree.as_ref().ok()?;
        let mut parts = Vec::new();
        for (number, one, many) in [
            (counts.staged, "staged file", "staged files"),
            (counts.modified, "modified file", "modified files"),
            (counts.untracked, "untracked file", "untracked files"),
        ] {
            if number > 0 {
                parts.push(count(number, one, many));
            }
        }
        if parts.is_empty() {
            return None;
        }
        let parts = join_and(&parts);
        let mut evidence = vec![from_git(parts.clone())];
        evidence.extend(
            days_since_commit(context).map(|days| from_git(format!("the last commit is {days} days old"))),
        );
        Some(Recommendation {
            rule: self.id().into(),
            urgency: match days_since_commit(context) {
                Some(30..) => Urgency::High,
                _ => Urgency::Medium,
            },
            category: "version-control".into(),
            action: format!("Commit {parts}, or discard what is not needed."),
            impact: "Uncommitted work exists in this folder only and is in no backup that git knows of."
                .to_owned(),
            evidence,
        })
    }
}
