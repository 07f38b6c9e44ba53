//! Table `job_queue`: limits of queues, and whether they are paused.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_queue")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) name: String,
    pub(crate) is_paused: i64,
    pub(crate) concurrency: i64,
    pub(crate) concurrency_set: Option<i64>,
    pub(crate) group_limit: Option<i64>,
    pub(crate) rate_limit: Option<i64>,
    pub(crate) rate_seconds: Option<i64>,
    pub(crate) is_rate_set: i64,
    pub(crate) rate_limit_set: Option<i64>,
    pub(crate) rate_seconds_set: Option<i64>,
    pub(crate) rate_began_at: i64,
    pub(crate) rate_used: i64,
    pub(crate) group_cursor: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
