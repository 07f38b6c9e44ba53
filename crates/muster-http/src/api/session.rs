//! The way in: who one is, and signing in and out by password. Programs send a token instead, with each request.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use muster_app::actions::access::{Caller, NewSession, Proof};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    extract::{By, Client, Json},
    identity::cookie,
    problem::{Problem, ProblemView},
    state::HttpState,
};

use super::cache::no_store;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(session, sign_in, sign_out))
        .routes(routes!(set_up))
        .routes(routes!(change_password))
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
struct SessionView {
    /// How people sign in: `none`, `local` or `proxy`.
    mode: &'static str,
    /// `false` for somebody who would have to sign in and has not.
    signed_in: bool,
    /// What they are called in the audit log.
    name: String,
    /// How that is known: `nobody`, `token`, `session`, `proxy` or `data_folder`; `null` if it is not.
    by: Option<&'static str>,
    /// `read`, `write`, `jobs`, `admin`
    scopes: Vec<&'static str>,
    /// Nobody can sign in before a password is set, with a set-up token.
    needs_setup: bool,
}

async fn view(state: &HttpState, caller: &Caller) -> Result<SessionView, Problem> {
    let by = match &caller.by {
        Proof::Missing => None,
        Proof::Nobody => Some("nobody"),
        Proof::Token(_) => Some("token"),
        Proof::Session(_) => Some("session"),
        Proof::Proxy => Some("proxy"),
        Proof::DataFolder => Some("data_folder"),
    };
    Ok(SessionView {
        mode: state.access.mode().as_str(),
        signed_in: by.is_some(),
        name: caller.name.to_string(),
        by,
        scopes: caller.scopes.words(),
        needs_setup: !state.access.is_set_up().await?,
    })
}

/// Who one is
#[utoipa::path(get, path = "/session", tag = "access", responses((status = OK, body = SessionView)))]
async fn session(State(state): State<HttpState>, By(by): By) -> Result<impl IntoResponse, Problem> {
    Ok(no_store(view(&state, &by).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignInRequest {
    /// The administrator's.
    password: String,
}

/// Sign in
///
/// The answer sets a cookie. Ten attempts a minute from one address.
#[utoipa::path(post, path = "/session", tag = "access", request_body = SignInRequest, responses(
    (status = OK, body = SessionView),
    (status = UNAUTHORIZED, body = ProblemView, content_type = "application/problem+json", description = "The password is wrong"),
    (status = CONFLICT, body = ProblemView, content_type = "application/problem+json", description = "There is no password"),
    (status = TOO_MANY_REQUESTS, body = ProblemView, content_type = "application/problem+json"),
))]
async fn sign_in(
    State(state): State<HttpState>,
    client: Client,
    Json(request): Json<SignInRequest>,
) -> Result<Response, Problem> {
    let session = state.access.sign_in(&request.password, client.address).await?;
    begun(&state, &session, client).await
}

async fn begun(state: &HttpState, session: &NewSession, client: Client) -> Result<Response, Problem> {
    let mut response = no_store(view(state, &session.caller).await?).into_response();
    if let Some(cookie) = cookie(&session.text, session.seconds, client.is_encrypted) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Sign out
#[utoipa::path(delete, path = "/session", tag = "access", responses((status = NO_CONTENT)))]
async fn sign_out(State(state): State<HttpState>, By(by): By) -> Result<Response, Problem> {
    state.access.sign_out(&by).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(cookie) = cookie("", 0, false) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetupRequest {
    /// Which muster said when it started, or `muster token setup` made.
    token: String,
    /// 12 to 200 characters
    password: String,
}

/// Set the administrator's password, and sign in
///
/// The set-up token is used up, and all sessions end.
#[utoipa::path(post, path = "/session/setup", tag = "access", request_body = SetupRequest, responses(
    (status = OK, body = SessionView),
    (status = UNAUTHORIZED, body = ProblemView, content_type = "application/problem+json", description = "The set-up token is worth nothing"),
    (status = UNPROCESSABLE_ENTITY, body = ProblemView, content_type = "application/problem+json"),
))]
async fn set_up(
    State(state): State<HttpState>,
    client: Client,
    Json(request): Json<SetupRequest>,
) -> Result<Response, Problem> {
    let session = state.access.set_up(request.token.trim(), &request.password, client.address).await?;
    begun(&state, &session, client).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordRequest {
    current: String,
    /// 12 to 200 characters
    new: String,
}

/// Set another password
///
/// All sessions end; the caller's goes on as a new one.
#[utoipa::path(put, path = "/session/password", tag = "access", request_body = PasswordRequest, responses(
    (status = OK, body = SessionView),
    (status = UNAUTHORIZED, body = ProblemView, content_type = "application/problem+json", description = "The current password is wrong"),
    (status = UNPROCESSABLE_ENTITY, body = ProblemView, content_type = "application/problem+json"),
))]
async fn change_password(
    State(state): State<HttpState>,
    By(by): By,
    client: Client,
    Json(request): Json<PasswordRequest>,
) -> Result<Response, Problem> {
    let session = state.access.change_password(&by, &request.current, &request.new, client.address).await?;
    begun(&state, &session, client).await
}
