//! Commits by day: a row for each repository and day, kept beside the commits by whoever writes those, in the same
//! transaction. So the sum over everything reads days and not commits. Days are UTC.

use muster_model::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};

use crate::{error::StoreError, store::Store, text};

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

/// Commits of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCount {
    /// The day's first moment, UTC.
    pub day: Timestamp,
    /// Commits.
    pub commits: i64,
    /// Repositories with any.
    pub repositories: i64,
    /// Lines added; merges have none.
    pub insertions: i64,
    /// Lines removed.
    pub deletions: i64,
}

impl Store {
    /// Commits of all repositories, counted by day (UTC), oldest first, from the day of `since` on.
    pub async fn commits_by_day(&self, since: Timestamp) -> Result<Vec<DayCount>, StoreError> {
        let sql = "SELECT day, CAST(SUM(commits) AS BIGINT), CAST(COUNT(*) AS BIGINT), \
                   CAST(SUM(insertions) AS BIGINT), CAST(SUM(deletions) AS BIGINT) \
                   FROM revision_day WHERE day >= $1 GROUP BY day ORDER BY day";
        self.read(async {
            let backend = self.reader().get_database_backend();
            let query = Statement::from_sql_and_values(backend, sql, [day(text::micros(since)).into()]);
            let rows = self.reader().query_all_raw(query).await?;
            let read = |row: &sea_orm::QueryResult| {
                let day: i64 = row.try_get_by_index(0)?;
                Ok(DayCount {
                    day: text::from_micros(day * DAY)?,
                    commits: row.try_get_by_index(1)?,
                    repositories: row.try_get_by_index(2)?,
                    insertions: row.try_get_by_index(3)?,
                    deletions: row.try_get_by_index(4)?,
                })
            };
            rows.iter().map(read).collect()
        })
        .await
    }
}

/// Counts the days anew on which these commits of a repository lie, or lay. Between the first and the last of them all
/// are counted: commits come in the order of time, or nearly.
pub(super) async fn recount(
    connection: &DatabaseTransaction,
    repository: i64,
    committed_at: impl Iterator<Item = i64> + Clone,
) -> Result<(), DbErr> {
    let (Some(first), Some(last)) = (committed_at.clone().min(), committed_at.max()) else { return Ok(()) };
    let (first, last) = (day(first), day(last));
    let run = async |sql: &str, values: [i64; 3]| {
        let backend = connection.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, values.map(Into::into));
        connection.execute_raw(statement).await.map(drop)
    };
    let forget = "DELETE FROM revision_day WHERE repository = $1 AND day BETWEEN $2 AND $3";
    run(forget, [repository, first, last]).await?;
    let count = format!(
        "INSERT INTO revision_day (repository, day, commits, insertions, deletions) \
         SELECT repository, committed_at / {DAY}, COUNT(*), CAST(COALESCE(SUM(insertions), 0) AS BIGINT), \
         CAST(COALESCE(SUM(deletions), 0) AS BIGINT) FROM revision \
         WHERE repository = $1 AND committed_at BETWEEN $2 AND $3 GROUP BY repository, committed_at / {DAY} \
         ON CONFLICT (repository, day) DO UPDATE SET commits = excluded.commits, insertions = excluded.insertions, \
         deletions = excluded.deletions"
    );
    // A division goes towards zero, so the day before 1970 and the day after its beginning are one.
    let from = if first <= 0 { (first - 1) * DAY + 1 } else { first * DAY };
    let to = if last < 0 { last * DAY } else { (last + 1) * DAY - 1 };
    run(&count, [repository, from, to]).await
}

/// As both databases divide.
fn day(micros: i64) -> i64 {
    micros / DAY
}
