//! A week in which far more lines changed than in others. The median is what is usual, because a single import of a
//! library would lift a mean for a year.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::{
    Commit,
    alert::{AlertKind, AlertSettings, Finding},
};

use super::{judged::Judged, rule::AlertRule};
use crate::{
    calendar::{week_begin, week_of},
    number::{float, short},
    text::{count, join_and},
};

/// Weeks from which on something is called usual.
const LEAST_BASELINE: usize = 8;

/// Times the median, if the setting is wanted and names no number at all.
const DEFAULT_MULTIPLIER: f64 = 3.0;

pub(super) struct HighChurn;

impl AlertRule for HighChurn {
    fn kind(&self) -> AlertKind {
        AlertKind::HighChurn
    }

    /// Quiet weeks are not counted as usual: in a repository that sleeps every other week the median would be 0, and any
    /// work at all would be told of.
    fn judge(&self, settings: &AlertSettings, judged: &Judged<'_>) -> Vec<Finding> {
        let Some(wish) = settings.high_churn.filter(|wish| wish.enabled) else { return Vec::new() };
        let multiplier = match (wish.multiplier, wish.hardcoded_threshold) {
            (None, None) => Some(DEFAULT_MULTIPLIER),
            (multiplier, _) => multiplier,
        };

        // What claims to be of the future is counted now, so that a wrong clock hides nothing.
        let week = |commit: &Commit| week_of(judged.committed_at(commit));
        let (known, fresh) = (judged.known(), judged.fresh());
        let known_by_week = lines_by_week(&known, week);
        let fresh_by_week = lines_by_week(&fresh, week);
        let mut findings = Vec::new();
        for number in fresh.iter().map(|commit| week(commit)).collect::<BTreeSet<i64>>() {
            let lines_of = |lines: &BTreeMap<i64, u64>| lines.get(&number).copied().unwrap_or(0);
            let value = lines_of(&known_by_week).saturating_add(lines_of(&fresh_by_week));
            let others = known_by_week.iter().filter(|(other, lines)| **other != number && **lines > 0);
            let median = median(others.map(|(_, lines)| *lines).collect());

            let mut reasons = Vec::new();
            let mut threshold = f64::INFINITY;
            if let Some((multiplier, median)) = multiplier.zip(median)
                && float(value) > median * multiplier
            {
                threshold = median * multiplier;
                let times = short(float(value) / median);
                reasons.push(format!(
                    "{times} times the {} of the median week (told of above {} times)",
                    short(median),
                    short(multiplier)
                ));
            }
            if let Some(limit) = wish.hardcoded_threshold.filter(|limit| value >= *limit) {
                threshold = threshold.min(float(limit));
                reasons.push(format!("not below the {} set", count(limit, "line", "lines")));
            }
            if reasons.is_empty() {
                continue;
            }
            let subject =
                week_begin(number).to_string().chars().take_while(|c| *c != 'T').collect::<String>();
            let newest = fresh.iter().filter(|commit| week(commit) == number);
            let newest = newest.map(|commit| judged.committed_at(commit)).max();
            findings.push(Finding {
                kind: self.kind(),
                message: format!(
                    "{} changed in the week from {subject}: {}.",
                    count(value, "line", "lines"),
                    join_and(&reasons)
                ),
                subject,
                at: newest.unwrap_or(judged.as_of),
                value: Some(float(value)),
                threshold: Some(threshold),
            });
        }
        findings
    }
}

/// Merges have no lines.
fn lines_by_week(commits: &[&Commit], week: impl Fn(&Commit) -> i64) -> BTreeMap<i64, u64> {
    let mut lines_by_week: BTreeMap<i64, u64> = BTreeMap::new();
    for commit in commits.iter().filter(|commit| !commit.is_merge()) {
        let lines = lines_by_week.entry(week(commit)).or_default();
        *lines = lines.saturating_add(commit.size.unwrap_or_default().lines());
    }
    lines_by_week
}

/// `None` of too few.
fn median(mut values: Vec<u64>) -> Option<f64> {
    if values.len() < LEAST_BASELINE {
        return None;
    }
    values.sort_unstable();
    let middle = values.len() / 2;
    let upper = float(values[middle]);
    Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(float(values[middle - 1]), upper) })
}
