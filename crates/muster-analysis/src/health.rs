//! Health of a project, rule version 0: equal points for what every project that is to live should have. A stand-in for
//! the full checks with the same shape. The state of the work tree never counts: it says something of today, not of health.

use jiff::SignedDuration;
use muster_model::analysis::{Evidence, Score, ScoreItem};

use crate::{lock_file::LockFile, text::percent, view::View};

/// Raised when an item or its meaning changes.
const RULE_VERSION: u32 = 0;
const POINTS: u32 = 10;
/// Below this share of measurable points there is no value.
const LEAST_COVERAGE: u32 = 50;
const ACTIVE: SignedDuration = SignedDuration::from_hours(365 * 24);

/// Scores the view.
pub(crate) fn score(view: &View<'_, '_, '_>) -> Score {
    let git = view.context.git;
    let facts = view.facts;
    let files = |id: &str, area: &str, evidence: &[Evidence], missing: &str| {
        let note = if evidence.is_empty() { missing.to_owned() } else { "found".to_owned() };
        item(id, area, Some(!evidence.is_empty()), evidence.iter().take(3).cloned().collect(), note)
    };
    let yes_no = |id: &str, is: bool, yes: &str, no: &str| {
        item(id, "version-control", Some(is), Vec::new(), if is { yes } else { no }.to_owned())
    };
    let items = vec![
        yes_no(
            "version-control",
            git.is_repo,
            "the folder is a git repository",
            "the folder is under no version control",
        ),
        yes_no("remote", git.has_remote, "it has a remote", "it has no remote, so no copy elsewhere"),
        files("readme", "documentation", &facts.readme, "no README found"),
        files("licence", "legal", &facts.licence, "no licence file or licence field found"),
        files("tests", "testing", &facts.tests, "no tests found"),
        files("ci", "ci", &facts.ci, "no CI configuration found"),
        lock_file(view),
        activity(view),
    ];
    total(items)
}

fn lock_file(view: &View<'_, '_, '_>) -> ScoreItem {
    match LockFile::of(view.survey) {
        LockFile::Present(evidence) => {
            item("lock-file", "dependencies", Some(true), evidence, "found".to_owned())
        }
        LockFile::Missing(evidence) => {
            let note = "dependencies are named, but no lock file is committed".to_owned();
            item("lock-file", "dependencies", Some(false), evidence, note)
        }
        LockFile::NotApplicable(why) => item("lock-file", "dependencies", None, Vec::new(), why.to_owned()),
    }
}

fn activity(view: &View<'_, '_, '_>) -> ScoreItem {
    let last = view.context.git.state.as_ref().and_then(|state| state.last_commit.as_ref());
    let (is_active, note) = match last {
        None => (None, "no history to read".to_owned()),
        Some(commit) => {
            let age = view.context.now.duration_since(commit.committed_at);
            // Days since, never negative: clocks differ.
            let days = age.as_hours().max(0) / 24;
            (Some(age <= ACTIVE), format!("the last commit is {days} days old"))
        }
    };
    item("activity", "activity", is_active, Vec::new(), note)
}

fn item(id: &str, area: &str, is: Option<bool>, evidence: Vec<Evidence>, note: String) -> ScoreItem {
    ScoreItem {
        id: id.to_owned(),
        area: area.to_owned(),
        max_points: POINTS,
        points: is.map(|is| if is { POINTS } else { 0 }),
        evidence,
        note,
    }
}

fn total(items: Vec<ScoreItem>) -> Score {
    let all: u32 = items.iter().map(|item| item.max_points).sum();
    let measurable: u32 = items.iter().filter(|item| item.points.is_some()).map(|item| item.max_points).sum();
    let earned: u32 = items.iter().filter_map(|item| item.points).sum();
    let coverage = percent(measurable, all);
    let value = (coverage >= LEAST_COVERAGE).then(|| percent(earned, measurable));
    Score { value, coverage, rule_version: RULE_VERSION, items }
}
