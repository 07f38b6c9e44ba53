//! Which database, and its limits. An address is parsed here, once, into a file or the options of a connection; the
//! password in it never leaves those options.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use sqlx::postgres::PgConnectOptions;

use crate::error::StoreError;

/// What the store needs to know before it opens.
#[derive(Clone)]
pub struct StoreConfig {
    /// `sqlite:PATH` or `postgres://…`; `None` is the file `muster.db` in the data folder.
    pub url: Option<String>,
    /// The data folder; made with mode 0700 if it is missing and the database is SQLite.
    pub data_dir: PathBuf,
    /// Connections held at most; on SQLite those that read, beside the one that writes. At least 1.
    pub max_connections: u32,
    /// How long one statement may run.
    pub statement_timeout: Duration,
    /// How long to wait for a connection, or for the right to write.
    pub acquire_timeout: Duration,
    /// A connection to a server that had nothing to do for so long is closed: firewalls forget it sooner or later.
    pub idle_timeout: Duration,
    /// A connection to a server is replaced at this age, so that a server that moved is followed.
    pub max_lifetime: Duration,
    /// What to do with an older schema.
    pub migrate: Migrate,
}

/// What to do with the schema of an older muster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    /// Bring it up to date; a SQLite file is copied first.
    Automatically,
    /// Refuse to open ([`StoreError::Outdated`]).
    Refuse,
}

/// The databases muster runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DatabaseKind {
    /// A file in the data folder.
    Sqlite,
    /// A server.
    Postgres,
}

impl DatabaseKind {
    /// The word used in messages, metrics and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

impl StoreConfig {
    /// SQLite in `data_dir`, with the limits that muster ships.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            url: None,
            data_dir: data_dir.into(),
            max_connections: 10,
            statement_timeout: Duration::from_secs(30),
            acquire_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(5),
            max_lifetime: Duration::from_mins(30),
            migrate: Migrate::Automatically,
        }
    }

    /// Which database it names.
    pub fn kind(&self) -> Result<DatabaseKind, StoreError> {
        self.target().map(|target| target.kind())
    }

    pub(crate) fn target(&self) -> Result<Target, StoreError> {
        let Some(url) = &self.url else {
            return Ok(Target::Sqlite(self.data_dir.join("muster.db")));
        };
        match url.split_once(':') {
            Some(("sqlite", rest)) => sqlite_file(rest).map(Target::Sqlite),
            Some(("postgres" | "postgresql", _)) => match PgConnectOptions::from_str(url) {
                Ok(options) => Ok(Target::Postgres(Box::new(options))),
                // The reason names a part of the address, never the address.
                Err(error) => Err(invalid(format!("the address of PostgreSQL cannot be read: {error}"))),
            },
            _ => Err(invalid("it begins with neither 'sqlite:' nor 'postgres://'".into())),
        }
    }
}

fn invalid(reason: String) -> StoreError {
    StoreError::InvalidUrl { reason }
}

fn sqlite_file(rest: &str) -> Result<PathBuf, StoreError> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() {
        return Err(invalid("'sqlite:' is not followed by a path".into()));
    }
    if path == ":memory:" || path.contains('?') {
        let reason =
            "after 'sqlite:' stands the path of a file, without parameters; memory would lose all".into();
        return Err(invalid(reason));
    }
    Ok(PathBuf::from(path))
}

/// A parsed address.
#[derive(Clone)]
pub(crate) enum Target {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

impl Target {
    pub(crate) fn kind(&self) -> DatabaseKind {
        match self {
            Self::Sqlite(_) => DatabaseKind::Sqlite,
            Self::Postgres(_) => DatabaseKind::Postgres,
        }
    }

    /// Where it is, for messages: a path, or an address without user and password.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Sqlite(file) => file.display().to_string(),
            Self::Postgres(options) => {
                let database = options.get_database().unwrap_or_else(|| options.get_username());
                match options.get_socket() {
                    Some(socket) => format!("postgres:{}/{database}", socket.display()),
                    None => format!("postgres://{}:{}/{database}", options.get_host(), options.get_port()),
                }
            }
        }
    }
}

/// The folder a file lies in; `.` for a bare name.
pub(crate) fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

impl fmt::Debug for StoreConfig {
    /// Without the address: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("place", &self.target().map(|target| target.place()))
            .field("data_dir", &self.data_dir)
            .field("max_connections", &self.max_connections)
            .field("statement_timeout", &self.statement_timeout)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("max_lifetime", &self.max_lifetime)
            .field("migrate", &self.migrate)
            .finish_non_exhaustive()
    }
}
