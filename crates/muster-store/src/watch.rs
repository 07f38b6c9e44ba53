//! Who watches which repository, with their words and alert settings. One watch per person and repository.

use std::collections::HashMap;

use muster_model::{
    RepoId, Timestamp, WatchId,
    alert::{AlertSettings, Watch},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, sea_query::OnConflict,
};

use crate::{
    entity::{alert, watch},
    error::StoreError,
    store::Store,
    text,
    tx::Tx,
};

/// Rows of one statement.
const ROWS: usize = 1000;

/// A watch to be added.
#[derive(Debug, Clone)]
pub struct NewWatch {
    /// Its id, if the person does not watch the repository yet.
    pub id: WatchId,
    /// What is watched.
    pub repository: RepoId,
    /// By whom.
    pub added_by: String,
    /// In their words; `None` leaves what is there.
    pub notes: Option<String>,
    /// What they want to be told; `None` leaves what is there.
    pub alerts: Option<AlertSettings>,
}

/// What became of a [`NewWatch`].
#[derive(Debug, Clone, PartialEq)]
pub struct AddedWatch {
    /// The watch as it is stored.
    pub watch: Watch,
    /// It was not there before.
    pub is_new: bool,
}

/// What is put anew of a watch; what is `None` stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct WatchChange<'a> {
    /// In their words.
    pub notes: Option<&'a str>,
    /// What they want to be told.
    pub alerts: Option<&'a AlertSettings>,
}

impl Store {
    /// The watch with this id.
    pub async fn watch(&self, id: WatchId) -> Result<Option<Watch>, StoreError> {
        let query = watch::Entity::find_by_id(id.to_string());
        self.read(async { query.one(self.reader()).await?.map(from_row).transpose() }).await
    }

    /// The watches over these repositories, oldest first. One statement for each thousand.
    pub async fn watches(&self, repositories: &[RepoId]) -> Result<Vec<Watch>, StoreError> {
        let mut watches = Vec::new();
        for ids in repositories.chunks(ROWS) {
            let query = watch::Entity::find()
                .filter(watch::Column::Repository.is_in(ids.iter().map(RepoId::to_string)))
                .order_by_asc(watch::Column::Id);
            let rows = self.read(query.all(self.reader())).await?;
            for row in rows {
                watches.push(self.read(async { from_row(row) }).await?);
            }
        }
        Ok(watches)
    }
}

impl Tx {
    /// Adds watches; who watches already keeps that watch, with what is given anew. Answers in the order of what was
    /// given.
    pub async fn watch_add(
        &mut self,
        new: &[NewWatch],
        now: Timestamp,
    ) -> Result<Vec<AddedWatch>, StoreError> {
        let mut stored = HashMap::new();
        let mut added = Vec::with_capacity(new.len());
        for chunk in new.chunks(ROWS) {
            self.watch_insert(chunk, now).await.map_err(|error| self.fail(error))?;
            self.watch_read(chunk, &mut stored).await.map_err(|error| self.fail(error))?;
        }
        for new in new {
            let key = (new.repository, new.added_by.clone());
            let Some(watch) = stored.get(&key).cloned() else {
                return Err(self.fail(DbErr::RecordNotInserted));
            };
            let is_new = watch.id == new.id;
            let notes = new.notes.as_deref().filter(|notes| *notes != watch.notes);
            let alerts = new.alerts.as_ref().filter(|alerts| **alerts != watch.alerts);
            let watch = if notes.is_none() && alerts.is_none() {
                watch
            } else {
                let changed = self.watch_change(watch.id, WatchChange { notes, alerts }, now).await?;
                changed.ok_or_else(|| self.fail(DbErr::RecordNotFound("the watch".to_owned())))?
            };
            stored.insert(key, watch.clone());
            added.push(AddedWatch { watch, is_new });
        }
        Ok(added)
    }

    async fn watch_insert(&self, new: &[NewWatch], now: Timestamp) -> Result<(), DbErr> {
        let row = |new: &NewWatch| {
            let watch = Watch {
                id: new.id,
                repository: new.repository,
                added_by: new.added_by.clone(),
                notes: new.notes.clone().unwrap_or_default(),
                alerts: new.alerts.clone().unwrap_or_default(),
                created_at: now,
                updated_at: now,
            };
            to_row(&watch)
        };
        let rows = new.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        let once =
            OnConflict::columns([watch::Column::Repository, watch::Column::AddedBy]).do_nothing().to_owned();
        watch::Entity::insert_many(rows).on_conflict(once).exec_without_returning(self.connection()).await?;
        Ok(())
    }

    async fn watch_read(
        &self,
        new: &[NewWatch],
        into: &mut HashMap<(RepoId, String), Watch>,
    ) -> Result<(), DbErr> {
        let of_one = |new: &NewWatch| {
            Condition::all()
                .add(watch::Column::Repository.eq(new.repository.to_string()))
                .add(watch::Column::AddedBy.eq(new.added_by.as_str()))
        };
        // A hundred alternatives at once: each is one look into the unique index.
        for chunk in new.chunks(100) {
            let any = chunk.iter().fold(Condition::any(), |any, new| any.add(of_one(new)));
            for row in watch::Entity::find().filter(any).all(self.connection()).await? {
                let watch = from_row(row)?;
                into.insert((watch.repository, watch.added_by.clone()), watch);
            }
        }
        Ok(())
    }

    /// Changes what is given of a watch and leaves the rest as somebody else may have just put it. Answers the watch as
    /// it is then; `None` if it is gone.
    pub async fn watch_change(
        &mut self,
        id: WatchId,
        change: WatchChange<'_>,
        now: Timestamp,
    ) -> Result<Option<Watch>, StoreError> {
        let put = async {
            let mut row =
                watch::ActiveModel { updated_at: Set(text::micros(now)), ..watch::ActiveModel::default() };
            if let Some(notes) = change.notes {
                row.notes = Set(notes.to_owned());
            }
            if let Some(alerts) = change.alerts {
                row.alerts = Set(text::json(alerts)?);
            }
            let of_this = watch::Column::Id.eq(id.to_string());
            watch::Entity::update_many().set(row).filter(of_this.clone()).exec(self.connection()).await?;
            watch::Entity::find().filter(of_this).one(self.connection()).await?.map(from_row).transpose()
        };
        put.await.map_err(|error: DbErr| self.fail(error))
    }

    /// Takes out the watch of this person, with what its settings found; of everybody when none is named. Says how many
    /// were there, and how many are left.
    pub async fn watch_remove(
        &mut self,
        repository: RepoId,
        added_by: Option<&str>,
    ) -> Result<(u64, u64), StoreError> {
        let remove = async {
            let mut these = Condition::all().add(watch::Column::Repository.eq(repository.to_string()));
            if let Some(added_by) = added_by {
                these = these.add(watch::Column::AddedBy.eq(added_by));
            }
            let connection = self.connection();
            let ids = watch::Entity::find().select_only().column(watch::Column::Id).filter(these.clone());
            alert::Entity::delete_many()
                .filter(alert::Column::Watch.in_subquery(ids.into_query()))
                .exec(connection)
                .await?;
            let removed = watch::Entity::delete_many().filter(these).exec(connection).await?.rows_affected;
            let left = watch::Entity::find().filter(watch::Column::Repository.eq(repository.to_string()));
            Ok::<_, DbErr>((removed, left.count(connection).await?))
        };
        remove.await.map_err(|error| self.fail(error))
    }
}

fn to_row(watch: &Watch) -> Result<watch::ActiveModel, DbErr> {
    Ok(watch::ActiveModel {
        id: Set(watch.id.to_string()),
        repository: Set(watch.repository.to_string()),
        added_by: Set(watch.added_by.clone()),
        notes: Set(watch.notes.clone()),
        alerts: Set(text::json(&watch.alerts)?),
        created_at: Set(text::micros(watch.created_at)),
        updated_at: Set(text::micros(watch.updated_at)),
    })
}

fn from_row(row: watch::Model) -> Result<Watch, DbErr> {
    Ok(Watch {
        id: text::parse(&row.id)?,
        repository: text::parse(&row.repository)?,
        added_by: row.added_by,
        notes: row.notes,
        alerts: text::from_json(&row.alerts)?,
        created_at: text::from_micros(row.created_at)?,
        updated_at: text::from_micros(row.updated_at)?,
    })
}
