//! The current branch lacks commits that its upstream has, as of the last fetch.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::{Recommendation, Urgency},
};

use super::from_git;
use super::rule::Rule;
use crate::text::count;

pub(super) struct BehindUpstream;

impl Rule for BehindUpstream {
    fn id(&self) -> &'static str {
        "behind-upstream"
    }

    fn judge(&self, _: &Analysis, context: &Context<'_>) -> Option<Recommendation> {
        let upstream = context.git.state.as_ref()?.upstream.as_ref()?;
        let divergence = upstream.divergence.filter(|divergence| divergence.behind > 0)?;
        let behind = count(divergence.behind, "commit", "commits");
        let (action, impact) = if divergence.ahead > 0 {
            let ahead = count(divergence.ahead, "commit", "commits");
            (
                format!(
                    "Rebase or merge: {} has {behind} that are missing here, and {ahead} here are missing there.",
                    upstream.name
                ),
                "The longer both sides diverge, the harder they are to join.".to_owned(),
            )
        } else {
            (
                format!("Pull: {} has {behind} that are missing here.", upstream.name),
                "Work on an old state leads to conflicts later.".to_owned(),
            )
        };
        Some(Recommendation {
            rule: self.id().into(),
            urgency: if divergence.ahead > 0 { Urgency::Medium } else { Urgency::Low },
            category: "version-control".into(),
            action,
            impact,
            evidence: vec![from_git(format!("{behind} behind {}", upstream.name))],
        })
    }
}
