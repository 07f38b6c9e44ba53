//! A queue as one runner sees it: what was claimed and not begun, how many run, and whether its jobs are so short that
//! it pays to claim ahead.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{config::QueueConfig, run::JobRun};

/// Jobs shorter than this are claimed ahead: a claim takes about as long.
const SHORT: Duration = Duration::from_millis(5);

/// A job claimed ahead that is not begun after this time is given back: the jobs before it were not so short.
const STALE: Duration = Duration::from_secs(1);

pub(crate) struct Queue {
    pub(crate) name: String,
    state: Mutex<State>,
}

struct State {
    concurrency: u32,
    /// Claimed, not begun.
    ahead: VecDeque<Arc<JobRun>>,
    running: u32,
    workers: u32,
    /// A moving mean of how long runs take; `None` before the first.
    mean: Option<Duration>,
}

impl Queue {
    pub(super) fn new(config: &QueueConfig) -> Self {
        let state = State {
            concurrency: config.concurrency,
            ahead: VecDeque::new(),
            running: 0,
            workers: 0,
            mean: None,
        };
        Self { name: config.name.clone(), state: Mutex::new(state) }
    }

    /// Jobs held, and how many more than the concurrency may be.
    pub(super) fn wants(&self, ahead: u32) -> (u32, u32) {
        let state = self.state();
        (state.held(), state.ahead_of(ahead))
    }

    /// It may be that more can be begun. Of what is claimed ahead half is used up before more is claimed.
    pub(super) fn has_room(&self, ahead: u32) -> bool {
        let state = self.state();
        state.held() < state.concurrency + state.ahead_of(ahead).div_ceil(2)
    }

    /// So many may run from here on.
    pub(super) fn learn(&self, concurrency: u32) {
        self.state().concurrency = concurrency;
    }

    /// Adds claimed jobs and learns how many may run; so many workers are to be started.
    pub(super) fn add(&self, runs: Vec<Arc<JobRun>>, concurrency: u32) -> u32 {
        let mut state = self.state();
        state.concurrency = concurrency;
        state.ahead.extend(runs);
        let missing = concurrency.saturating_sub(state.workers).min(count(state.ahead.len()));
        state.workers += missing;
        missing
    }

    /// The next one for a worker, which ends if there is none.
    pub(super) fn take(&self) -> Option<Arc<JobRun>> {
        let mut state = self.state();
        let next = if state.running < state.concurrency { state.ahead.pop_front() } else { None };
        match next {
            Some(run) => {
                state.running += 1;
                Some(run)
            }
            None => {
                state.workers -= 1;
                None
            }
        }
    }

    /// A run is over that took so long.
    pub(super) fn done(&self, lasted: Duration) {
        let mut state = self.state();
        state.running -= 1;
        let mean = state.mean.map_or(lasted, |mean| (mean * 7 + lasted) / 8);
        state.mean = Some(mean);
    }

    /// Takes out what was claimed ahead and waits for too long; all of it if the runner stops.
    pub(super) fn take_stale(&self, is_stopping: IsStopping) -> Vec<Arc<JobRun>> {
        let mut state = self.state();
        // The first were claimed first.
        let is_stale = |run: &Arc<JobRun>| is_stopping == IsStopping::Yes || run.claimed_at.elapsed() > STALE;
        let fresh = state.ahead.iter().position(|run| !is_stale(run)).unwrap_or(state.ahead.len());
        state.ahead.drain(..fresh).collect()
    }

    /// Running, and claimed ahead.
    pub(super) fn numbers(&self) -> (u64, u64) {
        let state = self.state();
        (state.running.into(), state.ahead.len() as u64)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn held(&self) -> u32 {
        self.running + count(self.ahead.len())
    }

    fn ahead_of(&self, ahead: u32) -> u32 {
        if self.mean.is_some_and(|mean| mean < SHORT) { ahead } else { 0 }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IsStopping {
    Yes,
    No,
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
