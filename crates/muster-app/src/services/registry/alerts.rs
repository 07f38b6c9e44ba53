//! The alert settings that a declared repository may carry. Checked and kept; nothing is decided by them here.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "alert settings: an object")]
pub(super) struct Alerts {
    #[serde(skip_serializing_if = "Option::is_none")]
    lines_added_deleted: Option<Limits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files_changed: Option<Limits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high_churn: Option<HighChurn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suspicious_author_timestamps: Option<Switch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ancestry_breaks: Option<Switch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_vulnerabilities_detected: Option<Switch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_score_decreases: Option<HealthDecrease>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ai_powered_anomaly_detection: Option<Switch>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    #[serde(default = "on")]
    enabled: bool,
    /// Standard deviations.
    #[serde(skip_serializing_if = "Option::is_none")]
    contributor_variance: Option<Positive>,
    /// Standard deviations.
    #[serde(skip_serializing_if = "Option::is_none")]
    repository_variance: Option<Positive>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hardcoded_threshold: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HighChurn {
    #[serde(default = "on")]
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    multiplier: Option<Positive>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hardcoded_threshold: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HealthDecrease {
    #[serde(default = "on")]
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_health_change: Option<HealthChange>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Enabled {
    #[serde(default = "on")]
    enabled: bool,
}

fn on() -> bool {
    true
}

/// `true`, `false` or `{"enabled": …}`; kept as the last.
#[derive(Serialize)]
#[serde(transparent)]
struct Switch(Enabled);

impl<'de> Deserialize<'de> for Switch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Switch;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or an object with enabled")
            }

            fn visit_bool<E: de::Error>(self, enabled: bool) -> Result<Switch, E> {
                Ok(Switch(Enabled { enabled }))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Switch, A::Error> {
                Enabled::deserialize(de::value::MapAccessDeserializer::new(map)).map(Switch)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A number above 0.
#[derive(Serialize)]
#[serde(transparent)]
struct Positive(f64);

impl<'de> Deserialize<'de> for Positive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number(deserializer, "a number above 0", |number| number > 0.0).map(Self)
    }
}

/// Points of a health score from 0 to 10.
#[derive(Serialize)]
#[serde(transparent)]
struct HealthChange(f64);

impl<'de> Deserialize<'de> for HealthChange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number(deserializer, "a number from 0.5 to 5", |number| (0.5..=5.0).contains(&number)).map(Self)
    }
}

/// A number that is checked while it is read, as texts are.
fn number<'de, D: Deserializer<'de>>(
    deserializer: D,
    expected: &'static str,
    is_right: fn(f64) -> bool,
) -> Result<f64, D::Error> {
    struct Visitor(&'static str, fn(f64) -> bool);
    impl de::Visitor<'_> for Visitor {
        type Value = f64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_f64<E: de::Error>(self, number: f64) -> Result<f64, E> {
            if (self.1)(number) { Ok(number) } else { Err(E::custom(format!("{number} is not {}", self.0))) }
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<f64, E> {
            // Beyond 32 bits every limit here is passed anyhow.
            self.visit_f64(f64::from(u32::try_from(number).unwrap_or(u32::MAX)))
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<f64, E> {
            self.visit_f64(f64::from(i32::try_from(number).unwrap_or(i32::MIN)))
        }
    }
    deserializer.deserialize_f64(Visitor(expected, is_right))
}
