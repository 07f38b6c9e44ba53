//! What commits say of a repository: who works on it, how much depends on few people, how alive it is, when people
//! work, and which files change. Knows no git and no clock: commits and the moment that "recent" is counted back from
//! are handed in. docs/activity.md has every formula.

mod activity;
mod all_time;
mod bots;
mod bus_factor;
mod churn;
mod contributors;
mod heat_map;
mod log;
mod order;
mod spelling;
mod weeks;

pub(crate) mod identity;

use muster_model::{Commit, Timestamp, history::HistoryFacts};

pub use all_time::all_time;
pub use churn::{Churn, ChurnCount};
pub use order::newest_first;

use log::Log;

/// Raised when a formula or a table changes, so that stored facts are derived anew.
pub const RULE_VERSION: u32 = 1;

/// Derives everything of commits that hold their files. They may come in any order, and one that comes twice counts once.
pub fn derive(commits: &[Commit], as_of: Timestamp) -> HistoryFacts {
    let mut churn = ChurnCount::default();
    for commit in newest_first(commits) {
        churn.add(commit, &commit.files);
    }
    derive_with(commits, churn.finish(), as_of)
}

/// The same of commits whose files were counted apart, because they need not be in memory together.
pub fn derive_with(commits: &[Commit], churn: Churn, as_of: Timestamp) -> HistoryFacts {
    let log = Log::read(commits, as_of);
    let committed_at = || log.entries.iter().map(|entry| entry.commit.committer.at);
    let contributors::Contributors { people, bots } = contributors::contributors(&log);
    let (weeks, rate) = weeks::weeks(&log);
    let mut facts = HistoryFacts {
        rule_version: RULE_VERSION,
        as_of,
        commits: 0,
        merges: 0,
        bot_commits: 0,
        first_at: committed_at().min(),
        last_at: committed_at().max(),
        insertions: 0,
        deletions: 0,
        bus_factor: bus_factor::bus_factor(&people),
        contributors: people,
        bots,
        weeks,
        rate,
        activity: activity::activity(&log),
        heat_map: heat_map::heat_map(&log),
        churn: churn.files,
        files_changed: churn.total,
        files_since: churn.since,
    };
    for entry in &log.entries {
        facts.commits += 1;
        facts.merges += u64::from(entry.commit.is_merge());
        facts.bot_commits += u64::from(entry.is_bot);
        facts.insertions = facts.insertions.saturating_add(entry.size.insertions);
        facts.deletions = facts.deletions.saturating_add(entry.size.deletions);
    }
    facts
}
