//! The one link to Redis, and its breaker. Who asks on the path of a request never connects, never waits longer than
//! [`REQUEST_LIMIT`], and after the first answer that is late or missing nobody asks at all until a sign of life says that
//! it is worth while. What a request waits in all is bounded besides (`patience.rs`).
//!
//! Connecting, signs of life and giving up are the keeper's (`keeper.rs`); here is only what it left at hand.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use redis::{FromRedisValue, Pipeline, RedisResult, ScriptInvocation, aio::MultiplexedConnection};
use tokio::time::Instant;

use super::{
    breaker::Shared,
    config::{RedisConfig, RedisConfigError},
    keeper,
    keys::Keys,
    stats::{LinkCounters, LinkState},
};
use crate::{patience::Patience, stats::count};

/// Longest wait for one answer on the path of a request.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_millis(100);
/// An answer later than this is taken, and the next question waits for a sign of life.
const LATE: Duration = Duration::from_millis(60);

/// A link to Redis; clones share it. It is given up when the last is dropped.
#[derive(Clone)]
pub struct RedisLink(pub(super) Arc<Shared>);

impl RedisLink {
    /// Begins to connect, in the background: whether Redis is there or not delays nothing. `chance` gives any 64 bits.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn start(
        config: RedisConfig,
        chance: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Result<Self, RedisConfigError> {
        let shared = Arc::new(Shared::new(config, Box::new(chance))?);
        tokio::spawn(keeper::keep(Arc::downgrade(&shared)));
        Ok(Self(shared))
    }

    /// What the breaker says now.
    pub fn state(&self) -> LinkState {
        self.0.state()
    }

    /// Where Redis is, without secrets.
    pub fn place(&self) -> &str {
        &self.0.place
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(crate) fn config(&self) -> &RedisConfig {
        &self.0.config
    }

    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }

    pub(crate) fn counters(&self) -> &LinkCounters {
        &self.0.counters
    }

    /// A number that nobody else draws: the state of a tag, the name of a question. Never zero.
    pub(crate) fn draw(&self) -> u64 {
        self.0.draw()
    }

    /// The answers to `questions`, which are asked together, or `None` if there are none in time: within
    /// [`REQUEST_LIMIT`], and what is left of `patience`.
    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        questions: &Pipeline,
        patience: &Patience,
    ) -> Option<T> {
        self.patiently(Some(patience), async |limit| self.ask_within(questions, limit).await).await
    }

    /// The same for what nobody waits for.
    pub(crate) async fn ask_patiently<T: FromRedisValue>(&self, questions: &Pipeline) -> Option<T> {
        self.ask_within(questions, self.0.config.background_timeout()).await
    }

    /// What a script says, with its keys and arguments, on the path of the request that runs here, if it is one.
    pub(crate) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Option<T> {
        let run = async |lane: &mut MultiplexedConnection| script.invoke_async(lane).await;
        let patience = Patience::of_this_request();
        self.patiently(patience.as_ref(), async |limit| self.within(limit, 1, run).await).await
    }

    async fn patiently<T>(
        &self,
        patience: Option<&Patience>,
        ask: impl AsyncFnOnce(Duration) -> Option<T>,
    ) -> Option<T> {
        let Some(patience) = patience else { return ask(REQUEST_LIMIT).await };
        let limit = patience.left().min(REQUEST_LIMIT);
        if limit.is_zero() {
            count(&self.counters().skipped);
            return None;
        }
        let begin = Instant::now();
        let answer = ask(limit).await;
        patience.spend(begin.elapsed());
        answer
    }

    async fn ask_within<T: FromRedisValue>(&self, questions: &Pipeline, limit: Duration) -> Option<T> {
        let ask = async |lane: &mut MultiplexedConnection| questions.query_async(lane).await;
        self.within(limit, questions.len() as u64, ask).await
    }

    async fn within<T>(
        &self,
        limit: Duration,
        commands: u64,
        ask: impl AsyncFnOnce(&mut MultiplexedConnection) -> RedisResult<T>,
    ) -> Option<T> {
        let shared = &self.0;
        let Some(mut lane) = shared.lane() else {
            count(&shared.counters.skipped);
            return None;
        };
        shared.counters.commands.fetch_add(commands, Ordering::Relaxed);
        let begin = Instant::now();
        match tokio::time::timeout(limit, ask(&mut lane)).await {
            Ok(Ok(answer)) => {
                if begin.elapsed() > LATE {
                    shared.doubt();
                }
                Some(answer)
            }
            Ok(Err(error)) => {
                count(&shared.counters.errors);
                tracing::debug!(redis.place = %shared.place, %error, "Redis refused a question");
                // An answer, even a refusal, is a sign of life; a broken connection is none.
                if error.is_io_error() || error.is_unrecoverable_error() {
                    shared.doubt();
                }
                None
            }
            Err(_) => {
                count(&shared.counters.timeouts);
                // Where only the patience of who asks ended, it is not late yet.
                if limit > LATE {
                    shared.doubt();
                }
                None
            }
        }
    }
}
