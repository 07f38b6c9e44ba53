//! The audit log: who did what to what, with which outcome. Rows are added, never changed.

use muster_model::Timestamp;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::{entity::audit, error::StoreError, store::Store, text, tx::Tx};

/// What is to be noted.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAudit {
    /// When it was done.
    pub at: Timestamp,
    /// By whom: the name of a user, a token, or of muster itself.
    pub who: String,
    /// What was done: `plan.execute`.
    pub what: String,
    /// To what: the text of an id, or a name.
    pub target: String,
    /// How it went: `done`, `failed`, `refused`.
    pub outcome: String,
    /// More, for those who look closely.
    pub detail: serde_json::Value,
}

/// What was noted.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Its number; later entries have higher ones.
    pub id: i64,
    /// What was noted under it.
    pub noted: NewAudit,
}

impl Store {
    /// The newest entries, newest first, at most `limit`; with `before`, those with lower numbers only.
    pub async fn audit_list(&self, limit: u64, before: Option<i64>) -> Result<Vec<AuditEntry>, StoreError> {
        let mut query = audit::Entity::find().order_by_desc(audit::Column::Id).limit(limit);
        if let Some(before) = before {
            query = query.filter(audit::Column::Id.lt(before));
        }
        self.read(async { query.all(self.reader()).await?.into_iter().map(from_row).collect() }).await
    }
}

impl Tx {
    /// Takes away what was noted before this time, and says how much.
    pub async fn audit_prune(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        let is_old = audit::Column::At.lt(text::micros(before));
        let done = audit::Entity::delete_many().filter(is_old).exec(self.connection()).await;
        done.map(|done| done.rows_affected).map_err(|error| self.fail(error))
    }

    /// Notes what was done.
    pub async fn audit_add(&mut self, noted: &NewAudit) -> Result<(), StoreError> {
        self.audit_add_all(std::slice::from_ref(noted)).await
    }

    /// Notes what was done, all of it by one statement.
    pub async fn audit_add_all(&mut self, noted: &[NewAudit]) -> Result<(), StoreError> {
        if noted.is_empty() {
            return Ok(());
        }
        let row = |noted: &NewAudit| {
            Ok::<_, DbErr>(audit::ActiveModel {
                id: NotSet,
                at: Set(text::micros(noted.at)),
                who: Set(noted.who.clone()),
                what: Set(noted.what.clone()),
                target: Set(noted.target.clone()),
                outcome: Set(noted.outcome.clone()),
                detail: Set(text::json(&noted.detail)?),
            })
        };
        let add = async {
            let rows = noted.iter().map(row).collect::<Result<Vec<_>, _>>()?;
            audit::Entity::insert_many(rows).exec_without_returning(self.connection()).await.map(drop)
        };
        add.await.map_err(|error| self.fail(error))
    }
}

fn from_row(row: audit::Model) -> Result<AuditEntry, DbErr> {
    let noted = NewAudit {
        at: text::from_micros(row.at)?,
        who: row.who,
        what: row.what,
        target: row.target,
        outcome: row.outcome,
        detail: text::from_json(&row.detail)?,
    };
    Ok(AuditEntry { id: row.id, noted })
}
