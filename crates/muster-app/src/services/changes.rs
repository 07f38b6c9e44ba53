//! Questions about the store itself: what happened since, and does it answer.

use muster_store::Seq;

use crate::{context::Context, error::AppError, events::Event};

/// The news after `last_seen`, at most `limit`. If that is too much, or some of it is no longer kept, the head of the
/// sequence instead: whoever asked must fetch anew.
pub async fn missed(
    context: &Context,
    last_seen: Seq,
    limit: u64,
) -> Result<Result<Vec<Event>, Seq>, AppError> {
    let head = context.store.change_head().await?;
    let oldest = context.store.change_oldest().await?;
    // An id from the future is of another store: that of before a restore, for example.
    let is_known = last_seen <= head && last_seen.number() + 1 >= oldest.number();
    if !is_known {
        return Ok(Err(head));
    }
    let changes = context.store.changes_after(last_seen, limit + 1).await?;
    if u64::try_from(changes.len()).unwrap_or(u64::MAX) > limit {
        return Ok(Err(head));
    }
    let event = |change: muster_store::Change| {
        let event = change.event?;
        Some(Event { seq: Some(change.seq), topic: event.topic.into_owned(), data: event.data })
    };
    Ok(Ok(changes.into_iter().filter_map(event).collect()))
}

/// Does the store answer.
pub async fn is_ready(context: &Context) -> Result<(), AppError> {
    Ok(context.store.is_ready().await?)
}
