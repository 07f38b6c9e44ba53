//! What the history of a watched repository says: commits, people, activity; and the activity of all of them.

#![expect(unused_qualifications, reason = "what utoipa makes of IntoParams names it in full")]

use axum::{extract::State, response::IntoResponse};
use jiff::Timestamp;
use muster_app::services::watchlist::{self, CommitPlace};
use muster_model::{
    Repository, Unknown, UnknownReason,
    history::{ActivityScore, AllTime, BusFactor, Contributor, FileChurn, HistoryFacts, RefTip, Week},
    repository::{DEEPEN, Level, Step, StepState},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    extract::{Path, Query},
    problem::Problem,
    state::HttpState,
    wire::repository::CommitView,
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

/// What is derived of the history; of no commits if nothing was read yet.
async fn history(state: &HttpState, repository: &Repository) -> Result<HistoryFacts, Problem> {
    Ok(watchlist::history(&state.context, repository.id).await?)
}

/// Who works on it.
#[derive(Debug, Serialize, ToSchema)]
struct ContributorsView {
    /// The moment that this was worked out for; `null` if no commit is stored.
    as_of: Option<Timestamp>,
    total: usize,
    contributors: Vec<ContributorView>,
    /// Machines.
    bots: Vec<ContributorView>,
    bus_factor: Option<BusFactorView>,
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

/// The fewest people whose commits are at least half of all.
#[derive(Debug, Serialize, ToSchema)]
struct BusFactorView {
    people: u64,
    /// `critical`, `high`, `medium` or `low`
    risk: &'static str,
    reason: String,
}

impl From<BusFactor> for BusFactorView {
    fn from(factor: BusFactor) -> Self {
        Self { people: factor.people, risk: factor.risk.as_str(), reason: factor.reason }
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
    Ok(no_store(ContributorsView {
        as_of: facts.last_at.map(|_| facts.as_of),
        total: facts.contributors.len(),
        contributors: facts.contributors.into_iter().map(ContributorView::from).collect(),
        bots: facts.bots.into_iter().map(ContributorView::from).collect(),
        bus_factor: facts.bus_factor.map(BusFactorView::from),
    }))
}

/// How alive it is, when, and where.
#[derive(Debug, Serialize, ToSchema)]
struct ActivityView {
    /// The moment that this was worked out for; `null` if no commit is stored.
    as_of: Option<Timestamp>,
    rule_version: u32,
    commits: u64,
    merges: u64,
    bot_commits: u64,
    insertions: u64,
    deletions: u64,
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
    /// 0 to 100, and what it is made of.
    score: Option<u32>,
    factors: Vec<FactorView>,
    weekly_rate: RateView,
    /// Oldest first, quiet ones too.
    weeks: Vec<WeekView>,
    /// Commits by day of the week (Monday first) and hour, by the authors' own clocks.
    heat_map: Vec<Vec<u64>>,
    /// The files that changed most.
    churn: Vec<ChurnView>,
    files_changed: u64,
    /// Of older commits files were not counted, because there are too many; `null` if those of all were.
    files_since: Option<Timestamp>,
    /// What the whole history says, where all else sees a window of it; `null` until it was learned.
    all_time: Option<AllTimeView>,
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    unknown: Unknown,
}

/// What the whole history says.
#[derive(Debug, Serialize, ToSchema)]
struct AllTimeView {
    as_of: Timestamp,
    /// Of the default branch.
    commits: u64,
    merges: u64,
    /// When the first commit was committed: how old the repository is.
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
    /// People who wrote any commit.
    people: u64,
    bots: u64,
    bus_factor: Option<BusFactorView>,
    tags: u64,
    /// At most a hundred.
    newest_tags: Vec<RefView>,
    /// The default branch too.
    branches: u64,
    /// Without a commit for 90 days.
    stale_branches: u64,
    /// The longest quiet, at most a hundred.
    stalest: Vec<RefView>,
}

/// A branch or a tag.
#[derive(Debug, Serialize, ToSchema)]
struct RefView {
    name: String,
    /// When its commit was committed; `null` if it stands for no commit of any branch.
    at: Option<Timestamp>,
}

impl From<AllTime> for AllTimeView {
    fn from(all: AllTime) -> Self {
        let view = |tip: RefTip| RefView { name: tip.name, at: tip.at };
        Self {
            as_of: all.as_of,
            commits: all.commits,
            merges: all.merges,
            first_at: all.first_at,
            last_at: all.last_at,
            people: all.people,
            bots: all.bots,
            bus_factor: all.bus_factor.map(BusFactorView::from),
            tags: all.tags,
            newest_tags: all.newest_tags.into_iter().map(view).collect(),
            branches: all.branches,
            stale_branches: all.stale_branches,
            stalest: all.stalest.into_iter().map(view).collect(),
        }
    }
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

fn why_not_all_time(repository: &Repository) -> UnknownReason {
    let is_empty = repository.refs.as_ref().is_some_and(|refs| refs.branches == 0 && refs.tags == 0);
    let is_failed = |step: &&Step| step.name == DEEPEN && step.state == StepState::Failed;
    match repository.level {
        _ if is_empty => UnknownReason::NoCommits,
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
    let mut unknown = Unknown::new();
    if all_time.is_none() {
        unknown.insert("all_time".into(), why_not_all_time(&repository));
    }
    Ok(no_store(ActivityView {
        as_of: facts.last_at.map(|_| facts.as_of),
        rule_version: facts.rule_version,
        commits: facts.commits,
        merges: facts.merges,
        bot_commits: facts.bot_commits,
        insertions: facts.insertions,
        deletions: facts.deletions,
        first_at: facts.first_at,
        last_at: facts.last_at,
        score: facts.activity.as_ref().map(|activity| activity.score),
        factors: factors(facts.activity),
        weekly_rate: RateView { recent: facts.rate.recent, usual: facts.rate.usual },
        weeks: facts.weeks.iter().map(WeekView::from).collect(),
        heat_map: facts.heat_map.iter().map(|hours| hours.to_vec()).collect(),
        churn: facts.churn.into_iter().map(ChurnView::from).collect(),
        files_changed: facts.files_changed,
        files_since: facts.files_since,
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
