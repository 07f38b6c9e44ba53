//! The change sequence: recorded on commit, without a gap, read without a miss. On both databases.

use std::{collections::HashSet, sync::Arc, time::Duration};

use muster_store::{ChangeEvent, NewChange, Priority, Seq};
use serde_json::json;
use tokio::{sync::Notify, task::JoinSet, time::timeout};

use crate::world::{LONG, World, at, change, changed, touch};

suite! {
    changes_are_announced_after_the_commit,
    changes_are_recorded_on_commit_only,
    no_change_is_skipped_while_many_write,
    old_changes_are_pruned_and_numbers_go_on,
    the_clock_may_go_backwards,
}

async fn changes_are_recorded_on_commit_only(world: World) {
    let store = world.open().await;
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    let event = ChangeEvent { topic: "project.changed".into(), data: json!({ "id": "a", "n": 1.5 }) };
    tx.record(NewChange {
        entity: "project".into(),
        entity_id: "a".into(),
        tags: vec!["projects".into(), "project:a".into()],
        event: Some(event.clone()),
    });
    tx.record(change("b"));
    assert_eq!(changed(&store).await, [""; 0]);
    assert_eq!(tx.commit().await.unwrap(), Some(Seq::new(2)));

    let changes = store.changes_after(Seq::ZERO, 10).await.unwrap();
    assert_eq!(changes[0].seq, Seq::new(1));
    assert_eq!(changes[0].at, world.clock_now());
    assert_eq!(changes[0].tags, ["projects", "project:a"]);
    assert_eq!(changes[0].event, Some(event));
    assert_eq!(changes[1].event, None);
    assert_eq!(store.changes_after(Seq::new(1), 10).await.unwrap(), changes[1..]);
    assert_eq!(store.changes_after(Seq::ZERO, 1).await.unwrap(), changes[..1]);
    assert_eq!(store.changes_after(Seq::new(2), 10).await.unwrap(), []);

    let tx = store.begin(Priority::Interactive).await.unwrap();
    assert_eq!(tx.commit().await.unwrap(), None);
    assert_eq!(store.change_head().await.unwrap(), Seq::new(2));
}

async fn changes_are_announced_after_the_commit(world: World) {
    let store = world.open().await;
    let mut announced = store.announced();
    assert_eq!(*announced.borrow(), Seq::ZERO);
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.record(change("a"));
    assert!(!announced.has_changed().unwrap());
    tx.commit().await.unwrap();
    timeout(LONG, announced.changed()).await.unwrap().unwrap();
    assert_eq!(*announced.borrow_and_update(), Seq::new(1));
    drop(store.begin(Priority::Interactive).await.unwrap());
    assert!(!announced.has_changed().unwrap());
    // A store that is opened later begins where the sequence stands.
    store.close().await;
    let store = world.open().await;
    assert_eq!(*store.announced().borrow(), Seq::new(1));
}

async fn old_changes_are_pruned_and_numbers_go_on(world: World) {
    let store = world.open().await;
    assert_eq!(store.change_oldest().await.unwrap(), Seq::new(1));
    for second in 0..4 {
        world.clock.set(at(second));
        touch(&store, "a").await;
    }
    let mut tx = store.begin(Priority::Background).await.unwrap();
    assert_eq!(tx.changes_prune(at(2)).await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert_eq!(store.change_oldest().await.unwrap(), Seq::new(3));
    let mut tx = store.begin(Priority::Background).await.unwrap();
    assert_eq!(tx.changes_prune(at(100)).await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert_eq!(store.change_head().await.unwrap(), Seq::new(4));
    assert_eq!(store.change_oldest().await.unwrap(), Seq::new(5));
    store.close().await;
    let store = world.open().await;
    assert_eq!(touch(&store, "b").await, Seq::new(5));
}

async fn the_clock_may_go_backwards(world: World) {
    let store = world.open().await;
    for (second, name) in [(1000, "a"), (0, "b"), (2000, "c"), (-5, "d")] {
        world.clock.set(at(second));
        touch(&store, name).await;
    }
    assert_eq!(changed(&store).await, ["a", "b", "c", "d"]);
    let changes = store.changes_after(Seq::new(1), 10).await.unwrap();
    assert_eq!(changes.iter().map(|change| change.seq.number()).collect::<Vec<_>>(), [2, 3, 4]);
}

async fn no_change_is_skipped_while_many_write(world: World) {
    const WRITERS: usize = 6;
    const EACH: usize = 40;
    let mut world = world;
    world.config.max_connections = 8;
    let store = world.open().await;
    let done = Arc::new(Notify::new());
    // Reads on from the last change it saw, as every follower of the sequence does.
    let reader = {
        let (store, done) = (store.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut seen = Vec::new();
            let mut last = Seq::ZERO;
            let mut is_over = false;
            loop {
                let changes = store.changes_after(last, 7).await.unwrap();
                match changes.last() {
                    Some(change) => last = change.seq,
                    None if is_over => return seen,
                    None => {
                        is_over = timeout(Duration::from_millis(1), done.notified()).await.is_ok();
                    }
                }
                seen.extend(changes.into_iter().map(|change| (change.seq.number(), change.entity_id)));
            }
        })
    };
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            for round in 0..EACH {
                let mut tx = store.begin(Priority::Interactive).await.unwrap();
                tx.setting_put(&format!("writer {writer}"), &json!(round)).await.unwrap();
                tx.record(change(&format!("{writer}.{round}")));
                if round % 3 == 0 {
                    tx.record(change(&format!("{writer}.{round} again")));
                }
                // Some give up: their numbers must be given to others.
                if round % 5 == 4 {
                    drop(tx);
                } else {
                    tx.commit().await.unwrap();
                }
            }
        });
    }
    writers.join_all().await;
    done.notify_one();
    let seen = reader.await.unwrap();
    let numbers: Vec<_> = seen.iter().map(|(number, _)| *number).collect();
    let head = store.change_head().await.unwrap().number();
    assert_eq!(numbers, (1..=head).collect::<Vec<_>>());
    let names: HashSet<_> = seen.iter().map(|(_, name)| name).collect();
    assert_eq!(names.len(), seen.len());
    for writer in 0..WRITERS {
        for round in (0..EACH).filter(|round| round % 5 != 4) {
            assert!(names.contains(&format!("{writer}.{round}")));
        }
    }
}
