//! SQLite: how its file is opened. One connection writes, others read and may not write, and one process at a time
//! holds the folder.
//!
//! Write-ahead log, so that readers and the writer do not wait for one another. `synchronous = FULL`: with NORMAL a
//! power failure can take back commits that were acknowledged, and an accepted job must not be lost; the price is one
//! fsync per commit, of which the one writer makes few.

use std::{path::Path, time::Duration};

use log::LevelFilter;
use sea_orm::{DatabaseConnection, SqlxSqliteConnector};
use sqlx::{
    ConnectOptions, Connection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    config::{StoreConfig, folder_of},
    error::StoreError,
    folder::{FolderLock, folder_create, private_file},
    migration::{self, MIGRATIONS},
    opened::Opened,
};

/// How long to wait for another process that holds the file: a backup, a person with the sqlite3 program.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements slower than this are written to the log.
const SLOW: Duration = Duration::from_millis(100);

/// The log file is cut back to this size when it was emptied, in bytes.
const LOG_LIMIT: &str = "67108864";

pub(crate) async fn open(config: &StoreConfig, file: &Path) -> Result<Opened, StoreError> {
    let place = file.display().to_string();
    let locks = lock(config, file)?;
    drop(private_file(file)?);
    let writer = connect_writer(config, file).await?;
    if let Err(error) = migration::sqlite_migrate(&writer, file, config.migrate, &MIGRATIONS).await {
        writer.close().await;
        return Err(error);
    }
    let readers = SqlitePoolOptions::new()
        .max_connections(config.max_connections.max(1))
        .acquire_timeout(config.acquire_timeout)
        .acquire_time_level(LevelFilter::Trace)
        .acquire_slow_level(LevelFilter::Debug)
        .connect_with(options(file).pragma("query_only", "ON"))
        .await
        .map_err(|error| StoreError::from_sqlx(error, &place, config.statement_timeout))?;
    Ok(Opened { reader: connection(readers), writer: connection(writer), writers: 1, locks })
}

/// Makes the folders and takes the locks: that of the data folder, and that of the file if it lies elsewhere.
pub(crate) fn lock(config: &StoreConfig, file: &Path) -> Result<Vec<FolderLock>, StoreError> {
    folder_create(&config.data_dir)?;
    let of_folder = config.data_dir.join("muster.lock");
    let of_file = file.with_extension("lock");
    let mut locks = vec![FolderLock::take(of_folder.clone())?];
    if of_file != of_folder {
        folder_create(folder_of(file))?;
        // A file in the data folder under another spelling of its path is held already.
        let is_same = match (of_file.metadata(), of_folder.metadata()) {
            (Ok(one), Ok(other)) => {
                use std::os::unix::fs::MetadataExt;
                (one.dev(), one.ino()) == (other.dev(), other.ino())
            }
            _ => false,
        };
        if !is_same {
            locks.push(FolderLock::take(of_file)?);
        }
    }
    Ok(locks)
}

async fn connect_writer(config: &StoreConfig, file: &Path) -> Result<SqlitePool, StoreError> {
    let place = file.display().to_string();
    SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(config.acquire_timeout)
        .acquire_time_level(LevelFilter::Trace)
        .acquire_slow_level(LevelFilter::Debug)
        .idle_timeout(None)
        .max_lifetime(None)
        // SQLite undoes a transaction by itself when the disk is full. The driver then believes that one is open, and
        // would nest the next one in it: such a connection is thrown away.
        .after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
        .connect_with(writer_options(file))
        .await
        .map_err(|error| StoreError::from_sqlx(error, &place, config.statement_timeout))
}

/// Options of a connection that writes.
pub(crate) fn writer_options(file: &Path) -> SqliteConnectOptions {
    options(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", LOG_LIMIT)
}

/// Options of any connection to a file that exists.
pub(crate) fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .log_statements(LevelFilter::Trace)
        .log_slow_statements(LevelFilter::Debug, SLOW)
}

pub(crate) fn connection(pool: SqlitePool) -> DatabaseConnection {
    SqlxSqliteConnector::from_sqlx_sqlite_pool(pool)
}
