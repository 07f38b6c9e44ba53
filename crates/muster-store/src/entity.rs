//! The tables as sea-orm sees them: one module each, columns as in `migrations/`. Only plain integers and texts, so
//! that both databases are spoken to with the same values; what a text means is decided by the module of its subject.

pub(crate) mod alert;
pub(crate) mod audit;
pub(crate) mod change;
pub(crate) mod checkout;
pub(crate) mod history;
pub(crate) mod job;
pub(crate) mod job_log;
pub(crate) mod job_queue;
pub(crate) mod job_schedule;
pub(crate) mod job_stat;
pub(crate) mod plan;
pub(crate) mod project;
pub(crate) mod remote_heads;
pub(crate) mod repository;
pub(crate) mod repository_tag;
pub(crate) mod revision;
pub(crate) mod setting;
pub(crate) mod token;
pub(crate) mod watch;
