//! Linked worktrees as the main repository records them. A record may outlive its folder (said, `git worktree prune`
//! clears it) or name a folder outside the roots (named, not read).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use muster_model::RepoError;

use crate::{guard, link::Checkout};

/// One record of `git worktree add`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedWorktree {
    /// The worktree's folder, as recorded.
    pub path: PathBuf,
    /// `git worktree lock` was used.
    pub is_locked: bool,
}

/// The linked worktrees of the repository of `checkout`, sorted by path; damaged records are returned beside them.
pub fn linked_worktrees(checkout: &Checkout) -> (Vec<LinkedWorktree>, Vec<RepoError>) {
    let folder = checkout.common_dir.join("worktrees");
    let (mut worktrees, mut problems) = (Vec::new(), Vec::new());
    let records = match fs::read_dir(&folder) {
        Ok(records) => records,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (worktrees, problems),
        Err(error) => {
            problems.push(crate::error::from_io(&folder, "cannot list", &error));
            return (worktrees, problems);
        }
    };
    for record in records.filter_map(Result::ok) {
        match read_record(&record.path()) {
            Ok(Some(worktree)) => worktrees.push(worktree),
            Ok(None) => {}
            Err(error) => problems.push(error),
        }
    }
    worktrees.sort_by(|a, b| a.path.cmp(&b.path));
    (worktrees, problems)
}

fn read_record(record: &Path) -> Result<Option<LinkedWorktree>, RepoError> {
    let Some(dot_git) = guard::read_path_file(&record.join("gitdir"), b"")? else { return Ok(None) };
    // Absolute, or since git 2.48 optionally relative to the record.
    let dot_git = record.join(dot_git);
    let path = match dot_git.parent() {
        Some(parent) => parent.canonicalize().unwrap_or_else(|_| parent.to_owned()),
        None => return Ok(None),
    };
    Ok(Some(LinkedWorktree { path, is_locked: record.join("locked").symlink_metadata().is_ok() }))
}
