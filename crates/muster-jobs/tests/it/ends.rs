//! How runs end: done, failed, panicked, too slow, put off, cancelled, and what is stored with the end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use muster_jobs::JobFailure;
use muster_model::job::JobState;
use muster_store::{Priority, job::NewJob};
use serde_json::json;

use crate::world::{Kind, World, kind, new_id};

suite! {
    a_completion_with_its_result_is_one_transaction,
    a_failure_for_good_is_not_tried_again,
    a_failure_is_tried_again_later,
    a_handler_over_its_time_limit_has_failed,
    a_job_put_off_keeps_its_attempt,
    a_kind_that_nobody_knows_waits_for_one_who_does,
    a_panic_is_a_failure,
    a_parent_waits_for_its_children,
    a_running_job_can_be_cancelled,
    a_waiting_job_can_be_cancelled,
    jobs_are_done,
    progress_and_lines_are_told_and_stored,
    what_cannot_be_given_up_yet_is_tried_again,
}

async fn jobs_are_done(world: World) {
    let store = world.store.clone();
    let running = world.start(vec![kind("sum", move |run| {
        let store = store.clone();
        Box::pin(async move {
            let mut tx = run.begin(Priority::Background).await?;
            let sum = store.setting("sum").await?.and_then(|sum| sum.as_u64()).unwrap_or_default();
            tx.setting_put("sum", &json!(sum + run.payload().as_u64().unwrap())).await?;
            run.complete_in(tx).await?;
            Ok(())
        })
    })]);
    // One at a time: two transactions would add to the same sum.
    for number in 1..=20 {
        let id = world.enqueue("sum", json!(number)).await;
        let done = world.until(id, JobState::Completed).await;
        assert_eq!((done.attempt, done.error, done.wait_reason), (1, None, None));
    }
    assert_eq!(world.store.setting("sum").await.unwrap(), Some(json!(210)));
    let stats = running.stop().await.stats();
    assert_eq!((stats.claimed, stats.completed, stats.failed, stats.running), (20, 20, 0, 0));
    assert_eq!(stats.lost_leases, 0);
}

async fn a_failure_is_tried_again_later(world: World) {
    let running = world.start(vec![kind("fails", |run| {
        Box::pin(async move {
            Err(JobFailure::Retry(format!("no {} {}", run.record().attempt, run.is_last_attempt())))
        })
    })]);
    let id = world.enqueue("fails", json!(null)).await;
    for (attempt, seconds) in [(1, 2), (2, 4)] {
        let failed =
            world.until_job(id, |job| job.state == JobState::Retryable && job.attempt == attempt).await;
        let waits = failed.run_at.duration_since(world.after(0)).as_secs_f64();
        let seconds_f = f64::from(seconds);
        assert!((seconds_f..=seconds_f * 1.2).contains(&waits), "{waits} s");
        assert!(
            failed.wait_reason.unwrap().contains(&format!("{attempt} of 3 attempts failed; tried again"))
        );
        world.forward(i64::from(seconds) * 2);
    }
    let over = world.until(id, JobState::Discarded).await;
    assert_eq!(over.error.as_deref(), Some("no 3 true"));
    let errors: Vec<_> = over.errors.iter().map(|error| (error.attempt, error.error.as_str())).collect();
    assert_eq!(errors, [(1, "no 1 false"), (2, "no 2 false"), (3, "no 3 true")]);
    let given_up = world.store.setting("given up").await.unwrap();
    assert_eq!(given_up, Some(json!([id, "discarded", "no 3 true"])));
    let stats = running.stop().await.stats();
    assert_eq!((stats.failed, stats.given_up), (3, 1));
}

async fn a_failure_for_good_is_not_tried_again(world: World) {
    let running = world.start(vec![kind("fails", |_| {
        Box::pin(async { Err(JobFailure::Permanent("the address is refused".into())) })
    })]);
    let id = world.enqueue("fails", json!(null)).await;
    let over = world.until(id, JobState::Discarded).await;
    assert_eq!((over.attempt, over.error.as_deref()), (1, Some("the address is refused")));
    assert!(world.store.setting("given up").await.unwrap().is_some());
    running.stop().await;
}

async fn a_job_put_off_keeps_its_attempt(world: World) {
    let at = world.after(60);
    let clock = world.clock.clone();
    let running = world.start(vec![kind("later", move |_| {
        let is_early = muster_model::Clock::now(&clock) < at;
        Box::pin(async move {
            if is_early {
                return Err(JobFailure::Later { reason: "the budget of a host is used up".into(), at });
            }
            Ok(())
        })
    })]);
    let id = world.enqueue("later", json!(null)).await;
    let waiting = world.until(id, JobState::Scheduled).await;
    assert_eq!((waiting.attempt, waiting.run_at), (0, at));
    assert!(waiting.wait_reason.unwrap().starts_with("the budget of a host is used up; not before"));
    world.forward(60);
    assert_eq!(world.until(id, JobState::Completed).await.attempt, 1);
    running.stop().await;
}

async fn a_running_job_can_be_cancelled(world: World) {
    let cooperative = || {
        kind("waits", |run| {
            Box::pin(async move {
                run.until_cancelled().await;
                assert!(run.cancelled().load(SeqCst));
                Err(JobFailure::Cancelled)
            })
        })
    };
    let running = world.start(vec![cooperative()]);
    let id = world.enqueue("waits", json!(null)).await;
    world.until(id, JobState::Running).await;
    world.cancel(running.runner.registry(), id).await;
    let over = world.until(id, JobState::Cancelled).await;
    assert_eq!(over.error.as_deref(), Some("it was cancelled"));
    assert_eq!(
        world.store.setting("given up").await.unwrap(),
        Some(json!([id, "cancelled", "it was cancelled"]))
    );
    running.stop().await;
}

async fn a_waiting_job_can_be_cancelled(world: World) {
    let kinds = World::registry(vec![kind("waits", |_| Box::pin(async { Ok(()) }))]);
    let id = world.enqueue("waits", json!(null)).await;
    world.cancel(&kinds, id).await;
    assert_eq!(world.job(id).await.record.state, JobState::Cancelled);
    assert!(world.store.setting("given up").await.unwrap().is_some());
}

async fn a_panic_is_a_failure(world: World) {
    let running = world.start(vec![kind("panics", |run| {
        let attempt = run.record().attempt;
        assert_ne!(attempt, 1, "before there is a future");
        Box::pin(async move { if attempt == 2 { panic!("in the future") } else { Ok(()) } })
    })]);
    let id = world.enqueue("panics", json!(null)).await;
    world.until_job(id, |job| job.state == JobState::Retryable && job.attempt == 1).await;
    world.forward(10);
    world.until_job(id, |job| job.state == JobState::Retryable && job.attempt == 2).await;
    world.forward(10);
    let done = world.until(id, JobState::Completed).await;
    assert!(done.errors[0].error.contains("before there is a future"), "{:?}", done.errors);
    assert_eq!(done.errors[1].error, "the handler panicked: in the future");
    running.stop().await;
}

async fn a_handler_over_its_time_limit_has_failed(world: World) {
    let hangs =
        Kind { time_limit: Duration::from_millis(5), ..kind("hangs", |_| Box::pin(std::future::pending())) };
    let running = world.start(vec![hangs]);
    let id = world.enqueue("hangs", json!(null)).await;
    let failed = world.until(id, JobState::Retryable).await;
    assert_eq!(failed.error.as_deref(), Some("it took longer than its time limit of 0.005 s"));
    running.stop().await;
}

async fn a_completion_with_its_result_is_one_transaction(world: World) {
    let calls = Arc::new(AtomicU32::new(0));
    let running = world.start(vec![kind("result", {
        let calls = Arc::clone(&calls);
        move |run| {
            let call = calls.fetch_add(1, SeqCst);
            Box::pin(async move {
                let mut tx = run.begin(Priority::Background).await?;
                tx.setting_put("result", &json!(call)).await?;
                if call == 0 {
                    drop(tx);
                    return Err(JobFailure::Retry("the first time nothing is stored".into()));
                }
                run.log("stored");
                run.complete_in(tx).await?;
                // What is said after the end does not count.
                Err(JobFailure::Permanent("too late".into()))
            })
        }
    })]);
    let id = world.enqueue("result", json!(null)).await;
    world.until(id, JobState::Retryable).await;
    assert_eq!(world.store.setting("result").await.unwrap(), None);
    world.forward(10);
    world.until(id, JobState::Completed).await;
    assert_eq!(world.store.setting("result").await.unwrap(), Some(json!(1)));
    assert_eq!(world.job(id).await.log.last().unwrap().line, "stored");
    let stats = running.stop().await.stats();
    assert_eq!((stats.completed, stats.failed, stats.lost_leases), (1, 1, 0));
    assert_eq!(world.job(id).await.record.state, JobState::Completed);
}

async fn progress_and_lines_are_told_and_stored(world: World) {
    let running = world.start(vec![kind("counts", |run| {
        Box::pin(async move {
            for done in 1..=3 {
                run.progress(done, Some(3), "commits", "reads");
                run.log(format!("line {done}"));
            }
            run.until_cancelled().await;
            run.log("stopped");
            Err(JobFailure::Cancelled)
        })
    })]);
    let id = world.enqueue("counts", json!(null)).await;
    // Stored by a heartbeat, which tells nothing: look until it is there.
    let detail = tokio::time::timeout(crate::world::LONG, async {
        loop {
            let detail = world.job(id).await;
            if detail.record.progress.is_some() {
                return detail;
            }
            tokio::task::yield_now().await;
        }
    });
    let detail = detail.await.unwrap();
    assert_eq!(detail.record.progress.unwrap().done, 3);
    assert_eq!(detail.log.len(), 3);
    assert_eq!(world.told.lock().unwrap().iter().map(|told| told.done).collect::<Vec<_>>(), [1, 2, 3]);
    world.cancel(running.runner.registry(), id).await;
    world.until(id, JobState::Cancelled).await;
    let lines: Vec<_> = world.job(id).await.log.into_iter().map(|line| line.line).collect();
    assert_eq!(lines, ["line 1", "line 2", "line 3", "stopped"]);
    running.stop().await;
}

async fn a_kind_that_nobody_knows_waits_for_one_who_does(world: World) {
    let running = world.start(Vec::new());
    let id = world.enqueue("new", json!(null)).await;
    let waiting = world.until(id, JobState::Scheduled).await;
    assert_eq!(waiting.attempt, 0);
    assert!(waiting.wait_reason.unwrap().contains("knows no jobs of kind new"));
    running.stop().await;
    let running = world.start(vec![kind("new", |_| Box::pin(async { Ok(()) }))]);
    world.forward(60);
    world.until(id, JobState::Completed).await;
    running.stop().await;
}

async fn a_parent_waits_for_its_children(world: World) {
    let children = |fails: bool| {
        kind(if fails { "bad parent" } else { "parent" }, move |run| {
            Box::pin(async move {
                let mut tx = run.begin(Priority::Background).await?;
                let child = |kind: &'static str| NewJob {
                    parent: Some(run.id()),
                    ..NewJob::new(new_id(), kind, "work", json!(null))
                };
                let second = if fails { "bad child" } else { "child" };
                tx.job_enqueue(&[child("child"), child(second)]).await?;
                run.await_children();
                run.complete_in(tx).await?;
                Ok(())
            })
        })
    };
    let running = world.start(vec![
        children(false),
        children(true),
        kind("child", |_| Box::pin(async { Ok(()) })),
        kind("bad child", |_| Box::pin(async { Err(JobFailure::Permanent("no".into())) })),
    ]);
    let good = world.enqueue("parent", json!(null)).await;
    world.until(good, JobState::Completed).await;
    assert_eq!(world.job(good).await.children.len(), 2);
    let bad = world.enqueue("bad parent", json!(null)).await;
    let over = world.until(bad, JobState::Discarded).await;
    assert_eq!(over.error.as_deref(), Some("one of its jobs failed"));
    assert_eq!(
        world.store.setting("given up").await.unwrap(),
        Some(json!([bad, "discarded", "one of its jobs failed"]))
    );
    running.stop().await;
}

async fn what_cannot_be_given_up_yet_is_tried_again(world: World) {
    use futures_util::future::BoxFuture;
    use muster_jobs::{Job, JobRun, Registry};
    use muster_model::job::JobRecord;
    use muster_store::{StoreError, Tx};

    /// Fails, and cannot be given up the first two times.
    struct Stubborn(AtomicU32);

    impl Job for Stubborn {
        fn kind(&self) -> &'static str {
            "stubborn"
        }

        fn queue(&self) -> &'static str {
            "work"
        }

        fn max_attempts(&self) -> u32 {
            1
        }

        fn time_limit(&self) -> Duration {
            crate::world::LONG
        }

        fn run<'a>(&'a self, _: &'a JobRun) -> BoxFuture<'a, Result<(), JobFailure>> {
            Box::pin(async { Err(JobFailure::Retry("no".into())) })
        }

        fn given_up<'a>(
            &'a self,
            tx: &'a mut Tx,
            _: &'a JobRecord,
            _: &'a str,
        ) -> BoxFuture<'a, Result<(), StoreError>> {
            Box::pin(async move {
                if self.0.fetch_add(1, SeqCst) < 2 {
                    return Err(StoreError::Conflict { what: "something of the handler".into() });
                }
                tx.setting_put("given up", &json!(true)).await
            })
        }
    }

    let stubborn: Arc<dyn Job> = Arc::new(Stubborn(AtomicU32::new(0)));
    let registry = Registry::new([stubborn]);
    let job = registry.new_job("stubborn", new_id(), json!(null)).unwrap();
    assert!(registry.new_job("none", new_id(), json!(null)).is_none());
    let running = world.start_with(registry);
    let id = world.enqueue_all(&[job]).await[0];
    // The first failure leaves the lease to run out; whoever takes it back tries again.
    let mut announced = world.store.announced();
    let over = tokio::time::timeout(crate::world::LONG, async {
        loop {
            announced.borrow_and_update();
            let record = world.job(id).await.record;
            if record.state.is_over() {
                return record;
            }
            world.forward(31);
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(over.await.unwrap().state, JobState::Discarded);
    assert_eq!(world.store.setting("given up").await.unwrap(), Some(json!(true)));
    running.stop().await;
}
