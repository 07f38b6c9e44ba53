//! Upkeep: jobs of processes that are gone, schedules that are due, jobs that are old. Every node does it; each step is
//! conditional, so that it happens once.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use muster_model::JobId;
use muster_store::{Priority, StoreError};
use tokio::time::{MissedTickBehavior, interval};

use super::Shared;
use crate::stats::add;

/// Rows of one transaction, so that it takes less than 20 ms.
const BATCH: u64 = 50;

pub(super) async fn keep_up(shared: Arc<Shared>) {
    let tick = |period| {
        let mut tick = interval(period);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick
    };
    let config = &shared.config;
    let (mut schedules, mut rescue, mut retain) =
        (tick(config.poll), tick(config.rescue), tick(config.retain));
    loop {
        let (what, done) = tokio::select! {
            _ = schedules.tick() => ("schedules that are due could not be enqueued yet", shared.fire().await),
            _ = rescue.tick() => ("jobs of other processes could not be taken back yet", shared.rescue().await),
            _ = retain.tick() => ("old jobs could not be taken away yet", shared.retain().await),
        };
        if let Err(error) = done {
            shared.failed(what, &error);
        }
    }
}

impl Shared {
    async fn fire(&self) -> Result<(), StoreError> {
        while self.store.job_schedule_is_due().await? {
            let mut tx = self.store.begin(Priority::Background).await?;
            let fired = tx.job_schedules_fire(BATCH, &*self.new_id).await?;
            tx.commit().await?;
            self.counters.scheduled.fetch_add(fired, Relaxed);
        }
        Ok(())
    }

    pub(super) async fn rescue(&self) -> Result<(), StoreError> {
        // Never its own: after the machine slept all leases are over by the clock, and what is held here still runs.
        // Nothing is claimed meanwhile, so that what is claimed is also seen to be held.
        let turn = self.turn.lock().await;
        let held: Vec<JobId> = self.held().keys().copied().collect();
        loop {
            let mut tx = self.store.begin(Priority::Background).await?;
            let rescued = tx.job_rescue(&held, BATCH).await?;
            tx.commit().await?;
            add(&self.counters.rescued, rescued.returned.len());
            if (rescued.returned.len() as u64) < BATCH {
                break;
            }
        }
        // One by one: what a kind does when it is given up may fail, and must not keep the others.
        let mut failed = None;
        let exhausted = self.store.job_exhausted(1000).await?;
        drop(turn);
        for id in exhausted.into_iter().filter(|id| !held.contains(id)) {
            let mut tx = self.store.begin(Priority::Background).await?;
            let given_up = tx.job_rescue_exhausted(id, &*self.new_id).await?;
            let done = match self.registry.give_up(&mut tx, &given_up).await {
                Ok(()) => tx.commit().await.map(drop),
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => add(&self.counters.given_up, given_up.len()),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn retain(&self) -> Result<(), StoreError> {
        for queue in self.store.job_queues().await? {
            loop {
                let mut tx = self.store.begin(Priority::Background).await?;
                let removed = tx.job_retain(&queue.name, self.config.retention, BATCH * 4).await?;
                tx.commit().await?;
                if removed < BATCH * 4 {
                    break;
                }
            }
        }
        Ok(())
    }
}
