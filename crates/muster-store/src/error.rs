//! What can go wrong with a database, by what the person or the caller can do about it. Places are paths or addresses
//! without user and password; the codes of both databases are read here and nowhere else.

use std::{io, path::PathBuf, time::Duration};

use muster_model::JobId;
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};
use sqlx::error::DatabaseError;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process holds the data folder.
    #[error(
        "{} is held by another muster{}; stop that one, or give this one a data folder of its own",
        path.display(),
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, if it wrote its number.
        pid: Option<u32>,
    },
    /// The schema was made by a newer muster, and this one may not touch it.
    #[error(
        "{place} has schema {found}, made by a newer muster; this one knows schemas up to {known}. \
         Run the newer muster, or restore the copy made before the update"
    )]
    Newer {
        /// Where.
        place: String,
        /// Version of the schema there.
        found: i64,
        /// Newest version this muster knows.
        known: i64,
    },
    /// The schema is older, and migrations were switched off.
    #[error("{place} has schema {found}, this muster needs {known}; run `muster db migrate`")]
    Outdated {
        /// Where.
        place: String,
        /// Version of the schema there; 0 when there is none.
        found: i64,
        /// Version this muster needs.
        known: i64,
    },
    /// It may be read but not written.
    #[error(
        "{place} cannot be written; check owner, permissions and whether the file system is mounted read-only"
    )]
    ReadOnly {
        /// Where.
        place: String,
    },
    /// No space is left. What was being written is undone, what was written before is safe.
    #[error("there is no space left for {place}; free some, nothing that was stored is lost")]
    Full {
        /// Where.
        place: String,
    },
    /// The server is not there, or does not let us in.
    #[error("{place} cannot be reached: {reason}")]
    Unreachable {
        /// Where, without credentials.
        place: String,
        /// In the words of the operating system or the server.
        reason: String,
    },
    /// The file is damaged, or is no database of muster.
    #[error(
        "{place} is damaged or no database of muster: {reason}. Restore a backup (`muster db restore FILE`)"
    )]
    Corrupt {
        /// Where.
        place: String,
        /// What was seen.
        reason: String,
    },
    /// Too much is going on; trying again later may work.
    #[error("{place} is busy: {reason}; try again")]
    Busy {
        /// Where.
        place: String,
        /// What was waited for.
        reason: String,
    },
    /// A statement ran longer than it may.
    #[error("{place} did not answer within {} s (statement time-out)", after.as_secs_f64())]
    Timeout {
        /// Where.
        place: String,
        /// The limit.
        after: Duration,
    },
    /// Something else has that name, path or id already.
    #[error("what was to be stored is there already: {what}")]
    Conflict {
        /// The constraint, in the words of the database.
        what: String,
    },
    /// The job was given to somebody else, or taken back: nothing that its earlier run says counts any more.
    #[error("the lease of {job} is lost: it was taken back or given to another run")]
    LeaseLost {
        /// Which job.
        job: JobId,
    },
    /// The address of the database cannot be read.
    #[error(
        "the address of the database (DATABASE_URL) is not valid: {reason}. Use sqlite:PATH or postgres://HOST/NAME"
    )]
    InvalidUrl {
        /// What is wrong with it, without repeating it.
        reason: String,
    },
    /// A file that must not be overwritten exists.
    #[error("{} exists; nothing was written over it, name another file", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Something would be lost, or mixed with something else.
    #[error("{place} holds data already, in table {table}; nothing was changed, name an empty database")]
    NotEmpty {
        /// Where.
        place: String,
        /// The first table that has a row.
        table: String,
    },
    /// A copy was taken back, because it is not whole.
    #[error("{place} has {rows} rows in table {table} where {wanted} were copied; nothing was kept")]
    Incomplete {
        /// Where it was copied to.
        place: String,
        /// The table.
        table: String,
        /// Rows in the source.
        wanted: i64,
        /// Rows in the copy.
        rows: i64,
    },
    /// A text holds the character NUL, which PostgreSQL cannot keep.
    #[error(
        "PostgreSQL keeps no character NUL, and {place} has one in table {table}, column {column}, rowid {row}; nothing \
         was copied. Cut that text there and copy again:\n  \
         sqlite3 {place} \"UPDATE {table} SET {column} = printf('%s', {column}) WHERE rowid = {row}\""
    )]
    Nul {
        /// The source.
        place: String,
        /// The table.
        table: String,
        /// Its column.
        column: String,
        /// SQLite's number of the row.
        row: i64,
    },
    /// A server is backed up with its own tools.
    #[error("PostgreSQL is backed up with its own tools, for example:\n  {command}")]
    OwnTools {
        /// A command that does it; the password is not in it.
        command: String,
    },
    /// Anything else: a defect here, or something nobody can act on.
    #[error("{place}: {source}")]
    Other {
        /// Where.
        place: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    pub(crate) fn from_db(error: DbErr, place: &str, after: Duration) -> Self {
        let place = place.to_owned();
        match &error {
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => {
                Self::Busy { place, reason: "no connection became free in time".into() }
            }
            DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => {
                Self::Unreachable { place, reason: "the store was closed".into() }
            }
            DbErr::Conn(RuntimeErr::SqlxError(cause))
            | DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => match Self::of_sqlx(cause, &place, after) {
                Some(known) => known,
                None => Self::Other { place, source: Box::new(error) },
            },
            _ => Self::Other { place, source: Box::new(error) },
        }
    }

    pub(crate) fn from_sqlx(error: sqlx::Error, place: &str, after: Duration) -> Self {
        match Self::of_sqlx(&error, place, after) {
            Some(known) => known,
            None => Self::Other { place: place.to_owned(), source: Box::new(error) },
        }
    }

    pub(crate) fn from_io(error: io::Error, place: &str) -> Self {
        let place = place.to_owned();
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { place },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { place },
            _ => Self::Other { place, source: Box::new(error) },
        }
    }

    fn of_sqlx(error: &sqlx::Error, place: &str, after: Duration) -> Option<Self> {
        let place = place.to_owned();
        match error {
            sqlx::Error::Io(cause) => Some(Self::Unreachable { place, reason: cause.to_string() }),
            sqlx::Error::Tls(cause) => Some(Self::Unreachable { place, reason: cause.to_string() }),
            sqlx::Error::PoolTimedOut => {
                Some(Self::Busy { place, reason: "no connection became free in time".into() })
            }
            sqlx::Error::PoolClosed => {
                Some(Self::Unreachable { place, reason: "the store was closed".into() })
            }
            sqlx::Error::Database(cause) => {
                let code = cause.code()?;
                match code.parse::<u32>() {
                    // SQLSTATE has five characters; SQLite's codes are shorter numbers.
                    Ok(number) if code.len() < 5 => Self::of_sqlite(number, cause.as_ref(), place),
                    _ => Self::of_postgres(&code, cause.as_ref(), place, after),
                }
            }
            _ => None,
        }
    }

    /// Primary result codes (sqlite.org/rescode.html); the extended code's low byte.
    fn of_sqlite(code: u32, cause: &dyn DatabaseError, place: String) -> Option<Self> {
        /// The shared memory file of the log could not be made longer: that is what a full disk looks like there.
        const IOERR_SHMSIZE: u32 = 4874;
        let reason = cause.message().to_owned();
        match (code & 0xff, code) {
            (13, _) | (_, IOERR_SHMSIZE) => Some(Self::Full { place }),
            (8, _) => Some(Self::ReadOnly { place }),
            (11 | 26, _) => Some(Self::Corrupt { place, reason }),
            (5 | 6, _) => Some(Self::Busy { place, reason }),
            (14, _) => Some(Self::Unreachable { place, reason }),
            _ if cause.is_unique_violation() => Some(Self::Conflict { what: reason }),
            _ => None,
        }
    }

    /// SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html).
    fn of_postgres(code: &str, cause: &dyn DatabaseError, place: String, after: Duration) -> Option<Self> {
        let reason = cause.message().to_owned();
        match code {
            "57014" => Some(Self::Timeout { place, after }),
            "53100" => Some(Self::Full { place }),
            "25006" => Some(Self::ReadOnly { place }),
            "40001" | "40P01" | "53300" | "55P03" => Some(Self::Busy { place, reason }),
            "3D000" | "25P03" => Some(Self::Unreachable { place, reason }),
            "23505" => {
                Some(Self::Conflict { what: cause.constraint().map_or(reason.clone(), str::to_owned) })
            }
            "XX001" | "XX002" => Some(Self::Corrupt { place, reason }),
            _ if ["08", "28", "57"].iter().any(|class| code.starts_with(class)) => {
                Some(Self::Unreachable { place, reason })
            }
            _ => None,
        }
    }
}
