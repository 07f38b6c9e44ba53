//! Queues: pauses, limits, rates, groups; and what is seen of jobs: lists, counts, reasons, statistics, retention. On
//! both databases.

use std::time::Duration;

use muster_model::{
    JobId,
    job::{JobLogLine, JobRecord, JobState},
};
use muster_store::{
    Priority, Store,
    job::{
        Claim, Finish, JobFilter, JobOutcome, JobScope, NewJob, QueueLimits, QueueRate, RateSetting,
        Retention, RunNotes,
    },
};

use crate::{
    job_world::{
        LEASE, after, all, claim, claim_from, claim_one, discarded, enqueue, failed, finish, forward,
        grouped, ids, job, job_id, keyed, new_id, record,
    },
    world::{World, node},
};

suite! {
    a_group_that_is_full_lets_others_through,
    a_list_is_filtered_and_goes_on_behind_its_cursor,
    a_paused_queue_gives_nothing,
    a_rate_holds_and_can_be_changed,
    concurrency_is_configured_and_can_be_set,
    groups_take_turns,
    many_groups_all_get_their_turn,
    old_jobs_go_and_statistics_stay,
    there_is_always_a_reason_to_wait,
    what_only_one_node_may_run_is_not_there_for_others,
}

async fn configure(store: &Store, limits: QueueLimits) {
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.job_queue_configure("work", limits).await.unwrap();
    tx.commit().await.unwrap();
}

/// What a claim with so many held says, and how many it gives.
async fn claimed(store: &Store, held: u32) -> (usize, QueueLimits) {
    let mut tx = store.begin(Priority::Background).await.unwrap();
    let claim = Claim { queue: "work", held, ahead: 0, node: node(), scope: JobScope::All, lease: LEASE };
    let claimed = tx.job_claim(claim).await.unwrap();
    tx.commit().await.unwrap();
    (claimed.jobs.len(), claimed.limits)
}

async fn a_paused_queue_gives_nothing(world: World) {
    let store = world.open().await;
    enqueue(&store, &[job(1), NewJob { queue: "other".into(), ..job(2) }]).await;
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.job_queue_pause("work").await.unwrap();
    tx.commit().await.unwrap();
    // The configuration of a process that starts does not end a pause.
    configure(&store, QueueLimits { concurrency: 3, ..QueueLimits::default() }).await;
    assert_eq!(ids(&claim(&store, 10).await), []);
    assert_eq!(ids(&claim_from(&store, "other", 10).await), [job_id(2)]);
    let queues = store.job_queues().await.unwrap();
    assert_eq!((queues.len(), queues[0].limits.is_paused, queues[0].limits.concurrency), (1, true, 3));
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.job_queue_resume("work").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(ids(&claim(&store, 10).await), [job_id(1)]);
}

async fn concurrency_is_configured_and_can_be_set(world: World) {
    let store = world.open().await;
    enqueue(&store, &(1..=20).map(job).collect::<Vec<_>>()).await;
    assert_eq!(claimed(&store, 0).await.0, 1, "a queue that nobody configured");
    configure(&store, QueueLimits { concurrency: 3, ..QueueLimits::default() }).await;
    assert_eq!(claimed(&store, 1).await.0, 2);
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.job_queue_set_concurrency("work", Some(5)).await.unwrap();
    tx.commit().await.unwrap();
    // What a person set outlives a restart.
    configure(&store, QueueLimits { concurrency: 3, ..QueueLimits::default() }).await;
    let (count, limits) = claimed(&store, 3).await;
    assert_eq!((count, limits.concurrency), (2, 5));
    assert!(store.job_queues().await.unwrap()[0].is_concurrency_set);
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.job_queue_set_concurrency("work", None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claimed(&store, 5).await, (0, QueueLimits { concurrency: 3, ..QueueLimits::default() }));
}

async fn a_rate_holds_and_can_be_changed(world: World) {
    let store = world.open().await;
    let rate = |count| QueueRate { count, per: Duration::from_mins(1) };
    enqueue(&store, &(1..=20).map(job).collect::<Vec<_>>()).await;
    configure(&store, QueueLimits { concurrency: 9, rate: Some(rate(3)), ..QueueLimits::default() }).await;
    assert_eq!(claimed(&store, 7).await.0, 2);
    assert_eq!(claimed(&store, 0).await.0, 1);
    assert_eq!(claimed(&store, 0).await.0, 0);
    let waiting = record(&store, job_id(9)).await.wait_reason;
    assert_eq!(waiting.as_deref(), Some("queue work begins at most 3 in 60 s"));
    forward(&world.clock, 59);
    assert_eq!(claimed(&store, 0).await.0, 0);
    forward(&world.clock, 1);
    assert_eq!(claimed(&store, 0).await.0, 3);
    for (setting, count) in [
        // Four of this window, of which three are used.
        (RateSetting::At(rate(4)), 1),
        (RateSetting::Unlimited, 9),
        (RateSetting::Configured, 0),
    ] {
        let mut tx = store.begin(Priority::Interactive).await.unwrap();
        tx.job_queue_set_rate("work", setting).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(claimed(&store, 0).await.0, count, "{setting:?}");
    }
    // A clock that goes back does not stop the queue.
    forward(&world.clock, -3600);
    assert_eq!(claimed(&store, 0).await.0, 0, "they are not due by this clock");
    enqueue(&store, &[NewJob { priority: 1, ..job(99) }]).await;
    assert_eq!(claimed(&store, 0).await.0, 1);
}

async fn groups_take_turns(world: World) {
    let store = world.open().await;
    let mut jobs: Vec<NewJob> = (1..=6).map(|number| grouped(number, "a")).collect();
    jobs.extend([grouped(7, "b"), grouped(8, "b"), grouped(9, "c"), job(10)]);
    jobs.push(NewJob { priority: 1, ..grouped(11, "a") });
    enqueue(&store, &jobs).await;
    // The urgent one, which is the first turn of `a`; the first of each other; then the second turns, by age.
    let order = claim(&store, 5).await;
    let mut first = ids(&order);
    first.sort();
    assert_eq!(first, [1, 7, 9, 10, 11].map(job_id));
    assert_eq!(order[0].record.id, job_id(11));
    // Those that run count: it is the turn of whoever has the fewest.
    assert_eq!(ids(&claim(&store, 1).await), [job_id(8)]);
    assert_eq!(claim(&store, 10).await.len(), 5);
}

async fn a_group_that_is_full_lets_others_through(world: World) {
    let store = world.open().await;
    configure(&store, QueueLimits { concurrency: 9, group_limit: Some(2), ..QueueLimits::default() }).await;
    let mut jobs: Vec<NewJob> = (1..=5).map(|number| grouped(number, "a")).collect();
    jobs.extend([grouped(6, "b"), job(7), job(8), job(9)]);
    enqueue(&store, &jobs).await;
    let first = claim(&store, 20).await;
    let mut taken = ids(&first);
    taken.sort();
    assert_eq!(taken, [1, 2, 6, 7, 8, 9].map(job_id));
    assert_eq!(ids(&claim(&store, 20).await), []);
    let waiting = record(&store, job_id(3)).await.wait_reason;
    assert_eq!(waiting.as_deref(), Some("2 of a run already, no more at a time"));
    let one = first.iter().find(|run| run.record.id == job_id(1)).unwrap();
    finish(&store, one.lease, JobOutcome::Completed).await;
    assert_eq!(ids(&claim(&store, 20).await), [job_id(3)]);
}

async fn many_groups_all_get_their_turn(world: World) {
    const GROUPS: u64 = 130;
    let store = world.open().await;
    configure(&store, QueueLimits { concurrency: 9, group_limit: Some(1), ..QueueLimits::default() }).await;
    let jobs: Vec<NewJob> =
        (0..GROUPS * 2).map(|number| grouped(number, &format!("host {}", number / 2))).collect();
    enqueue(&store, &jobs).await;
    let mut groups = Vec::new();
    loop {
        let claimed = claim(&store, 40).await;
        if claimed.is_empty() {
            break;
        }
        groups.extend(claimed.iter().filter_map(|run| run.record.group.clone()));
    }
    groups.sort();
    groups.dedup();
    assert_eq!((groups.len() as u64, all(&store).await.len() as u64), (GROUPS, GROUPS * 2));
}

async fn there_is_always_a_reason_to_wait(world: World) {
    let store = world.open().await;
    configure(&store, QueueLimits { concurrency: 1, ..QueueLimits::default() }).await;
    let due_at = after(&world.clock, 60);
    enqueue(&store, &[job(1), NewJob { run_at: Some(due_at), ..job(2) }]).await;
    let why = async |number: u64| record(&store, job_id(number)).await.wait_reason;
    assert_eq!(why(1).await.as_deref(), Some("waits for a runner to take it"));
    assert_eq!(why(2).await, Some(format!("due at {due_at}")));
    let run = claim_one(&store).await;
    assert_eq!(why(1).await, None);
    enqueue(&store, &[job(3)]).await;
    assert_eq!(why(3).await.as_deref(), Some("waits for its turn in queue work, in which 1 run"));
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.job_queue_pause("work").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(why(3).await.as_deref(), Some("queue work is paused"));
    assert_eq!(why(2).await, Some(format!("queue work is paused; due at {due_at}")));
    finish(&store, run.lease, failed("no", due_at)).await;
    assert!(why(1).await.unwrap().contains("1 of 3 attempts failed; tried again at"));
    for record in all(&store).await {
        assert_eq!(record.wait_reason.is_some(), record.state.is_waiting(), "{record:?}");
    }
}

async fn a_list_is_filtered_and_goes_on_behind_its_cursor(world: World) {
    let store = world.open().await;
    enqueue(
        &store,
        &[
            job(1),
            NewJob { subject: Some("repo_1".into()), ..job(2) },
            NewJob { queue: "other".into(), ..job(3) },
            NewJob { kind: "special".into(), parent: Some(job_id(1)), ..job(4) },
            keyed(5, "key"),
        ],
    )
    .await;
    let list = async |filter: JobFilter, before: Option<u64>, limit: u64| -> Vec<JobId> {
        let jobs = store.job_list(&filter, before.map(job_id), limit).await.unwrap();
        jobs.into_iter().map(|job| job.id).collect()
    };
    let any = JobFilter::default;
    assert_eq!(list(any(), None, 3).await, [5, 4, 3].map(job_id));
    assert_eq!(list(any(), Some(3), 3).await, [2, 1].map(job_id));
    assert_eq!(list(JobFilter { queue: Some("other".into()), ..any() }, None, 9).await, [job_id(3)]);
    assert_eq!(list(JobFilter { kind: Some("special".into()), ..any() }, None, 9).await, [job_id(4)]);
    assert_eq!(list(JobFilter { unique_key: Some("key".into()), ..any() }, None, 9).await, [job_id(5)]);
    assert_eq!(list(JobFilter { subject: Some("repo_1".into()), ..any() }, None, 9).await, [job_id(2)]);
    assert_eq!(list(JobFilter { parent: Some(job_id(1)), ..any() }, None, 9).await, [job_id(4)]);
    claim(&store, 1).await;
    let states = vec![JobState::Running, JobState::Completed];
    assert_eq!(list(JobFilter { states, ..any() }, None, 9).await, [job_id(1)]);
    let counts = store.job_counts().await.unwrap();
    let counts: Vec<_> =
        counts.iter().map(|count| (count.queue.as_str(), count.state, count.count)).collect();
    assert_eq!(
        counts,
        [("other", JobState::Available, 1), ("work", JobState::Available, 3), ("work", JobState::Running, 1)]
    );
}

async fn old_jobs_go_and_statistics_stay(world: World) {
    let store = world.open().await;
    for number in 1..=30 {
        enqueue(&store, &[job(number)]).await;
        forward(&world.clock, 1);
        let run = claim_one(&store).await;
        forward(&world.clock, 2);
        let outcome = match number % 3 {
            0 => discarded("no"),
            1 => JobOutcome::Completed,
            _ => JobOutcome::Cancelled { reason: "not wanted".into() },
        };
        let log = vec![JobLogLine { at: after(&world.clock, 0), line: "a line".into() }];
        let finish = Finish { lease: run.lease, outcome, notes: RunNotes { progress: None, log } };
        let mut tx = store.begin(Priority::Background).await.unwrap();
        tx.job_finish(&[finish], &new_id).await.unwrap();
        tx.commit().await.unwrap();
    }
    enqueue(&store, &[job(31)]).await;
    let keep = Retention { completed: 4, discarded: 2 };
    let retain = async |limit: u64| {
        let mut tx = store.begin(Priority::Background).await.unwrap();
        let removed = tx.job_retain("work", keep, limit).await.unwrap();
        tx.commit().await.unwrap();
        removed
    };
    assert_eq!(retain(5).await, 5);
    assert_eq!(retain(100).await, 17);
    assert_eq!(retain(100).await, 0);
    let left: Vec<JobId> = all(&store).await.into_iter().map(|job| job.id).collect();
    assert_eq!(left, [19, 22, 25, 26, 27, 28, 29, 30, 31].map(job_id));
    assert_eq!(store.job(job_id(28)).await.unwrap().unwrap().log.len(), 1);
    let stats = store.job_stats().await.unwrap();
    assert_eq!((stats.len(), stats[0].queue.as_str(), stats[0].kind.as_str()), (1, "work", "test"));
    let stat = &stats[0];
    assert_eq!((stat.completed, stat.cancelled, stat.discarded, stat.failed), (10, 10, 10, 10));
    assert_eq!((stat.duration_total, stat.duration_max), (Duration::from_secs(20), Duration::from_secs(2)));
    assert_eq!((stat.waits, stat.wait_total), (30, Duration::from_secs(30)));
    assert_eq!(stat.wait_max, Duration::from_secs(1));
}

async fn what_only_one_node_may_run_is_not_there_for_others(world: World) {
    let store = world.open().await;
    let other = muster_model::NodeId::new(crate::world::at(0), [8; 10]);
    let queues = ["work".to_owned()];
    let of_other = |number| NewJob { only_node: Some(other), ..keyed(number, "theirs") };
    // In a queue without groups.
    enqueue(&store, &[of_other(1), job(2)]).await;
    assert_eq!(ids(&claim(&store, 10).await), [job_id(2)]);
    assert!(store.job_queues_due(&queues, node(), JobScope::All).await.unwrap().is_empty());
    assert_eq!(store.job_queues_due(&queues, other, JobScope::All).await.unwrap(), queues);
    let waits = record(&store, job_id(1)).await;
    assert_eq!(waits.only_node, Some(other));
    let reason = waits.wait_reason.unwrap();
    assert!(reason.contains("one has what it is about") || reason.contains("its turn"), "{reason}");
    // In one with groups, more of which are the other's than a claim looks at.
    let theirs = (100..160)
        .map(|number| NewJob { only_node: Some(other), ..grouped(number, &format!("host-{number}")) });
    enqueue(&store, &theirs.collect::<Vec<_>>()).await;
    let mine = NewJob { only_node: Some(node()), ..grouped(200, "host-zzz") };
    enqueue(&store, &[mine, grouped(201, "host-100")]).await;
    let mut claimed = ids(&claim(&store, 10).await);
    claimed.sort();
    assert_eq!(claimed, [job_id(200), job_id(201)]);
    // A node that leaves to others what others can do takes its own alone, with groups and without.
    enqueue(&store, &[job(300), grouped(301, "host-1")]).await;
    assert!(store.job_queues_due(&queues, node(), JobScope::OwnNode).await.unwrap().is_empty());
    let own = NewJob { only_node: Some(node()), ..grouped(302, "host-1") };
    enqueue(&store, &[own, NewJob { only_node: Some(node()), ..job(303) }]).await;
    assert_eq!(store.job_queues_due(&queues, node(), JobScope::OwnNode).await.unwrap(), queues);
    let mut tx = store.begin(Priority::Background).await.unwrap();
    let own =
        Claim { queue: "work", held: 1, ahead: 100, node: node(), scope: JobScope::OwnNode, lease: LEASE };
    let mut own = ids(&tx.job_claim(own).await.unwrap().jobs);
    tx.commit().await.unwrap();
    own.sort();
    assert_eq!(own, [job_id(302), job_id(303)]);
    assert_eq!(claim(&store, 10).await.len(), 2, "what any node can do is there for the others");
    // What is asked for again while it runs is the same node's again.
    let mut tx = store.begin(Priority::Background).await.unwrap();
    let all_of_other =
        Claim { queue: "work", held: 1, ahead: 100, node: other, scope: JobScope::All, lease: LEASE };
    let claimed = tx.job_claim(all_of_other).await.unwrap().jobs;
    tx.commit().await.unwrap();
    let first = claimed.iter().find(|job| job.record.id == job_id(1)).unwrap();
    assert!(enqueue(&store, &[of_other(3)]).await[0].is_rerun);
    finish(&store, first.lease, JobOutcome::Completed).await;
    let is_again =
        |job: &JobRecord| job.state == JobState::Available && job.unique_key.as_deref() == Some("theirs");
    let again = all(&store).await.into_iter().find(is_again).unwrap();
    assert_eq!(again.only_node, Some(other));
    assert!(claim(&store, 10).await.is_empty());
}
