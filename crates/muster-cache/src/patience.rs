//! How long a request waits for Redis: all its questions, its looks into the second level and its waiting for other nodes
//! together, however many keys it asks for. When that is used up, the rest of the request goes without Redis.
//!
//! A load has a patience of its own, because several requests wait for it: the shortest of theirs. What it waits for Redis
//! is taken from each of them, as long as they wait with it. A question that is under way is not cut short by a newcomer;
//! so a request waits no longer than its patience and one question.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Of a request. With one question (100 ms) it makes the 250 ms that are promised.
const OF_REQUEST: Duration = Duration::from_millis(150);
/// Of a load that nobody waits for, or somebody who is no request.
const OF_LOAD: Duration = Duration::from_millis(200);

tokio::task_local! {
    static REQUEST: Patience;
}

/// Runs a request: all that it asks of Redis, by the limiter and by caches, has one limit.
pub async fn of_request<F: Future>(request: F) -> F::Output {
    REQUEST.scope(Patience::new(OF_REQUEST), request).await
}

/// Runs a load: what it loads in turn has no more patience than itself.
pub(crate) async fn of_this_load<F: Future>(patience: Patience, load: F) -> F::Output {
    REQUEST.scope(patience, load).await
}

/// Clones share it.
#[derive(Clone)]
pub(crate) struct Patience(Arc<Mutex<Account>>);

#[derive(Clone, Copy)]
struct Account {
    left: Duration,
    spent: Duration,
}

impl Patience {
    fn new(left: Duration) -> Self {
        Self(Arc::new(Mutex::new(Account { left, spent: Duration::ZERO })))
    }

    /// For a load.
    pub(crate) fn of_load() -> Self {
        Self::new(OF_LOAD)
    }

    /// Of the request that runs here, if it is one.
    pub(crate) fn of_this_request() -> Option<Self> {
        REQUEST.try_with(Clone::clone).ok()
    }

    pub(crate) fn left(&self) -> Duration {
        self.lock().left
    }

    pub(crate) fn spend(&self, waited: Duration) {
        let mut account = self.lock();
        account.left = account.left.saturating_sub(waited);
        account.spent += waited;
    }

    /// Joins the request that runs here to this load, until the return value is dropped.
    pub(crate) fn join(&self) -> Joined<'_> {
        let request = Self::of_this_request();
        if let Some(request) = &request {
            let left = request.left();
            let mut account = self.lock();
            account.left = account.left.min(left);
        }
        Joined { load: self, request, before: self.lock().spent }
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Patience::join`].
pub(crate) struct Joined<'a> {
    load: &'a Patience,
    request: Option<Patience>,
    before: Duration,
}

impl Drop for Joined<'_> {
    fn drop(&mut self) {
        if let Some(request) = &self.request {
            request.spend(self.load.lock().spent.saturating_sub(self.before));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(40);

    #[tokio::test]
    async fn a_load_has_the_shortest_patience_and_all_who_wait_pay() {
        let load = Patience::of_load();
        of_request(async {
            let request = Patience::of_this_request().unwrap();
            request.spend(STEP);
            let joined = load.join();
            assert_eq!(load.left() + STEP, OF_REQUEST);
            load.spend(STEP);
            drop(joined);
            assert_eq!(request.left() + 2 * STEP, OF_REQUEST);
            // What it waited before is no concern of who comes now.
            drop(load.join());
            assert_eq!(request.left() + 2 * STEP, OF_REQUEST);
            request.spend(OF_REQUEST);
            let _joined = load.join();
            assert_eq!(load.left(), Duration::ZERO);
        })
        .await;
        assert!(Patience::of_this_request().is_none());
    }

    #[tokio::test]
    async fn a_load_within_a_load_has_no_patience_of_its_own() {
        let (outer, inner) = (Patience::of_load(), Patience::of_load());
        of_request(async {
            let joined = outer.join();
            of_this_load(outer.clone(), async {
                let _joined = inner.join();
                assert_eq!(inner.left(), OF_REQUEST);
                inner.spend(STEP);
            })
            .await;
            assert_eq!(outer.left() + STEP, OF_REQUEST);
            drop(joined);
            assert_eq!(Patience::of_this_request().unwrap().left() + STEP, OF_REQUEST);
        })
        .await;
    }
}
