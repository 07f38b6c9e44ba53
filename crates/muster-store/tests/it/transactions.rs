//! Transactions: all or nothing, however they end, and in the right order. On both databases.

use std::time::Duration;

use muster_store::{Priority, Seq, Store, StoreError};
use serde_json::json;
use tokio::{task::JoinSet, time::timeout};

use crate::world::{Holder, LONG, World, change, changed, id, node, record, touch};

suite! {
    a_cancelled_statement_leaves_nothing_and_frees_the_gate,
    a_dropped_transaction_leaves_nothing_and_frees_the_gate,
    a_statement_cancelled_while_the_database_is_held_frees_the_gate,
    a_store_that_was_closed_says_so,
    interactive_goes_before_background,
}

async fn a_dropped_transaction_leaves_nothing_and_frees_the_gate(world: World) {
    let store = world.open().await;
    for _ in 0..20 {
        let mut tx = store.begin(Priority::Interactive).await.unwrap();
        tx.project_put(&[record(1, "a")]).await.unwrap();
        tx.setting_put("a", &json!(1)).await.unwrap();
        tx.record(change("a"));
        drop(tx);
    }
    assert_eq!(touch(&store, "b").await, Seq::new(1));
    assert_eq!(store.project_index(node()).await.unwrap(), []);
    assert_eq!(store.setting("a").await.unwrap(), None);
    assert_eq!(changed(&store).await, ["b"]);
    assert_eq!(store.stats().transactions_open, 0);
}

async fn a_cancelled_statement_leaves_nothing_and_frees_the_gate(world: World) {
    let store = world.open().await;
    // Cancelled at every place where it waits: polled once, twice, …
    for polls in 1..=40 {
        let write = async {
            let mut tx = store.begin(Priority::Interactive).await?;
            tx.project_put(&[record(polls, &format!("p{polls}"))]).await?;
            tx.setting_put("polls", &json!(polls)).await?;
            tx.record(change(&polls.to_string()));
            tx.commit().await
        };
        Cancelled::after(polls, write).await;
        // Whoever comes next is let in and finds either all of it (it was just being committed) or nothing.
        touch(&store, "next").await;
        let has_setting = store.setting("polls").await.unwrap() == Some(json!(polls));
        let has_change = changed(&store).await.contains(&polls.to_string());
        let has_project = !store.project_load(&[id(polls)]).await.unwrap().records.is_empty();
        assert_eq!((has_change, has_project), (has_setting, has_setting), "after {polls} polls");
    }
    assert_eq!(store.stats().transactions_open, 0);
}

async fn a_statement_cancelled_while_the_database_is_held_frees_the_gate(world: World) {
    let store = world.open().await;
    let holder = Holder::hold(&world).await;
    let write = async {
        let mut tx = store.begin(Priority::Interactive).await.unwrap();
        tx.setting_put("a", &json!(1)).await.unwrap();
        tx.commit().await.unwrap()
    };
    // However long that is: it cannot get through while another holds what it needs.
    assert!(timeout(Duration::from_millis(50), write).await.is_err());
    let next = tokio::spawn({
        let store = store.clone();
        async move { touch(&store, "next").await }
    });
    holder.release().await;
    assert_eq!(next.await.unwrap(), Seq::new(1));
    assert_eq!(store.setting("a").await.unwrap(), None);
    assert_eq!(store.stats().transactions_open, 0);
}

/// A future that is dropped after being polled some times.
struct Cancelled;

impl Cancelled {
    async fn after<T>(polls: u16, work: impl Future<Output = T>) -> Option<T> {
        let mut work = Box::pin(work);
        let mut left = polls;
        std::future::poll_fn(move |context| match work.as_mut().poll(context) {
            std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
            std::task::Poll::Pending => {
                left -= 1;
                if left == 0 { std::task::Poll::Ready(None) } else { std::task::Poll::Pending }
            }
        })
        .await
    }
}

async fn interactive_goes_before_background(world: World) {
    let store = world.open().await;
    let held = store.begin(Priority::Background).await.unwrap();
    let mut writes = JoinSet::new();
    let asked = [
        (Priority::Background, "background 1"),
        (Priority::Background, "background 2"),
        (Priority::Interactive, "interactive 1"),
        (Priority::Interactive, "interactive 2"),
    ];
    for (before, (priority, name)) in asked.into_iter().enumerate() {
        writes.spawn({
            let store = store.clone();
            async move {
                let mut tx = store.begin(priority).await.unwrap();
                tx.record(change(name));
                tx.commit().await.unwrap();
            }
        });
        // Each is in the row before the next comes.
        timeout(LONG, async {
            while store.stats().waiting == before {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    }
    drop(held);
    writes.join_all().await;
    assert_eq!(changed(&store).await, ["interactive 1", "interactive 2", "background 1", "background 2"]);
    let stats = store.stats();
    assert_eq!((stats.waiting, stats.waits, stats.transactions), (0, 4, 5));
}

async fn a_store_that_was_closed_says_so(world: World) {
    let store = world.open().await;
    store.is_ready().await.unwrap();
    let other: Store = store.clone();
    store.close().await;
    for error in
        [other.is_ready().await.unwrap_err(), other.begin(Priority::Interactive).await.err().unwrap()]
    {
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    }
    world.open().await.is_ready().await.unwrap();
}
