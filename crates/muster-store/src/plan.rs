//! Plans of actions: shown to a person, then taken once and carried out. What a plan says is the business of whoever
//! made it.

use muster_model::{PlanId, Timestamp};
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter};

use crate::{entity::plan, error::StoreError, store::Store, text, tx::Tx};

/// A plan as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanRecord {
    /// Which one.
    pub id: PlanId,
    /// What kind of action: `fetch`.
    pub kind: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it should not be carried out any more. Whoever takes it must look.
    pub expires_at: Timestamp,
    /// What would be done.
    pub document: serde_json::Value,
}

impl Store {
    /// The plan, if it was neither taken nor pruned.
    pub async fn plan(&self, id: PlanId) -> Result<Option<PlanRecord>, StoreError> {
        self.read(async {
            let row = plan::Entity::find_by_id(id.to_string()).one(self.reader()).await?;
            row.map(from_row).transpose()
        })
        .await
    }
}

impl Tx {
    /// Keeps a new plan; [`StoreError::Conflict`] if one has its id.
    pub async fn plan_put(&mut self, plan: &PlanRecord) -> Result<(), StoreError> {
        let row = plan::ActiveModel {
            id: Set(plan.id.to_string()),
            kind: Set(plan.kind.clone()),
            created_at: Set(text::micros(plan.created_at)),
            expires_at: Set(text::micros(plan.expires_at)),
            document: Set(text::json(&plan.document).map_err(|error| self.fail(error))?),
        };
        let done = plan::Entity::insert(row).exec_without_returning(self.connection()).await;
        done.map(drop).map_err(|error| self.fail(error))
    }

    /// Takes the plan out. Of all who try, one gets it: the others find `None`.
    pub async fn plan_take(&mut self, id: PlanId) -> Result<Option<PlanRecord>, StoreError> {
        let take = async {
            let Some(row) = plan::Entity::find_by_id(id.to_string()).one(self.connection()).await? else {
                return Ok(None);
            };
            // On PostgreSQL two may have read it: the second waits here for the first, and then deletes nothing.
            let taken = plan::Entity::delete_by_id(id.to_string()).exec(self.connection()).await?;
            if taken.rows_affected == 1 { from_row(row).map(Some) } else { Ok(None) }
        };
        take.await.map_err(|error| self.fail(error))
    }

    /// Takes away the plans that expired before `now`, and says how many.
    pub async fn plans_prune(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let query = plan::Entity::delete_many().filter(plan::Column::ExpiresAt.lt(text::micros(now)));
        let done = query.exec(self.connection()).await;
        done.map(|done| done.rows_affected).map_err(|error| self.fail(error))
    }
}

fn from_row(row: plan::Model) -> Result<PlanRecord, DbErr> {
    Ok(PlanRecord {
        id: text::parse(&row.id)?,
        kind: row.kind,
        created_at: text::from_micros(row.created_at)?,
        expires_at: text::from_micros(row.expires_at)?,
        document: text::from_json(&row.document)?,
    })
}
