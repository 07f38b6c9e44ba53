//! Recommendations: rules over facts, one per file. A rule says what to do, what it prevents or brings, and on which
//! evidence; it never guesses at what was not measured. Whose repository it is decides which rules may speak.

mod registry;

mod api_without_pricing;
mod behind_upstream;
mod committed_secrets;
mod conflicts;
mod detached_commits;
mod local_only_branches;
mod no_ci;
mod no_licence;
mod no_lock_file;
mod no_readme;
mod no_release_tag;
mod no_remote;
mod no_tests;
mod no_version_control;
mod operation_in_progress;
mod payment_flow_ready;
mod rule;
mod stashes;
mod uncommitted_changes;
mod unpushed_commits;

use muster_model::{
    analysis::{Analysis, Context, Evidence},
    recommendation::{Recommendation, Urgency},
    relation::Relation,
};

use rule::{Audience, Rule};

/// What to do, most urgent first. Repositories of the person and the team hear every rule; unknown ones only what
/// could lose work; those of third parties only of own work in them, less urgently.
pub fn recommend(analysis: &Analysis, context: &Context<'_>) -> Vec<Recommendation> {
    let mut recommendations: Vec<Recommendation> = registry::RULES
        .iter()
        .filter(|rule| may_speak(**rule, context.relation))
        .filter_map(|rule| rule.judge(analysis, context))
        .collect();
    if context.relation == Relation::ThirdParty {
        for recommendation in &mut recommendations {
            recommendation.urgency = lowered(recommendation.urgency);
        }
    }
    // Stable: equal urgency keeps the order of the registry.
    recommendations.sort_by_key(|recommendation| recommendation.urgency);
    recommendations
}

fn may_speak(rule: &dyn Rule, relation: Relation) -> bool {
    match relation {
        Relation::Mine | Relation::Team => true,
        Relation::Unknown => rule.audience() != Audience::Owners,
        Relation::ThirdParty => rule.audience() == Audience::Everyone,
    }
}

fn lowered(urgency: Urgency) -> Urgency {
    match urgency {
        Urgency::Critical => Urgency::High,
        Urgency::High => Urgency::Medium,
        Urgency::Medium | Urgency::Low => Urgency::Low,
        Urgency::Revenue => Urgency::Revenue,
    }
}

/// Evidence that is no file: what git says.
fn from_git(note: impl Into<String>) -> Evidence {
    Evidence { path: String::new(), line: None, note: note.into() }
}

/// Days since the last commit; `None` without one.
fn days_since_commit(context: &Context<'_>) -> Option<i64> {
    let commit = context.git.state.as_ref()?.last_commit.as_ref()?;
    Some((context.now.duration_since(commit.committed_at).as_hours() / 24).max(0))
}
