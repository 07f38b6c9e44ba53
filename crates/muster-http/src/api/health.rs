//! Is it alive, is it ready, how is each part, and the numbers for Prometheus.

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use muster_app::actions::registry::RegistryStatus;
use muster_cache::redis::{LinkState, SharedStats};
use muster_model::Scope;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    config::Role,
    extract::By,
    metrics,
    problem::{Code, Problem},
    state::HttpState,
};

use super::cache::no_store;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(health))
}

/// The paths that machines know.
pub(super) fn short_routes() -> Router<HttpState> {
    Router::new()
        .route("/health", get(health))
        .route("/api/health", get(health))
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(prometheus))
}

/// How muster is.
#[derive(Debug, Serialize, ToSchema)]
struct ServiceHealthView {
    /// `ok`, or `degraded` if some part is.
    status: &'static str,
    version: &'static str,
    /// What this node does: `all`, `api` or `worker`.
    role: &'static str,
    uptime_seconds: u64,
    parts: BTreeMap<&'static str, PartView>,
}

/// How one part is.
#[derive(Debug, Serialize, ToSchema)]
struct PartView {
    /// `ok`, `degraded` or `down`.
    status: &'static str,
    /// What is wrong and what to do; or a word on what is going on.
    message: Option<String>,
}

impl PartView {
    fn ok() -> Self {
        Self { status: "ok", message: None }
    }

    fn degraded(message: String) -> Self {
        Self { status: "degraded", message: Some(message) }
    }
}

/// How each part of muster is
///
/// Open to everybody; what is wrong with a part is told to those who may read.
#[utoipa::path(get, path = "/health", tag = "admin", responses((status = OK, body = ServiceHealthView)))]
async fn health(State(state): State<HttpState>, By(by): By) -> impl IntoResponse {
    let mut parts = BTreeMap::new();
    let database = match muster_app::services::changes::is_ready(&state.context).await {
        Ok(()) => PartView::ok(),
        Err(error) => PartView { status: "down", message: Some(error.to_string()) },
    };
    parts.insert("database", database);
    parts.insert("cache", PartView::ok());
    if let Some(shared) = state.context.cache.shared_stats() {
        parts.insert("redis", redis(&shared));
    }
    // A worker keeps an eye on no folders.
    if state.role != Role::Worker {
        portfolio(&state, &mut parts);
    }
    let is_ok = parts.values().all(|part| part.status == "ok");
    if !by.scopes.contains(Scope::Read) {
        // They name folders and hosts.
        for part in parts.values_mut() {
            part.message = None;
        }
    }
    no_store(ServiceHealthView {
        status: if is_ok { "ok" } else { "degraded" },
        version: state.version,
        role: state.role.as_str(),
        uptime_seconds: state.started.elapsed().as_secs(),
        parts,
    })
}

fn portfolio(state: &HttpState, parts: &mut BTreeMap<&'static str, PartView>) {
    let watch = state.context.known.health();
    parts.insert("watching", watch.degraded.clone().map_or_else(PartView::ok, PartView::degraded));
    let roots = match watch.roots_away.as_slice() {
        [] => PartView::ok(),
        away => {
            let list: Vec<_> = away.iter().map(|(root, reason)| format!("{root}: {reason}")).collect();
            PartView::degraded(format!(
                "cannot be read, their projects stay as last seen: {}",
                list.join("; ")
            ))
        }
    };
    parts.insert("roots", roots);
    let mut scan = PartView::ok();
    if !watch.is_scanned {
        scan.message = Some("the first search is running; answers come from what was stored".to_owned());
    }
    parts.insert("portfolio", scan);
    parts.insert("registry", registry(state));
}

/// Never `down`: muster works without it.
fn redis(shared: &SharedStats) -> PartView {
    let place = &shared.place;
    let message = match (shared.state, shared.is_synced) {
        (LinkState::Up, true) => return PartView::ok(),
        (LinkState::Up, false) => format!(
            "{place} answers, but invalidations of other nodes do not arrive; what is cached here is worked out anew after 15 s"
        ),
        (LinkState::Doubted, _) => {
            format!("{place} answers late; it is asked again when it gives a sign of life")
        }
        (LinkState::Down, _) => format!(
            "{place} cannot be reached; this node caches and limits for itself, and connects again by itself"
        ),
    };
    PartView::degraded(message)
}

fn registry(state: &HttpState) -> PartView {
    let registry = state.registry.state();
    let path = registry.path.map(|path| path.display().to_string()).unwrap_or_default();
    let why = match (registry.status, registry.error) {
        (RegistryStatus::Invalid, Some(error)) => error.to_string(),
        (RegistryStatus::Missing, _) => "the file is not there".to_owned(),
        _ => return PartView::ok(),
    };
    let in_force = match registry.loaded_at {
        Some(at) => format!("what it said at {at} stays in force"),
        None => "nothing of it is in force".to_owned(),
    };
    PartView::degraded(format!("{path}: {why}; {in_force}"))
}

async fn ready(State(state): State<HttpState>) -> Response {
    match muster_app::services::changes::is_ready(&state.context).await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => Problem::new(Code::Unavailable, error.to_string()).into_response(),
    }
}

async fn prometheus(State(state): State<HttpState>) -> Response {
    let text = metrics::render(&state);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    (StatusCode::OK, [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], text)
        .into_response()
}
