//! Moves what a SQLite database holds into an empty PostgreSQL: all tables, whole or not at all.
//!
//! It knows no table by name but `counter`: which there are, and with which columns, is read from both databases, and
//! both must agree. So a table of a later migration is copied without a word here. What PostgreSQL counts by itself
//! (sequences, identity columns) goes on after the largest number that was given out.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection, PgConnection, Row, SqliteConnection, TypeInfo,
    ValueRef, postgres::PgConnectOptions, sqlite::SqliteRow,
};

use crate::{
    config::{Migrate, StoreConfig, Target},
    error::StoreError,
    migration::{self, SCHEMA_VERSION},
    postgres, sqlite,
};

/// Rows that are read ahead. A row may have megabytes, so there are few.
const READ_AHEAD: usize = 4;

/// Bytes that are sent at once, and what one row has more.
const BATCH_BYTES: usize = 1 << 20;

/// Where numbers that were given out are kept: there from the beginning, with zeros.
const COUNTER: &str = "counter";

/// Made by the migrations on both sides.
const VERSION: &str = "schema_version";

/// A table that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    /// Its name.
    pub name: String,
    /// Its rows, counted on both sides.
    pub rows: u64,
}

/// Copies the SQLite database of `from` into the PostgreSQL database of `to`, in one transaction; gives its tables by name.
/// No server may run on the first ([`StoreError::Locked`]), nothing may be stored in the second
/// ([`StoreError::NotEmpty`]), whose schema is made. The first is left as it is.
pub async fn copy(from: &StoreConfig, to: &StoreConfig) -> Result<Vec<CopiedTable>, StoreError> {
    let Target::Sqlite(file) = from.target()? else {
        return Err(invalid(
            "only a SQLite database is copied so; between servers take pg_dump and pg_restore",
        ));
    };
    let Target::Postgres(options) = to.target()? else {
        return Err(invalid(
            "the database to copy to must be PostgreSQL; SQLite is copied by `muster db backup`",
        ));
    };
    let place = file.display().to_string();
    if !file.metadata().is_ok_and(|metadata| metadata.len() > 0) {
        let reason = "there is no such file, or it is empty".into();
        return Err(StoreError::Corrupt { place, reason });
    }
    let _locks = sqlite::lock(from, &file)?;
    let options_read = sqlite::options(&file).pragma("query_only", "ON").row_buffer_size(READ_AHEAD);
    let read = SqliteConnection::connect_with(&options_read).await;
    let mut source = Source { connection: read.map_err(|error| failed(error, &place))?, place };
    source.check().await?;
    make_schema(to, &options).await?;
    let write = PgConnection::connect_with(&options.as_ref().clone().disable_statement_logging()).await;
    let place = to.target()?.place();
    let mut target = Copier { connection: write.map_err(|error| failed(error, &place))?, place };
    let copied = target.copy(&mut source).await;
    for closed in [source.connection.close().await, target.connection.close().await] {
        if let Err(error) = closed {
            tracing::debug!(%error, "a connection did not close in order");
        }
    }
    copied
}

async fn make_schema(to: &StoreConfig, options: &PgConnectOptions) -> Result<(), StoreError> {
    let to = StoreConfig { migrate: Migrate::Automatically, ..to.clone() };
    let place = to.target()?.place();
    let opened = postgres::open(&to, options, &place).await?;
    let closed = opened.writer.close_by_ref().await;
    closed.map_err(|error| StoreError::from_db(error, &place, to.statement_timeout))
}

/// A table's columns by name, each with whether it holds numbers.
type Columns = BTreeMap<String, bool>;

struct Source {
    connection: SqliteConnection,
    place: String,
}

impl Source {
    /// Both sides must have the schema of this muster, or the columns would not be the same.
    async fn check(&mut self) -> Result<(), StoreError> {
        let (place, known) = (self.place.clone(), SCHEMA_VERSION);
        match migration::sqlite_found(&mut self.connection, &place).await? {
            Some(found) if found.version == known => Ok(()),
            Some(found) if found.version > known => {
                Err(StoreError::Newer { place, found: found.version, known })
            }
            older => {
                let found = older.map_or(0, |found| found.version);
                Err(StoreError::Outdated { place, found, known })
            }
        }
    }

    async fn tables(&mut self) -> Result<BTreeMap<String, Columns>, StoreError> {
        let sql = "SELECT t.name, c.name, c.type = 'INTEGER' FROM sqlite_master t, pragma_table_info(t.name) c \
                   WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name <> $1";
        let rows = sqlx::query_as(sql).bind(VERSION).fetch_all(&mut self.connection).await;
        self.explain(rows).map(by_table)
    }

    async fn count(&mut self, table: &str) -> Result<i64, StoreError> {
        let sql = format!("SELECT count(*) FROM \"{table}\"");
        let count = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut self.connection).await;
        self.explain(count)
    }

    /// The largest number that a table gave out by itself, of rows that are gone too.
    async fn given_out(&mut self, table: &str) -> Result<i64, StoreError> {
        let sql = "SELECT max(seq) FROM sqlite_sequence WHERE name = $1";
        let largest = sqlx::query_scalar(sql).bind(table).fetch_one(&mut self.connection).await;
        let largest: Option<i64> = self.explain(largest)?;
        Ok(largest.unwrap_or_default())
    }

    fn explain<T>(&self, done: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        done.map_err(|error| failed(error, &self.place))
    }
}

struct Copier {
    connection: PgConnection,
    place: String,
}

impl Copier {
    async fn copy(&mut self, source: &mut Source) -> Result<Vec<CopiedTable>, StoreError> {
        // However long it takes; a server that is busy with these tables keeps it waiting only for a moment.
        self.run(
            "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
             SET LOCAL lock_timeout = '5s'",
        )
        .await?;
        let tables = source.tables().await?;
        self.check(&tables, source).await?;
        self.run("DELETE FROM counter").await?;
        let mut copied = Vec::with_capacity(tables.len());
        for (name, columns) in &tables {
            self.fill(source, name, columns).await?;
            let (wanted, rows) = (source.count(name).await?, self.count(name).await?);
            if wanted != rows {
                let table = name.clone();
                return Err(StoreError::Incomplete { place: self.place.clone(), table, wanted, rows });
            }
            copied.push(CopiedTable { name: name.clone(), rows: rows.unsigned_abs() });
        }
        self.go_on_counting(source).await?;
        // Without statistics the first plans would be those of empty tables.
        self.run("ANALYZE; COMMIT").await?;
        Ok(copied)
    }

    /// The tables must be the same, be locked from here on, and be empty.
    async fn check(&mut self, tables: &BTreeMap<String, Columns>, source: &Source) -> Result<(), StoreError> {
        let sql = "SELECT c.table_name::text, c.column_name::text, c.data_type = 'bigint' \
                   FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name) \
                   WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.table_name <> $1";
        let rows = sqlx::query_as(sql).bind(VERSION).fetch_all(&mut self.connection).await;
        let there = self.explain(rows).map(by_table)?;
        if there != *tables {
            let differs = tables.iter().find(|(name, columns)| there.get(*name) != Some(columns));
            let extra = there.keys().find(|name| !tables.contains_key(*name));
            let name = differs.map(|(name, _)| name).or(extra).map_or("", String::as_str);
            let reason = format!("table {name} is not the same as in {}", source.place);
            return Err(StoreError::Corrupt { place: self.place.clone(), reason });
        }
        for name in tables.keys() {
            self.run(&format!("LOCK TABLE \"{name}\" IN EXCLUSIVE MODE")).await?;
            let used = if name == COUNTER { "WHERE value <> 0" } else { "" };
            let sql = format!("SELECT EXISTS (SELECT 1 FROM \"{name}\" {used})");
            let is_used = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut self.connection).await;
            if self.explain(is_used)? {
                return Err(StoreError::NotEmpty { place: self.place.clone(), table: name.clone() });
            }
        }
        Ok(())
    }

    /// Streams a table, so that neither long values nor many rows are held at once.
    async fn fill(&mut self, source: &mut Source, table: &str, columns: &Columns) -> Result<(), StoreError> {
        let names: Vec<String> = columns.keys().map(|name| format!("\"{name}\"")).collect();
        let names = names.join(", ");
        let place = self.place.clone();
        let fail = |error| failed(error, &place);
        let statement = format!("COPY \"{table}\" ({names}) FROM STDIN");
        let mut copy = self.connection.copy_in_raw(&statement).await.map_err(fail)?;
        let select = AssertSqlSafe(format!("SELECT rowid, {names} FROM \"{table}\""));
        let mut rows = sqlx::query(select).fetch(&mut source.connection);
        let mut lines = String::new();
        let filled = loop {
            let row = match rows.try_next().await {
                Ok(row) => row,
                Err(error) => break Err(failed(error, &source.place)),
            };
            if let Some(row) = &row
                && let Err(error) = line(row, &mut lines)
            {
                break Err(error.explain(&source.place, table));
            }
            if (row.is_none() || lines.len() >= BATCH_BYTES)
                && let Err(error) = copy.send(lines.as_bytes()).await
            {
                break Err(fail(error));
            }
            if row.is_none() {
                break Ok(());
            }
            if lines.len() >= BATCH_BYTES {
                // Anew, because one long row would stay as room for ever.
                lines = String::new();
            }
        };
        match filled {
            Ok(()) => copy.finish().await.map(drop).map_err(fail),
            Err(error) => {
                // What went wrong counts, not how it was broken off.
                drop(copy.abort("the source could not be read").await);
                Err(error)
            }
        }
    }

    async fn count(&mut self, table: &str) -> Result<i64, StoreError> {
        let sql = format!("SELECT count(*) FROM \"{table}\"");
        let count = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut self.connection).await;
        self.explain(count)
    }

    /// Sequences are named after their row in `counter`.
    async fn go_on_counting(&mut self, source: &mut Source) -> Result<(), StoreError> {
        self.run(
            "SELECT setval(format('%I', c.name)::regclass, GREATEST(c.value, 1), c.value > 0) FROM counter c \
             JOIN pg_catalog.pg_sequences s ON s.sequencename = c.name AND s.schemaname = current_schema()",
        )
        .await?;
        let sql = "SELECT table_name::text, column_name::text FROM information_schema.columns \
                   WHERE table_schema = current_schema() AND is_identity = 'YES'";
        let rows = sqlx::query_as(sql).fetch_all(&mut self.connection).await;
        let identities: Vec<(String, String)> = self.explain(rows)?;
        for (table, column) in identities {
            let given_out = source.given_out(&table).await?;
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('\"{table}\"', '{column}'), GREATEST(m.largest, 1), m.largest > 0) \
                 FROM (SELECT GREATEST(max(\"{column}\"), {given_out}) AS largest FROM \"{table}\") m"
            );
            self.run(&sql).await?;
        }
        Ok(())
    }

    async fn run(&mut self, sql: &str) -> Result<(), StoreError> {
        let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.connection).await;
        self.explain(done).map(drop)
    }

    fn explain<T>(&self, done: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        done.map_err(|error| failed(error, &self.place))
    }
}

fn by_table(rows: Vec<(String, String, bool)>) -> BTreeMap<String, Columns> {
    let mut tables: BTreeMap<String, Columns> = BTreeMap::new();
    for (table, column, is_number) in rows {
        tables.entry(table).or_default().insert(column, is_number);
    }
    tables
}

/// Why a row cannot be written for COPY.
enum Unwritable {
    /// PostgreSQL has no NUL in texts.
    Nul {
        column: String,
        row: i64,
    },
    Other(sqlx::Error),
}

impl Unwritable {
    fn explain(self, place: &str, table: &str) -> StoreError {
        match self {
            Self::Nul { column, row } => {
                StoreError::Nul { place: place.to_owned(), table: table.to_owned(), column, row }
            }
            Self::Other(error) => failed(error, place),
        }
    }
}

impl From<sqlx::Error> for Unwritable {
    fn from(error: sqlx::Error) -> Self {
        Self::Other(error)
    }
}

/// A row without its own number, as COPY reads it (postgresql.org/docs/current/sql-copy.html, text format).
fn line(row: &SqliteRow, lines: &mut String) -> Result<(), Unwritable> {
    for place in 1..row.len() {
        if place > 1 {
            lines.push('\t');
        }
        let value = row.try_get_raw(place)?;
        let (is_null, kind) = (value.is_null(), value.type_info().name().to_owned());
        match kind.as_str() {
            _ if is_null => lines.push_str("\\N"),
            "INTEGER" => lines.push_str(&row.try_get_unchecked::<i64, _>(place)?.to_string()),
            "TEXT" => {
                let text = row.try_get_unchecked::<&str, _>(place)?;
                if text.contains('\0') {
                    let column = row.column(place).name().to_owned();
                    return Err(Unwritable::Nul { column, row: row.try_get(0)? });
                }
                escape(text, lines);
            }
            other => {
                let index = row.column(place).name();
                let source = format!("a value of type {other} where numbers and texts are expected").into();
                return Err(sqlx::Error::ColumnDecode { index: index.to_owned(), source }.into());
            }
        }
    }
    lines.push('\n');
    Ok(())
}

fn escape(mut text: &str, lines: &mut String) {
    // All four are single bytes, and most texts have none of them.
    while let Some(place) = text.bytes().position(|byte| matches!(byte, b'\\' | b'\n' | b'\r' | b'\t')) {
        lines.push_str(&text[..place]);
        lines.push_str(match text.as_bytes()[place] {
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            _ => "\\t",
        });
        text = &text[place + 1..];
    }
    lines.push_str(text);
}

fn failed(error: sqlx::Error, place: &str) -> StoreError {
    StoreError::from_sqlx(error, place, std::time::Duration::ZERO)
}

fn invalid(reason: &str) -> StoreError {
    StoreError::InvalidUrl { reason: reason.to_owned() }
}
