//! One run of a job, as its handler sees it: what it is about, whether it should stop, and how it says how far it is.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Instant,
};

use futures_util::future::BoxFuture;
use muster_model::{
    JobId, Timestamp,
    job::{JobLogLine, JobProgress, JobRecord},
};
use muster_store::{
    Priority, Store, StoreError, Tx,
    job::{ClaimedJob, Finish, GivenUp, JobOutcome, Lease, RunNotes, Settled},
};
use serde_json::Value;
use tokio::sync::watch;

/// Lines that wait for the next heartbeat; of more the oldest are dropped, as the store would.
const LINES: usize = muster_store::job::LOG_LINES;

/// Why a run should stop. The first reason counts, but a lost lease goes before all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Somebody cancelled the job.
    Asked,
    /// It took too long.
    TimeLimit,
    /// The process is to stop.
    Shutdown,
    /// The job was given to somebody else.
    LeaseLost,
}

/// What a run needs of the runner that began it.
pub(crate) trait Host: Send + Sync {
    fn store(&self) -> &Store;
    fn now(&self) -> Timestamp;
    fn new_id(&self) -> JobId;
    /// Somebody may want to hear of it at once.
    fn told(&self, job: &JobRecord, progress: &JobProgress);
    /// Lets the kinds of these jobs put right what waits for them.
    fn give_up<'a>(
        &'a self,
        tx: &'a mut Tx,
        given_up: &'a [GivenUp],
    ) -> BoxFuture<'a, Result<(), StoreError>>;
    /// It was stored.
    fn count(&self, settled: &Settled);
}

/// One run of a job.
pub struct JobRun {
    host: Arc<dyn Host>,
    record: JobRecord,
    pub(crate) lease: Lease,
    pub(crate) claimed_at: Instant,
    is_cancelled: Arc<AtomicBool>,
    stop: watch::Sender<Option<Stop>>,
    notes: Mutex<RunNotes>,
    is_completing: AtomicBool,
    is_finished: AtomicBool,
    awaits_children: AtomicBool,
}

impl JobRun {
    pub(crate) fn new(host: Arc<dyn Host>, claimed: ClaimedJob) -> Self {
        Self {
            host,
            record: claimed.record,
            lease: claimed.lease,
            claimed_at: Instant::now(),
            is_cancelled: Arc::default(),
            stop: watch::Sender::new(None),
            notes: Mutex::default(),
            is_completing: AtomicBool::new(false),
            is_finished: AtomicBool::new(false),
            awaits_children: AtomicBool::new(false),
        }
    }

    /// The job, as it was when this run began.
    pub fn record(&self) -> &JobRecord {
        &self.record
    }

    /// Which job.
    pub fn id(&self) -> JobId {
        self.record.id
    }

    /// What it is about.
    pub fn payload(&self) -> &Value {
        &self.record.payload
    }

    /// If this run fails the job is given up.
    pub fn is_last_attempt(&self) -> bool {
        self.record.attempt >= self.record.max_attempts
    }

    /// True once the run should stop, for whatever reason. For work on another thread.
    pub fn cancelled(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_cancelled)
    }

    /// Waits until the run should stop.
    pub async fn until_cancelled(&self) {
        // The sender is in `self`: it cannot be gone.
        drop(self.stop.subscribe().wait_for(Option::is_some).await);
    }

    /// Says how far it is: told to listeners at once, stored with the next heartbeat.
    pub fn progress(&self, done: u64, total: Option<u64>, unit: &str, message: &str) {
        let progress = JobProgress { done, total, unit: unit.to_owned(), message: message.to_owned() };
        self.host.told(&self.record, &progress);
        self.notes().progress = Some(progress);
    }

    /// Writes a line about its work, stored with the next heartbeat.
    pub fn log(&self, line: impl Into<String>) {
        let line = JobLogLine { at: self.host.now(), line: line.into() };
        let log = &mut self.notes().log;
        log.push(line);
        if log.len() > LINES {
            log.remove(0);
        }
    }

    /// If the run succeeds, the job is not completed before its children are over. Call it where they are enqueued.
    pub fn await_children(&self) {
        self.awaits_children.store(true, SeqCst);
    }

    /// Begins a transaction for this run's results: refused, and nothing can be stored, once the lease is lost
    /// ([`StoreError::LeaseLost`]), and the lease stays until the transaction is over.
    pub async fn begin(&self, priority: Priority) -> Result<Tx, StoreError> {
        let mut tx = self.host.store().begin(priority).await?;
        tx.job_fence(self.lease).await?;
        Ok(tx)
    }

    /// Commits a transaction together with the end of this run, so that the result is stored and the job completed, or
    /// neither. What the handler returns afterwards does not matter.
    pub async fn complete_in(&self, mut tx: Tx) -> Result<(), StoreError> {
        let notes = self.take_notes();
        let finish = Finish { lease: self.lease, outcome: self.success(), notes: notes.clone() };
        let completed = async {
            let settled = tx.job_finish(&[finish], &|| self.host.new_id()).await?;
            if settled.applied.is_empty() {
                return Err(StoreError::LeaseLost { job: self.id() });
            }
            self.host.give_up(&mut tx, &settled.given_up).await?;
            self.is_completing.store(true, SeqCst);
            tx.commit().await?;
            Ok(settled)
        };
        match completed.await {
            Ok(settled) => {
                self.is_finished.store(true, SeqCst);
                self.host.count(&settled);
                Ok(())
            }
            Err(error) => {
                self.is_completing.store(false, SeqCst);
                self.return_notes(notes);
                Err(error)
            }
        }
    }

    /// Its end may be stored, or be just about to be.
    pub(crate) fn is_completing(&self) -> bool {
        self.is_completing.load(SeqCst)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.is_finished.load(SeqCst)
    }

    pub(crate) fn success(&self) -> JobOutcome {
        if self.awaits_children.load(SeqCst) { JobOutcome::AwaitsChildren } else { JobOutcome::Completed }
    }

    /// Tells the handler to stop.
    pub(crate) fn stop(&self, why: Stop) {
        self.is_cancelled.store(true, SeqCst);
        self.stop.send_if_modified(|stop| {
            let counts = stop.is_none() || why == Stop::LeaseLost;
            if counts {
                *stop = Some(why);
            }
            counts
        });
    }

    /// Why it was told to stop, if it was.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        *self.stop.borrow()
    }

    pub(crate) fn take_notes(&self) -> RunNotes {
        std::mem::take(&mut *self.notes())
    }

    /// They could not be stored: they go before what was said since.
    pub(crate) fn return_notes(&self, mut taken: RunNotes) {
        let mut notes = self.notes();
        taken.log.append(&mut notes.log);
        notes.log = taken.log;
        notes.progress = notes.progress.take().or(taken.progress);
    }

    fn notes(&self) -> MutexGuard<'_, RunNotes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
