//! Table `project`: one row per project and node. What is filtered or listed stands in columns, the rest in `document`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "project")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: String,
    pub(crate) number: i64,
    pub(crate) node: String,
    pub(crate) root: String,
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) revision: i64,
    pub(crate) updated_at: i64,
    pub(crate) format: i64,
    pub(crate) document: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
