//! When a commit is unusually large: beside what its author usually commits, beside what anybody does here, or beside a
//! number that a person set. Merges are neither judged nor usual, because git does not count them.

use std::collections::HashMap;

use muster_model::{
    Commit,
    alert::{AlertKind, Finding, VarianceAlert},
    commit::ChangeSize,
};

use super::judged::{Judged, short_id};
use crate::{
    history::identity::Identities,
    number::{float, short},
    text::{self, count, join_and},
};

/// Commits from which on something is called usual.
const LEAST_BASELINE: usize = 10;

/// Standard deviations for both comparisons if a setting is wanted and names no number at all.
const DEFAULT_DEVIATIONS: f64 = 3.0;

/// What of a commit is measured.
pub(super) struct Measure {
    pub(super) kind: AlertKind,
    pub(super) of: fn(ChangeSize) -> u64,
    pub(super) one: &'static str,
    pub(super) many: &'static str,
}

/// The new commits that are unusual by at least one of the limits, each once.
pub(super) fn unusual(wish: Option<VarianceAlert>, measure: &Measure, judged: &Judged<'_>) -> Vec<Finding> {
    let Some(wish) = wish.filter(|wish| wish.enabled) else { return Vec::new() };
    let limits = with_defaults(wish);
    let value_of = |commit: &Commit| {
        if commit.is_merge() { None } else { commit.size.map(measure.of) }
    };

    let known = judged.known();
    let fresh = judged.fresh();
    let all: Vec<&Commit> = known.iter().chain(&fresh).copied().collect();
    let author_of_commit = Identities::of_commits(&all).author_of;
    let (authors_known, authors_fresh) = author_of_commit.split_at(known.len());

    let mut of_repository = Vec::new();
    let mut of_author: HashMap<usize, Vec<u64>> = HashMap::new();
    for (commit, author) in known.iter().zip(authors_known) {
        if let Some(value) = value_of(commit) {
            of_repository.push(value);
            of_author.entry(*author).or_default().push(value);
        }
    }
    let of_author: HashMap<usize, Option<Usual>> =
        of_author.into_iter().map(|(author, values)| (author, Usual::of(&values))).collect();
    let of_repository = Usual::of(&of_repository);

    let mut findings = Vec::new();
    for (commit, author) in fresh.iter().zip(authors_fresh) {
        let Some(value) = value_of(commit) else { continue };
        let of_author = of_author.get(author).copied().flatten();
        let reasons: Vec<Reason> = [
            exceeds(value, limits.contributor_variance, of_author, "this author's"),
            exceeds(value, limits.repository_variance, of_repository, "this repository's"),
            reaches(value, limits.hardcoded_threshold, measure),
        ]
        .into_iter()
        .flatten()
        .collect();
        let Some(threshold) = reasons.iter().map(|reason| reason.threshold).reduce(f64::min) else {
            continue;
        };
        let texts: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
        let who = text::short(&commit.author.name);
        let message = format!(
            "{} by {} changes {}: {}.",
            short_id(&commit.id),
            if who.trim().is_empty() { "somebody without a name" } else { &who },
            count(value, measure.one, measure.many),
            join_and(&texts),
        );
        findings.push(Finding {
            kind: measure.kind,
            subject: commit.id.clone(),
            at: judged.committed_at(commit),
            message,
            value: Some(float(value)),
            threshold: Some(threshold),
        });
    }
    findings
}

fn with_defaults(wish: VarianceAlert) -> VarianceAlert {
    let VarianceAlert { contributor_variance, repository_variance, hardcoded_threshold, .. } = wish;
    if contributor_variance.is_some() || repository_variance.is_some() || hardcoded_threshold.is_some() {
        return wish;
    }
    let deviations = Some(DEFAULT_DEVIATIONS);
    VarianceAlert { contributor_variance: deviations, repository_variance: deviations, ..wish }
}

/// Why a commit is told of.
struct Reason {
    text: String,
    threshold: f64,
}

fn exceeds(value: u64, deviations: Option<f64>, usual: Option<Usual>, whose: &str) -> Option<Reason> {
    let (deviations, usual) = (deviations?, usual?);
    let threshold = usual.mean + deviations * usual.deviation;
    let value = float(value);
    (value > threshold).then(|| Reason {
        text: format!(
            "{} standard deviations above {whose} mean of {} (told of above {})",
            short((value - usual.mean) / usual.deviation),
            short(usual.mean),
            short(threshold),
        ),
        threshold,
    })
}

fn reaches(value: u64, threshold: Option<u64>, measure: &Measure) -> Option<Reason> {
    let threshold = threshold?;
    (value >= threshold).then(|| Reason {
        text: match value - threshold {
            0 => "exactly the number set".to_owned(),
            more => {
                format!("{more} above the {} set", count(threshold, measure.one, measure.many))
            }
        },
        threshold: float(threshold),
    })
}

/// What is usual: mean and sample standard deviation (n − 1).
#[derive(Clone, Copy)]
struct Usual {
    mean: f64,
    deviation: f64,
}

impl Usual {
    /// `None` of too few commits, and of commits that are all of one size: nothing is unusual beside them.
    fn of(values: &[u64]) -> Option<Self> {
        if values.len() < LEAST_BASELINE {
            return None;
        }
        let number = float(values.len() as u64);
        let mean = values.iter().map(|value| float(*value)).sum::<f64>() / number;
        let squares: f64 = values.iter().map(|value| (float(*value) - mean).powi(2)).sum();
        let deviation = (squares / (number - 1.0)).sqrt();
        (deviation > 0.0).then_some(Self { mean, deviation })
    }
}
