//! Tokens of programs: made, listed, revoked. A token's text is in one answer, that of its making.

use axum::{extract::State, http::StatusCode, response::IntoResponse};
use jiff::Timestamp;
use muster_app::actions::access::TokenRequest;
use muster_model::{Scopes, access::Token};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    extract::{By, Json, Path},
    problem::{Problem, ProblemView},
    state::HttpState,
};

use super::cache::no_store;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(setup)).routes(routes!(revoke))
}

/// What is known of a token.
#[derive(Debug, Serialize, ToSchema)]
struct TokenView {
    id: String,
    name: String,
    /// With those that they include: `read`, `write`, `jobs`, `admin`.
    scopes: Vec<&'static str>,
    created_at: Timestamp,
    created_by: String,
    /// `null` is never.
    expires_at: Option<Timestamp>,
    expired: bool,
    /// To ten minutes.
    last_used_at: Option<Timestamp>,
}

impl TokenView {
    fn new(token: &Token, now: Timestamp) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name.clone(),
            scopes: token.scopes.words(),
            created_at: token.created_at,
            created_by: token.created_by.clone(),
            expires_at: token.expires_at,
            expired: !token.is_valid(now),
            last_used_at: token.last_used_at,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct TokensView {
    /// Oldest first.
    tokens: Vec<TokenView>,
    total: usize,
}

/// Tokens of programs
#[utoipa::path(get, path = "/tokens", tag = "access", responses((status = OK, body = TokensView)))]
async fn list(State(state): State<HttpState>) -> Result<impl IntoResponse, Problem> {
    let (tokens, now) = (state.access.tokens().await?, state.context.clock.now());
    let tokens: Vec<_> = tokens.iter().map(|token| TokenView::new(token, now)).collect();
    Ok(no_store(TokensView { total: tokens.len(), tokens }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateRequest {
    /// What it is for; there is no other of that name.
    name: String,
    /// Of `read`, `write`, `jobs`, `admin`; `write` and `jobs` include `read`, `admin` all.
    scopes: Vec<String>,
    /// 1 to 3650; without, it never expires.
    expires_in_days: Option<u32>,
}

/// A new token with its text.
#[derive(Serialize, ToSchema)]
struct CreatedView {
    /// To be sent as `Authorization: Bearer`. It is not told again.
    secret: String,
    #[serde(flatten)]
    token: TokenView,
}

/// Make a token
#[utoipa::path(post, path = "/tokens", tag = "access", request_body = CreateRequest, responses(
    (status = CREATED, body = CreatedView),
    (status = CONFLICT, body = ProblemView, content_type = "application/problem+json", description = "There is one of that name"),
    (status = UNPROCESSABLE_ENTITY, body = ProblemView, content_type = "application/problem+json"),
))]
async fn create(
    State(state): State<HttpState>,
    By(by): By,
    Json(request): Json<CreateRequest>,
) -> Result<impl IntoResponse, Problem> {
    let scopes = Scopes::of_words(&request.scopes);
    let scopes = scopes.map_err(|error| Problem::field("scopes", error.to_string()))?;
    let request = TokenRequest { name: request.name, scopes, days: request.expires_in_days };
    let (token, secret) = state.access.token_create(&by, request).await?;
    let token = TokenView::new(&token, state.context.clock.now());
    Ok((StatusCode::CREATED, no_store(CreatedView { secret, token })))
}

/// A set-up token.
#[derive(Serialize, ToSchema)]
struct SetupTokenView {
    /// For `POST /session/setup`, within a day and once.
    secret: String,
}

/// Make a set-up token, with which the administrator's password can be set anew
#[utoipa::path(post, path = "/tokens/setup", tag = "access", responses(
    (status = CREATED, body = SetupTokenView),
    (status = CONFLICT, body = ProblemView, content_type = "application/problem+json", description = "Nobody signs in by password"),
))]
async fn setup(State(state): State<HttpState>, By(by): By) -> Result<impl IntoResponse, Problem> {
    let secret = state.access.setup_token(&by.name).await?;
    Ok((StatusCode::CREATED, no_store(SetupTokenView { secret })))
}

/// Revoke a token
#[utoipa::path(delete, path = "/tokens/{id}", tag = "access",
    params(("id" = String, Path, description = "Its id or its name")),
    responses(
        (status = NO_CONTENT),
        (status = NOT_FOUND, body = ProblemView, content_type = "application/problem+json"),
    ))]
async fn revoke(
    State(state): State<HttpState>,
    By(by): By,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    state.access.token_revoke(&by, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
