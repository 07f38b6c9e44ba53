//! Questions to all nodes that are open, and who has answered.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// After what time each node answered.
pub(super) type Answers = HashMap<u64, Duration>;

/// See the module.
#[derive(Default)]
pub(crate) struct Checks {
    running: Mutex<HashMap<u64, Running>>,
    news: Notify,
}

struct Running {
    begun: Instant,
    answers: Answers,
}

impl Checks {
    /// `from` heard the question.
    pub(super) fn heard(&self, question: u64, from: u64) {
        if let Some(running) = self.lock().get_mut(&question) {
            let after = running.begun.elapsed();
            running.answers.entry(from).or_insert(after);
        }
        self.news.notify_waiters();
    }

    pub(super) fn begin(&self, question: u64) {
        self.lock().insert(question, Running { begun: Instant::now(), answers: HashMap::new() });
    }

    /// Until the answers to a question suffice.
    pub(super) async fn until(&self, question: u64, suffices: impl Fn(&Answers) -> bool) {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            // Listening before looking, so that no answer falls between.
            news.as_mut().enable();
            if self.lock().get(&question).is_none_or(|running| suffices(&running.answers)) {
                return;
            }
            news.await;
        }
    }

    /// All answers that came.
    pub(super) fn end(&self, question: u64) -> Answers {
        self.lock().remove(&question).map(|running| running.answers).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
