//! The default branch was rewritten: what was its tip is no longer among its ancestors. Whoever reads the branch sees a
//! history that others do not have.

use muster_model::alert::{AlertKind, AlertSettings, Finding};

use super::{
    judged::{Judged, short_id},
    rule::AlertRule,
};

pub(super) struct AncestryBreaks;

impl AlertRule for AncestryBreaks {
    fn kind(&self) -> AlertKind {
        AlertKind::AncestryBreaks
    }

    fn judge(&self, settings: &AlertSettings, judged: &Judged<'_>) -> Vec<Finding> {
        let is_wanted = settings.ancestry_breaks.is_some_and(|wish| wish.enabled);
        let Some(tip) = judged.rewritten_tip.filter(|_| is_wanted) else { return Vec::new() };
        let message =
            format!("The default branch was rewritten: {} does not lead to the tip before.", short_id(tip));
        vec![Finding {
            kind: self.kind(),
            subject: tip.to_owned(),
            // git does not say when a branch was moved.
            at: judged.as_of,
            message,
            value: None,
            threshold: None,
        }]
    }
}
