//! The service itself: the configuration in force.

use axum::{extract::State, response::IntoResponse};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{state::HttpState, wire::SettingView};

use super::cache::no_store;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(config))
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
