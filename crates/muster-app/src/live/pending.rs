//! What waits to be read: projects with events, and places where projects may have come or gone. A burst of events is
//! one reading, shortly after it ends or, if it does not end, shortly after it began. A project whose events bring
//! nothing new, or whose reading is slow, waits longer each time.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// A burst that does not end is read after this many times the quiet time.
const PATIENCE: u32 = 4;
/// The longest wait of a project whose events bring nothing.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// A reading takes at most this part of the time: the wait is as many times longer than the reading.
const READING_PAUSE: u32 = 4;
/// The longest wait between two readings of a project that changes all the time; a change must still show within a
/// second.
const MAX_BUSY_WAIT: Duration = Duration::from_millis(800);

/// What is to be read now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) projects: Vec<Arc<Path>>,
    pub(super) places: Vec<PathBuf>,
    pub(super) is_overflow: bool,
}

#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    projects: HashMap<Arc<Path>, Burst>,
    places: HashMap<PathBuf, Burst>,
    /// Readings that brought nothing, in a row, and the time of the last.
    habits: HashMap<Arc<Path>, Habit>,
    is_overflow: bool,
}

#[derive(Debug, Clone, Copy)]
struct Burst {
    first: Instant,
    last: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Habit {
    idle_readings: u32,
    /// Readings in a row, each shortly after the one before.
    busy_readings: u32,
    read_at: Instant,
    duration: Duration,
}

impl Burst {
    fn due(self, quiet: Duration) -> Instant {
        (self.last + quiet).min(self.first + quiet * PATIENCE)
    }
}

impl Habit {
    /// Not before this is the project read again.
    fn not_before(self, quiet: Duration) -> Instant {
        // The first few bring nothing often enough: git touches its files without changing anything.
        let doublings = self.idle_readings.saturating_sub(3).min(16);
        let wait = if doublings == 0 { Duration::ZERO } else { quiet * 2_u32.pow(doublings) };
        let busy = (quiet * 2_u32.pow(self.busy_readings.min(16))).min(MAX_BUSY_WAIT);
        let busy = if self.busy_readings == 0 { Duration::ZERO } else { busy };
        self.read_at + wait.max(busy).max(self.duration * READING_PAUSE).min(MAX_WAIT)
    }
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add_project(&self, owner: Arc<Path>, now: Instant) {
        let mut state = self.lock();
        state
            .projects
            .entry(owner)
            .and_modify(|burst| burst.last = now)
            .or_insert(Burst { first: now, last: now });
    }

    pub(super) fn add_place(&self, place: PathBuf, now: Instant) {
        let mut state = self.lock();
        state
            .places
            .entry(place)
            .and_modify(|burst| burst.last = now)
            .or_insert(Burst { first: now, last: now });
    }

    pub(super) fn overflow(&self) {
        self.lock().is_overflow = true;
    }

    /// Notes what a reading brought.
    pub(super) fn was_read(&self, owner: &Arc<Path>, duration: Duration, is_changed: bool) {
        let mut state = self.lock();
        // A large checkout pauses between its folders, so that it comes as many bursts.
        let before = state.habits.get(owner);
        let is_busy = before.is_some_and(|habit| habit.read_at.elapsed() < MAX_BUSY_WAIT * 2);
        let busy_readings =
            before.filter(|_| is_busy).map_or(0, |habit| habit.busy_readings.saturating_add(1));
        let idle_readings = match state.habits.get(owner) {
            Some(habit) if !is_changed => habit.idle_readings.saturating_add(1),
            _ => u32::from(!is_changed),
        };
        state.habits.insert(
            Arc::clone(owner),
            Habit { idle_readings, busy_readings, read_at: Instant::now(), duration },
        );
    }

    /// Forgets a project that is gone.
    pub(super) fn forget(&self, path: &Path) {
        let mut state = self.lock();
        state.projects.remove(path);
        state.habits.remove(path);
    }

    /// Forgets all projects that are no longer known.
    pub(super) fn retain(&self, known: &HashSet<PathBuf>) {
        self.lock().habits.retain(|owner, _| known.contains(&**owner));
    }

    /// When something will be due; `None` if nothing waits.
    pub(super) fn next_due(&self, quiet: Duration) -> Option<Instant> {
        let state = self.lock();
        if state.is_overflow {
            return Some(Instant::now());
        }
        let projects = state.projects.iter().map(|(owner, burst)| state.due_of(owner, *burst, quiet));
        projects.chain(state.places.values().map(|burst| burst.due(quiet))).min()
    }

    /// What is due at `now`.
    pub(super) fn take(&self, now: Instant, quiet: Duration) -> Due {
        let mut state = self.lock();
        if std::mem::take(&mut state.is_overflow) {
            // Everything is read again anyway.
            state.projects.clear();
            state.places.clear();
            return Due { is_overflow: true, ..Due::default() };
        }
        let projects: Vec<_> = state
            .projects
            .iter()
            .filter(|(owner, burst)| state.due_of(owner, **burst, quiet) <= now)
            .map(|(owner, _)| Arc::clone(owner))
            .collect();
        for owner in &projects {
            state.projects.remove(owner);
        }
        let places: Vec<_> = state
            .places
            .iter()
            .filter(|(_, burst)| burst.due(quiet) <= now)
            .map(|(place, _)| place.clone())
            .collect();
        for place in &places {
            state.places.remove(place);
        }
        Due { projects, places, is_overflow: false }
    }
}

impl State {
    fn due_of(&self, owner: &Arc<Path>, burst: Burst, quiet: Duration) -> Instant {
        let due = burst.due(quiet);
        self.habits.get(owner).map_or(due, |habit| due.max(habit.not_before(quiet)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Duration = Duration::from_millis(100);

    fn owner() -> Arc<Path> {
        Arc::from(Path::new("/code/api"))
    }

    #[test]
    fn a_burst_is_one_reading_when_it_ends() {
        let pending = Pending::default();
        let begin = Instant::now();
        pending.add_project(owner(), begin);
        pending.add_project(owner(), begin + QUIET / 2);
        assert_eq!(pending.take(begin + QUIET, QUIET), Due::default());
        assert_eq!(pending.take(begin + QUIET * 2, QUIET).projects, [owner()]);
        assert_eq!(pending.next_due(QUIET), None);
    }

    #[test]
    fn a_burst_that_does_not_end_is_read_all_the_same() {
        let pending = Pending::default();
        let begin = Instant::now();
        for step in 0..20 {
            pending.add_project(owner(), begin + QUIET / 2 * step);
        }
        assert_eq!(pending.take(begin + QUIET * PATIENCE, QUIET).projects, [owner()]);
    }

    #[test]
    fn events_that_bring_nothing_are_read_less_and_less_often() {
        let pending = Pending::default();
        for _ in 0..40 {
            pending.was_read(&owner(), Duration::ZERO, false);
        }
        let now = Instant::now();
        pending.add_project(owner(), now);
        assert_eq!(pending.take(now + MAX_WAIT / 2, QUIET).projects.len(), 0);
        assert_eq!(pending.take(now + MAX_WAIT + QUIET, QUIET).projects, [owner()]);
        pending.was_read(&owner(), Duration::ZERO, true);
        let now = Instant::now();
        pending.add_project(owner(), now);
        assert_eq!(pending.take(now + MAX_BUSY_WAIT + QUIET, QUIET).projects, [owner()]);
    }

    #[test]
    fn lost_events_take_everything_along() {
        let pending = Pending::default();
        let now = Instant::now();
        pending.add_project(owner(), now);
        pending.overflow();
        assert!(pending.take(now, QUIET).is_overflow);
        assert_eq!(pending.take(now + MAX_WAIT, QUIET), Due::default());
    }
}
