//! What was derived of a repository's history, as one document. What stands in it is the business of whoever derives
//! it; a document of another format counts as not there, and is derived anew.

use muster_model::{RepoId, Timestamp};
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, sea_query::OnConflict};
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

impl Tx {
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
