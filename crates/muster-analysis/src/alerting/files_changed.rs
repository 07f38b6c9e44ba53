//! A commit that changes far more files than usual.

use muster_model::alert::{AlertKind, AlertSettings, Finding};

use super::{
    judged::Judged,
    rule::AlertRule,
    variance::{Measure, unusual},
};

pub(super) struct FilesChanged;

impl AlertRule for FilesChanged {
    fn kind(&self) -> AlertKind {
        AlertKind::FilesChanged
    }

    fn judge(&self, settings: &AlertSettings, judged: &Judged<'_>) -> Vec<Finding> {
        let measure = Measure { kind: self.kind(), of: |size| size.files, one: "file", many: "files" };
        unusual(settings.files_changed, &measure, judged)
    }
}
