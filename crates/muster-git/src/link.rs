//! What kind of checkout a folder is and where its data lies: a main work tree with a `.git` folder, a linked
//! worktree or submodule with a `.git` file, or a bare repository. A `.git` file that leads out of the roots is
//! followed only if the other end points back, which nobody but the owner of that repository can arrange.

use std::path::{Path, PathBuf};

use muster_model::{ErrorCode, RepoError};

use crate::{boundary::Boundary, guard};

/// The kinds of checkouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckoutKind {
    /// A work tree with its own repository.
    Main,
    /// A worktree added by `git worktree add`.
    Linked,
    /// A submodule whose repository lies in its superproject's.
    Submodule,
    /// A repository without a work tree.
    Bare,
}

/// A checkout and where its data lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Checkout {
    /// The work tree, or the git directory of a bare repository.
    pub path: PathBuf,
    /// Where HEAD and the index are.
    pub git_dir: PathBuf,
    /// Where objects, branches and configuration are; shared by linked worktrees.
    pub common_dir: PathBuf,
    /// What it is.
    pub kind: CheckoutKind,
}

impl Checkout {
    /// The bare repository at `path`.
    pub(crate) fn bare(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            git_dir: path.to_owned(),
            common_dir: path.to_owned(),
            kind: CheckoutKind::Bare,
        }
    }

    /// The checkout at `path`: a work tree with an entry `.git`, or a bare repository.
    pub fn at(path: &Path, boundary: &Boundary) -> Result<Self, RepoError> {
        if path.join(".git").symlink_metadata().is_err() && path.join("HEAD").is_file() {
            refuse_common_dir(path)?;
            return Ok(Self::bare(path));
        }
        Self::with_dot_git(path, boundary)
    }

    /// The checkout whose work tree is `path`, which has an entry `.git`.
    pub(crate) fn with_dot_git(path: &Path, boundary: &Boundary) -> Result<Self, RepoError> {
        let dot_git = path.join(".git");
        let meta = dot_git
            .symlink_metadata()
            .map_err(|error| crate::error::from_io(&dot_git, "cannot look at", &error))?;
        if meta.is_dir() {
            refuse_common_dir(&dot_git)?;
            let common_dir = dot_git.clone();
            return Ok(Self {
                path: path.to_owned(),
                git_dir: dot_git,
                common_dir,
                kind: CheckoutKind::Main,
            });
        }
        if meta.is_symlink() {
            return Self::with_symlink(path, &dot_git, boundary);
        }
        Self::with_dot_git_file(path, &dot_git, boundary)
    }

    fn with_symlink(path: &Path, dot_git: &Path, boundary: &Boundary) -> Result<Self, RepoError> {
        let target = dot_git.canonicalize().map_err(|_| {
            RepoError::new(
                ErrorCode::BrokenLink,
                format!("{} is a symbolic link to a folder that does not exist", dot_git.display()),
            )
        })?;
        if !boundary.contains(&target) {
            return Err(outside(dot_git, &target));
        }
        if !target.is_dir() {
            return Self::with_dot_git_file(path, dot_git, boundary);
        }
        refuse_common_dir(&target)?;
        let common_dir = target.clone();
        Ok(Self { path: path.to_owned(), git_dir: target, common_dir, kind: CheckoutKind::Main })
    }

    fn with_dot_git_file(path: &Path, dot_git: &Path, boundary: &Boundary) -> Result<Self, RepoError> {
        let named = guard::read_path_file(dot_git, b"gitdir: ")?
            .ok_or_else(|| RepoError::new(ErrorCode::Vanished, format!("{} is gone", dot_git.display())))?;
        let git_dir = path.join(&named).canonicalize().map_err(|_| {
            RepoError::new(
                ErrorCode::BrokenLink,
                format!("{} points to {}, which does not exist", dot_git.display(), named.display()),
            )
        })?;
        let back_link = guard::read_path_file(&git_dir.join("gitdir"), b"")?;
        let common_dir = common_dir_of(&git_dir)?;
        let is_of_another = git_dir.file_name().is_some_and(|name| name == ".git") && back_link.is_none();
        if is_of_another && git_dir.parent() != path.canonicalize().ok().as_deref() {
            let message = format!(
                "{} points to {}, which is the repository of another checkout",
                dot_git.display(),
                git_dir.display()
            );
            return Err(RepoError::new(ErrorCode::BrokenLink, message));
        }
        let kind = match () {
            () if common_dir != git_dir => CheckoutKind::Linked,
            () if git_dir.components().any(|part| part.as_os_str() == "modules") => CheckoutKind::Submodule,
            () => CheckoutKind::Main,
        };
        if !boundary.contains(&git_dir) || !boundary.contains(&common_dir) {
            let points_back = back_link.is_some_and(|back| {
                let back = git_dir.join(back);
                back.canonicalize().ok() == dot_git.canonicalize().ok()
            });
            if !points_back {
                return Err(outside(dot_git, &git_dir));
            }
        }
        Ok(Self { path: path.to_owned(), git_dir, common_dir, kind })
    }

    /// The superproject's git directory, if this is a submodule whose repository lies inside it.
    pub fn superproject_git_dir(&self) -> Option<PathBuf> {
        if self.kind != CheckoutKind::Submodule {
            return None;
        }
        let mut ancestors = self.git_dir.ancestors();
        ancestors
            .find(|dir| dir.file_name().is_some_and(|name| name == "modules"))?
            .parent()
            .map(Path::to_owned)
    }
}

/// The checkout that encloses `path`, looking upwards from it; used when a folder inside a checkout is scanned.
pub fn enclosing_checkout(path: &Path) -> Option<PathBuf> {
    path.ancestors().skip(1).find(|dir| dir.join(".git").symlink_metadata().is_ok()).map(Path::to_owned)
}

/// Only the git directory of a linked worktree names a common directory; anywhere else it would make one repository
/// pass for another.
fn refuse_common_dir(git_dir: &Path) -> Result<(), RepoError> {
    let path = git_dir.join("commondir");
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let message = format!("{} is there, though this is no linked worktree", path.display());
    Err(RepoError::new(ErrorCode::Hostile, message))
}

/// Resolves `commondir`, which linked worktrees have and nobody else.
fn common_dir_of(git_dir: &Path) -> Result<PathBuf, RepoError> {
    let Some(named) = guard::read_path_file(&git_dir.join("commondir"), b"")? else {
        return Ok(git_dir.to_owned());
    };
    git_dir.join(&named).canonicalize().map_err(|_| {
        RepoError::new(
            ErrorCode::BrokenLink,
            format!(
                "{} names {}, which does not exist",
                git_dir.join("commondir").display(),
                named.display()
            ),
        )
    })
}

fn outside(link: &Path, target: &Path) -> RepoError {
    RepoError::new(
        ErrorCode::OutsideRoots,
        format!(
            "{} leads to {}, outside the roots, and nothing there points back",
            link.display(),
            target.display()
        ),
    )
}
