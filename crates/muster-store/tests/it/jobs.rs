//! Jobs from being asked for to being begun: order, keys, leases, fencing, rescue. On both databases.
//!
//! Long because a job's life is one story, and each case needs what those before it have shown.

use std::{collections::HashSet, sync::Arc, time::Duration};

use muster_model::{
    Clock, JobId,
    job::{JobLogLine, JobProgress, JobState},
};
use muster_store::{
    Priority, Seq, Store, StoreError,
    job::{Claim, Finish, Heartbeat, JobOutcome, JobScope, LOG_LINES, Lease, Loudness, NewJob, RunNotes},
};
use muster_testkit::Postgres;
use serde_json::json;
use tokio::{sync::Barrier, task::JoinSet, time::timeout};

use crate::{
    job_world::{
        LEASE, after, all, beat, claim, claim_one, discarded, enqueue, failed, finish, finished, forward,
        ids, job, job_id, keyed, new_id, record, rescue, state,
    },
    world::{LONG, World, node},
};

suite! {
    a_batch_is_a_few_statements,
    a_claim_takes_the_most_urgent_then_the_longest_due,
    a_fence_refuses_who_lost_the_lease,
    a_heartbeat_prolongs_and_tells_what_is_lost,
    a_job_asked_for_while_it_runs_runs_again,
    a_job_that_kills_its_process_stops_at_its_last_attempt,
    a_key_is_free_again_when_its_job_is_over,
    a_late_end_changes_nothing,
    a_leases_end_makes_it_due_again_once,
    a_waiting_job_with_the_key_is_answered_and_moved_up,
    changes_are_told_unless_the_job_is_quiet,
    claims_at_once_give_no_job_twice,
    enqueuing_belongs_to_its_transaction,
    hostile_texts_are_kept,
    keys_at_once_are_stored_once,
    lines_and_progress_are_kept,
    losses_that_are_free_are_no_attempts,
    orphans_are_taken_back_at_once,
    wakes_are_heard_after_the_commit,
}

async fn a_claim_takes_the_most_urgent_then_the_longest_due(world: World) {
    let store = world.open().await;
    let due = |number: u64, seconds: i64, priority: u8| NewJob {
        run_at: Some(after(&world.clock, seconds)),
        priority,
        ..job(number)
    };
    let jobs = [due(1, -1, 2), due(2, -3, 2), due(3, 10, 1), due(4, -2, 3), due(5, -3, 2), due(6, 0, 1)];
    enqueue(&store, &jobs).await;
    assert_eq!(state(&store, job_id(3)).await, JobState::Scheduled);
    assert_eq!(
        store.job_queues_due(&["none".into(), "work".into()], node(), JobScope::All).await.unwrap(),
        ["work"]
    );
    let first = claim(&store, 3).await;
    assert_eq!(ids(&first), [6, 2, 5].map(job_id));
    let run = &first[0].record;
    assert_eq!((run.state, run.attempt, run.node), (JobState::Running, 1, Some(node())));
    assert_eq!((run.started_at, &run.wait_reason), (Some(world.clock.now()), &None));
    assert_eq!(run.payload, json!({"number": 6}));
    assert_eq!(ids(&claim(&store, 10).await), [1, 4].map(job_id));
    assert_eq!(ids(&claim(&store, 10).await), []);
    assert_eq!(store.job_queues_due(&["work".into()], node(), JobScope::All).await.unwrap(), [""; 0]);
    forward(&world.clock, 10);
    assert_eq!(ids(&claim(&store, 10).await), [3].map(job_id));
}

async fn a_batch_is_a_few_statements(world: World) {
    let store = world.open().await;
    let jobs: Vec<NewJob> = (0..500).map(|number| keyed(number, &format!("key {number}"))).collect();
    let before = store.stats().statements;
    let enqueued = enqueue(&store, &jobs).await;
    assert!(enqueued.iter().zip(&jobs).all(|(enqueued, job)| enqueued.is_new && enqueued.id == job.id));
    let statements = store.stats().statements - before;
    assert!(statements <= 10, "{statements} statements");
    assert_eq!(all(&store).await.len(), 500);
    // Once more: they are all there.
    let again: Vec<NewJob> =
        (500..1000).map(|number| keyed(number, &format!("key {}", number - 500))).collect();
    let enqueued = enqueue(&store, &again).await;
    assert!(enqueued.iter().zip(&jobs).all(|(enqueued, job)| !enqueued.is_new && enqueued.id == job.id));
    assert_eq!(enqueue(&store, &[]).await, []);
}

async fn enqueuing_belongs_to_its_transaction(world: World) {
    let store = world.open().await;
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.job_enqueue(&[job(1)]).await.unwrap();
    drop(tx);
    assert_eq!(all(&store).await, []);
    // The same id twice is one job: a caller may try a transaction again.
    enqueue(&store, &[job(1)]).await;
    enqueue(&store, &[job(1)]).await;
    assert_eq!(all(&store).await.len(), 1);
}

async fn a_waiting_job_with_the_key_is_answered_and_moved_up(world: World) {
    let store = world.open().await;
    let later = NewJob { run_at: Some(after(&world.clock, 100)), ..keyed(1, "a") };
    enqueue(&store, &[later]).await;
    let sooner = NewJob { run_at: Some(after(&world.clock, 50)), priority: 1, ..keyed(2, "a") };
    let enqueued = enqueue(&store, &[sooner, job(3), keyed(4, "a")]).await;
    let seen: Vec<_> = enqueued.iter().map(|enqueued| (enqueued.id, enqueued.is_new)).collect();
    assert_eq!(seen, [(job_id(1), false), (job_id(3), true), (job_id(1), false)]);
    let moved = record(&store, job_id(1)).await;
    assert_eq!((moved.priority, moved.run_at, moved.state), (1, world.clock.now(), JobState::Available));
    // One that is asked for later and less urgently does not move it down.
    let later = NewJob { run_at: Some(after(&world.clock, 100)), priority: 4, ..keyed(5, "a") };
    enqueue(&store, &[later]).await;
    assert_eq!(record(&store, job_id(1)).await, moved);
    // Two of one key in a batch: the first is stored, as pressing as the other.
    let urgent = NewJob { priority: 1, ..keyed(7, "b") };
    let enqueued = enqueue(&store, &[keyed(6, "b"), urgent]).await;
    assert_eq!([enqueued[0].is_new, enqueued[1].is_new], [true, false]);
    assert_eq!(enqueued[1].id, job_id(6));
    assert_eq!(record(&store, job_id(6)).await.priority, 1);
    assert_eq!(all(&store).await.len(), 3);
}

async fn a_job_asked_for_while_it_runs_runs_again(world: World) {
    let store = world.open().await;
    enqueue(&store, &[keyed(1, "a")]).await;
    let run = claim_one(&store).await;
    for (number, priority) in [(2, 3), (3, 1)] {
        let job = NewJob { priority, ..keyed(number, "a") };
        let enqueued = enqueue(&store, &[job]).await[0];
        assert_eq!((enqueued.id, enqueued.is_new, enqueued.is_rerun), (job_id(1), false, true));
    }
    assert!(record(&store, job_id(1)).await.is_rerun_requested);
    assert_eq!(finished(&store, run.lease, JobOutcome::Completed).await, Some(JobState::Completed));
    let again = claim_one(&store).await;
    assert_ne!(again.record.id, job_id(1));
    assert_eq!(again.record.priority, 1, "as urgent as whoever asked for it");
    assert_eq!((again.record.unique_key.as_deref(), again.record.attempt), (Some("a"), 1));
    assert_eq!(again.record.payload, run.record.payload);
    // A failed attempt runs again anyhow; given up for good, it is asked for again.
    enqueue(&store, &[keyed(4, "a")]).await;
    let outcome = failed("no", world.clock.now());
    assert_eq!(finished(&store, again.lease, outcome).await, Some(JobState::Retryable));
    let again = claim_one(&store).await;
    assert!(!again.record.is_rerun_requested);
    enqueue(&store, &[keyed(5, "a")]).await;
    assert_eq!(finished(&store, again.lease, discarded("no")).await, Some(JobState::Discarded));
    let last = claim_one(&store).await;
    finish(&store, last.lease, JobOutcome::Completed).await;
    assert_eq!(ids(&claim(&store, 10).await), []);
}

async fn a_key_is_free_again_when_its_job_is_over(world: World) {
    let store = world.open().await;
    for (number, outcome) in [(1, JobOutcome::Completed), (2, discarded("no"))] {
        assert!(enqueue(&store, &[keyed(number, "a")]).await[0].is_new);
        finish(&store, claim_one(&store).await.lease, outcome).await;
    }
    assert!(enqueue(&store, &[keyed(3, "a")]).await[0].is_new);
}

async fn keys_at_once_are_stored_once(mut world: World) {
    const TASKS: u32 = 6;
    const KEYS: u64 = 20;
    world.config.max_connections = 8;
    let store = world.open().await;
    let barrier = Arc::new(Barrier::new(usize::try_from(TASKS).unwrap()));
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (store, barrier) = (store.clone(), Arc::clone(&barrier));
        tasks.spawn(async move {
            // Each in another order: none may wait for another for ever.
            let mut jobs: Vec<NewJob> =
                (0..KEYS).map(|key| keyed(u64::from(task) * 1000 + key, &format!("key {key}"))).collect();
            jobs.rotate_left(usize::try_from(task * 3).unwrap());
            barrier.wait().await;
            loop {
                let mut tx = store.begin(Priority::Interactive).await.unwrap();
                match tx.job_enqueue(&jobs).await {
                    Ok(enqueued) => {
                        tx.commit().await.unwrap();
                        return enqueued.iter().filter(|enqueued| enqueued.is_new).count();
                    }
                    Err(StoreError::Busy { .. }) => drop(tx),
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
    let new: usize = tasks.join_all().await.into_iter().sum();
    assert_eq!((new, all(&store).await.len()), (20, 20));
}

async fn claims_at_once_give_no_job_twice(mut world: World) {
    const JOBS: u64 = 200;
    world.config.max_connections = 8;
    let store = world.open().await;
    enqueue(&store, &(0..JOBS).map(job).collect::<Vec<_>>()).await;
    let barrier = Arc::new(Barrier::new(4));
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let (store, barrier) = (store.clone(), Arc::clone(&barrier));
        tasks.spawn(async move {
            barrier.wait().await;
            let mut mine = Vec::new();
            loop {
                let claimed = claim(&store, 7).await;
                if claimed.is_empty()
                    && store.job_queues_due(&["work".into()], node(), JobScope::All).await.unwrap().is_empty()
                {
                    return mine;
                }
                assert!(claimed.len() <= 7);
                mine.extend(ids(&claimed));
            }
        });
    }
    let claimed: Vec<JobId> = tasks.join_all().await.concat();
    assert_eq!(claimed.len(), usize::try_from(JOBS).unwrap());
    assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), claimed.len());
}

async fn a_heartbeat_prolongs_and_tells_what_is_lost(world: World) {
    let store = world.open().await;
    enqueue(&store, &[job(1), job(2)]).await;
    let runs = claim(&store, 2).await;
    let leases: Vec<Lease> = runs.iter().map(|run| run.lease).collect();
    for _ in 0..3 {
        forward(&world.clock, 25);
        assert_eq!(beat(&store, &leases).await.lost, []);
        assert_eq!(rescue(&store).await, (0, 0));
    }
    // Only one is heard of in time.
    forward(&world.clock, 25);
    beat(&store, &leases[..1]).await;
    forward(&world.clock, 25);
    assert_eq!(rescue(&store).await, (1, 0));
    assert_eq!(beat(&store, &leases).await.lost, [job_id(2)]);
    let stranger = Lease { token: leases[0].token + 1, ..leases[0] };
    assert_eq!(beat(&store, &[stranger]).await.lost, [job_id(1)]);
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.job_cancel(job_id(1), &new_id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(beat(&store, &leases[..1]).await.cancel_requested, [job_id(1)]);
}

async fn a_late_end_changes_nothing(world: World) {
    let store = world.open().await;
    enqueue(&store, &[job(1)]).await;
    let frozen = claim_one(&store).await;
    forward(&world.clock, 31);
    assert_eq!(rescue(&store).await, (1, 0));
    let before = record(&store, job_id(1)).await;
    let outcomes = || {
        [
            JobOutcome::Completed,
            failed("late", world.clock.now()),
            discarded("late"),
            JobOutcome::Cancelled { reason: "late".into() },
            JobOutcome::PutOff { reason: "late".into(), until: world.clock.now() },
            JobOutcome::GivenBack { reason: "late".into() },
            JobOutcome::AwaitsChildren,
        ]
    };
    for outcome in outcomes() {
        assert_eq!(finish(&store, frozen.lease, outcome).await.lost, [job_id(1)]);
    }
    assert_eq!(record(&store, job_id(1)).await, before);
    let next = claim_one(&store).await;
    for outcome in outcomes() {
        assert_eq!(finish(&store, frozen.lease, outcome).await.lost, [job_id(1)]);
    }
    assert_eq!(finished(&store, next.lease, JobOutcome::Completed).await, Some(JobState::Completed));
    assert_eq!(finish(&store, next.lease, JobOutcome::Completed).await.lost, [job_id(1)]);
}

async fn a_fence_refuses_who_lost_the_lease(world: World) {
    let store = world.open().await;
    enqueue(&store, &[job(1)]).await;
    let frozen = claim_one(&store).await;
    let mut tx = store.begin(Priority::Background).await.unwrap();
    tx.job_fence(frozen.lease).await.unwrap();
    tx.setting_put("result", &json!("first")).await.unwrap();
    tx.commit().await.unwrap();
    forward(&world.clock, 31);
    rescue(&store).await;
    let next = claim_one(&store).await;
    let mut tx = store.begin(Priority::Background).await.unwrap();
    tx.setting_put("result", &json!("late")).await.unwrap();
    let error = tx.job_fence(frozen.lease).await.unwrap_err();
    assert!(matches!(error, StoreError::LeaseLost { job } if job == job_id(1)), "{error}");
    drop(tx);
    let mut tx = store.begin(Priority::Background).await.unwrap();
    tx.job_fence(next.lease).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.setting("result").await.unwrap(), Some(json!("first")));
}

async fn a_leases_end_makes_it_due_again_once(world: World) {
    let store = world.open().await;
    enqueue(&store, &[job(1)]).await;
    claim_one(&store).await;
    forward(&world.clock, 29);
    assert_eq!(rescue(&store).await, (0, 0));
    forward(&world.clock, 2);
    let (one, other) = tokio::join!(rescue(&store), rescue(&store));
    assert_eq!(one.0 + other.0, 1);
    assert_eq!(rescue(&store).await, (0, 0));
    let back = record(&store, job_id(1)).await;
    assert_eq!((back.state, back.attempt), (JobState::Available, 1));
    assert!(back.wait_reason.as_ref().unwrap().contains("its process ended"), "{back:?}");
    assert_eq!(back.errors.len(), 1);
    // One that just completed is not overwritten.
    let run = claim_one(&store).await;
    forward(&world.clock, 31);
    finish(&store, run.lease, JobOutcome::Completed).await;
    assert_eq!(rescue(&store).await, (0, 0));
    assert_eq!(state(&store, job_id(1)).await, JobState::Completed);
}

async fn a_job_that_kills_its_process_stops_at_its_last_attempt(world: World) {
    let store = world.open().await;
    enqueue(&store, &[job(1)]).await;
    for attempt in 1..=3 {
        assert_eq!(claim_one(&store).await.record.attempt, attempt);
        forward(&world.clock, 31);
        assert_eq!(rescue(&store).await, if attempt < 3 { (1, 0) } else { (0, 1) });
    }
    let over = record(&store, job_id(1)).await;
    assert_eq!(over.state, JobState::Discarded);
    assert_eq!(over.error.as_deref(), Some("its process ended 3 times while it ran"));
    assert_eq!(ids(&claim(&store, 10).await), []);
}

async fn losses_that_are_free_are_no_attempts(world: World) {
    let store = world.open().await;
    enqueue(&store, &[NewJob { free_losses: 2, max_attempts: 2, ..job(1) }]).await;
    for (attempt, rescued) in [(1, (1, 0)), (1, (1, 0)), (1, (1, 0)), (2, (0, 1))] {
        assert_eq!(claim_one(&store).await.record.attempt, attempt);
        forward(&world.clock, 31);
        assert_eq!(rescue(&store).await, rescued);
    }
    assert_eq!(state(&store, job_id(1)).await, JobState::Discarded);
}

async fn orphans_are_taken_back_at_once(world: World) {
    let store = world.open().await;
    enqueue(&store, &[job(1), NewJob { max_attempts: 1, ..job(2) }, job(3)]).await;
    let runs = claim(&store, 2).await;
    let mut tx = store.begin(Priority::Background).await.unwrap();
    assert_eq!(tx.job_orphans_return().await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert_eq!(rescue(&store).await, (1, 1));
    assert_eq!(record(&store, job_id(1)).await.attempt, 1);
    assert_eq!(state(&store, job_id(2)).await, JobState::Discarded);
    assert_eq!(finish(&store, runs[0].lease, JobOutcome::Completed).await.lost, [job_id(1)]);
}

async fn lines_and_progress_are_kept(world: World) {
    let store = world.open().await;
    enqueue(&store, &[job(1)]).await;
    let run = claim_one(&store).await;
    let line = |number: usize| JobLogLine { at: world.clock.now(), line: format!("line {number}") };
    let progress = JobProgress { done: 3, total: Some(9), unit: "commits".into(), message: "reads".into() };
    for batch in 0..5 {
        let log = (batch * 50..(batch + 1) * 50).map(line).collect();
        let notes = RunNotes { progress: Some(progress.clone()), log };
        let mut tx = store.begin(Priority::Background).await.unwrap();
        tx.job_heartbeat(&[Heartbeat { lease: run.lease, notes }], LEASE).await.unwrap();
        tx.commit().await.unwrap();
    }
    let detail = store.job(job_id(1)).await.unwrap().unwrap();
    assert_eq!(detail.record.progress, Some(progress));
    assert_eq!(detail.log, (250 - LOG_LINES..250).map(line).collect::<Vec<_>>());
    // What is said at the end is kept too; of a lost run nothing.
    let notes = RunNotes { progress: None, log: vec![line(250)] };
    for (outcome, lines) in [(JobOutcome::Completed, 1), (JobOutcome::Completed, 0)] {
        let mut tx = store.begin(Priority::Background).await.unwrap();
        let finish = Finish { lease: run.lease, outcome, notes: notes.clone() };
        let settled = tx.job_finish(&[finish], &new_id).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(settled.applied.len(), lines);
        assert_eq!(store.job(job_id(1)).await.unwrap().unwrap().log.last(), Some(&line(250)));
    }
    assert_eq!(store.job(job_id(1)).await.unwrap().unwrap().log.len(), LOG_LINES);
    assert_eq!(store.job(job_id(99)).await.unwrap(), None);
}

async fn hostile_texts_are_kept(world: World) {
    let store = world.open().await;
    let text = format!("\0 '; DROP TABLE job; --\u{1f600}{}", "é".repeat(10_000));
    let hostile = NewJob {
        payload: json!({"\0": text}),
        subject: Some(text.clone()),
        unique_key: Some(text.clone()),
        group: Some(text.clone()),
        ..job(1)
    };
    enqueue(&store, std::slice::from_ref(&hostile)).await;
    assert!(!enqueue(&store, &[NewJob { id: job_id(2), ..hostile.clone() }]).await[0].is_new);
    let run = claim_one(&store).await;
    assert_eq!(run.record.payload, hostile.payload);
    let mut tx = store.begin(Priority::Background).await.unwrap();
    let notes = RunNotes {
        progress: Some(JobProgress { message: text.clone(), unit: text.clone(), ..JobProgress::default() }),
        log: vec![JobLogLine { at: world.clock.now(), line: text.clone() }],
    };
    let finish = Finish { lease: run.lease, outcome: failed(&text, world.clock.now()), notes };
    tx.job_finish(&[finish], &new_id).await.unwrap();
    tx.commit().await.unwrap();
    let failed = record(&store, job_id(1)).await;
    let error = failed.error.unwrap();
    assert!(error.starts_with("\u{fffd} '; DROP") && error.len() < 5000);
}

async fn changes_are_told_unless_the_job_is_quiet(world: World) {
    let store = world.open().await;
    let quiet = NewJob { loudness: Loudness::Quiet, ..job(2) };
    enqueue(&store, &[job(1), quiet]).await;
    let runs = claim(&store, 2).await;
    let error = failed("no", world.clock.now());
    for run in &runs {
        finish(&store, run.lease, error.clone()).await;
    }
    for run in claim(&store, 2).await {
        finish(&store, run.lease, JobOutcome::Completed).await;
    }
    let changes = store.changes_after(Seq::ZERO, 100).await.unwrap();
    let id = job_id(1).to_string();
    assert!(changes.iter().all(|change| change.entity == "job" && change.entity_id == id));
    assert!(changes.iter().all(|change| change.tags == ["jobs"]));
    let topics: Vec<_> = changes.iter().map(|change| change.event.as_ref().unwrap().topic.as_ref()).collect();
    assert_eq!(topics, ["job.enqueued", "job.started", "job.retryable", "job.started", "job.completed"]);
    let data = &changes[2].event.as_ref().unwrap().data;
    let expected = json!({"id": id, "kind": "test", "queue": "work", "state": "retryable", "error": "no"});
    assert_eq!(data, &expected);
}

async fn wakes_are_heard_after_the_commit(world: World) {
    let store = world.open().await;
    // On PostgreSQL another node; on SQLite there is only one.
    let other: Store = if world.config.url.is_some() { world.open().await } else { store.clone() };
    let mut wakes = other.job_wakes();
    if world.config.url.is_some() {
        // It says so itself when it begins to listen.
        timeout(LONG, wakes.heard()).await.unwrap();
    }
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.job_enqueue(&[job(1)]).await.unwrap();
    assert!(timeout(Duration::from_millis(20), wakes.heard()).await.is_err());
    tx.commit().await.unwrap();
    let heard = timeout(LONG, wakes.heard()).await.unwrap();
    assert!(heard.work && !heard.cancel, "{heard:?}");
    claim_one(&store).await;
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.job_cancel(job_id(1), &new_id).await.unwrap();
    tx.commit().await.unwrap();
    let heard = timeout(LONG, wakes.heard()).await.unwrap();
    assert!(heard.cancel && !heard.work, "{heard:?}");
    // A transaction that is undone wakes nobody.
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.job_enqueue(&[job(2)]).await.unwrap();
    drop(tx);
    assert!(timeout(Duration::from_millis(20), wakes.heard()).await.is_err());
    let claim = Claim { queue: "work", held: 0, ahead: 0, node: node(), scope: JobScope::All, lease: LEASE };
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    assert_eq!(tx.job_claim(claim).await.unwrap().jobs.len(), 0);
}

/// On SQLite there is one writer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fence_lets_heartbeats_pass_and_nobody_else() {
    let server = Postgres::start();
    let mut world = World::new(Some(server.url()));
    world.config.max_connections = 4;
    let store = world.open().await;
    enqueue(&store, &[job(1)]).await;
    let run = claim_one(&store).await;
    let mut tx = store.begin(Priority::Background).await.unwrap();
    tx.job_fence(run.lease).await.unwrap();
    assert_eq!(timeout(LONG, beat(&store, &[run.lease])).await.unwrap().lost, []);
    forward(&world.clock, 31);
    assert_eq!(timeout(LONG, rescue(&store)).await.unwrap(), (0, 0), "its result is being stored");
    let mut ends = tokio::spawn({
        let store = store.clone();
        async move { finished(&store, run.lease, discarded("too late")).await }
    });
    // However long that is: it cannot get through while the result is being stored.
    assert!(timeout(Duration::from_millis(20), &mut ends).await.is_err());
    let done = Finish { lease: run.lease, outcome: JobOutcome::Completed, notes: RunNotes::default() };
    tx.job_finish(&[done], &new_id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(timeout(LONG, ends).await.unwrap().unwrap(), None);
    assert_eq!(state(&store, job_id(1)).await, JobState::Completed);
}
