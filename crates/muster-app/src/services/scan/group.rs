//! One project for what shares a common git directory. Linked worktrees and submodules are listed inside their
//! project; a worktree whose main folder lies outside the roots stands for the project itself.

use std::{
    collections::{BTreeMap, HashSet},
    io::ErrorKind,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use muster_git::{Boundary, Checkout, CheckoutKind, Found};
use muster_model::{ErrorCode, RepoError, project::Project};

/// What becomes one project.
#[derive(Debug, Clone)]
pub(super) enum Group {
    /// A repository: the checkout that stands for it.
    Repository(Checkout),
    /// A folder with a manifest.
    Folder(PathBuf),
    /// Something that could not even be opened.
    Problem(PathBuf, RepoError),
}

impl Group {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Repository(checkout) => &checkout.path,
            Self::Folder(path) | Self::Problem(path, _) => path,
        }
    }
}

/// What stands at a path that was a project before; `None` if nothing does.
pub(super) fn at(path: &Path, boundary: &Boundary) -> Option<Group> {
    let listing = match std::fs::read_dir(path) {
        Ok(listing) => listing,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return None,
        // It may be there all the same: no rights, no answer, out of descriptors.
        Err(error) => {
            let code = match error.kind() {
                ErrorKind::PermissionDenied => ErrorCode::PermissionDenied,
                _ => ErrorCode::TimedOut,
            };
            let message = format!("cannot list {}: {error}", path.display());
            return Some(Group::Problem(path.to_owned(), RepoError::new(code, message)));
        }
    };
    match Checkout::at(path, boundary) {
        Ok(checkout) => return Some(Group::Repository(checkout)),
        Err(error) if path.join(".git").symlink_metadata().is_ok() || error.code == ErrorCode::Hostile => {
            return Some(Group::Problem(path.to_owned(), error));
        }
        Err(_) => {}
    }
    let is_manifest = |entry: &std::fs::DirEntry| muster_analysis::is_manifest(entry.file_name().as_bytes());
    listing.filter_map(Result::ok).any(|entry| is_manifest(&entry)).then(|| Group::Folder(path.to_owned()))
}

/// What becomes of a submodule that discovery met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Submodules {
    /// Its project is not read and cannot list it, so it is left out.
    InTheirProject,
    /// It is read; if its project turns out to list it, it is dropped, else it stands for itself.
    OnTheirOwn,
}

/// Remembers what was grouped, so that a repository met again in a later round makes no second project.
#[derive(Debug, Default)]
pub(super) struct Grouping {
    common_dirs: HashSet<PathBuf>,
    /// Folders and problems, which have no repository to be known by.
    others: HashSet<PathBuf>,
}

impl Grouping {
    /// Groups what a round of discovery found, sorted by path.
    pub(super) fn add(&mut self, found: Found, submodules: Submodules) -> Vec<Group> {
        let mut by_common_dir: BTreeMap<PathBuf, Checkout> = BTreeMap::new();
        for checkout in found.checkouts {
            let key = real(&checkout.common_dir);
            match by_common_dir.get(&key) {
                _ if self.common_dirs.contains(&key) => {}
                Some(known) if rank(known) <= rank(&checkout) => {}
                _ => {
                    by_common_dir.insert(key, checkout);
                }
            }
        }
        self.common_dirs.extend(by_common_dir.keys().cloned());
        let is_inside_another = |checkout: &Checkout| {
            submodules == Submodules::InTheirProject
                && checkout
                    .superproject_git_dir()
                    .is_some_and(|super_dir| self.common_dirs.contains(&real(&super_dir)))
        };
        let mut groups: Vec<_> = by_common_dir
            .into_values()
            .filter(|checkout| !is_inside_another(checkout))
            .map(Group::Repository)
            .chain(found.folders.into_iter().map(|folder| Group::Folder(folder.path)))
            .chain(found.problems.into_iter().map(|(path, error)| Group::Problem(path, error)))
            .collect();
        groups.retain(|group| {
            matches!(group, Group::Repository(_)) || self.others.insert(group.path().to_owned())
        });
        groups.sort_by(|a, b| a.path().cmp(b.path()));
        groups
    }
}

/// The path with its links resolved; as it is if it cannot be.
pub(super) fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Which checkout stands for a repository: the one that holds it, else one with a link to it, else the bare folder, else
/// any other work tree, else the first linked worktree. A `.git` file can claim any repository; it never stands before
/// the real one.
fn rank(checkout: &Checkout) -> (u8, &Path) {
    let dot_git = checkout.path.join(".git");
    let kind = match checkout.kind {
        CheckoutKind::Main if checkout.git_dir == dot_git => 0,
        CheckoutKind::Main if dot_git.is_symlink() => 1,
        CheckoutKind::Bare => 2,
        CheckoutKind::Main | CheckoutKind::Submodule => 3,
        CheckoutKind::Linked => 4,
    };
    (kind, &checkout.path)
}

/// A submodule that its superproject lists is no project of its own.
pub(super) fn without_submodules_of_others(mut projects: Vec<Project>) -> Vec<Project> {
    let listed: HashSet<PathBuf> = projects
        .iter()
        .flat_map(|project| {
            let own = project.submodules.iter().map(|submodule| project.path.join(&submodule.path));
            let of_worktrees = project.worktrees.iter().flat_map(|worktree| {
                project.submodules.iter().map(|submodule| worktree.path.join(&submodule.path))
            });
            own.chain(of_worktrees).collect::<Vec<_>>()
        })
        .collect();
    projects.retain(|project| !listed.contains(&project.path));
    projects
}
