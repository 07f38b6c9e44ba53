//! How alive a repository is: how recent, how frequent, by how many and how steadily people commit. Bots do not count,
//! because they go on when everybody has left. Weeks here are stretches of seven days back from the moment of looking,
//! so that a Monday is no worse than a Sunday.

use std::collections::HashSet;

use muster_model::history::{ActivityFactor, ActivityScore};

use super::log::{Entry, Log};
use crate::{
    calendar::{DAY_SECONDS, WEEK_SECONDS, age_seconds},
    number::{float, points, short},
    text::count,
};

/// Full points for recency up to this age, in days.
const FRESH_DAYS: i64 = 7;
/// No points for recency from this age on, in days.
const STALE_DAYS: i64 = 365;
/// The stretch over which frequency is counted, in weeks.
const FREQUENCY_WEEKS: i64 = 12;
/// Commits a week that give full points.
const MANY_COMMITS: f64 = 20.0;
/// The stretch over which people are counted, in days.
const PEOPLE_DAYS: i64 = 90;
/// People who give full points.
const MANY_PEOPLE: f64 = 10.0;
/// The stretch over which steadiness is counted, in weeks.
const STEADY_WEEKS: i64 = 26;

const NOBODY: &str = "no person has committed";

/// The score. `None` without commits; where only bots committed it is 0, because that is known.
///
/// Where older commits are not stored, the stretches reach back to the oldest commit that is: what was not looked at is
/// not held against anyone.
pub(super) fn activity(log: &Log<'_>) -> Option<ActivityScore> {
    if log.entries.is_empty() {
        return None;
    }
    let factors = vec![recency(log), frequency(log), people(log), steadiness(log)];
    Some(ActivityScore { score: factors.iter().map(|factor| factor.points).sum(), factors })
}

fn recency(log: &Log<'_>) -> ActivityFactor {
    let youngest = log.by_people().map(|entry| age(log, entry)).min();
    let Some(seconds) = youngest else { return factor("recency", 0.0, 30, NOBODY.to_owned()) };
    // Clocks differ: what comes from the future is of now.
    let days = seconds.max(0) / DAY_SECONDS;
    let left = u64::try_from(STALE_DAYS - days.clamp(FRESH_DAYS, STALE_DAYS)).unwrap_or(0);
    let share = float(left) / float((STALE_DAYS - FRESH_DAYS).unsigned_abs());
    let reason = match days {
        0 => "last commit less than a day ago".to_owned(),
        days => format!("last commit {} ago", count(days.unsigned_abs(), "day", "days")),
    };
    factor("recency", share, 30, reason)
}

fn frequency(log: &Log<'_>) -> ActivityFactor {
    let weeks = weeks_known(log, FREQUENCY_WEEKS);
    let commits = within(log, weeks * WEEK_SECONDS).count() as u64;
    let weeks = weeks.unsigned_abs();
    let a_week = float(commits) / float(weeks);
    let number = short(a_week);
    let commits = if number == "1" { "commit" } else { "commits" };
    let reason = format!("{number} {commits} a week in the last {}", count(weeks, "week", "weeks"));
    factor("frequency", logarithmic(a_week, MANY_COMMITS), 30, reason)
}

fn people(log: &Log<'_>) -> ActivityFactor {
    let people: HashSet<usize> = within(log, PEOPLE_DAYS * DAY_SECONDS).map(|entry| entry.author).collect();
    let people = people.len() as u64;
    let reason = format!("{} in the last {PEOPLE_DAYS} days", count(people, "person", "people"));
    factor("people", logarithmic(float(people), MANY_PEOPLE), 20, reason)
}

fn steadiness(log: &Log<'_>) -> ActivityFactor {
    let weeks = weeks_known(log, STEADY_WEEKS);
    let busy = within(log, weeks * WEEK_SECONDS).map(|entry| age(log, entry) / WEEK_SECONDS);
    let busy = busy.collect::<HashSet<i64>>().len() as u64;
    let weeks = weeks.unsigned_abs();
    let reason = format!("commits in {busy} of the last {}", count(weeks, "week", "weeks"));
    factor("steadiness", float(busy) / float(weeks), 20, reason)
}

/// Commits of people at most so old, and not from the future.
fn within<'l, 'a>(log: &'l Log<'a>, seconds: i64) -> impl Iterator<Item = &'l Entry<'a>> {
    log.by_people().filter(move |entry| (0..seconds).contains(&age(log, entry)))
}

fn age(log: &Log<'_>, entry: &Entry<'_>) -> i64 {
    age_seconds(entry.commit.committer.at, log.as_of)
}

/// How many of the last `wanted` weeks the stored commits can speak of; at least one.
fn weeks_known(log: &Log<'_>, wanted: i64) -> i64 {
    if !log.is_cut_off {
        return wanted;
    }
    let oldest = log.entries.iter().map(|entry| age(log, entry)).max().unwrap_or(0);
    (oldest / WEEK_SECONDS + 1).clamp(1, wanted)
}

/// Nothing for 0, everything from `full` on, and between them each doubling brings about the same.
fn logarithmic(value: f64, full: f64) -> f64 {
    value.ln_1p() / full.ln_1p()
}

fn factor(name: &str, share: f64, max: u32, reason: String) -> ActivityFactor {
    ActivityFactor { name: name.to_owned(), points: points(share, max), max, reason }
}
