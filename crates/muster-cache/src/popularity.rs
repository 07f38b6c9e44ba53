//! How often each key was asked for, so that warming can begin with what is wanted most. The table outlives entries (it
//! is what is left after everything was cleared) and is bounded: full, it forgets the less wanted half of its keys and
//! halves the counts of the others, so that old fame fades. A hit counts on a counter its entry holds and locks nothing.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Keys that are counted.
const KEYS: usize = 4096;

/// A key and how often it was asked for lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hot {
    pub key: Arc<str>,
    pub data_type: &'static str,
    /// Reads, fading over time: good for an order, not for a statistic.
    pub requests: u64,
}

#[derive(Debug)]
pub(crate) struct Requests {
    of: usize,
    count: AtomicU64,
}

impl Requests {
    pub(crate) fn add(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
pub(crate) struct Popularity {
    keys: Mutex<HashMap<Arc<str>, Arc<Requests>>>,
}

impl Popularity {
    /// The counter of `key`, which is of the type with index `of`.
    pub(crate) fn of(&self, key: &str, of: usize) -> Arc<Requests> {
        let mut keys = self.lock();
        if let Some(requests) = keys.get(key).filter(|requests| requests.of == of) {
            return Arc::clone(requests);
        }
        if keys.len() >= KEYS {
            forget_half(&mut keys);
        }
        let requests = Arc::new(Requests { of, count: AtomicU64::new(0) });
        keys.insert(Arc::from(key), Arc::clone(&requests));
        requests
    }

    /// At most `most` keys with the index of their type, the most wanted first; those never read are left out.
    pub(crate) fn hottest(&self, most: usize) -> Vec<(Arc<str>, usize, u64)> {
        let keys = self.lock();
        let counted = keys.iter().map(|(key, requests)| (Arc::clone(key), requests.of, requests.read()));
        let mut hottest: Vec<_> = counted.filter(|(.., count)| *count > 0).collect();
        drop(keys);
        hottest.sort_unstable_by(|one, other| other.2.cmp(&one.2).then_with(|| one.0.cmp(&other.0)));
        hottest.truncate(most);
        hottest
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Requests>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_half(keys: &mut HashMap<Arc<str>, Arc<Requests>>) {
    let mut counts: Vec<u64> = keys.values().map(|requests| requests.read()).collect();
    let half = counts.len() / 2;
    let median = *counts.select_nth_unstable(half).1;
    // Equal counts are common (a flood of keys asked for once): so many of them go as half needs.
    let mut equals_to_go = half - counts.iter().filter(|count| **count < median).count();
    keys.retain(|_, requests| {
        let count = requests.read();
        requests.count.fetch_sub(count / 2, Ordering::Relaxed);
        if count == median && equals_to_go > 0 {
            equals_to_go -= 1;
            return false;
        }
        count >= median
    });
}
