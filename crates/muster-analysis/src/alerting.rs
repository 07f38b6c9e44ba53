//! Whether what a person wants to be told of has happened: alert settings beside commits, findings out. Knows no
//! database and no clock, and does not remember what it told: the subject of a finding says what it is about, so that
//! the caller tells it once. Commits of bots are judged like any other, because an account that was taken over looks
//! like one. docs/activity.md has every formula.

mod ancestry_breaks;
mod files_changed;
mod high_churn;
mod judged;
mod lines_added_deleted;
mod registry;
mod rule;
mod suspicious_author_timestamps;
mod variance;

use muster_model::alert::{AlertKind, AlertSettings, Finding};

pub use judged::Judged;

/// What the settings find in the new commits, by kind in alphabetic order, then in the order of the commits. Each kind
/// has at most one finding for a subject.
pub fn evaluate(settings: &AlertSettings, judged: &Judged<'_>) -> Vec<Finding> {
    registry::RULES.iter().flat_map(|rule| rule.judge(settings, judged)).collect()
}

/// Whether a kind can fire at all; otherwise what is missing, in a sentence.
pub fn availability(kind: AlertKind) -> Result<(), &'static str> {
    match kind {
        AlertKind::AncestryBreaks
        | AlertKind::FilesChanged
        | AlertKind::HighChurn
        | AlertKind::LinesAddedDeleted
        | AlertKind::SuspiciousAuthorTimestamps => Ok(()),
        AlertKind::AiPoweredAnomalyDetection => {
            Err("No language model is asked about commits; the setting is kept and never fires.")
        }
        AlertKind::HealthScoreDecreases => Err(
            "The health of watched repositories is not scored yet; the setting is kept and does not fire.",
        ),
        AlertKind::NewVulnerabilitiesDetected => Err(
            "The dependencies of watched repositories are not compared with advisories yet; the setting is kept and does not fire.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use muster_model::alert::AlertKind;

    use super::{availability, registry::RULES};

    #[test]
    fn a_kind_is_available_if_it_has_a_rule() {
        for &kind in AlertKind::ALL {
            let has_rule = RULES.iter().any(|rule| rule.kind() == kind);
            assert_eq!(availability(kind).is_ok(), has_rule, "{}", kind.as_str());
        }
    }
}
