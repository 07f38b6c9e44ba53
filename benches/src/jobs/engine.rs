//! The job engine with one kind of job, which does nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use futures_util::future::BoxFuture;
use muster_jobs::{Chance, Job, JobFailure, JobRun, QueueConfig, Registry, Runner, RunnerConfig};
use muster_model::{Clock, JobId, NodeId, SystemClock, job::JobState};
use muster_store::{Priority, Store, StoreConfig, job::NewJob};
use tokio::{runtime::Runtime, sync::Notify, sync::watch};

use crate::measure::{Sample, cost};

const KIND: &str = "noop";
const QUEUE: &str = "noop";
/// Jobs that are enqueued by one transaction.
const ENQUEUED: usize = 100;
const PATIENCE: Duration = Duration::from_mins(5);

/// Whether jobs are claimed before there is room to run them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ahead {
    /// As many as the engine takes unless it is told otherwise.
    Some,
    /// As `muster serve` does.
    None,
}

pub(super) struct Engine {
    runtime: Runtime,
}

/// Counts its runs, and tells when the last begins to end.
struct Noop {
    runs: AtomicU64,
    jobs: u64,
    last: Arc<Notify>,
}

impl Job for Noop {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn queue(&self) -> &'static str {
        QUEUE
    }

    fn time_limit(&self) -> Duration {
        PATIENCE
    }

    fn run<'a>(&'a self, _: &'a JobRun) -> BoxFuture<'a, Result<(), JobFailure>> {
        Box::pin(async {
            if self.runs.fetch_add(1, Relaxed) + 1 == self.jobs {
                self.last.notify_one();
            }
            Ok(())
        })
    }
}

impl Engine {
    pub(super) fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        Ok(Self { runtime })
    }

    /// Enqueues so many, then times a runner until the last is stored as completed. In a new database: of this address, or
    /// SQLite.
    pub(super) fn run(
        &self,
        url: Option<String>,
        jobs: u32,
        concurrency: u32,
        ahead: Ahead,
    ) -> Result<Sample> {
        let folder = tempfile::tempdir()?;
        let config = StoreConfig { url, ..StoreConfig::new(folder.path()) };
        let store = self.runtime.block_on(Store::open(&config, Arc::new(SystemClock)))?;
        self.runtime.block_on(enqueue(&store, jobs))?;
        let last = Arc::new(Notify::new());
        let noop = Noop { runs: AtomicU64::new(0), jobs: jobs.into(), last: Arc::clone(&last) };
        let kind: Arc<dyn Job> = Arc::new(noop);
        let usual =
            RunnerConfig { queues: vec![QueueConfig::new(QUEUE, concurrency)], ..RunnerConfig::default() };
        let config = match ahead {
            Ahead::Some => usual,
            Ahead::None => RunnerConfig { ahead: 0, ..usual },
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let node = NodeId::new(clock.now(), [1; 10]);
        let runner = Runner::new(
            store.clone(),
            Registry::new([kind]),
            config,
            clock,
            chance(),
            node,
            Arc::new(|_, _| {}),
        );
        let runner = Arc::new(runner);
        let (stop, stopped) = watch::channel(false);
        let ((), sample) = cost(|| {
            let working = Arc::clone(&runner);
            self.runtime.spawn(async move { working.run(stopped).await });
            self.runtime.block_on(until_stored(&runner, &last, jobs))
        })?;
        let _ = stop.send(true);
        let counts = self.runtime.block_on(store.job_counts())?;
        let completed: u64 =
            counts.iter().filter(|count| count.state == JobState::Completed).map(|count| count.count).sum();
        ensure!(completed == u64::from(jobs), "{completed} of {jobs} jobs are completed");
        self.runtime.block_on(store.close());
        Ok(sample)
    }
}

async fn enqueue(store: &Store, jobs: u32) -> Result<()> {
    let chance = chance();
    let jobs: Vec<NewJob> = (0..jobs)
        .map(|number| NewJob::new(JobId::new(SystemClock.now(), chance()), KIND, QUEUE, number.into()))
        .collect();
    for jobs in jobs.chunks(ENQUEUED) {
        let mut tx = store.begin(Priority::Interactive).await?;
        tx.job_enqueue(jobs).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The end of a run is stored after its handler: it is waited for in small steps.
async fn until_stored(runner: &Runner, last: &Notify, jobs: u32) -> Result<()> {
    tokio::time::timeout(PATIENCE, async {
        last.notified().await;
        while runner.stats().completed < u64::from(jobs) {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    })
    .await
    .context("the jobs never came to an end")
}

/// Ids and jitter here need to differ, not to be unknown.
fn chance() -> Chance {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    Arc::new(|| {
        let mut chance = [0; 10];
        chance[2..].copy_from_slice(&COUNT.fetch_add(1, Relaxed).to_be_bytes());
        chance
    })
}
