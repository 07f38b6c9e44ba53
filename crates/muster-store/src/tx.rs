//! A write transaction: opaque above this crate, so that what belongs together is written together without anyone
//! there knowing SQL. Dropping it, also by cancelling the task in the middle of a statement, undoes everything and
//! lets the next one in.

use std::time::{Duration, Instant};

use muster_model::Clock;
use sea_orm::{DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait};

use tokio::time::timeout;

use crate::{
    config::DatabaseKind,
    error::StoreError,
    gate::{Pass, Priority},
    sequence::{self, NewChange, Seq},
    store::Store,
    wake::Wakes,
};

/// A transaction longer than this keeps others waiting: it is written to the log.
const LONG: Duration = Duration::from_millis(20);

/// An open transaction. Nothing of it is seen by others before [`Tx::commit`].
pub struct Tx {
    // In the order in which they must go: first the transaction (which undoes what was not committed), then the pass.
    transaction: DatabaseTransaction,
    begun: Begun,
    changes: Vec<NewChange>,
    wakes: Wakes,
    _pass: Pass,
}

/// Measures the transaction, however it ends.
struct Begun {
    store: Store,
    at: Instant,
}

impl Store {
    /// Begins a transaction. On SQLite one runs at a time; on both, interactive ones are let in before background ones.
    /// Waits as long as the configuration allows, then [`StoreError::Busy`].
    pub async fn begin(&self, priority: Priority) -> Result<Tx, StoreError> {
        let inner = &self.inner;
        let asked = Instant::now();
        let Ok(pass) = timeout(inner.acquire_timeout, inner.gate.pass(priority)).await else {
            let reason = format!("other writes took more than {} s", inner.acquire_timeout.as_secs_f64());
            return Err(StoreError::Busy { place: inner.place.clone(), reason });
        };
        let waited = asked.elapsed();
        match Tx::begin(self.clone(), pass, waited).await {
            Ok(tx) => Ok(tx),
            Err(error) => Err(self.explain(error).await),
        }
    }
}

impl Tx {
    async fn begin(store: Store, pass: Pass, waited: Duration) -> Result<Self, DbErr> {
        // Immediate, because a transaction that reads first and then wants to write can be refused by SQLite.
        let sqlite_transaction_mode = match store.kind() {
            DatabaseKind::Sqlite => Some(SqliteTransactionMode::Immediate),
            DatabaseKind::Postgres => None,
        };
        let options = TransactionOptions { sqlite_transaction_mode, ..TransactionOptions::default() };
        let transaction = store.inner.writer.begin_with_options(options).await?;
        store.inner.counters.begun(pass.has_waited.then_some(waited));
        let begun = Begun { store, at: Instant::now() };
        Ok(Self { transaction, begun, changes: Vec::new(), wakes: Wakes::default(), _pass: pass })
    }

    /// Says what this transaction touches. Written when it commits, and never seen if it does not.
    pub fn record(&mut self, change: NewChange) {
        self.changes.push(change);
    }

    /// Makes all of it last, numbers the recorded changes, and announces the last of them. On an error nothing is
    /// stored, except that a connection lost at that very moment leaves it open.
    pub async fn commit(self) -> Result<Option<Seq>, StoreError> {
        let inner = &self.begun.store.inner;
        let last = match self.changes.as_slice() {
            [] => None,
            changes => {
                let written = sequence::write(&self.transaction, changes, inner.clock.now()).await;
                Some(written.map_err(|error| self.fail(error))?)
            }
        };
        let announced = self.wakes.announce(&self.transaction, self.kind()).await;
        announced.map_err(|error| self.fail(error))?;
        let committed = self.transaction.commit().await;
        committed.map_err(|error| StoreError::from_db(error, &inner.place, inner.statement_timeout))?;
        self.wakes.wake(&inner.woken);
        if let Some(last) = last {
            // Two commits may arrive here in the other order: what was announced never goes back.
            inner.announced.send_if_modified(|announced| {
                let is_later = last > *announced;
                *announced = last.max(*announced);
                is_later
            });
        }
        Ok(last)
    }

    /// Runners that wait for work of this queue look for it once this is committed.
    pub(crate) fn wake_queue(&mut self, queue: &str) {
        self.wakes.queue(queue);
    }

    /// Runners look at once whether something of theirs is to be cancelled.
    pub(crate) fn wake_cancel(&mut self) {
        self.wakes.cancel();
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.begun.store.inner.clock.as_ref()
    }

    pub(crate) fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    pub(crate) fn kind(&self) -> DatabaseKind {
        self.begun.store.kind()
    }

    pub(crate) fn fail(&self, error: DbErr) -> StoreError {
        let inner = &self.begun.store.inner;
        StoreError::from_db(error, &inner.place, inner.statement_timeout)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let lasted = self.at.elapsed();
        self.store.inner.counters.ended(lasted);
        if lasted > LONG {
            let millis = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
            tracing::debug!(transaction.ms = millis, "a transaction kept others waiting");
        }
    }
}
