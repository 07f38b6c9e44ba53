//! What the tests share: a place with a database, ids and projects made from small numbers.

use std::{path::PathBuf, sync::Arc, time::Duration};

use muster_model::{
    Clock, NodeId, RepoId, Timestamp, Unknown,
    project::{Project, ProjectKind},
    relation::Relation,
};
use muster_store::{NewChange, Priority, ProjectRecord, Seq, Store, StoreConfig, StoreError};
use muster_testkit::FixedClock;
use sqlx::Connection;
use tempfile::TempDir;

/// The time at which tests begin.
pub(crate) const NOON: &str = "2026-01-31T12:00:00Z";

/// Longer than anything in a test takes; never waited for in a test that passes.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// A data folder, a clock and the address of an empty database.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) clock: FixedClock,
    pub(crate) config: StoreConfig,
}

impl World {
    /// An empty folder; SQLite unless `url` says otherwise.
    pub(crate) fn new(url: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = StoreConfig::new(folder.path().join("data"));
        config.url = url;
        // Two connections: one writes and one reads, so that the suite says the same of both databases.
        config.max_connections = 2;
        config.acquire_timeout = LONG;
        Self { folder, clock: FixedClock::at(NOON), config }
    }

    pub(crate) async fn try_open(&self) -> Result<Store, StoreError> {
        Store::open(&self.config, Arc::new(self.clock.clone())).await
    }

    pub(crate) async fn open(&self) -> Store {
        self.try_open().await.unwrap()
    }

    pub(crate) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The file of the database, if it is SQLite in the data folder.
    pub(crate) fn file(&self) -> PathBuf {
        self.config.data_dir.join("muster.db")
    }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn node() -> NodeId {
    NodeId::new(at(0), [7; 10])
}

pub(crate) fn id(number: u16) -> RepoId {
    let mut chance = [0; 10];
    chance[8..].copy_from_slice(&number.to_be_bytes());
    RepoId::new(at(0), chance)
}

/// A project in `/code/NAME` of which little is known.
pub(crate) fn record(number: u16, name: &str) -> ProjectRecord {
    ProjectRecord {
        id: id(number),
        number: 0,
        node: node(),
        root: "/code".into(),
        updated_at: at(i64::from(number)),
        project: Project {
            name: name.into(),
            path: PathBuf::from("/code").join(name),
            kind: ProjectKind::Folder,
            relation: Relation::Unknown,
            error: None,
            warnings: Vec::new(),
            git: None,
            branches: None,
            remote: None,
            tracked: None,
            remote_moved: None,
            push_remote: None,
            fetched_at: None,
            deletable: None,
            worktrees: Vec::new(),
            submodules: Vec::new(),
            borrows_from: Vec::new(),
            analysis: None,
            meta: None,
            recommendations: Vec::new(),
            unknown: Unknown::new(),
            checked_at: at(0),
        },
    }
}

pub(crate) fn change(entity_id: &str) -> NewChange {
    NewChange { entity: "project".into(), entity_id: entity_id.into(), tags: Vec::new(), event: None }
}

/// Commits one change.
pub(crate) async fn touch(store: &Store, entity_id: &str) -> Seq {
    let mut tx = store.begin(Priority::Interactive).await.unwrap();
    tx.record(change(entity_id));
    tx.commit().await.unwrap().unwrap()
}

/// The entity ids of all changes, in order.
pub(crate) async fn changed(store: &Store) -> Vec<String> {
    let changes = store.changes_after(Seq::ZERO, 1_000_000).await.unwrap();
    changes.into_iter().map(|change| change.entity_id).collect()
}

/// Puts and commits.
pub(crate) async fn put(store: &Store, records: &[ProjectRecord]) {
    let mut tx = store.begin(Priority::Background).await.unwrap();
    tx.project_put(records).await.unwrap();
    tx.commit().await.unwrap();
}

/// A statement past the store, as another program would send it.
pub(crate) async fn raw(world: &World, sql: &'static str) {
    match &world.config.url {
        None => {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(world.file());
            let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
        Some(url) => {
            let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

/// Another program that holds what a write needs.
pub(crate) enum Holder {
    Sqlite(sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

impl Holder {
    pub(crate) async fn hold(world: &World) -> Self {
        match &world.config.url {
            None => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(world.file());
                let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
                sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
                Self::Sqlite(connection)
            }
            Some(url) => {
                let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
                sqlx::raw_sql("BEGIN; LOCK TABLE setting").execute(&mut connection).await.unwrap();
                Self::Postgres(connection)
            }
        }
    }

    pub(crate) async fn release(self) {
        match self {
            Self::Sqlite(mut connection) => {
                sqlx::raw_sql("ROLLBACK").execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
            Self::Postgres(mut connection) => {
                sqlx::raw_sql("ROLLBACK").execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }
}
