//! What the tests share: a store, a clock that stands, kinds of jobs made from closures, a runner in the background, and
//! waiting for what was committed.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use muster_jobs::{Chance, Job, JobFailure, JobRun, QueueConfig, Registry, Runner, RunnerConfig};
use muster_model::{
    Clock, JobId, NodeId, Timestamp,
    job::{JobProgress, JobRecord, JobState},
};
use muster_store::{
    Priority, Store, StoreConfig, StoreError, Tx,
    job::{JobDetail, JobFilter, NewJob},
};
use muster_testkit::FixedClock;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

/// Longer than anything in a test takes; never waited for in a test that passes.
pub(crate) const LONG: Duration = Duration::from_mins(1);

pub(crate) type Handler =
    Arc<dyn for<'a> Fn(&'a JobRun) -> BoxFuture<'a, Result<(), JobFailure>> + Send + Sync>;

/// A kind of job made from a closure; jobs that are given up are listed in the setting `given up`.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) time_limit: Duration,
    pub(crate) handler: Handler,
}

impl Job for Kind {
    fn kind(&self) -> &'static str {
        self.name
    }

    fn queue(&self) -> &'static str {
        "work"
    }

    fn time_limit(&self) -> Duration {
        self.time_limit
    }

    fn run<'a>(&'a self, run: &'a JobRun) -> BoxFuture<'a, Result<(), JobFailure>> {
        (self.handler)(run)
    }

    fn given_up<'a>(
        &'a self,
        tx: &'a mut Tx,
        job: &'a JobRecord,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { tx.setting_put("given up", &json!([job.id, job.state, reason])).await })
    }
}

pub(crate) fn kind(
    name: &'static str,
    handler: impl for<'a> Fn(&'a JobRun) -> BoxFuture<'a, Result<(), JobFailure>> + Send + Sync + 'static,
) -> Kind {
    Kind { name, time_limit: LONG, handler: Arc::new(handler) }
}

pub(crate) struct World {
    _folder: TempDir,
    pub(crate) clock: FixedClock,
    pub(crate) store: Store,
    pub(crate) config: RunnerConfig,
    pub(crate) told: Arc<Mutex<Vec<JobProgress>>>,
}

/// A runner in the background.
pub(crate) struct Running {
    pub(crate) runner: Arc<Runner>,
    shutdown: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl World {
    pub(crate) async fn new(url: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = StoreConfig::new(folder.path().join("data"));
        config.url = url;
        config.max_connections = 6;
        let clock = FixedClock::at("2026-01-31T12:00:00Z");
        let store = Store::open(&config, Arc::new(clock.clone())).await.unwrap();
        let short = Duration::from_millis(10);
        let config = RunnerConfig {
            queues: vec![QueueConfig::new("work", 2)],
            poll: short,
            heartbeat: short,
            rescue: short,
            grace: Duration::ZERO,
            ..RunnerConfig::default()
        };
        Self { _folder: folder, clock, store, config, told: Arc::default() }
    }

    pub(crate) fn registry(kinds: Vec<Kind>) -> Registry {
        Registry::new(kinds.into_iter().map(|kind| Arc::new(kind) as Arc<dyn Job>))
    }

    fn runner(&self, registry: Registry) -> Runner {
        let told = Arc::clone(&self.told);
        Runner::new(
            self.store.clone(),
            registry,
            self.config.clone(),
            Arc::new(self.clock.clone()),
            chance(),
            NodeId::new(self.clock.now(), [1; 10]),
            Arc::new(move |_, progress| told.lock().unwrap().push(progress.clone())),
        )
    }

    pub(crate) fn start(&self, kinds: Vec<Kind>) -> Running {
        self.start_with(Self::registry(kinds))
    }

    pub(crate) fn start_with(&self, registry: Registry) -> Running {
        let runner = Arc::new(self.runner(registry));
        let (shutdown, stop) = watch::channel(false);
        let task = tokio::spawn({
            let runner = Arc::clone(&runner);
            async move { runner.run(stop).await }
        });
        Running { runner, shutdown, task }
    }

    pub(crate) fn forward(&self, seconds: i64) {
        self.clock.set(self.after(seconds));
    }

    pub(crate) fn after(&self, seconds: i64) -> Timestamp {
        Timestamp::from_microsecond(self.clock.now().as_microsecond() + seconds * 1_000_000).unwrap()
    }

    pub(crate) async fn enqueue(&self, kind: &'static str, payload: Value) -> JobId {
        let job = NewJob::new(new_id(), kind, "work", payload);
        self.enqueue_all(&[job]).await[0]
    }

    pub(crate) async fn enqueue_all(&self, jobs: &[NewJob]) -> Vec<JobId> {
        let mut tx = self.store.begin(Priority::Interactive).await.unwrap();
        let enqueued = tx.job_enqueue(jobs).await.unwrap();
        tx.commit().await.unwrap();
        enqueued.into_iter().map(|enqueued| enqueued.id).collect()
    }

    pub(crate) async fn job(&self, id: JobId) -> JobDetail {
        self.store.job(id).await.unwrap().unwrap()
    }

    /// Waits until the job is in this state.
    pub(crate) async fn until(&self, id: JobId, state: JobState) -> JobRecord {
        self.until_job(id, |record| record.state == state).await
    }

    /// Waits until this is true of the job. It is looked at after each commit that told something.
    pub(crate) async fn until_job(&self, id: JobId, is_so: impl Fn(&JobRecord) -> bool) -> JobRecord {
        let mut announced = self.store.announced();
        loop {
            announced.borrow_and_update();
            let record = self.job(id).await.record;
            if is_so(&record) {
                return record;
            }
            let changed = timeout(LONG, announced.changed()).await;
            assert!(changed.is_ok(), "still {record:?}");
        }
    }

    /// The same where it takes a lease that must be over: of a process that was killed, a heartbeat that was on its way may
    /// still have prolonged it. Whenever nothing happens, time goes on.
    pub(crate) async fn until_job_in_time(&self, id: JobId, is_so: impl Fn(&JobRecord) -> bool) {
        const QUIET: Duration = Duration::from_secs(2);
        let begin = std::time::Instant::now();
        let mut announced = self.store.announced();
        loop {
            announced.borrow_and_update();
            let record = self.job(id).await.record;
            if is_so(&record) {
                return;
            }
            assert!(begin.elapsed() < LONG, "still {record:?}");
            if timeout(QUIET, announced.changed()).await.is_err() {
                self.forward(31);
            }
        }
    }

    /// Waits until so many jobs are in this state.
    pub(crate) async fn until_all(&self, count: usize, state: JobState) {
        let mut announced = self.store.announced();
        let filter = JobFilter { states: vec![state], ..JobFilter::default() };
        loop {
            announced.borrow_and_update();
            if self.store.job_list(&filter, None, 100_000).await.unwrap().len() >= count {
                return;
            }
            timeout(LONG, announced.changed()).await.unwrap().unwrap();
        }
    }

    pub(crate) async fn cancel(&self, kinds: &Registry, id: JobId) {
        let mut tx = self.store.begin(Priority::Interactive).await.unwrap();
        kinds.cancel(&mut tx, id, &new_id).await.unwrap();
        tx.commit().await.unwrap();
    }
}

impl Running {
    /// Stops it as a process that is asked to end.
    pub(crate) async fn stop(self) -> Arc<Runner> {
        self.shutdown.send_replace(true);
        timeout(LONG, self.task).await.unwrap().unwrap();
        self.runner
    }

    /// Stops it once its handlers are done.
    pub(crate) async fn stop_when_idle(self) -> Arc<Runner> {
        yield_until(|| self.runner.stats().running == 0).await;
        self.stop().await
    }

    /// Stops it as a process that is killed.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

pub(crate) fn new_id() -> JobId {
    JobId::new(Timestamp::UNIX_EPOCH, chance()())
}

/// Counts instead of chance: ids differ, and later ones sort later.
fn chance() -> Chance {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    Arc::new(|| {
        let mut chance = [0; 10];
        chance[2..].copy_from_slice(&COUNT.fetch_add(1, SeqCst).to_be_bytes());
        chance
    })
}

/// For what is not committed and so not told.
pub(crate) async fn yield_until(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, wait).await.unwrap();
}
