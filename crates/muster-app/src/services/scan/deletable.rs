//! May a project's folder go? The checkout itself is judged by muster-analysis; here its submodules, its linked
//! worktrees and the projects inside its folder have their say, because all of them go with it. A wrong "yes" costs
//! work, so whatever was not looked at means "no", with the reason.

use std::{
    collections::BTreeSet,
    ops::Bound,
    path::{Path, PathBuf},
};

use muster_analysis::CheckoutKind;
use muster_model::{
    ErrorCode,
    git_state::Deletable,
    project::{Project, Submodule},
};

use super::group::real;

/// Code of the warning about a record of a linked worktree that cannot be read.
pub(super) const WORKTREE_RECORD: &str = "worktree_record";

/// The verdict on a project that was just read.
pub(super) fn of(project: &Project, is_linked_worktree: bool) -> Option<Deletable> {
    let state = project.git.as_ref()?;
    let kind = if is_linked_worktree { CheckoutKind::LinkedWorktree } else { CheckoutKind::Clone };
    let verdict = muster_analysis::deletable(state, project.branches.as_ref(), kind)?;
    let mut reasons = Vec::new();
    if !verdict.value {
        reasons.push(verdict.reason.clone());
    }
    reasons.extend(project.submodules.iter().filter_map(of_submodule));
    if !is_linked_worktree {
        // The record of a worktree whose folder is gone keeps nothing.
        let depending: Vec<_> = project
            .worktrees
            .iter()
            .filter(|worktree| !matches!(&worktree.state, Err(error) if error.code == ErrorCode::BrokenLink))
            .map(|worktree| worktree.path.display().to_string())
            .collect();
        if project.warnings.iter().any(|warning| warning.code == WORKTREE_RECORD) {
            reasons.push("nobody could look at the records of its linked worktrees".to_owned());
        }
        if !depending.is_empty() {
            reasons.push(format!("linked worktrees depend on it: {}", depending.join(", ")));
        }
    }
    if reasons.is_empty() {
        Some(verdict)
    } else {
        Some(Deletable { value: false, reason: reasons.join("; ") })
    }
}

/// What would be lost with a submodule, if anything.
fn of_submodule(submodule: &Submodule) -> Option<String> {
    let path = &submodule.path;
    match submodule.state.as_ref()? {
        Err(error) => Some(format!("submodule {path} could not be read: {}", error.message)),
        Ok(state) => {
            match muster_analysis::deletable(state, submodule.branches.as_ref(), CheckoutKind::Clone) {
                Some(verdict) if verdict.value => None,
                Some(verdict) => Some(format!("submodule {path}: {}", verdict.reason)),
                None => Some(format!("nobody looked at submodule {path}")),
            }
        }
    }
}

/// What other projects need to stay where it is.
#[derive(Debug, Default)]
pub(crate) struct Others {
    /// Every project, sorted.
    paths: BTreeSet<PathBuf>,
    /// Who borrows, and the folders of objects.
    borrowers: Vec<(PathBuf, Vec<PathBuf>)>,
}

impl Others {
    /// From every project its path and whose objects it borrows.
    pub(crate) fn new<'a>(projects: impl Iterator<Item = (&'a Path, &'a [PathBuf])>) -> Self {
        let mut others = Self::default();
        for (path, borrows_from) in projects {
            others.paths.insert(path.to_owned());
            if !borrows_from.is_empty() {
                others.borrowers.push((path.to_owned(), borrows_from.to_vec()));
            }
        }
        others
    }

    /// The verdict on the project at `path`, given that a folder that holds another project, or objects that another one
    /// borrows, cannot go without it.
    pub(crate) fn verdict(&self, path: &Path, own: Option<&Deletable>) -> Option<Deletable> {
        let mut verdict = own?.clone();
        // Sorted, what lies inside a folder comes right after it.
        let after = (Bound::Excluded(path), Bound::Unbounded);
        let inside = self.paths.range::<Path, _>(after).next().filter(|next| next.starts_with(path));
        let borrower = self.borrowers.iter().find(|(other, borrows)| {
            other != path && {
                let real = real(path);
                borrows.iter().any(|objects| objects.starts_with(&real))
            }
        });
        let reasons = [
            inside.map(|path| format!("it holds another repository: {}", path.display())),
            borrower.map(|(path, _)| format!("{} borrows its objects", path.display())),
        ];
        for reason in reasons.into_iter().flatten() {
            let reason = if verdict.value { reason } else { format!("{}; {reason}", verdict.reason) };
            verdict = Deletable { value: false, reason };
        }
        Some(verdict)
    }
}
