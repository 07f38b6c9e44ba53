//! The proof that an invalidation reaches every node: for whoever has set up several of them.

use std::time::Duration;

use axum::{extract::State, response::IntoResponse};
use muster_cache::redis::{CheckReport, CheckedNode, LinkState};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::cache::no_store;
use crate::state::HttpState;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(check))
}

/// Whether invalidations reach every node.
#[derive(Debug, Serialize, ToSchema)]
struct CheckView {
    /// `up`, `doubted` or `down`; `null` without Redis.
    redis: Option<&'static str>,
    /// Every node that lives answered; `null` without Redis, where nodes follow the change sequence alone.
    complete: Option<bool>,
    message: String,
    nodes: Vec<CheckedNodeView>,
}

/// A node that gave a sign of life lately.
#[derive(Debug, Serialize, ToSchema)]
struct CheckedNodeView {
    name: String,
    this_node: bool,
    answered: bool,
    /// Milliseconds until its answer was here.
    milliseconds: Option<f64>,
}

impl CheckView {
    fn new(report: Option<&CheckReport>) -> Self {
        let Some(report) = report else {
            let message =
                "there is no Redis; every node reads the changes of the others twice a second".to_owned();
            return Self { redis: None, complete: None, message, nodes: Vec::new() };
        };
        let node = |node: &CheckedNode| CheckedNodeView {
            name: node.name.clone(),
            this_node: node.is_self,
            answered: node.answered_after.is_some(),
            milliseconds: node.answered_after.map(|after| after.as_secs_f64() * 1000.0),
        };
        let nodes: Vec<_> = report.nodes.iter().map(node).collect();
        let silent: Vec<_> =
            nodes.iter().filter(|node| !node.answered).map(|node| node.name.as_str()).collect();
        let message = match (report.state, silent.as_slice()) {
            (LinkState::Up, []) => format!("an invalidation reaches all nodes ({})", nodes.len()),
            (LinkState::Up, silent) => format!("not heard by {}", silent.join(", ")),
            (state, _) => format!("Redis is {}; every node goes on alone", state.as_str()),
        };
        Self { redis: Some(report.state.as_str()), complete: Some(report.is_complete()), message, nodes }
    }
}

/// Whether an invalidation reaches every node: one is sent, and all that live must answer
#[utoipa::path(get, path = "/admin/cache/check", tag = "admin", responses((status = OK, body = CheckView)))]
async fn check(State(state): State<HttpState>) -> impl IntoResponse {
    // Ten times what an invalidation may take.
    const LIMIT: Duration = Duration::from_secs(1);
    let report = state.context.cache.check(LIMIT).await;
    no_store(CheckView::new(report.as_ref()))
}
