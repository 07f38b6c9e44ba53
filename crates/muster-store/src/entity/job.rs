//! Table `job`: one row per stored unit of work. What a column means is told in `migrations/0002.sql`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) queue: String,
    pub(crate) payload: String,
    pub(crate) subject: Option<String>,
    pub(crate) priority: i64,
    pub(crate) unique_key: Option<String>,
    pub(crate) group_key: String,
    pub(crate) state: String,
    pub(crate) attempt: i64,
    pub(crate) max_attempts: i64,
    pub(crate) free_losses: i64,
    pub(crate) run_at: i64,
    pub(crate) created_at: i64,
    pub(crate) started_at: Option<i64>,
    pub(crate) finished_at: Option<i64>,
    pub(crate) progress: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) errors: String,
    pub(crate) reason: Option<String>,
    pub(crate) parent: Option<String>,
    pub(crate) is_parked: i64,
    pub(crate) children_failed: i64,
    pub(crate) is_cancel_requested: i64,
    pub(crate) is_quiet: i64,
    pub(crate) rerun_at: Option<i64>,
    pub(crate) node: Option<String>,
    pub(crate) lease_token: i64,
    pub(crate) lease_until: Option<i64>,
    pub(crate) only_node: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
