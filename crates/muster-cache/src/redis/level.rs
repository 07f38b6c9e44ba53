//! The second level: values in Redis, shared by all nodes. Only a load asks here, so that a hit costs no command; and a
//! load asks once, by one round trip for the value, the state of its tags and the time that is left of it.
//!
//! The state of a tag is a number drawn anew by each invalidation. A value carries the states that were read *before* it
//! was loaded, and is good while they are the same: a late writer writes something that nobody takes. A tag without a
//! state (evicted, flushed) makes a miss, and gets a new one that no older value can carry.
//!
//! One node loads for all, as far as that costs nothing: who finds another loading waits a moment for its value, then
//! loads itself.

use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use redis::Pipeline;
use tokio::{
    sync::{broadcast, watch},
    time::sleep,
};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    checks::Checks,
    envelope::{self, Opened, Parcel, Unreadable},
    link::RedisLink,
    outbox::Outbox,
    stats::SharedStats,
};
use crate::{patience::Patience, stats::count, tags::TagTable};

/// How long a load claims to be the only one: a little longer than others wait for it.
const LOCK: Duration = Duration::from_millis(250);
const POLL: Duration = Duration::from_millis(15);
/// A tag's state is forgotten after this long without an invalidation; what depended on it is then a miss.
pub(super) const STATE_LIFE: Duration = Duration::from_hours(8 * 24);
/// Milliseconds of age that are trusted while messages of other nodes may be missing.
const CUT_OFF_TRUST: u64 = 15_000;
/// News that may wait to be told; more is lost.
const NEWS: usize = 64;
/// News of others that may wait to be heard.
const NEWS_KEPT: usize = 1024;
/// Changes of other nodes that are remembered.
const MARKS: usize = 4096;

pub(crate) struct Level {
    pub(crate) link: RedisLink,
    pub(crate) outbox: Outbox,
    pub(crate) checks: Checks,
    /// Print of the version that can read what we write.
    schema: u64,
    is_synced: AtomicBool,
    /// Whoever numbers changes is sure that Redis was told of all that came before.
    is_caught_up: AtomicBool,
    /// Milliseconds of age that an entry of the first level may have: all, or 15 s while messages may be missing.
    trust: AtomicU64,
    known_marks: Mutex<Marks>,
    /// Counts messages that named changes.
    pub(super) heard: watch::Sender<u64>,
    /// News for the other nodes that is not told yet.
    news: Mutex<Vec<String>>,
    /// News of the other nodes.
    pub(super) passed: broadcast::Sender<String>,
}

#[derive(Default)]
struct Marks {
    known: HashSet<u64>,
    order: VecDeque<u64>,
}

/// What a value depends on, and who wants it.
pub(crate) struct Wanted<'a> {
    pub(crate) key: &'a str,
    /// Its key there: the same, or one of this node alone.
    pub(crate) name: &'a str,
    /// `all`, the tag of its type, its own.
    pub(crate) tags: &'a [String],
    /// Age of what is held already: only what is clearly younger is an answer then.
    pub(crate) held: Option<Duration>,
}

pub(crate) enum Look {
    Found(Arrived),
    /// Load it; what was loaded may be stored with this.
    Absent(Claim),
    /// Load it, and do not store it here.
    Away,
}

pub(crate) struct Arrived {
    pub(crate) parcel: Parcel,
    pub(crate) age: Duration,
    pub(crate) ttl: Duration,
}

/// Redis does not answer now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Redis does not answer now")]
pub struct Away;

/// The right to store what is loaded now.
pub(crate) struct Claim {
    /// The states of the tags before the load.
    states: Vec<u64>,
    /// Tells other nodes that somebody loads.
    lock: String,
}

/// The value and what is left of it; the states of its tags.
type Reading = (Vec<Option<Vec<u8>>>, i64);

impl Level {
    pub(crate) fn new(link: RedisLink) -> Self {
        let schema = xxh3_64(link.config().schema.as_bytes());
        Self {
            link,
            outbox: Outbox::default(),
            checks: Checks::default(),
            schema,
            is_synced: AtomicBool::new(false),
            is_caught_up: AtomicBool::new(true),
            trust: AtomicU64::new(CUT_OFF_TRUST),
            known_marks: Mutex::default(),
            heard: watch::Sender::new(0),
            news: Mutex::default(),
            passed: broadcast::Sender::new(NEWS_KEPT),
        }
    }

    /// News for the other nodes, if they can be told now.
    pub(crate) fn pass_on(&self, news: String) {
        let mut waiting = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_synced.load(Ordering::Relaxed) && waiting.len() < NEWS {
            waiting.push(news);
            self.outbox.wake.notify_one();
        }
    }

    /// Takes out what waits to be told.
    pub(super) fn take_news(&self) -> Vec<String> {
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hears the news of other nodes from now on.
    pub(crate) fn passed(&self) -> broadcast::Receiver<String> {
        self.passed.subscribe()
    }

    /// Looks for a value before it is loaded.
    pub(crate) async fn look(
        &self,
        wanted: &Wanted<'_>,
        patience: &Patience,
        table: &TagTable,
        now_millis: u64,
    ) -> Look {
        let counters = self.link.counters();
        let mut is_waiting = false;
        let mut claimed: Option<Vec<u64>> = None;
        loop {
            if !self.is_caught_up() || self.outbox.touches(wanted.key, wanted.tags) {
                return Look::Away;
            }
            let Some((mut found, left)) = self.read(wanted, patience).await else { return Look::Away };
            let value = if found.is_empty() { None } else { found.remove(0) };
            let Some(states) = self.states(wanted, &found, patience).await else { return Look::Away };
            for (tag, state) in wanted.tags.iter().zip(&states) {
                table.learn(tag, *state, now_millis);
            }
            if let Some(value) = value
                && let Some(arrived) = self.judge(wanted, &value, left, &states, patience).await
            {
                count(&counters.hits);
                counters.bytes_read.fetch_add(value.len() as u64, Ordering::Relaxed);
                return Look::Found(arrived);
            }
            if claimed.as_ref() != Some(&states) {
                // At first, or after an invalidation: then the other's load is worthless.
                if !self.is_other_loading(&self.lock(wanted.name, &states), patience).await {
                    count(&counters.misses);
                    return Look::Absent(self.claim(wanted.name, states));
                }
                if !std::mem::replace(&mut is_waiting, true) {
                    count(&counters.awaited);
                }
            }
            if patience.left() <= POLL {
                count(&counters.misses);
                return Look::Absent(self.claim(wanted.name, states));
            }
            claimed = Some(states);
            let begin = Instant::now();
            sleep(POLL).await;
            patience.spend(begin.elapsed());
        }
    }

    /// The end of a load under `claim`: stores what it brought, if that is to be stored, and lets others load.
    pub(crate) async fn finish(
        &self,
        wanted: &Wanted<'_>,
        claim: &Claim,
        loaded: Option<(Parcel, Duration)>,
    ) {
        let counters = self.link.counters();
        let sealed = loaded.and_then(|(parcel, ttl)| self.seal(&parcel, ttl, claim));
        let sealed = sealed.filter(|_| !self.outbox.touches(wanted.key, wanted.tags));
        let mut questions = Pipeline::new();
        if let Some((bytes, ttl_millis)) = &sealed {
            let key = self.link.keys().value(wanted.name);
            questions.cmd("SET").arg(key).arg(bytes).arg("PX").arg(ttl_millis).ignore();
        }
        // It may be another's by now, if this took long: then there is one load more.
        questions.cmd("DEL").arg(&claim.lock).ignore();
        if let (Some(()), Some((bytes, _))) = (self.link.ask_patiently(&questions).await, sealed) {
            count(&counters.writes);
            counters.bytes_written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
    }

    /// The envelope and its time to live in milliseconds; `None` if it cannot be stored.
    fn seal(&self, parcel: &Parcel, ttl: Duration, claim: &Claim) -> Option<(Vec<u8>, u64)> {
        let ttl_millis = u64::try_from(ttl.as_millis()).ok().filter(|ttl| *ttl > 0)?;
        let bytes = envelope::seal(parcel, self.schema, ttl_millis, &claim.states)?;
        if bytes.len() > self.link.config().max_value_bytes {
            count(&self.link.counters().oversized);
            return None;
        }
        Some((bytes, ttl_millis))
    }

    /// What could be opened but not be used.
    pub(crate) async fn discard(&self, key: &str, patience: &Patience) {
        count(&self.link.counters().poisoned);
        tracing::warn!(cache.key = key, "a value in Redis cannot be read; it is deleted");
        let mut questions = Pipeline::new();
        questions.cmd("DEL").arg(self.link.keys().value(key)).ignore();
        // Not deleted, it is met again, and is a miss again.
        let _ = self.link.ask::<()>(&questions, patience).await;
    }

    async fn read(&self, wanted: &Wanted<'_>, patience: &Patience) -> Option<Reading> {
        let keys = self.link.keys();
        let value = keys.value(wanted.name);
        let mut questions = Pipeline::new();
        questions.cmd("MGET").arg(&value);
        for tag in wanted.tags {
            questions.arg(keys.tag(tag));
        }
        questions.cmd("PTTL").arg(&value);
        self.link.ask(&questions, patience).await
    }

    /// The states as they were read, those that were missing drawn now.
    async fn states(
        &self,
        wanted: &Wanted<'_>,
        found: &[Option<Vec<u8>>],
        patience: &Patience,
    ) -> Option<Vec<u64>> {
        let known: Vec<_> = found.iter().map(|state| state.as_deref().and_then(parse_state)).collect();
        if known.iter().all(Option::is_some) {
            return known.into_iter().collect();
        }
        let keys = self.link.keys();
        let mut questions = Pipeline::new();
        for (tag, _) in wanted.tags.iter().zip(&known).filter(|(_, state)| state.is_none()) {
            // Somebody else may draw it at the same time: the first counts.
            set_state(&mut questions, keys.tag(tag), self.link.draw()).arg("NX").ignore();
        }
        questions.cmd("MGET");
        for tag in wanted.tags {
            questions.arg(keys.tag(tag));
        }
        let (drawn,): (Vec<Option<Vec<u8>>>,) = self.link.ask(&questions, patience).await?;
        drawn.iter().map(|state| state.as_deref().and_then(parse_state)).collect()
    }

    /// Whether what was found can be used.
    async fn judge(
        &self,
        wanted: &Wanted<'_>,
        bytes: &[u8],
        left: i64,
        states: &[u64],
        patience: &Patience,
    ) -> Option<Arrived> {
        let opened = match envelope::open(bytes, self.schema) {
            Ok(opened) => opened,
            Err(Unreadable::Foreign) => {
                count(&self.link.counters().foreign);
                return None;
            }
            Err(Unreadable::Poisoned) => {
                self.discard(wanted.name, patience).await;
                return None;
            }
        };
        let Opened { parcel, ttl_millis, states: loaded_under } = opened;
        // Without an end it is not ours; past it, it is gone.
        let left = u64::try_from(left).ok().filter(|left| *left > 0 && *left <= ttl_millis)?;
        let age = Duration::from_millis(ttl_millis - left);
        // Two ages of one value differ by the way to Redis: half is beyond doubt.
        let is_younger = wanted.held.is_none_or(|held| age < held / 2);
        (loaded_under == states && is_younger).then_some(Arrived {
            parcel,
            age,
            ttl: Duration::from_millis(ttl_millis),
        })
    }

    /// Whether another node began to load the same a moment ago. If not, we did.
    async fn is_other_loading(&self, lock: &str, patience: &Patience) -> bool {
        let mut questions = Pipeline::new();
        questions.cmd("SET").arg(lock).arg(self.link.id()).arg("NX");
        questions.arg("PX").arg(u64::try_from(LOCK.as_millis()).unwrap_or(u64::MAX)).ignore();
        questions.cmd("GET").arg(lock);
        // Without an answer nobody is waited for.
        let holder: Option<(Option<u64>,)> = self.link.ask(&questions, patience).await;
        holder.and_then(|(holder,)| holder).is_some_and(|holder| holder != self.link.id())
    }

    fn claim(&self, key: &str, states: Vec<u64>) -> Claim {
        Claim { lock: self.lock(key, &states), states }
    }

    /// Of a load of `key` under these states, by our version of the program.
    fn lock(&self, key: &str, states: &[u64]) -> String {
        let print = states.iter().fold(self.schema, |print, state| print.rotate_left(7) ^ state);
        self.link.keys().lock(key, print)
    }

    pub(crate) fn stats(&self) -> SharedStats {
        let link = &self.link;
        SharedStats::read(link.counters(), link.place(), link.state(), self.is_synced(), self.outbox.len())
    }

    pub(crate) fn is_synced(&self) -> bool {
        self.is_synced.load(Ordering::Acquire)
    }

    /// The key of what tells of this node alone.
    pub(crate) fn own_name(&self, key: &str) -> String {
        format!("{key}@{}", self.link.config().node)
    }

    pub(crate) fn is_caught_up(&self) -> bool {
        self.is_caught_up.load(Ordering::Acquire)
    }

    pub(crate) fn set_caught_up(&self, is_caught_up: bool) {
        self.is_caught_up.store(is_caught_up, Ordering::Release);
    }

    /// The number of the last change that was told; `Err` if Redis does not say now.
    pub(crate) async fn told(&self) -> Result<Option<u64>, Away> {
        let mut questions = Pipeline::new();
        questions.cmd("GET").arg(self.link.keys().told());
        let told: Option<(Option<u64>,)> = self.link.ask_patiently(&questions).await;
        told.map(|(told,)| told).ok_or(Away)
    }

    /// Says what it was before.
    pub(super) fn set_synced(&self, is_synced: bool) -> bool {
        self.trust.store(if is_synced { u64::MAX } else { CUT_OFF_TRUST }, Ordering::Release);
        self.is_synced.swap(is_synced, Ordering::AcqRel)
    }

    /// The age up to which the first level may be believed.
    pub(crate) fn trust(&self) -> Duration {
        Duration::from_millis(self.trust.load(Ordering::Relaxed))
    }

    /// The number of an invalidation that another node has done for all.
    pub(super) fn note_mark(&self, mark: u64) {
        let mut marks = self.known_marks.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.known.insert(mark) {
            marks.order.push_back(mark);
        }
        if marks.order.len() > MARKS
            && let Some(oldest) = marks.order.pop_front()
        {
            marks.known.remove(&oldest);
        }
    }

    /// Changes when another node tells of changes of the sequence.
    pub(crate) fn heard(&self) -> watch::Receiver<u64> {
        self.heard.subscribe()
    }

    /// Numbers of changes begin anew.
    pub(crate) fn forget_marks(&self) {
        *self.known_marks.lock().unwrap_or_else(PoisonError::into_inner) = Marks::default();
    }

    pub(crate) fn is_known(&self, mark: u64) -> bool {
        self.known_marks.lock().unwrap_or_else(PoisonError::into_inner).known.contains(&mark)
    }
}

/// Gives a tag a new state; the caller may add a condition.
fn set_state(questions: &mut Pipeline, key: String, state: u64) -> &mut Pipeline {
    let life = u64::try_from(STATE_LIFE.as_millis()).unwrap_or(u64::MAX);
    questions.cmd("SET").arg(key).arg(state_text(state)).arg("PX").arg(life)
}

/// As it lies in Redis.
pub(super) fn state_text(state: u64) -> String {
    format!("{state:016x}")
}

/// Zero is what the table calls "not known", so it is no state.
pub(super) fn parse_state(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    u64::from_str_radix(text, 16).ok().filter(|state| *state != 0)
}
