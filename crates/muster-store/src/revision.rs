//! Commits of remote repositories. A row holds the commit with what it did to each file: what is asked of commits is
//! asked of whole repositories, so files need no table of their own, which would have ten times the rows.

mod day;

use std::collections::{HashMap, HashSet};

use muster_model::{
    Timestamp,
    commit::{ChangeSize, Commit, FileChange, Signature},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, DbErr, EntityTrait, Iterable, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict, SimpleExpr},
};

use crate::{entity::revision, error::StoreError, store::Store, text, tx::Tx};

pub use day::DayCount;

/// Rows of one statement: sixteen variables each.
const ROWS: usize = 1000;
/// Rows that are read at once; their messages may have 64 KiB each.
const PAGE: u64 = 500;
/// Commits, and bytes of what they did to files, that are read at once.
const MOST_COMMITS: usize = 1000;
const MOST_BYTES: i64 = 4 << 20;

/// A place between the commits of a repository, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitPlace {
    /// When the commit before this place was committed.
    pub committed_at: Timestamp,
    /// Its id.
    pub id: String,
}

/// A page of commits.
#[derive(Debug, Clone, Default)]
pub struct CommitPage {
    /// Newest first.
    pub commits: Vec<Commit>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<CommitPlace>,
}

impl Store {
    /// Commits of a repository, newest first, from a place on; `limit` of them at most, and fewer if they changed very
    /// many files, but never none while there are some.
    pub async fn commits_page(
        &self,
        repository: i64,
        from: Option<&CommitPlace>,
        limit: u64,
    ) -> Result<CommitPage, StoreError> {
        use revision::Column;
        let mut these = Condition::all().add(Column::Repository.eq(repository));
        if let Some(place) = from {
            let at = text::micros(place.committed_at);
            let as_old =
                Condition::all().add(Column::CommittedAt.eq(at)).add(Column::Id.lt(place.id.as_str()));
            these = these.add(Condition::any().add(Column::CommittedAt.lt(at)).add(as_old));
        }
        // What a page weighs is known before any of it is loaded.
        let weights = revision::Entity::find()
            .select_only()
            .column(Column::Id)
            .expr_as(weight(), "weight")
            .filter(these)
            .order_by_desc(Column::CommittedAt)
            .order_by_desc(Column::Id)
            .limit(limit + 1)
            .into_tuple::<(String, i64)>();
        self.read(async {
            let mut ids = weights.all(self.reader()).await?;
            let fits = bearable(ids.iter().map(|(_, weight)| *weight))
                .min(usize::try_from(limit).unwrap_or(usize::MAX));
            let is_more = ids.len() > fits;
            ids.truncate(fits);
            let query = revision::Entity::find()
                .filter(Column::Repository.eq(repository))
                .filter(Column::Id.is_in(ids.into_iter().map(|(id, _)| id)))
                .order_by_desc(Column::CommittedAt)
                .order_by_desc(Column::Id);
            let rows = query.all(self.reader()).await?;
            let commits = rows.into_iter().map(from_row).collect::<Result<Vec<_>, _>>()?;
            let last = commits.last().filter(|_| is_more);
            let next = last.map(|last| CommitPlace { committed_at: last.committer.at, id: last.id.clone() });
            Ok(CommitPage { commits, next })
        })
        .await
    }

    /// All commits of a repository without their files, in no order. Of messages the first line is left.
    pub async fn commits_in_short(&self, repository: i64) -> Result<Vec<Commit>, StoreError> {
        use revision::Column;
        let (mut commits, mut after) = (Vec::new(), String::new());
        loop {
            let page = revision::Entity::find()
                .select_only()
                .columns(Column::iter().filter(|column| !matches!(column, Column::Files)))
                .expr_as(Expr::value("[]"), "files")
                .filter(Column::Repository.eq(repository))
                .filter(Column::Id.gt(after.as_str()))
                .order_by_asc(Column::Id)
                .limit(PAGE)
                .into_model::<revision::Model>();
            let page = self
                .read(async {
                    let rows = page.all(self.reader()).await?;
                    rows.into_iter().map(from_row).collect::<Result<Vec<_>, DbErr>>()
                })
                .await?;
            let Some(last) = page.last() else { return Ok(commits) };
            after.clone_from(&last.id);
            commits.extend(
                page.into_iter().map(|commit| Commit { message: commit.subject().to_owned(), ..commit }),
            );
        }
    }

    /// What commits of a repository did to files, of as many of them as are bearable at once, from the first on; at least
    /// of one. Those that are not there are left out.
    pub async fn commits_files(
        &self,
        repository: i64,
        commits: &[&Commit],
    ) -> Result<(usize, HashMap<String, Vec<FileChange>>), StoreError> {
        use revision::Column;
        let ids = || commits.iter().take(MOST_COMMITS).map(|commit| commit.id.as_str());
        let of_these = Condition::all().add(Column::Repository.eq(repository)).add(Column::Id.is_in(ids()));
        let weights = revision::Entity::find()
            .select_only()
            .column(Column::Id)
            .expr_as(weight(), "weight")
            .filter(of_these)
            .into_tuple::<(String, i64)>();
        let weights: HashMap<String, i64> =
            self.read(async { Ok(weights.all(self.reader()).await?.into_iter().collect()) }).await?;
        let count = bearable(ids().map(|id| weights.get(id).copied().unwrap_or(0))).min(commits.len());
        let query = revision::Entity::find()
            .select_only()
            .columns([Column::Id, Column::Files])
            .filter(Column::Repository.eq(repository))
            .filter(Column::Id.is_in(commits[..count].iter().map(|commit| commit.id.as_str())))
            .into_tuple::<(String, String)>();
        let found = self
            .read(async {
                let rows = query.all(self.reader()).await?;
                rows.into_iter()
                    .map(|(id, files)| Ok((id, text::from_json(&files)?)))
                    .collect::<Result<_, DbErr>>()
            })
            .await?;
        Ok((count, found))
    }

    /// Ids of all commits of a repository that are stored.
    pub async fn commit_ids(&self, repository: i64) -> Result<HashSet<String>, StoreError> {
        self.ids(Condition::all().add(revision::Column::Repository.eq(repository))).await
    }

    /// Ids of the commits of a repository that were stored since [`Tx::commits_known`].
    pub async fn commits_new(&self, repository: i64) -> Result<HashSet<String>, StoreError> {
        let of_this = Condition::all().add(revision::Column::Repository.eq(repository));
        self.ids(of_this.add(revision::Column::IsNew.eq(1))).await
    }

    async fn ids(&self, these: Condition) -> Result<HashSet<String>, StoreError> {
        let query = revision::Entity::find().select_only().column(revision::Column::Id).filter(these);
        let query = query.into_tuple::<String>();
        self.read(async { Ok(query.all(self.reader()).await?.into_iter().collect()) }).await
    }
}

impl Tx {
    /// Puts commits of a repository; one that is there already is replaced by the same.
    pub async fn commits_put(&mut self, repository: i64, commits: &[Commit]) -> Result<(), StoreError> {
        let put = async {
            use revision::Column;

            for chunk in commits.chunks(ROWS) {
                let rows =
                    chunk.iter().map(|commit| to_row(repository, commit)).collect::<Result<Vec<_>, _>>()?;
                let replace = OnConflict::columns([Column::Repository, Column::Id])
                    .update_columns([
                        Column::AuthorName,
                        Column::AuthorEmail,
                        Column::CommitterName,
                        Column::CommitterEmail,
                        Column::FilesChanged,
                        Column::Insertions,
                        Column::Deletions,
                        Column::Files,
                    ])
                    .to_owned();
                revision::Entity::insert_many(rows)
                    .on_conflict(replace)
                    .exec_without_returning(self.connection())
                    .await?;
                let times = chunk.iter().map(|commit| text::micros(commit.committer.at));
                day::recount(self.connection(), repository, times).await?;
            }
            Ok(())
        };
        put.await.map_err(|error| self.fail(error))
    }

    /// What is stored of a repository is no longer new: it was looked at. Also after a crash in between nothing is looked
    /// at twice or never.
    pub async fn commits_known(&mut self, repository: i64) -> Result<u64, StoreError> {
        let known = revision::ActiveModel { is_new: Set(0), ..revision::ActiveModel::default() };
        let query = revision::Entity::update_many()
            .set(known)
            .filter(revision::Column::Repository.eq(repository))
            .filter(revision::Column::IsNew.eq(1));
        let done = query.exec(self.connection()).await;
        done.map(|done| done.rows_affected).map_err(|error| self.fail(error))
    }

    /// Takes commits of a repository out.
    pub async fn commits_forget(&mut self, repository: i64, ids: &[String]) -> Result<u64, StoreError> {
        use revision::Column;
        let forget = async {
            let mut removed = 0;
            for ids in ids.chunks(ROWS) {
                let these =
                    Condition::all().add(Column::Repository.eq(repository)).add(Column::Id.is_in(ids));
                let times = revision::Entity::find()
                    .select_only()
                    .column(Column::CommittedAt)
                    .filter(these.clone())
                    .into_tuple::<i64>()
                    .all(self.connection())
                    .await?;
                let done = revision::Entity::delete_many().filter(these).exec(self.connection()).await?;
                removed += done.rows_affected;
                day::recount(self.connection(), repository, times.into_iter()).await?;
            }
            Ok(removed)
        };
        forget.await.map_err(|error| self.fail(error))
    }

    /// Takes out commits of a repository that is gone, `limit` at most, the oldest first; says how many it was.
    pub async fn commits_remove(&mut self, repository: i64, limit: u64) -> Result<u64, StoreError> {
        let ids = revision::Entity::find()
            .select_only()
            .column(revision::Column::Id)
            .filter(revision::Column::Repository.eq(repository))
            .order_by_asc(revision::Column::CommittedAt)
            .limit(limit)
            .into_tuple::<String>()
            .all(self.connection())
            .await
            .map_err(|error| self.fail(error))?;
        self.commits_forget(repository, &ids).await
    }
}

/// Bytes of what a commit did to files, without loading them.
fn weight() -> SimpleExpr {
    Expr::cust("CAST(OCTET_LENGTH(files) AS BIGINT)")
}

/// How many from the first on are read at once, given the weight of each; at least one.
fn bearable(weights: impl Iterator<Item = i64>) -> usize {
    let mut sum = 0_i64;
    let summed = weights.map(|weight| {
        sum = sum.saturating_add(weight);
        sum
    });
    summed.take(MOST_COMMITS).take_while(|&sum| sum <= MOST_BYTES).count().max(1)
}

fn to_row(repository: i64, commit: &Commit) -> Result<revision::ActiveModel, DbErr> {
    let size = commit.size;
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    Ok(revision::ActiveModel {
        repository: Set(repository),
        id: Set(commit.id.clone()),
        parents: Set(commit.parents.join(" ")),
        author_name: Set(commit.author.name.clone()),
        author_email: Set(commit.author.email.clone()),
        authored_at: Set(text::micros(commit.author.at)),
        author_offset: Set(commit.author.offset_minutes.into()),
        committer_name: Set(commit.committer.name.clone()),
        committer_email: Set(commit.committer.email.clone()),
        committed_at: Set(text::micros(commit.committer.at)),
        committer_offset: Set(commit.committer.offset_minutes.into()),
        message: Set(commit.message.clone()),
        files_changed: Set(size.map(|size| number(size.files))),
        insertions: Set(size.map(|size| number(size.insertions))),
        deletions: Set(size.map(|size| number(size.deletions))),
        files: Set(text::json(&commit.files)?),
        is_new: Set(1),
    })
}

fn from_row(row: revision::Model) -> Result<Commit, DbErr> {
    let number = |value: i64| u64::try_from(value).unwrap_or_default();
    let size = match (row.files_changed, row.insertions, row.deletions) {
        (Some(files), Some(insertions), Some(deletions)) => Some(ChangeSize {
            files: number(files),
            insertions: number(insertions),
            deletions: number(deletions),
        }),
        _ => None,
    };
    let signature = |name, email, at, offset: i64| {
        let offset_minutes = i32::try_from(offset).unwrap_or_default();
        Ok::<_, DbErr>(Signature { name, email, at: text::from_micros(at)?, offset_minutes })
    };
    Ok(Commit {
        id: row.id,
        parents: row.parents.split_whitespace().map(str::to_owned).collect(),
        author: signature(row.author_name, row.author_email, row.authored_at, row.author_offset)?,
        committer: signature(
            row.committer_name,
            row.committer_email,
            row.committed_at,
            row.committer_offset,
        )?,
        message: row.message,
        size,
        files: text::from_json(&row.files)?,
    })
}
