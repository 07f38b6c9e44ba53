//! What the jobs of a watched repository share: reaching the other side under the policy, copying it within the limits,
//! and telling what stood in the way. git works on threads of its own; how far it is comes back as the job's progress.

use std::{net::IpAddr, sync::Arc, time::Duration};

use jiff::SignedDuration;
use muster_git::mirror::{
    self, Mirror, MirrorError, MirrorLimits, Mirrors, Phase, Progress, RemoteRefs, Source, Watch, Window,
};
use muster_jobs::{JobFailure, JobRun};
use muster_model::{Clock, Repository, Timestamp, history::WholeHistory, repository::RefFacts};
use tokio::{sync::watch, task};
use xxhash_rust::xxh3::Xxh3;

use crate::{
    blocking::blocking,
    config::{BackfillConfig, MirrorConfig},
    remote_policy::RemotePolicy,
};

use super::copies::Copies;

/// How long a job waits for another one that works with the same copy.
const IN_USE_PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// Reaches and copies remote repositories.
#[derive(Clone)]
pub(super) struct Remotes {
    mirrors: Arc<Mirrors>,
    policy: RemotePolicy,
    limits: MirrorLimits,
    backfill: BackfillConfig,
    clock: Arc<dyn Clock>,
    keeps_copies: bool,
    copies: Copies,
}

impl Remotes {
    /// With the folder of copies, and as the configuration wants it.
    pub(super) fn new(
        mirrors: Arc<Mirrors>,
        policy: RemotePolicy,
        mirror: &MirrorConfig,
        backfill: &BackfillConfig,
        clock: Arc<dyn Clock>,
        copies: Copies,
    ) -> Self {
        let limits = MirrorLimits {
            wall: Duration::from_secs(mirror.timeout_seconds.max(1)),
            stall: Duration::from_secs(mirror.stall_seconds.max(1)),
            max_bytes: mirror.max_bytes,
        };
        Self {
            mirrors,
            policy,
            limits,
            backfill: backfill.clone(),
            clock,
            keeps_copies: mirror.quota_bytes != 0,
            copies,
        }
    }

    /// The longest that one call may take, and so a job that makes a few.
    pub(super) fn time_limit(&self) -> Duration {
        // Looking, copying, and as much again for what is done with the copy.
        self.limits.wall * 2 + Duration::from_mins(1)
    }

    /// The commits that are wanted now.
    pub(super) fn window(&self) -> Window {
        let now = self.clock.now();
        let back = SignedDuration::from_hours(24 * i64::from(self.backfill.days));
        Window {
            since: now.checked_sub(back).unwrap_or(Timestamp::UNIX_EPOCH),
            at_least: self.backfill.at_least,
            at_most: self.backfill.at_most,
        }
    }

    /// Asks the other side what it has.
    pub(super) async fn look(
        &self,
        run: &JobRun,
        repository: &Repository,
    ) -> Result<(Source, RemoteRefs), JobFailure> {
        let source = self.source(repository).await?;
        let (remotes, asked) = (self.clone(), source.clone());
        let refs = self
            .with_git(run, move |watch| mirror::ls_remote(&remotes.mirrors, &asked, &remotes.limits, watch))
            .await?;
        Ok((source, refs))
    }

    /// Makes the copy, or brings it up to date, and holds it.
    pub(super) async fn update(
        &self,
        run: &JobRun,
        repository: &Repository,
        source: Source,
        refs: RemoteRefs,
        window: Window,
    ) -> Result<Mirror, JobFailure> {
        let (remotes, id) = (self.clone(), repository.id);
        let updated = self.with_git(run, move |watch| {
            mirror::update(&remotes.mirrors, id, &source, &refs, &window, &remotes.limits, watch)
        });
        let updated = updated.await;
        // Also after a failure, which may have left something.
        self.copies.came();
        updated
    }

    /// The copy if this node has one of this commit, else a new one: copies are a cache, and may be another node's.
    pub(super) async fn mirror(
        &self,
        run: &JobRun,
        repository: &Repository,
        tip: &str,
        window: Window,
    ) -> Result<Mirror, JobFailure> {
        let (mirrors, id) = (Arc::clone(&self.mirrors), repository.id);
        let found = self.with_git(run, move |_| mirrors.find(id)).await?;
        if let Some(mirror) = found.filter(|mirror| mirror.tip() == tip) {
            return Ok(mirror);
        }
        let (source, refs) = self.look(run, repository).await?;
        self.update(run, repository, source, refs, window).await
    }

    /// The whole history, without its files. People are read through the `.mailmap` of the mirror if this node has it.
    pub(super) async fn whole_history(
        &self,
        run: &JobRun,
        repository: &Repository,
        source: Source,
        refs: RemoteRefs,
    ) -> Result<WholeHistory, JobFailure> {
        let (remotes, id) = (self.clone(), repository.id);
        let mailmap = repository.backfilled.as_ref().and_then(|backfilled| backfilled.mailmap.clone());
        self.with_git(run, move |watch| {
            let mailmap = mailmap.as_deref();
            mirror::whole_history(&remotes.mirrors, id, &source, &refs, mailmap, &remotes.limits, watch)
        })
        .await
    }

    pub(super) fn limits(&self) -> MirrorLimits {
        self.limits
    }

    /// The copy was processed. Where none are kept it goes; one that is held by somebody else goes with the next cleanup.
    pub(super) async fn processed(&self, repository: &Repository) {
        if self.keeps_copies {
            return;
        }
        let (mirrors, id) = (Arc::clone(&self.mirrors), repository.id);
        let removed = blocking("removing a copy", move || mirrors.remove(id)).await;
        if let Ok(Err(error)) = removed {
            tracing::debug!(repository.id = %id, %error, "a copy could not be removed yet");
        }
    }

    /// Runs git on a thread of its own; stopped when the job is.
    pub(super) async fn with_git<T: Send + 'static>(
        &self,
        run: &JobRun,
        work: impl FnOnce(&Watch<'_>) -> Result<T, MirrorError> + Send + 'static,
    ) -> Result<T, JobFailure> {
        let done = self.on_a_thread(run, work).await?;
        done.map_err(|error| failure(&error, self.clock.now()))
    }

    /// The same for work that may fail in its own way.
    pub(super) async fn on_a_thread<T: Send + 'static, E: Send + 'static>(
        &self,
        run: &JobRun,
        work: impl FnOnce(&Watch<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<Result<T, E>, JobFailure> {
        let cancelled = run.cancelled();
        let (sender, mut progress) = watch::channel(None);
        let mut working = task::spawn_blocking(move || {
            let progress = move |progress: Progress| {
                sender.send_replace(Some(progress));
            };
            work(&Watch { progress: &progress, cancelled: &cancelled })
        });
        let done = loop {
            tokio::select! {
                done = &mut working => break done,
                Ok(()) = progress.changed() => {
                    if let Some(progress) = *progress.borrow_and_update() {
                        tell(run, progress);
                    }
                }
            }
        };
        done.map_err(|panicked| JobFailure::Retry(format!("a mistake in muster: {panicked}")))
    }

    pub(super) fn mirrors(&self) -> Arc<Mirrors> {
        Arc::clone(&self.mirrors)
    }

    pub(super) fn policy(&self) -> &RemotePolicy {
        &self.policy
    }

    /// Now.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn source(&self, repository: &Repository) -> Result<Source, JobFailure> {
        let url = &repository.url;
        self.policy.check_scheme(url).map_err(JobFailure::Permanent)?;
        let resolved =
            muster_net::resolve(url.host(), url.port().unwrap_or_default(), self.policy.addresses).await;
        let addresses: Vec<IpAddr> = resolved.map_err(|error| {
            let reason = error.to_string();
            if error.is_worth_retrying() { JobFailure::Retry(reason) } else { JobFailure::Permanent(reason) }
        })?;
        Source::new(url.clone(), addresses).map_err(|error| JobFailure::Permanent(error.to_string()))
    }
}

fn tell(run: &JobRun, progress: Progress) {
    let (unit, message) = match progress.phase {
        Phase::Connecting => ("", "connecting"),
        Phase::Counting => ("objects", "the other side counts"),
        Phase::Compressing => ("objects", "the other side packs"),
        Phase::Receiving => ("objects", "receiving"),
        Phase::Resolving => ("objects", "putting together"),
        Phase::Reading => ("commits", "reading commits"),
    };
    run.progress(progress.done, progress.total, unit, message);
}

fn failure(error: &MirrorError, now: Timestamp) -> JobFailure {
    match error {
        MirrorError::Cancelled => JobFailure::Cancelled,
        MirrorError::InUse { .. } => JobFailure::Later {
            reason: error.to_string(),
            at: now.saturating_add(IN_USE_PAUSE).unwrap_or(now),
        },
        error if error.is_worth_retrying() => JobFailure::Retry(error.to_string()),
        error => JobFailure::Permanent(error.to_string()),
    }
}

/// What is kept of what the other side has.
pub(super) fn ref_facts(refs: &RemoteRefs) -> RefFacts {
    let count = |prefix: &str| refs.refs.keys().filter(|name| name.starts_with(prefix)).count() as u64;
    let mut digest = Xxh3::new();
    for (name, id) in &refs.refs {
        digest.update(name.as_bytes());
        digest.update(b"\0");
        digest.update(id.as_bytes());
        digest.update(b"\n");
    }
    digest.update(refs.default_branch.as_deref().unwrap_or_default().as_bytes());
    RefFacts {
        default_branch: refs.default_branch.clone(),
        head: refs.head.clone(),
        branches: count("refs/heads/"),
        tags: count("refs/tags/"),
        digest: format!("{:032x}", digest.digest128()),
    }
}
