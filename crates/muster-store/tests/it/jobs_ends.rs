//! How runs end, and what a person may do before and after: failing, putting off, cancelling, retrying, waiting for
//! children. On both databases.

use muster_model::{Clock, JobId, job::JobState};
use muster_store::{
    Priority, Store,
    job::{CancelOutcome, JobOutcome, NewJob, RetryOutcome},
};
use muster_testkit::FixedClock;

use crate::{
    job_world::{
        after, all, claim, claim_one, discarded, enqueue, failed, finish, finished, forward, ids, job,
        job_id, keyed, new_id, record, state,
    },
    world::World,
};

suite! {
    a_failure_waits_for_its_time_and_ends_with_the_last_attempt,
    a_job_is_cancelled_in_every_state,
    a_job_is_retried_in_every_state,
    a_parent_goes_on_when_its_children_are_over,
    all_that_failed_is_retried,
    being_cancelled_goes_before_being_tried_again,
    put_off_and_given_back_cost_no_attempt,
    the_last_errors_are_remembered,
    two_last_children_at_once_end_their_parent_once,
}

async fn a_failure_waits_for_its_time_and_ends_with_the_last_attempt(world: World) {
    let store = world.open().await;
    enqueue(&store, &[job(1)]).await;
    for attempt in 1..=3_u32 {
        let run = claim_one(&store).await;
        assert_eq!(run.record.attempt, attempt);
        let retry_at = after(&world.clock, 10);
        let settled = finish(&store, run.lease, failed(&format!("no {attempt}"), retry_at)).await;
        let now = record(&store, job_id(1)).await;
        assert_eq!(now.error, Some(format!("no {attempt}")));
        assert_eq!(now.errors.len(), usize::try_from(attempt).unwrap());
        if attempt < 3 {
            assert_eq!((now.state, now.run_at), (JobState::Retryable, retry_at));
            let reason = format!("{attempt} of 3 attempts failed; tried again at {retry_at}");
            assert_eq!(now.wait_reason, Some(reason));
            assert_eq!(settled.given_up, []);
            assert_eq!(ids(&claim(&store, 10).await), []);
            forward(&world.clock, 10);
        } else {
            assert_eq!((now.state, now.finished_at), (JobState::Discarded, Some(world.clock.now())));
            assert_eq!((settled.given_up.len(), settled.given_up[0].reason.as_str()), (1, "no 3"));
            assert_eq!(settled.given_up[0].record.state, JobState::Discarded);
        }
    }
    forward(&world.clock, 1000);
    assert_eq!(ids(&claim(&store, 10).await), []);
}

async fn the_last_errors_are_remembered(world: World) {
    let store = world.open().await;
    enqueue(&store, &[NewJob { max_attempts: 20, ..job(1) }]).await;
    for attempt in 1..=15 {
        let run = claim_one(&store).await;
        finish(&store, run.lease, failed(&format!("no {attempt}"), world.clock.now())).await;
    }
    let errors = record(&store, job_id(1)).await.errors;
    let errors: Vec<_> = errors.iter().map(|error| (error.attempt, error.error.as_str())).collect();
    assert_eq!((errors.len(), errors[0], errors[9]), (10, (6, "no 6"), (15, "no 15")));
}

async fn put_off_and_given_back_cost_no_attempt(world: World) {
    let store = world.open().await;
    enqueue(&store, &[NewJob { max_attempts: 1, ..job(1) }]).await;
    let until = after(&world.clock, 60);
    let run = claim_one(&store).await;
    let put_off = JobOutcome::PutOff { reason: "the budget is used up".into(), until };
    assert_eq!(finished(&store, run.lease, put_off).await, Some(JobState::Scheduled));
    let waiting = record(&store, job_id(1)).await;
    assert_eq!((waiting.attempt, waiting.run_at, &waiting.error), (0, until, &None));
    assert_eq!(waiting.wait_reason, Some(format!("the budget is used up; not before {until}")));
    forward(&world.clock, 60);
    let run = claim_one(&store).await;
    let back = JobOutcome::GivenBack { reason: "the process was stopped".into() };
    assert_eq!(finished(&store, run.lease, back).await, Some(JobState::Available));
    let run = claim_one(&store).await;
    assert_eq!(run.record.attempt, 1);
    assert_eq!(finished(&store, run.lease, JobOutcome::Completed).await, Some(JobState::Completed));
}

/// A job in each state.
async fn one_in_each_state(store: &Store, clock: &FixedClock) -> Vec<(JobState, JobId)> {
    let mut made = Vec::new();
    for (number, state) in (1..).zip(JobState::ALL) {
        let id = job_id(number);
        let mut job = job(number);
        if state == JobState::Scheduled {
            job.run_at = Some(after(clock, 3600));
        }
        if state == JobState::Available {
            // Claimed by nobody below: each claim is for the one that is due.
            job.queue = "other".into();
        }
        enqueue(store, &[job]).await;
        let outcome = match state {
            JobState::Retryable => Some(failed("no", after(clock, 3600))),
            JobState::Completed => Some(JobOutcome::Completed),
            JobState::Cancelled => Some(JobOutcome::Cancelled { reason: "not wanted".into() }),
            JobState::Discarded => Some(discarded("no")),
            JobState::Running => {
                claim_one(store).await;
                None
            }
            JobState::Available | JobState::Scheduled => None,
        };
        if let Some(outcome) = outcome {
            finish(store, claim_one(store).await.lease, outcome).await;
        }
        assert_eq!(crate::job_world::state(store, id).await, state);
        made.push((state, id));
    }
    made
}

async fn a_job_is_cancelled_in_every_state(world: World) {
    let store = world.open().await;
    for (was, id) in one_in_each_state(&store, &world.clock).await {
        let mut tx = store.begin(Priority::Interactive).await.unwrap();
        let outcome = tx.job_cancel(id, &new_id).await.unwrap();
        tx.commit().await.unwrap();
        let now = record(&store, id).await;
        match (was, outcome) {
            (_, CancelOutcome::Cancelled(given_up)) => {
                assert!(was.is_waiting());
                assert_eq!((now.state, given_up.len()), (JobState::Cancelled, 1), "{was:?}");
                assert_eq!(now.finished_at, Some(world.clock.now()));
            }
            (JobState::Running, CancelOutcome::Requested) => {
                assert!(now.is_cancel_requested && now.state == JobState::Running);
            }
            (_, CancelOutcome::Over(state)) => assert_eq!((state, now.state), (was, was)),
            (was, outcome) => panic!("{was:?}: {outcome:?}"),
        }
    }
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    assert_eq!(tx.job_cancel(job_id(99), &new_id).await.unwrap(), CancelOutcome::NotFound);
}

async fn being_cancelled_goes_before_being_tried_again(world: World) {
    let store = world.open().await;
    let now = world.clock.now();
    let outcomes = [
        failed("no", now),
        JobOutcome::PutOff { reason: "not yet".into(), until: now },
        JobOutcome::GivenBack { reason: "stopped".into() },
    ];
    for (number, outcome) in (1..).zip(outcomes) {
        enqueue(&store, &[keyed(number, "a")]).await;
        let run = claim_one(&store).await;
        // Asked for again, and then not wanted any more.
        enqueue(&store, &[keyed(50, "a")]).await;
        let mut tx = store.begin(Priority::Interactive).await.unwrap();
        tx.job_cancel(job_id(number), &new_id).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(finished(&store, run.lease, outcome).await, Some(JobState::Cancelled));
    }
    assert_eq!(all(&store).await.len(), 3);
    // What was done in spite of it is done.
    enqueue(&store, &[job(9)]).await;
    let run = claim_one(&store).await;
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.job_cancel(job_id(9), &new_id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(finished(&store, run.lease, JobOutcome::Completed).await, Some(JobState::Completed));
}

async fn retry(store: &Store, id: JobId) -> RetryOutcome {
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    let outcome = tx.job_retry(id).await.unwrap();
    tx.commit().await.unwrap();
    outcome
}

async fn a_job_is_retried_in_every_state(world: World) {
    let store = world.open().await;
    for (was, id) in one_in_each_state(&store, &world.clock).await {
        let expected = match was {
            JobState::Cancelled | JobState::Discarded => RetryOutcome::Retried,
            was => RetryOutcome::NotGivenUp(was),
        };
        assert_eq!(retry(&store, id).await, expected, "{was:?}");
        let now = record(&store, id).await;
        if expected == RetryOutcome::Retried {
            assert_eq!((now.state, now.attempt, now.finished_at), (JobState::Available, 0, None));
            assert_eq!(claim_one(&store).await.record.attempt, 1);
        } else {
            assert_eq!(now.state, was);
        }
    }
    assert_eq!(retry(&store, job_id(99)).await, RetryOutcome::NotFound);
    // One whose work another does already stays as it is.
    enqueue(&store, &[keyed(20, "a")]).await;
    finish(&store, claim_one(&store).await.lease, discarded("no")).await;
    enqueue(&store, &[keyed(21, "a")]).await;
    assert_eq!(retry(&store, job_id(20)).await, RetryOutcome::Alive(job_id(21)));
    assert_eq!(state(&store, job_id(20)).await, JobState::Discarded);
}

async fn all_that_failed_is_retried(world: World) {
    let store = world.open().await;
    // Two of one key that failed one after the other, one whose key is alive, some others.
    for (number, key) in [(1, "same"), (2, "same"), (3, "alive"), (4, "x"), (5, "y")] {
        enqueue(&store, &[keyed(number, key)]).await;
        finish(&store, claim_one(&store).await.lease, discarded("no")).await;
    }
    enqueue(&store, &[NewJob { run_at: Some(after(&world.clock, 60)), ..keyed(6, "alive") }]).await;
    enqueue(&store, &[NewJob { queue: "other".into(), ..job(7) }]).await;
    let other = crate::job_world::claim_from(&store, "other", 1).await.remove(0);
    finish(&store, other.lease, discarded("no")).await;
    let retry_some = async || {
        let mut tx = store.begin(Priority::Interactive).await.unwrap();
        let retried = tx.job_retry_discarded(Some("work"), 2).await.unwrap();
        tx.commit().await.unwrap();
        retried
    };
    assert_eq!(retry_some().await, 2);
    assert_eq!(retry_some().await, 1);
    assert_eq!(retry_some().await, 0);
    let mut due = ids(&claim(&store, 10).await);
    due.sort();
    assert_eq!(due, [2, 4, 5].map(job_id));
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    assert_eq!(tx.job_retry_discarded(None, 10).await.unwrap(), 1);
}

/// A job that waits for the children with these numbers.
async fn parent_of(store: &Store, number: u64, children: std::ops::Range<u64>) {
    enqueue(store, &[job(number)]).await;
    let run = claim_one(store).await;
    let children: Vec<NewJob> =
        children.map(|child| NewJob { parent: Some(job_id(number)), ..job(child) }).collect();
    enqueue(store, &children).await;
    let parked = finished(store, run.lease, JobOutcome::AwaitsChildren).await;
    let expected = if children.is_empty() { JobState::Completed } else { JobState::Scheduled };
    assert_eq!(parked, Some(expected));
}

async fn a_parent_goes_on_when_its_children_are_over(world: World) {
    let store = world.open().await;
    parent_of(&store, 1, 2..2).await;
    parent_of(&store, 10, 11..13).await;
    let parked = record(&store, job_id(10)).await;
    assert_eq!(parked.wait_reason.as_deref(), Some("waits for 2 of its jobs"));
    let detail = store.job(job_id(10)).await.unwrap().unwrap();
    assert_eq!(detail.children, [11, 12].map(job_id));
    let children = claim(&store, 10).await;
    assert_eq!(ids(&children), [11, 12].map(job_id), "the parent is not begun again");
    finish(&store, children[0].lease, JobOutcome::Completed).await;
    assert_eq!(state(&store, job_id(10)).await, JobState::Scheduled);
    finish(&store, children[1].lease, JobOutcome::Completed).await;
    assert_eq!(state(&store, job_id(10)).await, JobState::Completed);

    // One fails: the parent does too, when all are over. Its own parent hears of it.
    enqueue(&store, &[job(20)]).await;
    let grandparent = claim_one(&store).await;
    enqueue(&store, &[NewJob { parent: Some(job_id(20)), ..job(21) }]).await;
    finish(&store, grandparent.lease, JobOutcome::AwaitsChildren).await;
    let parent = claim_one(&store).await;
    let child = |number| NewJob { parent: Some(job_id(21)), ..job(number) };
    enqueue(&store, &[child(22), child(23)]).await;
    finish(&store, parent.lease, JobOutcome::AwaitsChildren).await;
    let children = claim(&store, 10).await;
    finish(&store, children[0].lease, discarded("no")).await;
    assert_eq!(state(&store, job_id(21)).await, JobState::Scheduled);
    let settled = finish(&store, children[1].lease, JobOutcome::Completed).await;
    let given_up: Vec<_> = settled.given_up.iter().map(|given_up| given_up.record.id).collect();
    assert_eq!(given_up, [21, 20].map(job_id));
    assert_eq!(record(&store, job_id(21)).await.error.as_deref(), Some("one of its jobs failed"));
    assert_eq!(state(&store, job_id(20)).await, JobState::Discarded);

    // A child that failed and is retried while the parent waits does not count as failed.
    parent_of(&store, 30, 31..33).await;
    let children = claim(&store, 10).await;
    finish(&store, children[0].lease, discarded("no")).await;
    assert_eq!(retry(&store, job_id(31)).await, RetryOutcome::Retried);
    finish(&store, children[1].lease, JobOutcome::Completed).await;
    finish(&store, claim_one(&store).await.lease, JobOutcome::Completed).await;
    assert_eq!(state(&store, job_id(30)).await, JobState::Completed);
}

async fn two_last_children_at_once_end_their_parent_once(mut world: World) {
    world.config.max_connections = 6;
    let store = world.open().await;
    for round in 0..10 {
        let first = round * 10;
        parent_of(&store, first + 1, first + 2..first + 4).await;
        let children = claim(&store, 10).await;
        let end = |place: usize| finish(&store, children[place].lease, JobOutcome::Completed);
        tokio::join!(end(0), end(1));
        assert_eq!(state(&store, job_id(first + 1)).await, JobState::Completed);
    }
}
