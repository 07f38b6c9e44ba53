//! Schedules: their times follow from their rule, a restart doubles nothing, missed times count once, and of two nodes
//! one fires. On both databases.

use std::time::Duration;

use muster_model::{Clock, Timestamp, job::JobState};
use muster_store::{
    Priority, Store,
    job::{JobOutcome, JobSchedule, ScheduleTime},
};
use serde_json::json;

use crate::{
    job_world::{after, all, claim_one, enqueue, finish, forward, keyed, new_id},
    world::World,
};

suite! {
    a_restart_doubles_nothing,
    a_schedule_fires_at_its_times,
    a_time_once_given_comes_once,
    a_waiting_job_is_not_doubled,
    missed_times_count_once,
    two_nodes_fire_once,
}

fn every(world: &World, id: &str, seconds: u64) -> JobSchedule {
    let from = after(&world.clock, i64::try_from(seconds).unwrap());
    let time = ScheduleTime::Every { period: Duration::from_secs(seconds), from };
    JobSchedule::new(id, "test", "work", json!({"id": id}), time)
}

async fn put(store: &Store, schedules: &[JobSchedule]) {
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.job_schedule_put(schedules).await.unwrap();
    tx.commit().await.unwrap();
}

async fn fire(store: &Store) -> u64 {
    let mut tx = store.begin(Priority::Background).await.unwrap();
    let fired = tx.job_schedules_fire(100, &new_id).await.unwrap();
    tx.commit().await.unwrap();
    fired
}

async fn next(store: &Store, id: &str) -> Option<Timestamp> {
    let schedules = store.job_schedules(None, 100).await.unwrap();
    schedules.into_iter().find(|record| record.schedule.id == id).unwrap().next_run_at
}

/// Does the one job that is due.
async fn work(store: &Store) {
    finish(store, claim_one(store).await.lease, JobOutcome::Completed).await;
}

async fn a_schedule_fires_at_its_times(world: World) {
    let store = world.open().await;
    let schedule = JobSchedule { subject: Some("repo_1".into()), ..every(&world, "poll", 60) };
    put(&store, std::slice::from_ref(&schedule)).await;
    let start = world.clock.now();
    for round in 1..=3 {
        assert_eq!(fire(&store).await, 0);
        assert!(!store.job_schedule_is_due().await.unwrap());
        // Late by some seconds: the times stay where they are.
        forward(&world.clock, if round == 1 { 65 } else { 60 });
        assert!(store.job_schedule_is_due().await.unwrap());
        assert_eq!(fire(&store).await, 1);
        let expected = start.as_microsecond() + (round + 1) * 60_000_000;
        assert_eq!(next(&store, "poll").await.unwrap().as_microsecond(), expected);
        work(&store).await;
    }
    let jobs = all(&store).await;
    assert_eq!((jobs.len(), jobs[0].subject.as_deref()), (3, Some("repo_1")));
    assert_eq!((&jobs[0].payload, jobs[0].kind.as_ref()), (&json!({"id": "poll"}), "test"));
    let kept = store.job_schedules(None, 10).await.unwrap().remove(0);
    assert_eq!(kept.schedule, schedule);
    assert_eq!(kept.last_job, Some(jobs[2].id));
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    assert_eq!(tx.job_schedule_remove(&["poll".into(), "none".into()]).await.unwrap(), 1);
    tx.commit().await.unwrap();
    forward(&world.clock, 600);
    assert_eq!(fire(&store).await, 0);
}

async fn a_restart_doubles_nothing(world: World) {
    let store = world.open().await;
    let schedule = every(&world, "poll", 60);
    put(&store, std::slice::from_ref(&schedule)).await;
    forward(&world.clock, 61);
    // Put again by a process that starts when it is due: it is still due, once.
    put(&store, std::slice::from_ref(&schedule)).await;
    put(&store, &[schedule.clone(), schedule.clone()]).await;
    assert_eq!((fire(&store).await, fire(&store).await), (1, 0));
    put(&store, std::slice::from_ref(&schedule)).await;
    assert_eq!((fire(&store).await, all(&store).await.len()), (0, 1));
    // Another rule is another next time; what else changed does not move it.
    let before = next(&store, "poll").await;
    put(&store, &[JobSchedule { priority: 1, ..schedule.clone() }]).await;
    assert_eq!(next(&store, "poll").await, before);
    put(&store, &[every(&world, "poll", 10)]).await;
    assert_eq!(next(&store, "poll").await, Some(after(&world.clock, 10)));
    let ids: Vec<String> = ["a", "b"].map(str::to_owned).to_vec();
    put(&store, &ids.iter().map(|id| every(&world, id, 10)).collect::<Vec<_>>()).await;
    let behind = store.job_schedules(Some("a"), 10).await.unwrap();
    assert_eq!(behind.iter().map(|record| record.schedule.id.as_str()).collect::<Vec<_>>(), ["b", "poll"]);
}

async fn missed_times_count_once(world: World) {
    let store = world.open().await;
    put(&store, &[every(&world, "poll", 60)]).await;
    forward(&world.clock, 3600 + 7);
    assert_eq!((fire(&store).await, fire(&store).await), (1, 0));
    assert_eq!(next(&store, "poll").await, Some(after(&world.clock, 53)));
}

async fn a_waiting_job_is_not_doubled(world: World) {
    let store = world.open().await;
    let shared = JobSchedule { unique_key: Some("refresh:1".into()), ..every(&world, "shared", 60) };
    put(&store, &[every(&world, "poll", 60), shared]).await;
    enqueue(&store, &[keyed(1, "refresh:1")]).await;
    for _ in 0..3 {
        forward(&world.clock, 60);
        assert_eq!(fire(&store).await, 2);
    }
    assert_eq!(all(&store).await.len(), 2);
    assert!(all(&store).await.iter().all(|job| job.state == JobState::Available));
}

async fn a_time_once_given_comes_once(world: World) {
    let store = world.open().await;
    let at = |seconds| ScheduleTime::At(after(&world.clock, seconds));
    let once = |seconds| JobSchedule::new("once", "test", "work", json!(null), at(seconds));
    let schedule = once(60);
    put(&store, std::slice::from_ref(&schedule)).await;
    assert_eq!(fire(&store).await, 0);
    forward(&world.clock, 60);
    assert_eq!(fire(&store).await, 1);
    put(&store, &[schedule]).await;
    assert_eq!((fire(&store).await, next(&store, "once").await), (0, None));
    put(&store, &[once(5)]).await;
    forward(&world.clock, 5);
    assert_eq!(fire(&store).await, 1);
}

async fn two_nodes_fire_once(mut world: World) {
    world.config.max_connections = 4;
    let store = world.open().await;
    // On SQLite there is one node; its tasks must not fire twice either.
    let other = if world.config.url.is_some() { world.open().await } else { store.clone() };
    let schedules: Vec<JobSchedule> =
        (0..20).map(|number| every(&world, &format!("poll {number}"), 60)).collect();
    put(&store, &schedules).await;
    for _ in 0..3 {
        forward(&world.clock, 60);
        let (one, two) = tokio::join!(fire(&store), fire(&other));
        assert_eq!(one + two, 20);
    }
    assert_eq!(all(&store).await.len(), 20);
}
