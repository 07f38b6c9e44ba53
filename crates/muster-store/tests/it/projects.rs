//! Projects: kept whole, found without their documents, numbered once. On both databases.

use std::{collections::HashSet, ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

use muster_model::{RemoteUrl, RepoError, error::ErrorCode, unknown::UnknownReason};
use muster_store::{Priority, ProjectRecord, Seq, StoreError};

use crate::world::{World, at, change, changed, id, node, put, raw, record};

suite! {
    a_batch_larger_than_one_statement_is_put_and_loaded_whole,
    a_document_of_another_time_is_named_and_spares_the_rest,
    a_name_on_the_disk_belongs_to_one_project,
    many_ids_are_loaded_by_one_statement,
    projects_come_back_as_they_were,
    removed_projects_are_gone,
    the_index_reads_no_document_and_is_ordered_by_path,
    what_is_put_again_keeps_id_and_number,
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
