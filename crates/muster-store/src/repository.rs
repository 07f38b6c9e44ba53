//! Remote repositories: added by their address, of which each identity exists once, however many add it at the same
//! moment. What is listed stands in columns; derived facts of the history lie apart (`history`).

use std::collections::{BTreeMap, HashMap};

use muster_model::{
    RemoteUrl, RepoId, Timestamp,
    category::Category,
    repository::{Level, Processing, Repository, Step},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
    sea_query::{LockType, OnConflict},
};

use crate::{
    entity::{alert, history, repository, repository_tag, revision, watch},
    error::StoreError,
    number::Counter,
    store::Store,
    text,
    tx::Tx,
};

/// Rows of one statement: twenty-five variables each, SQLite takes 32,766.
const ROWS: usize = 1000;

/// A repository to be added.
#[derive(Debug, Clone)]
pub struct NewRepository {
    /// Its id, if it is not there yet.
    pub id: RepoId,
    /// Where it is.
    pub url: RemoteUrl,
    /// How much shall be learned of it.
    pub level: Level,
    /// The steps of its processing.
    pub steps: Vec<Step>,
    /// What it is for, as a person said.
    pub category: Option<Category>,
    /// Words a person gave it.
    pub tags: Vec<String>,
}

/// What became of a [`NewRepository`].
#[derive(Debug, Clone, PartialEq)]
pub struct AddedRepository {
    /// The repository as it is stored.
    pub repository: Repository,
    /// It was not there before.
    pub is_new: bool,
}

/// A page of repositories.
#[derive(Debug, Clone, Default)]
pub struct RepositoryPage {
    /// By number.
    pub repositories: Vec<Repository>,
    /// The number after which the next page begins; `None` on the last one.
    pub next: Option<i64>,
    /// Repositories that fit.
    pub total: u64,
}

impl Store {
    /// The repository with this id.
    pub async fn repository(&self, id: RepoId) -> Result<Option<Repository>, StoreError> {
        self.repository_where(Condition::all().add(repository::Column::Id.eq(id.to_string()))).await
    }

    /// The repository with this public number.
    pub async fn repository_numbered(&self, number: i64) -> Result<Option<Repository>, StoreError> {
        self.repository_where(Condition::all().add(repository::Column::Number.eq(number))).await
    }

    /// The repository at this address, in whatever spelling.
    pub async fn repository_at(&self, url: &RemoteUrl) -> Result<Option<Repository>, StoreError> {
        self.repository_where(Condition::all().add(repository::Column::Identity.eq(url.identity()))).await
    }

    /// The repositories with this owner and name, of whatever host, oldest first; at most ten.
    pub async fn repositories_called(&self, owner: &str, name: &str) -> Result<Vec<Repository>, StoreError> {
        use repository::Column;
        let query = repository::Entity::find()
            .filter(Condition::all().add(Column::Owner.eq(owner)).add(Column::Name.eq(name)))
            .order_by_asc(Column::Number)
            .limit(10);
        self.read(async { query.all(self.reader()).await?.into_iter().map(from_row).collect() }).await
    }

    /// Ids of all repositories, ordered.
    pub async fn repository_ids(&self) -> Result<Vec<RepoId>, StoreError> {
        let query = repository::Entity::find()
            .select_only()
            .column(repository::Column::Id)
            .order_by_asc(repository::Column::Id)
            .into_tuple::<String>();
        self.read(async { query.all(self.reader()).await?.iter().map(|id| text::parse(id)).collect() }).await
    }

    /// Repositories by number, from after one on, `limit` at most: all, or those in one state, or watched by one person.
    pub async fn repository_list(
        &self,
        processing: Option<Processing>,
        added_by: Option<&str>,
        after: Option<i64>,
        limit: u64,
    ) -> Result<RepositoryPage, StoreError> {
        use repository::Column;
        let mut these = Condition::all();
        if let Some(processing) = processing {
            these = these.add(Column::Processing.eq(processing.as_str()));
        }
        if let Some(added_by) = added_by {
            let watched = watch::Entity::find()
                .select_only()
                .column(watch::Column::Repository)
                .filter(watch::Column::AddedBy.eq(added_by))
                .into_query();
            these = these.add(Column::Id.in_subquery(watched));
        }
        self.read(async {
            let total = repository::Entity::find().filter(these.clone()).count(self.reader()).await?;
            let query = repository::Entity::find()
                .filter(these.add(Column::Number.gt(after.unwrap_or(0))))
                .order_by_asc(Column::Number)
                .limit(limit + 1);
            let rows = query.all(self.reader()).await?;
            let is_more = rows.len() as u64 > limit;
            let mut repositories = rows.into_iter().map(from_row).collect::<Result<Vec<_>, _>>()?;
            if is_more {
                repositories.pop();
            }
            let next = repositories.last().filter(|_| is_more).map(|last| last.number);
            Ok(RepositoryPage { repositories, next, total })
        })
        .await
    }

    /// Numbers of repositories that are gone and whose commits are still here.
    pub async fn commits_orphaned(&self) -> Result<Vec<i64>, StoreError> {
        let known = repository::Entity::find().select_only().column(repository::Column::Number).into_query();
        let query = revision::Entity::find()
            .select_only()
            .column(revision::Column::Repository)
            .distinct()
            .filter(revision::Column::Repository.not_in_subquery(known))
            .into_tuple();
        self.read(query.all(self.reader())).await
    }

    async fn repository_where(&self, condition: Condition) -> Result<Option<Repository>, StoreError> {
        let query = repository::Entity::find().filter(condition);
        self.read(async { query.one(self.reader()).await?.map(from_row).transpose() }).await
    }
}

impl Tx {
    /// Adds repositories; one that is there already, in whatever spelling, is answered as it is. Answers in the order
    /// of what was given.
    pub async fn repository_add(
        &mut self,
        new: &[NewRepository],
        now: Timestamp,
    ) -> Result<Vec<AddedRepository>, StoreError> {
        self.repository_write(new, now).await.map_err(|error| self.fail(error))
    }

    async fn repository_write(
        &mut self,
        new: &[NewRepository],
        now: Timestamp,
    ) -> Result<Vec<AddedRepository>, DbErr> {
        // By identity, so that two transactions on PostgreSQL meet their common rows in the same order.
        let mut by_identity: BTreeMap<String, &NewRepository> = BTreeMap::new();
        for repository in new {
            by_identity.entry(repository.url.identity()).or_insert(repository);
        }
        let mut stored = HashMap::new();
        self.repository_read(by_identity.keys(), &mut stored).await?;
        let missing: Vec<_> =
            by_identity.iter().filter(|(identity, _)| !stored.contains_key(*identity)).collect();
        let numbers = self.numbers(Counter::ProjectNumber, missing.len()).await?;
        let rows: Vec<_> = missing
            .iter()
            .zip(numbers)
            .map(|((identity, repository), number)| new_row(identity, repository, number, now))
            .collect::<Result<_, _>>()?;
        for chunk in rows.chunks(ROWS) {
            // Another node may have added one in this moment: then its row counts, and is read below.
            repository::Entity::insert_many(chunk.to_vec())
                .on_conflict(OnConflict::column(repository::Column::Identity).do_nothing().to_owned())
                .exec_without_returning(self.connection())
                .await?;
        }
        self.repository_read(missing.iter().map(|(identity, _)| *identity), &mut stored).await?;
        let added = missing.iter().filter_map(|(identity, new)| {
            let repository = stored.get(identity.as_str()).filter(|stored| stored.id == new.id)?;
            Some((repository.id, repository.tags.as_slice()))
        });
        self.tags_insert(added).await?;
        let answer = |new: &NewRepository| {
            let repository = stored.get(&new.url.identity()).cloned();
            let repository = repository.ok_or_else(|| DbErr::RecordNotInserted)?;
            let is_new = repository.id == new.id;
            Ok(AddedRepository { repository, is_new })
        };
        new.iter().map(answer).collect()
    }

    async fn repository_read(
        &self,
        identities: impl Iterator<Item = &String>,
        into: &mut HashMap<String, Repository>,
    ) -> Result<(), DbErr> {
        let identities: Vec<&String> = identities.collect();
        for chunk in identities.chunks(ROWS) {
            let filter = repository::Column::Identity.is_in(chunk.iter().copied());
            // Kept from going until this transaction ends; changing it is nobody else's loss.
            let query = repository::Entity::find()
                .filter(filter)
                .order_by_asc(repository::Column::Identity)
                .lock(LockType::KeyShare);
            for row in query.all(self.connection()).await? {
                into.insert(row.identity.clone(), from_row(row)?);
            }
        }
        Ok(())
    }

    /// The repository, locked until this transaction ends: whoever reads it here and puts it back loses nobody's change.
    pub async fn repository(&mut self, id: RepoId) -> Result<Option<Repository>, StoreError> {
        let query = repository::Entity::find_by_id(id.to_string()).lock(LockType::NoKeyUpdate);
        let read = async { query.one(self.connection()).await?.map(from_row).transpose() };
        read.await.map_err(|error| self.fail(error))
    }

    /// Holds the repository alone, so that it can go: nobody adds a watch before this transaction ends. False if it is
    /// gone already.
    pub async fn repository_hold(&mut self, id: RepoId) -> Result<bool, StoreError> {
        let query = repository::Entity::find_by_id(id.to_string()).lock_exclusive();
        let held = query.one(self.connection()).await;
        held.map(|row| row.is_some()).map_err(|error| self.fail(error))
    }

    /// Puts the repository as it is now, except for its address and number. False if it is gone.
    pub async fn repository_put(&mut self, repository: &Repository) -> Result<bool, StoreError> {
        let put = async {
            let row = to_row(repository)?;
            let query = repository::Entity::update_many()
                .set(row)
                .filter(repository::Column::Id.eq(repository.id.to_string()));
            let is_there = query.exec(self.connection()).await?.rows_affected > 0;
            if is_there {
                self.tags_put(repository).await?;
            }
            Ok::<_, DbErr>(is_there)
        };
        put.await.map_err(|error| self.fail(error))
    }

    /// Makes the rows of its tags what the repository says. They seldom differ: it is put with each step of its work.
    async fn tags_put(&self, repository: &Repository) -> Result<(), DbErr> {
        use repository_tag::{Column, Entity};
        let id = repository.id.to_string();
        let query = Entity::find().filter(Column::Repository.eq(&id)).order_by_asc(Column::Tag);
        let stored = query.all(self.connection()).await?;
        if stored.iter().map(|row| &row.tag).eq(repository.tags.iter()) {
            return Ok(());
        }
        Entity::delete_many().filter(Column::Repository.eq(&id)).exec(self.connection()).await?;
        self.tags_insert([(repository.id, repository.tags.as_slice())].into_iter()).await
    }

    async fn tags_insert(&self, tags: impl Iterator<Item = (RepoId, &[String])>) -> Result<(), DbErr> {
        let row = |id: RepoId, tag: &String| repository_tag::ActiveModel {
            repository: Set(id.to_string()),
            tag: Set(tag.clone()),
        };
        let rows: Vec<_> = tags.flat_map(|(id, tags)| tags.iter().map(move |tag| row(id, tag))).collect();
        let once = OnConflict::columns([repository_tag::Column::Repository, repository_tag::Column::Tag])
            .do_nothing()
            .to_owned();
        for chunk in rows.chunks(ROWS) {
            repository_tag::Entity::insert_many(chunk.to_vec())
                .on_conflict(once.clone())
                .exec_without_returning(self.connection())
                .await?;
        }
        Ok(())
    }

    /// Takes the repository out with all that hangs on it but its commits, of which there may be too many for one
    /// transaction: [`Tx::commits_remove`]. False if it was not there.
    pub async fn repository_remove(&mut self, id: RepoId) -> Result<bool, StoreError> {
        let remove = async {
            let id = id.to_string();
            let connection = self.connection();
            watch::Entity::delete_many().filter(watch::Column::Repository.eq(&id)).exec(connection).await?;
            alert::Entity::delete_many().filter(alert::Column::Repository.eq(&id)).exec(connection).await?;
            repository_tag::Entity::delete_many()
                .filter(repository_tag::Column::Repository.eq(&id))
                .exec(connection)
                .await?;
            history::Entity::delete_by_id(&id).exec(connection).await?;
            let done = repository::Entity::delete_by_id(&id).exec(connection).await?;
            Ok::<_, DbErr>(done.rows_affected > 0)
        };
        remove.await.map_err(|error| self.fail(error))
    }
}

fn new_row(
    identity: &str,
    new: &NewRepository,
    number: i64,
    now: Timestamp,
) -> Result<repository::ActiveModel, DbErr> {
    let mut tags = new.tags.clone();
    tags.sort();
    tags.dedup();
    let repository = Repository {
        id: new.id,
        number,
        url: new.url.clone(),
        level: new.level,
        processing: Processing::Processing,
        is_refreshing: false,
        steps: new.steps.clone(),
        last_error: None,
        created_at: now,
        updated_at: now,
        processing_started_at: now,
        processing_completed_at: None,
        refs: None,
        refs_at: None,
        backfilled: None,
        commits: 0,
        last_commit_at: None,
        activity_score: None,
        bus_factor: None,
        category: new.category,
        tags,
    };
    Ok(repository::ActiveModel {
        id: Set(new.id.to_string()),
        number: Set(number),
        identity: Set(identity.to_owned()),
        url: Set(new.url.to_string()),
        host: Set(new.url.host().to_owned()),
        owner: Set(new.url.owner().unwrap_or_default().to_owned()),
        name: Set(new.url.name().to_owned()),
        created_at: Set(text::micros(now)),
        ..to_row(&repository)?
    })
}

/// The columns that change.
fn to_row(repository: &Repository) -> Result<repository::ActiveModel, DbErr> {
    Ok(repository::ActiveModel {
        level: Set(repository.level.as_str().to_owned()),
        processing: Set(repository.processing.as_str().to_owned()),
        is_refreshing: Set(i64::from(repository.is_refreshing)),
        steps: Set(text::json(&repository.steps)?),
        last_error: Set(repository.last_error.clone()),
        updated_at: Set(text::micros(repository.updated_at)),
        processing_started_at: Set(text::micros(repository.processing_started_at)),
        processing_completed_at: Set(repository.processing_completed_at.map(text::micros)),
        refs: Set(repository.refs.as_ref().map(text::json).transpose()?),
        refs_at: Set(repository.refs_at.map(text::micros)),
        backfilled: Set(repository.backfilled.as_ref().map(text::json).transpose()?),
        commits: Set(repository.commits),
        last_commit_at: Set(repository.last_commit_at.map(text::micros)),
        activity_score: Set(repository.activity_score),
        bus_factor: Set(repository.bus_factor),
        category: Set(repository.category.map(|category| category.as_str().to_owned())),
        tags: Set(text::json(&repository.tags)?),
        ..repository::ActiveModel::default()
    })
}

pub(crate) fn from_row(row: repository::Model) -> Result<Repository, DbErr> {
    let time = |at: Option<i64>| at.map(text::from_micros).transpose();
    Ok(Repository {
        id: text::parse(&row.id)?,
        number: row.number,
        url: RemoteUrl::parse(&row.url).map_err(|error| DbErr::Type(error.to_string()))?,
        level: word(&row.level, Level::of_word)?,
        processing: word(&row.processing, Processing::of_word)?,
        is_refreshing: row.is_refreshing != 0,
        steps: text::from_json(&row.steps)?,
        last_error: row.last_error,
        created_at: text::from_micros(row.created_at)?,
        updated_at: text::from_micros(row.updated_at)?,
        processing_started_at: text::from_micros(row.processing_started_at)?,
        processing_completed_at: time(row.processing_completed_at)?,
        refs: row.refs.as_deref().map(text::from_json).transpose()?,
        refs_at: time(row.refs_at)?,
        backfilled: row.backfilled.as_deref().map(text::from_json).transpose()?,
        commits: row.commits,
        last_commit_at: time(row.last_commit_at)?,
        activity_score: row.activity_score,
        bus_factor: row.bus_factor,
        category: row.category.as_deref().map(|text| word(text, Category::of_word)).transpose()?,
        tags: text::from_json(&row.tags)?,
    })
}

/// A word of a closed list.
pub(crate) fn word<T>(text: &str, of_word: impl Fn(&str) -> Option<T>) -> Result<T, DbErr> {
    of_word(text).ok_or_else(|| DbErr::Type(format!("'{text}' is no word of this muster")))
}
