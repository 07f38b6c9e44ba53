//! What runs when: side by side, one host after the other, at its time, again after it was asked for.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering::SeqCst},
};

use muster_jobs::QueueConfig;
use muster_model::job::JobState;
use muster_store::{
    Priority,
    job::{JobFilter, JobSchedule, NewJob, ScheduleTime},
};
use serde_json::json;
use tokio::{sync::Semaphore, time::timeout};

use crate::world::{LONG, World, kind, new_id, yield_until};

suite! {
    a_job_asked_for_while_it_runs_runs_again,
    a_paused_queue_begins_nothing,
    a_schedule_fires_once_for_two_runners,
    limits_hold_and_can_be_raised,
    many_short_jobs_are_each_done_once,
    one_host_does_not_starve_the_others,
}

async fn many_short_jobs_are_each_done_once(mut world: World) {
    const JOBS: u32 = 1500;
    world.config.queues = vec![QueueConfig::new("work", 4)];
    world.config.retention.completed = 100_000;
    let seen = Arc::new(Mutex::new(vec![0_u32; JOBS as usize]));
    let jobs: Vec<NewJob> =
        (0..JOBS).map(|number| NewJob::new(new_id(), "short", "work", json!(number))).collect();
    world.enqueue_all(&jobs).await;
    let running = world.start(vec![kind("short", {
        let seen = Arc::clone(&seen);
        move |run| {
            let number = usize::try_from(run.payload().as_u64().unwrap()).unwrap();
            seen.lock().unwrap()[number] += 1;
            Box::pin(async { Ok(()) })
        }
    })]);
    world.until_all(JOBS as usize, JobState::Completed).await;
    assert!(seen.lock().unwrap().iter().all(|runs| *runs == 1));
    let stats = running.stop().await.stats();
    assert_eq!((stats.claimed, stats.completed, stats.lost_leases), (1500, 1500, 0));
    let kept = world.store.job_stats().await.unwrap();
    assert_eq!((kept[0].completed, kept[0].waits), (1500, 1500));
}

async fn limits_hold_and_can_be_raised(world: World) {
    let (running_now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let gate = Arc::new(Semaphore::new(0));
    let running = world.start(vec![kind("waits", {
        let (now, most, gate) = (Arc::clone(&running_now), Arc::clone(&most), Arc::clone(&gate));
        move |_| {
            let (now, most, gate) = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&gate));
            Box::pin(async move {
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                gate.acquire().await.unwrap().forget();
                now.fetch_sub(1, SeqCst);
                Ok(())
            })
        }
    })]);
    for _ in 0..10 {
        world.enqueue("waits", json!(null)).await;
    }
    world.until_all(2, JobState::Running).await;
    let waiting = JobFilter { states: vec![JobState::Available], ..JobFilter::default() };
    let waiting = world.store.job_list(&waiting, None, 10).await.unwrap();
    assert_eq!(waiting.len(), 8);
    assert!(waiting[0].wait_reason.as_ref().unwrap().contains("in which 2 run"), "{waiting:?}");
    let mut tx = world.store.begin(Priority::Interactive).await.unwrap();
    tx.job_queue_set_concurrency("work", Some(5)).await.unwrap();
    tx.commit().await.unwrap();
    world.until_all(5, JobState::Running).await;
    yield_until(|| most.load(SeqCst) == 5).await;
    gate.add_permits(10);
    world.until_all(10, JobState::Completed).await;
    assert_eq!(most.load(SeqCst), 5);
    running.stop().await;
}

async fn one_host_does_not_starve_the_others(mut world: World) {
    world.config.queues = vec![QueueConfig { group_limit: Some(1), ..QueueConfig::new("work", 3) }];
    let gate = Arc::new(Semaphore::new(0));
    let begun = Arc::new(Mutex::new(Vec::new()));
    let grouped = |group: &str| NewJob {
        group: Some(group.to_owned()),
        ..NewJob::new(new_id(), "waits", "work", json!(group))
    };
    let jobs = ["a", "a", "a", "a", "b", "c"].map(grouped);
    world.enqueue_all(&jobs).await;
    let running = world.start(vec![kind("waits", {
        let (gate, begun) = (Arc::clone(&gate), Arc::clone(&begun));
        move |run| {
            begun.lock().unwrap().push(run.payload().as_str().unwrap().to_owned());
            let gate = Arc::clone(&gate);
            Box::pin(async move {
                gate.acquire().await.unwrap().forget();
                Ok(())
            })
        }
    })]);
    world.until_all(3, JobState::Running).await;
    // Claimed is not yet begun.
    yield_until(|| begun.lock().unwrap().len() == 3).await;
    gate.add_permits(6);
    world.until_all(6, JobState::Completed).await;
    let mut first = begun.lock().unwrap()[..3].to_vec();
    first.sort();
    assert_eq!(first, ["a", "b", "c"]);
    running.stop().await;
}

async fn a_paused_queue_begins_nothing(world: World) {
    let mut tx = world.store.begin(Priority::Interactive).await.unwrap();
    tx.job_queue_pause("work").await.unwrap();
    tx.commit().await.unwrap();
    let running = world.start(vec![kind("short", |_| Box::pin(async { Ok(()) }))]);
    let id = world.enqueue("short", json!(null)).await;
    let waiting = world.job(id).await.record;
    assert_eq!(waiting.wait_reason.as_deref(), Some("queue work is paused"));
    let mut tx = world.store.begin(Priority::Interactive).await.unwrap();
    tx.job_queue_resume("work").await.unwrap();
    tx.commit().await.unwrap();
    let done = world.until(id, JobState::Completed).await;
    assert_eq!((done.attempt, done.errors.len()), (1, 0));
    running.stop().await;
}

async fn a_job_asked_for_while_it_runs_runs_again(world: World) {
    let gate = Arc::new(Semaphore::new(0));
    let runs = Arc::new(AtomicU32::new(0));
    let running = world.start(vec![kind("waits", {
        let (gate, runs) = (Arc::clone(&gate), Arc::clone(&runs));
        move |_| {
            runs.fetch_add(1, SeqCst);
            let gate = Arc::clone(&gate);
            Box::pin(async move {
                gate.acquire().await.unwrap().forget();
                Ok(())
            })
        }
    })]);
    let job =
        || NewJob { unique_key: Some("same".into()), ..NewJob::new(new_id(), "waits", "work", json!(null)) };
    let id = world.enqueue_all(&[job()]).await[0];
    world.until(id, JobState::Running).await;
    for _ in 0..5 {
        assert_eq!(world.enqueue_all(&[job()]).await, [id]);
    }
    gate.add_permits(100);
    world.until_all(2, JobState::Completed).await;
    assert_eq!(runs.load(SeqCst), 2);
    running.stop().await;
    let all = world.store.job_list(&JobFilter::default(), None, 100).await.unwrap();
    assert_eq!(all.len(), 2);
}

async fn a_schedule_fires_once_for_two_runners(world: World) {
    let schedule = JobSchedule::new(
        "poll",
        "short",
        "work",
        json!(null),
        ScheduleTime::Every { period: std::time::Duration::from_mins(1), from: world.after(60) },
    );
    let mut tx = world.store.begin(Priority::Interactive).await.unwrap();
    tx.job_schedule_put(&[schedule]).await.unwrap();
    tx.commit().await.unwrap();
    let short = || vec![kind("short", |_| Box::pin(async { Ok(()) }))];
    let one = world.start(short());
    // Two on SQLite would take each other's jobs for orphans; there only one process can be.
    let is_shared = world.store.kind() == muster_store::DatabaseKind::Postgres;
    let other = is_shared.then(|| world.start(short()));
    for round in 1..=3 {
        world.forward(60);
        timeout(LONG, world.until_all(round, JobState::Completed)).await.unwrap();
    }
    // Several that were missed count once.
    world.forward(600);
    world.until_all(4, JobState::Completed).await;
    let mut scheduled = one.stop().await.stats().scheduled;
    if let Some(other) = other {
        scheduled += other.stop().await.stats().scheduled;
    }
    assert_eq!(scheduled, 4);
    let all = world.store.job_list(&JobFilter::default(), None, 100).await.unwrap();
    assert_eq!(all.len(), 4);
}
