//! Turns: in each the runs that ended are stored and the next jobs claimed, in one transaction. While it is under way
//! further runs end; they are stored together in the next. So short jobs share their commits, and long ones wait for
//! nobody.

use std::{collections::HashMap, sync::Arc, time::Duration};

use muster_model::job::JobState;
use muster_store::{
    Priority, StoreError, Tx,
    job::{Claim, Claimed, Finish, JobOutcome, JobWakes, RunNotes, Settled},
};
use tokio::{
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender},
        watch,
    },
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout_at},
};

use super::{
    Shared,
    queue::{IsStopping, Queue},
    work::{Ended, STOPPED, is_passing, work},
};
use crate::{
    run::{Host, JobRun, Stop},
    stats::add,
};

/// Ends stored in one transaction, so that it takes less than 20 ms.
const BATCH: usize = 100;

/// After the store failed.
const PAUSE: Duration = Duration::from_millis(100);

/// Tries to give back what runs when the process stops; what then fails comes back when its lease is over.
const LAST_TRIES: u32 = 10;

pub(super) struct Turns {
    shared: Arc<Shared>,
    workers: JoinSet<()>,
    ended: UnboundedSender<Ended>,
    ends: UnboundedReceiver<Ended>,
    /// Ends that are not stored yet.
    pending: Vec<Finished>,
    wakes: JobWakes,
    is_stopping: bool,
}

struct Finished {
    run: Arc<JobRun>,
    outcome: JobOutcome,
    notes: RunNotes,
}

impl Turns {
    pub(super) fn new(
        shared: Arc<Shared>,
        ended: UnboundedSender<Ended>,
        ends: UnboundedReceiver<Ended>,
    ) -> Self {
        let wakes = shared.store.job_wakes();
        Self { shared, workers: JoinSet::new(), ended, ends, pending: Vec::new(), wakes, is_stopping: false }
    }

    pub(super) async fn until_shutdown(&mut self, shutdown: &mut watch::Receiver<bool>) {
        let mut poll = interval(self.shared.config.poll);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Queues to be claimed from, looked for only where something says that there may be work.
            let mut look = false;
            // Without an order of preference: a stream of ends must not drown the work of other queues.
            tokio::select! {
                _ = shutdown.wait_for(|stop| *stop) => return,
                Some(ended) = self.ends.recv() => look = self.collect(ended),
                // What could not be stored before.
                () = sleep(PAUSE), if !self.pending.is_empty() => {}
                heard = self.wakes.heard() => {
                    look = heard.work;
                    if heard.cancel {
                        self.shared.beat_now.notify_one();
                    }
                }
                _ = poll.tick() => {
                    look = true;
                    self.take_stale(IsStopping::No);
                }
            }
            while self.workers.try_join_next().is_some() {}
            if let Err(error) = self.turn(look).await {
                self.shared.failed("the ends of jobs could not be stored yet, trying again", &error);
            }
        }
    }

    /// Nothing more is begun; what runs may go on for a while, and is then given back.
    pub(super) async fn stop(&mut self) {
        self.is_stopping = true;
        self.take_stale(IsStopping::Yes);
        let deadline = Instant::now() + self.shared.config.grace;
        loop {
            if let Err(error) = self.turn(false).await {
                self.shared.failed("the ends of jobs could not be stored yet, trying again", &error);
            }
            let is_idle = self.pending.is_empty() && self.shared.held().is_empty();
            if is_idle || Instant::now() >= deadline {
                break;
            }
            let until = if self.pending.is_empty() { deadline } else { deadline.min(Instant::now() + PAUSE) };
            if let Ok(Some(ended)) = timeout_at(until, self.ends.recv()).await {
                self.collect(ended);
            }
        }
        while let Ok(ended) = self.ends.try_recv() {
            self.collect(ended);
        }
        let left: Vec<Arc<JobRun>> = self.shared.held().values().cloned().collect();
        for run in left {
            run.stop(Stop::Shutdown);
            let is_pending = self.pending.iter().any(|pending| pending.run.lease == run.lease);
            if !is_pending && !run.is_finished() {
                let outcome = JobOutcome::GivenBack { reason: STOPPED.to_owned() };
                self.pending.push(Finished { run, outcome, notes: RunNotes::default() });
            }
        }
        // Not waited for: a handler that blocks its thread cannot be. What it stores late is refused.
        self.workers.abort_all();
        for _ in 0..LAST_TRIES {
            match self.turn(false).await {
                Ok(()) => break,
                Err(error) => {
                    self.shared.failed("jobs could not be given back yet, trying again", &error);
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Takes in one end and all others that are there; true if a run is among them that stored its end itself, so that
    /// there is room and nothing to store.
    fn collect(&mut self, first: Ended) -> bool {
        let mut has_stored_itself = false;
        let mut next = Some(first);
        while let Some(Ended { run, outcome }) = next {
            match outcome {
                Some(outcome) => {
                    self.pending.push(Finished { run, outcome, notes: RunNotes::default() });
                }
                None => {
                    self.shared.let_go(&run);
                    has_stored_itself = true;
                }
            }
            next = if self.pending.len() < BATCH { self.ends.try_recv().ok() } else { None };
        }
        has_stored_itself
    }

    fn take_stale(&mut self, is_stopping: IsStopping) {
        let queues = self.shared.queues.clone();
        for run in queues.iter().flat_map(|queue| queue.take_stale(is_stopping)) {
            let reason = match is_stopping {
                IsStopping::Yes => STOPPED.to_owned(),
                IsStopping::No => "the jobs before it took longer than those before them".to_owned(),
            };
            self.pending.push(Finished {
                run,
                outcome: JobOutcome::GivenBack { reason },
                notes: RunNotes::default(),
            });
        }
    }

    async fn turn(&mut self, look: bool) -> Result<(), StoreError> {
        loop {
            if look && self.pending.is_empty() {
                self.shared.learn_limits().await?;
            }
            let ahead = self.shared.config.ahead;
            let all = if self.is_stopping { &[][..] } else { &self.shared.queues[..] };
            let with_room = all.iter().filter(|queue| queue.has_room(ahead)).cloned();
            let with_room: Vec<Arc<Queue>> = with_room.collect();
            let queues = if self.pending.is_empty() {
                if !look {
                    return Ok(());
                }
                let names: Vec<String> = with_room.iter().map(|queue| queue.name.clone()).collect();
                let due = self
                    .shared
                    .store
                    .job_queues_due(&names, self.shared.node, self.shared.config.scope)
                    .await?;
                with_room.into_iter().filter(|queue| due.contains(&queue.name)).collect()
            } else {
                // A run's end makes room in its queue: look there in the same transaction.
                let ended = |queue: &Queue| {
                    self.pending.iter().any(|pending| pending.run.record().queue == queue.name)
                };
                with_room.into_iter().filter(|queue| ended(queue)).collect::<Vec<_>>()
            };
            if self.pending.is_empty() && queues.is_empty() {
                return Ok(());
            }
            let is_last = self.pending.is_empty();
            self.store_and_claim(&queues).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    async fn store_and_claim(&mut self, queues: &[Arc<Queue>]) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let turn = shared.turn.lock().await;
        for pending in &mut self.pending {
            let said = pending.run.take_notes();
            pending.notes.log.extend(said.log);
            pending.notes.progress = said.progress.or(pending.notes.progress.take());
        }
        // What ends for good comes one by one: what its kind does then may fail, and must not keep the others.
        let (mut alone, mut together): (Vec<Finished>, Vec<Finished>) =
            std::mem::take(&mut self.pending).into_iter().partition(is_final);
        let mut result = self.store_batch(&mut together, queues).await;
        if let Err(error) = &result
            && !is_passing(error)
            && !together.is_empty()
        {
            alone.append(&mut together);
            result = Ok(());
        }
        while let Some(last) = alone.pop() {
            let mut one = vec![last];
            match self.store_batch(&mut one, &[]).await {
                Ok(()) => {}
                Err(error) if is_passing(&error) => {
                    alone.append(&mut one);
                    result = Err(error);
                    break;
                }
                Err(error) => {
                    // Its lease will be over, and whoever takes it back gives it up or tries again.
                    for finished in one {
                        let run = &finished.run;
                        tracing::error!(%error, job.id = %run.id(), job.kind = %run.record().kind,
                            "the end of a job cannot be stored");
                        shared.let_go(run);
                    }
                }
            }
        }
        self.pending.append(&mut together);
        self.pending.append(&mut alone);
        drop(turn);
        result
    }

    /// One transaction. What was stored is taken out of `batch`.
    async fn store_batch(
        &mut self,
        batch: &mut Vec<Finished>,
        queues: &[Arc<Queue>],
    ) -> Result<(), StoreError> {
        if batch.is_empty() && queues.is_empty() {
            return Ok(());
        }
        let finishes: Vec<Finish> = batch
            .iter()
            .map(|pending| Finish {
                lease: pending.run.lease,
                outcome: pending.outcome.clone(),
                notes: pending.notes.clone(),
            })
            .collect();
        let shared = &self.shared;
        let mut tx = shared.store.begin(Priority::Background).await?;
        let settled = tx.job_finish(&finishes, &*shared.new_id).await?;
        shared.registry.give_up(&mut tx, &settled.given_up).await?;
        let mut claimed = Vec::new();
        for queue in queues {
            claimed.push((Arc::clone(queue), shared.claim(&mut tx, queue).await?));
        }
        tx.commit().await?;
        self.stored(std::mem::take(batch), &settled);
        for (queue, claimed) in claimed {
            self.begin(&queue, claimed);
        }
        Ok(())
    }

    fn stored(&self, batch: Vec<Finished>, settled: &Settled) {
        self.shared.count(settled);
        let states: HashMap<_, JobState> = settled.applied.iter().copied().collect();
        for finished in batch {
            let run = &finished.run;
            if !states.contains_key(&run.id()) && run.stopped() != Some(Stop::LeaseLost) {
                tracing::warn!(job.id = %run.id(), job.kind = %run.record().kind,
                    "a job ended after its lease was lost; its outcome is dropped");
                self.shared.lost();
            }
            self.shared.let_go(run);
        }
    }

    fn begin(&mut self, queue: &Arc<Queue>, claimed: Claimed) {
        let shared = &self.shared;
        add(&shared.counters.claimed, claimed.jobs.len());
        let runs: Vec<Arc<JobRun>> = claimed
            .jobs
            .into_iter()
            .map(|job| Arc::new(JobRun::new(Arc::clone(shared) as Arc<dyn Host>, job)))
            .collect();
        shared.held().extend(runs.iter().map(|run| (run.id(), Arc::clone(run))));
        for _ in 0..queue.add(runs, claimed.limits.concurrency) {
            self.workers.spawn(work(Arc::clone(shared), Arc::clone(queue), self.ended.clone()));
        }
    }
}

impl Shared {
    /// What a person set while it ran: a limit that was raised counts before the next job ends.
    async fn learn_limits(&self) -> Result<(), StoreError> {
        for record in self.store.job_queues().await? {
            if let Some(queue) = self.queues.iter().find(|queue| queue.name == record.name) {
                queue.learn(record.limits.concurrency);
            }
        }
        Ok(())
    }

    async fn claim(&self, tx: &mut Tx, queue: &Queue) -> Result<Claimed, StoreError> {
        let (held, ahead) = queue.wants(self.config.ahead);
        let claim = Claim {
            queue: &queue.name,
            held,
            ahead,
            node: self.node,
            scope: self.config.scope,
            lease: self.config.lease,
        };
        tx.job_claim(claim).await
    }
}

/// The run's end is the job's, and not a good one.
fn is_final(finished: &Finished) -> bool {
    match &finished.outcome {
        JobOutcome::Discarded { .. } | JobOutcome::Cancelled { .. } => true,
        JobOutcome::Failed { .. } => finished.run.is_last_attempt(),
        _ => false,
    }
}
