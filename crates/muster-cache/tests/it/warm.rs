//! Warming: in order, bounded, and stoppable.

use std::{
    convert::Infallible,
    future::pending,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use muster_cache::{
    CacheConfig,
    warm::{WarmLimits, Warmed, warm},
};
use tokio::sync::Notify;

use crate::lab::{lab, lab_with, plain};

#[tokio::test(start_paused = true)]
async fn the_most_wanted_come_first_and_what_fails_does_not_stop_it() {
    let lab = lab();
    for (key, reads) in [("once", 1), ("thrice", 3), ("twice", 2)] {
        for _ in 0..reads {
            lab.read(key, 1).await;
        }
    }
    lab.cache.clear();
    let order = Mutex::new(Vec::new());
    let load = async |key: String| {
        order.lock().unwrap().push(key.clone());
        if key == "twice" {
            return Err("no");
        }
        lab.read(&key, 1).await;
        Ok(())
    };
    let keys = lab.cache.hottest(10).into_iter().map(|hot| hot.key.to_string()).collect();
    let limits = WarmLimits { concurrency: 0, ..WarmLimits::default() };
    let warmed = warm(&lab.cache, keys, &limits, pending(), load).await;
    assert_eq!(warmed, Warmed { loaded: 2, failed: 1, left: 0 });
    assert_eq!(*order.lock().unwrap(), ["thrice", "twice", "once"]);
    assert!(lab.cache.entry("once").is_some());
}

#[tokio::test(start_paused = true)]
async fn no_more_run_at_once_than_may() {
    let lab = lab();
    let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let load = async |_: u32| {
        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(10)).await;
        running.fetch_sub(1, Ordering::SeqCst);
        Ok::<_, Infallible>(())
    };
    let limits = WarmLimits { concurrency: 3, ..WarmLimits::default() };
    let warmed = warm(&lab.cache, (0..20).collect(), &limits, pending(), load).await;
    assert_eq!((warmed.loaded, most.into_inner()), (20, 3));
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_it_is_stopped_or_takes_too_long() {
    let lab = lab();
    let stop = Notify::new();
    let load = async |key: u32| {
        if key == 2 {
            stop.notify_one();
            pending::<()>().await;
        }
        Ok::<_, Infallible>(())
    };
    let limits = WarmLimits { concurrency: 1, ..WarmLimits::default() };
    let stopped = warm(&lab.cache, (0..10).collect(), &limits, stop.notified(), load).await;
    assert_eq!(stopped, Warmed { loaded: 2, failed: 0, left: 8 });
    let hang = async |_: u32| pending::<Result<(), Infallible>>().await;
    let late = warm(&lab.cache, (0..10).collect(), &limits, pending(), hang).await;
    assert_eq!(late, Warmed { loaded: 0, failed: 0, left: 10 });
}

#[tokio::test(start_paused = true)]
async fn it_does_not_push_out_what_is_there() {
    let lab = lab_with(CacheConfig { max_bytes: 100_000, ..plain() }, || 0);
    let load = async |key: u32| {
        lab.cache.put(&lab.thing, &key.to_string(), lab.cache.stamp(&[]), "x".repeat(1000));
        Ok::<_, Infallible>(())
    };
    let limits = WarmLimits { concurrency: 1, fill_percent: 50, ..WarmLimits::default() };
    let warmed = warm(&lab.cache, (0..1000).collect(), &limits, pending(), load).await;
    let stats = lab.cache.stats().totals;
    assert!((50_000..60_000).contains(&stats.bytes), "{}", stats.bytes);
    assert_eq!((stats.evictions, warmed.loaded + warmed.left), (0, 1000));
}
