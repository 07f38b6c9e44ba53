//! Who may ask, how much, and what every answer carries, whatever is asked. Over every route there is, so that a new one
//! is tried by being there.

mod abuse;
mod access;
mod limit;

use muster_testkit::Lab;
use reqwest::{Method, StatusCode};

use crate::test_app::{Answer, TestApp};

/// Every route with its method: those described, those of machines, the short ones, the pages.
fn routes() -> Vec<(Method, String)> {
    let document = serde_json::to_value(muster_http::openapi()).expect("JSON");
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let path = path.replace("{name}", "api");
        for method in methods.as_object().expect("methods").keys().filter(|key| !key.starts_with("param")) {
            let method: Method = method.to_uppercase().parse().expect("a method");
            if let Some(short) = path.strip_prefix("/api/v1").filter(|short| short.starts_with("/portfolio"))
            {
                routes.push((method.clone(), short.to_owned()));
            }
            routes.push((method, path.clone()));
        }
    }
    assert!(routes.len() > 20, "the routes of the description: {routes:?}");
    let others = [
        "/",
        "/health",
        "/api/health",
        "/livez",
        "/readyz",
        "/metrics",
        "/api/v1/openapi.json",
        "/api/docs",
        "/api/docs/",
        "/api/docs/swagger-ui.css",
    ];
    routes.extend(others.map(|path| (Method::GET, path.to_owned())));
    routes
}

/// What every answer carries.
#[track_caller]
fn check_headers(answer: &Answer, of: &str) {
    let policy = answer.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'self'") && policy.contains("frame-ancestors 'none'"),
        "{of}: {policy}"
    );
    assert!(!policy.contains("unsafe-eval") && !policy.contains("script-src"), "{of}: {policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{of}");
    assert_eq!(answer.header("referrer-policy"), "same-origin", "{of}");
    assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{of}");
    assert!(!answer.header("x-request-id").is_empty(), "{of}");
    for name in answer.headers.keys() {
        assert!(!name.as_str().starts_with("access-control-"), "{of} carries {name}");
    }
}

async fn app(lab: &Lab) -> TestApp {
    lab.repo("api").commit_file("README.md", "# Read me\n");
    TestApp::over(lab).await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_name_is_refused_on_every_route() {
    let lab = Lab::new();
    let app = app(&lab).await;
    let port = app.address.port();
    for (method, path) in routes() {
        for host in [
            format!("evil.example:{port}"),
            format!("127.0.0.1.evil.example:{port}"),
            "0.0.0.0".to_owned(),
            format!("192.168.1.9:{port}"),
        ] {
            let answer = app.send(method.clone(), &path, &[("host", &host)]).await;
            let of = format!("{method} {path} with host {host}");
            assert_eq!(
                (answer.status, answer.problem().as_str()),
                (StatusCode::FORBIDDEN, "foreign_host"),
                "{of}"
            );
            check_headers(&answer, &of);
        }
    }
    let changed = app.metric("muster_cache_invalidations_total").await;
    app.send(Method::POST, "/portfolio/cache/invalidate", &[("host", "evil.example")]).await;
    assert_eq!(app.metric("muster_cache_invalidations_total").await, changed, "nothing was done");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_are_refused_on_every_route() {
    let lab = Lab::new();
    let app = app(&lab).await;
    for (method, path) in routes() {
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "http://localhost:3000"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let answer = app.send(method.clone(), &path, &[(name, value)]).await;
            let of = format!("{method} {path} with {name} {value}");
            assert_eq!(
                (answer.status, answer.problem().as_str()),
                (StatusCode::FORBIDDEN, "foreign_origin"),
                "{of}"
            );
            check_headers(&answer, &of);
        }
        let navigation = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        // A stream of events has no end to wait for.
        if path.ends_with("/events") {
            continue;
        }
        let answer = app.send(method.clone(), &path, &navigation).await;
        let is_let_in = answer.status != StatusCode::FORBIDDEN;
        assert_eq!(is_let_in, method == Method::GET, "following a link: {method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_of_another_origin_gets_no_permission() {
    let lab = Lab::new();
    let app = app(&lab).await;
    for (_, path) in routes() {
        let headers = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
        let answer = app.send(Method::OPTIONS, &path, &headers).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
        check_headers(&answer, &path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_pages_and_programs_are_let_in() {
    let lab = Lab::new();
    let app = app(&lab).await;
    let port = app.address.port();
    let origin = format!("http://localhost:{port}");
    let host = format!("localhost:{port}");
    for (method, path) in routes().into_iter().filter(|(_, path)| !path.ends_with("/events")) {
        for headers in [
            vec![],
            vec![("host", &*host), ("origin", &*origin)],
            vec![("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")],
            vec![("host", "muster.localhost")],
        ] {
            let answer = app.send(method.clone(), &path, &headers).await;
            // A route that needs a body refuses what has none, and one about a thing does not know this one: that is
            // its own affair.
            let is_about_nothing = path.contains('{') || path.contains("%7B") || path.contains("/queues/");
            // Without sign-in there are no passwords to set.
            let is_without_sign_in = answer.status == StatusCode::CONFLICT && path.ends_with("/setup");
            let is_fine = is_without_sign_in
                || answer.status.is_success()
                || answer.status.is_redirection()
                || answer.status == StatusCode::UNPROCESSABLE_ENTITY
                || (is_about_nothing && answer.status == StatusCode::NOT_FOUND);
            assert!(is_fine, "{method} {path} {headers:?}: {} {}", answer.status, answer.text());
            check_headers(&answer, &path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_is_a_problem_with_a_code() {
    let lab = Lab::new();
    let app = app(&lab).await;
    for (method, path, status, code) in [
        ("GET", "/nothing/here", 404, "not_found"),
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/portfolio/", 404, "not_found"),
        ("GET", "/api/docs/nothing.js", 404, "not_found"),
        ("GET", "/api/docs/../../etc/passwd", 404, "not_found"),
        ("POST", "/portfolio/summary", 405, "method_not_allowed"),
        ("DELETE", "/portfolio/projects/api", 405, "method_not_allowed"),
        ("GET", "/portfolio/cache/invalidate", 405, "method_not_allowed"),
        ("BREW", "/portfolio/summary", 405, "method_not_allowed"),
        ("GET", "/portfolio/projects/nobody", 404, "not_found"),
        ("GET", "/portfolio/projects/%FF%FE", 422, "invalid"),
        ("GET", "/portfolio/projects?colour=red", 422, "invalid"),
        ("GET", "/portfolio/projects?q=colour:red", 422, "invalid"),
        ("GET", "/portfolio/projects?q=a&q=b", 422, "invalid"),
        ("POST", "/portfolio/cache/invalidate?project_name=api&x=1", 422, "invalid"),
        ("GET", "/api/v1/events?topic=project", 422, "invalid"),
        ("POST", "/api/v1/admin/cache/clear?tag=a&pattern=b", 422, "invalid"),
    ] {
        let answer = app.send(method.parse().expect("a method"), path, &[]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (status, code),
            "{method} {path}: {}",
            answer.text()
        );
        assert_eq!(answer.header("cache-control"), "no-store", "{method} {path}");
        check_headers(&answer, path);
        if status == 422 {
            let errors = answer.json()["errors"].as_array().expect("which value").clone();
            assert_eq!(errors.len(), 1, "{path}");
        }
    }
    let answer = app.get_with("/api/v1/events", &[("last-event-id", "yesterday")]).await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (422, "invalid"));
    let answer = app.send(Method::POST, "/portfolio/summary", &[]).await;
    assert!(answer.header("allow").contains("GET"), "{:?}", answer.headers);
}
