//! The open store: its connections, its gate, and what it announces. The subjects (projects, changes, settings, …) add
//! their readings in their own files; here is what they share.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use muster_model::Clock;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use tokio::{sync::watch, time::timeout};

use crate::{
    config::{DatabaseKind, StoreConfig, Target},
    error::StoreError,
    folder::FolderLock,
    gate::Gate,
    postgres,
    sequence::{self, Seq},
    sqlite,
    stats::{Counters, StoreStats},
    wake::Wake,
};

/// The store. A cheap handle: clones share connections, and the data folder is let go when the last one goes.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) target: Target,
    pub(crate) place: String,
    pub(crate) reader: DatabaseConnection,
    pub(crate) writer: DatabaseConnection,
    pub(crate) gate: Gate,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) announced: watch::Sender<Seq>,
    pub(crate) woken: watch::Sender<Wake>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) statement_timeout: Duration,
    pub(crate) acquire_timeout: Duration,
    locks: Mutex<Vec<FolderLock>>,
}

impl Store {
    /// Opens the database, brings its schema up to date if it may, and is then ready for use.
    pub async fn open(config: &StoreConfig, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let target = config.target()?;
        let place = target.place();
        let mut opened = match &target {
            Target::Sqlite(file) => sqlite::open(config, file).await?,
            Target::Postgres(options) => postgres::open(config, options, &place).await?,
        };
        let counters = Arc::new(Counters::default());
        for connection in [&mut opened.reader, &mut opened.writer] {
            let counters = Arc::clone(&counters);
            connection.set_metric_callback(move |_| {
                counters.statements.fetch_add(1, Relaxed);
            });
        }
        let head = sequence::head(&opened.reader).await;
        let head = head.map_err(|error| StoreError::from_db(error, &place, config.statement_timeout))?;
        let kind = target.kind().as_str();
        tracing::debug!(store.kind = kind, store.place = %place, change.head = %head, "the store is open");
        let inner = Inner {
            target,
            place,
            reader: opened.reader,
            writer: opened.writer,
            gate: Gate::new(opened.writers),
            clock,
            announced: watch::Sender::new(head),
            woken: watch::Sender::new(Wake::default()),
            counters,
            statement_timeout: config.statement_timeout,
            acquire_timeout: config.acquire_timeout,
            locks: Mutex::new(opened.locks),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Closes all connections, of clones too, once their statements are done, and lets the data folder go.
    pub async fn close(self) {
        for connection in [&self.inner.writer, &self.inner.reader] {
            if let Err(error) = connection.close_by_ref().await {
                tracing::debug!(store.place = %self.inner.place, %error, "a connection did not close in order");
            }
        }
        self.inner.locks.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// One round trip to the database.
    pub async fn is_ready(&self) -> Result<(), StoreError> {
        self.read(async { self.reader().execute_unprepared("SELECT 1").await.map(drop) }).await
    }

    /// Which database it is.
    pub fn kind(&self) -> DatabaseKind {
        self.inner.target.kind()
    }

    /// Its numbers at this moment.
    pub fn stats(&self) -> StoreStats {
        let inner = &self.inner;
        let (connections, connections_idle) = match inner.target.kind() {
            DatabaseKind::Sqlite => {
                let pools =
                    [&inner.reader, &inner.writer].map(DatabaseConnection::get_sqlite_connection_pool);
                (pools.iter().map(|pool| pool.size()).sum(), pools.iter().map(|pool| pool.num_idle()).sum())
            }
            DatabaseKind::Postgres => {
                let pool = inner.reader.get_postgres_connection_pool();
                (pool.size(), pool.num_idle())
            }
        };
        let waiting = inner.gate.waiting();
        let mut stats = StoreStats { connections, connections_idle, waiting, ..StoreStats::default() };
        inner.counters.fill(&mut stats);
        stats
    }

    /// The last change that this process committed. Changes of other nodes are found by reading the sequence.
    pub fn announced(&self) -> watch::Receiver<Seq> {
        self.inner.announced.subscribe()
    }

    pub(crate) fn reader(&self) -> &DatabaseConnection {
        &self.inner.reader
    }

    /// Runs a reading within its time, and says in our words why it failed.
    pub(crate) async fn read<T>(
        &self,
        reading: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, StoreError> {
        let inner = &self.inner;
        match timeout(inner.acquire_timeout + inner.statement_timeout, reading).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.explain(error).await),
            Err(_) => Err(StoreError::Timeout { place: inner.place.clone(), after: inner.statement_timeout }),
        }
    }

    /// A pool that gave nobody a connection is either in full use or has lost its server: ask the server.
    pub(crate) async fn explain(&self, error: DbErr) -> StoreError {
        let inner = &self.inner;
        let error = StoreError::from_db(error, &inner.place, inner.statement_timeout);
        match (&error, &inner.target) {
            (StoreError::Busy { .. }, Target::Postgres(options)) => {
                match postgres::try_connect(options, &inner.place).await {
                    Ok(()) => error,
                    Err(cause) => cause,
                }
            }
            _ => error,
        }
    }
}
