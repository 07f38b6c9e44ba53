//! How jobs are asked for: kind, queue, key, and with whom they share a budget. Here, apart
//! from the jobs themselves, because whoever asks need not know what they stand on.

use muster_model::{JobId, RemoteUrl, RepoId, Repository, Timestamp, job, repository::DEEPEN};
use muster_store::job::{JobSchedule, Loudness, NewJob, ScheduleTime};
use serde_json::json;

use crate::context::Context;

/// Kind: look at the remote, and copy it if something is new.
pub const REPOSITORY_SETUP: &str = "repository-setup";
/// Kind: read the commits of the copy.
pub const COMMIT_BACKFILL: &str = "commit-backfill";
/// Kind: tell the webhook.
pub const WEBHOOK_DELIVERY: &str = "webhook-delivery";
/// Kind: remove the commits of repositories that are gone.
pub const WATCHLIST_CLEANUP: &str = "watchlist-cleanup";

/// Kind: ask the remote of a checkout what branches it has.
pub const REMOTE_HEADS: &str = "remote-heads";
/// Kind: fetch for a checkout.
pub const FETCH: &str = "fetch";

/// Queue of what asks others how things stand.
pub const QUEUE_METADATA_REFRESH: &str = "metadata-refresh";
/// Queue of what tells others. A kind whose queue is not named here has one of its own name.
pub const QUEUE_NOTIFY: &str = "notify";
/// Queue of what looks after the house.
pub const QUEUE_MAINTENANCE: &str = "maintenance";

/// A process that is killed again and again must not give up what it happens to be at: what could go wrong with a
/// repository goes wrong in git, a program of its own with limits of its own; removing and telling harm nobody.
pub(super) const FREE_LOSSES: u32 = 20;

/// For whom something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody asked for just this one.
    Asked,
    /// It is new.
    Added,
    /// Its time has come.
    Scheduled,
}

impl Urgency {
    fn priority(self) -> u8 {
        match self {
            Self::Asked => job::PRIORITY_FIRST,
            Self::Added => job::PRIORITY_DEFAULT,
            Self::Scheduled => job::PRIORITY_LAST,
        }
    }
}

/// The key by which two requests to set up one repository are the same.
pub fn setup_key(repository: &Repository) -> String {
    format!("{REPOSITORY_SETUP}:{}", repository.id)
}

/// Looks at the remote, and does whatever is missing.
pub fn setup(context: &Context, repository: &Repository, urgency: Urgency) -> NewJob {
    NewJob {
        priority: urgency.priority(),
        unique_key: Some(setup_key(repository)),
        // Hosts take turns, so that one with a thousand repositories does not keep the others waiting.
        group: Some(repository.url.host().to_owned()),
        ..about(context, repository, REPOSITORY_SETUP)
    }
}

/// Reads the commits that are new in the copy.
pub fn backfill(context: &Context, repository: &Repository, priority: u8, parent: Option<JobId>) -> NewJob {
    NewJob {
        priority,
        parent,
        unique_key: Some(format!("{COMMIT_BACKFILL}:{}", repository.id)),
        ..about(context, repository, COMMIT_BACKFILL)
    }
}

/// Learns what the whole history says. In a queue of its own: it may take long, and nothing else waits for it.
pub fn deepen(context: &Context, repository: &Repository, run_at: Option<Timestamp>) -> NewJob {
    NewJob {
        priority: job::PRIORITY_LAST,
        unique_key: Some(format!("{DEEPEN}:{}", repository.id)),
        group: Some(repository.url.host().to_owned()),
        run_at,
        ..about(context, repository, DEEPEN)
    }
}

fn about(context: &Context, repository: &Repository, kind: &'static str) -> NewJob {
    let subject = repository.id.to_string();
    let payload = json!({ "repository": subject });
    let id = JobId::new(context.clock.now(), (context.chance)());
    NewJob { subject: Some(subject), free_losses: FREE_LOSSES, ..NewJob::new(id, kind, kind, payload) }
}

/// The id of the schedule by which a repository is looked at again.
pub fn poll_key(repository: &Repository) -> String {
    format!("poll:{}", repository.id)
}

/// Looks at the remote again and again.
pub fn poll(repository: &Repository, time: ScheduleTime) -> JobSchedule {
    let subject = repository.id.to_string();
    let payload = json!({ "repository": subject });
    JobSchedule {
        subject: Some(subject),
        priority: Urgency::Scheduled.priority(),
        unique_key: Some(setup_key(repository)),
        group: Some(repository.url.host().to_owned()),
        free_losses: FREE_LOSSES,
        // A look that finds nothing is no news.
        loudness: Loudness::Quiet,
        ..JobSchedule::new(poll_key(repository), REPOSITORY_SETUP, REPOSITORY_SETUP, payload, time)
    }
}

/// Asks a remote of this node's checkouts what it has. By this node, in whose person's name it is asked.
pub fn remote_heads(context: &Context, url: &RemoteUrl) -> NewJob {
    let id = JobId::new(context.clock.now(), (context.chance)());
    let address = url.to_string();
    NewJob {
        subject: Some(address.clone()),
        priority: Urgency::Scheduled.priority(),
        unique_key: Some(format!("{REMOTE_HEADS}:{}:{address}", context.node)),
        group: Some(url.host().to_owned()),
        free_losses: FREE_LOSSES,
        only_node: Some(context.node),
        // A look that finds nothing is no news.
        loudness: Loudness::Quiet,
        ..NewJob::new(id, REMOTE_HEADS, QUEUE_METADATA_REFRESH, json!({ "url": address }))
    }
}

/// Fetches for a project of this node, whose remote is asked at that host.
pub fn fetch(context: &Context, project: RepoId, host: &str) -> NewJob {
    let id = JobId::new(context.clock.now(), (context.chance)());
    let subject = project.to_string();
    let payload = json!({ "project": subject });
    NewJob {
        priority: Urgency::Asked.priority(),
        unique_key: Some(format!("{FETCH}:{subject}")),
        subject: Some(subject),
        group: Some(host.to_owned()),
        // Somebody waits for the answer, and can ask again.
        max_attempts: 1,
        free_losses: FREE_LOSSES,
        only_node: Some(context.node),
        ..NewJob::new(id, FETCH, QUEUE_METADATA_REFRESH, payload)
    }
}

/// Removes what repositories left behind in the store.
pub fn cleanup(context: &Context) -> NewJob {
    let id = JobId::new(context.clock.now(), (context.chance)());
    NewJob {
        unique_key: Some(WATCHLIST_CLEANUP.to_owned()),
        priority: job::PRIORITY_LAST,
        free_losses: FREE_LOSSES,
        loudness: Loudness::Quiet,
        ..NewJob::new(id, WATCHLIST_CLEANUP, QUEUE_MAINTENANCE, json!({}))
    }
}

/// Does so once a day besides, and at start.
pub fn cleanup_schedule(from: Timestamp) -> JobSchedule {
    const DAY: std::time::Duration = std::time::Duration::from_hours(24);
    let time = ScheduleTime::Every { period: DAY, from };
    JobSchedule {
        unique_key: Some(WATCHLIST_CLEANUP.to_owned()),
        priority: job::PRIORITY_LAST,
        free_losses: FREE_LOSSES,
        loudness: Loudness::Quiet,
        ..JobSchedule::new(WATCHLIST_CLEANUP, WATCHLIST_CLEANUP, QUEUE_MAINTENANCE, json!({}), time)
    }
}
