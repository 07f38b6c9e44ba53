//! A recommendation: what a rule over the facts says should be done, with the evidence it rests on.

use serde::{Deserialize, Serialize};

use crate::{analysis::Evidence, word::Word};

/// How much a recommendation matters; `Revenue` is apart, for the portfolio's monetization view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Work can be lost or users are at risk.
    Critical,
    /// Soon.
    High,
    /// When next at it.
    Medium,
    /// Nice to have.
    Low,
    /// A chance to earn.
    Revenue,
}

impl Urgency {
    /// The word used in the API (`type`).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Revenue => "revenue",
        }
    }
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// Id of the rule, stable (`no-remote`).
    pub rule: Word,
    /// How much it matters.
    pub urgency: Urgency,
    /// What it is about: version-control, documentation, testing, ci, licence, release, revenue, …
    pub category: Word,
    /// What to do, one imperative sentence.
    pub action: String,
    /// What it brings or prevents, one sentence.
    pub impact: String,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
}
