//! The service itself: the configuration in force, and who did what.

#![expect(unused_qualifications, reason = "what utoipa makes of IntoParams names it in full")]

use axum::{extract::State, response::IntoResponse};
use jiff::Timestamp;
use muster_app::services::audit;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{extract::Query, problem::Problem, state::HttpState, wire::SettingView};

use super::cache::no_store;

const LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 500;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(config)).routes(routes!(audit_log))
}

#[derive(Debug, Serialize, ToSchema)]
struct ConfigView {
    settings: Vec<SettingView>,
}

/// Every setting with its value and who set it
#[utoipa::path(get, path = "/admin/config", tag = "admin", responses((status = OK, body = ConfigView)))]
async fn config(State(state): State<HttpState>) -> impl IntoResponse {
    no_store(ConfigView { settings: state.settings.clone() })
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditParams {
    /// What `next` said.
    cursor: Option<String>,
    /// 1 to 500
    limit: Option<u64>,
}

/// A page of the audit log.
#[derive(Debug, Serialize, ToSchema)]
struct AuditView {
    /// Newest first.
    items: Vec<AuditEntryView>,
    /// The cursor of the next page; `null` on the last one.
    next: Option<String>,
}

/// Who did what.
#[derive(Debug, Serialize, ToSchema)]
struct AuditEntryView {
    id: i64,
    at: Timestamp,
    /// A person, `token:` and the name of a token, `local` where nobody has to say who they are, `anonymous`.
    who: String,
    /// Such as `watch.add`, `job.cancel`, `token.create`.
    what: String,
    /// An id, or a name.
    target: String,
    /// `done`, `planned`, `refused` or `failed`.
    outcome: String,
    #[schema(value_type = Object)]
    detail: serde_json::Value,
}

/// Who did what, newest first
#[utoipa::path(get, path = "/admin/audit", tag = "admin", params(AuditParams), responses((status = OK, body = AuditView)))]
async fn audit_log(
    State(state): State<HttpState>,
    Query(params): Query<AuditParams>,
) -> Result<impl IntoResponse, Problem> {
    let before = params.cursor.as_deref().map(super::cursor).transpose()?;
    let limit = super::limit(params.limit, LIMIT, MAX_LIMIT)?;
    let page = audit::list(&state.context, before, limit).await?;
    let view = |entry: audit::Entry| AuditEntryView {
        id: entry.id,
        at: entry.noted.at,
        who: entry.noted.who,
        what: entry.noted.what,
        target: entry.noted.target,
        outcome: entry.noted.outcome,
        detail: entry.noted.detail,
    };
    Ok(no_store(AuditView {
        items: page.entries.into_iter().map(view).collect(),
        next: page.next.map(|next| next.to_string()),
    }))
}
