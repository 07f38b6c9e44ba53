//! What git knows of one checkout: the numbers of `git status --porcelain=v2 --branch --show-stash` and what lies
//! around them (operation in progress, last commit, unpushed branches, may it be deleted).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{unknown::UnknownReason, word::Word};

/// Where HEAD points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// On a branch that has commits; the short name.
    Branch(String),
    /// On a branch without a commit yet; the short name.
    Unborn(String),
    /// On a commit, not on a branch.
    Detached,
}

impl Head {
    /// The branch's short name, if HEAD is on one.
    pub fn branch(&self) -> Option<&str> {
        match self {
            Self::Branch(name) | Self::Unborn(name) => Some(name),
            Self::Detached => None,
        }
    }
}

/// The branch that the current branch follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// Short name as git prints it, such as `origin/main`.
    pub name: String,
    /// Commits only here and only there; `None` if the upstream does not exist (any more) or HEAD has no commit.
    pub divergence: Option<Divergence>,
}

/// How far two branches are apart, in commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Divergence {
    /// Commits of ours that the other side lacks.
    pub ahead: u32,
    /// Commits of the other side that we lack.
    pub behind: u32,
}

/// Counts of changed paths, as `git status --porcelain=v2` defines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WorkTreeCounts {
    /// Entries with X ≠ '.'.
    pub staged: u32,
    /// Entries with Y ≠ '.'; a path may be staged and modified.
    pub modified: u32,
    /// `?` lines: untracked files, or folders that hold nothing tracked.
    pub untracked: u32,
    /// `u` lines: unmerged paths.
    pub conflicted: u32,
    /// Files whose stat changed but whose filter driver was not run, so that nobody can say.
    pub filtered_unknown: u32,
}

impl WorkTreeCounts {
    /// Nothing staged, modified, untracked, conflicted or undecided.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// Tracked files that differ, or may differ, from the last commit.
    pub fn has_changes(&self) -> bool {
        self.staged + self.modified + self.conflicted + self.filtered_unknown > 0
    }
}

/// An operation that was begun and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `git rebase`.
    Rebase,
    /// `git am`.
    ApplyMailbox,
    /// `git merge`.
    Merge,
    /// `git cherry-pick`.
    CherryPick,
    /// `git revert`.
    Revert,
    /// `git bisect`.
    Bisect,
}

impl Operation {
    /// The word used in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rebase => "rebase",
            Self::ApplyMailbox => "am",
            Self::Merge => "merge",
            Self::CherryPick => "cherry-pick",
            Self::Revert => "revert",
            Self::Bisect => "bisect",
        }
    }
}

/// The commit at HEAD.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastCommit {
    /// Full object id, hexadecimal.
    pub id: String,
    /// First paragraph of the message on one line, lossy UTF-8.
    pub subject: String,
    /// Author's name, lossy UTF-8.
    pub author: String,
    /// Author's e-mail address, lossy UTF-8.
    pub author_email: String,
    /// Committer time.
    pub committed_at: Timestamp,
}

/// State of one checkout (main work tree, linked worktree, submodule or bare repository).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitState {
    /// Where HEAD points.
    pub head: Head,
    /// Full object id of HEAD; `None` before the first commit.
    pub head_id: Option<String>,
    /// The followed branch, if one is configured.
    pub upstream: Option<Upstream>,
    /// Counts over the work tree; the reason when there are none.
    pub work_tree: Result<WorkTreeCounts, UnknownReason>,
    /// Entries of the stash. Shared by all worktrees of a repository.
    pub stashes: u32,
    /// What was begun and not ended.
    pub operation: Option<Operation>,
    /// The commit at HEAD; `None` before the first commit.
    pub last_commit: Option<LastCommit>,
    /// The clone's history ends early.
    pub is_shallow: bool,
    /// Places where work could be that nobody looked at, in words; empty means that all was seen.
    pub unseen: Vec<Word>,
}

/// A branch with commits that no remote has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnpushedBranch {
    /// Short name.
    pub name: String,
    /// Commits on it that no remote-tracking branch contains.
    pub commits: u32,
    /// It is checked out in the main work tree.
    pub is_head: bool,
}

/// A branch of a remote as this repository knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedHead {
    /// Its short name at the remote.
    pub branch: String,
    /// Full id of the commit on which it was last seen.
    pub id: String,
    /// When that was last written here: by a fetch, a push, a clone, or when references were packed.
    pub changed_at: Timestamp,
}

/// What the branches of a repository say about remotes. Read only when more than the state is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BranchReport {
    /// All local branches, by number.
    pub local_branches: u32,
    /// Branches with commits that no remote has.
    pub unpushed: Vec<UnpushedBranch>,
    /// Branches that no remote has under their name, without an existing upstream.
    pub local_only: Vec<String>,
    /// Commits reachable only from a detached HEAD: on no branch, here or at a remote.
    pub detached_commits: u32,
    /// The person's own commits reachable only from tags or other references: on no branch, here or at a remote.
    pub commits_on_tags_only: u32,
    /// References that are damaged or name a commit that is not there.
    pub broken_refs: u32,
    /// There is at least one remote.
    pub has_remote: bool,
}

/// Whether a checkout may be deleted without losing work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletable {
    /// Everything in it exists elsewhere.
    pub value: bool,
    /// Why, or what would be lost, in words.
    pub reason: String,
}
