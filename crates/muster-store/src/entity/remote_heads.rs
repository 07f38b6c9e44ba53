//! Table `remote_heads`: what remotes of local checkouts said of their branches.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "remote_heads")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) url: String,
    pub(crate) heads: Option<String>,
    pub(crate) asked_at: Option<i64>,
    pub(crate) checked_at: i64,
    pub(crate) failures: i64,
    pub(crate) reason: Option<String>,
    pub(crate) message: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
