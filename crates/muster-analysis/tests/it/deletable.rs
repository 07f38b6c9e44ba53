//! May it be deleted: what a wrong "yes" would lose is named, and the unknown stays unknown.

use muster_analysis::{CheckoutKind, deletable};
use muster_model::{
    UnknownReason,
    git_state::{BranchReport, GitState, Head, Operation, UnpushedBranch, WorkTreeCounts},
};

fn clean() -> GitState {
    GitState {
        head: Head::Branch("main".into()),
        head_id: Some("0".repeat(40)),
        upstream: None,
        work_tree: Ok(WorkTreeCounts::default()),
        stashes: 0,
        operation: None,
        last_commit: None,
        is_shallow: false,
        unseen: Vec::new(),
    }
}

fn pushed() -> BranchReport {
    BranchReport { local_branches: 1, has_remote: true, ..BranchReport::default() }
}

fn check(state: &GitState, branches: Option<&BranchReport>, kind: CheckoutKind) -> (Option<bool>, String) {
    match deletable(state, branches, kind) {
        Some(answer) => (Some(answer.value), answer.reason),
        None => (None, String::new()),
    }
}

#[test]
fn a_pushed_clean_clone_may_go() {
    let (value, reason) = check(&clean(), Some(&pushed()), CheckoutKind::Clone);
    assert_eq!(value, Some(true));
    insta::assert_snapshot!(reason, @"nothing uncommitted or stashed, and every commit is on a remote; ignored files were not looked at");
}

#[test]
fn everything_that_would_be_lost_is_named() {
    let state = GitState {
        work_tree: Ok(WorkTreeCounts {
            staged: 1,
            modified: 3,
            untracked: 2,
            conflicted: 0,
            filtered_unknown: 4,
        }),
        stashes: 1,
        operation: Some(Operation::Rebase),
        ..clean()
    };
    let report = BranchReport {
        unpushed: vec![UnpushedBranch { name: "feature".into(), commits: 2, is_head: false }],
        detached_commits: 1,
        ..pushed()
    };
    let (value, reason) = check(&state, Some(&report), CheckoutKind::Clone);
    assert_eq!(value, Some(false));
    insta::assert_snapshot!(reason, @"1 staged file, 3 modified files, 2 untracked files, a rebase in progress, 1 stash, 2 unpushed commits on feature and 1 commit on a detached HEAD would be lost");
}

#[test]
fn the_unknown_is_neither_yes_nor_no() {
    let unread = GitState { work_tree: Err(UnknownReason::RepositoryError), ..clean() };
    assert_eq!(check(&unread, Some(&pushed()), CheckoutKind::Clone).0, None);
    assert_eq!(check(&clean(), None, CheckoutKind::Clone).0, None);
    // A stash alone is reason enough to keep it, whatever the branches say.
    let stashed = GitState { stashes: 2, ..clean() };
    assert_eq!(check(&stashed, None, CheckoutKind::Clone), (Some(false), "2 stashes would be lost".into()));
}

#[test]
fn a_filter_that_was_not_run_means_no() {
    let state = GitState {
        work_tree: Ok(WorkTreeCounts { filtered_unknown: 1, ..WorkTreeCounts::default() }),
        ..clean()
    };
    for kind in [CheckoutKind::Clone, CheckoutKind::LinkedWorktree] {
        let (value, reason) = check(&state, Some(&pushed()), kind);
        assert_eq!(value, Some(false));
        assert!(reason.starts_with("1 file under a filter"), "{reason}");
    }
}

#[test]
fn without_a_remote_every_branch_would_be_lost() {
    let report = BranchReport { local_branches: 3, has_remote: false, ..BranchReport::default() };
    let (value, reason) = check(&clean(), Some(&report), CheckoutKind::Clone);
    assert_eq!((value, reason.as_str()), (Some(false), "3 branches without any remote would be lost"));
    let empty = BranchReport::default();
    assert_eq!(check(&clean(), Some(&empty), CheckoutKind::Clone).0, Some(true));
}

#[test]
fn a_bare_repository_is_judged_by_its_branches() {
    let bare = GitState { work_tree: Err(UnknownReason::Bare), ..clean() };
    assert_eq!(check(&bare, Some(&pushed()), CheckoutKind::Clone).0, Some(true));
}

#[test]
fn a_linked_worktree_keeps_its_branches_elsewhere() {
    let state = GitState { stashes: 5, ..clean() };
    let report = BranchReport {
        unpushed: vec![UnpushedBranch { name: "main".into(), commits: 9, is_head: true }],
        ..pushed()
    };
    assert_eq!(check(&state, Some(&report), CheckoutKind::LinkedWorktree).0, Some(true));
    assert_eq!(check(&state, None, CheckoutKind::LinkedWorktree).0, Some(true));

    let detached = GitState { head: Head::Detached, ..clean() };
    assert_eq!(check(&detached, None, CheckoutKind::LinkedWorktree).0, None);
    let report = BranchReport { detached_commits: 2, ..pushed() };
    let (value, reason) = check(&detached, Some(&report), CheckoutKind::LinkedWorktree);
    assert_eq!((value, reason.as_str()), (Some(false), "2 commits on a detached HEAD would be lost"));
}
