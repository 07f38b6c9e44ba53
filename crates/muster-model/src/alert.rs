//! What a person wants to be told about a repository they watch, and what was found. The settings are checked here, at
//! the door; whether one of them fires is decided by pure functions of muster-analysis over stored facts.

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _},
};
use serde_json::Value;

use crate::{
    id::{AlertId, RepoId, WatchId},
    repository::words,
};

/// A commit that is far from the usual size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VarianceAlert {
    /// Is it wanted.
    pub enabled: bool,
    /// Standard deviations above what this person's commits usually are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contributor_variance: Option<f64>,
    /// Standard deviations above what this repository's commits usually are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_variance: Option<f64>,
    /// Lines or files from which on a commit is told of in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardcoded_threshold: Option<u64>,
}

/// A week in which far more lines changed than usual.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChurnAlert {
    /// Is it wanted.
    pub enabled: bool,
    /// Times the median week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiplier: Option<f64>,
    /// Lines from which on a week is told of in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardcoded_threshold: Option<u64>,
}

/// A health score that fell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthAlert {
    /// Is it wanted.
    pub enabled: bool,
    /// Points of ten, 0.5 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_health_change: Option<f64>,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PlainForm")]
pub struct PlainAlert {
    /// Is it wanted.
    pub enabled: bool,
}

/// Clients write `true` or `{"enabled": true}`.
#[derive(Deserialize)]
#[serde(untagged)]
enum PlainForm {
    Bare(bool),
    Whole(#[serde(deserialize_with = "whole")] Enabled),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enabled {
    enabled: bool,
}

impl From<PlainForm> for PlainAlert {
    fn from(form: PlainForm) -> Self {
        match form {
            PlainForm::Bare(enabled) | PlainForm::Whole(Enabled { enabled }) => Self { enabled },
        }
    }
}

/// The alert settings of one watch. What is not named is not wanted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertSettings {
    /// Lines of a commit.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object")]
    pub lines_added_deleted: Option<VarianceAlert>,
    /// Files of a commit.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object")]
    pub files_changed: Option<VarianceAlert>,
    /// Lines of a week.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object")]
    pub high_churn: Option<ChurnAlert>,
    /// Commits whose author's clock cannot be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspicious_author_timestamps: Option<PlainAlert>,
    /// The default branch was rewritten.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ancestry_breaks: Option<PlainAlert>,
    /// A known vulnerability appeared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_vulnerabilities_detected: Option<PlainAlert>,
    /// The health score fell.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "object")]
    pub health_score_decreases: Option<HealthAlert>,
    /// A language model found something odd.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ai_powered_anomaly_detection: Option<PlainAlert>,
}

/// An object, and no list of its values, which serde would take for one.
fn whole<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    let object = serde_json::Map::deserialize(deserializer)?;
    T::deserialize(Value::Object(object)).map_err(D::Error::custom)
}

/// The same of what may be left out.
fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let object = Option::<serde_json::Map<String, Value>>::deserialize(deserializer)?;
    object.map(|object| T::deserialize(Value::Object(object)).map_err(D::Error::custom)).transpose()
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("alerts.{field}: {message}")]
pub struct AlertSettingsError {
    /// Which one: `high_churn.multiplier`.
    pub field: &'static str,
    /// What is wrong and what is right.
    pub message: String,
}

impl AlertSettings {
    /// Refuses values that could never fire or always would.
    pub fn check(&self) -> Result<(), AlertSettingsError> {
        let lines = self.lines_added_deleted.as_ref();
        let files = self.files_changed.as_ref();
        between(
            "lines_added_deleted.contributor_variance",
            lines.and_then(|it| it.contributor_variance),
            DEVIATIONS,
        )?;
        between(
            "lines_added_deleted.repository_variance",
            lines.and_then(|it| it.repository_variance),
            DEVIATIONS,
        )?;
        positive("lines_added_deleted.hardcoded_threshold", lines.and_then(|it| it.hardcoded_threshold))?;
        between(
            "files_changed.contributor_variance",
            files.and_then(|it| it.contributor_variance),
            DEVIATIONS,
        )?;
        between(
            "files_changed.repository_variance",
            files.and_then(|it| it.repository_variance),
            DEVIATIONS,
        )?;
        positive("files_changed.hardcoded_threshold", files.and_then(|it| it.hardcoded_threshold))?;
        let churn = self.high_churn.as_ref();
        between("high_churn.multiplier", churn.and_then(|it| it.multiplier), (1.0, 1000.0))?;
        positive("high_churn.hardcoded_threshold", churn.and_then(|it| it.hardcoded_threshold))?;
        let health = self.health_score_decreases.and_then(|it| it.minimum_health_change);
        between("health_score_decreases.minimum_health_change", health, (0.5, 5.0))
    }
}

/// Standard deviations that make sense: below half of one every other commit fires.
const DEVIATIONS: (f64, f64) = (0.5, 100.0);

fn between(
    field: &'static str,
    value: Option<f64>,
    (low, high): (f64, f64),
) -> Result<(), AlertSettingsError> {
    match value {
        Some(value) if !(low..=high).contains(&value) => Err(AlertSettingsError {
            field,
            message: format!("{value} is out of range; use {low} to {high}"),
        }),
        _ => Ok(()),
    }
}

fn positive(field: &'static str, value: Option<u64>) -> Result<(), AlertSettingsError> {
    match value {
        Some(0) => {
            Err(AlertSettingsError { field, message: "0 would always fire; use 1 or more".to_owned() })
        }
        _ => Ok(()),
    }
}

words! {
    /// The settings, and what may fire.
    AlertKind {
        /// [`AlertSettings::lines_added_deleted`]
        LinesAddedDeleted = "lines_added_deleted",
        /// [`AlertSettings::files_changed`]
        FilesChanged = "files_changed",
        /// [`AlertSettings::high_churn`]
        HighChurn = "high_churn",
        /// [`AlertSettings::suspicious_author_timestamps`]
        SuspiciousAuthorTimestamps = "suspicious_author_timestamps",
        /// [`AlertSettings::ancestry_breaks`]
        AncestryBreaks = "ancestry_breaks",
        /// [`AlertSettings::new_vulnerabilities_detected`]
        NewVulnerabilitiesDetected = "new_vulnerabilities_detected",
        /// [`AlertSettings::health_score_decreases`]
        HealthScoreDecreases = "health_score_decreases",
        /// [`AlertSettings::ai_powered_anomaly_detection`]
        AiPoweredAnomalyDetection = "ai_powered_anomaly_detection",
    }
}

/// A person's watch over a repository.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    /// Which one.
    pub id: WatchId,
    /// What is watched.
    pub repository: RepoId,
    /// By whom.
    pub added_by: String,
    /// In their words.
    pub notes: String,
    /// What they want to be told.
    pub alerts: AlertSettings,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What an alert setting found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Which setting.
    pub kind: AlertKind,
    /// What it was found in, so that it is told once: a commit's id, a week's first day.
    pub subject: String,
    /// When that happened.
    pub at: Timestamp,
    /// One sentence for people.
    pub message: String,
    /// The number that was found, if there is one.
    pub value: Option<f64>,
    /// The number from which on it is told.
    pub threshold: Option<f64>,
}

/// A finding that was stored for a watch.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Which one.
    pub id: AlertId,
    /// Whose.
    pub watch: WatchId,
    /// In what.
    pub repository: RepoId,
    /// What was found.
    pub finding: Finding,
    /// When it was noticed.
    pub fired_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::{AlertSettings, PlainAlert};

    fn settings(text: &str) -> Result<AlertSettings, String> {
        let settings: AlertSettings = serde_json::from_str(text).map_err(|error| error.to_string())?;
        settings.check().map_err(|error| error.to_string())?;
        Ok(settings)
    }

    #[test]
    fn settings_are_read_as_clients_write_them() {
        let read = settings(
            r#"{"lines_added_deleted": {"enabled": true, "contributor_variance": 3, "hardcoded_threshold": 500},
                "suspicious_author_timestamps": {"enabled": true}, "ancestry_breaks": true,
                "health_score_decreases": {"enabled": true, "minimum_health_change": 0.5}}"#,
        );
        let read = read.expect("valid");
        assert_eq!(read.ancestry_breaks, Some(PlainAlert { enabled: true }));
        let written = serde_json::to_string(&read).expect("text");
        assert_eq!(settings(&written), Ok(read));
    }

    #[test]
    fn what_could_not_fire_or_always_would_is_refused_by_name() {
        for (text, says) in [
            (
                r#"{"high_churn": {"enabled": true, "multiplier": 0.5}}"#,
                "alerts.high_churn.multiplier: 0.5 is out of range",
            ),
            (
                r#"{"files_changed": {"enabled": true, "hardcoded_threshold": 0}}"#,
                "files_changed.hardcoded_threshold: 0",
            ),
            (r#"{"health_score_decreases": {"enabled": true, "minimum_health_change": 6}}"#, "use 0.5 to 5"),
            (r#"{"lines_added": {"enabled": true}}"#, "unknown field"),
            (r#"{"high_churn": {"enabled": true, "factor": 2}}"#, "unknown field"),
        ] {
            let error = settings(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
