//! What is known of this node's projects besides their documents: when each was last looked at and whether it is
//! watched. Kept in memory alone, because a look that finds nothing new writes nothing.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use muster_model::{RepoId, Timestamp};
use tokio::sync::{Notify, broadcast};

/// Entity of the change that says: this remote gave another answer than before. Its id is the address.
pub(crate) const REMOTE_HEADS: &str = "remote_heads";

/// Topic of the event that says: this repository is watched no longer.
pub(crate) const REPOSITORY_REMOVED: &str = "repository.removed";

/// How a project is kept fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchState {
    /// Events tell of every change.
    Live,
    /// Looked at again and again.
    Polled,
}

impl WatchState {
    /// The word used in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Polled => "polled",
        }
    }
}

/// What is known of one project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// When it was last read.
    pub checked_at: Timestamp,
    /// How it is kept fresh.
    pub watch: WatchState,
}

/// Counts of what the portfolio did since start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Projects read from disk.
    pub projects_read: AtomicU64,
    /// Projects whose reading brought something new.
    pub projects_changed: AtomicU64,
    /// Searches through all roots.
    pub scans: AtomicU64,
    /// File system events that concerned a project.
    pub events: AtomicU64,
    /// Times that events were lost.
    pub overflows: AtomicU64,
}

/// The state of watching as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WatchHealth {
    /// Folders watched.
    pub folders: usize,
    /// Projects with events for everything.
    pub live: usize,
    /// Projects that are looked at again and again.
    pub polled: usize,
    /// What keeps events away, and what to do about it.
    pub degraded: Option<String>,
    /// Roots that cannot be read at the moment, with the reason.
    pub roots_away: Vec<(String, String)>,
    /// The first search through all roots is done.
    pub is_scanned: bool,
}

/// All of it; cloned freely.
#[derive(Debug, Clone, Default)]
pub struct Known {
    looks: Arc<RwLock<HashMap<RepoId, Look>>>,
    health: Arc<RwLock<WatchHealth>>,
    /// Counts since start.
    pub counters: Arc<Counters>,
    heads: HeadsNews,
    removed: Arc<Notify>,
}

/// Remotes that gave another answer than before.
#[derive(Debug, Clone)]
pub(crate) enum Moved {
    /// The one at this address.
    Remote(String),
    /// Any may be among them.
    Unknown,
}

/// Remotes whose branches are elsewhere than before, for whoever listens.
#[derive(Debug, Clone)]
struct HeadsNews(broadcast::Sender<Moved>);

impl Default for HeadsNews {
    fn default() -> Self {
        // Who falls behind that far looks at everything.
        const WAITING: usize = 256;
        Self(broadcast::Sender::new(WAITING))
    }
}

impl Known {
    /// The last look at a project.
    pub fn look(&self, id: RepoId) -> Option<Look> {
        self.looks.read().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    /// Hears from now on of remotes that gave another answer than before.
    pub(crate) fn heads_news(&self) -> broadcast::Receiver<Moved> {
        self.heads.0.subscribe()
    }

    pub(crate) fn tell_heads(&self, moved: Moved) {
        // Nobody may be listening.
        let _ = self.heads.0.send(moved);
    }

    /// Waits until a repository is watched no longer, on whatever node; one such event is remembered for the next who waits.
    pub(crate) async fn repository_removed(&self) {
        self.removed.notified().await;
    }

    pub(crate) fn tell_repository_removed(&self) {
        self.removed.notify_one();
    }

    pub(crate) fn looked(&self, looks: impl IntoIterator<Item = (RepoId, Look)>) {
        self.looks.write().unwrap_or_else(PoisonError::into_inner).extend(looks);
    }

    pub(crate) fn forget(&self, id: RepoId) {
        self.looks.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// How watching goes.
    pub fn health(&self) -> WatchHealth {
        self.health.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn update_health(&self, change: impl FnOnce(&mut WatchHealth)) {
        change(&mut self.health.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// How many projects are watched in which way.
    pub(crate) fn count_looks(&self) -> (usize, usize) {
        let looks = self.looks.read().unwrap_or_else(PoisonError::into_inner);
        let live = looks.values().filter(|look| look.watch == WatchState::Live).count();
        (live, looks.len() - live)
    }
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
