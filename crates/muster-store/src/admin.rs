//! What a person does to a database as a whole: see its schema, bring it up to date, copy it, put a copy back, move it to PostgreSQL. For the
//! command line; opens what it needs and closes it again.
//!
//! PostgreSQL has tools of its own for copies: there the answer is the command to run.

use std::{path::Path, path::PathBuf, time::Duration};

use sqlx::{ConnectOptions, Connection, PgConnection, SqliteConnection, postgres::PgConnectOptions};

use crate::{
    config::{DatabaseKind, Migrate, StoreConfig, Target},
    error::StoreError,
    folder::{beside, rename_new, rename_over, sync},
    migration::{self, Found, MIGRATIONS, SCHEMA_VERSION},
    postgres, sqlite,
};

pub use crate::transfer::{CopiedTable, copy};

/// What is known of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaStatus {
    /// Which database.
    pub kind: DatabaseKind,
    /// Where: a path, or an address without credentials.
    pub place: String,
    /// Version of the schema there; `None` if there is none yet.
    pub found: Option<i64>,
    /// Version that this muster makes.
    pub known: i64,
    /// This muster can run on it as it is.
    pub is_usable: bool,
    /// `muster db migrate` would change it.
    pub is_outdated: bool,
}

/// Looks at the schema and changes nothing, also while a server runs.
pub async fn status(config: &StoreConfig) -> Result<SchemaStatus, StoreError> {
    let target = config.target()?;
    let place = target.place();
    let found = match &target {
        Target::Sqlite(file) if is_missing_or_empty(file)? => None,
        Target::Sqlite(file) => {
            let mut connection = connect_sqlite(file).await?;
            let found = migration::sqlite_found(&mut connection, &place).await;
            close(connection).await;
            found?
        }
        Target::Postgres(options) => {
            postgres::try_connect(options, &place).await?;
            let fail = |error| StoreError::from_sqlx(error, &place, config.statement_timeout);
            let options = options.as_ref().clone().disable_statement_logging();
            let mut connection = PgConnection::connect_with(&options).await.map_err(fail)?;
            migration::postgres_found(&mut connection).await.map_err(fail)?
        }
    };
    Ok(described(target.kind(), place, found))
}

/// Brings the schema up to date, also when it is switched off for servers. On SQLite no server may run.
pub async fn migrate(config: &StoreConfig) -> Result<SchemaStatus, StoreError> {
    let config = StoreConfig { migrate: Migrate::Automatically, ..config.clone() };
    let target = config.target()?;
    let opened = match &target {
        Target::Sqlite(file) => sqlite::open(&config, file).await?,
        Target::Postgres(options) => postgres::open(&config, options, &target.place()).await?,
    };
    for connection in [&opened.writer, &opened.reader] {
        let closed = connection.close_by_ref().await;
        closed.map_err(|error| StoreError::from_db(error, &target.place(), config.statement_timeout))?;
    }
    drop(opened);
    status(&config).await
}

/// Copies a SQLite database into the new file `to`, as it was at one moment, while a server may run.
/// [`StoreError::Exists`] if there is such a file, [`StoreError::OwnTools`] on PostgreSQL.
pub async fn backup(config: &StoreConfig, to: &Path) -> Result<(), StoreError> {
    let file = match config.target()? {
        Target::Sqlite(file) => file,
        Target::Postgres(options) => {
            let command = format!("pg_dump {} --format=custom --file={}", arguments(&options), quoted(to));
            return Err(StoreError::OwnTools { command });
        }
    };
    if to.symlink_metadata().is_ok() {
        return Err(StoreError::Exists { path: to.to_owned() });
    }
    let part = beside(to, &format!(".part-{}", std::process::id()));
    let mut connection = connect_sqlite(&file).await?;
    let copied = migration::sqlite_copy(&mut connection, &file.display().to_string(), &part).await;
    close(connection).await;
    copied?;
    let named = rename_new(&part, to);
    if named.is_err() {
        // The reason is what counts; a part that stays says by its name what it is.
        drop(std::fs::remove_file(&part));
    }
    named
}

/// Puts the copy `from` in the place of a SQLite database, after looking that it is whole and not too new. No server
/// may run. The database that was there is kept; its new name is returned (`None` if there was none).
pub async fn restore(config: &StoreConfig, from: &Path) -> Result<Option<PathBuf>, StoreError> {
    let file = match config.target()? {
        Target::Sqlite(file) => file,
        Target::Postgres(options) => {
            let command = format!(
                "pg_restore {} --clean --if-exists --single-transaction {}",
                arguments(&options),
                quoted(from)
            );
            return Err(StoreError::OwnTools { command });
        }
    };
    let from_place = from.display().to_string();
    if is_missing_or_empty(from)? {
        let reason = "there is no such file, or it is empty".into();
        return Err(StoreError::Corrupt { place: from_place, reason });
    }
    let _locks = sqlite::lock(config, &file)?;
    let part = beside(&file, ".restoring");
    let mut source = connect_sqlite(from).await?;
    // Copied by SQLite, not byte by byte: a log beside the copy, if there is one, belongs to it.
    let copied = match verify(&mut source, &from_place).await {
        Ok(()) => migration::sqlite_copy(&mut source, &from_place, &part).await,
        Err(error) => Err(error),
    };
    close(source).await;
    copied?;
    let kept = if file.exists() { Some(set_aside(&file).await?) } else { None };
    rename_over(&part, &file)?;
    Ok(kept)
}

async fn verify(connection: &mut SqliteConnection, place: &str) -> Result<(), StoreError> {
    let found = migration::sqlite_found(connection, place).await?;
    if found.is_none() {
        return Err(StoreError::Corrupt { place: place.to_owned(), reason: "it has no tables".into() });
    }
    migration::is_needed(found, Migrate::Automatically, &MIGRATIONS, place)?;
    let answers: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(10)")
        .fetch_all(connection)
        .await
        .map_err(|error| StoreError::from_sqlx(error, place, Duration::ZERO))?;
    match answers.as_slice() {
        [answer] if answer == "ok" => Ok(()),
        answers => Err(StoreError::Corrupt { place: place.to_owned(), reason: answers.join("; ") }),
    }
}

/// Gives the database that is there a second name, so that it outlives being replaced. Its log is written into it
/// first; of a damaged one, whose log cannot be, the log is kept too.
async fn set_aside(file: &Path) -> Result<PathBuf, StoreError> {
    match SqliteConnection::connect_with(&sqlite::writer_options(file)).await {
        Ok(connection) => close(connection).await,
        Err(error) => tracing::debug!(%error, "the database to be replaced cannot be opened"),
    }
    let names = std::iter::once(String::new()).chain((2_u32..).map(|number| format!("-{number}")));
    let mut names = names.map(|number| beside(file, &format!(".before-restore{number}")));
    let aside = names.find(|name| !name.exists()).unwrap_or_else(|| beside(file, ".before-restore"));
    for end in ["-wal", "-shm"] {
        let part = beside(file, end);
        if part.exists() {
            rename_new(&part, &beside(&aside, end))?;
        }
    }
    // A second name, not a new one: at no moment is there no database. Where links are unknown, a new name must do.
    match std::fs::hard_link(file, &aside) {
        Ok(()) => sync(&aside)?,
        Err(_) => rename_new(file, &aside)?,
    }
    Ok(aside)
}

async fn connect_sqlite(file: &Path) -> Result<SqliteConnection, StoreError> {
    let options = sqlite::options(file);
    SqliteConnection::connect_with(&options)
        .await
        .map_err(|error| StoreError::from_sqlx(error, &file.display().to_string(), Duration::ZERO))
}

async fn close(connection: SqliteConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a connection did not close in order");
    }
}

fn is_missing_or_empty(file: &Path) -> Result<bool, StoreError> {
    match file.metadata() {
        Ok(metadata) => Ok(metadata.len() == 0),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(StoreError::from_io(error, &file.display().to_string())),
    }
}

fn described(kind: DatabaseKind, place: String, found: Option<Found>) -> SchemaStatus {
    let known = SCHEMA_VERSION;
    let version = found.map(|found| found.version);
    let is_usable = found.is_some_and(|found| {
        found.version == known || (found.version > known && found.oldest_reader <= known)
    });
    let is_outdated = version.is_none_or(|version| version < known);
    SchemaStatus { kind, place, found: version, known, is_usable, is_outdated }
}

/// Where the server is, for its own tools; they ask for the password or read it from ~/.pgpass.
fn arguments(options: &PgConnectOptions) -> String {
    let host = match options.get_socket() {
        Some(socket) => quoted(socket),
        None => quoted(Path::new(options.get_host())),
    };
    let user = quoted(Path::new(options.get_username()));
    let database = quoted(Path::new(options.get_database().unwrap_or_else(|| options.get_username())));
    format!("--host={host} --port={} --username={user} --dbname={database}", options.get_port())
}

/// For a shell.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-:@+,".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
