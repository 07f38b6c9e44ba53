//! The cache seen from outside: what is held, how well it serves, and clearing it. Under the portfolio in the words that
//! its clients know, under admin with everything.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use jiff::Timestamp;
use muster_app::{
    actions::cache,
    caches::{KEY_ALL_PROJECTS, KEY_RECOMMENDATIONS, KEY_SUMMARY, TAG_PORTFOLIO, body_key, project_tag},
    events::Event,
    follow::{CACHE_INVALIDATED, Clearing},
    services::portfolio,
};
use muster_cache::{
    CacheStats, TypeStats,
    redis::{LinkState, SharedStats},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    extract::{By, Query},
    problem::{Problem, ProblemView},
    state::HttpState,
    warm,
};

pub(super) fn portfolio_routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(portfolio_stats))
        .routes(routes!(invalidate))
        .routes(routes!(warm_now))
}

pub(super) fn short_routes() -> Router<HttpState> {
    Router::new()
        .route("/portfolio/cache/stats", get(portfolio_stats))
        .route("/portfolio/cache/invalidate", post(invalidate))
        .route("/portfolio/cache/warm", post(warm_now))
}

pub(super) fn admin_routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(admin_stats)).routes(routes!(clear))
}

/// The portfolio's part of the cache.
#[derive(Debug, Serialize, ToSchema)]
struct PortfolioCacheView {
    available: bool,
    last_invalidation: Option<Timestamp>,
    /// By name: is it held, and for how long.
    keys: BTreeMap<&'static str, KeyView>,
    hits: u64,
    misses: u64,
    hit_ratio: Option<f64>,
    bytes: u64,
}

/// One key.
#[derive(Debug, Serialize, ToSchema)]
struct KeyView {
    cached: bool,
    ttl_seconds: Option<u64>,
}

/// How the portfolio is cached
#[utoipa::path(get, path = "/api/v1/portfolio/cache/stats", tag = "portfolio", responses((status = OK, body = PortfolioCacheView)))]
async fn portfolio_stats(State(state): State<HttpState>) -> impl IntoResponse {
    let cache = &state.context.cache;
    let counted = cache.stats();
    // What clients get is the ready body; the value behind it may live longer or shorter.
    let named = [
        ("summary", body_key("/portfolio/summary", ""), KEY_SUMMARY),
        ("all_projects", body_key("/portfolio/projects", ""), KEY_ALL_PROJECTS),
        ("recommendations", body_key("/portfolio/recommendations", ""), KEY_RECOMMENDATIONS),
        ("dashboard", body_key("/portfolio/dashboard", ""), ""),
        ("health", body_key("/portfolio/health", ""), ""),
    ];
    let keys = named
        .into_iter()
        .map(|(name, body, value)| {
            let entry = cache.entry(&body).or_else(|| cache.entry(value));
            let ttl_seconds = entry.as_ref().map(|entry| entry.ttl_left.as_secs());
            (name, KeyView { cached: entry.is_some(), ttl_seconds })
        })
        .collect();
    no_store(PortfolioCacheView {
        available: true,
        last_invalidation: counted.last_invalidation,
        keys,
        hits: counted.totals.hits,
        misses: counted.totals.misses,
        hit_ratio: counted.totals.hit_ratio(),
        bytes: counted.totals.bytes,
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InvalidateQuery {
    /// One project instead of all.
    project_name: Option<String>,
}

/// What was invalidated.
#[derive(Debug, Serialize, ToSchema)]
struct InvalidatedView {
    message: String,
    project_name: Option<String>,
}

/// Forget what is cached of the portfolio, or of one project, and read it from disk again
#[utoipa::path(
    post, path = "/api/v1/portfolio/cache/invalidate", tag = "portfolio", params(("project_name" = Option<String>, Query, description = "One project instead of all")),
    responses((status = OK, body = InvalidatedView), (status = NOT_FOUND, body = ProblemView))
)]
async fn invalidate(
    State(state): State<HttpState>,
    By(by): By,
    Query(InvalidateQuery { project_name }): Query<InvalidateQuery>,
) -> Result<impl IntoResponse, Problem> {
    let context = &state.context;
    let message = match &project_name {
        Some(name) => {
            let known = portfolio::project(context, name).await?;
            // Read before the answer, so that whoever asks next is told what is on disk now.
            let refreshed = state.keeper.projects(vec![known.record.project.path.clone()]).await?;
            if let Some(seq) = refreshed.seq {
                state.followed.until(seq).await;
            }
            context.cache.remove_by_tag(&project_tag(known.record.id));
            context.cache.remove_by_tag(TAG_PORTFOLIO);
            format!("{} was read again", known.record.project.name)
        }
        None => {
            context.cache.remove_by_tag(TAG_PORTFOLIO);
            context.cache.remove_matching("portfolio:*");
            context.cache.remove_matching("http:/portfolio/*");
            state.live.search();
            "everything is forgotten, and all roots are being searched".to_owned()
        }
    };
    cache::note_invalidated(context, &by, project_name.as_deref()).await?;
    tell(&state, json!({ "scope": "portfolio", "project_name": project_name }));
    Ok(no_store(InvalidatedView { message, project_name }))
}

/// What was warmed.
#[derive(Debug, Serialize, ToSchema)]
struct WarmedView {
    /// Answers that are at hand now.
    loaded: usize,
    failed: usize,
    /// Left out, because the cache is full or time was up.
    left: usize,
}

/// Work out the answers that are asked for most, before they are asked for
#[utoipa::path(post, path = "/api/v1/portfolio/cache/warm", tag = "portfolio", responses((status = OK, body = WarmedView)))]
async fn warm_now(State(state): State<HttpState>) -> Result<impl IntoResponse, Problem> {
    let warmed = warm::all(&state).await;
    Ok::<_, Problem>(no_store(WarmedView { loaded: warmed.loaded, failed: warmed.failed, left: warmed.left }))
}

/// The whole cache.
#[derive(Debug, Serialize, ToSchema)]
struct CacheView {
    available: bool,
    max_bytes: u64,
    tags: usize,
    loads_running: usize,
    last_invalidation: Option<Timestamp>,
    totals: TypeView,
    data_types: Vec<TypeView>,
    levels: Vec<LevelView>,
    /// The second level, if Redis is configured.
    shared: Option<SharedView>,
    /// Asked for most, the first the most.
    hottest: Vec<HotView>,
}

/// One level of the cache.
#[derive(Debug, Serialize, ToSchema)]
struct LevelView {
    name: &'static str,
    available: bool,
    /// Of the second level: all that lies in that Redis, if it says so.
    entries: Option<u64>,
    bytes: Option<u64>,
}

/// Redis as this node sees it; counters since start.
#[derive(Debug, Serialize, ToSchema)]
struct SharedView {
    /// Where it is.
    place: String,
    /// `up`, `doubted` (an answer was late) or `down`.
    state: &'static str,
    /// Invalidations of other nodes arrive.
    synced: bool,
    /// Invalidations that it has not been told yet.
    pending_invalidations: u64,
    hits: u64,
    misses: u64,
    hit_ratio: Option<f64>,
    writes: u64,
    bytes_read: u64,
    bytes_written: u64,
    oversized: u64,
    poisoned: u64,
    foreign: u64,
    awaited: u64,
    commands: u64,
    errors: u64,
    timeouts: u64,
    skipped: u64,
    connects: u64,
    messages_sent: u64,
    messages_received: u64,
    cut_off: u64,
}

impl SharedView {
    #[expect(clippy::cast_precision_loss, reason = "a ratio of counters")]
    fn new(stats: &SharedStats) -> Self {
        let looks = stats.hits + stats.misses;
        Self {
            place: stats.place.clone(),
            state: stats.state.as_str(),
            synced: stats.is_synced,
            pending_invalidations: stats.pending,
            hits: stats.hits,
            misses: stats.misses,
            hit_ratio: (looks > 0).then(|| stats.hits as f64 / looks as f64),
            writes: stats.writes,
            bytes_read: stats.bytes_read,
            bytes_written: stats.bytes_written,
            oversized: stats.oversized,
            poisoned: stats.poisoned,
            foreign: stats.foreign,
            awaited: stats.awaited,
            commands: stats.commands,
            errors: stats.errors,
            timeouts: stats.timeouts,
            skipped: stats.skipped,
            connects: stats.connects,
            messages_sent: stats.sent,
            messages_received: stats.received,
            cut_off: stats.cut_off,
        }
    }
}

/// One key and how often it was asked for.
#[derive(Debug, Serialize, ToSchema)]
struct HotView {
    key: String,
    requests: u64,
}

/// Counters of one type of data since start.
#[derive(Debug, Serialize, ToSchema)]
struct TypeView {
    name: &'static str,
    hits: u64,
    misses: u64,
    /// Misses that the second level answered.
    shared_hits: u64,
    hit_ratio: Option<f64>,
    stale_served: u64,
    bypassed: u64,
    negative_hits: u64,
    loads: u64,
    load_failures: u64,
    load_seconds: f64,
    collapsed: u64,
    early_refreshes: u64,
    evictions: u64,
    expirations: u64,
    invalidations: u64,
    oversized: u64,
    serializations: u64,
    compressions: u64,
    entries: u64,
    bytes: u64,
    /// A TTL in seconds that follows from how often the data is asked for and changes; `null` until enough was seen.
    suggested_ttl: Option<u64>,
}

impl TypeView {
    fn new(stats: &TypeStats) -> Self {
        Self {
            name: stats.name,
            hits: stats.hits,
            misses: stats.misses,
            shared_hits: stats.shared_hits,
            hit_ratio: stats.hit_ratio(),
            stale_served: stats.stale_served,
            bypassed: stats.bypassed,
            negative_hits: stats.negative_hits,
            loads: stats.loads,
            load_failures: stats.load_failures,
            load_seconds: stats.load_time.as_secs_f64(),
            collapsed: stats.collapsed,
            early_refreshes: stats.early_refreshes,
            evictions: stats.evictions,
            expirations: stats.expirations,
            invalidations: stats.invalidations,
            oversized: stats.oversized,
            serializations: stats.serializations,
            compressions: stats.compressions,
            entries: stats.entries,
            bytes: stats.bytes,
            suggested_ttl: stats.suggested_ttl.map(|ttl| ttl.as_secs()),
        }
    }
}

/// Everything that the cache counts
#[utoipa::path(get, path = "/admin/cache/stats", tag = "admin", responses((status = OK, body = CacheView)))]
async fn admin_stats(State(state): State<HttpState>) -> impl IntoResponse {
    const HOTTEST: usize = 20;
    let counted = state.context.cache.stats();
    let hottest = state.context.cache.hottest(HOTTEST);
    no_store(CacheView {
        available: true,
        max_bytes: counted.max_bytes,
        tags: counted.tags,
        loads_running: counted.loads_running,
        last_invalidation: counted.last_invalidation,
        data_types: counted.types.iter().map(TypeView::new).collect(),
        levels: levels(&counted),
        shared: counted.shared.as_ref().map(SharedView::new),
        totals: TypeView::new(&counted.totals),
        hottest: hottest
            .into_iter()
            .map(|hot| HotView { key: hot.key.to_string(), requests: hot.requests })
            .collect(),
    })
}

fn levels(counted: &CacheStats) -> Vec<LevelView> {
    let first = LevelView {
        name: "l1",
        available: true,
        entries: Some(counted.totals.entries),
        bytes: Some(counted.totals.bytes),
    };
    let second = counted.shared.as_ref().map(|shared| LevelView {
        name: "l2",
        available: shared.state == LinkState::Up,
        entries: shared.server_keys,
        bytes: shared.used_memory,
    });
    [first].into_iter().chain(second).collect()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClearQuery {
    /// Only what carries this tag, such as `portfolio` or `project:repo_…`.
    tag: Option<String>,
    /// Only keys that match, such as `http:/portfolio/*`.
    pattern: Option<String>,
}

/// What was cleared.
#[derive(Debug, Serialize, ToSchema)]
struct ClearedView {
    message: String,
    /// Entries of this node, where they were counted.
    removed: Option<usize>,
}

/// Clear the cache on all nodes: all of it, by tag, or by pattern
#[utoipa::path(
    post, path = "/admin/cache/clear", tag = "admin", params(
        ("tag" = Option<String>, Query, description = "Only what carries this tag, such as `portfolio` or `project:repo_…`"),
        ("pattern" = Option<String>, Query, description = "Only keys that match, such as `http:/portfolio/*`"),
    ),
    responses((status = OK, body = ClearedView), (status = 422, body = ProblemView))
)]
async fn clear(
    State(state): State<HttpState>,
    By(by): By,
    Query(ClearQuery { tag, pattern }): Query<ClearQuery>,
) -> Result<impl IntoResponse, Problem> {
    if tag.is_some() && pattern.is_some() {
        return Err(Problem::field("pattern", "name a tag or a pattern, not both"));
    }
    let clearing = Clearing { tag, pattern };
    let (removed, seq) = cache::clear(&state.context, &by, &clearing).await?;
    if let Some(seq) = seq {
        // What is asked for next is kept: nothing of this falls after the answer.
        state.followed.until(seq).await;
    }
    let message = match (&clearing.tag, &clearing.pattern) {
        (Some(tag), _) => format!("what carries the tag '{tag}' is forgotten"),
        (None, Some(pattern)) => {
            format!(
                "what matches '{pattern}' is forgotten; {} entries of this node did",
                removed.unwrap_or(0)
            )
        }
        (None, None) => "the cache is empty".to_owned(),
    };
    Ok(no_store(ClearedView { message, removed }))
}

fn tell(state: &HttpState, data: serde_json::Value) {
    state.context.events.tell(Event { seq: None, topic: CACHE_INVALIDATED.to_owned(), data });
}

pub(super) fn no_store(view: impl Serialize) -> impl IntoResponse {
    (StatusCode::OK, [(header::CACHE_CONTROL, "no-store")], Json(view))
}
