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
}

#[derive(Debug)]
pub(super) struct Plan {
    watcher: Option<Watcher>,
    max_folders: usize,
    projects: HashMap<PathBuf, Planned>,
    between: HashSet<PathBuf>,
    limit_reached: Option<&'static str>,
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
            limit_reached: None,
            news: Vec::new(),
        }
    }

    /// Folders watched.
    pub(super) fn count(&self) -> usize {
        self.watcher.as_ref().map_or(0, Watcher::count)
    }

    /// Why not everything is watched, and what to do.
    pub(super) fn degraded(&self) -> Option<String> {
        self.limit_reached.map(ToOwned::to_owned)
    }

    /// Projects whose state changed since the last call.
    pub(super) fn take_states(&mut self) -> Vec<(PathBuf, WatchState)> {
        std::mem::take(&mut self.news)
    }

    /// All folders in which projects come and go.
    pub(super) fn between_all(&mut self, roots: &[PathBuf], folders: Vec<PathBuf>) {
        self.between = folders.into_iter().collect();
        self.watch_between(roots);
    }

    /// The same below some places only.
    pub(super) fn between_below(&mut self, roots: &[PathBuf], places: &[PathBuf], folders: Vec<PathBuf>) {
        self.between.retain(|folder| !places.iter().any(|place| folder.starts_with(place)));
        self.between.extend(folders);
        self.watch_between(roots);
    }

    fn watch_between(&mut self, roots: &[PathBuf]) {
        let Some(watcher) = &self.watcher else { return };
        for root in roots {
            let owner = Arc::from(root.as_path());
            let folders: Vec<_> =
                self.between.iter().filter(|folder| folder.starts_with(root)).cloned().collect();
            if watcher.watch(&owner, Purpose::Between, &folders) == Coverage::LimitReached {
                self.limit_reached = Some(SYSTEM_LIMIT);
            }
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
            let unexplored = watch.unexplored.into_iter().collect();
            let active_at = activity.get(&path).copied().unwrap_or_default();
            let known = self.projects.get_mut(&path);
            match known {
                Some(planned)
                    if planned.folders == watch.folders && planned.state == Some(WatchState::Live) =>
                {
                    planned.unexplored = unexplored;
                    planned.active_at = active_at;
                }
                _ => {
                    let has_events = has_events(&path);
                    let state = known.and_then(|planned| planned.state);
                    let planned =
                        Planned { folders: watch.folders, unexplored, active_at, has_events, state };
                    self.projects.insert(path.clone(), planned);
                    order.push(path);
                }
            }
        }
        order.sort_by_key(|path| Reverse(self.projects.get(path).map_or(0, |planned| planned.active_at)));
        let mut newly_watched = Vec::new();
        // What git writes is little and tells most: all of it before the first work tree.
        let mut is_git_covered = HashMap::new();
        for path in &order {
            let Some(planned) = self.projects.get(path) else { continue };
            is_git_covered.insert(path.clone(), self.watch(path, Purpose::Git, &planned.folders.git));
        }
        for path in order {
            let Some(planned) = self.projects.get(&path) else { continue };
            let is_tree_covered = self.watch(&path, Purpose::WorkTree, &planned.folders.work_tree);
            let coverages = [is_git_covered.get(&path).copied().unwrap_or(Covered::No), is_tree_covered];
            if coverages.contains(&Covered::LimitReached) {
                self.limit_reached = Some(SYSTEM_LIMIT);
            }
            if coverages.contains(&Covered::BudgetSpent) && self.limit_reached.is_none() {
                self.limit_reached = Some(BUDGET);
            }
            let is_live = coverages == [Covered::Yes, Covered::Yes];
            let state = if is_live { WatchState::Live } else { WatchState::Polled };
            let Some(planned) = self.projects.get_mut(&path) else { continue };
            if is_live {
                newly_watched.push(path.clone());
            }
            if planned.state != Some(state) {
                planned.state = Some(state);
                self.news.push((path, state));
            }
        }
        newly_watched
    }

    fn watch(&self, path: &Path, purpose: Purpose, folders: &[PathBuf]) -> Covered {
        let (Some(watcher), Some(planned)) = (&self.watcher, self.projects.get(path)) else {
            return Covered::No;
        };
        if !planned.has_events {
            return Covered::No;
        }
        if purpose == Purpose::WorkTree && watcher.count() + folders.len() > self.max_folders {
            return Covered::BudgetSpent;
        }
        match watcher.watch(&Arc::from(path), purpose, folders) {
            Coverage::Whole => Covered::Yes,
            Coverage::LimitReached => Covered::LimitReached,
            Coverage::Refused => Covered::No,
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
