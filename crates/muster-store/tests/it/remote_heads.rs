//! What remotes said of their branches. On both databases.

use std::collections::BTreeMap;

use muster_model::UnknownReason;
use muster_store::{HeadsFailure, Priority, RemoteHeads, Store};

use crate::world::{World, at};

suite! {
    answers_are_kept_by_address_and_write_no_change,
    what_nobody_asks_for_any_more_goes,
}

fn known(url: &str, seconds: i64) -> RemoteHeads {
    RemoteHeads {
        url: url.to_owned(),
        heads: Some(BTreeMap::from([("main".to_owned(), "a".repeat(40))])),
        asked_at: Some(at(seconds - 1)),
        checked_at: at(seconds),
        failures: 0,
        failure: None,
    }
}

async fn put(store: &Store, known: &RemoteHeads) {
    let mut tx = store.begin(Priority::Background).await.unwrap();
    tx.remote_heads_put(known).await.unwrap();
    tx.commit().await.unwrap();
}

async fn answers_are_kept_by_address_and_write_no_change(world: World) {
    let store = world.open().await;
    let before = store.change_head().await.unwrap();
    let (one, other) = (known("https://h.example/a/one", 10), known("https://h.example/a/other", 10));
    put(&store, &one).await;
    put(&store, &other).await;
    let failed = RemoteHeads {
        checked_at: at(20),
        failures: 1,
        failure: Some(HeadsFailure {
            reason: UnknownReason::AuthenticationNeeded,
            message: "private\0 or gone".to_owned(),
        }),
        ..one.clone()
    };
    put(&store, &failed).await;
    let urls = [one.url.clone(), other.url.clone(), "https://h.example/never/asked".to_owned()];
    let found = store.remote_heads(&urls).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[&other.url], other);
    let stored = &found[&one.url];
    assert_eq!((stored.failures, &stored.heads, stored.asked_at), (1, &one.heads, one.asked_at));
    let failure = stored.failure.as_ref().unwrap();
    assert_eq!(failure.reason, UnknownReason::AuthenticationNeeded);
    assert_eq!(failure.message, "private\u{fffd} or gone");
    let never = RemoteHeads { heads: None, asked_at: None, ..failed };
    put(&store, &never).await;
    assert_eq!(store.remote_heads(&urls[..1]).await.unwrap()[&one.url].heads, None);
    assert_eq!(store.change_head().await.unwrap(), before);
    assert!(store.remote_heads(&[]).await.unwrap().is_empty());
}

async fn what_nobody_asks_for_any_more_goes(world: World) {
    let store = world.open().await;
    put(&store, &known("https://h.example/a/old", 10)).await;
    put(&store, &known("https://h.example/a/new", 20)).await;
    let mut tx = store.begin(Priority::Background).await.unwrap();
    assert_eq!(tx.remote_heads_prune(at(20)).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let urls = ["old", "new"].map(|name| format!("https://h.example/a/{name}"));
    let left = store.remote_heads(&urls).await.unwrap();
    assert!(left.contains_key(&urls[1]) && left.len() == 1);
}
