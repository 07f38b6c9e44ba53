//! The change sequence itself: its places, what is written in it, and how numbers are given.
//!
//! A number is given at commit, by raising the row `change` of table `counter`. That row stays locked until the commit
//! is done, so whoever gets the next number commits later: a reader that has seen number 7 will never find a 6 that was
//! not there before. On SQLite the one writer says so anyhow; on PostgreSQL it is this row (docs/store.md says why no
//! other way was taken). Rows are pruned, the counter never goes back.

use std::{borrow::Cow, fmt, num::ParseIntError, str::FromStr};

use muster_model::Timestamp;
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, Statement};
use serde::{Deserialize, Serialize};

use crate::{entity::change, text};

/// Rows of one INSERT: seven variables each, far below the limits of both databases (32,766 and 65,535).
const INSERT_ROWS: usize = 1000;

/// A place in the change sequence; 0 is before the first change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(i64);

/// A text that is no place in the change sequence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no number of a change: {reason}")]
pub struct SeqError {
    text: String,
    reason: ParseIntError,
}

impl Seq {
    /// Before the first change.
    pub const ZERO: Self = Self(0);

    /// The place with this number.
    pub fn new(number: i64) -> Self {
        Self(number)
    }

    /// Its number.
    pub fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Seq {
    type Err = SeqError;

    fn from_str(text: &str) -> Result<Self, SeqError> {
        text.parse().map(Self).map_err(|reason| SeqError { text: text.to_owned(), reason })
    }
}

/// What a transaction touched, to be numbered when it commits.
#[derive(Debug, Clone, PartialEq)]
pub struct NewChange {
    /// The kind of thing: `project`.
    pub entity: Cow<'static, str>,
    /// Which one: the text of its id.
    pub entity_id: String,
    /// Tags of cache entries that are stale from here on.
    pub tags: Vec<String>,
    /// What clients are told, if they are told.
    pub event: Option<ChangeEvent>,
}

/// An event for clients.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeEvent {
    /// `project.changed`.
    pub topic: Cow<'static, str>,
    /// What is sent.
    pub data: serde_json::Value,
}

/// A change that was committed.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its place; also the id of its event.
    pub seq: Seq,
    /// When it was committed, by the clock of the node that wrote it: the order is that of `seq`, not of this.
    pub at: Timestamp,
    /// The kind of thing: `project`.
    pub entity: Cow<'static, str>,
    /// Which one: the text of its id.
    pub entity_id: String,
    /// Tags of cache entries that are stale from here on.
    pub tags: Vec<String>,
    /// What clients are told, if they are told.
    pub event: Option<ChangeEvent>,
}

/// Numbers and writes what a transaction recorded; the last number.
pub(crate) async fn write(
    connection: &impl ConnectionTrait,
    changes: &[NewChange],
    at: Timestamp,
) -> Result<Seq, DbErr> {
    let count = i64::try_from(changes.len()).unwrap_or(i64::MAX);
    let raise = Statement::from_sql_and_values(
        connection.get_database_backend(),
        "UPDATE counter SET value = value + $1 WHERE name = 'change' RETURNING value",
        [count.into()],
    );
    let row = connection.query_one_raw(raise).await?;
    let last: i64 =
        row.ok_or_else(|| DbErr::RecordNotFound("counter 'change'".into()))?.try_get_by_index(0)?;
    let mut rows = Vec::with_capacity(changes.len());
    for (seq, change) in (last - count + 1..).zip(changes) {
        let event = change.event.as_ref();
        rows.push(change::ActiveModel {
            seq: Set(seq),
            at: Set(text::micros(at)),
            entity: Set(change.entity.clone().into_owned()),
            entity_id: Set(change.entity_id.clone()),
            tags: Set(text::json(&change.tags)?),
            topic: Set(event.map(|event| event.topic.clone().into_owned())),
            data: Set(event.map(|event| text::json(&event.data)).transpose()?),
        });
    }
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(INSERT_ROWS));
        change::Entity::insert_many(rows).exec_without_returning(connection).await?;
        rows = rest;
    }
    Ok(Seq(last))
}

pub(crate) async fn head(connection: &impl ConnectionTrait) -> Result<Seq, DbErr> {
    let query = Statement::from_string(
        connection.get_database_backend(),
        "SELECT value FROM counter WHERE name = 'change'",
    );
    let row = connection.query_one_raw(query).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("counter 'change'".into()))?;
    row.try_get_by_index(0).map(Seq)
}
