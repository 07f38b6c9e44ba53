//! Learns what only the whole history can tell: how old a repository is, who made it, its tags, and the branches that
//! nobody works on any more. Comes when everything else is there, one at a time, so that nothing else waits for it; an
//! entry is ready without it, and if it fails, it alone has failed.

use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use muster_analysis::history::{RULE_VERSION, all_time};
use muster_jobs::{Job, JobFailure, JobRun};
use muster_model::{
    Repository, Timestamp,
    history::AllTime,
    job::JobRecord,
    repository::{DEEPEN, Level, RefFacts, StepState},
};
use muster_store::{Priority, StoreError, Tx, job::NewJob};

use crate::{blocking::blocking, context::Context};

use super::{
    entry::{self, told},
    remote::{Remotes, ref_facts},
    requests,
};

/// Not more often than once a day: each time the other side is asked for what is new on all branches.
const SOONEST: SignedDuration = SignedDuration::from_hours(20);
/// Branches become stale although nothing moves.
const LATEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// See the module.
pub(super) struct Deepen {
    pub(super) context: Context,
    pub(super) remotes: Remotes,
}

impl Job for Deepen {
    fn kind(&self) -> &'static str {
        DEEPEN
    }

    fn queue(&self) -> &'static str {
        DEEPEN
    }

    fn time_limit(&self) -> Duration {
        self.remotes.time_limit()
    }

    fn run<'a>(&'a self, run: &'a JobRun) -> BoxFuture<'a, Result<(), JobFailure>> {
        Box::pin(async move {
            let done = self.deepen(run).await;
            entry::noted(&self.context, run, DEEPEN, done).await
        })
    }

    fn given_up<'a>(
        &'a self,
        tx: &'a mut Tx,
        job: &'a JobRecord,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(entry::give_up_deepening(&self.context, tx, job, reason))
    }
}

impl Deepen {
    async fn deepen(&self, run: &JobRun) -> Result<(), JobFailure> {
        let context = &self.context;
        let Some(repository) = entry::subject(context, run).await? else { return Ok(()) };
        if repository.level != Level::Full {
            return Ok(());
        }
        let begin = |it: &mut Repository| entry::set_deepening(it, StepState::Running);
        entry::change(context, run, repository.id, begin).await?;
        let (source, refs) = self.remotes.look(run, &repository).await?;
        let digest = ref_facts(&refs).digest;
        let known = if refs.head.is_none() {
            // Emptied, or without a default branch, since it was asked for.
            None
        } else {
            let whole = self.remotes.whole_history(run, &repository, source, refs).await?;
            let (commits, branches) = (whole.commits, whole.branches.len());
            run.log(format!("{commits} commits on the default branch, {branches} branches beside it"));
            let now = context.clock.now();
            let known = blocking("working out a history", move || all_time(&whole, &digest, now)).await;
            Some(known.map_err(|error| JobFailure::Retry(error.to_string()))?)
        };
        let mut tx = run.begin(Priority::Background).await?;
        let Some(mut repository) = tx.repository(repository.id).await? else { return Ok(()) };
        if let Some(known) = known {
            tx.history_put_all_time(repository.id, &known).await?;
        }
        entry::set_deepening(&mut repository, StepState::Done);
        repository.updated_at = context.clock.now();
        tx.repository_put(&repository).await?;
        told(&mut tx, &repository, "repository.changed");
        run.complete_in(tx).await?;
        self.remotes.processed(&repository).await;
        Ok(())
    }
}

/// The job, if there is something to learn of a repository whose references are these, and when.
pub(super) async fn wanted(
    context: &Context,
    repository: &Repository,
    refs: &RefFacts,
) -> Result<Option<NewJob>, StoreError> {
    if repository.level != Level::Full || refs.head.is_none() {
        return Ok(None);
    }
    let step = repository.steps.iter().find(|step| !step.is_essential());
    // Entries of an older muster have no such step.
    let state = step.map_or(StepState::Waiting, |step| step.state);
    let failed_at = step.and_then(|step| step.failed_at);
    let now = context.clock.now();
    let age = |at: Timestamp| now.duration_since(at);
    match state {
        // It looks at the remote itself.
        StepState::Running => return Ok(None),
        // What is too large today is so tomorrow.
        StepState::Failed if failed_at.is_some_and(|at| age(at) < LATEST) => return Ok(None),
        StepState::Waiting | StepState::Failed | StepState::Done => {}
    }
    let known: Option<AllTime> = context.store.history_all_time(repository.id).await?;
    let run_at = match known {
        Some(known) if known.rule_version == RULE_VERSION => {
            let is_good = known.digest == refs.digest && age(known.as_of) < LATEST;
            if is_good && state == StepState::Done {
                return Ok(None);
            }
            known.as_of.checked_add(SOONEST).ok().filter(|_| state == StepState::Done)
        }
        _ => None,
    };
    Ok(Some(requests::deepen(context, repository, run_at)))
}
