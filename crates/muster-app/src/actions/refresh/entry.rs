//! What the keeper remembers of one project: how it was read, and the print of what is stored of it.

use muster_model::{RepoId, Timestamp, project::Project};
use muster_store::ProjectRecord;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: RepoId,
    /// 0 until the store has given one.
    pub(super) number: i64,
    /// As it was read, before names and verdicts; `None` until it was.
    pub(super) raw: Option<Box<Project>>,
    /// What is stored.
    pub(super) stored: Option<Prints>,
    /// Its name in the portfolio.
    pub(super) name: String,
}

impl Entry {
    pub(super) fn of_record(record: &ProjectRecord) -> Self {
        Self {
            id: record.id,
            number: record.number,
            raw: Some(Box::new(record.project.clone())),
            stored: Some(Prints::of(&record.project)),
            name: record.project.name.clone(),
        }
    }

    pub(super) fn to_be_read(id: RepoId, number: i64) -> Self {
        Self { id, number, raw: None, stored: None, name: String::new() }
    }
}

/// Hashes of the parts of a project, so that a change says what changed and no change writes nothing. The time of the
/// look is no part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prints {
    name: u128,
    git: u128,
    analysis: u128,
    recommendations: u128,
}

impl Prints {
    pub(super) fn of(project: &Project) -> Self {
        let Project {
            name,
            path,
            kind,
            relation,
            error,
            warnings,
            git,
            branches,
            remote,
            push_remote,
            fetched_at,
            deletable,
            worktrees,
            submodules,
            borrows_from,
            analysis,
            meta,
            recommendations,
            unknown,
            checked_at: Timestamp { .. },
        } = project;
        let of_git =
            (kind, relation, error, warnings, git, branches, remote, push_remote, fetched_at, unknown);
        let of_tree = (deletable, worktrees, submodules, borrows_from);
        Self {
            name: print(&(name, path.as_os_str().as_encoded_bytes())),
            git: print(&(of_git, of_tree)),
            analysis: print(&(analysis, meta)),
            recommendations: print(recommendations),
        }
    }

    /// Names of the parts that differ.
    pub(super) fn differences(&self, before: Option<&Self>) -> Vec<&'static str> {
        let parts = [
            ("name", before.is_some_and(|before| before.name == self.name)),
            ("git", before.is_some_and(|before| before.git == self.git)),
            ("analysis", before.is_some_and(|before| before.analysis == self.analysis)),
            ("recommendations", before.is_some_and(|before| before.recommendations == self.recommendations)),
        ];
        parts.into_iter().filter(|(_, is_same)| !is_same).map(|(name, _)| name).collect()
    }
}

fn print(value: &impl Serialize) -> u128 {
    // What cannot be encoded counts as different from everything, which writes once more than needed.
    serde_json::to_vec(value).map_or(0, |bytes| xxh3_128(&bytes))
}
