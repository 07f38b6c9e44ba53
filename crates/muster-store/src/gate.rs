//! Who may write next. A gate lets a fixed number through at a time; the others wait in two rows, those in front of
//! whom a person sits before those that nobody waits for, each row in the order of arrival.
//!
//! A pass is given back by being dropped, so that a cancelled task can never keep it. So that much traffic does not
//! stop all background work for good, every [`FAIRNESS`]th pass goes to the background when somebody waits there.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// So many interactive transactions overtake a waiting background one, not more.
const FAIRNESS: u32 = 16;

/// For whom a transaction is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Somebody waits for the answer.
    Interactive,
    /// Nobody does.
    Background,
}

#[derive(Clone)]
pub(crate) struct Gate {
    state: Arc<Mutex<State>>,
}

struct State {
    free: u32,
    interactive: VecDeque<oneshot::Sender<Pass>>,
    background: VecDeque<oneshot::Sender<Pass>>,
    overtaken: u32,
}

/// The right to be inside; given back when dropped.
pub(crate) struct Pass {
    gate: Gate,
    /// It was not to be had at once.
    pub(crate) has_waited: bool,
}

impl Gate {
    pub(crate) fn new(capacity: u32) -> Self {
        let state = State {
            free: capacity.max(1),
            interactive: VecDeque::new(),
            background: VecDeque::new(),
            overtaken: 0,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Waits for a pass. Cancelling the future gives up the place in the row.
    pub(crate) async fn pass(&self, priority: Priority) -> Pass {
        let turn = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Pass { gate: self.clone(), has_waited: false };
            }
            let (sender, turn) = oneshot::channel();
            state.row(priority).push_back(sender);
            turn
        };
        match turn.await {
            Ok(pass) => pass,
            // Senders live in the state, which this gate holds: one is used or outlives the wait.
            Err(_) => std::future::pending().await,
        }
    }

    /// Tasks that wait now.
    pub(crate) fn waiting(&self) -> usize {
        let state = self.state();
        let waits =
            |row: &VecDeque<oneshot::Sender<Pass>>| row.iter().filter(|turn| !turn.is_closed()).count();
        waits(&state.interactive) + waits(&state.background)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn row(&mut self, priority: Priority) -> &mut VecDeque<oneshot::Sender<Pass>> {
        match priority {
            Priority::Interactive => &mut self.interactive,
            Priority::Background => &mut self.background,
        }
    }

    fn next(&mut self) -> Option<oneshot::Sender<Pass>> {
        self.interactive.retain(|turn| !turn.is_closed());
        self.background.retain(|turn| !turn.is_closed());
        let is_background_due = self.overtaken >= FAIRNESS && !self.background.is_empty();
        if !is_background_due && let Some(turn) = self.interactive.pop_front() {
            self.overtaken = if self.background.is_empty() { 0 } else { self.overtaken + 1 };
            return Some(turn);
        }
        self.overtaken = 0;
        self.background.pop_front()
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let next = {
            let mut state = self.gate.state();
            let next = state.next();
            if next.is_none() {
                state.free += 1;
            }
            next
        };
        if let Some(turn) = next {
            // If that one went away in this moment, the refused pass is dropped here and goes to the one after it.
            drop(turn.send(Self { gate: self.gate.clone(), has_waited: true }));
        }
    }
}
