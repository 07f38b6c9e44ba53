//! May a checkout be deleted without losing work? A decision over the state that git reported, in words a person can
//! check. Knows nothing of the disk; what was not measured makes the answer unknown, because a wrong "yes" costs work.

use muster_model::{
    UnknownReason,
    git_state::{BranchReport, Deletable, GitState, Head},
};

use crate::text::{count, join_and};

/// What kind of checkout is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckoutKind {
    /// A repository of its own, with or without a work tree: its branches and its stash go with it.
    Clone,
    /// A linked worktree: its branches and the stash live on in the main repository.
    LinkedWorktree,
}

/// Whether the checkout may go, and why; `None` if something that decides it is unknown.
///
/// `branches` is the report of the same repository. For a linked worktree only `detached_commits` of it counts, and
/// only while its HEAD is detached.
pub fn deletable(state: &GitState, branches: Option<&BranchReport>, kind: CheckoutKind) -> Option<Deletable> {
    let mut losses = work_tree_losses(state)?;
    if let Some(operation) = state.operation {
        losses.push(format!("a {} in progress", operation.as_str()));
    }
    let undecided = state.work_tree.as_ref().map_or(0, |counts| counts.filtered_unknown);
    match kind {
        CheckoutKind::Clone => {
            if state.stashes > 0 {
                losses.push(count(state.stashes, "stash", "stashes"));
            }
            match branches {
                Some(report) => losses.extend(branch_losses(report)),
                // What is lost for certain is answer enough; without it, branches decide.
                None if losses.is_empty() => return None,
                None => {}
            }
        }
        CheckoutKind::LinkedWorktree => {
            if state.head == Head::Detached {
                match branches {
                    Some(report) if report.detached_commits > 0 => {
                        losses.push(detached(report.detached_commits));
                    }
                    None if losses.is_empty() => return None,
                    Some(_) | None => {}
                }
            }
        }
    }
    if !losses.is_empty() {
        return Some(Deletable { value: false, reason: format!("{} would be lost", join_and(&losses)) });
    }
    if undecided > 0 {
        let files = count(undecided, "file", "files");
        let reason =
            format!("{files} under a filter may have changed; nobody can say without running the filter");
        return Some(Deletable { value: false, reason });
    }
    if !state.unseen.is_empty() {
        let reason = format!("nobody looked at {}", join_and(&state.unseen));
        return Some(Deletable { value: false, reason });
    }
    let reason = match kind {
        CheckoutKind::Clone => {
            "nothing uncommitted or stashed, and every commit is on a remote; ignored files were not looked at"
        }
        CheckoutKind::LinkedWorktree => {
            "nothing uncommitted, and its commits stay in the main repository; ignored files were not looked at"
        }
    };
    Some(Deletable { value: true, reason: reason.to_owned() })
}

fn work_tree_losses(state: &GitState) -> Option<Vec<String>> {
    let counts = match &state.work_tree {
        Ok(counts) => *counts,
        Err(UnknownReason::Bare) => return Some(Vec::new()),
        Err(_) => return None,
    };
    let mut losses = Vec::new();
    for (number, one, many) in [
        (counts.conflicted, "conflicted file", "conflicted files"),
        (counts.staged, "staged file", "staged files"),
        (counts.modified, "modified file", "modified files"),
        (counts.untracked, "untracked file", "untracked files"),
    ] {
        if number > 0 {
            losses.push(count(number, one, many));
        }
    }
    Some(losses)
}

fn branch_losses(report: &BranchReport) -> Vec<String> {
    let mut losses = Vec::new();
    if !report.has_remote && report.local_branches > 0 {
        losses.push(format!("{} without any remote", count(report.local_branches, "branch", "branches")));
        return losses;
    }
    for branch in &report.unpushed {
        if branch.commits > 0 {
            let commits = count(branch.commits, "unpushed commit", "unpushed commits");
            losses.push(format!("{commits} on {}", branch.name));
        }
    }
    if report.detached_commits > 0 {
        losses.push(detached(report.detached_commits));
    }
    if report.commits_on_tags_only > 0 {
        let commits = count(report.commits_on_tags_only, "commit", "commits");
        losses.push(format!("{commits} that only tags or other references here hold"));
    }
    if report.broken_refs > 0 {
        losses.push(format!(
            "whatever {} held",
            count(report.broken_refs, "damaged reference", "damaged references")
        ));
    }
    losses
}

fn detached(commits: u32) -> String {
    format!("{} on a detached HEAD", count(commits, "commit", "commits"))
}
