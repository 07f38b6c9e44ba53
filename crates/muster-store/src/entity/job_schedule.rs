//! Table `job_schedule`: work that comes again.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_schedule")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) queue: String,
    pub(crate) payload: String,
    pub(crate) subject: Option<String>,
    pub(crate) priority: i64,
    pub(crate) unique_key: String,
    pub(crate) group_key: String,
    pub(crate) max_attempts: i64,
    pub(crate) free_losses: i64,
    pub(crate) is_quiet: i64,
    pub(crate) every_seconds: Option<i64>,
    pub(crate) anchor: i64,
    pub(crate) next_run_at: Option<i64>,
    pub(crate) last_run_at: Option<i64>,
    pub(crate) last_job: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
