//! The schema: made once, refused when it must be. On both databases.

use muster_store::{Migrate, SCHEMA_VERSION, StoreError, admin};

use crate::world::{World, raw, touch};

suite! {
    a_newer_schema_is_refused_unless_it_lets_us,
    a_schema_that_is_up_to_date_is_opened_without_migrating,
    migrating_twice_at_once_is_safe,
    without_leave_to_migrate_an_older_schema_is_refused,
}

async fn migrating_twice_at_once_is_safe(world: World) {
    let (one, other) = tokio::join!(world.try_open(), world.try_open());
    let mut opened = 0;
    for result in [one, other] {
        match result {
            Ok(store) => {
                opened += 1;
                touch(&store, "a").await;
            }
            // On SQLite the folder belongs to the first; it may not even have begun.
            Err(StoreError::Locked { .. }) if world.config.url.is_none() => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(opened, if world.config.url.is_none() { 1 } else { 2 });
}

async fn a_newer_schema_is_refused_unless_it_lets_us(world: World) {
    world.open().await.close().await;
    raw(&world, "UPDATE schema_version SET version = 99, oldest_reader = 98").await;
    let error = world.try_open().await.err().unwrap();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error:?}");
    let error = admin::migrate(&world.config).await.unwrap_err();
    assert!(matches!(error, StoreError::Newer { .. }), "{error:?}");
    raw(&world, "UPDATE schema_version SET oldest_reader = 1").await;
    touch(&world.open().await, "a").await;
}

async fn a_schema_that_is_up_to_date_is_opened_without_migrating(mut world: World) {
    world.open().await.close().await;
    world.config.migrate = Migrate::Refuse;
    let store = world.open().await;
    touch(&store, "a").await;
    store.close().await;
    let status = admin::status(&world.config).await.unwrap();
    assert_eq!(status.found, Some(SCHEMA_VERSION));
    assert!(status.is_usable && !status.is_outdated);
}

async fn without_leave_to_migrate_an_older_schema_is_refused(mut world: World) {
    world.config.migrate = Migrate::Refuse;
    let error = world.try_open().await.err().unwrap();
    assert!(matches!(error, StoreError::Outdated { found: 0, .. }), "{error}");
    assert!(error.to_string().contains("muster db migrate"), "{error}");
    let status = admin::status(&world.config).await.unwrap();
    assert!(status.found.is_none() && status.is_outdated && !status.is_usable);
    let status = admin::migrate(&world.config).await.unwrap();
    assert!(status.is_usable);
    world.open().await;
}
