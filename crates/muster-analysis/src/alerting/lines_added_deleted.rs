//! A commit with far more lines added and removed than usual.

use muster_model::alert::{AlertKind, AlertSettings, Finding};

use super::{
    judged::Judged,
    rule::AlertRule,
    variance::{Measure, unusual},
};

pub(super) struct LinesAddedDeleted;

impl AlertRule for LinesAddedDeleted {
    fn kind(&self) -> AlertKind {
        AlertKind::LinesAddedDeleted
    }

    fn judge(&self, settings: &AlertSettings, judged: &Judged<'_>) -> Vec<Finding> {
        let measure = Measure { kind: self.kind(), of: |size| size.lines(), one: "line", many: "lines" };
        unusual(settings.lines_added_deleted, &measure, judged)
    }
}
