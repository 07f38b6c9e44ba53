//! The roots, and what lies inside them. Local paths outside the roots are never read; every path that came out of a
//! repository (a `.git` file, `core.worktree`, a worktree's record) passes through here first.

use std::path::{Path, PathBuf};

/// The folders that may be read, with symbolic links resolved.
#[derive(Debug, Clone, Default)]
pub struct Boundary {
    roots: Vec<PathBuf>,
}

impl Boundary {
    /// Roots that do not exist are left out: nothing lies inside them.
    pub fn new(roots: impl IntoIterator<Item = impl AsRef<Path>>) -> Self {
        Self { roots: roots.into_iter().filter_map(|root| root.as_ref().canonicalize().ok()).collect() }
    }

    /// Whether `path`, links resolved, lies in a root. A path that does not exist lies nowhere.
    pub fn contains(&self, path: &Path) -> bool {
        path.canonicalize().is_ok_and(|real| self.roots.iter().any(|root| real.starts_with(root)))
    }
}
