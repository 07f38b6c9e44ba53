//! Asking the remotes of this node's checkouts: under the same policy as any other remote, but in the person's name, and
//! what they answer is kept for all who follow them.

use muster_git::mirror::{self, Credentials, MirrorError, RemoteRefs, Source};
use muster_jobs::{JobFailure, JobRun};
use muster_model::{RemoteUrl, Timestamp, UnknownReason};
use muster_store::{HeadsFailure, NewChange, RemoteHeads, StoreError, Tx};

use crate::{config::PortfolioConfig, context::Context, known::REMOTE_HEADS};

use super::remote::Remotes;

/// Branches that are kept of one remote; the rest is not compared.
const MOST_HEADS: usize = 20_000;

/// Asks remotes in the person's name.
#[derive(Clone)]
pub(super) struct OwnRemotes {
    pub(super) context: Context,
    pub(super) remotes: Remotes,
    is_person: bool,
    /// Answers are kept.
    is_fresh: bool,
}

/// What a remote said.
pub(super) struct Answer {
    pub(super) asked_at: Timestamp,
    pub(super) source: Source,
    pub(super) refs: RemoteRefs,
}

/// Why it said nothing.
pub(super) enum Trouble {
    /// The run was stopped, or the store is away.
    Stopped(JobFailure),
    /// It did not answer.
    Silent {
        failure: HeadsFailure,
        /// It may answer another time though nobody changes anything.
        is_passing: bool,
    },
}

impl Trouble {
    fn silent(reason: UnknownReason, message: String, is_passing: bool) -> Self {
        Self::Silent { failure: HeadsFailure { reason, message }, is_passing }
    }
}

impl From<Trouble> for JobFailure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Stopped(failure) => failure,
            Trouble::Silent { failure, is_passing: true } => Self::Retry(failure.message),
            Trouble::Silent { failure, is_passing: false } => Self::Permanent(failure.message),
        }
    }
}

impl OwnRemotes {
    pub(super) fn new(context: Context, remotes: Remotes, portfolio: &PortfolioConfig) -> Self {
        let (is_person, is_fresh) = (portfolio.remote_credentials, portfolio.remote_freshness);
        Self { context, remotes, is_person, is_fresh }
    }

    /// As whom is asked. Read anew each time, because people change it; to be called on a thread of its own.
    pub(super) fn credentials(&self) -> Credentials {
        if self.is_person { Credentials::of_person() } else { Credentials::none() }
    }

    /// Asks the remote what branches it has.
    pub(super) async fn look(&self, run: &JobRun, url: &RemoteUrl) -> Result<Answer, Trouble> {
        let not_askable = |message: String| Trouble::silent(UnknownReason::NotAskable, message, false);
        // The configuration may have changed since it was asked for.
        let asked = self.remotes.policy().askable(url.clone()).map_err(not_askable)?;
        let addresses = self.remotes.policy().addresses;
        let resolved = muster_net::resolve(asked.host(), asked.port().unwrap_or_default(), addresses).await;
        let resolved = resolved.map_err(|error| {
            if error.is_worth_retrying() {
                Trouble::silent(UnknownReason::RemoteUnreachable, error.to_string(), true)
            } else {
                not_askable(error.to_string())
            }
        })?;
        let source = Source::new(asked, resolved).map_err(|error| not_askable(error.to_string()))?;
        let asked_at = self.remotes.now();
        let (this, from) = (self.clone(), source.clone());
        let looked = self.remotes.on_a_thread(run, move |watch| {
            let (mirrors, limits) = (this.remotes.mirrors(), this.remotes.limits());
            mirror::ls_remote_as(&mirrors, &from, &this.credentials(), &limits, watch)
        });
        let refs = looked.await.map_err(Trouble::Stopped)?.map_err(|error| self.trouble(url, &error))?;
        let source = source.with_spelling(refs.spelling);
        Ok(Answer { asked_at, source, refs })
    }

    /// What it means for the person that git failed.
    pub(super) fn trouble(&self, url: &RemoteUrl, error: &MirrorError) -> Trouble {
        match error {
            MirrorError::Cancelled => Trouble::Stopped(JobFailure::Cancelled),
            MirrorError::AuthenticationNeeded { place } => {
                Trouble::silent(UnknownReason::AuthenticationNeeded, self.unanswered(url, place), false)
            }
            MirrorError::Refused { .. } => {
                Trouble::silent(UnknownReason::NotAskable, error.to_string(), false)
            }
            error => Trouble::silent(
                UnknownReason::RemoteUnreachable,
                error.to_string(),
                error.is_worth_retrying(),
            ),
        }
    }

    fn unanswered(&self, url: &RemoteUrl, place: &str) -> String {
        use muster_model::remote_url::Scheme;
        let help = match url.scheme() {
            _ if !self.is_person => {
                "portfolio.remote_credentials is off, so it is asked in nobody's name".to_owned()
            }
            Scheme::Ssh if place.starts_with("ssh:") => {
                "give ssh a key without a passphrase, or an agent that has it".to_owned()
            }
            Scheme::Ssh => format!(
                "its address is for ssh and it was asked over https: set mirror.ssh = true, or give git a helper for {}",
                url.host()
            ),
            _ => "give git a helper that asks nothing (git config --global credential.helper …)".to_owned(),
        };
        format!("{place} wants to know who asks, and nobody is there to answer; {help}")
    }

    /// Keeps an answer. A change is recorded if it says something new.
    pub(super) async fn keep(&self, tx: &mut Tx, url: &RemoteUrl, answer: &Answer) -> Result<(), StoreError> {
        let heads = answer
            .refs
            .refs
            .iter()
            .filter_map(|(name, id)| Some((name.strip_prefix("refs/heads/")?.to_owned(), id.clone())));
        let known = RemoteHeads {
            url: url.to_string(),
            heads: Some(heads.take(MOST_HEADS).collect()),
            asked_at: Some(answer.asked_at),
            checked_at: self.remotes.now(),
            failures: 0,
            failure: None,
        };
        self.put(tx, known).await
    }

    /// The same for a fetch, which asks by the way.
    pub(super) async fn keep_by_the_way(&self, url: &RemoteUrl, answer: &Answer) -> Result<(), StoreError> {
        let Ok(url) = self.remotes.policy().askable(url.clone()) else { return Ok(()) };
        if !self.is_fresh {
            return Ok(());
        }
        let mut tx = self.context.store.begin(muster_store::Priority::Background).await?;
        self.keep(&mut tx, &url, answer).await?;
        tx.commit().await.map(drop)
    }

    /// Keeps that it did not answer; what it said before stays.
    pub(super) async fn keep_failure(
        &self,
        tx: &mut Tx,
        url: &RemoteUrl,
        failure: HeadsFailure,
    ) -> Result<(), StoreError> {
        let key = url.to_string();
        let before = tx.remote_heads(&key).await?;
        let failures = before.as_ref().map_or(0, |before| before.failures).saturating_add(1);
        let (heads, asked_at) = before.map_or((None, None), |before| (before.heads, before.asked_at));
        let checked_at = self.remotes.now();
        let known = RemoteHeads { url: key, heads, asked_at, checked_at, failures, failure: Some(failure) };
        self.put(tx, known).await
    }

    async fn put(&self, tx: &mut Tx, known: RemoteHeads) -> Result<(), StoreError> {
        let url = known.url.clone();
        let before = tx.remote_heads(&url).await?;
        if before.as_ref().is_some_and(|before| before.asked_at > known.asked_at) {
            // Another one asked later and was quicker.
            return Ok(());
        }
        let said = |known: &RemoteHeads| known.failure.as_ref().map(|failure| failure.reason);
        let is_news =
            before.is_none_or(|before| before.heads != known.heads || said(&before) != said(&known));
        tx.remote_heads_put(&known).await?;
        if is_news {
            // No tags: what it means for a project is stored with the project, when that is read again.
            tx.record(NewChange {
                entity: REMOTE_HEADS.into(),
                entity_id: url,
                tags: Vec::new(),
                event: None,
            });
        }
        Ok(())
    }
}
