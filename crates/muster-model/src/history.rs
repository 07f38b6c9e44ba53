//! What is derived of a history: who works on a repository, how much, when, and where. Worked out by muster-analysis
//! from the commits that are stored, so it speaks of that window and not of all time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::repository::words;

/// Everything derived of one repository's commits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryFacts {
    /// Of the rules by which it was derived.
    pub rule_version: u32,
    /// The moment that "recent" is counted back from.
    pub as_of: Timestamp,
    /// Commits, merges too.
    pub commits: u64,
    /// Merges among them.
    pub merges: u64,
    /// Commits of bots among them.
    pub bot_commits: u64,
    /// When the oldest was committed; `None` without commits.
    pub first_at: Option<Timestamp>,
    /// When the newest was committed.
    pub last_at: Option<Timestamp>,
    /// Lines added by all that are counted (no merges).
    pub insertions: u64,
    /// Lines removed.
    pub deletions: u64,
    /// People, those with most commits first.
    pub contributors: Vec<Contributor>,
    /// Machines, in the same order.
    pub bots: Vec<Contributor>,
    /// People without whom half of the work would be missing; `None` if nobody committed.
    pub bus_factor: Option<BusFactor>,
    /// The weeks from the first commit to `as_of`, at most the last 53, oldest first, quiet ones too.
    pub weeks: Vec<Week>,
    /// Commits a week.
    pub rate: WeeklyRate,
    /// How alive it is; `None` without commits.
    pub activity: Option<ActivityScore>,
    /// When people commit, by their own clocks.
    pub heat_map: HeatMap,
    /// The files that changed most, at most two hundred, most lines first.
    pub churn: Vec<FileChurn>,
    /// Files that changed at all.
    pub files_changed: u64,
    /// Of older commits files were not counted, because there are too many; `None` if those of all were.
    #[serde(default)]
    pub files_since: Option<Timestamp>,
}

/// Somebody who wrote commits; several addresses may be one person's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contributor {
    /// The name on their newest commit.
    pub name: String,
    /// Their addresses, lower case, most used first.
    pub emails: Vec<String>,
    /// Commits, merges too.
    pub commits: u64,
    /// Merges among them.
    pub merges: u64,
    /// Lines added.
    pub insertions: u64,
    /// Lines removed.
    pub deletions: u64,
    /// When they wrote the oldest.
    pub first_at: Timestamp,
    /// When they wrote the newest.
    pub last_at: Timestamp,
}

words! {
    /// How much depends on few people.
    BusRisk {
        /// One person.
        Critical = "critical",
        /// Two.
        High = "high",
        /// Three or four.
        Medium = "medium",
        /// More.
        Low = "low",
    }
}

/// The contributor absence factor (CHAOSS): the fewest people whose commits are at least half of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusFactor {
    /// How many people.
    pub people: u64,
    /// What that means.
    pub risk: BusRisk,
    /// In a sentence: who, and what share.
    pub reason: String,
}

/// A week, Monday to Sunday, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Week {
    /// Its first moment.
    pub begins_at: Timestamp,
    /// Commits, merges too, bots too.
    pub commits: u64,
    /// People who wrote any.
    pub people: u64,
    /// Lines added.
    pub insertions: u64,
    /// Lines removed.
    pub deletions: u64,
}

/// Commits a week, without those of bots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct WeeklyRate {
    /// Mean of the last four full weeks.
    pub recent: f64,
    /// Mean of all weeks that are known, at most 52.
    pub usual: f64,
}

/// How alive a repository is, 0 to 100, and what it is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivityScore {
    /// Sum of the factors' points.
    pub score: u32,
    /// Its parts.
    pub factors: Vec<ActivityFactor>,
}

/// A part of the activity score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivityFactor {
    /// `recency`, `frequency`, `people`, `steadiness`.
    pub name: String,
    /// Points given.
    pub points: u32,
    /// Points there are.
    pub max: u32,
    /// What was measured, in words: `last commit 3 days ago`.
    pub reason: String,
}

/// Commits by day of the week (Monday first) and hour, by the author's own clock; without bots.
pub type HeatMap = [[u64; 24]; 7];

/// How much a file changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChurn {
    /// Its newest path: renames are followed.
    pub path: String,
    /// Commits that touched it.
    pub commits: u64,
    /// Lines added.
    pub insertions: u64,
    /// Lines removed.
    pub deletions: u64,
    /// When it was last touched.
    pub last_at: Timestamp,
}

/// What git says of a whole history without looking at any file: what [`AllTime`] is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WholeHistory {
    /// Commits of the default branch, merges too.
    pub commits: u64,
    /// Merges among them.
    pub merges: u64,
    /// When the oldest of them was committed; times before 1970 and at its first second are no times.
    pub first_at: Option<Timestamp>,
    /// When the newest was.
    pub last_at: Option<Timestamp>,
    /// Who wrote them, each spelling apart.
    pub authors: Vec<AuthorCount>,
    /// HEAD names a branch.
    pub has_default_branch: bool,
    /// Branches but the default one.
    pub branches: Vec<RefTip>,
    /// Tags.
    pub tags: Vec<RefTip>,
}

/// The commits of one spelling of an author, through `.mailmap`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorCount {
    /// Name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Commits, merges too.
    pub commits: u64,
    /// Merges among them.
    pub merges: u64,
    /// When they wrote the oldest.
    pub first_at: Timestamp,
    /// When they wrote the newest.
    pub last_at: Timestamp,
}

/// A branch or a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefTip {
    /// Short name.
    pub name: String,
    /// When its commit was committed; `None` if it stands for no commit of any branch.
    pub at: Option<Timestamp>,
}

/// What follows from the whole history, where the other facts see a window of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllTime {
    /// Of the rules by which it was derived.
    pub rule_version: u32,
    /// The moment that "stale" is counted back from.
    pub as_of: Timestamp,
    /// Of the references it was learned from ([`crate::repository::RefFacts::digest`]).
    pub digest: String,
    /// Commits of the default branch, merges too.
    pub commits: u64,
    /// Merges among them.
    pub merges: u64,
    /// When the oldest was committed: how old the repository is.
    pub first_at: Option<Timestamp>,
    /// When the newest was.
    pub last_at: Option<Timestamp>,
    /// People who wrote any.
    pub people: u64,
    /// Machines that did.
    pub bots: u64,
    /// People without whom half of all work would be missing.
    pub bus_factor: Option<BusFactor>,
    /// Tags.
    pub tags: u64,
    /// The newest of them, at most a hundred.
    pub newest_tags: Vec<RefTip>,
    /// Branches, the default one too.
    pub branches: u64,
    /// Branches on which nothing was committed for long.
    pub stale_branches: u64,
    /// The longest quiet of them, at most a hundred.
    pub stalest: Vec<RefTip>,
}
