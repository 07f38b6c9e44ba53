//! Brings a watched repository to where it should be: looks at the remote, copies it if something is new, and asks for
//! its commits to be read. The same whether it is new, retried, refreshed, deepened or polled: what is there already is
//! not done again, and a remote on which nothing moved costs one question.

use std::time::Duration;

use futures_util::future::BoxFuture;
use muster_jobs::{Job, JobFailure, JobRun};
use muster_model::{
    Repository,
    job::{JobRecord, PRIORITY_LAST},
    repository::{Level, Processing, RefFacts, StepState},
};
use muster_store::{Priority, StoreError, Tx};

use crate::{config::WatchlistConfig, context::Context};

use super::{
    deepen, derived,
    entry::{self, told},
    news,
    remote::{Remotes, ref_facts},
    requests::{self, REPOSITORY_SETUP},
};

/// See the module.
pub(super) struct RepositorySetup {
    pub(super) context: Context,
    pub(super) remotes: Remotes,
    pub(super) watchlist: WatchlistConfig,
}

impl Job for RepositorySetup {
    fn kind(&self) -> &'static str {
        REPOSITORY_SETUP
    }

    fn queue(&self) -> &'static str {
        REPOSITORY_SETUP
    }

    fn time_limit(&self) -> Duration {
        self.remotes.time_limit()
    }

    fn run<'a>(&'a self, run: &'a JobRun) -> BoxFuture<'a, Result<(), JobFailure>> {
        Box::pin(self.set_up(run))
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

impl RepositorySetup {
    async fn set_up(&self, run: &JobRun) -> Result<(), JobFailure> {
        let context = &self.context;
        let Some(repository) = entry::subject(context, run).await? else { return Ok(()) };
        // A poll shows itself only if it finds something.
        let is_poll = run.record().priority == PRIORITY_LAST && repository.processing == Processing::Ready;
        if !is_poll
            && entry::change(context, run, repository.id, |it| entry::set_running(it, "refs"))
                .await?
                .is_none()
        {
            return Ok(());
        }
        // Before the other side is asked: that it is away keeps nothing here from aging.
        if let Some(facts) = derived::aged(context, &repository).await? {
            derived::put(context, run, &repository, &facts).await?;
        }
        let looked = self.remotes.look(run, &repository).await;
        let (source, refs) = entry::noted(context, run, "refs", looked).await?;
        let facts = ref_facts(&refs);
        run.log(entry::seen(&facts));
        if is_complete(&repository, &facts) {
            return self.finish(run, &repository, facts).await;
        }
        let window = self.remotes.window();
        let seen = facts.clone();
        let cloning = entry::change(context, run, repository.id, |it| {
            if it.processing == Processing::Ready && !it.is_refreshing {
                // What went wrong the last time is over when this went well, and was told then.
                let last_error = it.last_error.take();
                entry::begin_again(it, context.clock.now());
                it.last_error = last_error;
            }
            (it.refs, it.refs_at) = (Some(seen), Some(context.clock.now()));
            entry::set_running(it, "clone");
        });
        if cloning.await?.is_none() {
            return Ok(());
        }
        let copied = self.remotes.update(run, &repository, source, refs, window).await;
        let mirror = entry::noted(context, run, "clone", copied).await?;
        run.log(format!("the copy is up to date at {}", mirror.tip()));
        drop(mirror);
        self.hand_on(run, &repository).await
    }

    /// Nothing has to be copied.
    async fn finish(&self, run: &JobRun, seen: &Repository, facts: RefFacts) -> Result<(), JobFailure> {
        let context = &self.context;
        let now = context.clock.now();
        let deepen = deepen::wanted(context, seen, &facts).await?;
        let mut tx = run.begin(Priority::Background).await?;
        // Jobs before their repository, as everywhere: who goes the other way round can wait for this one for ever.
        tx.job_enqueue(deepen.as_slice()).await?;
        let Some(mut repository) = tx.repository(seen.id).await? else { return Ok(()) };
        if !is_complete(&repository, &facts) {
            // More was asked for while the other side was asked.
            let reason = "more is to be learned of it than when this began".to_owned();
            return Err(JobFailure::Later { reason, at: now });
        }
        let was_ready = repository.processing == Processing::Ready && !repository.is_refreshing;
        let mut essential = repository.steps.iter().filter(|step| step.is_essential());
        let is_open = essential.any(|step| step.state != StepState::Done);
        let has_moved = repository.refs.as_ref() != Some(&facts);
        let is_news = !was_ready || is_open || has_moved || repository.last_error.is_some();
        (repository.refs, repository.refs_at) = (Some(facts), Some(now));
        if is_news {
            entry::set_ready(&mut repository, now);
            told(&mut tx, &repository, "repository.ready");
            if seen.processing != Processing::Ready {
                news::enqueue(context, &mut tx, &repository, news::READY).await?;
            }
        }
        // Also without news: one that became quiet is looked at less often.
        tx.job_schedule_put(&[entry::schedule(context, &self.watchlist, &repository)]).await?;
        tx.repository_put(&repository).await?;
        Ok(run.complete_in(tx).await?)
    }

    /// The copy is there: its commits are read by another job, asked for as this one ends.
    async fn hand_on(&self, run: &JobRun, seen: &Repository) -> Result<(), JobFailure> {
        let mut tx = run.begin(Priority::Background).await?;
        let priority = run.record().priority;
        tx.job_enqueue(&[requests::backfill(&self.context, seen, priority, Some(run.id()))]).await?;
        let Some(mut repository) = tx.repository(seen.id).await? else { return Ok(()) };
        entry::set_running(&mut repository, "commits");
        repository.updated_at = self.context.clock.now();
        tx.repository_put(&repository).await?;
        told(&mut tx, &repository, "repository.processing");
        Ok(run.complete_in(tx).await?)
    }
}

/// Is everything that the level asks for there already?
fn is_complete(repository: &Repository, facts: &RefFacts) -> bool {
    let is_empty = facts.branches == 0 && facts.tags == 0;
    match repository.level {
        Level::Facts => true,
        // Without a default branch there is something, and it cannot be read: that is said by whoever tries.
        Level::History | Level::Full if facts.head.is_none() => is_empty,
        Level::History | Level::Full => {
            repository.backfilled.as_ref().map(|backfilled| &backfilled.tip) == facts.head.as_ref()
        }
    }
}
