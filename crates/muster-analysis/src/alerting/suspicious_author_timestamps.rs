//! A commit whose author's clock cannot be right. A clock may be wrong by accident, but a commit that is dated into
//! another time is also how somebody hides when it was made. Merges and bots are looked at too.

use muster_model::{
    Commit, Timestamp,
    alert::{AlertKind, AlertSettings, Finding},
};

use super::{
    judged::{Judged, short_id},
    rule::AlertRule,
};
use crate::{
    calendar::{CLOCK_OFFSETS, DAY_SECONDS, age_seconds},
    number::float,
    text::{count, join_and},
};

/// By how much clocks may differ, in seconds.
const TOLERANCE: i64 = DAY_SECONDS;

/// 1990-01-01T00:00:00Z: histories that were brought over from RCS and CVS begin about then.
const EARLIEST: i64 = 631_152_000;

pub(super) struct SuspiciousAuthorTimestamps;

impl AlertRule for SuspiciousAuthorTimestamps {
    fn kind(&self) -> AlertKind {
        AlertKind::SuspiciousAuthorTimestamps
    }

    fn judge(&self, settings: &AlertSettings, judged: &Judged<'_>) -> Vec<Finding> {
        if !settings.suspicious_author_timestamps.is_some_and(|wish| wish.enabled) {
            return Vec::new();
        }
        let finding = |commit: &Commit| {
            let reasons = reasons(commit, judged.as_of);
            let texts: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
            let first = reasons.first()?;
            let (value, threshold) = first.hours.unzip();
            Some(Finding {
                kind: self.kind(),
                subject: commit.id.clone(),
                at: judged.committed_at(commit),
                message: format!("{} was {}.", short_id(&commit.id), join_and(&texts)),
                value,
                threshold,
            })
        };
        judged.fresh().into_iter().filter_map(finding).collect()
    }
}

/// Why a time cannot be right.
struct Reason {
    text: String,
    /// How far it is off, and how far it may be; `None` if no distance says it.
    hours: Option<(f64, f64)>,
}

fn reasons(commit: &Commit, as_of: Timestamp) -> Vec<Reason> {
    let author = &commit.author;
    let mut reasons = Vec::new();
    let after_commit = age_seconds(commit.committer.at, author.at);
    if after_commit > TOLERANCE {
        reasons.push(Reason::ahead(
            format!("authored {} after it was committed", span(after_commit)),
            after_commit,
        ));
    }
    let ahead = age_seconds(as_of, author.at);
    if ahead > TOLERANCE {
        reasons.push(Reason::ahead(format!("authored {} in the future", span(ahead)), ahead));
    }
    if author.at.as_second() == 0 {
        let text = "authored in the first second of 1970, where clocks begin that were never set";
        reasons.push(Reason { text: text.to_owned(), hours: None });
    } else if author.at.as_second() < EARLIEST {
        reasons.push(Reason { text: format!("authored at {}, before 1990", author.at), hours: None });
    }
    if !CLOCK_OFFSETS.contains(&author.offset_minutes) {
        let minutes = author.offset_minutes.unsigned_abs();
        let side = if author.offset_minutes < 0 { "behind" } else { "ahead of" };
        reasons.push(Reason {
            text: format!(
                "authored by a clock {} {side} UTC, where clocks are from 12 hours behind to 14 ahead",
                count(minutes, "minute", "minutes")
            ),
            hours: None,
        });
    }
    reasons
}

impl Reason {
    fn ahead(text: String, seconds: i64) -> Self {
        Self { text, hours: Some((hours(seconds), hours(TOLERANCE))) }
    }
}

fn hours(seconds: i64) -> f64 {
    float(seconds.unsigned_abs()) / 3600.0
}

/// Whole days, or hours below two of them.
fn span(seconds: i64) -> String {
    let hours = seconds.unsigned_abs() / 3600;
    if hours < 48 { count(hours, "hour", "hours") } else { count(hours / 24, "day", "days") }
}
