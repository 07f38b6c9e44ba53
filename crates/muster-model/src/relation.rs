//! Whose repository it is, in four words. Decided by muster-analysis, asked for in queries.

use serde::{Deserialize, Serialize};

/// Whose repository it is. Recommendations apply to `mine` and `team`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// The person's own.
    Mine,
    /// The person commits to it with others.
    Team,
    /// Somebody else's, cloned to read or to use.
    ThirdParty,
    /// Nothing speaks for one or the other.
    Unknown,
}

impl Relation {
    /// The word used in the API and in queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mine => "mine",
            Self::Team => "team",
            Self::ThirdParty => "third_party",
            Self::Unknown => "unknown",
        }
    }
}
