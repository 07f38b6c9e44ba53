//! Commits by week, from Monday to Sunday in UTC, and how many there usually are. Counted by the committer's time,
//! because that is what a stored history is cut off by.

use std::collections::HashSet;

use muster_model::history::{Week, WeeklyRate};

use super::log::Log;
use crate::{
    calendar::{week_begin, week_of},
    number::float,
};

/// A year and the week that is not over.
const MOST_WEEKS: i64 = 53;

/// Full weeks that "recent" means.
const RECENT_WEEKS: usize = 4;

/// The weeks up to the present one, quiet ones too, and the means of those that are over. What claims to be
/// from a later week is left out.
pub(super) fn weeks(log: &Log<'_>) -> (Vec<Week>, WeeklyRate) {
    let present = week_of(log.as_of);
    let numbers = log.entries.iter().map(|entry| week_of(entry.commit.committer.at));
    let Some(oldest) = numbers.filter(|number| *number <= present).min() else {
        return (Vec::new(), WeeklyRate::default());
    };
    let first = oldest.max(present - MOST_WEEKS + 1);

    let empty =
        |number| Week { begins_at: week_begin(number), commits: 0, people: 0, insertions: 0, deletions: 0 };
    let mut weeks: Vec<Week> = (first..=present).map(empty).collect();
    let mut commits_of_people = vec![0_u64; weeks.len()];
    let mut seen: HashSet<(usize, usize)> = HashSet::new();
    for entry in &log.entries {
        let Ok(place) = usize::try_from(week_of(entry.commit.committer.at) - first) else { continue };
        let Some(week) = weeks.get_mut(place) else { continue };
        week.commits += 1;
        week.insertions = week.insertions.saturating_add(entry.size.insertions);
        week.deletions = week.deletions.saturating_add(entry.size.deletions);
        if !entry.is_bot {
            commits_of_people[place] += 1;
            week.people += u64::from(seen.insert((place, entry.author)));
        }
    }
    let full = &commits_of_people[..commits_of_people.len() - 1];
    let rate =
        WeeklyRate { recent: mean(&full[full.len().saturating_sub(RECENT_WEEKS)..]), usual: mean(full) };
    (weeks, rate)
}

/// 0 of nothing.
fn mean(values: &[u64]) -> f64 {
    if values.is_empty() { 0.0 } else { float(values.iter().sum()) / float(values.len() as u64) }
}
