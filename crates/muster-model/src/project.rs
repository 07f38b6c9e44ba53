//! A project: one row of the portfolio. Either a repository, with its worktrees and submodules inside it, or a folder
//! with a manifest outside any repository.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    RemoteUrl, RepoError,
    analysis::{Analysis, ProjectMeta},
    error::Warning,
    git_state::{BranchReport, Deletable, GitState, TrackedHead},
    recommendation::Recommendation,
    relation::Relation,
    unknown::Unknown,
    word::path_text,
};

/// What stands behind a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectKind {
    /// A repository with a work tree.
    Repository,
    /// A bare repository.
    Bare,
    /// A folder with a project manifest, outside any repository.
    Folder,
}

/// A linked worktree of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worktree {
    /// Its folder, as recorded by git.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// Its state, or why it was not read.
    pub state: Result<GitState, RepoError>,
    /// May its folder be deleted.
    pub deletable: Option<Deletable>,
    /// `git worktree lock` was used on it.
    pub is_locked: bool,
}

/// A submodule of a project, at the commit its superproject names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submodule {
    /// Path inside the superproject, lossy UTF-8.
    pub path: String,
    /// The commit that the superproject's index names.
    pub expected_id: String,
    /// Its state; `None` if it is not checked out.
    pub state: Option<Result<GitState, RepoError>>,
    /// What its branches say; `None` unless asked for.
    pub branches: Option<BranchReport>,
}

/// Everything known of one row of the portfolio.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Project {
    /// Folder name; when ambiguous the shortest unique path suffix.
    pub name: String,
    /// Absolute path of the folder (of the git directory for a bare repository).
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// What stands behind the row.
    pub kind: ProjectKind,
    /// Whose it is.
    pub relation: Relation,
    /// What kept it from being read, if anything.
    pub error: Option<RepoError>,
    /// Things worth telling that did not stop the reading.
    pub warnings: Vec<Warning>,
    /// State of the main checkout; `None` for a folder or on error.
    pub git: Option<GitState>,
    /// What the branches say; `None` unless asked for.
    pub branches: Option<BranchReport>,
    /// The remote that counts: the upstream's, else `origin`, else the only one. Without credentials.
    pub remote: Option<RemoteUrl>,
    /// The branches of that remote that are followed here; `None` if there are none or nobody asked. Not kept: compared when
    /// it is read.
    #[serde(skip)]
    pub tracked: Option<Vec<TrackedHead>>,
    /// One of them is elsewhere at the remote now; `None` if that is not known.
    #[serde(default)]
    pub remote_moved: Option<bool>,
    /// The remote to push to: that of the current branch, else origin, else the only one.
    pub push_remote: Option<String>,
    /// When a remote was last asked.
    pub fetched_at: Option<Timestamp>,
    /// May the folder be deleted.
    pub deletable: Option<Deletable>,
    /// Linked worktrees.
    pub worktrees: Vec<Worktree>,
    /// Submodules.
    pub submodules: Vec<Submodule>,
    /// Object folders of other repositories that this one needs.
    #[serde(with = "path_text::list")]
    pub borrows_from: Vec<PathBuf>,
    /// Type, stack, readiness, health; `None` unless asked for.
    pub analysis: Option<Analysis>,
    /// `PROJECT_META.json`, if there is a valid one.
    pub meta: Option<ProjectMeta>,
    /// What to do, most urgent first.
    pub recommendations: Vec<Recommendation>,
    /// Fields without a value and why.
    pub unknown: Unknown,
    /// When it was read.
    pub checked_at: Timestamp,
}
