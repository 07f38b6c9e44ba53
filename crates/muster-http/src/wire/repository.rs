//! Shapes of a watched repository, its watches and its commits.

use jiff::Timestamp;
use muster_app::services::watchlist::Entry;
use muster_model::{
    Commit, Repository, Unknown, UnknownReason,
    alert::Watch,
    category::Category,
    commit::{FileChange, Signature},
    repository::{Level, Processing},
};
use serde::Serialize;
use utoipa::ToSchema;

/// Facts that only a forge can tell.
const FORGE_FACTS: [&str; 8] =
    ["stars", "forks", "watchers", "open_issues", "topics", "license", "archived", "description"];

/// A watched repository.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RepositoryView {
    pub(crate) id: String,
    pub(crate) number: i64,
    pub(crate) watchlist_id: String,
    pub(crate) name: String,
    pub(crate) owner: Option<String>,
    /// `owner/name`
    pub(crate) full_name: String,
    pub(crate) url: String,
    pub(crate) host: String,
    /// `facts`, `history` or `full`
    pub(crate) level: &'static str,
    /// `processing`, `ready` or `failed`
    pub(crate) status: &'static str,
    /// It is complete and being brought up to date.
    pub(crate) refreshing: bool,
    pub(crate) default_branch: Option<String>,
    /// Id of the default branch's commit; `null` for an empty repository.
    pub(crate) head: Option<String>,
    pub(crate) branches: Option<u64>,
    pub(crate) tags_count: Option<u64>,
    /// Commits that are stored; `null` before they were read.
    pub(crate) commits: Option<i64>,
    /// What is older was not read; `null` if everything was.
    pub(crate) history_since: Option<Timestamp>,
    pub(crate) last_commit_at: Option<Timestamp>,
    /// 0 to 100
    pub(crate) activity_score: Option<i64>,
    pub(crate) bus_factor: Option<i64>,
    pub(crate) category: Option<&'static str>,
    pub(crate) tags: Vec<String>,
    pub(crate) stars: Option<u64>,
    pub(crate) forks: Option<u64>,
    pub(crate) watchers: Option<u64>,
    pub(crate) open_issues: Option<u64>,
    pub(crate) topics: Option<Vec<String>>,
    pub(crate) license: Option<String>,
    pub(crate) archived: Option<bool>,
    pub(crate) description: Option<String>,
    pub(crate) created_at: Timestamp,
    /// When the remote was last asked.
    pub(crate) checked_at: Option<Timestamp>,
    pub(crate) updated_at: Timestamp,
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub(crate) unknown: Unknown,
}

impl RepositoryView {
    pub(crate) fn new(repository: &Repository) -> Self {
        let refs = repository.refs.as_ref();
        let is_read = repository.backfilled.is_some();
        let mut unknown: Unknown =
            FORGE_FACTS.iter().map(|field| ((*field).into(), UnknownReason::NoForge)).collect();
        let is_empty = refs.is_some_and(|refs| refs.branches == 0 && refs.tags == 0);
        let why = why_unread(repository);
        let mut missing = |field: &'static str, is_missing: bool, why: UnknownReason| {
            if is_missing {
                unknown.insert(field.into(), why);
            }
        };
        let unseen = if repository.processing == Processing::Failed {
            UnknownReason::RepositoryError
        } else {
            UnknownReason::InProgress
        };
        for field in ["branches", "tags_count"] {
            missing(field, refs.is_none(), unseen);
        }
        missing(
            "default_branch",
            refs.is_none_or(|refs| refs.default_branch.is_none()),
            if is_empty { UnknownReason::NoCommits } else { unseen },
        );
        missing(
            "head",
            refs.is_none_or(|refs| refs.head.is_none()),
            if is_empty { UnknownReason::NoCommits } else { unseen },
        );
        missing("commits", !is_read, why);
        missing("last_commit_at", repository.last_commit_at.is_none(), why);
        missing("activity_score", repository.activity_score.is_none(), why);
        missing("bus_factor", repository.bus_factor.is_none(), why);
        Self {
            id: repository.id.to_string(),
            number: repository.number,
            watchlist_id: repository.watchlist_id(),
            name: repository.url.name().to_owned(),
            owner: repository.url.owner().map(str::to_owned),
            full_name: repository.slug(),
            url: repository.url.to_string(),
            host: repository.url.host().to_owned(),
            level: repository.level.as_str(),
            status: repository.processing.as_str(),
            refreshing: repository.is_refreshing,
            default_branch: refs.and_then(|refs| refs.default_branch.clone()),
            head: refs.and_then(|refs| refs.head.clone()),
            branches: refs.map(|refs| refs.branches),
            tags_count: refs.map(|refs| refs.tags),
            commits: is_read.then_some(repository.commits),
            history_since: repository.backfilled.as_ref().and_then(|backfilled| backfilled.cut_off),
            last_commit_at: repository.last_commit_at,
            activity_score: repository.activity_score,
            bus_factor: repository.bus_factor,
            category: repository.category.map(Category::as_str),
            tags: repository.tags.clone(),
            stars: None,
            forks: None,
            watchers: None,
            open_issues: None,
            topics: None,
            license: None,
            archived: None,
            description: None,
            created_at: repository.created_at,
            checked_at: repository.refs_at,
            updated_at: repository.updated_at,
            unknown,
        }
    }
}

/// Why the commits of a repository were not read.
pub(crate) fn why_unread(repository: &Repository) -> UnknownReason {
    let is_empty = repository.refs.as_ref().is_some_and(|refs| refs.branches == 0 && refs.tags == 0);
    match (repository.level, repository.processing) {
        _ if is_empty => UnknownReason::NoCommits,
        (Level::Facts, _) => UnknownReason::LevelFacts,
        (_, Processing::Failed) => UnknownReason::RepositoryError,
        _ => UnknownReason::InProgress,
    }
}

/// A step of the processing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct StepView {
    /// `refs`, `clone`, `commits`; `deepen`, without which an entry is ready
    name: String,
    /// `waiting`, `running`, `done` or `failed`
    state: &'static str,
    /// Of the step that is at work, where it says so.
    progress: Option<ProgressView>,
    /// Why it failed, or why the last attempt did.
    error: Option<String>,
}

/// How far something is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ProgressView {
    pub(crate) done: u64,
    /// `null` if it is not known.
    pub(crate) total: Option<u64>,
    pub(crate) unit: String,
    pub(crate) message: String,
}

impl From<&muster_model::job::JobProgress> for ProgressView {
    fn from(progress: &muster_model::job::JobProgress) -> Self {
        Self {
            done: progress.done,
            total: progress.total,
            unit: progress.unit.clone(),
            message: progress.message.clone(),
        }
    }
}

/// Somebody's watch.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct WatchView {
    pub(crate) user_watchlist_id: String,
    added_by: String,
    notes: String,
    /// As it was given; what is not named is off.
    #[schema(value_type = Object)]
    alerts: muster_model::alert::AlertSettings,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<&Watch> for WatchView {
    fn from(watch: &Watch) -> Self {
        Self {
            user_watchlist_id: watch.id.to_string(),
            added_by: watch.added_by.clone(),
            notes: watch.notes.clone(),
            alerts: watch.alerts.clone(),
            created_at: watch.created_at,
            updated_at: watch.updated_at,
        }
    }
}

/// An entry of the watchlist.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct EntryView {
    watchlist_id: String,
    /// `processing`, `ready` or `failed`
    status: &'static str,
    refreshing: bool,
    processing_started_at: Timestamp,
    processing_completed_at: Option<Timestamp>,
    last_error: Option<String>,
    /// Why nothing is being done at the moment, if something should be.
    waiting: Option<String>,
    steps: Vec<StepView>,
    package: RepositoryView,
    user_watchlists: Vec<WatchView>,
}

impl From<&Entry> for EntryView {
    fn from(entry: &Entry) -> Self {
        let repository = &entry.repository;
        let step = |step: &muster_model::repository::Step| StepView {
            name: step.name.clone(),
            state: step.state.as_str(),
            progress: entry.progress(step).map(ProgressView::from),
            error: step.error.clone(),
        };
        let is_busy = repository.processing == Processing::Processing || repository.is_refreshing;
        Self {
            watchlist_id: repository.watchlist_id(),
            status: repository.processing.as_str(),
            refreshing: repository.is_refreshing,
            processing_started_at: repository.processing_started_at,
            processing_completed_at: repository.processing_completed_at,
            last_error: repository.last_error.clone(),
            waiting: entry.wait_reason().filter(|_| is_busy).map(str::to_owned),
            steps: repository.steps.iter().map(step).collect(),
            package: RepositoryView::new(repository),
            user_watchlists: entry.watches.iter().map(WatchView::from).collect(),
        }
    }
}

/// A commit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CommitView {
    id: String,
    parents: Vec<String>,
    subject: String,
    message: String,
    author: SignatureView,
    committer: SignatureView,
    /// `null` for a merge, which git does not count; so are the lines.
    files_changed: Option<u64>,
    insertions: Option<u64>,
    deletions: Option<u64>,
    /// The first 20,000 of `files_changed`, as git lists them; none of commits beyond 128 MiB of such lists.
    files: Vec<FileView>,
}

/// Who did it, and when by their clock.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct SignatureView {
    name: String,
    email: String,
    at: Timestamp,
    offset_minutes: i32,
}

/// What a commit did to a file.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct FileView {
    path: String,
    /// Where it was before it was renamed.
    from: Option<String>,
    /// `null` for a binary file.
    insertions: Option<u64>,
    deletions: Option<u64>,
}

impl From<&Signature> for SignatureView {
    fn from(signature: &Signature) -> Self {
        Self {
            name: signature.name.clone(),
            email: signature.email.clone(),
            at: signature.at,
            offset_minutes: signature.offset_minutes,
        }
    }
}

impl From<&FileChange> for FileView {
    fn from(file: &FileChange) -> Self {
        Self {
            path: file.path.clone(),
            from: file.from.clone(),
            insertions: file.lines.map(|lines| lines.insertions),
            deletions: file.lines.map(|lines| lines.deletions),
        }
    }
}

impl From<&Commit> for CommitView {
    fn from(commit: &Commit) -> Self {
        Self {
            id: commit.id.clone(),
            parents: commit.parents.clone(),
            subject: commit.subject().to_owned(),
            message: commit.message.clone(),
            author: SignatureView::from(&commit.author),
            committer: SignatureView::from(&commit.committer),
            files_changed: commit.size.map(|size| size.files),
            insertions: commit.size.map(|size| size.insertions),
            deletions: commit.size.map(|size| size.deletions),
            files: commit.files.iter().map(FileView::from).collect(),
        }
    }
}
