//! A SQLite database moved into PostgreSQL: every row of every table, numbers that go on, and what is refused.

use std::collections::BTreeMap;

use muster_store::{
    NewAudit, Priority, SCHEMA_VERSION, Seq, Store, StoreConfig, StoreError,
    admin::{self, CopiedTable},
    job::{JobSchedule, ScheduleTime},
};
use muster_testkit::Postgres;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};

use crate::{
    job_world::{all, enqueue, job},
    world::{World, at, changed, put, raw, record, touch},
};

/// More than are read at once, and no multiple of it.
const ROWS: i64 = 1_201;

fn target(world: &World, server: &Postgres) -> World {
    let mut target = World::new(Some(server.fresh_database()));
    target.clock = world.clock.clone();
    target
}

async fn sqlite(world: &World) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(world.file());
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// A column: its table, its name, whether it holds numbers, whether it may be empty.
type Column = (String, String, bool, bool);

async fn columns(connection: &mut SqliteConnection) -> BTreeMap<String, Vec<Column>> {
    let sql = "SELECT t.name, c.name, c.type = 'INTEGER', c.\"notnull\" = 0 AND c.pk = 0 \
               FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' \
               AND t.name NOT LIKE 'sqlite%' AND t.name NOT IN ('schema_version', 'counter')";
    let mut tables: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    let columns: Vec<Column> = sqlx::query_as(sql).fetch_all(connection).await.unwrap();
    for column in columns {
        tables.entry(column.0.clone()).or_default().push(column);
    }
    tables
}

/// Rows in every table there is, each value another, with all that a format of rows and columns could stumble over.
async fn fill(connection: &mut SqliteConnection, tables: &BTreeMap<String, Vec<Column>>) {
    for (table, columns) in tables {
        let value = |(_, _, is_number, may_be_empty): &Column| {
            let value = if *is_number {
                "i * 4611686018427387 - 9"
            } else {
                "i || char(9, 10, 13, 92) || '\\N \\. \"é🦀,''' || i"
            };
            if *may_be_empty { format!("iif(i % 3 = 0, NULL, {value})") } else { value.to_owned() }
        };
        let names: Vec<String> = columns.iter().map(|column| format!("\"{}\"", column.1)).collect();
        let values: Vec<String> = columns.iter().map(value).collect();
        let sql = format!(
            "DELETE FROM \"{table}\"; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) \
             INSERT INTO \"{table}\" ({}) SELECT {} FROM n",
            names.join(", "),
            values.join(", ")
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await.unwrap();
    }
}

fn select(table: &str, columns: &[Column]) -> AssertSqlSafe<String> {
    let columns: Vec<String> =
        columns.iter().map(|(_, name, ..)| format!("CAST(\"{name}\" AS TEXT)")).collect();
    AssertSqlSafe(format!("SELECT {} FROM \"{table}\"", columns.join(", ")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_of_every_table_arrives_as_it_was() {
    let (world, server) = (World::new(None), Postgres::start());
    let target = target(&world, &server);
    world.open().await.close().await;
    let mut source = sqlite(&world).await;
    let tables = columns(&mut source).await;
    assert!(tables.contains_key("revision") && tables.len() > 15, "{:?}", tables.keys());
    fill(&mut source, &tables).await;

    let copied = admin::copy(&world.config, &target.config).await.unwrap();
    let expected = tables.keys().map(|name| (name.clone(), ROWS.unsigned_abs()));
    let expected: BTreeMap<String, u64> = expected.chain([("counter".to_owned(), 3)]).collect();
    assert_eq!(
        copied.into_iter().map(|table| (table.name, table.rows)).collect::<BTreeMap<_, _>>(),
        expected
    );

    let mut there = PgConnection::connect(target.config.url.as_deref().unwrap()).await.unwrap();
    for (table, columns) in &tables {
        let cell = |row: &dyn Fn(usize) -> Option<String>| (0..columns.len()).map(row).collect::<Vec<_>>();
        let rows = sqlx::query(select(table, columns)).fetch_all(&mut source).await.unwrap();
        let mut was: Vec<_> = rows.iter().map(|row| cell(&|place| row.get(place))).collect();
        let rows = sqlx::query(select(table, columns)).fetch_all(&mut there).await.unwrap();
        let mut is: Vec<_> = rows.iter().map(|row| cell(&|place| row.get(place))).collect();
        was.sort();
        is.sort();
        assert!(was == is, "{table}: {:?}", was.iter().zip(&is).find(|(was, is)| was != is));
    }
}

async fn audit(store: &Store, target: &str) {
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    let entry = NewAudit {
        at: at(0),
        who: "ada".into(),
        what: "test".into(),
        target: target.into(),
        outcome: "done".into(),
        detail: json!({}),
    };
    tx.audit_add(&entry).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_moved_is_gone_on_with() {
    let (world, server) = (World::new(None), Postgres::start());
    let target = target(&world, &server);
    let before = world.open().await;
    put(&before, &[record(1, "api"), record(2, "web"), record(3, "old")]).await;
    let mut tx = before.begin(Priority::Interactive).await.unwrap();
    tx.project_remove(&[crate::world::id(3)]).await.unwrap();
    let schedule = JobSchedule::new("poll", "test", "work", json!({}), ScheduleTime::At(at(9_000_000)));
    tx.job_schedule_put(std::slice::from_ref(&schedule)).await.unwrap();
    tx.setting_put("seen", &json!("tab\t and \\ and \u{0} and\nline")).await.unwrap();
    tx.commit().await.unwrap();
    enqueue(&before, &[job(1), job(2)]).await;
    audit(&before, "one").await;
    let head = touch(&before, "last").await;
    let (jobs, changes) = (all(&before).await, changed(&before).await);
    before.close().await;

    admin::copy(&world.config, &target.config).await.unwrap();

    let after = target.open().await;
    assert_eq!((all(&after).await, changed(&after).await), (jobs, changes));
    assert_eq!(after.job_schedules(None, 10).await.unwrap()[0].schedule, schedule);
    let seen = after.setting("seen").await.unwrap();
    assert_eq!(seen, Some(json!("tab\t and \\ and \u{0} and\nline")));
    // Numbers go on behind the largest that was given out, of what is gone too.
    assert_eq!(touch(&after, "next").await, Seq::new(head.number() + 1));
    put(&after, &[record(4, "new")]).await;
    let records = after.project_load(&[1, 2, 4].map(crate::world::id)).await.unwrap().records;
    let mut numbers: Vec<_> =
        records.iter().map(|record| (record.project.name.as_str(), record.number)).collect();
    numbers.sort_by_key(|(_, number)| *number);
    assert_eq!(numbers, [("api", 1), ("web", 2), ("new", 4)]);
    audit(&after, "two").await;
    let mut connection = PgConnection::connect(target.config.url.as_deref().unwrap()).await.unwrap();
    let audited: Vec<(i64, String)> =
        sqlx::query_as("SELECT id, target FROM audit ORDER BY id").fetch_all(&mut connection).await.unwrap();
    assert_eq!(audited, [(1, "one".to_owned()), (2, "two".to_owned())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_mixed_lost_or_half_done() {
    let (world, server) = (World::new(None), Postgres::start());
    let target = target(&world, &server);
    let refused = async |from: &StoreConfig, to: &StoreConfig| admin::copy(from, to).await.unwrap_err();
    // Nothing to copy.
    let error = refused(&world.config, &target.config).await;
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(admin::status(&target.config).await.unwrap().found.is_none(), "nothing was made");
    // While it is served.
    let store = world.open().await;
    touch(&store, "a").await;
    let error = refused(&world.config, &target.config).await;
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    store.close().await;
    // The wrong way round, and to a place of the same kind.
    for (from, to) in [(&target.config, &world.config), (&world.config, &world.config)] {
        let error = refused(from, to).await;
        assert!(matches!(error, StoreError::InvalidUrl { .. }), "{error}");
    }
    // Another schema.
    raw(&world, "UPDATE schema_version SET version = version - 1").await;
    let error = refused(&world.config, &target.config).await;
    assert!(matches!(error, StoreError::Outdated { known: SCHEMA_VERSION, .. }), "{error}");
    raw(&world, "UPDATE schema_version SET version = version + 1").await;
    // A value that PostgreSQL cannot keep: it is named, what was copied before it is taken back, and once it is mended as
    // the error says, all goes well.
    raw(&world, "INSERT INTO setting VALUES ('good', 'a'), ('bad', 'a' || char(0) || 'b')").await;
    let error = refused(&world.config, &target.config).await;
    let StoreError::Nul { table, column, row, .. } = &error else { panic!("{error}") };
    assert_eq!((table.as_str(), column.as_str(), *row), ("setting", "value", 2));
    let said = error.to_string();
    let mend = said.split_once('"').and_then(|(_, rest)| rest.rsplit_once('"')).expect("a statement").0;
    let mut source = sqlite(&world).await;
    sqlx::raw_sql(AssertSqlSafe(mend.to_owned())).execute(&mut source).await.unwrap();
    let mended: Vec<String> =
        sqlx::query_scalar("SELECT value FROM setting").fetch_all(&mut source).await.unwrap();
    assert_eq!(mended, ["a", "a"]);
    source.close().await.unwrap();
    let copied = admin::copy(&world.config, &target.config).await.unwrap();
    assert!(copied.contains(&CopiedTable { name: "change".into(), rows: 1 }), "{copied:?}");
    // Once more, over what is there now.
    let error = refused(&world.config, &target.config).await;
    assert!(matches!(&error, StoreError::NotEmpty { .. }), "{error}");
    assert_eq!(changed(&target.open().await).await, ["a"]);
}

/// The most memory that this process ever held, in MiB.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_values_pass_without_being_held_all_at_once() {
    let (world, server) = (World::new(None), Postgres::start());
    let target = target(&world, &server);
    world.open().await.close().await;
    raw(
        &world,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) \
         INSERT INTO setting SELECT i, replace(hex(zeroblob(524288)), '00', char(10) || 'x') FROM n",
    )
    .await;
    let before = most_memory();
    let copied = admin::copy(&world.config, &target.config).await.unwrap();
    let more = most_memory() - before;
    assert!(copied.contains(&CopiedTable { name: "setting".into(), rows: 100 }), "{copied:?}");
    assert!(more < 48, "100 values of 1 MiB took {more} MiB");
    let mut there = PgConnection::connect(target.config.url.as_deref().unwrap()).await.unwrap();
    let sizes: Vec<i32> = sqlx::query_scalar("SELECT DISTINCT octet_length(value) FROM setting")
        .fetch_all(&mut there)
        .await
        .unwrap();
    assert_eq!(sizes, [1_048_576]);
}
