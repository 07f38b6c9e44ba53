//! Which scope a request needs: by its method and the beginning of its path, so that a route that is forgotten here needs
//! more than it should, never less. The table of all routes is a snapshot among the tests.

use axum::http::Method;
use muster_model::Scope;

/// What everybody may ask for who reaches muster: how it is, what it offers, and the way in.
const OPEN: [&str; 12] = [
    "/",
    "/livez",
    "/readyz",
    "/health",
    "/api/health",
    "/api/v1/health",
    "/api/docs",
    "/api/v1/openapi.json",
    "/api/v1/session",
    "/api/v1/session/setup",
    "/favicon.ico",
    "/robots.txt",
];
const OPEN_BELOW: &str = "/api/docs/";

/// The scope that is needed, if one is.
pub(crate) fn needed(method: &Method, path: &str) -> Option<Scope> {
    if OPEN.contains(&path) || path.starts_with(OPEN_BELOW) {
        return None;
    }
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let is_below =
        |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    // A question that comes with a body.
    let is_summary = method == Method::POST
        && ["/watchlist/", "/activity/watchlist/"].iter().any(|folder| path.starts_with(folder))
        && path.ends_with("/commit-summary");
    Some(if is_below("/admin") || is_below("/tokens") {
        Scope::Admin
    } else if method.is_safe() || is_summary {
        Scope::Read
    } else if is_below("/jobs") || is_below("/queues") {
        Scope::Jobs
    } else {
        Scope::Write
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_needs_more_rather_than_less() {
        let check = |method: Method, path: &str, expected: Option<Scope>| {
            assert_eq!(needed(&method, path), expected, "{method} {path}");
        };
        check(Method::GET, "/readyz", None);
        check(Method::GET, "/api/docs/index.html", None);
        check(Method::GET, "/metrics", Some(Scope::Read));
        check(Method::GET, "/portfolio/projects", Some(Scope::Read));
        check(Method::POST, "/api/v1/watchlist/a%2Fb/commit-summary", Some(Scope::Read));
        check(Method::POST, "/activity/watchlist/1/commit-summary", Some(Scope::Read));
        check(Method::DELETE, "/api/v1/watchlist/commit-summary", Some(Scope::Write));
        check(Method::POST, "/api/v1/jobs/commit-summary", Some(Scope::Jobs));
        check(Method::POST, "/api/v1/jobs/job_1/retry", Some(Scope::Jobs));
        check(Method::PUT, "/api/v1/anything/new", Some(Scope::Write));
        check(Method::OPTIONS, "/api/v1/anything", Some(Scope::Read));
        check(Method::GET, "/api/v1/admin/config", Some(Scope::Admin));
        check(Method::DELETE, "/api/v1/tokens/x", Some(Scope::Admin));
        check(Method::PUT, "/api/v1/session/password", Some(Scope::Write));
        check(Method::GET, "/administration", Some(Scope::Read));
    }
}
