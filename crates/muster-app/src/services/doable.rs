//! What can be done now about what is recommended: init, commit, push. Pure: from what is stored of the projects. That it
//! is listed does not mean that it is permitted, nor that it will go well.

use std::{fmt, path::PathBuf, str::FromStr};

use muster_model::{
    RepoId,
    git_state::Head,
    project::{Project, ProjectKind},
};
use serde::{Deserialize, Serialize};

/// The kinds of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Put a folder under version control.
    Init,
    /// Commit the changed tracked files.
    Commit,
    /// Push the current branch.
    Push,
}

impl ActionKind {
    /// All of them, in the order in which one would do them.
    pub const ALL: [Self; 3] = [Self::Init, Self::Commit, Self::Push];

    /// The word used in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Commit => "commit",
            Self::Push => "push",
        }
    }

    /// The kind of that word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The rule whose recommendation it obeys.
    fn rule(self) -> &'static str {
        match self {
            Self::Init => "no-version-control",
            Self::Commit => "uncommitted-changes",
            Self::Push => "unpushed-commits",
        }
    }
}

/// One kind of action on one project; its text is `commit:repo_…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId {
    /// What is done.
    pub kind: ActionKind,
    /// Where.
    pub project: RepoId,
}

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.project)
    }
}

/// A text that is no id of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no id of an action, such as commit:repo_…")]
pub struct ActionIdError;

impl FromStr for ActionId {
    type Err = ActionIdError;

    fn from_str(text: &str) -> Result<Self, ActionIdError> {
        let (kind, project) = text.split_once(':').ok_or(ActionIdError)?;
        let kind = ActionKind::of_word(kind).ok_or(ActionIdError)?;
        Ok(Self { kind, project: project.parse().map_err(|_| ActionIdError)? })
    }
}

/// Something that can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doable {
    /// What and where.
    pub id: ActionId,
    /// The project's name.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// Why: the recommendation's own sentence.
    pub why: String,
}

/// What can be done about one project.
pub fn of(id: RepoId, project: &Project) -> Vec<Doable> {
    let doable = |kind: ActionKind| {
        let recommendation = project.recommendations.iter().find(|one| one.rule == kind.rule())?;
        is_possible(kind, project).then(|| Doable {
            id: ActionId { kind, project: id },
            name: project.name.clone(),
            path: project.path.clone(),
            why: recommendation.action.clone(),
        })
    };
    ActionKind::ALL.into_iter().filter_map(doable).collect()
}

fn is_possible(kind: ActionKind, project: &Project) -> bool {
    if kind == ActionKind::Init {
        return project.kind == ProjectKind::Folder;
    }
    let Some(git) = &project.git else { return false };
    let Head::Branch(branch) = &git.head else { return false };
    match kind {
        ActionKind::Init => false,
        ActionKind::Commit => {
            let counts = git.work_tree.as_ref().ok();
            let has_files = counts.is_some_and(|counts| {
                counts.conflicted == 0 && counts.staged + counts.modified + counts.filtered_unknown > 0
            });
            has_files && git.operation.is_none()
        }
        ActionKind::Push => {
            let branches = project.branches.as_ref();
            let is_unpushed = branches
                .is_some_and(|report| report.unpushed.iter().any(|unpushed| unpushed.name == *branch));
            is_unpushed && project.push_remote.is_some()
        }
    }
}
