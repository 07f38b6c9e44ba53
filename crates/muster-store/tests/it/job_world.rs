//! What the tests of jobs share: jobs and ids by number, and the steps of a job's life as one call each.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use muster_model::{
    Clock, JobId, Timestamp,
    job::{JobRecord, JobState},
};
use muster_store::{
    Priority, Store,
    job::{
        Claim, ClaimedJob, Enqueued, Finish, Heartbeat, HeartbeatAnswer, JobFilter, JobOutcome, JobScope,
        Lease, NewJob, RunNotes, Settled,
    },
};
use muster_testkit::FixedClock;
use serde_json::json;

use crate::world::{at, node};

pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// A new id; those made later sort later.
pub(crate) fn new_id() -> JobId {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    job_id(1_000_000 + COUNT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn job_id(number: u64) -> JobId {
    let mut chance = [0; 10];
    chance[2..].copy_from_slice(&number.to_be_bytes());
    JobId::new(at(0), chance)
}

/// A job of the queue `work` that is due.
pub(crate) fn job(number: u64) -> NewJob {
    NewJob::new(job_id(number), "test", "work", json!({"number": number}))
}

pub(crate) fn keyed(number: u64, key: &str) -> NewJob {
    NewJob { unique_key: Some(key.to_owned()), ..job(number) }
}

pub(crate) fn grouped(number: u64, group: &str) -> NewJob {
    NewJob { group: Some(group.to_owned()), ..job(number) }
}

pub(crate) fn forward(clock: &FixedClock, seconds: i64) {
    clock.set(after(clock, seconds));
}

pub(crate) fn after(clock: &FixedClock, seconds: i64) -> Timestamp {
    Timestamp::from_microsecond(clock.now().as_microsecond() + seconds * 1_000_000).unwrap()
}

pub(crate) async fn enqueue(store: &Store, jobs: &[NewJob]) -> Vec<Enqueued> {
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    let enqueued = tx.job_enqueue(jobs).await.unwrap();
    tx.commit().await.unwrap();
    enqueued
}

/// Claims so many from the queue `work`.
pub(crate) async fn claim(store: &Store, count: u32) -> Vec<ClaimedJob> {
    claim_from(store, "work", count).await
}

pub(crate) async fn claim_from(store: &Store, queue: &str, count: u32) -> Vec<ClaimedJob> {
    let mut tx = store.begin(Priority::Background).await.unwrap();
    // As if so many slots were free, whatever the queue's concurrency is (1 unless configured).
    let claim = Claim { queue, held: 1, ahead: count, node: node(), scope: JobScope::All, lease: LEASE };
    let claimed = tx.job_claim(claim).await.unwrap();
    tx.commit().await.unwrap();
    claimed.jobs
}

/// Claims the one job that is due.
pub(crate) async fn claim_one(store: &Store) -> ClaimedJob {
    let mut claimed = claim(store, 10).await;
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    claimed.remove(0)
}

pub(crate) fn ids(claimed: &[ClaimedJob]) -> Vec<JobId> {
    claimed.iter().map(|job| job.record.id).collect()
}

pub(crate) async fn finish(store: &Store, lease: Lease, outcome: JobOutcome) -> Settled {
    let mut tx = store.begin(Priority::Background).await.unwrap();
    let finish = Finish { lease, outcome, notes: RunNotes::default() };
    let settled = tx.job_finish(&[finish], &new_id).await.unwrap();
    tx.commit().await.unwrap();
    settled
}

/// Where the job stands after its run ended so.
pub(crate) async fn finished(store: &Store, lease: Lease, outcome: JobOutcome) -> Option<JobState> {
    let settled = finish(store, lease, outcome).await;
    settled.applied.first().map(|(_, state)| *state)
}

pub(crate) async fn beat(store: &Store, leases: &[Lease]) -> HeartbeatAnswer {
    let beats: Vec<Heartbeat> =
        leases.iter().map(|lease| Heartbeat { lease: *lease, notes: RunNotes::default() }).collect();
    let mut tx = store.begin(Priority::Background).await.unwrap();
    let answer = tx.job_heartbeat(&beats, LEASE).await.unwrap();
    tx.commit().await.unwrap();
    answer
}

/// Takes back what is lost; how many are due again, and how many were given up.
pub(crate) async fn rescue(store: &Store) -> (usize, usize) {
    let mut tx = store.begin(Priority::Background).await.unwrap();
    let rescued = tx.job_rescue(&[], 100).await.unwrap();
    tx.commit().await.unwrap();
    let mut given_up = 0;
    for id in store.job_exhausted(100).await.unwrap() {
        let mut tx = store.begin(Priority::Background).await.unwrap();
        given_up += tx.job_rescue_exhausted(id, &new_id).await.unwrap().len();
        tx.commit().await.unwrap();
    }
    (rescued.returned.len(), given_up)
}

pub(crate) async fn record(store: &Store, id: JobId) -> JobRecord {
    store.job(id).await.unwrap().unwrap().record
}

pub(crate) async fn state(store: &Store, id: JobId) -> JobState {
    record(store, id).await.state
}

/// All jobs, oldest first.
pub(crate) async fn all(store: &Store) -> Vec<JobRecord> {
    let mut all = store.job_list(&JobFilter::default(), None, 1_000_000).await.unwrap();
    all.reverse();
    all
}

pub(crate) fn failed(error: &str, retry_at: Timestamp) -> JobOutcome {
    JobOutcome::Failed { error: error.to_owned(), retry_at }
}

pub(crate) fn discarded(error: &str) -> JobOutcome {
    JobOutcome::Discarded { error: error.to_owned() }
}
