//! What follows from the commits that are stored: worked out when the commits change, and again when it has aged, because
//! "recent" moves on although nothing happens. Needs neither git nor the network. What commits did to files is loaded in
//! pages: it may be far more than fits into memory.

use std::{collections::HashMap, sync::Arc};

use jiff::SignedDuration;
use muster_analysis::history::{self, Churn, ChurnCount, RULE_VERSION};
use muster_jobs::{JobFailure, JobRun};
use muster_model::{Commit, Repository, history::HistoryFacts};
use muster_store::{Priority, StoreError};

use crate::{blocking::blocking, context::Context, error::AppError};

use super::entry::told;

/// How old it may become: a little less than a day, so that who is looked at daily is never a day late.
const OLDEST: SignedDuration = SignedDuration::from_hours(20);

/// Works out what follows from these commits of the repository with this number. They need not hold their files.
pub(super) async fn derive(
    context: &Context,
    repository: i64,
    commits: Arc<Vec<Commit>>,
) -> Result<HistoryFacts, JobFailure> {
    let mistake = |error: AppError| JobFailure::Retry(error.to_string());
    let unordered = Arc::clone(&commits);
    let order = blocking("ordering a history", move || order(&unordered)).await.map_err(mistake)?;
    let churn = churn(context, repository, &commits, &order).await?;
    let now = context.clock.now();
    let facts = blocking("working out a history", move || history::derive_with(&commits, churn, now));
    facts.await.map_err(mistake)
}

/// What has aged, derived anew; `None` if what is stored is good, or if there is nothing to derive it from.
pub(super) async fn aged(
    context: &Context,
    repository: &Repository,
) -> Result<Option<HistoryFacts>, JobFailure> {
    if repository.backfilled.is_none() {
        return Ok(None);
    }
    let stored: Option<(_, HistoryFacts)> = context.store.history(repository.id).await?;
    let now = context.clock.now();
    let is_good =
        |facts: &HistoryFacts| facts.rule_version == RULE_VERSION && now.duration_since(facts.as_of) < OLDEST;
    if stored.is_some_and(|(_, facts)| is_good(&facts)) {
        return Ok(None);
    }
    let commits = context.store.commits_in_short(repository.number).await?;
    Ok(Some(derive(context, repository.number, Arc::new(commits)).await?))
}

/// Stores it in a transaction of its own. Told only if lists show anything else than before.
pub(super) async fn put(
    context: &Context,
    run: &JobRun,
    seen: &Repository,
    facts: &HistoryFacts,
) -> Result<(), JobFailure> {
    let mut tx = run.begin(Priority::Background).await?;
    let Some(mut repository) = tx.repository(seen.id).await? else { return Ok(()) };
    if repository.backfilled != seen.backfilled {
        // Other commits were stored meanwhile, with what follows from them.
        return Ok(());
    }
    tx.history_put(seen.id, facts.as_of, facts).await?;
    let before = repository.clone();
    show(&mut repository, facts);
    if repository != before {
        repository.updated_at = context.clock.now();
        tx.repository_put(&repository).await?;
        told(&mut tx, &repository, "repository.changed");
    }
    tx.commit().await?;
    Ok(())
}

/// What lists show of it.
pub(super) fn show(repository: &mut Repository, facts: &HistoryFacts) {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    repository.commits = number(facts.commits);
    repository.last_commit_at = facts.last_at;
    repository.activity_score = facts.activity.as_ref().map(|activity| activity.score.into());
    repository.bus_factor = facts.bus_factor.as_ref().map(|factor| number(factor.people));
}

/// The places of the commits in the list, the newest first.
fn order(commits: &[Commit]) -> Vec<usize> {
    let ids = commits.iter().map(|commit| commit.id.as_str());
    let place_by_id: HashMap<&str, usize> = ids.zip(0..).collect();
    history::newest_first(commits).iter().filter_map(|commit| place_by_id.get(&*commit.id).copied()).collect()
}

async fn churn(
    context: &Context,
    repository: i64,
    commits: &[Commit],
    order: &[usize],
) -> Result<Churn, StoreError> {
    let ordered: Vec<&Commit> = order.iter().map(|&place| &commits[place]).collect();
    let mut count = ChurnCount::default();
    let mut rest = ordered.as_slice();
    while !rest.is_empty() {
        if count.is_full() {
            count.leave_out_older();
            break;
        }
        let (loaded, files) = context.store.commits_files(repository, rest).await?;
        let (page, others) = rest.split_at(loaded);
        for commit in page {
            count.add(commit, files.get(&commit.id).map_or(&[], Vec::as_slice));
        }
        rest = others;
    }
    Ok(count.finish())
}
