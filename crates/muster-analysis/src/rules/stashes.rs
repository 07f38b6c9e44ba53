//! Entries of the stash: work that was put aside and is pushed nowhere.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::{Recommendation, Urgency},
};

use super::from_git;
use super::rule::{Audience, Rule};
use crate::text::count;

pub(super) struct Stashes;

impl Rule for Stashes {
    fn id(&self) -> &'static str {
        "stashes"
    }

    fn audience(&self) -> Audience {
        Audience::Workers
    }

    fn judge(&self, _: &Analysis, context: &Context<'_>) -> Option<Recommendation> {
        let stashes = context.git.state.as_ref()?.stashes;
        if stashes == 0 {
            return None;
        }
        let entries = count(stashes, "stash entry", "stash entries");
        Some(Recommendation {
            rule: self.id().into(),
            urgency: Urgency::Low,
            category: "version-control".into(),
            action: format!("Look through {entries}: apply what is needed and drop the rest."),
            impact: "A stash is never pushed and is deleted together with this clone.".to_owned(),
            evidence: vec![from_git(entries)],
        })
    }
}
