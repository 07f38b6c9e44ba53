//! The runner: claims what is due, runs it, stores how it ended, and looks after what others left behind.
//!
//! Three tasks, so that none keeps the others waiting: one ends runs and claims the next in the same transaction (many
//! at a time when they are short), one beats for all leases, one does upkeep. Handlers run in workers of their queue.
//! Whatever the store does, none of them ends: an error is counted, written to the log, and tried again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
};

use futures_util::future::BoxFuture;
use muster_model::{
    Clock, JobId, NodeId, Timestamp,
    job::{JobProgress, JobRecord, JobState},
};
use muster_store::{
    DatabaseKind, Priority, Store, StoreError, Tx,
    job::{GivenUp, Settled},
};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinSet,
};

use crate::{
    config::{QueueConfig, RunnerConfig},
    registry::Registry,
    run::{Host, JobRun},
    stats::{Counters, RunnerStats, add},
};

mod heart;
mod queue;
mod turn;
mod upkeep;
mod work;

use queue::{IsStopping, Queue};
use turn::Turns;

/// Ten bytes of chance, for ids and jitter.
pub type Chance = Arc<dyn Fn() -> [u8; 10] + Send + Sync>;

/// Hears of a job's progress at once, long before it is stored.
pub type ProgressListener = Arc<dyn Fn(&JobRecord, &JobProgress) + Send + Sync>;

/// Runs the jobs of some queues in this process.
pub struct Runner {
    shared: Arc<Shared>,
}

/// What the tasks of a runner share.
struct Shared {
    store: Store,
    registry: Registry,
    config: RunnerConfig,
    clock: Arc<dyn Clock>,
    chance: Chance,
    node: NodeId,
    on_progress: ProgressListener,
    new_id: Arc<dyn Fn() -> JobId + Send + Sync>,
    counters: Counters,
    queues: Vec<Arc<Queue>>,
    held: Mutex<HashMap<JobId, Arc<JobRun>>>,
    /// Held by each who changes or relies on what is held: ends and claims, heartbeats (so that the end of a run does
    /// not overtake what it said), rescue.
    turn: tokio::sync::Mutex<()>,
    beat_now: Notify,
}

impl Runner {
    /// A runner that has not begun. `node` is shown beside what it runs; `chance` gives ids and jitter.
    pub fn new(
        store: Store,
        registry: Registry,
        mut config: RunnerConfig,
        clock: Arc<dyn Clock>,
        chance: Chance,
        node: NodeId,
        on_progress: ProgressListener,
    ) -> Self {
        for job in registry.kinds() {
            if !config.queues.iter().any(|queue| queue.name == job.queue()) {
                config.queues.push(QueueConfig::new(job.queue(), 1));
            }
        }
        let new_id = {
            let (clock, chance) = (Arc::clone(&clock), Arc::clone(&chance));
            Arc::new(move || JobId::new(clock.now(), chance()))
        };
        let queues = config.queues.iter().map(|queue| Arc::new(Queue::new(queue))).collect();
        let shared = Shared {
            store,
            registry,
            config,
            clock,
            chance,
            node,
            on_progress,
            new_id,
            counters: Counters::default(),
            queues,
            held: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            beat_now: Notify::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Works until `shutdown` says true or is dropped; then begins nothing more, lets what runs go on for the
    /// configured time, and gives back what does not end. On SQLite only one runner may work on a database.
    pub async fn run(&self, mut shutdown: watch::Receiver<bool>) {
        let shared = &self.shared;
        if !self.prepared(&mut shutdown).await {
            return;
        }
        let _last = LetGo(shared);
        let (ended, ends) = mpsc::unbounded_channel();
        let mut helpers = JoinSet::new();
        helpers.spawn(heart::beat(Arc::clone(shared)));
        let mut upkeep = JoinSet::new();
        upkeep.spawn(upkeep::keep_up(Arc::clone(shared)));
        let mut turns = Turns::new(Arc::clone(shared), ended, ends);
        turns.until_shutdown(&mut shutdown).await;
        upkeep.abort_all();
        turns.stop().await;
        helpers.abort_all();
    }

    /// Its numbers at this moment.
    pub fn stats(&self) -> RunnerStats {
        let (running, ahead) = self
            .shared
            .queues
            .iter()
            .map(|queue| queue.numbers())
            .fold((0, 0), |(all_running, all_ahead), (running, ahead)| {
                (all_running + running, all_ahead + ahead)
            });
        self.shared.counters.read(running, ahead)
    }

    /// The kinds that it knows.
    pub fn registry(&self) -> &Registry {
        &self.shared.registry
    }

    /// Writes down its queues and takes back what an earlier process left; false if it is to stop before that is done.
    async fn prepared(&self, shutdown: &mut watch::Receiver<bool>) -> bool {
        loop {
            match self.shared.prepare().await {
                Ok(()) => return true,
                Err(error) => self.shared.failed("the job runner cannot begin yet", &error),
            }
            tokio::select! {
                () = tokio::time::sleep(self.shared.config.poll) => {}
                _ = shutdown.wait_for(|stop| *stop) => return false,
            }
        }
    }
}

/// However the run ends: what it held points back to it.
struct LetGo<'a>(&'a Shared);

impl Drop for LetGo<'_> {
    fn drop(&mut self) {
        for queue in &self.0.queues {
            queue.take_stale(IsStopping::Yes);
        }
        self.0.held().clear();
    }
}

impl Shared {
    async fn prepare(&self) -> Result<(), StoreError> {
        let mut tx = self.store.begin(Priority::Background).await?;
        for queue in &self.config.queues {
            tx.job_queue_configure(&queue.name, queue.limits()).await?;
        }
        if self.store.kind() == DatabaseKind::Sqlite {
            // One process holds the database: nobody can be running these.
            let orphans = tx.job_orphans_return().await?;
            if orphans > 0 {
                tracing::info!(jobs = orphans, "jobs of an earlier process are taken back");
            }
        }
        tx.commit().await?;
        self.rescue().await
    }

    /// Counts and says that the store failed; whoever calls tries again.
    fn failed(&self, what: &str, error: &StoreError) {
        add(&self.counters.store_errors, 1);
        tracing::warn!(%error, "{what}");
    }

    fn held(&self) -> MutexGuard<'_, HashMap<JobId, Arc<JobRun>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a run; a later run of the same job stays.
    fn let_go(&self, run: &JobRun) {
        let mut held = self.held();
        if held.get(&run.id()).is_some_and(|other| other.lease == run.lease) {
            held.remove(&run.id());
        }
    }

    fn jitter(&self) -> u16 {
        let [first, second, ..] = (self.chance)();
        u16::from_be_bytes([first, second])
    }

    fn lost(&self) {
        self.counters.lost_leases.fetch_add(1, Relaxed);
    }
}

impl Host for Shared {
    fn store(&self) -> &Store {
        &self.store
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn new_id(&self) -> JobId {
        (self.new_id)()
    }

    fn told(&self, job: &JobRecord, progress: &JobProgress) {
        (self.on_progress)(job, progress);
    }

    fn give_up<'a>(
        &'a self,
        tx: &'a mut Tx,
        given_up: &'a [GivenUp],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.registry.give_up(tx, given_up))
    }

    fn count(&self, settled: &Settled) {
        let ended =
            |wanted: &[JobState]| settled.applied.iter().filter(|(_, state)| wanted.contains(state)).count();
        add(&self.counters.completed, ended(&[JobState::Completed]));
        add(&self.counters.failed, ended(&[JobState::Retryable, JobState::Discarded]));
        add(&self.counters.given_up, settled.given_up.len());
    }
}
