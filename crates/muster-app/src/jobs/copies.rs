//! Looks after this node's folder of copies: those of repositories that are gone, those beyond the quota, and what crashes
//! left of some.
//!
//! No job: a folder belongs to its node, and every node has to look after its own. A schedule for each node would outlive
//! nodes that never come back, and its jobs would wait for them for ever; here nothing is stored, and whatever is missed
//! is done at the next start.

use std::{sync::Arc, time::Duration};

use muster_git::mirror::{MirrorError, Mirrors, default_quota};
use muster_model::RepoId;
use tokio::{sync::Notify, time};

use crate::{blocking::blocking, context::Context, error::AppError};

/// Looked at after this time in any case.
const DAY: Duration = Duration::from_hours(24);
/// After a copy came: more will come with it.
const SOON: Duration = Duration::from_mins(10);
/// After a copy that should go was held, or the store was away.
const AGAIN: Duration = Duration::from_mins(1);

/// The copies of this node.
#[derive(Clone)]
pub struct Copies {
    context: Context,
    mirrors: Arc<Mirrors>,
    /// Bytes that they may take; negative = what the disk suggests.
    quota_bytes: i64,
    came: Arc<Notify>,
}

/// What is left of copies that should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    /// Somebody held one.
    Held,
}

impl Copies {
    pub(super) fn new(context: Context, mirrors: Arc<Mirrors>, quota_bytes: i64) -> Self {
        Self { context, mirrors, quota_bytes, came: Arc::default() }
    }

    /// One more may be there, and the others may have to make room.
    pub(super) fn came(&self) {
        self.came.notify_one();
    }

    /// Looks after them at once, daily, soon after some came, and whenever a repository is removed, on whatever node.
    /// Runs until the process ends.
    pub async fn look_after(self) {
        loop {
            let pause = match self.tidy().await {
                Ok(Left::Nothing) => DAY,
                Ok(Left::Held) => AGAIN,
                Err(error) => {
                    tracing::warn!(%error, "the copies could not be looked after; it is tried again");
                    AGAIN
                }
            };
            let came = async {
                self.came.notified().await;
                time::sleep(SOON).await;
            };
            tokio::select! {
                () = time::sleep(pause) => {}
                () = came => {}
                () = self.context.known.repository_removed() => {}
            }
        }
    }

    async fn tidy(&self) -> Result<Left, AppError> {
        // Before asking which repositories there are: what was copied meanwhile is not taken for one that is gone.
        let ids = self
            .with_folder(|mirrors, _| {
                mirrors.sweep()?;
                Ok(mirrors.sizes()?.into_iter().map(|size| size.id).collect::<Vec<_>>())
            })
            .await?;
        let known = self.context.store.repository_ids().await?;
        let gone: Vec<RepoId> = ids.into_iter().filter(|id| known.binary_search(id).is_err()).collect();
        self.with_folder(move |mirrors, quota| remove(mirrors, quota, &gone)).await
    }

    async fn with_folder<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Mirrors, i64) -> Result<T, MirrorError> + Send + 'static,
    ) -> Result<T, AppError> {
        let (mirrors, quota) = (Arc::clone(&self.mirrors), self.quota_bytes);
        let done = blocking("looking after copies", move || work(&mirrors, quota)).await?;
        done.map_err(|error| AppError::Unavailable {
            what: "the folder of mirrors",
            reason: error.to_string(),
        })
    }
}

/// Removes those of repositories that are gone, then the longest unused ones beyond the quota. Those that are in use are
/// held by whoever uses them, and stay.
fn remove(mirrors: &Mirrors, quota: i64, gone: &[RepoId]) -> Result<Left, MirrorError> {
    let mut left = Left::Nothing;
    for id in gone {
        match mirrors.remove(*id) {
            Ok(()) => {}
            Err(MirrorError::InUse { .. }) => left = Left::Held,
            Err(error) => return Err(error),
        }
    }
    let quota = match u64::try_from(quota) {
        Ok(bytes) => bytes,
        Err(_) => default_quota(mirrors.root())?,
    };
    let trimmed = mirrors.trim(quota, &|_| false)?;
    if !trimmed.removed.is_empty() {
        tracing::info!(
            mirrors.removed = trimmed.removed.len(),
            mirrors.freed_bytes = trimmed.freed,
            mirrors.left_bytes = trimmed.left,
            "copies beyond the quota were removed"
        );
    }
    Ok(left)
}
