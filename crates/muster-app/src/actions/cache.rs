//! Forgetting what is cached, on all nodes: at once here and where Redis tells of it, and by the change sequence everywhere
//! else, so that it works without Redis too.

use muster_cache::ALL_TAG;
use muster_store::{NewChange, Priority, Seq};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{access::Caller, audit};
use crate::{context::Context, error::AppError, follow::CACHE_CLEARED};

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

/// What is to be forgotten; all of it if nothing is named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clearing {
    /// Only what carries this tag.
    pub tag: Option<String>,
    /// Only keys that match.
    pub pattern: Option<String>,
}

/// Forgets it. Says how many entries that were on this node, where they were counted, and the change that tells others.
pub async fn clear(
    context: &Context,
    by: &Caller,
    clearing: &Clearing,
) -> Result<(Option<usize>, Option<Seq>), AppError> {
    let cache = &context.cache;
    // Before the database is asked, which may be away just when somebody wants the cache to be empty.
    let removed = match (&clearing.tag, &clearing.pattern) {
        (Some(tag), _) => {
            cache.remove_by_tag(tag);
            None
        }
        (None, Some(pattern)) => Some(cache.remove_matching(pattern)),
        (None, None) => {
            cache.clear();
            None
        }
    };
    let tag = match (&clearing.tag, &clearing.pattern) {
        (Some(tag), _) => Some(tag.as_str()),
        (None, Some(_)) => None,
        (None, None) => Some(ALL_TAG),
    };
    let detail = json!({ "tag": clearing.tag, "pattern": clearing.pattern });
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
