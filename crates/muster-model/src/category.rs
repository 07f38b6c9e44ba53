//! What a repository is for, in fourteen words. Suggested by muster or chosen by a person.

use serde::{Deserialize, Serialize};

/// The category of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Scanners, cryptography, sign-in.
    Security,
    /// Builds, tests and releases by machine.
    CiCd,
    /// Databases and what talks to them.
    Database,
    /// Machines, containers, deployment.
    Devops,
    /// Interfaces for programs.
    Api,
    /// What people see in a browser.
    Frontend,
    /// What answers it.
    Backend,
    /// Models and what trains or serves them.
    MlAi,
    /// Devices.
    Embedded,
    /// Text for people.
    Documentation,
    /// Programs for those who make programs.
    Tools,
    /// Code for other code.
    Library,
    /// Apps for telephones.
    Mobile,
    /// None of these.
    Other,
}

impl Category {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 14] = [
        Self::Security,
        Self::CiCd,
        Self::Database,
        Self::Devops,
        Self::Api,
        Self::Frontend,
        Self::Backend,
        Self::MlAi,
        Self::Embedded,
        Self::Documentation,
        Self::Tools,
        Self::Library,
        Self::Mobile,
        Self::Other,
    ];

    /// The one with this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }

    /// The word used in the API and in queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::CiCd => "ci_cd",
            Self::Database => "database",
            Self::Devops => "devops",
            Self::Api => "api",
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::MlAi => "ml_ai",
            Self::Embedded => "embedded",
            Self::Documentation => "documentation",
            Self::Tools => "tools",
            Self::Library => "library",
            Self::Mobile => "mobile",
            Self::Other => "other",
        }
    }
}
