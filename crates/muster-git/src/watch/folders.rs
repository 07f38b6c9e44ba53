//! Which folders tell of a change. Of a repository: where HEAD, index and operations lie, the folders of references, the
//! log of the stash, the records of linked worktrees. Of a work tree: the folders that its status was read from.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::link::Checkout;

/// Folders of references below one repository that are watched; more are left to the poll.
const MAX_REF_FOLDERS: usize = 2_000;
/// References nest as branches are named: `user/topic/part`.
const MAX_REF_DEPTH: usize = 16;

/// The folders to watch for one project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchFolders {
    /// What git writes.
    pub git: Vec<PathBuf>,
    /// What people write.
    pub work_tree: Vec<PathBuf>,
}

impl WatchFolders {
    /// Those of a repository, without its work tree.
    pub(crate) fn of_repository(checkout: &Checkout) -> Self {
        let common = &checkout.common_dir;
        let mut git = vec![checkout.git_dir.clone()];
        if checkout.common_dir != checkout.git_dir {
            git.push(common.clone());
        }
        git.extend([common.join("info"), common.join("logs/refs"), common.join("worktrees")]);
        collect_folders(&common.join("refs"), MAX_REF_DEPTH, &mut git);
        Self { git, work_tree: Vec::new() }
    }

    /// A repository that cannot be read, or what looks like one: where it would be mended, or where git is still making it.
    pub fn of_broken(path: &Path, checkout: Option<&Checkout>) -> Self {
        let mut folders = match checkout {
            Some(checkout) => Self::of_repository(checkout),
            None => Self { git: vec![path.join(".git")], work_tree: Vec::new() },
        };
        folders.work_tree.push(path.to_owned());
        folders
    }

    /// A folder without version control.
    pub fn of_folder(path: &Path) -> Self {
        Self { git: Vec::new(), work_tree: vec![path.to_owned()] }
    }

    /// Adds those of a submodule or linked worktree.
    pub fn extend(&mut self, other: Self) {
        self.git.extend(other.git);
        self.work_tree.extend(other.work_tree);
    }
}

/// `path` and the folders in it, links not followed.
fn collect_folders(path: &Path, depth: usize, folders: &mut Vec<PathBuf>) {
    if folders.len() >= MAX_REF_FOLDERS {
        return;
    }
    folders.push(path.to_owned());
    if depth == 0 {
        return;
    }
    for entry in fs::read_dir(path).into_iter().flatten().filter_map(Result::ok) {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect_folders(&entry.path(), depth - 1, folders);
        }
    }
}

/// Whether the file system of `path` tells of changes. Those that live on another machine do not tell what happens
/// there.
pub fn has_events(path: &Path) -> bool {
    // NFS, SMB, SMB2, CIFS, 9p (WSL and virtual machines), AFS, Ceph, FUSE (sshfs): linux/magic.h.
    const REMOTE: [u64; 8] =
        [0x6969, 0x517B, 0xFE53_4D42, 0xFF53_4D42, 0x0102_1997, 0x5346_414F, 0x00C3_6400, 0x6573_5546];
    rustix::fs::statfs(path)
        .is_ok_and(|stat| u64::try_from(stat.f_type).is_ok_and(|kind| !REMOTE.contains(&kind)))
}
