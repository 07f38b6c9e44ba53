//! Follows the change sequence: what a change makes stale falls out of the cache, and whoever listens hears of it. The
//! sequence is read when a commit is announced, and every half second besides, so that a crash between a commit and its
//! announcement, or a commit of another process, leaves nothing stale for long.
//!
//! The cache's second level outlives processes. So it is used only after it was told of what happened while nobody
//! followed: it remembers how far it was told.

use std::time::Duration;

use muster_store::{Change, Seq, StoreError};
use tokio::{sync::watch, time};

use crate::{
    context::Context,
    events::Event,
    known::{REMOTE_HEADS, REPOSITORY_REMOVED},
};

/// How often the sequence is read although nothing was announced.
const POLL: Duration = Duration::from_millis(500);
/// After a failure, the pause until the next try.
const PAUSE: Duration = Duration::from_secs(1);
/// Changes read at once.
const BATCH: u64 = 512;

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
    tokio::spawn(follow(context, sender));
    Ok(Followed(receiver))
}

async fn follow(context: Context, followed: watch::Sender<Seq>) {
    let mut announced = context.store.announced();
    let mut is_failing = false;
    let mut missed = context.cache.is_shared().then_some(*followed.borrow());
    while !followed.is_closed() {
        let caught_up = async {
            if let Some(head) = missed
                && tell_missed(&context, head).await?
            {
                missed = None;
            }
            catch_up(&context, &followed).await
        };
        match caught_up.await {
            Ok(()) => {
                if std::mem::take(&mut is_failing) {
                    tracing::info!("the change sequence can be read again");
                }
                let news = announced.wait_for(|announced| *announced > *followed.borrow());
                let _ = time::timeout(POLL, news).await;
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

/// Tells the second level of what happened up to `head` while nobody followed. False if it is away; it is not used then.
async fn tell_missed(context: &Context, head: Seq) -> Result<bool, StoreError> {
    let Ok(told) = context.cache.told_up_to().await else { return Ok(false) };
    match told.and_then(|told| i64::try_from(told).ok()).map(Seq::new) {
        Some(mut told) if told <= head => {
            while told < head {
                let changes = context.store.changes_after(told, BATCH).await?;
                let Some(last) = changes.last() else { break };
                told = last.seq;
                for change in &changes {
                    remove(context, change);
                }
            }
        }
        // It was never told anything, or of another database.
        _ => context.cache.clear(),
    }
    context.cache.caught_up(head.number().unsigned_abs());
    Ok(true)
}

/// Drops what a change makes stale, unless another node has done so for all.
fn remove(context: &Context, change: &Change) {
    let number = change.seq.number().unsigned_abs();
    context.cache.remove_by_change(number, change.tags.iter().map(String::as_str));
}

async fn catch_up(context: &Context, followed: &watch::Sender<Seq>) -> Result<(), StoreError> {
    loop {
        let after = *followed.borrow();
        let changes = context.store.changes_after(after, BATCH).await?;
        let Some(last) = changes.last().map(|change| change.seq) else { return Ok(()) };
        // First all tags, then the news: whoever hears of a change and asks must not be given what was before it.
        for change in &changes {
            remove(context, change);
        }
        for change in changes {
            if change.entity == REMOTE_HEADS {
                context.known.tell_heads(change.entity_id);
            }
            if let Some(event) = change.event {
                if event.topic == REPOSITORY_REMOVED {
                    context.known.tell_repository_removed();
                }
                let topic = event.topic.into_owned();
                context.events.tell(Event { seq: Some(change.seq), topic, data: event.data });
            }
        }
        followed.send_replace(last);
    }
}
