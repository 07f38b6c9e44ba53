//! What remotes of local checkouts said when they were asked for their branches. One row for each address, whoever asked:
//! several checkouts, also of several nodes, share an answer.
//!
//! Knows nothing of when to ask or what an answer means. Whoever puts a row says whether it is news: a look that finds
//! nothing new writes its time here and no change.

use std::collections::{BTreeMap, HashMap};

use muster_model::{Timestamp, UnknownReason};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, Iterable, QueryFilter, QuerySelect,
    sea_query::OnConflict,
};

use crate::{entity::remote_heads, error::StoreError, store::Store, text, tx::Tx};

/// Addresses of one query: SQLite takes 32,766 variables in a statement.
const BATCH: usize = 10_000;

/// What is known of the branches of a remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteHeads {
    /// The canonical address, without credentials.
    pub url: String,
    /// Short names of its branches with the ids of their commits, by the last answer; `None` if it never answered.
    pub heads: Option<BTreeMap<String, String>>,
    /// When that answer was asked for.
    pub asked_at: Option<Timestamp>,
    /// The last try.
    pub checked_at: Timestamp,
    /// Tries that failed since the last answer.
    pub failures: u32,
    /// Why the last try failed; `None` if it did not.
    pub failure: Option<HeadsFailure>,
}

/// Why a remote did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadsFailure {
    /// The reason that the API names.
    pub reason: UnknownReason,
    /// In words.
    pub message: String,
}

impl Store {
    /// What is known of these addresses, by address; those that were never asked are missing.
    pub async fn remote_heads(&self, urls: &[String]) -> Result<HashMap<String, RemoteHeads>, StoreError> {
        self.read(async {
            let mut found = HashMap::with_capacity(urls.len());
            for batch in urls.chunks(BATCH) {
                let urls = batch.iter().map(String::as_str);
                let query = remote_heads::Entity::find().filter(remote_heads::Column::Url.is_in(urls));
                for row in query.all(self.reader()).await? {
                    let known = from_row(row)?;
                    found.insert(known.url.clone(), known);
                }
            }
            Ok(found)
        })
        .await
    }
}

impl Tx {
    /// What is known of this address; on PostgreSQL nobody else changes it until this ends.
    pub async fn remote_heads(&mut self, url: &str) -> Result<Option<RemoteHeads>, StoreError> {
        let found = async {
            let query = remote_heads::Entity::find_by_id(url.to_owned()).lock_exclusive();
            query.one(self.connection()).await?.map(from_row).transpose()
        };
        found.await.map_err(|error: DbErr| self.fail(error))
    }

    /// Puts these in the place of what was known of the same address. Records no change.
    pub async fn remote_heads_put(&mut self, known: &RemoteHeads) -> Result<(), StoreError> {
        let row = to_row(known).map_err(|error| self.fail(error))?;
        let replace = OnConflict::column(remote_heads::Column::Url)
            .update_columns(remote_heads::Column::iter())
            .to_owned();
        let query = remote_heads::Entity::insert(row).on_conflict(replace);
        let done = query.exec_without_returning(self.connection()).await;
        done.map(drop).map_err(|error| self.fail(error))
    }

    /// Takes away what nobody has asked for since `before`, and says how much.
    pub async fn remote_heads_prune(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        let is_old = remote_heads::Column::CheckedAt.lt(text::micros(before));
        let done = remote_heads::Entity::delete_many().filter(is_old).exec(self.connection()).await;
        done.map(|done| done.rows_affected).map_err(|error| self.fail(error))
    }
}

fn to_row(known: &RemoteHeads) -> Result<remote_heads::ActiveModel, DbErr> {
    let failure = known.failure.as_ref();
    Ok(remote_heads::ActiveModel {
        url: Set(known.url.clone()),
        heads: Set(known.heads.as_ref().map(text::json).transpose()?),
        asked_at: Set(known.asked_at.map(text::micros)),
        checked_at: Set(text::micros(known.checked_at)),
        failures: Set(known.failures.into()),
        reason: Set(failure.map(|failure| failure.reason.as_str().to_owned())),
        // PostgreSQL takes no NUL in a text.
        message: Set(failure.map(|failure| failure.message.replace('\0', "\u{fffd}"))),
    })
}

fn from_row(row: remote_heads::Model) -> Result<RemoteHeads, DbErr> {
    let reason = row.reason.as_deref().map(|word| {
        let known = UnknownReason::ALL.into_iter().find(|reason| reason.as_str() == word);
        // A word of a newer muster: why is not known here, that it failed is.
        known.unwrap_or(UnknownReason::RemoteUnreachable)
    });
    Ok(RemoteHeads {
        url: row.url,
        heads: row.heads.as_deref().map(text::from_json).transpose()?,
        asked_at: row.asked_at.map(text::from_micros).transpose()?,
        checked_at: text::from_micros(row.checked_at)?,
        failures: u32::try_from(row.failures).unwrap_or_default(),
        failure: reason.map(|reason| HeadsFailure { reason, message: row.message.unwrap_or_default() }),
    })
}
