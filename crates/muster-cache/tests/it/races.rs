//! What happens when things happen at once: callers leave, loaders panic, and something is invalidated meanwhile.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use futures_util::{FutureExt, future::join_all};
use muster_cache::{Cache, LoadError, Status};
use tokio::sync::{Semaphore, oneshot};

use crate::lab::{Lab, lab};

/// A read whose load waits for `gate` and then says `value`.
async fn gated(
    lab: &Lab,
    key: &str,
    gate: &Arc<Semaphore>,
    value: u32,
) -> Result<(u32, Status), LoadError<Infallible>> {
    let (gate, loads) = (Arc::clone(gate), Arc::clone(&lab.loads));
    let load = move || async move {
        loads.fetch_add(1, Ordering::SeqCst);
        gate.acquire().await.expect("it is never closed").forget();
        Ok(value)
    };
    let found = lab.cache.get_or_load(&lab.thing, key, &["t"], load).await?;
    Ok((*found.value, found.status))
}

fn shut() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(0))
}

#[tokio::test]
async fn two_hundred_who_miss_at_once_share_one_load() {
    let (lab, gate) = (lab(), shut());
    let callers = join_all((0..200).map(|_| gated(&lab, "k", &gate, 7)));
    let (answers, ()) = futures_util::future::join(callers, async { gate.add_permits(1) }).await;
    let statuses: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().1).collect();
    assert_eq!(lab.loads(), 1);
    assert_eq!(statuses[0], Status::Miss { is_stored: true, is_collapsed: false });
    assert!(statuses[1..].iter().all(|one| *one == Status::Miss { is_stored: true, is_collapsed: true }));
    let stats = lab.cache.stats().totals;
    assert_eq!((stats.loads, stats.misses, stats.collapsed, stats.serializations), (1, 200, 199, 1));
}

#[tokio::test]
async fn a_load_goes_on_when_half_of_its_callers_leave() {
    let (lab, gate) = (lab(), shut());
    for _ in 0..100 {
        assert!(gated(&lab, "k", &gate, 7).now_or_never().is_none(), "it left without an answer");
    }
    let stay = join_all((0..100).map(|_| gated(&lab, "k", &gate, 8)));
    let (answers, ()) = futures_util::future::join(stay, async { gate.add_permits(1) }).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().0 == 7));
    assert_eq!(lab.loads(), 1);
}

#[tokio::test]
async fn what_is_loaded_is_kept_although_all_callers_have_left() {
    let (lab, gate) = (lab(), shut());
    for _ in 0..200 {
        assert!(gated(&lab, "k", &gate, 7).now_or_never().is_none(), "it left without an answer");
    }
    gate.add_permits(1);
    lab.settled().await;
    let found = lab.read("k", 8).await;
    assert_eq!((*found, lab.loads()), (7, 1));
    assert!(matches!(found.status, Status::Hit { .. }), "{:?}", found.status);
}

#[tokio::test]
async fn a_panic_is_one_load_and_an_answer_to_all_who_waited() {
    let lab = lab();
    let panicking = || {
        let loads = Arc::clone(&lab.loads);
        lab.cache.get_or_load::<u32, Infallible, _, _>(&lab.thing, "k", &[], move || async move {
            loads.fetch_add(1, Ordering::SeqCst);
            panic!("on purpose")
        })
    };
    let answers = join_all((0..200).map(|_| panicking())).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(LoadError::Panicked))), "{answers:?}");
    assert_eq!(lab.loads(), 1);
    assert_eq!(*lab.read("k", 7).await, 7, "the next read loads");
    assert_eq!(lab.cache.stats().totals.load_failures, 1);
}

#[tokio::test]
async fn an_error_is_one_load_is_shared_and_is_not_kept() {
    let lab = lab();
    let answers = join_all((0..200).map(|_| lab.fail("k"))).await;
    let errors: Vec<_> = answers.into_iter().map(|answer| answer.unwrap_err()).collect();
    assert!(errors.iter().all(|error| matches!(error, LoadError::Failed(why) if **why == "no")));
    assert_eq!(errors[0].clone().to_string(), "the load failed");
    assert_eq!(lab.loads(), 1);
    assert_eq!(*lab.read("k", 7).await, 7);
}

type Way = (&'static str, fn(&Cache));

/// Every way to invalidate the key `k`, of type `thing`, with the tag `t`.
const WAYS: &[Way] = &[
    ("its tag", |cache| cache.remove_by_tag("t")),
    ("the tag of its type", |cache| cache.remove_by_tag("type:thing")),
    ("the tag of all", |cache| cache.remove_by_tag(muster_cache::ALL_TAG)),
    ("its key", |cache| cache.remove("k")),
    ("a pattern", |cache| {
        cache.remove_matching("k*");
    }),
    ("everything", Cache::clear),
    ("its tag, expired", |cache| cache.expire_by_tag("t")),
];

#[tokio::test]
async fn an_invalidation_during_a_load_is_never_lost() {
    for (way, invalidate) in WAYS {
        let (lab, gate) = (lab(), shut());
        let first = gated(&lab, "k", &gate, 1);
        let ((early, status), ()) = futures_util::future::join(first, async {
            invalidate(&lab.cache);
            gate.add_permits(1);
        })
        .map(|(answer, ())| (answer.unwrap(), ()))
        .await;
        assert_eq!(early, 1, "{way}: who asked before it gets what was loaded then");
        let is_expired = way.ends_with("expired");
        assert_eq!(status, Status::Miss { is_stored: is_expired, is_collapsed: false }, "{way}");
        assert_eq!(lab.cache.peek::<u32>(&lab.thing, "k"), None, "{way}: nothing fresh");
        let second = lab.read("k", 2).await;
        assert!(!matches!(second.status, Status::Hit { .. }), "{way}");
        lab.settled().await;
        assert_eq!(*lab.read("k", 3).await, 2, "{way}");
    }
}

#[tokio::test]
async fn an_entry_that_is_there_falls_by_each_way() {
    for (way, invalidate) in WAYS.iter().filter(|(way, _)| !way.ends_with("expired")) {
        let lab = lab();
        lab.read("k", 1).await;
        lab.read_as(lab.strict, "other", 1).await;
        invalidate(&lab.cache);
        assert_eq!(lab.cache.peek::<u32>(&lab.thing, "k"), None, "{way}");
        assert!(lab.cache.entry("k").is_none(), "{way}");
        assert_eq!(*lab.read("k", 2).await, 2, "{way}");
        assert!(lab.cache.stats().last_invalidation.is_some(), "{way}");
    }
}

#[tokio::test]
async fn who_comes_after_an_invalidation_does_not_join_the_old_load() {
    for (way, invalidate) in WAYS {
        let (lab, old, new) = (lab(), shut(), shut());
        let first = gated(&lab, "k", &old, 1);
        let second = async {
            invalidate(&lab.cache);
            let second = gated(&lab, "k", &new, 2);
            // The newer load lands first; the older must not overwrite it.
            let open = async {
                new.add_permits(1);
                tokio::task::yield_now().await;
            };
            let (answer, ()) = futures_util::future::join(second, open).await;
            old.add_permits(1);
            answer
        };
        let (first, second) = futures_util::future::join(first, second).await;
        assert_eq!((first.unwrap().0, second.unwrap().0), (1, 2), "{way}");
        lab.settled().await;
        assert_eq!(*lab.read("k", 3).await, 2, "{way}");
        assert_eq!(lab.loads(), 2, "{way}");
    }
}

#[tokio::test]
async fn a_bulk_load_loses_no_invalidation() {
    for (way, invalidate) in WAYS {
        let lab = lab();
        // The stamp keeps the tag alive: nothing else depends on it yet.
        let stamp = lab.cache.stamp(&["t"]);
        invalidate(&lab.cache);
        assert_eq!(*lab.cache.put(&lab.thing, "k", stamp, 1_u32), 1);
        assert_eq!(lab.cache.peek::<u32>(&lab.thing, "k"), None, "{way}");
    }
}

#[tokio::test]
async fn one_stamp_serves_many_puts_and_other_keys_may_fall_meanwhile() {
    let lab = lab();
    let stamp = lab.cache.stamp(&["t"]);
    lab.cache.remove("another key");
    lab.cache.remove_by_tag("another tag");
    for key in ["a", "b", "c"] {
        lab.cache.put(&lab.thing, key, stamp.clone(), 1_u32);
    }
    assert_eq!(lab.cache.stats().totals.entries, 3);
    assert_eq!(lab.cache.peek::<u32>(&lab.strict, "a"), None, "of another type");
    lab.cache.remove_by_tag("t");
    assert!(["a", "b", "c"].iter().all(|key| lab.cache.entry(key).is_none()));
}

#[tokio::test]
async fn a_switched_off_type_keeps_nothing_that_is_put() {
    let lab = lab();
    assert_eq!(*lab.cache.put(&lab.off, "k", lab.cache.stamp(&[]), 1_u32), 1);
    assert!(lab.cache.entry("k").is_none());
}

#[tokio::test]
async fn a_key_used_for_something_else_is_a_miss_and_is_replaced() {
    let (lab, gate) = (lab(), shut());
    lab.read("k", 1).await;
    let text = || async { Ok::<_, Infallible>("text".to_owned()) };
    let found = lab.cache.get_or_load(&lab.thing, "k", &[], text).await.unwrap();
    assert_eq!(
        (found.as_str(), found.status),
        ("text", Status::Miss { is_stored: true, is_collapsed: false })
    );
    // The same while a load of the first kind is running: neither waits for, nor gets, the other.
    assert!(gated(&lab, "m", &gate, 1).now_or_never().is_none(), "it is shut");
    assert_eq!(lab.cache.get_or_load(&lab.thing, "m", &[], text).await.unwrap().as_str(), "text");
    gate.add_permits(1);
    tokio::task::yield_now().await;
    assert_eq!(lab.cache.peek::<String>(&lab.thing, "m").unwrap().as_str(), "text");
}

#[test]
fn a_load_whose_runtime_ends_is_no_obstacle_to_the_next() {
    let lab = lab();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (started, is_started) = oneshot::channel();
    let first = runtime();
    let cache = lab.cache.clone();
    let thing = lab.thing;
    let waiting = first.spawn(async move {
        let load = || async move {
            started.send(()).unwrap();
            std::future::pending::<Result<u32, Infallible>>().await
        };
        cache.get_or_load(&thing, "k", &[], load).await
    });
    first.block_on(is_started).unwrap();
    drop((waiting, first));
    assert_eq!(lab.cache.stats().loads_running, 0);
    assert_eq!(runtime().block_on(async { *lab.read("k", 7).await }), 7);
}

/// A writer raises the truth, invalidates, and announces it; a reader must never see less than what was announced when
/// it began to read.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_reader_ever_sees_what_was_invalidated_before_it_asked() {
    let lab = Arc::new(lab());
    let (truth, announced) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let writer = tokio::spawn({
        let (lab, truth, announced) = (Arc::clone(&lab), Arc::clone(&truth), Arc::clone(&announced));
        async move {
            for round in 0..2000_usize {
                let value = truth.fetch_add(1, Ordering::SeqCst) + 1;
                WAYS[round % 6].1(&lab.cache);
                announced.store(value, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        }
    });
    let readers = (0..6).map(|_| {
        let (lab, truth, announced) = (Arc::clone(&lab), Arc::clone(&truth), Arc::clone(&announced));
        tokio::spawn(async move {
            for _ in 0..2000 {
                let before = announced.load(Ordering::SeqCst);
                let source = Arc::clone(&truth);
                let load = move || async move {
                    let value = source.load(Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    Ok::<_, Infallible>(value)
                };
                let found = lab.cache.get_or_load(&lab.thing, "k", &["t"], load).await.unwrap();
                assert!(*found >= before, "{} is older than {before}: {:?}", *found, found.status);
            }
        })
    });
    for reader in join_all(readers).await {
        reader.unwrap();
    }
    writer.await.unwrap();
    lab.settled().await;
    let stats = lab.cache.stats();
    assert_eq!(stats.totals.hits + stats.totals.misses, 12_000);
    assert!(stats.totals.entries <= 1);
}
