//! Writes what is added to the watchlist. One task takes all requests that wait and stores them by one transaction; those
//! that arrive meanwhile are the next one's. So a hundred at once cost a few commits, and each is answered when its own
//! is on disk.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use muster_model::{RemoteUrl, RepoId, Repository, Timestamp, WatchId, alert::Watch};
use muster_store::{AddedRepository, AddedWatch, NewRepository, NewWatch, Priority, StoreError, Tx};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use crate::{
    actions::access::Caller,
    context::Context,
    error::AppError,
    jobs::{
        entry::{begin_anew, steps, told},
        requests::{self, Urgency},
    },
};

use super::{WatchRequest, commit, noted};

/// Requests of one transaction, which then takes some milliseconds.
const BATCH: usize = 64;
/// Requests that may wait; the next one waits for a place.
const WAITING: usize = 4096;

/// What became of a request.
#[derive(Debug, Clone)]
pub struct Added {
    /// The repository as it is stored.
    pub repository: Repository,
    /// The person's watch.
    pub watch: Watch,
    /// The repository was not there before.
    pub is_new: bool,
}

struct Pending {
    url: RemoteUrl,
    by: Arc<str>,
    request: WatchRequest,
    answer: oneshot::Sender<Result<Added, AppError>>,
}

impl Pending {
    fn asks_for_more_than(&self, repository: &Repository) -> bool {
        self.request.level.is_some_and(|level| level > repository.level)
    }
}

/// Hands requests to the task.
#[derive(Clone)]
pub(super) struct Adder {
    sender: mpsc::Sender<Pending>,
}

impl Adder {
    pub(super) fn start(context: Context) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(write_all(context, receiver));
        Self { sender }
    }

    pub(super) async fn add(
        &self,
        url: RemoteUrl,
        by: &Caller,
        request: WatchRequest,
    ) -> Result<Added, AppError> {
        let stopping =
            || AppError::Unavailable { what: "the watchlist", reason: "muster is stopping".to_owned() };
        let (answer, answered) = oneshot::channel();
        let by = Arc::clone(&by.name);
        self.sender.send(Pending { url, by, request, answer }).await.map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())?
    }
}

async fn write_all(context: Context, mut receiver: mpsc::Receiver<Pending>) {
    let mut batch = Vec::with_capacity(BATCH);
    while receiver.recv_many(&mut batch, BATCH).await > 0 {
        // Whatever happens to these, those that come later are written.
        let written = AssertUnwindSafe(Box::pin(write(&context, &batch))).catch_unwind().await;
        let written = written.map_or_else(
            |_| Err(AppError::Internal { message: "adding to the watchlist failed".to_owned() }),
            |written| written.map_err(AppError::from),
        );
        match written {
            Ok(added) => {
                for (pending, added) in batch.drain(..).zip(added) {
                    // Whoever asked may have gone: it is stored all the same.
                    let _ = pending.answer.send(Ok(added));
                }
            }
            Err(error) => {
                tracing::warn!(%error, requests = batch.len(), "what was added to the watchlist could not be stored");
                for pending in batch.drain(..) {
                    let _ = pending.answer.send(Err(error.clone()));
                }
            }
        }
    }
}

async fn write(context: &Context, batch: &[Pending]) -> Result<Vec<Added>, StoreError> {
    let now = context.clock.now();
    let repositories: Vec<_> = batch.iter().map(|pending| new_repository(context, pending)).collect();
    let mut tx = context.store.begin(Priority::Interactive).await?;
    let mut repositories = tx.repository_add(&repositories, now).await?;
    let watches: Vec<_> = batch
        .iter()
        .zip(&repositories)
        .map(|(pending, added)| new_watch(context, pending, added.repository.id))
        .collect();
    let watches = tx.watch_add(&watches, now).await?;
    // Whoever names a level has it looked at: whether that is more than there is, is known for certain only below.
    let is_to_do =
        |(pending, added): &(&Pending, &AddedRepository)| added.is_new || pending.request.level.is_some();
    let jobs: Vec<_> = batch
        .iter()
        .zip(&repositories)
        .filter(is_to_do)
        .map(|(_, added)| requests::setup(context, &added.repository, Urgency::Added))
        .collect();
    // Jobs before their repository, as everywhere: who goes the other way round can wait for this one for ever.
    tx.job_enqueue(&jobs).await?;
    // In one order, so that no two batches wait for each other.
    let mut order: Vec<usize> = (0..batch.len()).collect();
    order.sort_by_key(|&place| repositories[place].repository.id);
    for place in order {
        let added = &mut repositories[place];
        if added.is_new {
            told(&mut tx, &added.repository, "repository.added");
        } else if let Some(changed) = change(&mut tx, &batch[place], added.repository.id, now).await? {
            added.repository = changed;
        } else if watches[place].is_new {
            told(&mut tx, &added.repository, "repository.changed");
        }
    }
    let note = |((added, watch), pending): ((&AddedRepository, &AddedWatch), &Pending)| {
        let (url, added_by) = (added.repository.url.to_string(), &watch.watch.added_by);
        let detail = json!({ "url": url, "is_new": added.is_new, "added_by": added_by });
        watch.is_new.then(|| noted(context, &pending.by, "watch.add", &added.repository, detail))
    };
    let notes: Vec<_> = repositories.iter().zip(&watches).zip(batch).filter_map(note).collect();
    tx.audit_add_all(&notes).await?;
    commit(context, tx).await?;
    let added = repositories.into_iter().zip(watches);
    Ok(added
        .map(|(added, watch)| Added {
            repository: added.repository,
            watch: watch.watch,
            is_new: added.is_new,
        })
        .collect())
}

/// A repository that is there already takes a person's word for category and tags, and learns more if more is asked for.
/// Answers it if anything changed.
async fn change(
    tx: &mut Tx,
    pending: &Pending,
    id: RepoId,
    now: Timestamp,
) -> Result<Option<Repository>, StoreError> {
    let request = &pending.request;
    if request.level.is_none() && request.category.is_none() && request.tags.is_none() {
        return Ok(None);
    }
    let Some(mut current) = tx.repository(id).await? else { return Ok(None) };
    let before = current.clone();
    if let Some(category) = request.category {
        current.category = Some(category);
    }
    if let Some(tags) = &request.tags {
        current.tags.clone_from(tags);
        current.tags.sort();
        current.tags.dedup();
    }
    if let Some(level) = request.level.filter(|_| pending.asks_for_more_than(&before)) {
        current.level = level;
        begin_anew(&mut current, now);
    }
    if current == before {
        return Ok(None);
    }
    current.updated_at = now;
    tx.repository_put(&current).await?;
    told(tx, &current, "repository.changed");
    Ok(Some(current))
}

fn new_repository(context: &Context, pending: &Pending) -> NewRepository {
    let request = &pending.request;
    let level = request.level.unwrap_or(muster_model::repository::Level::Full);
    NewRepository {
        id: RepoId::new(context.clock.now(), (context.chance)()),
        url: pending.url.clone(),
        level,
        steps: steps(level),
        category: request.category,
        tags: request.tags.clone().unwrap_or_default(),
    }
}

fn new_watch(context: &Context, pending: &Pending, repository: RepoId) -> NewWatch {
    let request = &pending.request;
    NewWatch {
        id: WatchId::new(context.clock.now(), (context.chance)()),
        repository,
        added_by: request.added_by.clone().unwrap_or_else(|| pending.by.to_string()),
        notes: request.notes.clone(),
        alerts: request.alerts.clone(),
    }
}
