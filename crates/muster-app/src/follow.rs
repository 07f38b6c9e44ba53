//! Follows the change sequence: what a change makes stale falls out of the cache, and whoever listens hears of it. The
//! sequence is read when a commit is announced, here or by another node over Redis, and every half second besides, so that a crash between a commit and its
//! announcement, or a commit of another process, leaves nothing stale for long. Who has missed more than can be told, or
//! what is no longer kept, forgets everything once.
//!
//! The cache's second level outlives processes. So it is used only after it was told of what happened while nobody
//! followed: it remembers how far it was told. That waits for Redis, and following does not wait for that.

use std::time::Duration;

use muster_store::{Change, Seq, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    time::{self, Instant},
};

use crate::{
    context::Context,
    events::Event,
    known::{Moved, REMOTE_HEADS, REPOSITORY_REMOVED},
};

/// How often the sequence is read although nothing was announced.
const POLL: Duration = Duration::from_millis(500);
/// After a failure, the pause until the next try.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it is asked where the sequence ends although nothing came: it ends elsewhere if what came was pruned, or if
/// an older state of the database was restored.
const LOOK: Duration = Duration::from_secs(10);
/// Changes read at once; also the most that Redis is told one by one of what it missed.
const BATCH: u64 = 512;
/// Who is further behind than this forgets everything instead of going through it.
const FAR: i64 = 4096;

/// What a change is about that had the cache forgotten; its id is a document that says what of it.
pub(crate) const CACHE_CLEARED: &str = "cache";
/// What of the cache is to be forgotten; all of it if nothing is named. The document of such a change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clearing {
    /// Only what carries this tag.
    pub tag: Option<String>,
    /// Only keys that match.
    pub pattern: Option<String>,
}

/// Topic of what is told of it.
pub const CACHE_INVALIDATED: &str = "cache.invalidated";

/// How far the cache follows the sequence.
#[derive(Debug, Clone)]
pub struct Followed(watch::Receiver<Seq>);

impl Followed {
    /// Waits until the cache knows of everything up to `seq`, so that whoever wrote reads what they wrote.
    pub async fn until(&self, seq: Seq) {
        let mut receiver = self.0.clone();
        // Ends early only when the process does.
        let _ = receiver.wait_for(|followed| *followed >= seq).await;
    }

    /// The last change that was followed.
    pub fn seq(&self) -> Seq {
        *self.0.borrow()
    }
}

/// Begins at the end of the sequence: what this process holds is empty, so nothing before can be stale.
pub async fn start(context: Context) -> Result<Followed, StoreError> {
    context.cache.catching_up();
    let head = context.store.change_head().await?;
    let (sender, receiver) = watch::channel(head);
    tokio::spawn(hear_news(context.clone()));
    tokio::spawn(async move {
        let follower = Follower { context: &context, followed: &sender };
        let follow = follower.follow();
        tokio::pin!(follow);
        tokio::select! {
            () = &mut follow => return,
            () = tell_missed(&context, head) => {}
        }
        follow.await;
    });
    Ok(Followed(receiver))
}

/// Until the second level was told of what happened up to `head` while nobody followed. It is not used before.
async fn tell_missed(context: &Context, head: Seq) {
    while context.cache.is_shared() {
        match tell_missed_once(context, head).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => tracing::debug!(error = %error, "what Redis missed cannot be read"),
        }
        time::sleep(POLL).await;
    }
}

/// False if Redis is away.
async fn tell_missed_once(context: &Context, head: Seq) -> Result<bool, StoreError> {
    let Ok(told) = context.cache.told_up_to().await else { return Ok(false) };
    let number = head.number().unsigned_abs();
    if let Some(told) = told.filter(|told| *told > number) {
        // Others have gone on meanwhile, unless it was told of another database.
        if told <= context.store.change_head().await?.number().unsigned_abs() {
            context.cache.caught_up(number);
            return Ok(true);
        }
    }
    // It was never told anything, or too long ago, or of another database; or what it missed is pruned.
    let told = told.filter(|told| number.checked_sub(*told).is_some_and(|missed| missed <= BATCH));
    let missed = match told.and_then(|told| i64::try_from(told).ok()) {
        Some(told) => {
            let changes = context.store.changes_after(Seq::new(told), BATCH).await?;
            let is_whole = told == head.number()
                || changes.first().is_some_and(|change| follows(change, Seq::new(told)));
            is_whole.then_some(changes)
        }
        None => None,
    };
    match missed {
        Some(missed) => {
            missed.iter().filter(|change| change.seq <= head).for_each(|change| remove(context, change));
            context.cache.caught_up(number);
        }
        None => context.cache.begin_anew(number),
    }
    Ok(true)
}

/// Numbers have no gaps, see `muster_store::sequence`.
fn follows(change: &Change, last: Seq) -> bool {
    change.seq.number() == last.number() + 1
}

/// Drops what a change makes stale, unless another node has done so for all.
fn remove(context: &Context, change: &Change) {
    let number = change.seq.number().unsigned_abs();
    context.cache.remove_by_change(number, change.tags.iter().map(String::as_str));
}

/// Somebody had the cache forgotten. What has a tag fell by it already.
fn cleared(context: &Context, what: &str) {
    let what: Clearing = serde_json::from_str(what).unwrap_or_default();
    if let Some(pattern) = &what.pattern {
        context.cache.remove_matching_here(pattern);
    }
    let data = json!({ "scope": "cache", "tag": what.tag, "pattern": what.pattern });
    context.events.tell(Event { seq: None, topic: CACHE_INVALIDATED.to_owned(), data });
}

/// News that nobody replays, of other nodes: told here as if they had happened here.
async fn hear_news(context: Context) {
    let Some(mut passed) = context.cache.passed_on() else { return };
    loop {
        match passed.recv().await {
            Ok(news) => match serde_json::from_str::<PassedOn>(&news) {
                Ok(PassedOn { topic, data }) => context.events.tell(Event { seq: None, topic, data }),
                Err(error) => tracing::debug!(%error, "news of another node cannot be read"),
            },
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// News on its way to other nodes.
#[derive(Serialize, Deserialize)]
struct PassedOn {
    topic: String,
    data: Value,
}

/// Tells news that nobody replays, here and on all nodes that can be told.
pub fn tell_everywhere(context: &Context, topic: &str, data: Value) {
    let news = PassedOn { topic: topic.to_owned(), data };
    if let Ok(text) = serde_json::to_string(&news) {
        context.cache.pass_on(text);
    }
    context.events.tell(Event { seq: None, topic: news.topic, data: news.data });
}

struct Follower<'a> {
    context: &'a Context,
    followed: &'a watch::Sender<Seq>,
}

impl Follower<'_> {
    /// As long as somebody wants to know how far it is.
    async fn follow(&self) {
        let mut announced = self.context.store.announced();
        let mut heard = self.context.cache.changes_heard();
        let (mut is_failing, mut looked) = (false, Instant::now());
        while !self.followed.is_closed() {
            announced.mark_unchanged();
            match self.catch_up(&mut looked).await {
                Ok(()) => {
                    if std::mem::take(&mut is_failing) {
                        tracing::info!("the change sequence can be read again");
                    }
                    let heard = async {
                        match &mut heard {
                            Some(heard) => heard.changed().await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        _ = announced.changed() => {}
                        _ = heard => {}
                        () = time::sleep(POLL) => {}
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(error = %error, "the change sequence cannot be read; what is cached grows old by its time alone");
                    }
                    time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn catch_up(&self, looked: &mut Instant) -> Result<(), StoreError> {
        let store = &self.context.store;
        loop {
            let after = *self.followed.borrow();
            let changes = store.changes_after(after, BATCH).await?;
            let Some(first) = changes.first() else {
                if looked.elapsed() < LOOK {
                    return Ok(());
                }
                *looked = Instant::now();
                let head = store.change_head().await?;
                // Committed since, it is read in the next round; else there is nothing to be read.
                if head < after || (head > after && store.changes_after(after, 1).await?.is_empty()) {
                    self.begin_anew(head);
                }
                continue;
            };
            let is_torn = !follows(first, after);
            if is_torn || u64::try_from(changes.len()).is_ok_and(|count| count == BATCH) {
                let head = store.change_head().await?;
                if is_torn || head.number() - after.number() > FAR {
                    self.begin_anew(head);
                    continue;
                }
            }
            self.apply(changes);
        }
    }

    fn apply(&self, changes: Vec<Change>) {
        let Some(last) = changes.last().map(|change| change.seq) else { return };
        let context = self.context;
        // First all tags, then the news: whoever hears of a change and asks must not be given what was before it.
        for change in &changes {
            remove(context, change);
        }
        for change in changes {
            if change.entity == REMOTE_HEADS {
                context.known.tell_heads(Moved::Remote(change.entity_id));
            } else if change.entity == CACHE_CLEARED {
                cleared(context, &change.entity_id);
            }
            if let Some(event) = change.event {
                if event.topic == REPOSITORY_REMOVED {
                    context.known.tell_repository_removed();
                }
                let topic = event.topic.into_owned();
                context.events.tell(Event { seq: Some(change.seq), topic, data: event.data });
            }
        }
        self.followed.send_replace(last);
    }

    /// What lies between is not known one by one: everything falls, and whoever listens is told to fetch anew.
    fn begin_anew(&self, head: Seq) {
        let context = self.context;
        tracing::warn!(
            change.followed = self.followed.borrow().number(),
            change.head = head.number(),
            "too much of the change sequence was missed; everything cached is forgotten"
        );
        context.cache.begin_anew(head.number().unsigned_abs());
        context.known.tell_heads(Moved::Unknown);
        context.known.tell_repository_removed();
        context.events.tell(Event::resync(Some(head)));
        self.followed.send_replace(head);
    }
}
