//! What only a server can do: go away and come back, refuse, answer late, run two transactions at once.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use muster_store::{Priority, Seq, StoreError, admin};
use muster_testkit::Postgres;
use sqlx::{Connection, PgConnection};

use crate::world::{World, change, changed, raw, touch};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_restarts_is_found_again() {
    let mut server = Postgres::start();
    let mut world = World::new(Some(server.url()));
    world.config.acquire_timeout = Duration::from_millis(500);
    let store = world.open().await;
    touch(&store, "before").await;
    let mut lost = store.begin(Priority::Interactive).await.unwrap();
    lost.record(change("lost"));
    server.stop();

    let error = store.is_ready().await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    let error = lost.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    let error = store.begin(Priority::Interactive).await.err().unwrap();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    assert!(matches!(world.try_open().await.err(), Some(StoreError::Unreachable { .. })));

    server.start_again();
    store.is_ready().await.unwrap();
    touch(&store, "after").await;
    assert_eq!(changed(&store).await, ["before", "after"]);
    assert_eq!(store.stats().transactions_open, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_interleaved_transactions_are_read_in_full() {
    let server = Postgres::start();
    let mut world = World::new(Some(server.url()));
    world.config.max_connections = 6;
    let store = world.open().await;
    // The first has written and holds the older transaction number; the second overtakes it.
    let mut first = store.begin(Priority::Interactive).await.unwrap();
    first.setting_put("first", &1.into()).await.unwrap();
    first.record(change("first"));
    let mut second = store.begin(Priority::Interactive).await.unwrap();
    second.setting_put("second", &2.into()).await.unwrap();
    second.record(change("second"));
    assert_eq!(second.commit().await.unwrap(), Some(Seq::new(1)));
    let read = store.changes_after(Seq::ZERO, 10).await.unwrap();
    let last = read.last().unwrap().seq;
    assert_eq!(first.commit().await.unwrap(), Some(Seq::new(2)));
    let rest = store.changes_after(last, 10).await.unwrap();
    let names: Vec<_> = read.iter().chain(&rest).map(|change| change.entity_id.as_str()).collect();
    assert_eq!(names, ["second", "first"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_overtakes_a_node_that_is_about_to_commit() {
    let server = Postgres::start();
    let mut world = World::new(Some(server.url()));
    world.config.max_connections = 6;
    let store = world.open().await;
    // Another node that stands still between numbering its change and its commit.
    let mut node = PgConnection::connect(&server.url()).await.unwrap();
    let begun = "BEGIN; UPDATE counter SET value = value + 1 WHERE name = 'change'; \
                 INSERT INTO change (seq, at, entity, entity_id, tags) VALUES (1, 0, 'project', 'slow', '[]')";
    sqlx::raw_sql(begun).execute(&mut node).await.unwrap();
    let ours = tokio::spawn({
        let store = store.clone();
        async move { touch(&store, "ours").await }
    });
    // Until ours waits for it: a third connection sees that in the server.
    let mut observer = PgConnection::connect(&server.url()).await.unwrap();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut observer).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(changed(&store).await, [""; 0]);
    sqlx::raw_sql("COMMIT").execute(&mut node).await.unwrap();
    assert_eq!(ours.await.unwrap(), Seq::new(2));
    assert_eq!(changed(&store).await, ["slow", "ours"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_ends_at_its_limit_and_the_next_one_works() {
    let server = Postgres::start();
    let mut world = World::new(Some(server.url()));
    world.config.statement_timeout = Duration::from_millis(200);
    let store = world.open().await;
    let mut holder = PgConnection::connect(&server.url()).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE setting").execute(&mut holder).await.unwrap();
    let error = store.setting("a").await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout { .. }), "{error:?}");
    assert!(error.to_string().ends_with("did not answer within 0.2 s (statement time-out)"), "{error}");
    // The server has ended it too: nothing of ours waits there for the lock.
    let mut observer = PgConnection::connect(&server.url()).await.unwrap();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut observer).await.unwrap() > 0 {
        tokio::task::yield_now().await;
    }
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    let error = tx.setting_put("a", &1.into()).await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout { .. }), "{error:?}");
    drop(tx);
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    assert_eq!(store.setting("a").await.unwrap(), None);
    touch(&store, "a").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_be_used_is_named_without_the_password() {
    let server = Postgres::start();
    let socket = server.url().split("host=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    for (url, said) in [
        ("postgres://ada:secret@127.0.0.1:1/muster".to_owned(), "127.0.0.1:1"),
        (format!("postgres://nobody:secret@localhost/postgres?host={socket}"), "nobody"),
        (format!("postgres://postgres:secret@localhost/missing?host={socket}"), "missing"),
    ] {
        let world = World::new(Some(url));
        let error = world.try_open().await.err().unwrap();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
        let all = format!("{error} {error:?} {:?}", world.config);
        assert!(all.contains(said) && !all.contains("secret"), "{all}");
    }
}

#[tokio::test]
async fn copies_are_left_to_the_tools_of_the_server() {
    let world = World::new(Some("postgres://ada:secret@db.example.org:6543/mus'ter".into()));
    let to = world.folder.path().join("a copy");
    for error in [
        admin::backup(&world.config, &to).await.unwrap_err(),
        admin::restore(&world.config, &to).await.unwrap_err(),
    ] {
        let StoreError::OwnTools { command } = error else { panic!("{error:?}") };
        assert!(command.starts_with("pg_dump ") || command.starts_with("pg_restore "), "{command}");
        assert!(command.contains("--host=db.example.org --port=6543 --username=ada"), "{command}");
        assert!(command.contains(r"--dbname='mus'\''ter'") && command.contains("/a copy'"), "{command}");
        assert!(!command.contains("secret"), "{command}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_of_another_program_does_not_disturb() {
    let server = Postgres::start();
    let world = World::new(Some(server.fresh_database()));
    raw(&world, "CREATE TABLE theirs (a int)").await;
    touch(&world.open().await, "a").await;
}

/// The server's processes that serve this store.
async fn backends(observer: &mut PgConnection) -> BTreeSet<i32> {
    let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'muster'";
    sqlx::query_scalar(sql).fetch_all(observer).await.unwrap().into_iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_server_ended_are_replaced_unseen() {
    let server = Postgres::start();
    let mut world = World::new(Some(server.url()));
    world.config.max_connections = 4;
    let store = world.open().await;
    let mut observer = PgConnection::connect(&server.url()).await.unwrap();
    // All four there.
    let reads = join_all((0..16).map(|_| store.setting("a"))).await;
    assert!(reads.iter().all(Result::is_ok));
    for _ in 0..3 {
        touch(&store, "a").await;
        let ended = "SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity \
                     WHERE application_name = 'muster'";
        let ended: i64 = sqlx::query_scalar(ended).fetch_one(&mut observer).await.unwrap();
        assert!(ended > 0);
        // Readers and writers at once: nobody is handed a dead one.
        let (reads, _) = tokio::join!(join_all((0..16).map(|_| store.setting("a"))), touch(&store, "b"));
        for read in reads {
            read.unwrap();
        }
    }
    assert_eq!(changed(&store).await.len(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_never_more_connections_than_set() {
    const MOST: u32 = 3;
    let server = Postgres::start();
    let mut world = World::new(Some(server.url()));
    world.config.max_connections = MOST;
    let store = world.open().await;
    let mut observer = PgConnection::connect(&server.url()).await.unwrap();
    let load = tokio::spawn({
        let store = store.clone();
        async move {
            let writes = join_all((0..40).map(|_| touch(&store, "a")));
            let reads = join_all((0..200).map(|_| store.setting("a")));
            tokio::join!(writes, reads).1
        }
    });
    let mut most = 0;
    while !load.is_finished() {
        most = most.max(backends(&mut observer).await.len());
    }
    assert!(load.await.unwrap().iter().all(Result::is_ok));
    most = most.max(backends(&mut observer).await.len());
    assert_eq!(most, MOST as usize, "all are used, and no more");
    assert_eq!(store.stats().connections, MOST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_replaced_when_it_is_old_or_idle() {
    let server = Postgres::start();
    let mut observer = PgConnection::connect(&server.url()).await.unwrap();
    let mut world = World::new(Some(server.url()));
    world.config.max_connections = 1;
    world.config.max_lifetime = Duration::from_millis(300);
    let store = world.open().await;
    store.is_ready().await.unwrap();
    let first = backends(&mut observer).await;
    assert_eq!(first.len(), 1);
    let mut now = first.clone();
    while !now.is_disjoint(&first) || now.is_empty() {
        store.is_ready().await.unwrap();
        now = backends(&mut observer).await;
    }
    store.close().await;

    // Without work it goes, and comes back when there is some.
    world.config.max_lifetime = Duration::from_mins(30);
    world.config.idle_timeout = Duration::from_millis(300);
    let store = world.open().await;
    store.is_ready().await.unwrap();
    while !backends(&mut observer).await.is_empty() {
        tokio::task::yield_now().await;
    }
    store.is_ready().await.unwrap();
}
