//! Reads the commits of a copy that are not stored yet, stores them in batches, and works out what follows from them. A
//! run that was broken off goes on where it stopped: what is stored is not read again, unless people are now called by
//! another `.mailmap`.

use std::{collections::HashSet, num::NonZeroUsize, ops::ControlFlow, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use muster_git::mirror::{self, Listing, Mirror};
use muster_jobs::{Job, JobFailure, JobRun};
use muster_model::{
    Commit, Repository,
    commit::FileChange,
    job::JobRecord,
    repository::{Backfilled, Processing},
};
use muster_store::{Priority, StoreError, Tx};
use tokio::sync::mpsc;

use crate::{config::WatchlistConfig, context::Context};

use super::{
    deepen, derived,
    entry::{self, told},
    news,
    remote::Remotes,
    requests::COMMIT_BACKFILL,
};

/// Batches that wait to be stored.
const WAITING: usize = 8;
/// Bytes of the files that the commits of one run list together; older commits beyond have their sizes alone. A thousand
/// ordinary commits list some thousand files; what is made to fill a disk could list twenty million.
const MOST_LISTED: usize = 128 << 20;
/// Bytes that a file takes besides its path.
const FILE_BYTES: usize = 64;
/// Processes that read one history.
const PROCESSES: NonZeroUsize = NonZeroUsize::new(2).expect("not 0");

/// See the module.
pub(super) struct CommitBackfill {
    pub(super) context: Context,
    pub(super) remotes: Remotes,
    pub(super) watchlist: WatchlistConfig,
}

impl Job for CommitBackfill {
    fn kind(&self) -> &'static str {
        COMMIT_BACKFILL
    }

    fn queue(&self) -> &'static str {
        COMMIT_BACKFILL
    }

    fn time_limit(&self) -> Duration {
        self.remotes.time_limit()
    }

    fn run<'a>(&'a self, run: &'a JobRun) -> BoxFuture<'a, Result<(), JobFailure>> {
        Box::pin(async move {
            let done = self.backfill(run).await;
            entry::noted(&self.context, run, "commits", done).await
        })
    }

    fn given_up<'a>(
        &'a self,
        tx: &'a mut Tx,
        job: &'a JobRecord,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(entry::give_up(&self.context, tx, job, reason))
    }
}

impl CommitBackfill {
    async fn backfill(&self, run: &JobRun) -> Result<(), JobFailure> {
        let context = &self.context;
        let Some(repository) = entry::subject(context, run).await? else { return Ok(()) };
        entry::change(context, run, repository.id, |it| entry::set_running(it, "commits")).await?;
        let Some(tip) = repository.refs.as_ref().and_then(|refs| refs.head.clone()) else { return Ok(()) };
        let window = self.remotes.window();
        let mirror = self.remotes.mirror(run, &repository, &tip, window).await?;
        let limits = self.remotes.limits();
        let (mirror, listing) = self
            .remotes
            .with_git(run, move |watch| {
                let listing = mirror::list(&mirror, &window, &limits, watch)?;
                Ok((mirror, listing))
            })
            .await?;
        let before = repository.backfilled.as_ref();
        let has_same_names = before.is_none_or(|before| before.mailmap == listing.mailmap);
        let stored = context.store.commit_ids(repository.number).await?;
        let todo: Vec<String> =
            listing.ids.iter().filter(|id| !has_same_names || !stored.contains(*id)).cloned().collect();
        run.log(format!("{} commits are wanted, {} of them are read", listing.ids.len(), todo.len()));
        self.store_commits(run, &repository, mirror, &listing, todo).await?;
        self.finish(run, &repository, listing).await?;
        self.remotes.processed(&repository).await;
        Ok(())
    }

    /// Reads in one thread, stores in another: neither waits for the other while there is room between them.
    async fn store_commits(
        &self,
        run: &JobRun,
        repository: &Repository,
        mirror: Mirror,
        listing: &Listing,
        todo: Vec<String>,
    ) -> Result<(), JobFailure> {
        if todo.is_empty() {
            return Ok(());
        }
        let total = u64::try_from(todo.len()).ok();
        let (sender, mut batches) = mpsc::channel::<Vec<Commit>>(WAITING);
        let (limits, mailmap) = (self.remotes.limits(), listing.mailmap.clone());
        let reading = self.remotes.with_git(run, move |watch| {
            let mut sink = |batch| match sender.blocking_send(batch) {
                Ok(()) => ControlFlow::Continue(()),
                // Storing failed: that is what is told.
                Err(_) => ControlFlow::Break(()),
            };
            mirror::read_commits(&mirror, &todo, mailmap.as_deref(), PROCESSES, &limits, watch, &mut sink)
        });
        // Owns the receiver: if storing fails the reader finds nobody to send to, and stops.
        let number = repository.number;
        let storing = async move {
            let (mut done, mut listed) = (0, 0);
            while let Some(mut batch) = batches.recv().await {
                for commit in &mut batch {
                    let path_bytes =
                        |file: &FileChange| file.path.len() + file.from.as_ref().map_or(0, String::len);
                    listed += commit.files.iter().map(|file| FILE_BYTES + path_bytes(file)).sum::<usize>();
                    if listed > MOST_LISTED {
                        commit.files = Vec::new();
                    }
                }
                let mut tx = run.begin(Priority::Background).await?;
                tx.commits_put(number, &batch).await?;
                tx.commit().await?;
                done += batch.len() as u64;
                run.progress(done, total, "commits", "storing commits");
            }
            Ok::<_, JobFailure>(())
        };
        let (read, stored) = tokio::join!(reading, storing);
        stored.and(read)
    }

    /// Works out what follows, and ends the processing.
    async fn finish(&self, run: &JobRun, seen: &Repository, listing: Listing) -> Result<(), JobFailure> {
        let context = &self.context;
        let listed: HashSet<&str> = listing.ids.iter().map(String::as_str).collect();
        let commits = context.store.commits_in_short(seen.number).await?;
        // What is younger than the listing reaches and not in it: the branch was rewritten.
        let (kept, gone): (Vec<Commit>, Vec<Commit>) = commits.into_iter().partition(|commit| {
            listed.contains(commit.id.as_str())
                || listing.cut_off.is_some_and(|cut_off| commit.committer.at <= cut_off)
        });
        let kept = Arc::new(kept);
        let facts = derived::derive(context, seen.number, Arc::clone(&kept)).await?;
        let now = context.clock.now();
        let old_tip = seen.backfilled.as_ref().map(|before| before.tip.as_str());
        let new = context.store.commits_new(seen.number).await?;
        let (new, known) =
            Arc::unwrap_or_clone(kept).into_iter().partition(|commit| new.contains(&commit.id));
        let findings = news::Findings {
            is_first: old_tip.is_none(),
            is_rewritten: old_tip.is_some_and(|tip| gone.iter().any(|commit| commit.id == tip)),
            tip: &listing.tip,
            known,
            new,
        };
        let watches = context.store.watches(&[seen.id]).await?;
        let alerts = news::judge(context, &watches, &findings);

        let deepen = match &seen.refs {
            Some(refs) => deepen::wanted(context, seen, refs).await?,
            None => None,
        };

        let mut tx = run.begin(Priority::Background).await?;
        tx.job_enqueue(deepen.as_slice()).await?;
        let Some(mut repository) = tx.repository(seen.id).await? else { return Ok(()) };
        let ids: Vec<String> = gone.into_iter().map(|commit| commit.id).collect();
        tx.commits_forget(seen.number, &ids).await?;
        tx.commits_known(seen.number).await?;
        let was_ready = repository.processing == Processing::Ready;
        repository.backfilled =
            Some(Backfilled { tip: listing.tip, cut_off: listing.cut_off, mailmap: listing.mailmap });
        derived::show(&mut repository, &facts);
        entry::set_ready(&mut repository, now);
        tx.history_put(seen.id, now, &facts).await?;
        tx.repository_put(&repository).await?;
        tx.job_schedule_put(&[entry::schedule(context, &self.watchlist, &repository)]).await?;
        told(&mut tx, &repository, "repository.ready");
        if !was_ready {
            news::enqueue(context, &mut tx, &repository, news::READY).await?;
        }
        news::raise(context, &mut tx, &repository, alerts).await?;
        Ok(run.complete_in(tx).await?)
    }
}
