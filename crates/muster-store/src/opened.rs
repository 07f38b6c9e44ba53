//! What opening a database gives, of either kind.

use sea_orm::DatabaseConnection;

use crate::folder::FolderLock;

/// An open database with its schema up to date.
pub(crate) struct Opened {
    pub(crate) reader: DatabaseConnection,
    pub(crate) writer: DatabaseConnection,
    /// Write transactions that may run at the same time.
    pub(crate) writers: u32,
    pub(crate) locks: Vec<FolderLock>,
}
