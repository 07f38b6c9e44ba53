//! Small documents by name: the id of this node, what a page remembers. Each is read and written whole.

use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, QuerySelect, sea_query::OnConflict};

use crate::{entity::setting, error::StoreError, store::Store, text, tx::Tx};

impl Store {
    /// The document of that name.
    pub async fn setting(&self, name: &str) -> Result<Option<serde_json::Value>, StoreError> {
        self.read(async {
            let row = setting::Entity::find_by_id(name).one(self.reader()).await?;
            row.map(|row| text::from_json(&row.value)).transpose()
        })
        .await
    }
}

impl Tx {
    /// The document of that name; on PostgreSQL nobody else changes it until this ends.
    pub async fn setting_hold(&mut self, name: &str) -> Result<Option<serde_json::Value>, StoreError> {
        let found = async {
            let row = setting::Entity::find_by_id(name).lock_exclusive().one(self.connection()).await?;
            row.map(|row| text::from_json(&row.value)).transpose()
        };
        found.await.map_err(|error: DbErr| self.fail(error))
    }

    /// Puts the document in the place of what had that name.
    pub async fn setting_put(&mut self, name: &str, value: &serde_json::Value) -> Result<(), StoreError> {
        let value = text::json(value).map_err(|error| self.fail(error))?;
        let row = setting::ActiveModel { name: Set(name.to_owned()), value: Set(value) };
        let conflict =
            OnConflict::column(setting::Column::Name).update_column(setting::Column::Value).to_owned();
        let query = setting::Entity::insert(row).on_conflict(conflict);
        let done = query.exec_without_returning(self.connection()).await;
        done.map(drop).map_err(|error| self.fail(error))
    }
}
