//! Forgetting what is cached, on all nodes: at once here and where Redis tells of it, and by the change sequence everywhere
//! else, so that it works without Redis too.

use muster_cache::ALL_TAG;
use muster_store::{NewChange, Priority, Seq};
use serde_json::json;

use super::{access::Caller, audit};
use crate::{
    context::Context,
    error::AppError,
    follow::{CACHE_CLEARED, Clearing},
};

/// Notes that somebody had the portfolio of this node, or one project of it, read anew.
pub async fn note_invalidated(context: &Context, by: &Caller, project: Option<&str>) -> Result<(), AppError> {
    let target = project.unwrap_or("portfolio");
    let done =
        audit::done(context, &by.name, "portfolio.invalidate", target, json!({ "node": context.node }));
    let mut tx = context.store.begin(Priority::Interactive).await?;
    tx.audit_add(&done).await?;
    tx.commit().await?;
    Ok(())
}

/// Forgets it. Says how many entries that were on this node, where they were counted, and the change that tells others.
pub async fn clear(
    context: &Context,
    by: &Caller,
    clearing: &Clearing,
) -> Result<(Option<usize>, Option<Seq>), AppError> {
    let cache = &context.cache;
    // Before the database is asked, which may be away just when somebody wants the cache to be empty.
    let (tag, removed) = match (clearing.tag.as_deref(), clearing.pattern.as_deref()) {
        (None, Some(pattern)) => (None, Some(cache.remove_matching(pattern))),
        (tag, _) => {
            let tag = tag.unwrap_or(ALL_TAG);
            cache.remove_by_tag(tag);
            (Some(tag), None)
        }
    };
    let detail = json!(clearing);
    let mut tx = context.store.begin(Priority::Interactive).await?;
    tx.audit_add(&audit::done(context, &by.name, "cache.clear", tag.unwrap_or("pattern"), detail.clone()))
        .await?;
    tx.record(NewChange {
        entity: CACHE_CLEARED.into(),
        entity_id: detail.to_string(),
        tags: tag.map(ToOwned::to_owned).into_iter().collect(),
        event: None,
    });
    let seq = tx.commit().await?;
    Ok((removed, seq))
}
