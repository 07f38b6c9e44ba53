//! What the tests share: trees in memory, a context at a fixed time, and short prints of answers.

use muster_analysis::analyze;
use muster_model::{
    Timestamp,
    analysis::{Analysis, Context, Evidence, GitFacts, Score, ScoreItem},
    git_state::{GitState, Head, LastCommit, WorkTreeCounts},
    relation::Relation,
    source_tree::MemoryTree,
};

pub(crate) const NOW: &str = "2026-06-01T12:00:00Z";

pub(crate) fn context(git: &GitFacts) -> Context<'_> {
    Context { name: "lantern", git, relation: Relation::Mine, now: at(NOW) }
}

pub(crate) fn at(time: &str) -> Timestamp {
    time.parse().expect("a valid time")
}

/// A clean clone whose last commit is `days` old.
pub(crate) fn git(days: i64) -> GitFacts {
    let committed_at = at(NOW) - jiff::SignedDuration::from_hours(days * 24);
    let commit = LastCommit {
        id: "1".repeat(40),
        subject: "Do it".into(),
        author: "A".into(),
        author_email: "a@example.org".into(),
        committed_at,
    };
    GitFacts {
        is_repo: true,
        has_remote: true,
        state: Some(GitState {
            head: Head::Branch("main".into()),
            head_id: Some("1".repeat(40)),
            upstream: None,
            work_tree: Ok(WorkTreeCounts::default()),
            stashes: 0,
            operation: None,
            last_commit: Some(commit),
            is_shallow: false,
            unseen: Vec::new(),
        }),
        ..GitFacts::default()
    }
}

/// Analyses files as a clean clone with a recent commit.
pub(crate) fn of(files: &[(&str, &str)]) -> Analysis {
    let git = git(3);
    analyze(&MemoryTree::new(files.iter().map(|(path, text)| (*path, *text))), &context(&git))
}

pub(crate) fn item<'a>(score: &'a Score, id: &str) -> &'a ScoreItem {
    score.items.iter().find(|item| item.id == id).unwrap_or_else(|| panic!("no item {id}"))
}

pub(crate) fn place(evidence: &Evidence) -> String {
    match evidence.line {
        Some(line) => format!("{}:{line} {}", evidence.path, evidence.note),
        None => format!("{} {}", evidence.path, evidence.note),
    }
}

/// One technology a line: name, category, first evidence; `~` before marginal ones.
pub(crate) fn stack(analysis: &Analysis) -> String {
    let lines: Vec<String> = analysis
        .stack
        .iter()
        .map(|item| {
            let mark = if item.is_marginal { "~" } else { "" };
            format!("{mark}{} [{}] {}", item.name, item.category, place(&item.evidence[0]))
        })
        .collect();
    lines.join("\n")
}

/// Names of a category that are not marginal.
pub(crate) fn names<'a>(analysis: &'a Analysis, category: &str) -> Vec<&'a str> {
    let items = analysis.stack.iter().filter(|item| item.category == category && !item.is_marginal);
    items.map(|item| item.name.as_str()).collect()
}
