//! A project of which everything is known: every optional field has a value.

use muster_model::{
    Timestamp,
    analysis::{
        Analysis, Evidence, FileFacts, ProjectMeta, ProjectType, Score, ScoreItem, Signal, StackItem,
    },
    error::{ErrorCode, RepoError, Warning},
    git_state::{
        BranchReport, Deletable, Divergence, GitState, Head, LastCommit, Operation, UnpushedBranch, Upstream,
        WorkTreeCounts,
    },
    project::{ProjectKind, Submodule, Worktree},
    recommendation::{Recommendation, Urgency},
    relation::Relation,
    unknown::UnknownReason,
};
use muster_store::ProjectRecord;

use crate::world::{at, record};

pub(crate) fn project(number: u16) -> ProjectRecord {
    let mut record = record(number, "full");
    let project = &mut record.project;
    project.kind = ProjectKind::Repository;
    project.relation = Relation::Team;
    project.error = Some(RepoError::new(ErrorCode::TimedOut, "took too long"));
    project.warnings = vec![Warning { code: "project_meta".into(), message: "is broken".into() }];
    project.git = Some(state());
    project.branches = Some(branches());
    project.push_remote = Some("origin".into());
    project.fetched_at = Some(at(3));
    project.deletable = Some(Deletable { value: false, reason: "2 commits".into() });
    project.worktrees = vec![Worktree {
        path: "/code/full-2".into(),
        state: Err(RepoError::new(ErrorCode::Vanished, "is gone")),
        deletable: Some(Deletable { value: true, reason: String::new() }),
        is_locked: true,
    }];
    project.submodules = vec![Submodule {
        path: "lib/\u{fffd}".into(),
        expected_id: "0".repeat(40),
        state: Some(Ok(GitState { work_tree: Err(UnknownReason::Bare), ..state() })),
        branches: Some(branches()),
    }];
    project.analysis = Some(analysis());
    project.meta = Some(ProjectMeta {
        name: Some("Full \u{0}".into()),
        description: Some("all of it".into()),
        status: Some("active".into()),
        priority: Some("high".into()),
        completion: Some(0.1 + 0.2),
        time_to_launch: Some("6 weeks".into()),
        revenue: Some("1200 EUR/month".into()),
        blockers: vec!["time".into()],
        links: vec![("site".into(), "https://example.org/?a=b&c".into())],
    });
    project.recommendations = vec![Recommendation {
        rule: "no-remote".into(),
        urgency: Urgency::Critical,
        category: "version-control".into(),
        action: "Push it".into(),
        impact: "It is kept".into(),
        evidence: evidence(),
    }];
    project.unknown.insert("git.behind".into(), UnknownReason::NoUpstream);
    project.checked_at = Timestamp::new(1_800_000_000, 123_456_789).unwrap();
    record
}

fn state() -> GitState {
    GitState {
        head: Head::Branch("main".into()),
        head_id: Some("a".repeat(40)),
        upstream: Some(Upstream {
            name: "origin/main".into(),
            divergence: Some(Divergence { ahead: 1, behind: u32::MAX }),
        }),
        work_tree: Ok(WorkTreeCounts {
            staged: 1,
            modified: 2,
            untracked: 3,
            conflicted: 4,
            filtered_unknown: 5,
        }),
        stashes: 1,
        operation: Some(Operation::Rebase),
        last_commit: Some(LastCommit {
            id: "a".repeat(40),
            subject: "s\u{1}".into(),
            author: "Ä".into(),
            author_email: "a@example.org".into(),
            committed_at: at(-100),
        }),
        is_shallow: true,
        unseen: vec!["a nested repository".into()],
    }
}

fn branches() -> BranchReport {
    BranchReport {
        local_branches: 2,
        unpushed: vec![UnpushedBranch { name: "wip".into(), commits: 2, is_head: false }],
        local_only: vec!["wip".into()],
        detached_commits: 1,
        commits_on_tags_only: 1,
        broken_refs: 1,
        has_remote: true,
    }
}

fn evidence() -> Vec<Evidence> {
    vec![Evidence { path: "Cargo.toml".into(), line: Some(1), note: "here".into() }]
}

fn analysis() -> Analysis {
    let item = ScoreItem {
        id: "licence-certain".into(),
        area: "legal".into(),
        max_points: 10,
        points: None,
        evidence: evidence(),
        note: "not measured".into(),
    };
    let score = Score { value: Some(70), coverage: 90, rule_version: 3, items: vec![item] };
    let stack = StackItem {
        name: "Rust".into(),
        category: "language".into(),
        evidence: evidence(),
        is_marginal: true,
    };
    Analysis {
        project_type: ProjectType::Service,
        stack: vec![stack],
        readiness: score.clone(),
        health: Score { value: None, ..score },
        signals: vec![Signal { id: "payments".into(), title: "Stripe".into(), evidence: evidence() }],
        revenue_streams: vec!["subscription".into()],
        facts: FileFacts {
            readme: evidence(),
            file_count: 7,
            unread: vec![b"a\xffb".as_slice().into()],
            ..FileFacts::default()
        },
    }
}
