//! Fills a store with what many watched repositories leave behind, so that lists and sums can be measured at a size that
//! nobody has at hand: `cargo xtask generate-store`. It writes through the store's own types, so whatever holds there
//! holds here, and derives the facts of each history as the service does. What the rows look like is told in `made`.
//! The same seed on the same day gives the same rows.

mod made;
mod words;

use std::{
    path::Path,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use muster_analysis::history::derive;
use muster_model::{
    Clock, Commit, Repository, SystemClock, Timestamp,
    history::HistoryFacts,
    repository::{Backfilled, Processing, RefFacts, StepState},
};
use muster_store::{NewChange, NewRepository, NewWatch, Priority, Store, StoreConfig};

use made::Maker;

/// Commits of one transaction, about.
const BATCH: usize = 20_000;
/// Batches that are made before there is time to write them.
const AHEAD: usize = 2;
/// A statement over a whole batch may take long on a busy machine.
const PATIENCE: Duration = Duration::from_mins(10);

/// How much is made, and from which number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) repositories: usize,
    pub(crate) commits: usize,
    pub(crate) seed: u64,
}

/// A repository before it is stored.
struct Made {
    new: NewRepository,
    watches: Vec<NewWatch>,
    processing: Processing,
    commits: Vec<Commit>,
    facts: HistoryFacts,
}

/// `generate-store TO REPOSITORIES COMMITS [SEED]`: TO is a path of a SQLite file, or the URL of an empty PostgreSQL.
pub(crate) fn command(args: &[String]) -> Result<()> {
    let [to, repositories, commits, rest @ ..] = args else {
        anyhow::bail!("generate-store TO REPOSITORIES COMMITS [SEED]");
    };
    let seed = rest.first().map_or(Ok(1), |seed| seed.parse()).context("SEED is no number")?;
    let size = Size {
        repositories: repositories.parse().context("REPOSITORIES is no number")?,
        commits: commits.parse().context("COMMITS is no number")?,
        seed,
    };
    fill(to, size)
}

/// Makes the store and fills it. A store that has repositories is refused.
pub(crate) fn fill(to: &str, size: Size) -> Result<()> {
    ensure!(size.repositories > 0, "no repositories, nothing to do");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(write(to, size))
}

async fn write(to: &str, size: Size) -> Result<()> {
    let begin = Instant::now();
    let config = config(to)?;
    let store = Store::open(&config, Arc::new(SystemClock)).await?;
    ensure!(
        store.repository_ids().await?.is_empty(),
        "{to} has repositories already: name an empty database"
    );
    let (sender, batches) = mpsc::sync_channel(AHEAD);
    let now = midnight(SystemClock.now())?;
    let maker = std::thread::spawn(move || make(size, now, &sender));
    let (mut repositories, mut commits) = (0, 0);
    while let Ok(batch) = tokio::task::block_in_place(|| batches.recv()) {
        repositories += batch.len();
        commits += batch.iter().map(|made: &Made| made.commits.len()).sum::<usize>();
        put(&store, batch, now).await?;
        crate::tell(&format!(
            "{repositories} repositories, {commits} commits after {} s",
            begin.elapsed().as_secs()
        ));
    }
    maker.join().map_err(|_| anyhow!("the maker panicked"))?;
    store.close().await;
    Ok(())
}

fn config(to: &str) -> Result<StoreConfig> {
    let is_url = to.contains("://") || to.starts_with("sqlite:");
    let path = std::path::absolute(to.trim_start_matches("sqlite:"))?;
    let folder = if is_url && !to.starts_with("sqlite:") {
        // Nothing is put there when the database is a server.
        std::env::temp_dir()
    } else {
        path.parent().unwrap_or(Path::new("/")).to_owned()
    };
    let mut config = StoreConfig::new(folder);
    config.url = Some(if is_url { to.to_owned() } else { format!("sqlite:{}", path.display()) });
    config.statement_timeout = PATIENCE;
    config.acquire_timeout = PATIENCE;
    Ok(config)
}

/// The last midnight (UTC), so that the time of day changes nothing.
fn midnight(now: Timestamp) -> Result<Timestamp> {
    Ok(Timestamp::from_second(now.as_second() / 86_400 * 86_400)?)
}

/// Makes everything, batch after batch, until it is done or nobody wants more.
fn make(size: Size, now: Timestamp, to: &mpsc::SyncSender<Vec<Made>>) {
    let mut maker = Maker::new(size, now);
    let (mut batch, mut commits) = (Vec::new(), 0);
    while let Some((new, watches, processing, history)) = maker.repository() {
        let facts = derive(&history, now);
        commits += history.len();
        batch.push(Made { new, watches, processing, commits: history, facts });
        if commits >= BATCH {
            commits = 0;
            if to.send(std::mem::take(&mut batch)).is_err() {
                return;
            }
        }
    }
    // Whoever does not take it has said why.
    drop(to.send(batch));
}

/// Writes a batch by one transaction, as setup and backfill leave it.
async fn put(store: &Store, batch: Vec<Made>, now: Timestamp) -> Result<()> {
    let mut tx = store.begin(Priority::Background).await?;
    let new: Vec<_> = batch.iter().map(|made| made.new.clone()).collect();
    let added = tx.repository_add(&new, now).await?;
    let watches: Vec<_> = batch.iter().flat_map(|made| made.watches.clone()).collect();
    if !watches.is_empty() {
        tx.watch_add(&watches, now).await?;
    }
    for (made, added) in batch.into_iter().zip(added) {
        ensure!(added.is_new, "{} was made twice", added.repository.url);
        let number = added.repository.number;
        tx.commits_put(number, &made.commits).await?;
        tx.commits_known(number).await?;
        tx.history_put(made.new.id, made.facts.as_of, &made.facts).await?;
        tx.repository_put(&finished(added.repository, &made, now)).await?;
    }
    tx.record(NewChange {
        entity: "repository".into(),
        entity_id: "generated".into(),
        tags: vec!["watchlist".into()],
        event: None,
    });
    tx.commit().await?;
    Ok(())
}

/// The repository as its processing leaves it.
fn finished(mut repository: Repository, made: &Made, now: Timestamp) -> Repository {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let (facts, tip) = (&made.facts, made.commits.last());
    repository.processing = made.processing;
    if made.processing == Processing::Failed {
        repository.last_error = Some("the remote did not answer".to_owned());
    }
    let state = match made.processing {
        Processing::Ready => StepState::Done,
        Processing::Failed => StepState::Failed,
        Processing::Processing => StepState::Waiting,
    };
    for step in &mut repository.steps {
        step.state = state;
    }
    repository.processing_completed_at = (made.processing != Processing::Processing).then_some(now);
    repository.updated_at = facts.last_at.unwrap_or(now);
    repository.commits = number(facts.commits);
    repository.last_commit_at = facts.last_at;
    repository.activity_score = facts.activity.as_ref().map(|activity| activity.score.into());
    repository.bus_factor = facts.bus_factor.as_ref().map(|factor| number(factor.people));
    repository.refs = Some(RefFacts {
        default_branch: Some("main".to_owned()),
        head: tip.map(|tip| tip.id.clone()),
        branches: 1 + facts.commits / 100,
        tags: facts.commits / 50,
        digest: tip.map_or_else(String::new, |tip| tip.id.clone()),
    });
    repository.refs_at = Some(now);
    repository.backfilled = tip.map(|tip| Backfilled { tip: tip.id.clone(), cut_off: None, mailmap: None });
    repository
}
