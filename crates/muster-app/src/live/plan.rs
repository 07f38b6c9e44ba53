//! Which folders are watched, within the budget: between projects first, then what git writes, then work trees by their
//! last activity. A project is live if all its folders are watched; else it is polled, and says so.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

use muster_git::{Coverage, Purpose, WatchFolders, Watcher, has_events};

use crate::{known::WatchState, services::scan::Watch};

/// What is planned for one project.
#[derive(Debug)]
struct Planned {
    folders: WatchFolders,
    unexplored: HashSet<PathBuf>,
    /// Seconds since 1970 of the last sign of life; recent ones are served first.
    active_at: i64,
    has_events: bool,
    state: Option<WatchState>,
    /// What keeps it from being watched, if it is a limit.
    limited_by: Option<&'static str>,
}

#[derive(Debug)]
pub(super) struct Plan {
    watcher: Option<Watcher>,
    max_folders: usize,
    projects: HashMap<PathBuf, Planned>,
    between: HashSet<PathBuf>,
    /// Which limit keeps folders between projects from being watched.
    between_limited_by: Option<&'static str>,
    /// Projects whose state changed since it was last asked for.
    news: Vec<(PathBuf, WatchState)>,
}

/// A file whose coming or going can make its folder a project or no project.
pub(super) fn makes_a_project(name: &OsStr) -> bool {
    matches!(name.as_encoded_bytes(), b".git" | b".musterignore" | b"HEAD")
        || muster_analysis::is_manifest(name.as_encoded_bytes())
}

impl Plan {
    pub(super) fn new(max_folders: usize, watcher: Option<Watcher>) -> Self {
        Self {
            watcher,
            max_folders,
            projects: HashMap::new(),
            between: HashSet::new(),
            between_limited_by: None,
            news: Vec::new(),
        }
    }

    /// Folders watched.
    pub(super) fn count(&self) -> usize {
        self.watcher.as_ref().map_or(0, Watcher::count)
    }

    /// A project, or a folder in which some come and go.
    pub(super) fn knows(&self, path: &Path) -> bool {
        self.projects.contains_key(path) || self.between.contains(path)
    }

    /// There are file events at all.
    pub(super) fn is_watching(&self) -> bool {
        self.watcher.is_some()
    }

    /// Why not everything is watched, and what to do.
    pub(super) fn degraded(&self) -> Option<String> {
        let of_projects = || self.projects.values().find_map(|planned| planned.limited_by);
        self.between_limited_by.or_else(of_projects).map(ToOwned::to_owned)
    }

    /// Projects whose state changed since the last call.
    pub(super) fn take_states(&mut self) -> Vec<(PathBuf, WatchState)> {
        std::mem::take(&mut self.news)
    }

    /// All folders in which projects come and go. Returns those that were not watched until now.
    pub(super) fn between_all(&mut self, roots: &[PathBuf], folders: Vec<PathBuf>) -> Vec<PathBuf> {
        self.between = folders.into_iter().collect();
        self.watch_between(roots)
    }

    /// The same below some places only.
    pub(super) fn between_below(
        &mut self,
        roots: &[PathBuf],
        places: &[PathBuf],
        folders: Vec<PathBuf>,
    ) -> Vec<PathBuf> {
        self.between.retain(|folder| !places.iter().any(|place| folder.starts_with(place)));
        self.between.extend(folders);
        self.watch_between(roots)
    }

    fn watch_between(&mut self, roots: &[PathBuf]) -> Vec<PathBuf> {
        let (mut new, mut limited_by) = (Vec::new(), None);
        let Some(watcher) = &self.watcher else { return new };
        for root in roots {
            let owner = Arc::from(root.as_path());
            let folders: Vec<_> =
                self.between.iter().filter(|folder| folder.starts_with(root)).cloned().collect();
            let outcome = watcher.watch(&owner, Purpose::Between, &folders);
            if outcome.coverage == Coverage::LimitReached {
                limited_by = Some(SYSTEM_LIMIT);
            }
            new.extend(outcome.new);
        }
        self.between_limited_by = limited_by;
        new
    }

    /// Forgets projects that are no longer known.
    pub(super) fn retain(&mut self, known: &HashSet<PathBuf>) {
        let gone: Vec<_> = self.projects.keys().filter(|path| !known.contains(*path)).cloned().collect();
        for path in gone {
            self.forget(&path);
        }
    }

    pub(super) fn forget(&mut self, path: &Path) {
        if self.projects.remove(path).is_some()
            && let Some(watcher) = &self.watcher
        {
            watcher.forget(&Arc::from(path));
        }
    }

    /// Folders inside projects that were not there at the last reading and may hold further projects.
    pub(super) fn new_places(&self, read: &[(PathBuf, Watch)]) -> Vec<PathBuf> {
        let new = |(path, watch): &(PathBuf, Watch)| {
            let known = self.projects.get(path).map(|planned| &planned.unexplored);
            let is_new = |place: &&PathBuf| !known.is_some_and(|known| known.contains(*place));
            watch.unexplored.iter().filter(is_new).cloned().collect::<Vec<_>>()
        };
        read.iter().flat_map(new).collect()
    }

    /// Watches what was read. Returns projects of which some folder was not watched before.
    pub(super) fn adopt(
        &mut self,
        read: Vec<(PathBuf, Watch)>,
        activity: &HashMap<PathBuf, i64>,
    ) -> Vec<PathBuf> {
        let mut order: Vec<PathBuf> = Vec::new();
        for (path, watch) in read {
            if watch.folders == WatchFolders::default() {
                // Given up because its file system does not answer; nothing of it is touched.
                if let Some(planned) = self.projects.get_mut(&path) {
                    planned.set_state(&path, WatchState::Polled, &mut self.news);
                }
                continue;
            }
            let unexplored = watch.unexplored.into_iter().collect();
            let active_at = activity.get(&path).copied().unwrap_or_default();
            let known = self.projects.get(&path);
            let planned = Planned {
                folders: watch.folders,
                unexplored,
                active_at,
                has_events: known.map_or_else(|| has_events(&path), |planned| planned.has_events),
                state: known.and_then(|planned| planned.state),
                limited_by: None,
            };
            self.projects.insert(path.clone(), planned);
            order.push(path);
        }
        order.sort_by_key(|path| Reverse(self.projects.get(path).map_or(0, |planned| planned.active_at)));
        let mut newly_watched = Vec::new();
        // What git writes is little and tells most: all of it before the first work tree.
        let mut by_git = HashMap::new();
        for path in &order {
            let Some(planned) = self.projects.get(path) else { continue };
            by_git.insert(path.clone(), self.watch(path, Purpose::Git, &planned.folders.git));
        }
        for path in order {
            let Some(planned) = self.projects.get(&path) else { continue };
            // Known folders are asked for again: one that was deleted and made anew has lost its watch.
            let by_tree = self.watch(&path, Purpose::WorkTree, &planned.folders.work_tree);
            let both = [by_git.get(&path).copied().unwrap_or((Covered::No, false)), by_tree];
            let state = if both.iter().all(|(covered, _)| *covered == Covered::Yes) {
                WatchState::Live
            } else {
                WatchState::Polled
            };
            if state == WatchState::Live && both.iter().any(|(_, is_new)| *is_new) {
                newly_watched.push(path.clone());
            }
            let Some(planned) = self.projects.get_mut(&path) else { continue };
            planned.limited_by = both.iter().find_map(|(covered, _)| covered.reason());
            planned.set_state(&path, state, &mut self.news);
        }
        newly_watched
    }

    /// How far it is covered, and whether anything was not watched before.
    fn watch(&self, path: &Path, purpose: Purpose, folders: &[PathBuf]) -> (Covered, bool) {
        let (Some(watcher), Some(planned)) = (&self.watcher, self.projects.get(path)) else {
            return (Covered::No, false);
        };
        if !planned.has_events {
            return (Covered::No, false);
        }
        let owner = Arc::from(path);
        let others = watcher.count() - watcher.count_of(&owner, purpose);
        if purpose == Purpose::WorkTree && others + folders.len() > self.max_folders {
            watcher.watch(&owner, purpose, &[]);
            return (Covered::BudgetSpent, false);
        }
        let outcome = watcher.watch(&owner, purpose, folders);
        let covered = match outcome.coverage {
            Coverage::Whole => Covered::Yes,
            Coverage::LimitReached => Covered::LimitReached,
            Coverage::Refused => Covered::No,
        };
        (covered, !outcome.new.is_empty())
    }
}

impl Planned {
    fn set_state(&mut self, path: &Path, state: WatchState, news: &mut Vec<(PathBuf, WatchState)>) {
        if self.state != Some(state) {
            self.state = Some(state);
            news.push((path.to_owned(), state));
        }
    }
}

const SYSTEM_LIMIT: &str = "the system grants no more file watches, so some projects are polled; \
     raise fs.inotify.max_user_watches";
const BUDGET: &str = "the watch budget is spent, so some work trees are polled; raise watch.max_folders";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Covered {
    Yes,
    No,
    LimitReached,
    BudgetSpent,
}

impl Covered {
    fn reason(self) -> Option<&'static str> {
        match self {
            Self::LimitReached => Some(SYSTEM_LIMIT),
            Self::BudgetSpent => Some(BUDGET),
            Self::Yes | Self::No => None,
        }
    }
}
