//! The entry of a watched repository while it is worked on: its steps, how it begins again and how it ends, and what
//! clients are told of it. What a run writes is fenced by its lease, so that one which lost it changes nothing.

use muster_jobs::{JobFailure, JobRun};
use muster_model::{
    RepoId, Repository, Timestamp,
    job::JobRecord,
    repository::{DEEPEN, Level, Processing, RefFacts, Step, StepState},
};
use muster_store::{ChangeEvent, NewChange, Priority, StoreError, Tx, job::JobSchedule, job::ScheduleTime};
use serde_json::json;

use crate::{
    caches::{TAG_WATCHLIST, repository_tag},
    config::WatchlistConfig,
    context::Context,
    jobs::{news, requests},
};

/// The steps that a level needs, none of them begun.
pub(crate) fn steps(level: Level) -> Vec<Step> {
    let names: &[&str] = match level {
        Level::Facts => &["refs"],
        Level::History => &["refs", "clone", "commits"],
        Level::Full => &["refs", "clone", "commits", DEEPEN],
    };
    names.iter().map(|name| Step::waiting(name)).collect()
}

/// Puts an entry back to its first step. What is known of it stays.
pub(crate) fn begin_again(repository: &mut Repository, now: Timestamp) {
    let deepened = repository.steps.iter().find(|step| !step.is_essential()).cloned();
    repository.steps = steps(repository.level);
    // It is begun again only if there is something to learn, and not at each look once it was given up.
    if let (Some(before), Some(step)) =
        (deepened, repository.steps.iter_mut().find(|step| !step.is_essential()))
    {
        *step = before;
    }
    repository.last_error = None;
    repository.processing_started_at = now;
    repository.updated_at = now;
    match repository.processing {
        Processing::Ready => repository.is_refreshing = true,
        Processing::Processing | Processing::Failed => {
            repository.processing = Processing::Processing;
            repository.processing_completed_at = None;
        }
    }
}

/// The same because a person asked: also what was given up is tried again.
pub(crate) fn begin_anew(repository: &mut Repository, now: Timestamp) {
    begin_again(repository, now);
    if let Some(step) = repository.steps.iter_mut().find(|step| step.state == StepState::Failed) {
        *step = Step::waiting(&step.name);
    }
}

/// Records what happened to a repository, for caches and for whoever listens.
pub(crate) fn told(tx: &mut Tx, repository: &Repository, topic: &'static str) {
    tx.record(NewChange {
        entity: "repository".into(),
        entity_id: repository.id.to_string(),
        tags: vec![TAG_WATCHLIST.to_owned(), repository_tag(repository.id)],
        event: Some(ChangeEvent {
            topic: topic.into(),
            data: json!({
                "id": repository.id,
                "watchlist_id": repository.watchlist_id(),
                "name": repository.slug(),
                "url": repository.url.to_string(),
                "status": repository.processing.as_str(),
                "refreshing": repository.is_refreshing,
                "last_error": repository.last_error,
                "steps": repository.steps,
            }),
        }),
    });
}

/// The repository that a job is about; `None` if it is gone, or its payload names none.
pub(super) async fn subject(context: &Context, run: &JobRun) -> Result<Option<Repository>, JobFailure> {
    match subject_id(run.record()) {
        Some(id) => Ok(context.store.repository(id).await?),
        None => Ok(None),
    }
}

fn subject_id(job: &JobRecord) -> Option<RepoId> {
    job.payload.get("repository")?.as_str()?.parse().ok()
}

/// Changes the entry in a transaction of this run and tells of it; `None` if it is gone meanwhile.
pub(super) async fn change(
    context: &Context,
    run: &JobRun,
    id: RepoId,
    change: impl FnOnce(&mut Repository),
) -> Result<Option<Repository>, StoreError> {
    let mut tx = run.begin(Priority::Background).await?;
    let Some(mut repository) = tx.repository(id).await? else { return Ok(None) };
    let before = repository.clone();
    change(&mut repository);
    if repository != before {
        repository.updated_at = context.clock.now();
        tx.repository_put(&repository).await?;
        let is_quiet = repository.processing == Processing::Ready && !repository.is_refreshing;
        told(&mut tx, &repository, if is_quiet { "repository.changed" } else { "repository.processing" });
        tx.commit().await?;
    }
    Ok(Some(repository))
}

/// A step is at work, and those before it are done.
pub(super) fn set_running(repository: &mut Repository, name: &str) {
    let Some(at) = repository.steps.iter().position(|step| step.name == name) else { return };
    if repository.processing == Processing::Failed {
        // Its job was taken up again.
        repository.processing = Processing::Processing;
        (repository.processing_completed_at, repository.last_error) = (None, None);
    }
    for step in &mut repository.steps[..at] {
        (step.state, step.error) = (StepState::Done, None);
    }
    for step in repository.steps[at + 1..].iter_mut().filter(|step| step.is_essential()) {
        (step.state, step.error) = (StepState::Waiting, None);
    }
    // What went wrong before stands beside it until it is done.
    repository.steps[at].state = StepState::Running;
}

/// The step that may come later.
pub(super) fn set_deepening(repository: &mut Repository, state: StepState) {
    if let Some(step) = repository.steps.iter_mut().find(|step| !step.is_essential()) {
        (step.state, step.error, step.failed_at) = (state, None, None);
    }
}

/// Everything is there.
pub(super) fn set_ready(repository: &mut Repository, now: Timestamp) {
    for step in repository.steps.iter_mut().filter(|step| step.is_essential()) {
        (step.state, step.error) = (StepState::Done, None);
    }
    repository.processing = Processing::Ready;
    repository.is_refreshing = false;
    repository.last_error = None;
    repository.processing_completed_at = Some(now);
    repository.updated_at = now;
}

/// Passes on how a step went. Why an attempt failed is said beside the step; it is tried again.
pub(super) async fn noted<T>(
    context: &Context,
    run: &JobRun,
    step: &str,
    done: Result<T, JobFailure>,
) -> Result<T, JobFailure> {
    if let Err(failure) = &done {
        note_failure(context, run, step, failure).await;
    }
    done
}

async fn note_failure(context: &Context, run: &JobRun, step: &str, failure: &JobFailure) {
    let reason = match failure {
        JobFailure::Retry(reason) | JobFailure::Later { reason, .. } => reason.clone(),
        JobFailure::Store(error) => error.to_string(),
        // These end the job: what ends it says why.
        JobFailure::Permanent(_) | JobFailure::Cancelled => return,
    };
    let Some(id) = subject_id(run.record()) else { return };
    let noted = change(context, run, id, |repository| {
        if let Some(step) = repository.steps.iter_mut().find(|known| known.name == step) {
            step.state = StepState::Waiting;
            step.error = Some(reason);
        }
    });
    if let Err(error) = noted.await {
        tracing::debug!(repository.id = %id, %error, "why a step failed could not be noted");
    }
}

/// In the transaction that gives a job up: the entry fails, with the reason. One that was ready before stays so, with
/// what was known of it.
pub(super) async fn give_up(
    context: &Context,
    tx: &mut Tx,
    job: &JobRecord,
    reason: &str,
) -> Result<(), StoreError> {
    let Some(id) = subject_id(job) else { return Ok(()) };
    let Some(mut repository) = tx.repository(id).await? else { return Ok(()) };
    let now = context.clock.now();
    let is_known = repository.processing == Processing::Ready;
    if is_known && !repository.is_refreshing && job.attempt == 0 {
        // A look that never began was called off: nothing is worse than before.
        return Ok(());
    }
    let is_failed = |step: &&mut Step| match &*job.kind {
        requests::COMMIT_BACKFILL => step.name == "commits",
        // Of those before it the first that is not done.
        _ => step.is_essential() && step.state != StepState::Done,
    };
    if let Some(step) = repository.steps.iter_mut().find(is_failed) {
        step.state = StepState::Failed;
        step.error = Some(reason.to_owned());
    }
    let was_known_to_fail = repository.last_error.is_some();
    repository.last_error = Some(reason.to_owned());
    repository.is_refreshing = false;
    repository.updated_at = now;
    if !is_known {
        repository.processing = Processing::Failed;
        repository.processing_completed_at = Some(now);
    }
    tx.repository_put(&repository).await?;
    told(tx, &repository, "repository.failed");
    if was_known_to_fail {
        // A remote that is away for weeks is looked at daily, and told of once.
        return Ok(());
    }
    news::enqueue(context, tx, &repository, news::FAILED).await
}

/// In the transaction that gives up learning the whole history: that step alone has failed.
pub(super) async fn give_up_deepening(
    context: &Context,
    tx: &mut Tx,
    job: &JobRecord,
    reason: &str,
) -> Result<(), StoreError> {
    let Some(id) = subject_id(job) else { return Ok(()) };
    let Some(mut repository) = tx.repository(id).await? else { return Ok(()) };
    let now = context.clock.now();
    if let Some(step) = repository.steps.iter_mut().find(|step| !step.is_essential()) {
        (step.state, step.error, step.failed_at) = (StepState::Failed, Some(reason.to_owned()), Some(now));
    }
    repository.updated_at = now;
    tx.repository_put(&repository).await?;
    told(tx, &repository, "repository.changed");
    Ok(())
}

/// A line for a job's log.
pub(super) fn seen(refs: &RefFacts) -> String {
    let branch = refs.default_branch.as_deref().unwrap_or("no default branch");
    let head = refs.head.as_deref().unwrap_or("no commit");
    format!("the remote has {} branches and {} tags; {branch} is at {head}", refs.branches, refs.tags)
}

/// When a repository is looked at again. The times follow from when it was added, so that many are not due at once, and
/// from how often something happens there.
pub(super) fn schedule(context: &Context, config: &WatchlistConfig, repository: &Repository) -> JobSchedule {
    const ACTIVE: i64 = 7 * 24;
    const DORMANT: i64 = 182 * 24;
    let quiet = repository.last_commit_at.map(|at| context.clock.now().duration_since(at).as_hours());
    let hours = match quiet {
        Some(hours) if hours <= ACTIVE => config.poll_active_hours,
        Some(hours) if hours > DORMANT => config.poll_dormant_hours,
        _ => config.poll_hours,
    };
    let period = std::time::Duration::from_secs(3600 * u64::from(hours.max(1)));
    requests::poll(repository, ScheduleTime::Every { period, from: repository.created_at })
}
