//! What muster does, told without HTTP, SQL or a terminal: services turn requests into answers, actions change what is
//! stored, [`live`] keeps it equal to the disk. Whoever asks, the command line or the API, gets the same values.
//!
//! Inside: error, context and what it holds, services (strangers to each other), jobs, actions, live.

pub mod actions;
mod blocking;
pub mod caches;
pub mod config;
pub mod context;
pub mod error;
pub mod events;
pub mod follow;
pub mod jobs;
pub mod known;
pub mod live;
pub mod remote_policy;
pub mod services;
pub mod upkeep;

pub use context::Context;
pub use error::AppError;
pub use muster_git::{environment_leaks, global_emails};
pub use muster_store::Seq;
