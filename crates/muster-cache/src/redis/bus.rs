//! The way by which nodes hear of invalidations: a connection of its own that listens, so that a burst of messages never
//! delays a question. It tells what waits in the outbox, applies what others tell, and reads the states of all tags again
//! now and then, which heals a message that was lost.
//!
//! Cut off, a node says so (`Level::set_synced`), trusts what it holds no longer than 15 s, and takes everything back into
//! doubt when it is on the bus again: first it listens, then it tells what waited, then it compares all tags.

use std::{
    collections::VecDeque,
    sync::{
        Arc, LazyLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, FromRedisValue, Pipeline, PushInfo, PushKind, RedisResult, Script, Value,
    aio::MultiplexedConnection,
};
use tokio::{
    sync::mpsc,
    time::{Instant, interval, sleep, timeout},
};

use super::{
    keeper,
    level::{Level, STATE_LIFE, parse_state, state_text},
    message::Message,
    origin,
    outbox::Waiting,
};
use crate::{engine::Engine, stats::count};

/// Messages that may wait to be applied; beyond it all tags are compared instead.
const QUEUE: usize = 1024;
/// Tags and keys asked for at once.
const BATCH: usize = 500;
/// What was deleted by its key is deleted once more after this time, longer than any store that was under way.
const SECOND_DELETION: Duration = Duration::from_millis(1500);

static TELL: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("tell.lua")));

/// For as long as the cache is used.
pub(crate) async fn run(engine: Weak<Engine>) {
    let mut tries = 0;
    loop {
        let reason = match Session::open(&engine).await {
            None => return,
            Some(Err(reason)) => reason,
            Some(Ok(session)) => {
                tries = 0;
                let Some(reason) = session.serve(&engine).await else { return };
                reason
            }
        };
        let Some(engine) = engine.upgrade() else { return };
        let Some(level) = &engine.level else { return };
        level.outbox.forget_checks();
        if level.set_synced(false) {
            count(&level.link.counters().cut_off);
            tracing::warn!(redis.place = level.link.place(), %reason, "cut off from the other nodes' invalidations; what is held here is loaded anew after 15 s until that is mended");
        } else {
            tracing::debug!(redis.place = level.link.place(), %reason, "still cut off from the other nodes' invalidations");
        }
        drop(engine);
        sleep(keeper::pause(&mut tries)).await;
    }
}

struct Session {
    connection: MultiplexedConnection,
    pushes: mpsc::Receiver<PushInfo>,
    /// A message was dropped because too many waited.
    is_behind: Arc<AtomicBool>,
    limit: Duration,
    /// When which values are to be deleted once more.
    deletions: VecDeque<(Instant, Vec<String>)>,
}

/// Why a session ended.
type Lost = String;

impl Session {
    /// `None` if nobody uses the cache any more.
    async fn open(engine: &Weak<Engine>) -> Option<Result<Self, Lost>> {
        let engine = engine.upgrade()?;
        let level = Arc::clone(engine.level.as_ref()?);
        drop(engine);
        let shared = &level.link.0;
        let (sender, pushes) = mpsc::channel(QUEUE);
        let is_behind = Arc::new(AtomicBool::new(false));
        let behind = Arc::clone(&is_behind);
        let push = move |info: PushInfo| {
            // The answers of the library to this are for senders that can fail for good.
            if let Err(mpsc::error::TrySendError::Full(_)) = sender.try_send(info) {
                behind.store(true, Ordering::Release);
            }
            Ok::<(), redis::aio::SendError>(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(shared.config.connect_timeout()))
            .set_response_timeout(None)
            .set_push_sender(push);
        let limit = shared.config.background_timeout();
        let opened = async {
            let mut connection = shared
                .client
                .get_multiplexed_async_connection_with_config(&config)
                .await
                .map_err(|error| error.to_string())?;
            match timeout(limit, connection.subscribe(level.link.keys().channel())).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => return Err("no answer to SUBSCRIBE".to_owned()),
            }
            // Before anything is told: that would hide how old it is.
            origin::verify(shared, &mut connection).await.map_err(|error| error.to_string())?;
            Ok(connection)
        };
        let opened = opened.await;
        Some(opened.map(|connection| Self {
            connection,
            pushes,
            is_behind,
            limit,
            deletions: VecDeque::new(),
        }))
    }

    /// Until the connection is lost, and why; `None` if nobody uses the cache any more.
    async fn serve(mut self, engine: &Weak<Engine>) -> Option<Lost> {
        let level = Arc::clone(engine.upgrade()?.level.as_ref()?);
        if let Err(lost) = self.tell(&level).await {
            return Some(lost);
        }
        let resynced = self.compare(engine, Unknown::Doubted).await?;
        if let Err(lost) = resynced {
            return Some(lost);
        }
        level.set_synced(true);
        tracing::info!(redis.place = level.link.place(), "invalidations are shared with the other nodes");
        let config = level.link.config();
        let mut signs = interval(config.heartbeat);
        let mut compared = Instant::now();
        let resync = config.resync;
        loop {
            let done = tokio::select! {
                push = self.pushes.recv() => match push {
                    Some(push) => self.hear(engine.upgrade()?.as_ref(), &level, &push).await,
                    None => Err("the connection ended".to_owned()),
                },
                () = level.outbox.wake.notified() => self.tell_all(&level).await,
                _ = signs.tick() => self.live(&level).await,
            };
            if let Err(lost) = done {
                return Some(lost);
            }
            let is_behind = self.is_behind.swap(false, Ordering::AcqRel);
            if is_behind {
                // What was lost may have named a key or a pattern, which no state tells of.
                engine.upgrade()?.distrust();
            }
            if is_behind || compared.elapsed() >= resync {
                compared = Instant::now();
                let unknown = if is_behind { Unknown::Doubted } else { Unknown::Taken };
                if let Err(lost) = self.compare(engine, unknown).await? {
                    return Some(lost);
                }
            }
            // The cache may have been dropped while this waited.
            drop(engine.upgrade()?);
        }
    }

    /// What must not be lost, and then what may.
    async fn tell_all(&mut self, level: &Level) -> Result<(), Lost> {
        self.tell(level).await?;
        let news = level.take_news();
        if news.is_empty() {
            return Ok(());
        }
        self.publish(level, Message { from: level.link.id(), news, ..Message::default() }).await
    }

    async fn publish(&mut self, level: &Level, message: Message) -> Result<(), Lost> {
        let message = serde_json::to_vec(&message).map_err(|error| error.to_string())?;
        let mut questions = Pipeline::new();
        questions.cmd("PUBLISH").arg(level.link.keys().channel()).arg(message).ignore();
        self.ask::<()>(&questions).await
    }

    /// Tells Redis, and through it all nodes, what waits.
    async fn tell(&mut self, level: &Level) -> Result<(), Lost> {
        let waiting = level.outbox.waiting();
        if waiting.is_empty() {
            return Ok(());
        }
        let gone = self.matching(level, &waiting).await?;
        if !gone.is_empty() {
            for some in gone.chunks(BATCH) {
                let mut questions = Pipeline::new();
                questions.cmd("DEL").arg(some).ignore();
                self.ask::<()>(&questions).await?;
            }
            self.deletions.push_back((Instant::now() + SECOND_DELETION, gone));
        }
        let keys = level.link.keys();
        let message =
            serde_json::to_vec(&Message::of(level.link.id(), &waiting)).map_err(|error| error.to_string())?;
        let told = waiting.marks.iter().max().copied();
        let mut call = TELL.key(keys.told());
        call.arg(keys.channel()).arg(message).arg(told.map_or_else(String::new, |told| told.to_string()));
        call.arg(if waiting.is_anew { "anew" } else { "" });
        call.arg(u64::try_from(STATE_LIFE.as_millis()).unwrap_or(u64::MAX));
        for (tag, news) in &waiting.tags {
            call.key(keys.tag(tag)).arg(state_text(news.state));
        }
        let limit = self.limit;
        within(limit, call.invoke_async::<()>(&mut self.connection)).await?;
        count(&level.link.counters().sent);
        level.link.0.heard_told(told.unwrap_or(0), waiting.is_anew);
        level.outbox.done(&waiting);
        Ok(())
    }

    /// The names of the values that go by their keys.
    async fn matching(&mut self, level: &Level, waiting: &Waiting) -> Result<Vec<String>, Lost> {
        let keys = level.link.keys();
        let names = waiting.keys.keys().flat_map(|key| [key.to_string(), level.own_name(key)]);
        let mut gone: Vec<String> = names.map(|name| keys.value(&name)).collect();
        // What tells of one node alone has the node behind its key.
        let patterns = waiting.patterns.iter().flat_map(|(glob, _)| [glob.to_string(), format!("{glob}@*")]);
        for pattern in patterns {
            let mut cursor = 0_u64;
            loop {
                let mut questions = Pipeline::new();
                questions
                    .cmd("SCAN")
                    .arg(cursor)
                    .arg("MATCH")
                    .arg(keys.matching(&pattern))
                    .arg("COUNT")
                    .arg(BATCH);
                let ((next, found),): ((u64, Vec<String>),) = self.ask(&questions).await?;
                gone.extend(found.into_iter().filter(|name| keys.is_value(name)));
                if next == 0 {
                    break;
                }
                cursor = next;
            }
        }
        Ok(gone)
    }

    /// Applies what another node tells.
    async fn hear(&mut self, engine: &Engine, level: &Level, push: &PushInfo) -> Result<(), Lost> {
        let payload = match (&push.kind, push.data.as_slice()) {
            (PushKind::Disconnection, _) => return Err("the connection broke".to_owned()),
            (PushKind::Message, [_, Value::BulkString(payload)]) => payload,
            _ => return Ok(()),
        };
        let message: Message = match serde_json::from_slice(payload) {
            Ok(message) => message,
            Err(error) => {
                tracing::debug!(%error, "a message of another node cannot be read");
                return Ok(());
            }
        };
        let own = level.link.id();
        for question in &message.heard {
            level.checks.heard(*question, message.from);
        }
        if message.from == own {
            message.checks.iter().for_each(|question| level.checks.heard(*question, own));
            return Ok(());
        }
        count(&level.link.counters().received);
        engine.hear(&message.tags, &message.expired);
        for pattern in &message.patterns {
            engine.remove_matching(pattern);
        }
        if !message.keys.is_empty() {
            message.keys.iter().for_each(|key| engine.remove(key));
            // Who said it cannot know what this node stored for itself.
            let own: Vec<_> =
                message.keys.iter().map(|key| level.link.keys().value(&level.own_name(key))).collect();
            let mut questions = Pipeline::new();
            questions.cmd("DEL").arg(&own).ignore();
            if let Err(lost) = self.ask::<()>(&questions).await {
                // It waits until Redis is back, and nothing of it is used before.
                message.keys.iter().for_each(|key| level.outbox.key(key, level.link.draw()));
                return Err(lost);
            }
            self.deletions.push_back((Instant::now() + SECOND_DELETION, own));
            // A load may have found it there in between.
            message.keys.iter().for_each(|key| engine.remove(key));
        }
        if message.anew {
            level.forget_marks();
        }
        // After their tags: who finds a mark known must find its tags fallen.
        message.marks.iter().for_each(|mark| level.note_mark(*mark));
        level.link.0.heard_told(message.marks.iter().max().copied().unwrap_or(0), message.anew);
        if !message.marks.is_empty() {
            level.heard.send_modify(|heard| *heard += 1);
        }
        if !message.checks.is_empty() {
            self.publish(level, Message { from: own, heard: message.checks, ..Message::default() }).await?;
        }
        for news in message.news {
            // Nobody listens: then nobody misses it.
            let _ = level.passed.send(news);
        }
        Ok(())
    }

    /// A sign of life, and what is due.
    async fn live(&mut self, level: &Level) -> Result<(), Lost> {
        let mut questions = Pipeline::new();
        questions.cmd("PING").ignore();
        while let Some((_, gone)) = self.deletions.pop_front_if(|(due, _)| *due <= Instant::now()) {
            for some in gone.chunks(BATCH) {
                questions.cmd("DEL").arg(some).ignore();
            }
        }
        self.ask::<()>(&questions).await?;
        // A state that was refused before is told now.
        self.tell(level).await
    }

    /// Reads the states of all tags. `None` if nobody uses the cache any more.
    async fn compare(&mut self, engine: &Weak<Engine>, unknown: Unknown) -> Option<Result<(), Lost>> {
        let strong = engine.upgrade()?;
        let level = Arc::clone(strong.level.as_ref()?);
        let names = strong.tags.names();
        drop(strong);
        for names in names.chunks(BATCH) {
            let mut questions = Pipeline::new();
            questions.cmd("MGET");
            for name in names {
                questions.arg(level.link.keys().tag(name));
            }
            let states: (Vec<Option<Vec<u8>>>,) = match self.ask(&questions).await {
                Ok(states) => states,
                Err(lost) => return Some(Err(lost)),
            };
            let engine = engine.upgrade()?;
            for (name, state) in names.iter().zip(states.0) {
                let state = state.as_deref().and_then(parse_state).unwrap_or(0);
                // What this node has said and not told yet is newer than what is there.
                if !level.outbox.touches("", &[name]) {
                    engine.compared(name, state, unknown);
                }
            }
        }
        Some(Ok(()))
    }

    async fn ask<T: FromRedisValue>(&mut self, questions: &Pipeline) -> Result<T, Lost> {
        within(self.limit, questions.query_async(&mut self.connection)).await
    }
}

async fn within<T>(limit: Duration, answer: impl Future<Output = RedisResult<T>>) -> Result<T, Lost> {
    match timeout(limit, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

/// What to think of a tag whose state was not known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// This node listened all the time: it would have heard of an invalidation.
    Taken,
    /// It did not.
    Doubted,
}
