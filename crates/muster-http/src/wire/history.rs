//! Shapes of what a history says, where several routes show them.

use jiff::Timestamp;
use muster_model::history::{AllTime, BusFactor, RefTip};
use serde::Serialize;
use utoipa::ToSchema;

/// The fewest people whose commits are at least half of all.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BusFactorView {
    people: u64,
    /// `critical`, `high`, `medium` or `low`
    risk: &'static str,
    reason: String,
}

impl From<BusFactor> for BusFactorView {
    fn from(factor: BusFactor) -> Self {
        Self { people: factor.people, risk: factor.risk.as_str(), reason: factor.reason }
    }
}

/// What the whole history says.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AllTimeView {
    as_of: Timestamp,
    /// Of the default branch.
    commits: u64,
    merges: u64,
    /// When the first commit was committed: how old the repository is.
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
    /// People who wrote any commit.
    people: u64,
    bots: u64,
    bus_factor: Option<BusFactorView>,
    tags: u64,
    /// At most a hundred.
    newest_tags: Vec<RefView>,
    /// The default branch too.
    branches: u64,
    /// Without a commit for 90 days.
    stale_branches: u64,
    /// The longest quiet, at most a hundred.
    stalest: Vec<RefView>,
}

/// A branch or a tag.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefView {
    name: String,
    /// When its commit was committed; `null` if it stands for no commit of any branch.
    at: Option<Timestamp>,
}

impl From<AllTime> for AllTimeView {
    fn from(all: AllTime) -> Self {
        let view = |tip: RefTip| RefView { name: tip.name, at: tip.at };
        Self {
            as_of: all.as_of,
            commits: all.commits,
            merges: all.merges,
            first_at: all.first_at,
            last_at: all.last_at,
            people: all.people,
            bots: all.bots,
            bus_factor: all.bus_factor.map(BusFactorView::from),
            tags: all.tags,
            newest_tags: all.newest_tags.into_iter().map(view).collect(),
            branches: all.branches,
            stale_branches: all.stale_branches,
            stalest: all.stalest.into_iter().map(view).collect(),
        }
    }
}
