//! Invalidations that Redis has not been told yet. While one waits here, this node neither reads nor writes what it hits,
//! so that it never takes back from Redis what it has itself declared wrong; and however long Redis is away, only the
//! newest of each tag is kept, and beyond a bound one invalidation of everything instead of all.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

use crate::{glob, tags::ALL_TAG};

/// Tags and keys that may wait.
const MOST: usize = 10_000;
/// Patterns that may wait: each is tried on every key that is looked up meanwhile.
const MOST_PATTERNS: usize = 16;
/// Numbers of changes that may wait. Who does not learn of one does its invalidation again.
const MOST_MARKS: usize = 1024;

/// What waits to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The new state of each tag.
    pub(crate) tags: HashMap<Box<str>, TagNews>,
    pub(crate) keys: HashMap<Box<str>, u64>,
    pub(crate) patterns: Vec<(Box<str>, u64)>,
    pub(crate) marks: Vec<u64>,
    /// The marks may be smaller than what was told before.
    pub(crate) is_anew: bool,
    /// Questions to all nodes whether they hear us.
    pub(crate) checks: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TagNews {
    pub(crate) state: u64,
    /// What depends on it may still be served while one load runs.
    pub(crate) is_expiry: bool,
}

#[derive(Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    /// Of `tags`, `keys` and `patterns`: the usual answer to "does anything wait" needs no lock.
    invalidations: AtomicUsize,
    pub(crate) wake: Notify,
}

impl Outbox {
    pub(crate) fn tag(&self, name: &str, news: TagNews) {
        self.add(|waiting| {
            let is_removal = waiting.tags.get(name).is_some_and(|earlier| !earlier.is_expiry);
            let news = TagNews { is_expiry: news.is_expiry && !is_removal, ..news };
            waiting.tags.insert(Box::from(name), news);
            news.state
        });
    }

    pub(crate) fn key(&self, key: &str, number: u64) {
        self.add(|waiting| {
            waiting.keys.insert(Box::from(key), number);
            number
        });
    }

    pub(crate) fn pattern(&self, glob: &str, number: u64) {
        self.add(|waiting| {
            waiting.patterns.push((Box::from(glob), number));
            number
        });
    }

    pub(crate) fn mark(&self, mark: u64) {
        let mut waiting = self.lock();
        if waiting.marks.len() < MOST_MARKS {
            waiting.marks.push(mark);
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// Everything falls, and all changes up to `mark` are told by that, whatever was told before.
    pub(crate) fn begin_anew(&self, mark: u64, state: u64) {
        let everything = (Box::from(ALL_TAG), TagNews { state, is_expiry: false });
        let mut waiting = self.lock();
        let checks = std::mem::take(&mut waiting.checks);
        let tags = HashMap::from([everything]);
        *waiting = Waiting { tags, marks: vec![mark], is_anew: true, checks, ..Waiting::default() };
        self.note(&waiting);
        drop(waiting);
        self.wake.notify_one();
    }

    pub(crate) fn check(&self, question: u64) {
        self.lock().checks.push(question);
        self.wake.notify_one();
    }

    /// Whether something waits that hits an entry of `key` with these tags.
    pub(crate) fn touches<T: AsRef<str>>(&self, key: &str, tags: &[T]) -> bool {
        if self.len() == 0 {
            return false;
        }
        let waiting = self.lock();
        waiting.keys.contains_key(key)
            || tags.iter().any(|tag| waiting.tags.contains_key(tag.as_ref()))
            || waiting.patterns.iter().any(|(pattern, _)| glob::is_match(pattern, key))
    }

    /// Everything that waits. It goes on waiting until it is [`done`](Self::done).
    pub(crate) fn waiting(&self) -> Waiting {
        self.lock().clone()
    }

    /// Redis was told `told`; what came after it waits on.
    pub(crate) fn done(&self, told: &Waiting) {
        let mut waiting = self.lock();
        waiting.tags.retain(|tag, news| told.tags.get(tag).is_none_or(|told| told.state != news.state));
        waiting.keys.retain(|key, number| told.keys.get(key) != Some(number));
        waiting.patterns.retain(|pattern| !told.patterns.contains(pattern));
        waiting.marks.retain(|mark| !told.marks.contains(mark));
        waiting.is_anew &= !waiting.marks.is_empty();
        waiting.checks.retain(|check| !told.checks.contains(check));
        self.note(&waiting);
    }

    /// Nobody is there to be asked.
    pub(crate) fn forget_checks(&self) {
        self.lock().checks.clear();
    }

    /// Invalidations that wait.
    pub(crate) fn len(&self) -> usize {
        self.invalidations.load(Ordering::Acquire)
    }

    fn add(&self, change: impl FnOnce(&mut Waiting) -> u64) {
        let mut waiting = self.lock();
        let number = change(&mut waiting);
        if waiting.tags.len() + waiting.keys.len() > MOST || waiting.patterns.len() > MOST_PATTERNS {
            let everything = (Box::from(ALL_TAG), TagNews { state: number, is_expiry: false });
            // What is said of numbers and asked of others holds all the same.
            let before = std::mem::take(&mut *waiting);
            *waiting = Waiting {
                tags: HashMap::from([everything]),
                marks: before.marks.iter().max().copied().into_iter().collect(),
                is_anew: before.is_anew,
                checks: before.checks,
                ..Waiting::default()
            };
        }
        self.note(&waiting);
        drop(waiting);
        self.wake.notify_one();
    }

    fn note(&self, waiting: &Waiting) {
        let invalidations = waiting.tags.len() + waiting.keys.len() + waiting.patterns.len();
        self.invalidations.store(invalidations, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removal(state: u64) -> TagNews {
        TagNews { state, is_expiry: false }
    }

    #[test]
    fn the_newest_of_a_tag_waits_and_a_removal_is_not_softened() {
        let outbox = Outbox::default();
        outbox.tag("t", removal(1));
        outbox.tag("t", TagNews { state: 2, is_expiry: true });
        assert_eq!(outbox.waiting().tags[&Box::from("t")], removal(2));
        assert!(outbox.touches("k", &["s", "t"]) && !outbox.touches("k", &["s"]));
    }

    #[test]
    fn what_came_after_the_telling_waits_on() {
        let outbox = Outbox::default();
        outbox.tag("t", removal(1));
        outbox.key("k", 2);
        outbox.pattern("http:*", 3);
        let told = outbox.waiting();
        outbox.tag("t", removal(4));
        outbox.done(&told);
        assert_eq!(outbox.len(), 1);
        assert!(outbox.touches("other", &["t"]) && !outbox.touches("k", &["s"]));
        assert!(!outbox.touches("http:/x", &["s"]));
        outbox.done(&outbox.waiting());
        assert!(outbox.waiting().is_empty());
    }

    #[test]
    fn too_much_becomes_everything() {
        let outbox = Outbox::default();
        for number in 0..=MOST as u64 {
            outbox.tag(&format!("t{number}"), removal(number));
        }
        let waiting = outbox.waiting();
        assert_eq!(waiting.tags.keys().map(AsRef::as_ref).collect::<Vec<_>>(), ["all"]);
        assert!(outbox.touches("any", &["all"]));
        outbox.pattern("a*", 1);
        assert!(outbox.touches("any", &["all"]));
    }
}
