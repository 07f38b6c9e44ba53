//! The job engine: what a job is to whoever writes one ([`Job`]), and the [`Runner`] that carries stored jobs out.
//!
//! The table of jobs in muster-store is the truth and the queue; this crate holds nothing that a process may not lose.
//! It knows no kind of job, no repository and no network: kinds are handed in, like time and chance. Handlers may run
//! twice, late, or after what they are about is gone; the lease's token keeps a late one from storing anything.

mod backoff;
mod config;
mod job;
mod registry;
mod run;
mod runner;
mod stats;

pub use backoff::retry_delay;
pub use config::{QueueConfig, RunnerConfig};
pub use job::{Job, JobFailure};
pub use muster_store::job::JobScope;
pub use registry::Registry;
pub use run::JobRun;
pub use runner::{Chance, ProgressListener, Runner};
pub use stats::RunnerStats;
