//! What reading one checkout brings, as plain values.

use std::path::PathBuf;

use jiff::Timestamp;
use muster_model::{
    RemoteUrl, SourceTree,
    analysis::TagFact,
    error::Warning,
    git_state::{BranchReport, GitState, TrackedHead},
    project::Submodule,
};

use crate::{history::Authors, watch::WatchFolders};

/// What reading brought.
pub struct Reading {
    /// The state.
    pub state: GitState,
    /// The remote that counts, without credentials.
    pub remote: Option<RemoteUrl>,
    /// The branches of that remote that are followed here; `None` if the configuration follows none, or nobody asked.
    pub tracked: Option<Vec<TrackedHead>>,
    /// Name of the remote to push to.
    pub push_remote: Option<String>,
    /// When a remote was last asked; `None` if there is no trace of it.
    pub fetched_at: Option<Timestamp>,
    /// Submodules, in index order.
    pub submodules: Vec<Submodule>,
    /// Folders inside the work tree in which further repositories may lie: ignored, untracked, or with a `.git`.
    pub unexplored: Vec<PathBuf>,
    /// Where changes must be watched for.
    pub watch: WatchFolders,
    /// Object folders of other repositories that this one needs.
    pub borrows_from: Vec<PathBuf>,
    /// Worth telling.
    pub warnings: Vec<Warning>,
    /// Only with `Depth::Full`.
    pub branches: Option<BranchReport>,
    /// Only with `Depth::Full`.
    pub authors: Option<Authors>,
    /// Only with `Depth::Full`.
    pub tags: Option<Vec<TagFact>>,
    /// The files, only with `Depth::Full`.
    pub tree: Option<Box<dyn SourceTree>>,
    /// Modified entries that are submodules with nothing but untracked files inside.
    pub(crate) modified_by_untracked_only: u32,
}
