//! PostgreSQL: how a server is reached and how its connections are looked after. The password stays in the options.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use log::LevelFilter;
use sea_orm::SqlxPostgresConnector;
use sqlx::{
    ConnectOptions, Connection,
    postgres::{PgConnectOptions, PgConnection, PgPoolOptions},
};
use tokio::time::timeout;

use crate::{
    config::StoreConfig,
    error::StoreError,
    migration::{self, MIGRATIONS},
    opened::Opened,
};

/// How long a first connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements slower than this are written to the log.
const SLOW: Duration = Duration::from_millis(500);

pub(crate) async fn open(
    config: &StoreConfig,
    options: &PgConnectOptions,
    place: &str,
) -> Result<Opened, StoreError> {
    // A pool tries again until its time is over and then says only that it is: ask once ourselves, to hear why.
    try_connect(options, place).await?;
    let millis = config.statement_timeout.as_millis().to_string();
    let options = options
        .clone()
        .application_name("muster")
        // A transaction that its process forgot holds locks: the server ends it after the same time.
        .options([
            ("statement_timeout", millis.as_str()),
            ("idle_in_transaction_session_timeout", millis.as_str()),
        ])
        .log_statements(LevelFilter::Trace)
        .log_slow_statements(LevelFilter::Debug, SLOW);
    let max_connections = config.max_connections.max(1);
    let pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(config.acquire_timeout)
        .acquire_time_level(LevelFilter::Trace)
        .acquire_slow_level(LevelFilter::Debug)
        .idle_timeout(config.idle_timeout)
        .max_lifetime(config.max_lifetime)
        // Stale ones are found by a ping before they are given out (the pool's default), and replaced.
        .test_before_acquire(true)
        .after_connect({
            let opened = Arc::new(AtomicU64::new(0));
            move |_, _| {
                let number = opened.fetch_add(1, Relaxed) + 1;
                tracing::debug!(pool.opened = number, "a connection to the database was opened");
                Box::pin(async { Ok(()) })
            }
        })
        .connect_with(options)
        .await
        .map_err(|error| StoreError::from_sqlx(error, place, config.statement_timeout))?;
    tracing::debug!(
        pool.max_connections = max_connections,
        pool.idle_s = config.idle_timeout.as_secs(),
        pool.lifetime_s = config.max_lifetime.as_secs(),
        "the pool of connections is open"
    );
    if let Err(error) = migration::postgres_migrate(&pool, place, config, &MIGRATIONS).await {
        pool.close().await;
        return Err(error);
    }
    let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    // One connection stays for reading, so that writers cannot keep a readiness check waiting.
    let writers = (max_connections - 1).max(1);
    Ok(Opened { reader: connection.clone(), writer: connection, writers, locks: Vec::new() })
}

/// Makes a connection and lets it go: the reason why that fails.
pub(crate) async fn try_connect(options: &PgConnectOptions, place: &str) -> Result<(), StoreError> {
    let options = options.clone().disable_statement_logging();
    match timeout(CONNECT_TIMEOUT, PgConnection::connect_with(&options)).await {
        Ok(Ok(connection)) => {
            // It was there: how it takes leave does not matter.
            drop(connection.close().await);
            Ok(())
        }
        Ok(Err(error)) => Err(StoreError::from_sqlx(error, place, CONNECT_TIMEOUT)),
        Err(_) => {
            let reason = format!("no answer within {} s", CONNECT_TIMEOUT.as_secs());
            Err(StoreError::Unreachable { place: place.to_owned(), reason })
        }
    }
}
