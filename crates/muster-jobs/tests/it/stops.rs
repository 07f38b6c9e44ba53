//! Processes that stop, in order or not, and runs that lose their lease.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use muster_jobs::JobFailure;
use muster_model::{
    NodeId,
    job::{JobRecord, JobState},
};
use muster_store::{
    Priority, StoreError,
    job::{Claim, Finish, JobOutcome, JobScope, NewJob, RunNotes},
};
use muster_testkit::Postgres;
use serde_json::json;
use tokio::{sync::Semaphore, time::timeout};

use crate::world::{LONG, World, kind, new_id, yield_until};

suite! {
    a_machine_that_slept_keeps_its_jobs,
    a_killed_process_gives_its_jobs_back,
    a_late_result_is_refused,
    a_stop_gives_back_what_does_not_end,
    a_stop_lets_jobs_end,
}

async fn a_stop_gives_back_what_does_not_end(world: World) {
    let running = world.start(vec![kind("hangs", |_| Box::pin(std::future::pending()))]);
    let ids = [world.enqueue("hangs", json!(1)).await, world.enqueue("hangs", json!(2)).await];
    world.until_all(2, JobState::Running).await;
    let stats = running.stop().await.stats();
    assert_eq!((stats.ahead, stats.lost_leases), (0, 0));
    for id in ids {
        let back = world.job(id).await.record;
        assert_eq!((back.state, back.attempt), (JobState::Available, 0));
        assert!(back.wait_reason.unwrap().contains("the process was stopped"));
    }
    let running = world.start(vec![kind("hangs", |_| Box::pin(async { Ok(()) }))]);
    world.until_all(2, JobState::Completed).await;
    running.stop().await;
}

async fn a_stop_lets_jobs_end(mut world: World) {
    world.config.grace = LONG;
    let gate = Arc::new(Semaphore::new(0));
    let running = world.start(vec![kind("waits", {
        let gate = Arc::clone(&gate);
        move |_| {
            let gate = Arc::clone(&gate);
            Box::pin(async move {
                gate.acquire().await.unwrap().forget();
                Ok(())
            })
        }
    })]);
    let id = world.enqueue("waits", json!(1)).await;
    world.until(id, JobState::Running).await;
    // Claimed is not yet begun, and what is not begun is given back.
    yield_until(|| running.runner.stats().running == 1).await;
    let stopping = tokio::spawn(running.stop());
    // It does not end before its job does, nor begin another.
    let late = world.enqueue("waits", json!(2)).await;
    gate.add_permits(2);
    timeout(LONG, stopping).await.unwrap().unwrap();
    assert_eq!(world.job(id).await.record.state, JobState::Completed);
    assert!(world.job(late).await.record.state != JobState::Running);
}

async fn a_killed_process_gives_its_jobs_back(world: World) {
    let starts = Arc::new(AtomicU32::new(0));
    let hangs = || {
        let starts = Arc::clone(&starts);
        vec![kind("hangs", move |_| {
            starts.fetch_add(1, SeqCst);
            Box::pin(std::future::pending())
        })]
    };
    let id = world.enqueue("hangs", json!(null)).await;
    for attempt in 1..=3 {
        let running = world.start(hangs());
        let is_at = |job: &JobRecord| job.state == JobState::Running && job.attempt == attempt;
        world.until_job_in_time(id, is_at).await;
        running.kill().await;
        // On SQLite the next process knows at once; on PostgreSQL another node waits for the lease.
        if world.store.kind() == muster_store::DatabaseKind::Postgres {
            world.forward(31);
        }
    }
    let running = world.start(hangs());
    world.until_job_in_time(id, |job| job.state == JobState::Discarded).await;
    let over = world.job(id).await.record;
    assert_eq!(over.error.as_deref(), Some("its process ended 3 times while it ran"));
    let given_up = world.store.setting("given up").await.unwrap();
    assert_eq!(given_up, Some(json!([id, "discarded", "its process ended 3 times while it ran"])));
    running.stop().await;
    assert!(starts.load(SeqCst) <= 3);
}

async fn a_late_result_is_refused(mut world: World) {
    // No heartbeat comes in time, as if the process was frozen.
    world.config.heartbeat = Duration::from_hours(1);
    world.config.rescue = Duration::from_hours(1);
    let gate = Arc::new(Semaphore::new(0));
    let refused = Arc::new(Mutex::new(None));
    let running = world.start(vec![kind("frozen", {
        let (gate, refused) = (Arc::clone(&gate), Arc::clone(&refused));
        move |run| {
            let (gate, refused) = (Arc::clone(&gate), Arc::clone(&refused));
            Box::pin(async move {
                gate.acquire().await.unwrap().forget();
                match run.begin(Priority::Background).await {
                    Ok(mut tx) => {
                        tx.setting_put("result", &json!("late")).await?;
                        run.complete_in(tx).await?;
                        Ok(())
                    }
                    Err(error) => {
                        *refused.lock().unwrap() = Some(error.to_string());
                        Err(JobFailure::Store(error))
                    }
                }
            })
        }
    })]);
    let id = world.enqueue("frozen", json!(null)).await;
    world.until(id, JobState::Running).await;
    // Another takes it when the lease is over, and does it.
    let mut tx = world.store.begin(Priority::Background).await.unwrap();
    tx.job_queue_set_concurrency("work", Some(0)).await.unwrap();
    tx.commit().await.unwrap();
    // The first heartbeat, that of the start, may still be on its way.
    let mut tx = loop {
        world.forward(31);
        let mut tx = world.store.begin(Priority::Background).await.unwrap();
        if tx.job_rescue(&[], 10).await.unwrap().returned == [id] {
            break tx;
        }
    };
    let node = NodeId::new(world.after(0), [9; 10]);
    let claim = Claim {
        queue: "work",
        held: 0,
        ahead: 1,
        node,
        scope: JobScope::All,
        lease: Duration::from_secs(30),
    };
    let stolen = tx.job_claim(claim).await.unwrap().jobs.remove(0);
    tx.setting_put("result", &json!("first")).await.unwrap();
    let finish = Finish { lease: stolen.lease, outcome: JobOutcome::Completed, notes: RunNotes::default() };
    tx.job_finish(&[finish], &new_id).await.unwrap();
    tx.commit().await.unwrap();
    gate.add_permits(1);
    let runner = running.stop_when_idle().await;
    assert_eq!(world.store.setting("result").await.unwrap(), Some(json!("first")));
    let expected = StoreError::LeaseLost { job: id }.to_string();
    assert_eq!(refused.lock().unwrap().as_deref(), Some(expected.as_str()));
    let done = world.job(id).await.record;
    assert_eq!((done.state, done.node), (JobState::Completed, Some(node)));
    assert_eq!(runner.stats().completed, 0);
}

async fn a_machine_that_slept_keeps_its_jobs(mut world: World) {
    world.config.heartbeat = Duration::from_hours(1);
    let gate = Arc::new(Semaphore::new(0));
    let running = world.start(vec![kind("waits", {
        let gate = Arc::clone(&gate);
        move |_| {
            let gate = Arc::clone(&gate);
            Box::pin(async move {
                gate.acquire().await.unwrap().forget();
                Ok(())
            })
        }
    })]);
    let id = world.enqueue("waits", json!(null)).await;
    world.until(id, JobState::Running).await;
    world.forward(8 * 3600);
    // Another job that is left over is taken back by the same rescue that must leave this one.
    let mut tx = world.store.begin(Priority::Background).await.unwrap();
    let orphan = NewJob::new(new_id(), "waits", "other", json!(null));
    tx.job_enqueue(&[orphan]).await.unwrap();
    let node = NodeId::new(world.after(0), [9; 10]);
    let claim =
        Claim { queue: "other", held: 0, ahead: 0, node, scope: JobScope::All, lease: Duration::ZERO };
    let orphan = tx.job_claim(claim).await.unwrap().jobs.remove(0).record.id;
    tx.commit().await.unwrap();
    world.forward(1);
    world.until(orphan, JobState::Available).await;
    gate.add_permits(1);
    let done = world.until(id, JobState::Completed).await;
    assert_eq!((done.attempt, done.errors.len()), (1, 0));
    assert_eq!(running.stop().await.stats().lost_leases, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_waited_for() {
    let mut server = Postgres::start();
    let world = World::new(Some(server.url())).await;
    let gate = Arc::new(Semaphore::new(0));
    let running = world.start(vec![kind("waits", {
        let gate = Arc::clone(&gate);
        move |run| {
            let gate = Arc::clone(&gate);
            Box::pin(async move {
                run.log("begun");
                gate.acquire().await.unwrap().forget();
                Ok(())
            })
        }
    })]);
    let id = world.enqueue("waits", json!(1)).await;
    world.until(id, JobState::Running).await;
    server.stop();
    // It ends while its end cannot be stored, and heartbeats cannot be either.
    gate.add_permits(2);
    yield_until(|| running.runner.stats().store_errors >= 3).await;
    server.start_again();
    let done = world.until(id, JobState::Completed).await;
    assert_eq!(done.attempt, 1);
    assert_eq!(world.job(id).await.log.len(), 1);
    // It goes on with what comes.
    let next = world.enqueue("waits", json!(2)).await;
    world.until(next, JobState::Completed).await;
    assert_eq!(running.stop().await.stats().completed, 2);
}
