//! What files and history say of a project: type, stack, readiness, health. Filled by muster-analysis, shown by all.

use bstr::BString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{git_state::GitState, relation::Relation, word::bytes_text};

/// A place that supports a statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Evidence {
    /// Path from the project's root, lossy UTF-8; empty when the evidence is no file.
    pub path: String,
    /// Line, counted from 1.
    pub line: Option<u32>,
    /// What was seen there, a few words.
    pub note: String,
}

/// What git contributes to an analysis, in plain values.
#[derive(Debug, Clone, Default)]
pub struct GitFacts {
    /// The folder is a repository.
    pub is_repo: bool,
    /// It has at least one remote.
    pub has_remote: bool,
    /// State of the main checkout, if it could be read.
    pub state: Option<GitState>,
    /// Commits on any branch that no remote has; `None` when not measured or without a remote.
    pub unpushed_commits: Option<u32>,
    /// Branches that exist only here; `None` when not measured.
    pub local_only_branches: Option<u32>,
    /// Names of the tags; `None` when not read.
    pub tags: Option<Vec<TagFact>>,
    /// Commits of the last 90 days reachable from HEAD, capped; `None` when not measured.
    pub commits_90_days: Option<u32>,
    /// Names of local branches whose commits exist only here.
    pub unpushed_branch_names: Vec<String>,
    /// Commits reachable only from a detached HEAD, on no remote; `None` when not measured.
    pub detached_commits: Option<u32>,
}

/// A tag and when its commit was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagFact {
    /// Short name.
    pub name: String,
    /// Committer time of the tagged commit; `None` if it is no commit.
    pub at: Option<Timestamp>,
}

/// Broad type of a project, from its manifests and layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectType {
    /// Something to run in a terminal.
    CommandLine,
    /// Something to link or import.
    Library,
    /// A program that answers requests.
    Service,
    /// Pages for a browser.
    WebApp,
    /// For telephones and tablets.
    MobileApp,
    /// For desktops.
    DesktopApp,
    /// Machines and clusters described in files.
    Infrastructure,
    /// Text first.
    Documentation,
    /// Notebooks, models, data sets.
    Data,
    /// Several packages in one tree.
    Monorepo,
    /// Nothing recognised.
    Other,
}

impl ProjectType {
    /// The word used in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CommandLine => "cli",
            Self::Library => "library",
            Self::Service => "service",
            Self::WebApp => "web_app",
            Self::MobileApp => "mobile_app",
            Self::DesktopApp => "desktop_app",
            Self::Infrastructure => "infrastructure",
            Self::Documentation => "documentation",
            Self::Data => "data",
            Self::Monorepo => "monorepo",
            Self::Other => "other",
        }
    }
}

/// One technology and why we say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackItem {
    /// Its name as its makers write it: `Rust`, `React`, `PostgreSQL`.
    pub name: String,
    /// language, framework, database, tool, ci, hosting, payment, auth, analytics, monitoring, …
    pub category: String,
    /// Root manifests first.
    pub evidence: Vec<Evidence>,
    /// Seen only in tests, examples, fixtures or documentation, or (a language) in too few files to count.
    pub is_marginal: bool,
}

/// One row of a score: what was looked for and what it brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreItem {
    /// Stable id (`licence-certain`).
    pub id: String,
    /// Area or group (`legal`).
    pub area: String,
    /// Points that can be had.
    pub max_points: u32,
    /// Points earned; `None` if it could not be measured, which takes it out of both sides.
    pub points: Option<u32>,
    /// Where it was found.
    pub evidence: Vec<Evidence>,
    /// In words: what was found, not found, or why it could not be measured.
    pub note: String,
}

/// A sum of points with what could be measured of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// 0-100 over what could be measured; `None` under the rule set's least coverage.
    pub value: Option<u32>,
    /// Share of the points that could be measured, 0-100.
    pub coverage: u32,
    /// Version of the rules.
    pub rule_version: u32,
    /// The rows.
    pub items: Vec<ScoreItem>,
}

/// A commercial signal in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Stable id: payments, subscription, `api_access`, marketplace, affiliate, advertising, saas, …
    pub id: String,
    /// What was seen.
    pub title: String,
    /// Where.
    pub evidence: Vec<Evidence>,
}

/// Potential, by readiness score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Potential {
    /// Score ≥ 70.
    High,
    /// Score ≥ 40.
    Medium,
    /// Score ≥ 20.
    Low,
    /// Below.
    Exploratory,
}

impl Potential {
    /// By score, 0-100.
    pub fn of(score: u32) -> Self {
        match score {
            70.. => Self::High,
            40.. => Self::Medium,
            20.. => Self::Low,
            _ => Self::Exploratory,
        }
    }

    /// The word used in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "High",
            Self::Medium => "Medium",
            Self::Low => "Low",
            Self::Exploratory => "Exploratory",
        }
    }
}

/// Health in words, by score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// Score ≥ 80.
    Excellent,
    /// Score ≥ 60.
    Good,
    /// Score ≥ 40.
    Fair,
    /// Below.
    NeedsAttention,
}

impl HealthStatus {
    /// By score, 0-100.
    pub fn of(score: u32) -> Self {
        match score {
            80.. => Self::Excellent,
            60.. => Self::Good,
            40.. => Self::Fair,
            _ => Self::NeedsAttention,
        }
    }

    /// The words used in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Excellent => "Excellent",
            Self::Good => "Good",
            Self::Fair => "Fair",
            Self::NeedsAttention => "Needs Attention",
        }
    }
}

/// Everything that files say of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// Broad type.
    pub project_type: ProjectType,
    /// Technologies, languages first.
    pub stack: Vec<StackItem>,
    /// Readiness by the versioned rule table.
    pub readiness: Score,
    /// Health points.
    pub health: Score,
    /// Commercial signals in non-test code.
    pub signals: Vec<Signal>,
    /// What the signals could become: payments, subscription, API access, marketplace, affiliate, advertising, `SaaS`.
    pub revenue_streams: Vec<String>,
    /// The facts that recommendations rest on.
    pub facts: FileFacts,
}

/// Yes/no facts over the files, each with the place. An empty list means "looked for and not found".
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileFacts {
    /// READMEs at the root.
    pub readme: Vec<Evidence>,
    /// Licence files at the root, or the manifest's licence field.
    pub licence: Vec<Evidence>,
    /// Test files.
    pub tests: Vec<Evidence>,
    /// Continuous integration files.
    pub ci: Vec<Evidence>,
    /// Dependency manifests at any depth that count.
    pub manifests: Vec<Evidence>,
    /// Lock files.
    pub lock_files: Vec<Evidence>,
    /// Paths that look like secrets committed by mistake (`.env` with values, private keys).
    pub secrets: Vec<Evidence>,
    /// Pricing or terms pages.
    pub pricing: Vec<Evidence>,
    /// The description of a public API (`OpenAPI`, GraphQL, proto).
    pub api_description: Vec<Evidence>,
    /// Files counted in total, for orientation.
    pub file_count: u32,
    /// Files that could not be read and were therefore left out.
    #[serde(with = "bytes_text")]
    pub unread: Vec<BString>,
}

/// The optional `PROJECT_META.json`: what a person says overrides what was guessed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ProjectMeta {
    /// Shown as `display_name`; never the key of the project.
    pub name: Option<String>,
    /// One sentence or more.
    pub description: Option<String>,
    /// Free word: active, paused, done, …
    pub status: Option<String>,
    /// Free word: high, medium, low, …
    pub priority: Option<String>,
    /// Per cent, 0-100.
    pub completion: Option<f64>,
    /// Free text: `6 weeks`.
    pub time_to_launch: Option<String>,
    /// Free text or a number as text: `1200 EUR/month`.
    pub revenue: Option<String>,
    /// What stands in the way.
    pub blockers: Vec<String>,
    /// Name to URL.
    pub links: Vec<(String, String)>,
}

/// What the analysis is told besides the tree.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The project's folder name.
    pub name: &'a str,
    /// What git contributes.
    pub git: &'a GitFacts,
    /// Whose it is.
    pub relation: Relation,
    /// The present moment.
    pub now: Timestamp,
}
