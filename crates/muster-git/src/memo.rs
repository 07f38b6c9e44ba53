//! What only the history says, remembered: unpushed commits, recent authors, tags. Walking a long history is most of the
//! cost of reading a project, and nothing of it changes while no reference does. A service that reads the same project
//! again and again hands a memo in; a command that reads once has no use for one.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use gix::refs::TargetRef;
use muster_model::{analysis::TagFact, git_state::BranchReport};

use crate::{history::Authors, link::Checkout};

/// What walking the history brought.
#[derive(Debug, Clone, Default)]
pub(crate) struct Walked {
    pub(crate) branches: Option<BranchReport>,
    pub(crate) authors: Option<Authors>,
    pub(crate) tags: Option<Vec<TagFact>>,
}

/// What was walked, by git directory.
#[derive(Debug, Default)]
pub struct HistoryMemo(Mutex<HashMap<PathBuf, (u64, Arc<Walked>)>>);

impl HistoryMemo {
    pub(crate) fn get(&self, checkout: &Checkout, print: u64) -> Option<Arc<Walked>> {
        let memo = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memo.get(&checkout.git_dir).filter(|(known, _)| *known == print).map(|(_, walked)| Arc::clone(walked))
    }

    pub(crate) fn put(&self, checkout: &Checkout, print: u64, walked: Walked) {
        let mut memo = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memo.insert(checkout.git_dir.clone(), (print, Arc::new(walked)));
    }

    /// Forgets repositories for which `is_kept` says no.
    pub fn retain(&self, is_kept: impl Fn(&Path) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|git_dir, _| is_kept(git_dir));
    }
}

/// A print of everything that the answers rest on: every reference with its target, HEAD, where a shallow history ends,
/// the configuration (remotes, upstreams, the person's address), and what was asked.
pub(crate) fn print(
    repo: &gix::Repository,
    checkout: &Checkout,
    emails: &[String],
    asked: impl Hash,
) -> gix::Result<u64> {
    let mut hasher = DefaultHasher::new();
    asked.hash(&mut hasher);
    emails.hash(&mut hasher);
    for reference in repo.references()?.all()? {
        match reference {
            Ok(reference) => {
                reference.name().as_bstr().hash(&mut hasher);
                match reference.target() {
                    TargetRef::Object(id) => id.hash(&mut hasher),
                    TargetRef::Symbolic(name) => name.as_bstr().hash(&mut hasher),
                }
            }
            Err(_) => "broken".hash(&mut hasher),
        }
    }
    let head = repo.head()?;
    head.referent_name().map(|name| name.as_bstr().to_owned()).hash(&mut hasher);
    head.id().map(gix::Id::detach).hash(&mut hasher);
    for file in ["config", "shallow", "packed-refs", "objects/info/alternates"] {
        stamp(&checkout.common_dir.join(file)).hash(&mut hasher);
    }
    stamp(&checkout.git_dir.join("config.worktree")).hash(&mut hasher);
    Ok(hasher.finish())
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let meta = path.symlink_metadata().ok()?;
    Some((meta.modified().ok()?, meta.len()))
}
