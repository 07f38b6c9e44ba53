//! Answers from ready bodies: rendered once, kept in the encodings that clients ask for, and not sent at all to a client
//! that has them. A hit serializes nothing and compresses nothing.

use std::convert::Infallible;

use axum::{
    body::Body as HttpBody,
    extract::FromRequestParts,
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use muster_app::{AppError, caches::BodyKind};
use muster_cache::{FoundBody, Rendered, Status};
use serde::Serialize;

use crate::{problem::Problem, state::HttpState};

/// What the browser is told: keep it, but ask whether it is still right. Our invalidation does not reach the browser.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, no-cache");
const VARY: HeaderValue = HeaderValue::from_static("Accept-Encoding");
const JSON: &str = "application/json";

/// Marks an answer that cost next to nothing, so that it counts as a tenth of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IsCheap;

/// The ready body under `key`, made of what `load` brings if there is none.
pub(crate) async fn ready<T, F, Fut>(
    state: &HttpState,
    conditions: &Conditions,
    kind: BodyKind,
    key: &str,
    tags: &[&str],
    load: F,
) -> Result<Response, Problem>
where
    T: Serialize,
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, AppError>> + Send + 'static,
{
    let context = &state.context;
    // One type for every route: the cache's part is compiled once, and what waits here stays small.
    let render = move || -> BoxFuture<'static, Result<Rendered, AppError>> {
        Box::pin(async move { to_rendered(&load().await?) })
    };
    let found =
        context.cache.body(context.body_type(kind), key, tags, render).await.map_err(AppError::from)?;
    Ok(respond(&found, conditions))
}

/// The same for an answer that is not kept, because anybody can ask for another one without end.
pub(crate) fn unkept(
    state: &HttpState,
    conditions: &Conditions,
    kind: BodyKind,
    view: &impl Serialize,
) -> Result<Response, Problem> {
    let rendered = to_rendered(view)?;
    let context = &state.context;
    Ok(respond(&context.cache.unkept(context.body_type(kind), rendered), conditions))
}

fn to_rendered(view: &impl Serialize) -> Result<Rendered, AppError> {
    let bytes = serde_json::to_vec(view)
        .map_err(|error| AppError::Internal { message: format!("an answer cannot be written: {error}") })?;
    Ok(Rendered { status: StatusCode::OK.as_u16(), content_type: JSON, bytes: Bytes::from(bytes) })
}

/// The two header fields of a request that decide how a ready body is sent.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    if_none_match: Option<HeaderValue>,
    accept_encoding: Option<HeaderValue>,
}

impl<S: Sync> FromRequestParts<S> for Conditions {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let value = |name| parts.headers.get(name).cloned();
        Ok(Self {
            if_none_match: value(header::IF_NONE_MATCH),
            accept_encoding: value(header::ACCEPT_ENCODING),
        })
    }
}

fn respond(found: &FoundBody, conditions: &Conditions) -> Response {
    /// What an answer has in the end, with what the gate and the server add.
    const HEADERS: usize = 24;
    let FoundBody { body, status } = found;
    let is_known = text(conditions.if_none_match.as_ref()).is_some_and(|tags| body.is_known_to(tags));
    let encoding = body.encoding_for(text(conditions.accept_encoding.as_ref()));
    let mut response = if is_known {
        let mut response = Response::new(HttpBody::empty());
        response.headers_mut().reserve(HEADERS);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let mut response = Response::new(HttpBody::from(body.variant(encoding)));
        response.headers_mut().reserve(HEADERS);
        *response.status_mut() = StatusCode::from_u16(body.status()).unwrap_or(StatusCode::OK);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(body.content_type()));
        if let Some(token) = encoding.token() {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(token));
        }
        response
    };
    let into = response.headers_mut();
    into.insert(header::CACHE_CONTROL, CACHE_CONTROL);
    into.insert(header::VARY, VARY);
    into.insert(header::AGE, HeaderValue::from(status.age().as_secs()));
    // A tag is hexadecimal and a status made of fixed words and numbers: both are valid.
    if let Ok(etag) = HeaderValue::from_str(body.etag()) {
        into.insert(header::ETAG, etag);
    }
    if let Ok(cache_status) = HeaderValue::from_str(&status.cache_status("muster")) {
        into.insert(header::HeaderName::from_static("cache-status"), cache_status);
    }
    if is_known || matches!(status, Status::Hit { .. }) {
        response.extensions_mut().insert(IsCheap);
    }
    response
}

fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value?.to_str().ok()
}
