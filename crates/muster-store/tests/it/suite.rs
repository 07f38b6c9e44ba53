//! One suite for both databases: each case is run as `suite::sqlite::…` and as `suite::postgres::…`.

use std::{collections::HashSet, ffi::OsStr, os::unix::ffi::OsStrExt, path::Path, sync::Arc, time::Duration};

use muster_model::{PlanId, RemoteUrl, RepoError, error::ErrorCode, unknown::UnknownReason};
use muster_store::{
    ChangeEvent, Migrate, NewAudit, NewChange, PlanRecord, Priority, ProjectRecord, Seq, Store, StoreError,
};
use serde_json::json;
use tokio::{sync::Notify, task::JoinSet, time::timeout};

use crate::world::{Holder, LONG, World, at, change, changed, id, node, put, raw, record, touch};

macro_rules! suite {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            use crate::world::World;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(World::new(None)).await;
                }
            )*
        }

        mod postgres {
            use muster_testkit::Postgres;

            use crate::world::World;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let server = Postgres::start();
                    super::$case(World::new(Some(server.url()))).await;
                }
            )*
        }
    };
}

suite! {
    a_batch_larger_than_one_statement_is_put_and_loaded_whole,
    a_cancelled_statement_leaves_nothing_and_frees_the_gate,
    a_document_of_another_time_is_named_and_spares_the_rest,
    a_dropped_transaction_leaves_nothing_and_frees_the_gate,
    a_name_on_the_disk_belongs_to_one_project,
    a_plan_is_used_once,
    a_newer_schema_is_refused_unless_it_lets_us,
    a_schema_that_is_up_to_date_is_opened_without_migrating,
    a_setting_is_the_last_value_put,
    a_statement_cancelled_while_the_database_is_held_frees_the_gate,
    a_store_that_was_closed_says_so,
    audit_entries_are_listed_newest_first_in_pages,
    changes_are_announced_after_the_commit,
    changes_are_recorded_on_commit_only,
    interactive_goes_before_background,
    many_ids_are_loaded_by_one_statement,
    migrating_twice_at_once_is_safe,
    no_change_is_skipped_while_many_write,
    old_changes_are_pruned_and_numbers_go_on,
    projects_come_back_as_they_were,
    removed_projects_are_gone,
    the_clock_may_go_backwards,
    the_index_reads_no_document_and_is_ordered_by_path,
    what_is_put_again_keeps_id_and_number,
    without_leave_to_migrate_an_older_schema_is_refused,
}

/// A project with everything that is awkward to keep.
fn awkward() -> ProjectRecord {
    let mut record = record(1, "awkward");
    let path = Path::new("/code").join(OsStr::from_bytes(b"caf\xc3\xa9 \xff\xfe 100% \n'\";--"));
    record.root = Path::new(OsStr::from_bytes(b"/co\xffde")).into();
    let project = &mut record.project;
    project.name = "naïve \u{0}? 'q' \"d\" 🦀".replace('\u{0}', "");
    project.path = path;
    project.error = Some(RepoError::new(ErrorCode::Corrupt, "no object a\u{0}b at line\n2"));
    project.remote = Some(RemoteUrl::parse("git@github.com:owner/name.git").unwrap());
    project.push_remote = Some(String::new());
    project.fetched_at = Some(at(-1_000_000_000));
    project.borrows_from = vec![Path::new(OsStr::from_bytes(b"/obj\x80ects")).into()];
    project.unknown.insert("git.ahead".into(), UnknownReason::NeverFetched);
    record
}

/// Documents as text: what is kept must be the same in every field.
fn document(record: &ProjectRecord) -> String {
    serde_json::to_string(&record.project).unwrap()
}

async fn projects_come_back_as_they_were(world: World) {
    let store = world.open().await;
    let full = crate::full::project(2);
    let records = [awkward(), full, record(3, "plain")];
    put(&store, &records).await;
    let load = store.project_load(&[id(3), id(1), id(9), id(2)]).await.unwrap();
    assert_eq!(load.undecodable, []);
    let ids: Vec<_> = load.records.iter().map(|record| record.id).collect();
    assert_eq!(ids, [id(3), id(1), id(2)]);
    for put in &records {
        let loaded = load.records.iter().find(|record| record.id == put.id).unwrap();
        assert_eq!(document(loaded), document(put));
        assert_eq!(
            (loaded.node, &loaded.root, loaded.updated_at, &loaded.project.path),
            (put.node, &put.root, put.updated_at, &put.project.path)
        );
    }
    let index = store.project_index(node()).await.unwrap();
    assert!(index.iter().any(|entry| entry.path == records[0].project.path));
}

async fn what_is_put_again_keeps_id_and_number(world: World) {
    let store = world.open().await;
    put(&store, &[record(1, "a"), record(2, "b")]).await;
    let before = store.project_index(node()).await.unwrap();
    assert_eq!(before.iter().map(|entry| entry.number).collect::<HashSet<_>>(), HashSet::from([1, 2]));

    let mut moved = record(1, "z");
    moved.number = 99;
    put(&store, &[moved, record(3, "c")]).await;
    let after = store.project_index(node()).await.unwrap();
    let entry = |entries: &[muster_store::ProjectEntry], number| {
        entries.iter().find(|entry| entry.id == id(number)).cloned().unwrap()
    };
    assert_eq!(entry(&after, 1).number, entry(&before, 1).number);
    assert_eq!(entry(&after, 1).name, "z");
    assert_ne!(entry(&after, 1).revision, entry(&before, 1).revision);
    assert_eq!(entry(&after, 2), entry(&before, 2));
    assert_eq!(entry(&after, 3).number, 3);
    let loaded = store.project_load(&[id(1)]).await.unwrap().records;
    assert_eq!(loaded[0].number, entry(&before, 1).number);

    // Of two records with one id the later one counts.
    put(&store, &[record(4, "first"), record(4, "second")]).await;
    assert_eq!(entry(&store.project_index(node()).await.unwrap(), 4).name, "second");
}

async fn a_name_on_the_disk_belongs_to_one_project(world: World) {
    let store = world.open().await;
    put(&store, &[record(1, "a")]).await;
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    let error = tx.project_put(&[record(2, "a")]).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
    drop(tx);
    let mut elsewhere = record(2, "a");
    elsewhere.node = muster_model::NodeId::new(at(5), [1; 10]);
    put(&store, &[elsewhere]).await;
    assert_eq!(store.project_index(node()).await.unwrap().len(), 1);
}

async fn the_index_reads_no_document_and_is_ordered_by_path(world: World) {
    let store = world.open().await;
    // By bytes: capitals before small letters, accents last, whatever the language of the server.
    let names = ["b", "A", "é", "a", "B", "a-b", "a.b"];
    let records: Vec<_> = (1..).zip(names).map(|(number, name)| record(number, name)).collect();
    put(&store, &records).await;
    let statements = store.stats().statements;
    let index = store.project_index(node()).await.unwrap();
    assert_eq!(store.stats().statements - statements, 1);
    let names: Vec<_> = index.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["A", "B", "a", "a-b", "a.b", "b", "é"]);
    // A document that cannot be read does not disturb: it is not looked at.
    raw(&world, "UPDATE project SET document = '{'").await;
    assert_eq!(store.project_index(node()).await.unwrap(), index);
}

async fn many_ids_are_loaded_by_one_statement(world: World) {
    let store = world.open().await;
    let records: Vec<_> = (1..=50).map(|number| record(number, &format!("p{number}"))).collect();
    put(&store, &records).await;
    let ids: Vec<_> = (1..=10_000).map(id).collect();
    let statements = store.stats().statements;
    assert_eq!(store.project_load(&ids).await.unwrap().records.len(), 50);
    assert_eq!(store.stats().statements - statements, 1);
    let more: Vec<_> = (1..=10_001).map(id).collect();
    store.project_load(&more).await.unwrap();
    assert_eq!(store.stats().statements - statements, 3);
    assert!(store.project_load(&[]).await.unwrap().records.is_empty());
    assert_eq!(store.stats().statements - statements, 3);
}

async fn a_batch_larger_than_one_statement_is_put_and_loaded_whole(world: World) {
    let store = world.open().await;
    let records: Vec<_> = (1..=12_000).map(|number| record(number, &format!("p{number:05}"))).collect();
    let mut tx = store.begin(Priority::Background).await.unwrap();
    tx.project_put(&records).await.unwrap();
    for record in &records {
        tx.record(change(&record.id.to_string()));
    }
    assert_eq!(tx.commit().await.unwrap(), Some(Seq::new(12_000)));
    let index = store.project_index(node()).await.unwrap();
    let numbers: HashSet<i64> = index.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, (1..=12_000).collect());
    let ids: Vec<_> = records.iter().map(|record| record.id).collect();
    let load = store.project_load(&ids).await.unwrap();
    assert_eq!(load.records.len(), 12_000);
    let expected: Vec<_> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(changed(&store).await, expected);
}

async fn removed_projects_are_gone(world: World) {
    let store = world.open().await;
    put(&store, &[record(1, "a"), record(2, "b")]).await;
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    assert_eq!(tx.project_remove(&[id(1), id(9)]).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let names: Vec<_> =
        store.project_index(node()).await.unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["b"]);
}

async fn a_document_of_another_time_is_named_and_spares_the_rest(world: World) {
    let store = world.open().await;
    put(&store, &[record(1, "a"), record(2, "b"), record(3, "c")]).await;
    raw(&world, "UPDATE project SET document = '{\"name\":\"a\"}' WHERE name = 'a'").await;
    raw(&world, "UPDATE project SET format = 0 WHERE name = 'c'").await;
    let load = store.project_load(&[id(1), id(2), id(3)]).await.unwrap();
    assert_eq!(load.undecodable, [id(1), id(3)]);
    assert_eq!(load.records.len(), 1);
    put(&store, &[record(1, "a"), record(3, "c")]).await;
    assert_eq!(store.project_load(&[id(1), id(3)]).await.unwrap().records.len(), 2);
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

async fn a_schema_that_is_up_to_date_is_opened_without_migrating(mut world: World) {
    world.open().await.close().await;
    world.config.migrate = Migrate::Refuse;
    let store = world.open().await;
    touch(&store, "a").await;
    store.close().await;
    let status = muster_store::admin::status(&world.config).await.unwrap();
    assert_eq!(status.found, Some(muster_store::SCHEMA_VERSION));
    assert!(status.is_usable && !status.is_outdated);
}

async fn without_leave_to_migrate_an_older_schema_is_refused(mut world: World) {
    world.config.migrate = Migrate::Refuse;
    let error = world.try_open().await.err().unwrap();
    assert!(matches!(error, StoreError::Outdated { found: 0, .. }), "{error}");
    assert!(error.to_string().contains("muster db migrate"), "{error}");
    let status = muster_store::admin::status(&world.config).await.unwrap();
    assert!(status.found.is_none() && status.is_outdated && !status.is_usable);
    let status = muster_store::admin::migrate(&world.config).await.unwrap();
    assert!(status.is_usable);
    world.open().await;
}

async fn a_newer_schema_is_refused_unless_it_lets_us(world: World) {
    world.open().await.close().await;
    raw(&world, "UPDATE schema_version SET version = 99, oldest_reader = 98").await;
    let error = world.try_open().await.err().unwrap();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error:?}");
    let error = muster_store::admin::migrate(&world.config).await.unwrap_err();
    assert!(matches!(error, StoreError::Newer { .. }), "{error:?}");
    raw(&world, "UPDATE schema_version SET oldest_reader = 1").await;
    touch(&world.open().await, "a").await;
}

async fn a_plan_is_used_once(world: World) {
    let store = world.open().await;
    let plan = PlanRecord {
        id: PlanId::new(at(0), [1; 10]),
        kind: "fetch".into(),
        created_at: at(0),
        expires_at: at(600),
        document: json!({ "steps": ["a", null, 1] }),
    };
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.plan_put(&plan).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.plan(plan.id).await.unwrap().as_ref(), Some(&plan));

    let take = async || {
        let mut tx = store.begin(Priority::Interactive).await.unwrap();
        let taken = tx.plan_take(plan.id).await.unwrap();
        tx.commit().await.unwrap();
        taken
    };
    let (one, other) = tokio::join!(take(), take());
    assert_eq!([one.is_some(), other.is_some()].iter().filter(|is_taken| **is_taken).count(), 1);
    assert_eq!(one.or(other), Some(plan.clone()));
    assert_eq!(store.plan(plan.id).await.unwrap(), None);

    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.plan_put(&plan).await.unwrap();
    assert_eq!(tx.plans_prune(at(600)).await.unwrap(), 0);
    assert_eq!(tx.plans_prune(at(601)).await.unwrap(), 1);
    tx.commit().await.unwrap();
}

async fn a_setting_is_the_last_value_put(world: World) {
    let store = world.open().await;
    assert_eq!(store.setting("node").await.unwrap(), None);
    for value in [json!(null), json!({ "a": [1, "\u{0}", 2.5] }), json!("x")] {
        let mut tx = store.begin(Priority::Interactive).await.unwrap();
        tx.setting_put("node", &value).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.setting("node").await.unwrap(), Some(value));
    }
}

async fn audit_entries_are_listed_newest_first_in_pages(world: World) {
    let store = world.open().await;
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    for number in 0..5 {
        let noted = NewAudit {
            at: at(number),
            who: "admin".into(),
            what: "plan.execute".into(),
            target: number.to_string(),
            outcome: "done".into(),
            detail: json!({ "n": number }),
        };
        tx.audit_add(&noted).await.unwrap();
    }
    tx.commit().await.unwrap();
    let first = store.audit_list(2, None).await.unwrap();
    let rest = store.audit_list(10, Some(first[1].id)).await.unwrap();
    let targets: Vec<_> = first.iter().chain(&rest).map(|entry| entry.noted.target.as_str()).collect();
    assert_eq!(targets, ["4", "3", "2", "1", "0"]);
    assert_eq!((rest[2].noted.at, &rest[2].noted.detail), (at(0), &json!({ "n": 0 })));
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
