//! What is done in the background. A kind of job is one file here and one line below; the engine that runs them is
//! muster-jobs. Handlers are called again after a crash, late, or for what is gone, and come to the same end.

mod commit_backfill;
mod copies;
mod deepen;
mod derived;
pub(crate) mod entry;
mod fetch;
mod news;
mod own_remote;
mod remote;
mod remote_heads;
mod repository_setup;
pub mod requests;
mod watchlist_cleanup;
mod webhook_delivery;

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use muster_git::mirror::{MirrorError, Mirrors};
use muster_jobs::{Job, QueueConfig, Registry, RunnerConfig};
use muster_model::{Timestamp, repository::DEEPEN};
use muster_net::Webhook;
use muster_store::{Priority, job::Retention};

use crate::{
    config::{BackfillConfig, JobsConfig, MirrorConfig, PortfolioConfig, WatchlistConfig},
    context::Context,
    error::AppError,
    remote_policy::RemotePolicy,
};

use commit_backfill::CommitBackfill;
pub use copies::Copies;
use deepen::Deepen;
use fetch::Fetch;
use own_remote::OwnRemotes;
use remote::Remotes;
use remote_heads::RemoteHeads;
use repository_setup::RepositorySetup;
use requests::{COMMIT_BACKFILL, QUEUE_MAINTENANCE, QUEUE_METADATA_REFRESH, QUEUE_NOTIFY, REPOSITORY_SETUP};
use watchlist_cleanup::WatchlistCleanup;
use webhook_delivery::WebhookDelivery;

/// What the jobs stand on besides the context.
pub struct JobParts {
    /// The folder of copies; made if it is not there.
    pub folder: PathBuf,
    /// What may be reached.
    pub policy: RemotePolicy,
    /// Who is told.
    pub webhook: Option<Webhook>,
    /// `[mirror]`
    pub mirror: MirrorConfig,
    /// `[backfill]`
    pub backfill: BackfillConfig,
    /// `[watchlist]`
    pub watchlist: WatchlistConfig,
    /// `[portfolio]`
    pub portfolio: PortfolioConfig,
    /// The checkouts of this node.
    pub local: LocalProjects,
}

/// What jobs that work in this node's checkouts need of whoever keeps them.
#[derive(Clone)]
pub struct LocalProjects {
    /// The folders that may be read, now.
    pub roots: Arc<dyn Fn() -> Vec<PathBuf> + Send + Sync>,
    /// Reads the project in this folder again and stores what has changed.
    pub read_again: Arc<dyn Fn(PathBuf) -> BoxFuture<'static, Result<(), AppError>> + Send + Sync>,
}

/// All kinds of jobs, by name, and what looks after the copies that they make.
pub fn registry(context: &Context, parts: JobParts) -> Result<(Registry, Copies), AppError> {
    let JobParts { folder, policy, webhook, mirror, backfill, watchlist, portfolio, local } = parts;
    let away = |error: MirrorError| AppError::Unavailable {
        what: "the folder of mirrors",
        reason: error.to_string(),
    };
    let mirrors = Arc::new(Mirrors::open(&folder).map_err(away)?);
    let clock = Arc::clone(&context.clock);
    let copies = Copies::new(context.clone(), Arc::clone(&mirrors), mirror.quota_bytes);
    let remotes = Remotes::new(mirrors, policy, &mirror, &backfill, clock, copies.clone());
    let context = || context.clone();
    let own = OwnRemotes::new(context(), remotes.clone(), &portfolio);
    let kinds: [Arc<dyn Job>; 7] = [
        Arc::new(CommitBackfill {
            context: context(),
            remotes: remotes.clone(),
            watchlist: watchlist.clone(),
        }),
        Arc::new(Deepen { context: context(), remotes: remotes.clone() }),
        Arc::new(Fetch { context: context(), own: own.clone(), local }),
        Arc::new(RemoteHeads { own }),
        Arc::new(RepositorySetup { context: context(), remotes, watchlist }),
        Arc::new(WatchlistCleanup { context: context() }),
        Arc::new(WebhookDelivery { context: context(), webhook }),
    ];
    Ok((Registry::new(kinds), copies))
}

/// The queues and their limits, as the configuration wants them.
pub fn runner_config(config: &JobsConfig, grace: Duration) -> RunnerConfig {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).max(1);
    let lease = Duration::from_secs(config.lease_seconds.max(3));
    RunnerConfig {
        queues: vec![
            QueueConfig {
                group_limit: Some(number(config.per_host)),
                ..QueueConfig::new(REPOSITORY_SETUP, number(config.network))
            },
            QueueConfig::new(COMMIT_BACKFILL, number(config.analysis)),
            QueueConfig::new(DEEPEN, 1),
            QueueConfig {
                // One place is always left for another host: a fetch of minutes from this one keeps nobody waiting.
                group_limit: Some(number(config.per_host.min(config.network.saturating_sub(1)))),
                ..QueueConfig::new(QUEUE_METADATA_REFRESH, number(config.network))
            },
            QueueConfig::new(QUEUE_NOTIFY, number(config.network)),
            QueueConfig::new(QUEUE_MAINTENANCE, 1),
        ],
        lease,
        heartbeat: lease / 3,
        rescue: lease / 3,
        retention: Retention { completed: config.keep_completed, discarded: config.keep_failed },
        // Clones and readings take seconds to hours: each is claimed when it can begin.
        ahead: 0,
        grace,
        ..RunnerConfig::default()
    }
}

/// Asks for what is done at start and once a day.
pub async fn begin_upkeep(context: &Context) -> Result<(), AppError> {
    let mut tx = context.store.begin(Priority::Background).await?;
    tx.job_schedule_put(&[requests::cleanup_schedule(Timestamp::UNIX_EPOCH)]).await?;
    tx.job_enqueue(&[requests::cleanup(context)]).await?;
    tx.commit().await?;
    Ok(())
}
