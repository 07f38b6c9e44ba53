//! What muster does, told without HTTP, SQL or a terminal: services that turn requests into answers over git and the
//! analysis. Whoever asks (the command line today, the API next) gets the same values.

pub mod config;
pub mod error;
pub mod services;

pub use error::AppError;
pub use muster_git::{environment_leaks, global_emails};
