//! Questions about watched repositories: one of them by whatever it is called, all of them in pages, their commits and
//! what was derived of them.

use std::collections::HashMap;

use muster_model::{
    Commit, RepoId, Repository, Timestamp,
    alert::{Alert, AlertKind, Watch},
    history::{AllTime, HistoryFacts},
    job::{JobProgress, JobRecord, JobState},
    repository::{DEEPEN, Processing, RepositoryName, Step, StepState},
};
use muster_store::CommitPage;
pub use muster_store::{CommitPlace, DayCount};

use crate::{context::Context, error::AppError};

/// A repository with who watches it and what is being done for it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The repository.
    pub repository: Repository,
    /// Who watches it, oldest first.
    pub watches: Vec<Watch>,
    /// Its jobs that are not over, newest first.
    pub jobs: Vec<JobRecord>,
}

impl Entry {
    /// How far this step says it is, if it is at work.
    pub fn progress(&self, step: &Step) -> Option<&JobProgress> {
        if step.state != StepState::Running {
            return None;
        }
        // The whole history is learned beside the other steps, which come one after the other.
        let is_its = |job: &&JobRecord| (job.kind == DEEPEN) == (step.name == DEEPEN);
        let running = self.jobs.iter().filter(is_its).find(|job| job.state == JobState::Running)?;
        running.progress.as_ref()
    }

    /// Why nothing is being done at the moment, if something should be.
    pub fn wait_reason(&self) -> Option<&str> {
        let mut jobs = self.jobs.iter().filter(|job| job.kind != DEEPEN);
        if jobs.clone().any(|job| job.state == JobState::Running) {
            return None;
        }
        jobs.find_map(|job| job.wait_reason.as_deref())
    }
}

/// Which entries are listed.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only in this state.
    pub processing: Option<Processing>,
    /// Only watched by this person.
    pub added_by: Option<String>,
}

/// A page of entries.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// By number.
    pub entries: Vec<Entry>,
    /// The number after which the next page begins; `None` on the last one.
    pub next: Option<i64>,
    /// Entries that fit the filter.
    pub total: u64,
}

/// The repository of this name: the id of its entry, its own id, its number, `owner/name`, or its address.
pub async fn find(context: &Context, name: &str) -> Result<Repository, AppError> {
    let store = &context.store;
    let not_found = || AppError::NotFound { query: name.to_owned() };
    let (owner, last) = match RepositoryName::parse(name).ok_or_else(not_found)? {
        RepositoryName::Id(id) => return store.repository(id).await?.ok_or_else(not_found),
        RepositoryName::Number(number) => {
            return store.repository_numbered(number).await?.ok_or_else(not_found);
        }
        RepositoryName::Address(url) => return store.repository_at(&url).await?.ok_or_else(not_found),
        RepositoryName::Slug(owner, last) => (owner, last),
    };
    let mut found = store.repositories_called(&owner, &last).await?;
    match found.len() {
        0 => Err(not_found()),
        1 => Ok(found.remove(0)),
        _ => {
            let candidates = found.iter().map(|one| one.url.to_string()).collect();
            Err(AppError::Ambiguous { query: name.to_owned(), candidates })
        }
    }
}

/// The entry of this name.
pub async fn entry(context: &Context, name: &str) -> Result<Entry, AppError> {
    let repository = find(context, name).await?;
    Ok(entries(context, vec![repository]).await?.remove(0))
}

/// Entries in pages, by number.
pub async fn list(
    context: &Context,
    filter: &Filter,
    after: Option<i64>,
    limit: u64,
) -> Result<Page, AppError> {
    let added_by = filter.added_by.as_deref();
    let listed = context.store.repository_list(filter.processing, added_by, after, limit).await?;
    Ok(Page { entries: entries(context, listed.repositories).await?, next: listed.next, total: listed.total })
}

/// Watches and jobs of many repositories, by one query each.
async fn entries(context: &Context, repositories: Vec<Repository>) -> Result<Vec<Entry>, AppError> {
    let ids: Vec<RepoId> = repositories.iter().map(|repository| repository.id).collect();
    let mut watches: HashMap<RepoId, Vec<Watch>> = HashMap::new();
    for watch in context.store.watches(&ids).await? {
        watches.entry(watch.repository).or_default().push(watch);
    }
    let subjects: Vec<String> = ids.iter().map(RepoId::to_string).collect();
    let mut jobs: HashMap<String, Vec<JobRecord>> = HashMap::new();
    for job in context.store.jobs_unfinished(&subjects).await? {
        if let Some(subject) = job.subject.clone() {
            jobs.entry(subject).or_default().push(job);
        }
    }
    let entry = |repository: Repository| Entry {
        watches: watches.remove(&repository.id).unwrap_or_default(),
        jobs: jobs.remove(&repository.id.to_string()).unwrap_or_default(),
        repository,
    };
    Ok(repositories.into_iter().map(entry).collect())
}

/// Commits of a repository, newest first.
pub async fn commits(
    context: &Context,
    repository: &Repository,
    from: Option<&CommitPlace>,
    limit: u64,
) -> Result<CommitPage, AppError> {
    Ok(context.store.commits_page(repository.number, from, limit).await?)
}

/// What was derived of a repository's history; `None` before it was read.
pub async fn history(context: &Context, id: RepoId) -> Result<Option<HistoryFacts>, AppError> {
    let stored: Option<(Timestamp, HistoryFacts)> = context.store.history(id).await?;
    Ok(stored.map(|(_, facts)| facts))
}

/// What a repository's whole history says; `None` if it was not learned yet.
pub async fn all_time(context: &Context, id: RepoId) -> Result<Option<AllTime>, AppError> {
    Ok(context.store.history_all_time(id).await?)
}

/// Whether an alert setting can find anything yet, and why not.
pub fn alert_availability(kind: AlertKind) -> Result<(), &'static str> {
    muster_analysis::alerting::availability(kind)
}

/// Commits of all watched repositories by day.
pub async fn activity(context: &Context, days: u32) -> Result<Vec<DayCount>, AppError> {
    let since = context.clock.now() - jiff::SignedDuration::from_hours(24 * i64::from(days));
    Ok(context.store.commits_by_day(since).await?)
}

/// How many alerts there are.
pub async fn alerts_total(
    context: &Context,
    repository: Option<RepoId>,
    kind: Option<AlertKind>,
) -> Result<u64, AppError> {
    Ok(context.store.alerts_total(repository, kind).await?)
}

/// What alert settings found, newest first.
pub async fn alerts(
    context: &Context,
    repository: Option<RepoId>,
    kind: Option<AlertKind>,
    before: Option<(Timestamp, muster_model::AlertId)>,
    limit: u64,
) -> Result<Vec<Alert>, AppError> {
    Ok(context.store.alerts(repository, kind, before, limit).await?)
}

/// The newest commits in short.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommitSummary {
    /// In a few sentences.
    pub text: String,
    /// How many.
    pub commits: u64,
    /// When the oldest of them was committed.
    pub from: Option<Timestamp>,
    /// When the newest was.
    pub to: Option<Timestamp>,
    /// Lines added.
    pub insertions: u64,
    /// Lines removed.
    pub deletions: u64,
    /// People with their commits, most first.
    pub authors: Vec<(String, u64)>,
    /// First lines, newest first.
    pub subjects: Vec<String>,
}

/// The newest `count` commits of a repository in short.
pub async fn commit_summary(
    context: &Context,
    repository: &Repository,
    count: u64,
) -> Result<CommitSummary, AppError> {
    let page = commits(context, repository, None, count).await?;
    Ok(summarize(&page.commits, context.clock.now()))
}

fn summarize(commits: &[Commit], now: Timestamp) -> CommitSummary {
    let mut by_file: HashMap<&str, u64> = HashMap::new();
    let (mut insertions, mut deletions) = (0_u64, 0_u64);
    for commit in commits {
        if let Some(size) = commit.size {
            insertions = insertions.saturating_add(size.insertions);
            deletions = deletions.saturating_add(size.deletions);
        }
        for file in &commit.files {
            *by_file.entry(&file.path).or_default() += 1;
        }
    }
    let ranked = |counts: HashMap<&str, u64>| {
        let mut ranked: Vec<_> = counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
        ranked.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        ranked
    };
    let files = ranked(by_file);
    let facts = muster_analysis::history::derive(commits, now);
    let authors: Vec<(String, u64)> =
        facts.contributors.into_iter().map(|person| (person.name, person.commits)).collect();
    let text = match commits {
        [newest, ..] => {
            let oldest = commits.last().unwrap_or(newest);
            let day = |commit: &Commit| commit.committer.at.to_string().chars().take(10).collect::<String>();
            let people = match authors.as_slice() {
                [] => "all by machines".to_owned(),
                [(only, _)] if facts.bot_commits == 0 => format!("all by {only}"),
                [(most, theirs), ..] => {
                    format!(
                        "by {}, most by {most} ({theirs})",
                        counted(authors.len() as u64, "person", "people")
                    )
                }
            };
            let bots = match facts.bot_commits {
                bots if bots > 0 && !authors.is_empty() => format!(", {bots} by machines"),
                _ => String::new(),
            };
            let busiest = match files.first() {
                Some((path, times)) if *times > 1 => format!(" Most often changed: {path} ({times} times)."),
                _ => String::new(),
            };
            format!(
                "{} from {} to {}, {people}{bots}: {} added, {deletions} removed in {}.{busiest}",
                counted(commits.len() as u64, "commit", "commits"),
                day(oldest),
                day(newest),
                counted(insertions, "line", "lines"),
                counted(files.len() as u64, "file", "files"),
            )
        }
        [] => "No commit is stored yet.".to_owned(),
    };
    CommitSummary {
        text,
        commits: commits.len() as u64,
        from: commits.last().map(|commit| commit.committer.at),
        to: commits.first().map(|commit| commit.committer.at),
        insertions,
        deletions,
        authors,
        subjects: commits.iter().map(|commit| commit.subject().to_owned()).collect(),
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
