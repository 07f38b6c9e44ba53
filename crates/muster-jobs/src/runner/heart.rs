//! The heartbeat: prolongs all leases that this runner holds, stores what the runs said since the last one, and brings
//! back which of them should stop.

use std::sync::Arc;

use muster_store::{
    Priority, StoreError,
    job::{Heartbeat, HeartbeatAnswer},
};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Shared;
use crate::run::{JobRun, Stop};

/// Leases in one transaction: each may come with progress and lines, and nobody should wait longer than 20 ms.
const BATCH: usize = 32;

pub(super) async fn beat(shared: Arc<Shared>) {
    let mut tick = interval(shared.config.heartbeat);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = shared.beat_now.notified() => {}
        }
        // A missed heartbeat must not cost the lease: several tries fit before it is over.
        while let Err(error) = shared.beat().await {
            shared.failed("a heartbeat of the job runner was not stored, trying again", &error);
            sleep(shared.config.heartbeat / 10).await;
        }
    }
}

impl Shared {
    async fn beat(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let runs: Vec<Arc<JobRun>> = self.held().values().cloned().collect();
        for runs in runs.chunks(BATCH) {
            let beats: Vec<Heartbeat> =
                runs.iter().map(|run| Heartbeat { lease: run.lease, notes: run.take_notes() }).collect();
            match self.store_beats(&beats).await {
                Ok(answer) => self.heard(runs, &answer),
                Err(error) => {
                    for (run, beat) in runs.iter().zip(beats) {
                        run.return_notes(beat.notes);
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    async fn store_beats(&self, beats: &[Heartbeat]) -> Result<HeartbeatAnswer, StoreError> {
        let mut tx = self.store.begin(Priority::Background).await?;
        let answer = tx.job_heartbeat(beats, self.config.lease).await?;
        tx.commit().await?;
        Ok(answer)
    }

    fn heard(&self, runs: &[Arc<JobRun>], answer: &HeartbeatAnswer) {
        for run in runs {
            // One that is completed in a transaction of its own is not held any more, and that is as it should be.
            if answer.lost.contains(&run.id()) && !run.is_completing() {
                tracing::warn!(job.id = %run.id(), job.kind = %run.record().kind, "the lease of a job was lost");
                run.stop(Stop::LeaseLost);
                self.let_go(run);
                self.lost();
            }
            if answer.cancel_requested.contains(&run.id()) {
                run.stop(Stop::Asked);
            }
        }
    }
}
