//! Follows the change sequence: what a change makes stale falls out of the cache, and whoever listens hears of it. The
//! sequence is read when a commit is announced, and every half second besides, so that a crash between a commit and its
//! announcement, or a commit of another process, leaves nothing stale for long.

use std::time::Duration;

use muster_store::{Seq, StoreError};
use tokio::{sync::watch, time};

use crate::{context::Context, events::Event, known::REMOTE_HEADS};

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

/// Begins at the end of the sequence: the cache is empty, so nothing before can be stale.
pub async fn start(context: Context) -> Result<Followed, StoreError> {
    let head = context.store.change_head().await?;
    let (sender, receiver) = watch::channel(head);
    tokio::spawn(follow(context, sender));
    Ok(Followed(receiver))
}

async fn follow(context: Context, followed: watch::Sender<Seq>) {
    let mut announced = context.store.announced();
    let mut is_failing = false;
    while !followed.is_closed() {
        match catch_up(&context, &followed).await {
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

async fn catch_up(context: &Context, followed: &watch::Sender<Seq>) -> Result<(), StoreError> {
    loop {
        let after = *followed.borrow();
        let changes = context.store.changes_after(after, BATCH).await?;
        let Some(last) = changes.last().map(|change| change.seq) else { return Ok(()) };
        // First all tags, then the news: whoever hears of a change and asks must not be given what was before it.
        for tag in changes.iter().flat_map(|change| &change.tags) {
            context.cache.remove_by_tag(tag);
        }
        for change in changes {
            if change.entity == REMOTE_HEADS {
                context.known.tell_heads(change.entity_id);
            }
            if let Some(event) = change.event {
                let topic = event.topic.into_owned();
                context.events.tell(Event { seq: Some(change.seq), topic, data: event.data });
            }
        }
        followed.send_replace(last);
    }
}
