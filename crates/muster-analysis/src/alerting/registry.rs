//! The list of alert rules, alphabetic. A new rule is one file and one line here.

use super::{
    ancestry_breaks::AncestryBreaks, files_changed::FilesChanged, high_churn::HighChurn,
    lines_added_deleted::LinesAddedDeleted, rule::AlertRule,
    suspicious_author_timestamps::SuspiciousAuthorTimestamps,
};

pub(super) const RULES: &[&dyn AlertRule] =
    &[&AncestryBreaks, &FilesChanged, &HighChurn, &LinesAddedDeleted, &SuspiciousAuthorTimestamps];

#[cfg(test)]
mod tests {
    use super::RULES;

    #[test]
    fn ids_are_unique_and_in_order() {
        let ids: Vec<&str> = RULES.iter().map(|rule| rule.kind().as_str()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    }
}
