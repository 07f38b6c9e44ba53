//! Who did what, page by page.

pub use muster_store::AuditEntry as Entry;

use crate::{context::Context, error::AppError};

/// Some entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<i64>,
}

/// The newest entries; of those that are older than `before`, if it is given.
pub async fn list(context: &Context, before: Option<i64>, limit: u64) -> Result<Page, AppError> {
    let mut entries = context.store.audit_list(limit + 1, before).await?;
    let is_more = entries.len() as u64 > limit;
    if is_more {
        entries.pop();
    }
    let next = entries.last().filter(|_| is_more).map(|last| last.id);
    Ok(Page { entries, next })
}
