//! Saying that there is work, or something to be cancelled: within the process by a watched number, to other nodes by
//! NOTIFY of PostgreSQL, in the transaction that makes it true. Who listens is told in `job::wakes`.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};
use tokio::sync::watch;

use crate::config::DatabaseKind;

pub(crate) const CHANNEL: &str = "muster_job";

/// What is sent instead of the name of a queue. No queue has this name: they are words.
pub(crate) const CANCEL: &str = "!cancel";

/// Two numbers that only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wake {
    pub(crate) work: u64,
    pub(crate) cancel: u64,
}

/// What a transaction will announce.
#[derive(Default)]
pub(crate) struct Wakes {
    queues: BTreeSet<String>,
    is_cancel: bool,
}

impl Wakes {
    pub(crate) fn queue(&mut self, queue: &str) {
        if !self.queues.contains(queue) {
            self.queues.insert(queue.to_owned());
        }
    }

    pub(crate) fn cancel(&mut self) {
        self.is_cancel = true;
    }

    /// To other nodes, when the transaction commits.
    pub(crate) async fn announce(
        &self,
        transaction: &DatabaseTransaction,
        kind: DatabaseKind,
    ) -> Result<(), DbErr> {
        if kind == DatabaseKind::Sqlite {
            return Ok(());
        }
        let cancel = self.is_cancel.then_some(CANCEL);
        for payload in self.queues.iter().map(String::as_str).chain(cancel) {
            let notify = Statement::from_sql_and_values(
                transaction.get_database_backend(),
                "SELECT pg_notify($1, $2)",
                [CHANNEL.into(), payload.into()],
            );
            transaction.query_one_raw(notify).await?;
        }
        Ok(())
    }

    /// This process, once it is committed.
    pub(crate) fn wake(&self, woken: &watch::Sender<Wake>) {
        if !self.queues.is_empty() || self.is_cancel {
            woken.send_modify(|wake| {
                wake.work += u64::from(!self.queues.is_empty());
                wake.cancel += u64::from(self.is_cancel);
            });
        }
    }
}

impl Wake {
    /// Whatever may have been missed.
    pub(crate) fn all(&mut self) {
        self.work += 1;
        self.cancel += 1;
    }
}
