//! What was derived of a repository's history, as one document, and what its whole history says, as another. What stands
//! in them is the business of whoever derives them; a document of another format counts as not there, and is derived anew.

use muster_model::{RepoId, Timestamp};
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, sea_query::OnConflict};
use serde::{Serialize, de::DeserializeOwned};

use crate::{entity::history, error::StoreError, store::Store, text, tx::Tx};

/// Version of the document's shape and of the rules it was derived by. Raised when either changes.
pub const HISTORY_FORMAT: i64 = 1;

impl Store {
    /// What was derived, and when; `None` if nothing was, or by other rules.
    pub async fn history<T: DeserializeOwned>(
        &self,
        id: RepoId,
    ) -> Result<Option<(Timestamp, T)>, StoreError> {
        self.read(async {
            let Some(row) = history::Entity::find_by_id(id.to_string()).one(self.reader()).await? else {
                return Ok(None);
            };
            if row.format != HISTORY_FORMAT {
                return Ok(None);
            }
            Ok(Some((text::from_micros(row.computed_at)?, text::from_json(&row.document)?)))
        })
        .await
    }
}

impl Store {
    /// What the whole history says; `None` if it was not learned yet, or is written as another muster writes it.
    pub async fn history_all_time<T: DeserializeOwned>(&self, id: RepoId) -> Result<Option<T>, StoreError> {
        self.read(async {
            let row = history::Entity::find_by_id(id.to_string()).one(self.reader()).await?;
            let document = row.and_then(|row| row.all_time);
            Ok(document.and_then(|document| text::from_json(&document).ok()))
        })
        .await
    }
}

impl Tx {
    /// Puts what the whole history says, beside what was derived of the stored commits; nothing if that is gone.
    pub async fn history_put_all_time<T: Serialize>(
        &mut self,
        id: RepoId,
        document: &T,
    ) -> Result<(), StoreError> {
        let put = async {
            let row = history::ActiveModel {
                all_time: Set(Some(text::json(document)?)),
                ..history::ActiveModel::default()
            };
            let this = history::Column::Repository.eq(id.to_string());
            history::Entity::update_many().set(row).filter(this).exec(self.connection()).await?;
            Ok::<_, DbErr>(())
        };
        put.await.map_err(|error| self.fail(error))
    }

    /// Puts what was derived.
    pub async fn history_put<T: Serialize>(
        &mut self,
        id: RepoId,
        computed_at: Timestamp,
        document: &T,
    ) -> Result<(), StoreError> {
        let put = async {
            use history::Column;

            let row = history::ActiveModel {
                repository: Set(id.to_string()),
                format: Set(HISTORY_FORMAT),
                computed_at: Set(text::micros(computed_at)),
                document: Set(text::json(document)?),
                ..history::ActiveModel::default()
            };
            let replace = OnConflict::column(Column::Repository)
                .update_columns([Column::Format, Column::ComputedAt, Column::Document])
                .to_owned();
            history::Entity::insert(row)
                .on_conflict(replace)
                .exec_without_returning(self.connection())
                .await?;
            Ok::<_, DbErr>(())
        };
        put.await.map_err(|error| self.fail(error))
    }
}
