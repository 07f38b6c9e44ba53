//! Table `revision`: commits, by the number of their repository.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revision")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) repository: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) parents: String,
    pub(crate) author_name: String,
    pub(crate) author_email: String,
    pub(crate) authored_at: i64,
    pub(crate) author_offset: i64,
    pub(crate) committer_name: String,
    pub(crate) committer_email: String,
    pub(crate) committed_at: i64,
    pub(crate) committer_offset: i64,
    pub(crate) message: String,
    pub(crate) files_changed: Option<i64>,
    pub(crate) insertions: Option<i64>,
    pub(crate) deletions: Option<i64>,
    pub(crate) files: String,
    pub(crate) is_new: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
