//! The port of an alert rule.

use muster_model::alert::{AlertKind, AlertSettings, Finding};

use super::judged::Judged;

/// Judges the new commits of one repository by one of the settings.
pub(super) trait AlertRule: Sync {
    /// Which setting.
    fn kind(&self) -> AlertKind;

    /// What it finds; nothing if the setting is not wanted.
    fn judge(&self, settings: &AlertSettings, judged: &Judged<'_>) -> Vec<Finding>;
}
