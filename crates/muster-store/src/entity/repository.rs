//! Table `repository`: remote repositories, one row each.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "repository")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) number: i64,
    pub(crate) identity: String,
    pub(crate) url: String,
    pub(crate) host: String,
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) level: String,
    pub(crate) processing: String,
    pub(crate) is_refreshing: i64,
    pub(crate) steps: String,
    pub(crate) last_error: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) processing_started_at: i64,
    pub(crate) processing_completed_at: Option<i64>,
    pub(crate) refs: Option<String>,
    pub(crate) refs_at: Option<i64>,
    pub(crate) backfilled: Option<String>,
    pub(crate) commits: i64,
    pub(crate) last_commit_at: Option<i64>,
    pub(crate) activity_score: Option<i64>,
    pub(crate) bus_factor: Option<i64>,
    pub(crate) category: Option<String>,
    pub(crate) tags: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
