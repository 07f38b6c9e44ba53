//! A remote repository as muster keeps it: where it is, how far its processing has come, and what was seen of it. Facts
//! of its history stand apart, because lists do not need them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{category::Category, id::RepoId, remote_url::RemoteUrl};

/// A closed list of words: an enum, its word in the API and in the store, and the way back.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $word:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$case_doc])* $case,)*
        }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$case),*];

            /// The word used in the API and in the store.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$case => $word,)*
                }
            }

            /// The one with this word.
            pub fn of_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }
    )*};
}
pub(crate) use words;

words! {
    /// How much is learned of a repository.
    Level {
        /// Its branches and tags, and what its forge says. No clone.
        Facts = "facts",
        /// The commits of the last year too.
        History = "history",
        /// Everything muster can tell.
        Full = "full",
    }

    /// How far the processing has come, for whoever asks.
    Processing {
        /// Not yet complete for the first time.
        Processing = "processing",
        /// Complete; it may be refreshed meanwhile.
        Ready = "ready",
        /// Given up; the reason stands beside it.
        Failed = "failed",
    }

    /// How far a step has come.
    StepState {
        /// Its turn has not come.
        Waiting = "waiting",
        /// At work.
        Running = "running",
        /// Done.
        Done = "done",
        /// Given up.
        Failed = "failed",
    }
}

/// The step that comes when everything else is there, and the kind of its job: an entry is ready without it, and its
/// failure is its own.
pub const DEEPEN: &str = "deepen";

/// A step of the processing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its name: `refs`, `clone`, `commits`, `deepen`.
    pub name: String,
    /// How far it is.
    pub state: StepState,
    /// Why it failed, or what it waits for after a failure.
    pub error: Option<String>,
    /// When it was given up, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Timestamp>,
}

impl Step {
    /// One whose turn has not come.
    pub fn waiting(name: &str) -> Self {
        Self { name: name.to_owned(), state: StepState::Waiting, error: None, failed_at: None }
    }

    /// An entry is not ready without it.
    pub fn is_essential(&self) -> bool {
        self.name != DEEPEN
    }
}

/// What was seen of a remote's references without a clone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefFacts {
    /// Short name of the default branch; `None` if HEAD leads nowhere.
    pub default_branch: Option<String>,
    /// Its commit; `None` for an empty repository.
    pub head: Option<String>,
    /// Branches.
    pub branches: u64,
    /// Tags.
    pub tags: u64,
    /// Of all names and ids: another one means that something moved.
    pub digest: String,
}

/// What was stored of a history, and how far it reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfilled {
    /// The commit up to which everything is stored.
    pub tip: String,
    /// Older commits were left out; `None` if the first commit is there.
    pub cut_off: Option<Timestamp>,
    /// The `.mailmap` through which people were read; `None` if there was none.
    pub mailmap: Option<String>,
}

/// A remote repository.
#[derive(Debug, Clone, PartialEq)]
pub struct Repository {
    /// Which one.
    pub id: RepoId,
    /// Its stable public number, given by the store.
    pub number: i64,
    /// Where it is.
    pub url: RemoteUrl,
    /// How much is learned of it.
    pub level: Level,
    /// How far its processing has come.
    pub processing: Processing,
    /// It is complete and being brought up to date.
    pub is_refreshing: bool,
    /// The steps of the last processing, in order.
    pub steps: Vec<Step>,
    /// Why the last processing failed.
    pub last_error: Option<String>,
    /// When it was first added.
    pub created_at: Timestamp,
    /// When anything of it was last written.
    pub updated_at: Timestamp,
    /// When the first or the last complete processing began.
    pub processing_started_at: Timestamp,
    /// When it ended; `None` while it goes on for the first time.
    pub processing_completed_at: Option<Timestamp>,
    /// What its references say; `None` before they were seen.
    pub refs: Option<RefFacts>,
    /// When they were last asked for, changed or not.
    pub refs_at: Option<Timestamp>,
    /// What is stored of its history; `None` before that.
    pub backfilled: Option<Backfilled>,
    /// Commits that are stored.
    pub commits: i64,
    /// When the newest of them was committed.
    pub last_commit_at: Option<Timestamp>,
    /// 0 to 100; `None` before its history was read.
    pub activity_score: Option<i64>,
    /// People without whom half of the work would be missing; `None` before its history was read.
    pub bus_factor: Option<i64>,
    /// What it is for, as a person said.
    pub category: Option<Category>,
    /// Words a person gave it, sorted.
    pub tags: Vec<String>,
}

impl Repository {
    /// `owner/name`; the name alone for a repository without an owner.
    pub fn slug(&self) -> String {
        match self.url.owner() {
            Some(owner) => format!("{owner}/{}", self.url.name()),
            None => self.url.name().to_owned(),
        }
    }

    /// The public name of its watchlist entry: `watchlist_{owner}_{name}_{number}`.
    pub fn watchlist_id(&self) -> String {
        let owner = self.url.owner().unwrap_or_else(|| self.url.host()).replace('/', "_");
        format!("watchlist_{owner}_{}_{}", self.url.name(), self.number)
    }
}

/// The number at the end of a watchlist entry's public name: what stands before it is for people, and not compared, so
/// that a repository that was renamed is still found.
pub fn watchlist_number(id: &str) -> Option<i64> {
    id.strip_prefix("watchlist_")?.rsplit_once('_')?.1.parse().ok().filter(|&number| number > 0)
}

/// What a repository is asked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositoryName {
    /// The id of it or of a checkout.
    Id(RepoId),
    /// The public number of it or of a checkout.
    Number(i64),
    /// Owner and name.
    Slug(String, String),
    /// Its address.
    Address(RemoteUrl),
}

impl RepositoryName {
    /// What a person or a client wrote: an id, a number, the public name of a watchlist entry, `owner/name`, or an address.
    /// `None` if no repository can be called so.
    pub fn parse(name: &str) -> Option<Self> {
        if name.contains('\0') {
            // No name has it, and PostgreSQL takes no such text.
            return None;
        }
        if let Ok(id) = name.parse::<RepoId>() {
            return Some(Self::Id(id));
        }
        let number = watchlist_number(name).or_else(|| name.parse().ok().filter(|&number: &i64| number > 0));
        if let Some(number) = number {
            return Some(Self::Number(number));
        }
        if name.contains("://") || name.contains('@') {
            return Some(Self::Address(RemoteUrl::parse(name).ok()?));
        }
        let (owner, last) = name.rsplit_once('/')?;
        Some(Self::Slug(owner.to_owned(), last.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Level, RepositoryName, watchlist_number};

    #[test]
    fn a_name_is_read_as_what_it_looks_like() {
        let kind = |name: &str| match RepositoryName::parse(name) {
            Some(RepositoryName::Id(_)) => "id",
            Some(RepositoryName::Number(_)) => "number",
            Some(RepositoryName::Slug(..)) => "slug",
            Some(RepositoryName::Address(_)) => "address",
            None => "nothing",
        };
        assert_eq!(kind("repo_01hzy0000000000000000000c8"), "id");
        assert_eq!(kind("12"), "number");
        assert_eq!(kind("watchlist_tokio-rs_axum_7"), "number");
        assert_eq!(kind("group/sub/name"), "slug");
        assert_eq!(kind("https://example.com/a/b"), "address");
        assert_eq!(kind("git@example.com:a/b"), "address");
        for wrong in ["", "0", "-1", "name", "a\0/b", "https://"] {
            assert_eq!(kind(wrong), "nothing", "{wrong:?}");
        }
    }

    #[test]
    fn words_lead_back() {
        for &level in Level::ALL {
            assert_eq!(Level::of_word(level.as_str()), Some(level));
        }
        assert_eq!(Level::of_word("deep"), None);
    }

    #[test]
    fn the_number_is_the_last_part() {
        assert_eq!(watchlist_number("watchlist_tokio-rs_axum_7"), Some(7));
        assert_eq!(watchlist_number("watchlist_a_b_c_d_12"), Some(12));
        for wrong in ["watchlist_7", "watchlist_a_b", "a_b_7", "watchlist_a_b_-7", "watchlist_a_b_0", ""] {
            assert_eq!(watchlist_number(wrong), None, "{wrong}");
        }
    }
}
