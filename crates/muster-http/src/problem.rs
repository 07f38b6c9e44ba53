//! Errors as `application/problem+json` (RFC 9457). The codes are a closed table: clients may decide by them, so they
//! never change their meaning. Mistakes of the framework's own (a method that a route does not have, JSON that does
//! not parse) come out in the same shape.

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use muster_app::AppError;
use serde::Serialize;
use utoipa::ToSchema;

/// How programs say who they are. Not `Basic`, for which browsers would open a window of their own.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"muster\"");

/// What can be wrong, in one word each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Code {
    /// The request cannot be understood.
    BadRequest,
    /// A value of the request is wrong; `errors` says which.
    Invalid,
    /// A name fits several things.
    Ambiguous,
    /// The web page that sent the request may not.
    ForeignOrigin,
    /// The name of the host is not one of ours.
    ForeignHost,
    /// It is not known who asks.
    Unauthorised,
    /// It is switched off or not permitted.
    Forbidden,
    /// There is no such route or thing.
    NotFound,
    /// The route has other methods.
    MethodNotAllowed,
    /// It does not fit the state of things any more.
    Conflict,
    /// The body is too large.
    TooLarge,
    /// The body is of another type than the route takes.
    UnsupportedMediaType,
    /// Too many requests.
    RateLimited,
    /// A mistake of ours.
    Internal,
    /// A part that is needed is away.
    Unavailable,
    /// It took too long.
    TimedOut,
}

impl Code {
    /// Every code, for the documentation and its test.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 16] = [
        Self::BadRequest,
        Self::Invalid,
        Self::Ambiguous,
        Self::ForeignOrigin,
        Self::ForeignHost,
        Self::Unauthorised,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::RateLimited,
        Self::Internal,
        Self::Unavailable,
        Self::TimedOut,
    ];

    fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::BadRequest => ("bad_request", StatusCode::BAD_REQUEST, "The request cannot be understood"),
            Self::Invalid => ("invalid", StatusCode::UNPROCESSABLE_ENTITY, "A value of the request is wrong"),
            Self::Ambiguous => ("ambiguous", StatusCode::CONFLICT, "The name fits several things"),
            Self::ForeignOrigin => {
                ("foreign_origin", StatusCode::FORBIDDEN, "A web page of another origin may not do this")
            }
            Self::ForeignHost => ("foreign_host", StatusCode::FORBIDDEN, "This host name is not served"),
            Self::Unauthorised => ("unauthorised", StatusCode::UNAUTHORIZED, "It is not known who asks"),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "This is not permitted"),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, "There is no such thing"),
            Self::MethodNotAllowed => {
                ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, "The route has other methods")
            }
            Self::Conflict => {
                ("conflict", StatusCode::CONFLICT, "It does not fit the state of things any more")
            }
            Self::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE, "The request is too large"),
            Self::UnsupportedMediaType => (
                "unsupported_media_type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body is of a type that the route does not take",
            ),
            Self::RateLimited => ("rate_limited", StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "A mistake in muster"),
            Self::Unavailable => {
                ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "A part that is needed is away")
            }
            Self::TimedOut => ("timed_out", StatusCode::GATEWAY_TIMEOUT, "It took too long"),
        }
    }

    /// The word.
    pub(crate) fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The status that goes with it.
    pub(crate) fn status(self) -> StatusCode {
        self.row().1
    }

    /// The sentence that is the same for every case.
    pub(crate) fn title(self) -> &'static str {
        self.row().2
    }
}

/// An error as clients see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemView<'a> {
    /// A stable name: `urn:muster:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The same for every case of the code.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// One of the closed table.
    code: &'static str,
    /// What is wrong here, and what to do.
    detail: &'a str,
    /// The values that are wrong.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldProblem],
    /// Unique names to choose from.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    candidates: &'a [String],
}

/// An error on its way to a client.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    detail: String,
    /// What few problems have; apart, because every handler's result is as large as its error.
    more: Option<Box<More>>,
}

#[derive(Debug, Default)]
struct More {
    errors: Vec<FieldProblem>,
    candidates: Vec<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// One wrong value.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FieldProblem {
    /// Which.
    field: String,
    /// What is wrong with it.
    message: String,
}

impl Problem {
    /// A problem with its own sentence.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), more: None }
    }

    /// A wrong value of the request.
    pub(crate) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        let mut problem = Self::new(Code::Invalid, format!("{field}: {message}"));
        problem.more().errors.push(FieldProblem { field, message });
        problem
    }

    /// With a header of its own.
    pub(crate) fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.more().headers.push((name, value.into()));
        self
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> Code {
        self.code
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        let detail = error.to_string();
        match error {
            AppError::RootUnreadable { .. } => Self::new(Code::Unavailable, detail),
            AppError::NotFound { .. } | AppError::NoSuch { .. } => Self::new(Code::NotFound, detail),
            AppError::Ambiguous { candidates, .. } => {
                let mut problem = Self::new(Code::Ambiguous, detail);
                problem.more().candidates = candidates;
                problem
            }
            AppError::Invalid { field, message } => Self::field(field, message),
            AppError::Conflict { .. } => Self::new(Code::Conflict, detail),
            AppError::Forbidden { .. } => Self::new(Code::Forbidden, detail),
            AppError::Unauthorised { .. } => {
                Self::new(Code::Unauthorised, detail).with_header(header::WWW_AUTHENTICATE, CHALLENGE)
            }
            AppError::Limited { retry_after, .. } => Self::new(Code::RateLimited, detail)
                .with_header(header::RETRY_AFTER, HeaderValue::from(retry_after)),
            AppError::Unavailable { .. } => {
                tracing::warn!(problem.detail = detail, "a request could not be answered");
                Self::new(Code::Unavailable, detail)
                    .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
            }
            AppError::Internal { .. } => {
                tracing::error!(problem.detail = detail, "a request failed through a mistake of ours");
                Self::new(Code::Internal, detail)
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { code, detail, more } = self;
        let More { errors, candidates, headers } = more.map(|more| *more).unwrap_or_default();
        let view = ProblemView {
            kind: format!("urn:muster:problem:{}", code.as_str()),
            title: code.title(),
            status: code.status().as_u16(),
            code: code.as_str(),
            detail: &detail,
            errors: &errors,
            candidates: &candidates,
        };
        let mut response = (code.status(), Json(view)).into_response();
        let into = response.headers_mut();
        into.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        into.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        into.extend(headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_words() {
        let mut words: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Code::ALL.len());
    }
}
