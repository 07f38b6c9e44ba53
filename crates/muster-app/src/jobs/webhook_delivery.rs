//! Tells the webhook one piece of news. Tried again for a while; after that the news is only in muster itself.

use std::time::Duration;

use futures_util::future::BoxFuture;
use muster_jobs::{Job, JobFailure, JobRun};
use muster_net::Webhook;

use crate::context::Context;

use super::requests::{QUEUE_NOTIFY, WEBHOOK_DELIVERY};

/// See the module.
pub(super) struct WebhookDelivery {
    pub(super) context: Context,
    /// `None` if it was configured when the news came and is not any more.
    pub(super) webhook: Option<Webhook>,
}

impl Job for WebhookDelivery {
    fn kind(&self) -> &'static str {
        WEBHOOK_DELIVERY
    }

    fn queue(&self) -> &'static str {
        QUEUE_NOTIFY
    }

    fn time_limit(&self) -> Duration {
        Duration::from_mins(1)
    }

    fn run<'a>(&'a self, run: &'a JobRun) -> BoxFuture<'a, Result<(), JobFailure>> {
        Box::pin(async move {
            let Some(webhook) = &self.webhook else {
                return Err(JobFailure::Permanent("no webhook is configured any more".to_owned()));
            };
            let (id, now) = (run.id().to_string(), self.context.clock.now());
            match webhook.deliver(&id, now, run.payload().to_string()).await {
                Ok(()) => Ok(()),
                Err(error) if error.is_worth_retrying() => Err(JobFailure::Retry(error.to_string())),
                Err(error) => Err(JobFailure::Permanent(error.to_string())),
            }
        })
    }
}
