//! The only crate that knows SQL: what muster keeps, on SQLite or PostgreSQL, behind values of muster-model.
//!
//! Above this crate nobody sees a table, a connection or a dialect: [`Store`] reads, [`Tx`] writes, and every write can
//! say what it touched ([`Tx::record`]), in the same transaction. It knows nothing of git, HTTP or of what a project
//! means. Both databases hold the same tables with the same columns; docs/store.md says which rules keep it so.

pub mod admin;
mod alert;
mod audit;
mod catalogue;
mod change;
mod checkout;
mod config;
mod entity;
mod error;
mod folder;
mod gate;
mod history;
pub mod job;
mod migration;
mod number;
mod opened;
mod plan;
mod postgres;
mod project;
mod remote_heads;
mod repository;
mod revision;
mod sequence;
mod setting;
mod sqlite;
mod stats;
mod store;
mod text;
mod token;
mod transfer;
mod tx;
mod wake;
mod watch;

pub use audit::{AuditEntry, NewAudit};
pub use catalogue::{CatalogueRow, CatalogueRows};
pub use checkout::Checkout;
pub use config::{DatabaseKind, Migrate, StoreConfig};
pub use error::StoreError;
pub use folder::FolderLock;
pub use gate::Priority;
pub use history::HISTORY_FORMAT;
pub use migration::SCHEMA_VERSION;
pub use plan::PlanRecord;
pub use project::{DOCUMENT_FORMAT, ProjectEntry, ProjectLoad, ProjectRecord};
pub use remote_heads::{HeadsFailure, RemoteHeads};
pub use repository::{AddedRepository, NewRepository, RepositoryPage};
pub use revision::{CommitPage, CommitPlace, DayCount};
pub use sequence::{Change, ChangeEvent, NewChange, Seq, SeqError};
pub use stats::StoreStats;
pub use store::Store;
pub use tx::Tx;
pub use watch::{AddedWatch, NewWatch, WatchChange};
