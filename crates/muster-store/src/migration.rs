//! The schema: its version, and the way from an older one to this. Forward only, in one transaction, safe to start
//! twice at once: on SQLite the folder's lock stands before it, on PostgreSQL a lock in the server.
//!
//! Table `schema_version` has one row: the version, and the oldest version whose muster may still run on it. A
//! migration that only adds (tables, columns that may be empty) keeps `oldest_reader`; one that changes what is there
//! raises it to itself. So the muster before an update goes on while the nodes are updated one by one.

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Row, SqliteConnection, SqlitePool};

use crate::{
    config::{DatabaseKind, Migrate, StoreConfig},
    error::StoreError,
    folder::{beside, private_file, rename_over},
};

/// A step from the schema before it.
pub(crate) struct Migration {
    pub(crate) version: i64,
    /// The oldest schema whose muster can still read and write after this step.
    pub(crate) oldest_reader: i64,
    /// As `migrations/0001.sql` explains.
    pub(crate) sql: &'static str,
}

/// In order; versions count from 1.
pub(crate) const MIGRATIONS: [Migration; 8] = [
    Migration { version: 1, oldest_reader: 1, sql: include_str!("../migrations/0001.sql") },
    Migration { version: 2, oldest_reader: 1, sql: include_str!("../migrations/0002.sql") },
    Migration { version: 3, oldest_reader: 1, sql: include_str!("../migrations/0003.sql") },
    Migration { version: 4, oldest_reader: 1, sql: include_str!("../migrations/0004.sql") },
    Migration { version: 5, oldest_reader: 1, sql: include_str!("../migrations/0005.sql") },
    Migration { version: 6, oldest_reader: 1, sql: include_str!("../migrations/0006.sql") },
    Migration { version: 7, oldest_reader: 1, sql: include_str!("../migrations/0007.sql") },
    // Who does not know of days writes commits that no day counts.
    Migration { version: 8, oldest_reader: 8, sql: include_str!("../migrations/0008.sql") },
];

/// The schema that this muster makes and needs.
pub const SCHEMA_VERSION: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// What a database says of its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) version: i64,
    pub(crate) oldest_reader: i64,
}

/// Any number will do, if it is always the same: it names the lock on a PostgreSQL server.
const MIGRATION_LOCK: i64 = 0x006d_7573_7465_7201;

const READ: &str = "SELECT version, oldest_reader FROM schema_version";

pub(crate) async fn sqlite_migrate(
    pool: &SqlitePool,
    file: &Path,
    migrate: Migrate,
    migrations: &[Migration],
) -> Result<(), StoreError> {
    let place = file.display().to_string();
    let fail = |error| StoreError::from_sqlx(error, &place, std::time::Duration::ZERO);
    let mut connection = pool.acquire().await.map_err(fail)?;
    let found = sqlite_found(&mut connection, &place).await?;
    if !is_needed(found, migrate, migrations, &place)? {
        return Ok(());
    }
    if let Some(found) = found {
        let copy = beside(file, &format!(".before-{}", newest(migrations)));
        sqlite_copy(&mut connection, &place, &beside(&copy, ".part")).await?;
        rename_over(&beside(&copy, ".part"), &copy)?;
        tracing::info!(schema.found = found.version, copy.path = %copy.display(), "copied before the update");
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(fail)?;
    for sql in steps(DatabaseKind::Sqlite, found, migrations) {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *transaction).await.map_err(fail)?;
    }
    transaction.commit().await.map_err(fail)?;
    told(found, migrations, &place);
    Ok(())
}

pub(crate) async fn postgres_migrate(
    pool: &PgPool,
    place: &str,
    config: &StoreConfig,
    migrations: &[Migration],
) -> Result<(), StoreError> {
    let fail = |error| StoreError::from_sqlx(error, place, config.statement_timeout);
    let mut connection = pool.acquire().await.map_err(fail)?;
    let found = postgres_found(&mut connection).await.map_err(fail)?;
    if !is_needed(found, config.migrate, migrations, place)? {
        return Ok(());
    }
    let mut transaction = connection.begin().await.map_err(fail)?;
    // Another node may be at it for long; both limits hold again after this transaction.
    let wait = format!(
        "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
         SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"
    );
    sqlx::raw_sql(AssertSqlSafe(wait)).execute(&mut *transaction).await.map_err(fail)?;
    let found = postgres_found(&mut transaction).await.map_err(fail)?;
    if !is_needed(found, config.migrate, migrations, place)? {
        return Ok(());
    }
    for sql in steps(DatabaseKind::Postgres, found, migrations) {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *transaction).await.map_err(fail)?;
    }
    transaction.commit().await.map_err(fail)?;
    told(found, migrations, place);
    Ok(())
}

/// What the file says of its schema; `None` if it is empty. [`StoreError::Corrupt`] if it is another program's.
pub(crate) async fn sqlite_found(
    connection: &mut SqliteConnection,
    place: &str,
) -> Result<Option<Found>, StoreError> {
    let fail = |error| StoreError::from_sqlx(error, place, std::time::Duration::ZERO);
    let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
        .fetch_all(&mut *connection)
        .await
        .map_err(fail)?;
    if tables.is_empty() {
        return Ok(None);
    }
    if !tables.iter().any(|name| name == "schema_version") {
        let reason = "its tables are those of another program".into();
        return Err(StoreError::Corrupt { place: place.to_owned(), reason });
    }
    let row = sqlx::query(READ).fetch_one(connection).await.map_err(fail)?;
    let read = || Ok(Found { version: row.try_get(0)?, oldest_reader: row.try_get(1)? });
    read().map(Some).map_err(fail)
}

/// What the server says of its schema; `None` if there is none.
pub(crate) async fn postgres_found(connection: &mut PgConnection) -> Result<Option<Found>, sqlx::Error> {
    // By a query on the catalogue: `to_regclass` answers from a cache that may not have heard of another node's commit.
    let query = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_tables \
                 WHERE schemaname = current_schema() AND tablename = 'schema_version')";
    let is_there: bool = sqlx::query_scalar(query).fetch_one(&mut *connection).await?;
    if !is_there {
        return Ok(None);
    }
    let row = sqlx::query(READ).fetch_one(connection).await?;
    Ok(Some(Found { version: row.try_get(0)?, oldest_reader: row.try_get(1)? }))
}

/// Writes a consistent copy of the whole database into the file `to`, mode 0600, and waits until it is on disk. What
/// stood in `to` from an earlier attempt is thrown away.
pub(crate) async fn sqlite_copy(
    connection: &mut SqliteConnection,
    place: &str,
    to: &Path,
) -> Result<(), StoreError> {
    let to_place = to.display().to_string();
    let Some(text) = to.to_str() else {
        let source = "the path of a copy must be UTF-8".into();
        return Err(StoreError::Other { place: to_place, source });
    };
    let empty = private_file(to)?;
    empty.set_len(0).map_err(|error| StoreError::from_io(error, &to_place))?;
    let done = sqlx::query("VACUUM INTO $1").bind(text).execute(connection).await;
    if let Err(error) = done {
        // What is half written must not be taken for a copy. If it stays, its name says that it is a part.
        drop(std::fs::remove_file(to));
        return Err(match StoreError::from_sqlx(error, place, std::time::Duration::ZERO) {
            StoreError::Full { .. } => StoreError::Full { place: to_place },
            StoreError::ReadOnly { .. } => StoreError::ReadOnly { place: to_place },
            other => other,
        });
    }
    empty.sync_all().map_err(|error| StoreError::from_io(error, &to_place))
}

/// May this muster run, and must it migrate first?
pub(crate) fn is_needed(
    found: Option<Found>,
    migrate: Migrate,
    migrations: &[Migration],
    place: &str,
) -> Result<bool, StoreError> {
    let known = newest(migrations);
    let place = || place.to_owned();
    match found {
        Some(found) if found.version > known && found.oldest_reader > known => {
            Err(StoreError::Newer { place: place(), found: found.version, known })
        }
        Some(found) if found.version >= known => Ok(false),
        older => match migrate {
            Migrate::Automatically => Ok(true),
            Migrate::Refuse => {
                let found = older.map_or(0, |found| found.version);
                Err(StoreError::Outdated { place: place(), found, known })
            }
        },
    }
}

fn newest(migrations: &[Migration]) -> i64 {
    migrations.last().map_or(0, |migration| migration.version)
}

/// What is to be run, in order, the note of the new version last.
fn steps(kind: DatabaseKind, found: Option<Found>, migrations: &[Migration]) -> Vec<String> {
    let version = found.map_or(0, |found| found.version);
    let mut steps = Vec::new();
    if found.is_none() {
        let table = "CREATE TABLE schema_version (version INTEGER NOT NULL, oldest_reader INTEGER NOT NULL)";
        steps.push(in_dialect(kind, table));
    }
    let pending = migrations.iter().filter(|migration| migration.version > version);
    steps.extend(pending.map(|migration| in_dialect(kind, migration.sql)));
    if let Some(last) = migrations.last() {
        let (version, oldest) = (last.version, last.oldest_reader);
        steps.push(format!(
            "DELETE FROM schema_version; INSERT INTO schema_version VALUES ({version}, {oldest})"
        ));
    }
    steps
}

fn in_dialect(kind: DatabaseKind, sql: &str) -> String {
    match kind {
        DatabaseKind::Sqlite => {
            sql.replace("-- sqlite:", "").replace(" SERIAL", " INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT")
        }
        DatabaseKind::Postgres => sql
            .replace("-- postgres:", "")
            .replace(" INTEGER", " BIGINT")
            .replace(" TEXT", " TEXT COLLATE \"C\"")
            .replace(" SERIAL", " BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"),
    }
}

fn told(found: Option<Found>, migrations: &[Migration], place: &str) {
    let version = newest(migrations);
    match found {
        Some(found) => tracing::info!(
            store.place = place,
            schema.found = found.version,
            schema.version = version,
            "the schema was brought up to date"
        ),
        None => tracing::debug!(store.place = place, schema.version = version, "the schema was made"),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqlitePoolOptions;

    use super::*;
    use crate::sqlite;

    const NEXT: i64 = SCHEMA_VERSION + 1;
    const ADDS: Migration =
        Migration { version: NEXT, oldest_reader: 1, sql: "ALTER TABLE setting ADD COLUMN more TEXT" };
    const FAILS: Migration = Migration {
        version: NEXT + 1,
        oldest_reader: NEXT + 1,
        sql: "CREATE TABLE half (a INTEGER); DROP TABLE missing",
    };

    fn with(more: impl IntoIterator<Item = Migration>) -> Vec<Migration> {
        MIGRATIONS.into_iter().chain(more).collect()
    }

    async fn pool(file: &Path) -> SqlitePool {
        drop(private_file(file).unwrap());
        SqlitePoolOptions::new().max_connections(1).connect_with(sqlite::writer_options(file)).await.unwrap()
    }

    async fn settings(file: &Path) -> i64 {
        let mut connection = SqliteConnection::connect_with(&sqlite::options(file)).await.unwrap();
        sqlx::query_scalar("SELECT count(*) FROM setting").fetch_one(&mut connection).await.unwrap()
    }

    #[tokio::test]
    async fn a_file_that_holds_data_is_copied_before_it_is_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("muster.db");
        let pool = pool(&file).await;
        sqlite_migrate(&pool, &file, Migrate::Automatically, &MIGRATIONS).await.unwrap();
        let first_copy = beside(&file, &format!(".before-{SCHEMA_VERSION}"));
        assert!(!first_copy.exists(), "there was nothing to copy");
        sqlx::query("INSERT INTO setting VALUES ('a', '1')").execute(&pool).await.unwrap();

        sqlite_migrate(&pool, &file, Migrate::Automatically, &with([ADDS])).await.unwrap();
        let mut connection = pool.acquire().await.unwrap();
        let found = sqlite_found(&mut connection, "here").await.unwrap();
        assert_eq!(found, Some(Found { version: NEXT, oldest_reader: 1 }));
        assert_eq!(settings(&beside(&file, &format!(".before-{NEXT}"))).await, 1);
        // The muster of before goes on with it.
        assert!(!is_needed(found, Migrate::Refuse, &MIGRATIONS, "here").unwrap());
    }

    #[tokio::test]
    async fn a_migration_that_fails_leaves_the_schema_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("muster.db");
        let pool = pool(&file).await;
        sqlite_migrate(&pool, &file, Migrate::Automatically, &MIGRATIONS).await.unwrap();
        for _ in 0..2 {
            let failed = sqlite_migrate(&pool, &file, Migrate::Automatically, &with([ADDS, FAILS])).await;
            assert!(failed.unwrap_err().to_string().contains("missing"));
            let mut connection = pool.acquire().await.unwrap();
            let found = sqlite_found(&mut connection, "here").await.unwrap();
            let oldest_reader = MIGRATIONS[MIGRATIONS.len() - 1].oldest_reader;
            assert_eq!(found, Some(Found { version: SCHEMA_VERSION, oldest_reader }));
            let half = sqlx::query("SELECT 1 FROM half").execute(&mut *connection).await;
            assert!(half.is_err() && beside(&file, &format!(".before-{}", NEXT + 1)).exists());
        }
    }
}
