//! The port of a rule.

use muster_model::{
    analysis::{Analysis, Context},
    recommendation::Recommendation,
};

/// Who needs to hear a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// Those who answer for the repository.
    Owners,
    /// Anyone who may have work in it, also when it is not known whose it is.
    Workers,
    /// Even those who only cloned it: work of theirs lies in it.
    Everyone,
}

/// Judges the facts of one project.
pub(super) trait Rule: Sync {
    /// Stable, unique, as the API shows it.
    fn id(&self) -> &'static str;

    /// Who needs to hear it.
    fn audience(&self) -> Audience {
        Audience::Owners
    }

    /// What should be done, if anything.
    fn judge(&self, analysis: &Analysis, context: &Context<'_>) -> Option<Recommendation>;
}
