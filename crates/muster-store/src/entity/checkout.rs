//! Table `checkout`: what the catalogue lists of a project that is a repository.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "checkout")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) number: i64,
    pub(crate) identity: String,
    pub(crate) url: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) name: String,
    pub(crate) project: String,
    pub(crate) path: String,
    pub(crate) branch: Option<String>,
    pub(crate) relation: String,
    pub(crate) language: Option<String>,
    pub(crate) health: Option<i64>,
    pub(crate) error: Option<String>,
    pub(crate) last_commit_at: Option<i64>,
    pub(crate) updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
