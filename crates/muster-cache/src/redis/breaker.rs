//! What a link consists of, and the state of its breaker. Who asks only ever moves it from `Up` to `Doubted`; everything
//! else is the keeper's.

use std::sync::{
    Mutex, PoisonError, RwLock,
    atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
};

use redis::{Client, aio::MultiplexedConnection};
use tokio::sync::Notify;

use super::{
    config::{RedisConfig, RedisConfigError},
    keys::Keys,
    stats::{LinkCounters, LinkState},
};

pub(super) struct Shared {
    pub(super) config: RedisConfig,
    pub(super) client: Client,
    /// The address without secrets.
    pub(super) place: String,
    pub(super) keys: Keys,
    /// Tells this process from all others on the bus.
    pub(super) id: u64,
    pub(super) counters: LinkCounters,
    /// Something went wrong on the path of a request.
    pub(super) doubted: Notify,
    /// Highest number of a change of which this node knows that Redis was told; zero if of none.
    pub(super) told: AtomicU64,
    /// The process of the server, if it says so.
    process: Mutex<Option<String>>,
    chance: Box<dyn Fn() -> u64 + Send + Sync>,
    state: AtomicU8,
    lanes: RwLock<Vec<MultiplexedConnection>>,
    next: AtomicUsize,
    drawn: AtomicU64,
}

impl Shared {
    pub(super) fn new(
        config: RedisConfig,
        chance: Box<dyn Fn() -> u64 + Send + Sync>,
    ) -> Result<Self, RedisConfigError> {
        let (client, place) = config.client()?;
        Ok(Self {
            client,
            place,
            keys: Keys::new(&config.prefix),
            config,
            id: chance().max(1),
            counters: LinkCounters::default(),
            doubted: Notify::new(),
            told: AtomicU64::new(0),
            process: Mutex::default(),
            chance,
            state: AtomicU8::new(LinkState::Down as u8),
            lanes: RwLock::default(),
            next: AtomicUsize::new(0),
            drawn: AtomicU64::new(0),
        })
    }

    pub(super) fn draw(&self) -> u64 {
        // The count, so that even a chance that repeats itself does not do so at once.
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        ((self.chance)() ^ drawn).max(1)
    }

    pub(super) fn state(&self) -> LinkState {
        match self.state.load(Ordering::Acquire) {
            state if state == LinkState::Up as u8 => LinkState::Up,
            state if state == LinkState::Doubted as u8 => LinkState::Doubted,
            _ => LinkState::Down,
        }
    }

    pub(super) fn doubt(&self) {
        let (up, doubted) = (LinkState::Up as u8, LinkState::Doubted as u8);
        if self.state.compare_exchange(up, doubted, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            tracing::debug!(redis.place = %self.place, "Redis is late; it is not asked until it gives a sign of life");
        }
        self.doubted.notify_one();
    }

    pub(super) fn process(&self) -> Option<String> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_process(&self, process: Option<String>) {
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = process;
    }

    pub(super) fn note_told(&self, change: u64) {
        self.told.fetch_max(change, Ordering::AcqRel);
    }

    /// Redis was told of all changes up to `change`; `is_anew` if numbers begin anew with it.
    pub(super) fn heard_told(&self, change: u64, is_anew: bool) {
        if is_anew {
            self.told.store(change, Ordering::Release);
        } else {
            self.note_told(change);
        }
    }

    pub(super) fn set_state(&self, state: LinkState) {
        self.state.store(state as u8, Ordering::Release);
    }

    pub(super) fn set_lanes(&self, lanes: Vec<MultiplexedConnection>) {
        *self.lanes.write().unwrap_or_else(PoisonError::into_inner) = lanes;
    }

    pub(super) fn lanes(&self) -> Vec<MultiplexedConnection> {
        self.lanes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A connection that may be used now, in turn.
    pub(super) fn lane(&self) -> Option<MultiplexedConnection> {
        if self.state() != LinkState::Up {
            return None;
        }
        let lanes = self.lanes.read().unwrap_or_else(PoisonError::into_inner);
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        lanes.get(turn % lanes.len().max(1)).cloned()
    }
}
