//! Keeps the portfolio fresh while muster serves: file events where there are any, a look at every project when its time
//! is up, a search through all roots now and then. Decides when something is read; what is read and written is
//! the keeper's matter.

mod pending;
mod plan;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use muster_git::{Purpose, WatchEvent, Watcher};
use tokio::{sync::Notify, task::JoinHandle, time};

use crate::{
    actions::refresh::{Keeper, Refreshed},
    caches::git_key,
    config::WatchConfig,
    context::Context,
    known::{Counters, WatchState},
};

use pending::{Due, Pending};
use plan::Plan;

/// How often it is looked whether the time of a project is up, and whether a root has come back.
const TICK: Duration = Duration::from_secs(2);
/// Projects looked at in one go without an event, so that those with one do not wait long.
const POLL_BATCH: usize = 16;
/// Projects read in one go after events; all of them at once would stand in memory together.
const READ_BATCH: usize = 32;
/// Reading without an event takes at most this part of the time: after a reading, the pause is as many times longer.
const POLL_PAUSE: u32 = 99;

/// The running loop.
#[derive(Debug)]
pub struct Live {
    task: JoinHandle<()>,
    control: Arc<Control>,
}

#[derive(Debug, Default)]
struct Control {
    pending: Pending,
    is_search_wanted: AtomicBool,
    wake: Notify,
}

impl Control {
    fn search(&self) {
        self.is_search_wanted.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }
}

impl Live {
    /// Starts. The first search begins at once, in the background.
    pub fn start(context: Context, keeper: Keeper, config: WatchConfig) -> Self {
        let control = Arc::new(Control::default());
        let watcher = start_watcher(&context, &config, &control);
        let looper = Loop {
            context,
            keeper,
            plan: Plan::new(config.max_folders, watcher),
            config,
            control: Arc::clone(&control),
            searched_at: None,
            may_poll_at: Instant::now(),
            ticked_at: Instant::now(),
            roots_away: HashSet::new(),
        };
        Self { task: tokio::spawn(looper.run()), control }
    }

    /// One that keeps nothing fresh, for a node without folders of its own.
    pub fn idle() -> Self {
        Self { task: tokio::spawn(async {}), control: Arc::default() }
    }

    /// Asks for a search through all roots, soon.
    pub fn search(&self) {
        self.control.search();
    }

    /// The same for whoever does not hold the loop.
    pub fn searcher(&self) -> impl Fn() + Send + Sync + use<> {
        let control = Arc::clone(&self.control);
        move || control.search()
    }

    /// Lets a project be read again soon, as after an event.
    pub fn reader(&self) -> impl Fn(PathBuf) + Send + Sync + use<> {
        let control = Arc::clone(&self.control);
        move |path| {
            control.pending.add_project(Arc::from(path), Instant::now());
            control.wake.notify_one();
        }
    }

    /// Stops, at the next place where it waits.
    pub fn stop(&self) {
        self.task.abort();
    }
}

fn start_watcher(context: &Context, config: &WatchConfig, control: &Arc<Control>) -> Option<Watcher> {
    if !config.events {
        context.known.update_health(|health| {
            health.degraded =
                Some("file events are switched off (watch.events); everything is polled".to_owned());
        });
        return None;
    }
    let (control, counters) = (Arc::clone(control), Arc::clone(&context.known.counters));
    let on_event = move |event| {
        match event {
            WatchEvent::Changed { owner, purpose: Purpose::Between, folder, name, is_folder } => {
                let place = match (&name, is_folder) {
                    // A folder came or went, or a file that can make its folder a project.
                    (Some(name), true) => folder.join(name),
                    (Some(name), false) if plan::makes_a_project(name) => folder.to_path_buf(),
                    (None, _) => folder.parent().unwrap_or(&owner).to_owned(),
                    (Some(_), false) => return,
                };
                control.pending.add_place(place, Instant::now());
            }
            WatchEvent::Changed { owner, .. } => {
                Counters::add(&counters.events, 1);
                control.pending.add_project(owner, Instant::now());
            }
            WatchEvent::Overflow => {
                Counters::add(&counters.overflows, 1);
                control.pending.overflow();
            }
        }
        control.wake.notify_one();
    };
    match Watcher::start(on_event) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(error = %error, "file events cannot be had, so everything is polled; raise fs.inotify.max_user_instances");
            context.known.update_health(|health| {
                health.degraded = Some(format!(
                    "file events cannot be had ({error}), so everything is polled; raise fs.inotify.max_user_instances"
                ));
            });
            None
        }
    }
}

struct Loop {
    context: Context,
    keeper: Keeper,
    config: WatchConfig,
    plan: Plan,
    control: Arc<Control>,
    searched_at: Option<Instant>,
    may_poll_at: Instant,
    ticked_at: Instant,
    roots_away: HashSet<PathBuf>,
}

impl Loop {
    async fn run(mut self) {
        self.search().await;
        loop {
            let now = Instant::now();
            let wait = match self.control.pending.next_due(self.quiet()) {
                Some(due) => due.saturating_duration_since(now).min(TICK),
                None => TICK,
            };
            let _ = time::timeout(wait, self.control.wake.notified()).await;
            // Events come by the hundred; what only time decides is asked once a tick.
            let is_tick = self.ticked_at.elapsed() >= TICK;
            if is_tick {
                self.ticked_at = Instant::now();
            }
            if self.control.is_search_wanted.swap(false, Ordering::Relaxed)
                || is_tick && (self.is_search_due() || self.has_root_moved().await)
            {
                self.search().await;
                continue;
            }
            let due = self.control.pending.take(Instant::now(), self.quiet());
            if due.is_overflow {
                tracing::warn!("file events were lost, so all projects are looked at again");
                self.search().await;
                continue;
            }
            self.refresh(due).await;
            if is_tick {
                self.poll().await;
            }
        }
    }

    fn quiet(&self) -> Duration {
        Duration::from_millis(self.config.quiet_ms)
    }

    fn is_search_due(&self) -> bool {
        let period = Duration::from_secs(self.config.search_seconds.max(1));
        self.searched_at.is_none_or(|at| at.elapsed() >= period)
    }

    /// A root went away or came back since the last look.
    async fn has_root_moved(&mut self) -> bool {
        let away: HashSet<_> = self.keeper.roots_away().await.into_iter().collect();
        let has_moved = away != self.roots_away;
        for root in away.difference(&self.roots_away) {
            tracing::warn!(root = %root.display(), "the root cannot be read; its projects stay as they were last seen");
        }
        for root in self.roots_away.difference(&away) {
            tracing::info!(root = %root.display(), "the root can be read again");
        }
        self.roots_away = away;
        has_moved
    }

    async fn search(&mut self) {
        let begin = Instant::now();
        match self.keeper.all().await {
            Ok(mut refreshed) => {
                if !refreshed.is_interrupted {
                    self.context.known.update_health(|health| health.is_scanned = true);
                }
                tracing::info!(
                    projects.read = refreshed.watch.len(),
                    projects.changed = refreshed.changed.len(),
                    projects.gone = refreshed.gone.len(),
                    duration_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
                    "searched all roots"
                );
                let roots = self.keeper.request().roots;
                let known = self.keeper.paths().await.into_iter().collect();
                self.plan.retain(&known);
                self.control.pending.retain(&known);
                // What came before its folders were watched went unseen, so it is looked at once more.
                let new = self.plan.between_all(&roots, std::mem::take(&mut refreshed.between));
                let unseen = self.adopt(refreshed).await;
                self.look_once_more(unseen);
                self.look_there_once_more(new).await;
                self.searched_at = Some(Instant::now());
            }
            Err(error) => {
                tracing::warn!(error = %error, "searching all roots failed; it is tried again");
                self.searched_at = None;
                time::sleep(TICK).await;
            }
        }
    }

    /// Between reading a project and watching its folders a change may have slipped through: it is read once more, with
    /// whatever comes until then.
    fn look_once_more(&self, newly_watched: Vec<PathBuf>) {
        for path in newly_watched {
            self.control.pending.add_project(Arc::from(path), Instant::now());
        }
    }

    /// The same for folders between projects: whatever is in them now and was not met.
    async fn look_there_once_more(&self, newly_watched: Vec<PathBuf>) {
        let folders = move || -> Vec<PathBuf> {
            let entries = newly_watched.iter().filter_map(|place| std::fs::read_dir(place).ok()).flatten();
            let is_folder = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            entries.filter_map(Result::ok).filter(is_folder).map(|entry| entry.path()).collect()
        };
        for folder in tokio::task::spawn_blocking(folders).await.unwrap_or_default() {
            if !self.plan.knows(&folder) {
                self.control.pending.add_place(folder, Instant::now());
            }
        }
    }

    async fn refresh(&mut self, due: Due) {
        if !due.places.is_empty() {
            self.look_for_projects(due.places).await;
        }
        for projects in due.projects.chunks(READ_BATCH) {
            self.read_again(projects).await;
        }
    }

    async fn read_again(&mut self, projects: &[Arc<Path>]) {
        let begin = Instant::now();
        let paths: Vec<PathBuf> = projects.iter().map(|owner| owner.to_path_buf()).collect();
        match self.keeper.projects(paths).await {
            Ok(refreshed) => {
                let changed: HashSet<_> = refreshed.changed.iter().cloned().collect();
                tracing::debug!(
                    projects.read = projects.len(),
                    projects.changed = refreshed.changed.len(),
                    duration_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
                    "read after events"
                );
                let share = begin.elapsed() / u32::try_from(projects.len()).unwrap_or(1).max(1);
                for owner in projects {
                    self.control.pending.was_read(owner, share, changed.contains(&**owner));
                }
                // Folders that turned up inside a project may hold further ones.
                let places = self.plan.new_places(&refreshed.watch);
                let newly_watched = self.adopt(refreshed).await;
                self.look_once_more(newly_watched);
                if !places.is_empty() {
                    self.look_for_projects(places).await;
                }
            }
            Err(error) => {
                tracing::warn!(error = %error, "reading projects failed; they are read again");
                for owner in projects {
                    self.control.pending.add_project(Arc::clone(owner), Instant::now());
                }
                time::sleep(TICK).await;
            }
        }
    }

    async fn look_for_projects(&mut self, places: Vec<PathBuf>) {
        let roots = self.keeper.request().roots;
        let places: Vec<_> =
            places.into_iter().filter(|place| roots.iter().any(|root| place.starts_with(root))).collect();
        match self.keeper.below(places.clone()).await {
            Ok(mut refreshed) => {
                tracing::debug!(
                    places = places.len(),
                    projects.read = refreshed.watch.len(),
                    "looked for projects"
                );
                let new = self.plan.between_below(&roots, &places, std::mem::take(&mut refreshed.between));
                self.look_there_once_more(new).await;
                let newly_watched = self.adopt(refreshed).await;
                self.look_once_more(newly_watched);
            }
            Err(error) => {
                tracing::warn!(error = %error, "looking for projects failed; it is tried again");
                for place in places {
                    self.control.pending.add_place(place, Instant::now());
                }
                time::sleep(TICK).await;
            }
        }
    }

    /// Watches what was read and forgets what is gone. Returns projects whose folders were not watched before.
    async fn adopt(&mut self, refreshed: Refreshed) -> Vec<PathBuf> {
        for path in &refreshed.gone {
            self.plan.forget(path);
            self.control.pending.forget(path);
        }
        let activity = self.keeper.activity(refreshed.watch.iter().map(|(path, _)| path)).await;
        let newly_watched = self.plan.adopt(refreshed.watch, &activity);
        let states: Vec<(PathBuf, WatchState)> = self.plan.take_states();
        self.keeper.watched(&states).await;
        let (live, polled) = self.context.known.count_looks();
        let (folders, degraded) = (self.plan.count(), self.plan.degraded());
        let is_watching = self.plan.is_watching();
        self.context.known.update_health(|health| {
            health.folders = folders;
            (health.live, health.polled) = (live, polled);
            if is_watching {
                health.degraded = degraded;
            }
        });
        newly_watched
    }

    /// Looks at projects whose time is up. A project with events keeps its entry until something happens or its time, the
    /// ceiling for the case that an event was lost, is over.
    async fn poll(&mut self) {
        if Instant::now() < self.may_poll_at {
            return;
        }
        let cache = &self.context.cache;
        let is_due = |path: &PathBuf| {
            cache.peek::<muster_model::Timestamp>(&self.context.types.git_state, &git_key(path)).is_none()
        };
        let due: Vec<PathBuf> =
            self.keeper.paths().await.into_iter().filter(is_due).take(POLL_BATCH).collect();
        if due.is_empty() {
            return;
        }
        let begin = Instant::now();
        match self.keeper.projects(due).await {
            Ok(refreshed) => {
                self.adopt(refreshed).await;
            }
            Err(error) => tracing::warn!(error = %error, "reading projects failed"),
        }
        self.may_poll_at = Instant::now() + begin.elapsed() * POLL_PAUSE;
    }
}
