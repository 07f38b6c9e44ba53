//! Tags as counters. A tag is interned once and counts how often it was invalidated; an entry keeps the counters it
//! depends on with the values they had before its load began, and is valid while they agree. So an invalidation is one
//! increment, whatever number of entries it hits, and it also hits the loads that are still running.
//!
//! A counter is forgotten only when nothing holds it: only then can nobody mistake its successor for it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The tag that every entry carries.
pub const ALL_TAG: &str = "all";

/// A tag that nothing carries: its state in the second level changes when something is removed by its key or a pattern. So
/// who missed that sees that there was something to be missed.
pub(crate) const BY_KEY_TAG: &str = "by_key";

/// Sweeping starts above this many tags.
const SWEEP_FROM: usize = 256;

/// One tag's counters.
#[derive(Debug, Default)]
pub(crate) struct Tag {
    removed: AtomicU64,
    expired: AtomicU64,
    /// When it was last invalidated, in milliseconds of the cache's life; for the statistics of change.
    changed_at: AtomicU64,
    /// Its state in the second level, as far as this node knows; zero if it does not.
    shared_state: AtomicU64,
}

impl Tag {
    pub(crate) fn remove(&self, at_millis: u64) {
        self.changed_at.fetch_max(at_millis, Ordering::Relaxed);
        self.removed.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn expire(&self, at_millis: u64) {
        self.changed_at.fetch_max(at_millis, Ordering::Relaxed);
        self.expired.fetch_add(1, Ordering::AcqRel);
    }

    /// Notes its state in the second level, zero for "not known", and says what was known before.
    pub(crate) fn swap_shared_state(&self, state: u64) -> u64 {
        self.shared_state.swap(state, Ordering::AcqRel)
    }
}

/// A tag and what it said when we looked.
#[derive(Debug)]
struct Mark {
    tag: Arc<Tag>,
    removed: u64,
    expired: u64,
}

impl Mark {
    fn of(tag: &Arc<Tag>) -> Self {
        let (removed, expired) = (tag.removed.load(Ordering::Acquire), tag.expired.load(Ordering::Acquire));
        Self { tag: Arc::clone(tag), removed, expired }
    }

    fn standing(&self) -> Standing {
        if self.tag.removed.load(Ordering::Acquire) != self.removed {
            Standing::Removed
        } else if self.tag.expired.load(Ordering::Acquire) != self.expired {
            Standing::Expired
        } else {
            Standing::Current
        }
    }
}

/// What became of a stamp; the later one is the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    Current,
    Expired,
    Removed,
}

/// The state of some tags at one moment. Take it *before* reading what will be put into the cache: what is invalidated
/// in between is then not lost. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stamp(Arc<Seen>);

#[derive(Debug)]
struct Seen {
    /// "All" and the tags that were named.
    marks: Vec<Mark>,
    /// The tag of each type of data that the stamp can be used for, by the type's index.
    types: Vec<(usize, Mark)>,
    /// Removals of single keys up to this one are known.
    removals: u64,
}

impl Stamp {
    /// What became of it, as far as an entry of the type with index `of` is concerned.
    pub(crate) fn standing(&self, of: usize) -> Standing {
        let types = self.0.types.iter().filter(|(index, _)| *index == of).map(|(_, mark)| mark);
        let mut worst = Standing::Current;
        for mark in types.chain(&self.0.marks) {
            worst = worst.max(mark.standing());
        }
        worst
    }

    pub(crate) fn removals(&self) -> u64 {
        self.0.removals
    }

    /// When the first of its tags to change after the stamp did so last, in milliseconds of the cache's life.
    pub(crate) fn changed_at(&self, of: usize) -> Option<u64> {
        let types = self.0.types.iter().filter(|(index, _)| *index == of).map(|(_, mark)| mark);
        let changed = types.chain(&self.0.marks).filter(|mark| mark.standing() > Standing::Current);
        changed.map(|mark| mark.tag.changed_at.load(Ordering::Relaxed)).min()
    }
}

/// All tags that anything depends on.
pub(crate) struct TagTable {
    all: Arc<Tag>,
    /// Held, so that it is compared.
    _by_key: Arc<Tag>,
    types: Vec<Arc<Tag>>,
    named: Mutex<Named>,
}

struct Named {
    tags: HashMap<Box<str>, Arc<Tag>>,
    sweep_above: usize,
}

impl TagTable {
    /// `all` and `types` are the names of the tags that every entry, or every entry of a type, carries.
    pub(crate) fn new<'a>(all: &str, types: impl Iterator<Item = &'a str>) -> Self {
        let mut tags = HashMap::new();
        let mut own = |name: &str| Arc::clone(tags.entry(Box::from(name)).or_default());
        let (all, by_key) = (own(all), own(BY_KEY_TAG));
        let types = types.map(own).collect();
        Self { all, _by_key: by_key, types, named: Mutex::new(Named { tags, sweep_above: SWEEP_FROM }) }
    }

    /// The state of `names` now, for an entry of the type `of`, or of any type.
    pub(crate) fn stamp(&self, of: Option<usize>, names: &[&str], removals: u64) -> Stamp {
        let mut marks = Vec::with_capacity(names.len() + 1);
        marks.push(Mark::of(&self.all));
        if !names.is_empty() {
            let mut table = self.lock();
            marks.extend(names.iter().map(|name| Mark::of(table.intern(name))));
        }
        let types = match of {
            Some(of) => vec![(of, Mark::of(&self.types[of]))],
            None => self.types.iter().map(Mark::of).enumerate().collect(),
        };
        Stamp(Arc::new(Seen { marks, types, removals }))
    }

    /// The tag of that name, if anything depends on it.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Tag>> {
        self.lock().tags.get(name).cloned()
    }

    /// Notes the state that a tag has in the second level now: if it was another, an invalidation has not been heard of.
    pub(crate) fn learn(&self, name: &str, state: u64, at_millis: u64) {
        if let Some(tag) = self.find(name) {
            let known = tag.swap_shared_state(state);
            if known != 0 && known != state {
                tag.remove(at_millis);
            }
        }
    }

    /// The names of all tags that anything depends on.
    pub(crate) fn names(&self) -> Vec<Box<str>> {
        let mut named = self.lock();
        named.sweep();
        named.tags.keys().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        let mut named = self.lock();
        named.sweep();
        named.tags.len()
    }

    fn lock(&self) -> MutexGuard<'_, Named> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Named {
    fn intern(&mut self, name: &str) -> &Arc<Tag> {
        if !self.tags.contains_key(name) {
            if self.tags.len() >= self.sweep_above {
                self.sweep();
                self.sweep_above = SWEEP_FROM.max(2 * self.tags.len());
            }
            self.tags.insert(Box::from(name), Arc::default());
        }
        &self.tags[name]
    }

    /// A count of one means the table alone: new holders can only come through the table, whose lock we have.
    fn sweep(&mut self) {
        self.tags.retain(|_, tag| Arc::strong_count(tag) > 1);
    }
}
