//! Numbers that are given out: from a row of `counter` on SQLite, from a sequence on PostgreSQL.

use sea_orm::{ConnectionTrait, DbErr, Statement};

use crate::{config::DatabaseKind, tx::Tx};

impl Tx {
    /// New numbers. On PostgreSQL from a sequence, which keeps no other transaction waiting and may leave gaps.
    pub(crate) async fn numbers(&mut self, counter: Counter, count: usize) -> Result<Vec<i64>, DbErr> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let connection = self.connection();
        let backend = connection.get_database_backend();
        match self.kind() {
            DatabaseKind::Sqlite => {
                let raise = Statement::from_sql_and_values(
                    backend,
                    "UPDATE counter SET value = value + $1 WHERE name = $2 RETURNING value",
                    [count.into(), counter.name().into()],
                );
                let row = connection.query_one_raw(raise).await?;
                let row = row.ok_or_else(|| DbErr::RecordNotFound(counter.name().into()))?;
                let last: i64 = row.try_get_by_index(0)?;
                Ok((last - count + 1..=last).collect())
            }
            DatabaseKind::Postgres => {
                let next = Statement::from_sql_and_values(
                    backend,
                    "SELECT nextval($1::text::regclass) FROM generate_series(1, $2::bigint)",
                    [counter.name().into(), count.into()],
                );
                let rows = connection.query_all_raw(next).await?;
                rows.iter().map(|row| row.try_get_by_index(0)).collect()
            }
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Counter {
    /// Public numbers of projects and repositories, which share them: a number names one thing.
    ProjectNumber,
    /// Of what is known of projects.
    ProjectRevision,
}

impl Counter {
    /// Of the row of `counter` on SQLite, of the sequence on PostgreSQL.
    fn name(self) -> &'static str {
        match self {
            Self::ProjectNumber => "project_number_seq",
            Self::ProjectRevision => "project_revision_seq",
        }
    }
}
