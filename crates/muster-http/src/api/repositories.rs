//! What the history of a watched repository says: commits, people, activity; and the activity of all of them.

#![expect(unused_qualifications, reason = "what utoipa makes of IntoParams names it in full")]

use axum::{extract::State, response::IntoResponse};
use jiff::Timestamp;
use muster_app::services::watchlist::{self, CommitPlace};
use muster_model::{
    Repository, Unknown, UnknownReason,
    history::{ActivityScore, Contributor, FileChurn, HistoryFacts, Week},
    repository::{Level, Step, StepState},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    extract::{Path, Query},
    problem::Problem,
    state::HttpState,
    wire::{
        history::{AllTimeView, BusFactorView},
        repository::{CommitView, why_unread},
    },
};

use super::cache::no_store;

/// Commits of a page, and at most.
const LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 500;
/// Days of activity, and at most.
const DAYS: u32 = 365;
const MAX_DAYS: u32 = 3660;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(commits))
        .routes(routes!(contributors))
        .routes(routes!(activity))
        .routes(routes!(activity_of_all))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PageParams {
    /// What `next` said.
    cursor: Option<String>,
    /// 1 to 500
    limit: Option<u64>,
}

/// A page of commits.
#[derive(Debug, Serialize, ToSchema)]
struct CommitsView {
    /// Newest first, by the time they were committed.
    items: Vec<CommitView>,
    /// The cursor of the next page; `null` on the last one.
    next: Option<String>,
    /// Commits that are stored.
    total: i64,
}

/// Commits with their numbers
///
/// The numbers are those of `git log --numstat -M`; a merge has none.
#[utoipa::path(get, path = "/repositories/{id}/commits", tag = "repositories", params(("id" = String, Path), PageParams),
    responses((status = OK, body = CommitsView)))]
async fn commits(
    State(state): State<HttpState>,
    Path(id): Path<String>,
    Query(params): Query<PageParams>,
) -> Result<impl IntoResponse, Problem> {
    let place = params.cursor.as_deref().map(place_of).transpose()?;
    let limit = super::limit(params.limit, LIMIT, MAX_LIMIT)?;
    let repository = watchlist::find(&state.context, &id).await?;
    let page = watchlist::commits(&state.context, &repository, place.as_ref(), limit).await?;
    Ok(no_store(CommitsView {
        items: page.commits.iter().map(CommitView::from).collect(),
        next: page.next.map(|place| format!("{}.{}", place.committed_at.as_microsecond(), place.id)),
        total: repository.commits,
    }))
}

fn place_of(cursor: &str) -> Result<CommitPlace, Problem> {
    let wrong =
        || Problem::field("cursor", format!("'{cursor}' is no cursor of this list; give what `next` said"));
    let (micros, id) = cursor.split_once('.').ok_or_else(wrong)?;
    let micros = micros.parse().map_err(|_| wrong())?;
    let committed_at = Timestamp::from_microsecond(micros).map_err(|_| wrong())?;
    Ok(CommitPlace { committed_at, id: id.to_owned() })
}

/// What is derived of the history; `None` before it was read.
async fn history(state: &HttpState, repository: &Repository) -> Result<Option<HistoryFacts>, Problem> {
    Ok(watchlist::history(&state.context, repository.id).await?)
}

/// Who works on it.
#[derive(Debug, Serialize, ToSchema)]
struct ContributorsView {
    /// The moment that this was worked out for; `null` if no commit is stored.
    as_of: Option<Timestamp>,
    /// People; `null` before the commits were read.
    total: Option<usize>,
    contributors: Vec<ContributorView>,
    /// Machines.
    bots: Vec<ContributorView>,
    bus_factor: Option<BusFactorView>,
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    unknown: Unknown,
}

#[derive(Debug, Serialize, ToSchema)]
struct ContributorView {
    name: String,
    emails: Vec<String>,
    /// Merges too.
    commits: u64,
    merges: u64,
    insertions: u64,
    deletions: u64,
    first_at: Timestamp,
    last_at: Timestamp,
}

impl From<Contributor> for ContributorView {
    fn from(one: Contributor) -> Self {
        Self {
            name: one.name,
            emails: one.emails,
            commits: one.commits,
            merges: one.merges,
            insertions: one.insertions,
            deletions: one.deletions,
            first_at: one.first_at,
            last_at: one.last_at,
        }
    }
}

/// Who works on a repository
#[utoipa::path(get, path = "/repositories/{id}/contributors", tag = "repositories", params(("id" = String, Path)),
    responses((status = OK, body = ContributorsView)))]
async fn contributors(
    State(state): State<HttpState>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let repository = watchlist::find(&state.context, &id).await?;
    let facts = history(&state, &repository).await?;
    let unknown = unread(&repository, facts.as_ref(), &["total", "bus_factor"]);
    let total = facts.as_ref().map(|facts| facts.contributors.len());
    let as_of = facts.as_ref().and_then(|facts| facts.last_at.map(|_| facts.as_of));
    let (people, bots, factor) =
        facts.map(|facts| (facts.contributors, facts.bots, facts.bus_factor)).unwrap_or_default();
    Ok(no_store(ContributorsView {
        as_of,
        total,
        contributors: people.into_iter().map(ContributorView::from).collect(),
        bots: bots.into_iter().map(ContributorView::from).collect(),
        bus_factor: factor.map(BusFactorView::from),
        unknown,
    }))
}

/// The reason beside each of these fields, if the history was not read.
fn unread(repository: &Repository, facts: Option<&HistoryFacts>, fields: &[&'static str]) -> Unknown {
    if facts.is_some() {
        return Unknown::new();
    }
    fields.iter().map(|&field| (field.into(), why_unread(repository))).collect()
}

/// How alive it is, when, and where.
#[derive(Debug, Serialize, ToSchema)]
struct ActivityView {
    /// The moment that this was worked out for; `null` if no commit is stored.
    as_of: Option<Timestamp>,
    rule_version: Option<u32>,
    commits: Option<u64>,
    merges: Option<u64>,
    bot_commits: Option<u64>,
    insertions: Option<u64>,
    deletions: Option<u64>,
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
    /// 0 to 100, and what it is made of.
    score: Option<u32>,
    factors: Vec<FactorView>,
    weekly_rate: Option<RateView>,
    /// Oldest first, quiet ones too.
    weeks: Vec<WeekView>,
    /// Commits by day of the week (Monday first) and hour, by the authors' own clocks.
    heat_map: Option<Vec<Vec<u64>>>,
    /// The files that changed most.
    churn: Vec<ChurnView>,
    files_changed: Option<u64>,
    /// Of older commits files were not counted, because there are too many; `null` if those of all were.
    files_since: Option<Timestamp>,
    /// What the whole history says, where all else sees a window of it; `null` until it was learned.
    all_time: Option<AllTimeView>,
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    unknown: Unknown,
}

#[derive(Debug, Serialize, ToSchema)]
struct FactorView {
    name: String,
    points: u32,
    max: u32,
    reason: String,
}

/// Commits a week, without those of bots.
#[derive(Debug, Serialize, ToSchema)]
struct RateView {
    /// Mean of the last four full weeks.
    recent: f64,
    /// Mean of all weeks that are known, at most 52.
    usual: f64,
}

#[derive(Debug, Serialize, ToSchema)]
struct WeekView {
    begins_at: Timestamp,
    commits: u64,
    people: u64,
    insertions: u64,
    deletions: u64,
}

impl From<&Week> for WeekView {
    fn from(week: &Week) -> Self {
        Self {
            begins_at: week.begins_at,
            commits: week.commits,
            people: week.people,
            insertions: week.insertions,
            deletions: week.deletions,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct ChurnView {
    path: String,
    commits: u64,
    insertions: u64,
    deletions: u64,
    last_at: Timestamp,
}

impl From<FileChurn> for ChurnView {
    fn from(file: FileChurn) -> Self {
        Self {
            path: file.path,
            commits: file.commits,
            insertions: file.insertions,
            deletions: file.deletions,
            last_at: file.last_at,
        }
    }
}

fn factors(activity: Option<ActivityScore>) -> Vec<FactorView> {
    let factors = activity.map(|activity| activity.factors).unwrap_or_default();
    let view = |factor: muster_model::history::ActivityFactor| FactorView {
        name: factor.name,
        points: factor.points,
        max: factor.max,
        reason: factor.reason,
    };
    factors.into_iter().map(view).collect()
}

/// Fields of the activity that are empty before the commits were read.
const MEASURED: [&str; 11] = [
    "as_of",
    "commits",
    "merges",
    "bot_commits",
    "insertions",
    "deletions",
    "last_at",
    "score",
    "weekly_rate",
    "heat_map",
    "files_changed",
];

fn why_not_all_time(repository: &Repository) -> UnknownReason {
    if repository.backfilled.is_none() {
        return why_unread(repository);
    }
    let is_failed = |step: &&Step| !step.is_essential() && step.state == StepState::Failed;
    match repository.level {
        Level::Facts => UnknownReason::LevelFacts,
        Level::Full if repository.steps.iter().any(|step| is_failed(&step)) => UnknownReason::RepositoryError,
        Level::History | Level::Full => UnknownReason::Shallow,
    }
}

/// How alive a repository is
#[utoipa::path(get, path = "/repositories/{id}/activity", tag = "repositories", params(("id" = String, Path)),
    responses((status = OK, body = ActivityView)))]
async fn activity(
    State(state): State<HttpState>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let repository = watchlist::find(&state.context, &id).await?;
    let facts = history(&state, &repository).await?;
    let all_time = watchlist::all_time(&state.context, repository.id).await?;
    let mut unknown = unread(&repository, facts.as_ref(), &MEASURED);
    if all_time.is_none() {
        unknown.insert("all_time".into(), why_not_all_time(&repository));
    }
    let number = |of: fn(&HistoryFacts) -> u64| facts.as_ref().map(of);
    let known = facts.as_ref();
    Ok(no_store(ActivityView {
        as_of: known.and_then(|facts| facts.last_at.map(|_| facts.as_of)),
        rule_version: known.map(|facts| facts.rule_version),
        commits: number(|facts| facts.commits),
        merges: number(|facts| facts.merges),
        bot_commits: number(|facts| facts.bot_commits),
        insertions: number(|facts| facts.insertions),
        deletions: number(|facts| facts.deletions),
        first_at: known.and_then(|facts| facts.first_at),
        last_at: known.and_then(|facts| facts.last_at),
        score: known.and_then(|facts| facts.activity.as_ref()).map(|activity| activity.score),
        factors: factors(known.and_then(|facts| facts.activity.clone())),
        weekly_rate: known.map(|facts| RateView { recent: facts.rate.recent, usual: facts.rate.usual }),
        weeks: known.map(|facts| facts.weeks.iter().map(WeekView::from).collect()).unwrap_or_default(),
        heat_map: known.map(|facts| facts.heat_map.iter().map(|hours| hours.to_vec()).collect()),
        files_changed: number(|facts| facts.files_changed),
        files_since: known.and_then(|facts| facts.files_since),
        churn: facts.map(|facts| facts.churn).unwrap_or_default().into_iter().map(ChurnView::from).collect(),
        all_time: all_time.map(AllTimeView::from),
        unknown,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DaysParams {
    /// Days back from now, 1 to 3660; 365 if it is left out.
    days: Option<u32>,
}

/// The activity of all watched repositories.
#[derive(Debug, Serialize, ToSchema)]
struct AllActivityView {
    commits: i64,
    /// Days with any commit, oldest first; UTC.
    days: Vec<DayView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct DayView {
    /// Its first moment.
    day: Timestamp,
    commits: i64,
    repositories: i64,
    insertions: i64,
    deletions: i64,
}

/// Commits of all watched repositories by day
#[utoipa::path(get, path = "/activity", tag = "repositories", params(DaysParams),
    responses((status = OK, body = AllActivityView)))]
async fn activity_of_all(
    State(state): State<HttpState>,
    Query(params): Query<DaysParams>,
) -> Result<impl IntoResponse, Problem> {
    let days = params.days.unwrap_or(DAYS);
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(Problem::field("days", format!("{days} is out of range; use 1 to {MAX_DAYS}")));
    }
    let days = watchlist::activity(&state.context, days).await?;
    let view = |day: &watchlist::DayCount| DayView {
        day: day.day,
        commits: day.commits,
        repositories: day.repositories,
        insertions: day.insertions,
        deletions: day.deletions,
    };
    Ok(no_store(AllActivityView {
        commits: days.iter().map(|day| day.commits).sum(),
        days: days.iter().map(view).collect(),
    }))
}
