//! The plan of an action: what was looked at, what would be done, and until when that may be believed. Kept in the store
//! between being shown and being carried out.

use std::path::{Path, PathBuf};

use muster_git::act::{self, ActError, ChangedFile, PushTarget, Standing};
use muster_model::{PlanId, Timestamp, project::Project, redact::without_passwords, word::path_text};
use serde::{Deserialize, Serialize};

use crate::{
    error::AppError,
    services::doable::{ActionId, ActionKind},
};

/// What would be done, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Which plan; taken once.
    pub id: PlanId,
    /// `commit:repo_…`.
    pub action: String,
    /// The project's name.
    pub project: String,
    /// Its folder.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// The commands, for people.
    pub steps: Vec<String>,
    /// After this it is not carried out any more.
    pub expires_at: Timestamp,
    /// What is looked at again before it is carried out.
    pub basis: Basis,
}

/// What must be the same when it is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// Id of HEAD's commit; `None` before the first one.
    pub head: Option<String>,
    /// The branch; `None` without version control.
    pub branch: Option<String>,
    /// Of the bytes of the index file.
    pub index_checksum: Option<String>,
    /// The files that a commit would hold.
    pub files: Vec<PlannedFile>,
    /// The message of the commit.
    pub message: Option<String>,
    /// The remote and the full name of its branch.
    pub target: Option<(String, String)>,
}

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFile {
    /// From the top of the work tree.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// The two letters of `git status`: index, work tree.
    pub state: String,
    /// Bytes; `None` if it is deleted.
    pub size: Option<u64>,
    /// Seconds and nanoseconds since 1970; `None` if it is deleted.
    modified: Option<(i64, u32)>,
}

impl From<ChangedFile> for PlannedFile {
    fn from(file: ChangedFile) -> Self {
        const SECOND: i128 = 1_000_000_000;
        let modified = file.modified.map(|nanoseconds| {
            let seconds = i64::try_from(nanoseconds.div_euclid(SECOND)).unwrap_or(i64::MAX);
            (seconds, u32::try_from(nanoseconds.rem_euclid(SECOND)).unwrap_or_default())
        });
        Self { path: file.path, state: file.state, size: file.size, modified }
    }
}

/// Looks at the repository for this kind of action. Runs git there.
pub(super) fn look(kind: ActionKind, project: &Project, message: Option<String>) -> Result<Basis, AppError> {
    let path = &project.path;
    if kind == ActionKind::Init {
        if path.join(".git").symlink_metadata().is_ok() {
            return Err(conflict("the folder is under version control already"));
        }
        let (files, target) = (Vec::new(), None);
        return Ok(Basis { head: None, branch: None, index_checksum: None, files, message: None, target });
    }
    let Standing { head, branch, index_checksum } = act::standing(path).map_err(|error| of_git(&error))?;
    let Some(branch) = branch else { return Err(conflict("HEAD is on no branch; check one out first")) };
    let mut basis = Basis {
        head,
        branch: Some(branch.clone()),
        index_checksum,
        files: Vec::new(),
        message: None,
        target: None,
    };
    if kind == ActionKind::Commit {
        basis.message =
            Some(message.ok_or(AppError::Invalid {
                field: "message",
                message: "a commit needs a message".to_owned(),
            })?);
        let files = act::changed_files(path).map_err(|error| of_git(&error))?;
        basis.files = files.into_iter().map(PlannedFile::from).collect();
        if basis.files.is_empty() {
            return Err(conflict("no tracked file is changed, so there is nothing to commit"));
        }
    } else {
        if basis.head.is_none() {
            return Err(conflict("there is no commit yet, so there is nothing to push"));
        }
        let remote = project.push_remote.as_deref();
        let remote = remote.ok_or_else(|| conflict("there is no remote to push to"))?;
        let target = act::push_target(path, remote, &branch).map_err(|error| of_git(&error))?;
        basis.target = Some((target.remote, target.reference));
    }
    Ok(basis)
}

impl Basis {
    /// The commands, for people.
    pub(super) fn steps(&self, kind: ActionKind) -> Vec<String> {
        match kind {
            ActionKind::Init => vec!["git init".to_owned()],
            ActionKind::Commit => {
                let files: Vec<_> = self.files.iter().map(|file| file.path.to_string_lossy()).collect();
                let message = self.message.as_deref().unwrap_or_default();
                vec![format!("git commit --only --message {message:?} -- {}", files.join(" "))]
            }
            ActionKind::Push => match (self.target(), &self.head) {
                (Some(target), Some(head)) => vec![target.command(head)],
                _ => Vec::new(),
            },
        }
    }

    fn target(&self) -> Option<PushTarget> {
        let (remote, reference) = self.target.clone()?;
        Some(PushTarget { remote, reference })
    }

    /// What moved between `self` and a later look; `None` if nothing did.
    pub(super) fn moved(&self, now: &Self) -> Option<&'static str> {
        let differences = [
            (self.head != now.head, "HEAD is at another commit"),
            (self.branch != now.branch, "another branch is checked out"),
            (self.files != now.files, "the changed files are others"),
            (self.index_checksum != now.index_checksum, "the index is another"),
            (self.target != now.target, "the branch is pushed elsewhere"),
        ];
        differences.into_iter().find_map(|(is_different, what)| is_different.then_some(what))
    }

    /// Does it.
    pub(super) fn carry_out(&self, kind: ActionKind, path: &Path) -> Result<(), AppError> {
        let done = match kind {
            ActionKind::Init => act::init(path),
            ActionKind::Commit => {
                let files: Vec<_> = self.files.iter().map(|file| file.path.clone()).collect();
                act::commit(path, self.message.as_deref().unwrap_or_default(), &files)
            }
            ActionKind::Push => match (self.target(), &self.head) {
                (Some(target), Some(head)) => act::push(path, &target, head),
                _ => return Err(conflict("the plan names no remote")),
            },
        };
        done.map_err(|error| of_git(&error))
    }
}

/// The id of a plan's action.
pub(super) fn action_of(plan: &Plan) -> Result<ActionId, AppError> {
    plan.action
        .parse()
        .map_err(|_| AppError::Internal { message: format!("plan {} has a damaged action", plan.id) })
}

pub(super) fn conflict(message: impl Into<String>) -> AppError {
    AppError::Conflict { message: message.into() }
}

fn of_git(error: &ActError) -> AppError {
    match error {
        ActError::NotStarted(_) | ActError::TimedOut { .. } => {
            AppError::Unavailable { what: "git", reason: error.to_string() }
        }
        ActError::Failed { .. } | ActError::NotFastForward | ActError::Unusable(_) => {
            conflict(without_passwords(&error.to_string()))
        }
    }
}
