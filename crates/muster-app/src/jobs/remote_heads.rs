//! Asks the remote of a checkout what branches it has, and keeps the answer. Nothing is fetched, and no checkout is
//! touched: whoever follows the remote is read again and compares.

use std::time::Duration;

use futures_util::future::BoxFuture;
use muster_jobs::{Job, JobFailure, JobRun};
use muster_model::RemoteUrl;
use muster_store::Priority;

use super::{
    own_remote::{OwnRemotes, Trouble},
    requests::{QUEUE_METADATA_REFRESH, REMOTE_HEADS},
};

/// See the module.
pub(super) struct RemoteHeads {
    pub(super) own: OwnRemotes,
}

impl Job for RemoteHeads {
    fn kind(&self) -> &'static str {
        REMOTE_HEADS
    }

    fn queue(&self) -> &'static str {
        QUEUE_METADATA_REFRESH
    }

    fn time_limit(&self) -> Duration {
        self.own.remotes.time_limit()
    }

    fn run<'a>(&'a self, run: &'a JobRun) -> BoxFuture<'a, Result<(), JobFailure>> {
        Box::pin(self.ask(run))
    }
}

impl RemoteHeads {
    async fn ask(&self, run: &JobRun) -> Result<(), JobFailure> {
        let text = run.payload()["url"].as_str().unwrap_or_default();
        let url = RemoteUrl::parse(text).map_err(|error| JobFailure::Permanent(error.to_string()))?;
        match self.own.look(run, &url).await {
            Ok(answer) => {
                let mut tx = run.begin(Priority::Background).await?;
                self.own.keep(&mut tx, &url, &answer).await?;
                run.complete_in(tx).await?;
                Ok(())
            }
            Err(Trouble::Silent { failure, is_passing }) if !is_passing || run.is_last_attempt() => {
                let message = failure.message.clone();
                let mut tx = run.begin(Priority::Background).await?;
                self.own.keep_failure(&mut tx, &url, failure).await?;
                tx.commit().await?;
                Err(JobFailure::Permanent(message))
            }
            Err(trouble) => Err(trouble.into()),
        }
    }
}
