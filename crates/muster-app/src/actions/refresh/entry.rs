//! What the keeper remembers of one project: enough to tell what has changed, and no more, because there may be
//! thousands.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use muster_model::{RemoteUrl, RepoId, Timestamp, git_state::Deletable, project::Project, word::path_text};
use muster_store::ProjectRecord;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

/// May the folder go, as far as the project alone tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OwnVerdict {
    /// This process has not read it yet.
    Unread,
    /// As read.
    Read(Option<Deletable>),
}

/// What is remembered of a project between two readings; its document is in the store.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: RepoId,
    /// 0 until the store has given one.
    pub(super) number: i64,
    /// Its name in the portfolio, as stored.
    pub(super) name: String,
    /// The verdict as stored.
    pub(super) verdict: Option<Deletable>,
    /// The verdict on the project alone.
    pub(super) own_verdict: OwnVerdict,
    pub(super) borrows_from: Vec<PathBuf>,
    pub(super) remote: Option<RemoteUrl>,
    /// Seconds since 1970 of the last commit or fetch.
    pub(super) active_at: Option<i64>,
    /// What is stored; `None` if nothing is yet.
    pub(super) stored: Option<Prints>,
}

impl Entry {
    pub(super) fn of_record(record: &ProjectRecord) -> Self {
        let mut entry = Self::to_be_read(record.id, record.number);
        entry.borrows_from.clone_from(&record.project.borrows_from);
        entry.remote.clone_from(&record.project.remote);
        entry.active_at = active_at(&record.project);
        entry.is_stored(&record.project, Prints::of(&record.project));
        entry
    }

    pub(super) fn to_be_read(id: RepoId, number: i64) -> Self {
        Self {
            id,
            number,
            name: String::new(),
            verdict: None,
            own_verdict: OwnVerdict::Unread,
            borrows_from: Vec::new(),
            remote: None,
            active_at: None,
            stored: None,
        }
    }

    /// Notes what a reading brought, before the whole portfolio has had its say.
    pub(super) fn was_read(&mut self, project: &Project) {
        self.own_verdict = OwnVerdict::Read(project.deletable.clone());
        self.borrows_from.clone_from(&project.borrows_from);
        self.remote.clone_from(&project.remote);
        self.active_at = active_at(project);
    }

    /// Notes what is stored now.
    pub(super) fn is_stored(&mut self, project: &Project, prints: Prints) {
        self.name.clone_from(&project.name);
        self.verdict.clone_from(&project.deletable);
        self.stored = Some(prints);
    }
}

fn active_at(project: &Project) -> Option<i64> {
    let committed_at = project.git.as_ref().and_then(|git| Some(git.last_commit.as_ref()?.committed_at));
    Some(committed_at.max(project.fetched_at)?.as_second())
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
            // Compared when it is read; what came out of it counts.
            tracked: _,
            remote_moved,
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
        let of_git = (
            kind,
            relation,
            error,
            warnings,
            git,
            branches,
            remote,
            remote_moved,
            push_remote,
            fetched_at,
            unknown,
        );
        let borrows_from: Vec<_> = borrows_from.iter().map(|path| path_text::encode(path)).collect();
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
    static DIFFERENT: AtomicU64 = AtomicU64::new(1);
    // What cannot be encoded counts as different from everything, which writes more than needed and loses nothing.
    let different = |_| u128::from(DIFFERENT.fetch_add(1, Ordering::Relaxed));
    serde_json::to_vec(value).map_or_else(different, |bytes| xxh3_128(&bytes))
}
