//! Unknown is a value. A field that could not be measured is empty and names its reason from this closed table, so
//! that nobody has to guess whether an empty cell means zero, not looked at, or broken.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::word::Word;

/// Why a field has no value. The words are part of the public API and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownReason {
    /// A bare repository has no work tree, hence no changed files.
    Bare,
    /// The branch has no commit yet.
    NoCommits,
    /// HEAD is not on a branch.
    Detached,
    /// No remote is configured, so nothing can be compared with one.
    NoRemote,
    /// The branch follows no other branch.
    NoUpstream,
    /// The configured upstream no longer exists among the remote branches.
    UpstreamGone,
    /// There is no trace of a fetch in this clone.
    NeverFetched,
    /// Only asked for with more than `--state-only`.
    NotRequested,
    /// Answered by the server, not by a one-shot command.
    NeedsServer,
    /// Less than half of the points could be measured.
    LowCoverage,
    /// The repository's own error stands in the way; see its `error`.
    RepositoryError,
    /// The folder is no git repository.
    NoRepository,
    /// No e-mail address or account is known to be the person's own.
    NoIdentity,
    /// No forge's API is asked for this host.
    NoForge,
    /// It is being worked on.
    InProgress,
    /// More is learned at a higher level.
    LevelFacts,
    /// Only the newest part of the history was looked at so far.
    Shallow,
    /// Only known of what is on the watchlist.
    NotWatched,
    /// Only seen in a checkout, and there is none here.
    NoCheckout,
    /// Remotes are not asked: `portfolio.remote_freshness` is off.
    FreshnessOff,
    /// The remote was not asked yet.
    NotAsked,
    /// Its remote is on this machine, or may not be reached by the configuration.
    NotAskable,
    /// No branch here follows one of the remote's.
    NotTracked,
    /// The remote wants to know who asks, and nobody is there to answer.
    AuthenticationNeeded,
    /// The remote did not answer when it was last asked.
    RemoteUnreachable,
}

impl UnknownReason {
    /// Every reason, for the documentation and its test.
    pub const ALL: [Self; 25] = [
        Self::Bare,
        Self::NoCommits,
        Self::Detached,
        Self::NoRemote,
        Self::NoUpstream,
        Self::UpstreamGone,
        Self::NeverFetched,
        Self::NotRequested,
        Self::NeedsServer,
        Self::LowCoverage,
        Self::RepositoryError,
        Self::NoRepository,
        Self::NoIdentity,
        Self::NoForge,
        Self::InProgress,
        Self::LevelFacts,
        Self::Shallow,
        Self::NotWatched,
        Self::NoCheckout,
        Self::FreshnessOff,
        Self::NotAsked,
        Self::NotAskable,
        Self::NotTracked,
        Self::AuthenticationNeeded,
        Self::RemoteUnreachable,
    ];

    /// The word used in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::NoCommits => "no_commits",
            Self::Detached => "detached",
            Self::NoRemote => "no_remote",
            Self::NoUpstream => "no_upstream",
            Self::UpstreamGone => "upstream_gone",
            Self::NeverFetched => "never_fetched",
            Self::NotRequested => "not_requested",
            Self::NeedsServer => "needs_server",
            Self::LowCoverage => "low_coverage",
            Self::RepositoryError => "repository_error",
            Self::NoRepository => "no_repository",
            Self::NoIdentity => "no_identity",
            Self::NoForge => "no_forge",
            Self::InProgress => "in_progress",
            Self::LevelFacts => "level_facts",
            Self::Shallow => "shallow",
            Self::NotWatched => "not_watched",
            Self::NoCheckout => "no_checkout",
            Self::FreshnessOff => "freshness_off",
            Self::NotAsked => "not_asked",
            Self::NotAskable => "not_askable",
            Self::NotTracked => "not_tracked",
            Self::AuthenticationNeeded => "authentication_needed",
            Self::RemoteUnreachable => "remote_unreachable",
        }
    }
}

/// The empty fields of one item and why they are empty, by the field's public path (`git.ahead`).
pub type Unknown = BTreeMap<Word, UnknownReason>;
