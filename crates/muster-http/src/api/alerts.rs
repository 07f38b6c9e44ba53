//! What the alert settings of watches found, and which settings can find anything yet.

#![expect(unused_qualifications, reason = "what utoipa makes of IntoParams names it in full")]

use axum::{extract::State, response::IntoResponse};
use jiff::Timestamp;
use muster_app::services::watchlist;
use muster_model::{
    AlertId,
    alert::{Alert, AlertKind},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{extract::Query, problem::Problem, state::HttpState};

use super::cache::no_store;

const LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 500;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(alerts))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// Only of this repository.
    repository: Option<String>,
    /// Only of this setting.
    r#type: Option<String>,
    /// What `next` said.
    cursor: Option<String>,
    /// 1 to 500
    limit: Option<u64>,
}

/// A page of alerts.
#[derive(Debug, Serialize, ToSchema)]
struct AlertsView {
    /// Newest first.
    items: Vec<AlertView>,
    /// The cursor of the next page; `null` on the last one.
    next: Option<String>,
    total: u64,
    /// Every setting, and whether it can find anything yet.
    types: Vec<TypeView>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
struct AlertView {
    id: String,
    r#type: &'static str,
    repository: String,
    user_watchlist_id: String,
    /// In what it was found: a commit's id, a week's first day.
    subject: String,
    message: String,
    value: Option<f64>,
    threshold: Option<f64>,
    /// When it happened.
    at: Timestamp,
    /// When it was noticed.
    fired_at: Timestamp,
}

/// A setting.
#[derive(Debug, Serialize, ToSchema)]
struct TypeView {
    r#type: &'static str,
    /// `available`, or `not_available` with the reason.
    status: &'static str,
    reason: Option<&'static str>,
}

impl From<&Alert> for AlertView {
    fn from(alert: &Alert) -> Self {
        let finding = &alert.finding;
        Self {
            id: alert.id.to_string(),
            r#type: finding.kind.as_str(),
            repository: alert.repository.to_string(),
            user_watchlist_id: alert.watch.to_string(),
            subject: finding.subject.clone(),
            message: finding.message.clone(),
            value: finding.value,
            threshold: finding.threshold,
            at: finding.at,
            fired_at: alert.fired_at,
        }
    }
}

fn types() -> Vec<TypeView> {
    let view = |&kind: &AlertKind| match watchlist::alert_availability(kind) {
        Ok(()) => TypeView { r#type: kind.as_str(), status: "available", reason: None },
        Err(reason) => TypeView { r#type: kind.as_str(), status: "not_available", reason: Some(reason) },
    };
    AlertKind::ALL.iter().map(view).collect()
}

/// What alert settings found
#[utoipa::path(get, path = "/alerts", tag = "watchlist", params(ListParams), responses((status = OK, body = AlertsView)))]
async fn alerts(
    State(state): State<HttpState>,
    Query(params): Query<ListParams>,
) -> Result<impl IntoResponse, Problem> {
    let kind = |word: String| {
        let words: Vec<_> = AlertKind::ALL.iter().map(|kind| kind.as_str()).collect();
        AlertKind::of_word(&word)
            .ok_or_else(|| Problem::field("type", format!("'{word}' is none of {}", words.join(", "))))
    };
    let kind = params.r#type.map(kind).transpose()?;
    let before = params.cursor.as_deref().map(place_of).transpose()?;
    let limit = super::limit(params.limit, LIMIT, MAX_LIMIT)?;
    let repository = match params.repository {
        Some(name) => Some(watchlist::find(&state.context, &name).await?.id),
        None => None,
    };
    let mut found = watchlist::alerts(&state.context, repository, kind, before, limit + 1).await?;
    let is_more = found.len() as u64 > limit;
    if is_more {
        found.pop();
    }
    let next = found.last().filter(|_| is_more);
    Ok(no_store(AlertsView {
        items: found.iter().map(AlertView::from).collect(),
        next: next.map(|last| format!("{}.{}", last.fired_at.as_microsecond(), last.id)),
        total: watchlist::alerts_total(&state.context, repository, kind).await?,
        types: types(),
    }))
}

fn place_of(cursor: &str) -> Result<(Timestamp, AlertId), Problem> {
    let wrong =
        || Problem::field("cursor", format!("'{cursor}' is no cursor of this list; give what `next` said"));
    let (micros, id) = cursor.split_once('.').ok_or_else(wrong)?;
    let micros = micros.parse().map_err(|_| wrong())?;
    let at = Timestamp::from_microsecond(micros).map_err(|_| wrong())?;
    Ok((at, id.parse().map_err(|_| wrong())?))
}
