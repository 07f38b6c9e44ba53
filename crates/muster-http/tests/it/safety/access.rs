//! Who asks, and what they may do: every route under every scope, signing in, tokens, the word of a proxy.

use std::fmt::Write;

use muster_app::config::AuthMode;
use muster_http::Proxies;
use muster_testkit::Lab;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::routes;
use crate::test_app::{Answer, Setup, TestApp, answer, networks};

const PASSWORD: &str = "correct horse battery";

fn local(lab: &Lab) -> Setup {
    let mut setup = Setup::new(lab);
    setup.auth.mode = AuthMode::Local;
    setup
}

/// A request with a body and what says who asks.
async fn send(app: &TestApp, method: Method, path: &str, shown: &[(&str, &str)], body: &Value) -> Answer {
    let request = app.request(method, path).header("content-type", "application/json").body(body.to_string());
    answer(shown.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A token of this name with these scopes, made by whoever may read the data folder.
async fn token(app: &TestApp, name: &str, scopes: &[&str]) -> String {
    let own = bearer(app.own_token());
    let body = json!({ "name": name, "scopes": scopes });
    let made = send(app, Method::POST, "/api/v1/tokens", &[("authorization", &own)], &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    assert_eq!(made.header("cache-control"), "no-store");
    made.json()["secret"].as_str().expect("a secret").to_owned()
}

/// The session's cookie, as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie");
    assert!(set.contains("; HttpOnly; SameSite=Lax") && set.contains("Path=/"), "{set}");
    set.split(';').next().expect("a cookie").to_owned()
}

async fn who(app: &TestApp, shown: &[(&str, &str)]) -> Value {
    let answer = app.get_with("/api/v1/session", shown).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

/// Which routes let whom in: refused are those that answer 401 or 403, whatever else is wrong with the request.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_asks_for_its_scope() {
    let lab = Lab::new();
    let app = local(&lab).start().await;
    let mut callers = vec![("anonymous", None)];
    for scope in ["read", "write", "jobs", "admin"] {
        callers.push((scope, Some(bearer(&token(&app, scope, &[scope]).await))));
    }
    let mut table = String::new();
    for (method, path) in routes() {
        // It takes tokens away, and a stream has no end.
        let path = path.replace("{id}", "nothing");
        if path == "/api/v1/events" {
            continue;
        }
        let mut letting = Vec::new();
        for (name, shown) in &callers {
            let shown: Vec<_> = shown.iter().map(|token| ("authorization", token.as_str())).collect();
            let answer = app.send(method.clone(), &path, &shown).await;
            let expected = if shown.is_empty() { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
            let is_about_scope = answer.status == expected && answer.text().contains("this needs scope");
            if is_about_scope {
                let code = answer.problem();
                assert_eq!(code, if shown.is_empty() { "unauthorised" } else { "forbidden" });
                if shown.is_empty() {
                    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"muster\"");
                }
            } else {
                letting.push(*name);
            }
        }
        writeln!(table, "{method:6} {path}: {}", letting.join(" ")).expect("text");
    }
    insta::assert_snapshot!("routes_and_scopes", table);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_sign_in_everybody_may_everything_and_tokens_may_what_they_say() {
    let lab = Lab::new();
    let app = Setup::new(&lab).start().await;
    let nobody = who(&app, &[]).await;
    assert_eq!((&nobody["mode"], &nobody["by"]), (&json!("none"), &json!("nobody")));
    assert_eq!(nobody["scopes"], json!(["read", "write", "jobs", "admin"]));
    assert_eq!(nobody["needs_setup"], false);
    let reader = bearer(&token(&app, "reader", &["read"]).await);
    assert_eq!(who(&app, &[("authorization", &reader)]).await["name"], "token:reader");
    let refused = app.get_with("/api/v1/admin/config", &[("authorization", &reader)]).await;
    assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::FORBIDDEN, "forbidden"));
    let wrong = app.get_with("/portfolio/projects", &[("authorization", "Bearer muster_nonsense")]).await;
    assert_eq!((wrong.status, wrong.problem().as_str()), (StatusCode::UNAUTHORIZED, "unauthorised"));
    for path in ["/api/v1/session", "/api/v1/tokens/setup"] {
        let answer = send(&app, Method::POST, path, &[], &json!({ "password": PASSWORD })).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{path}: {}", answer.text());
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_set_once_with_a_set_up_token_and_signs_in() {
    let lab = Lab::new();
    let app = local(&lab).start().await;
    let nobody = who(&app, &[]).await;
    assert_eq!((&nobody["signed_in"], &nobody["needs_setup"]), (&json!(false), &json!(true)));
    let sign_in = |password: &str| {
        let body = json!({ "password": password });
        let app = &app;
        async move { send(app, Method::POST, "/api/v1/session", &[], &body).await }
    };
    assert_eq!(sign_in(PASSWORD).await.status, StatusCode::CONFLICT);

    let own = bearer(app.own_token());
    let own = [("authorization", own.as_str())];
    let made = send(&app, Method::POST, "/api/v1/tokens/setup", &own, &json!({})).await;
    let setup = made.json()["secret"].as_str().expect("a secret").to_owned();
    // It opens nothing but the set-up.
    let shown = bearer(&setup);
    let answer = app.get_with("/portfolio/projects", &[("authorization", &shown)]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let set_up = |token: &str, password: &str| {
        let body = json!({ "token": token, "password": password });
        let app = &app;
        async move { send(app, Method::POST, "/api/v1/session/setup", &[], &body).await }
    };
    assert_eq!(set_up(&setup, "too short").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(set_up("muster_wrong", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    let first = set_up(&setup, PASSWORD).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    assert_eq!(set_up(&setup, "another password").await.status, StatusCode::UNAUTHORIZED);

    let first = cookie(&first);
    let admin = who(&app, &[("cookie", &first)]).await;
    assert_eq!((&admin["name"], &admin["by"]), (&json!("admin"), &json!("session")));
    assert_eq!(sign_in("correct horse batterz").await.problem(), "unauthorised");
    let second = cookie(&sign_in(PASSWORD).await);
    assert_ne!(first, second);

    // Signing out ends one session, and a cookie that is worth nothing is as none.
    let out = app.send(Method::DELETE, "/api/v1/session", &[("cookie", &first)]).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    assert!(out.header("set-cookie").contains("muster_session=; Path=/; Max-Age=0"));
    assert_eq!(who(&app, &[("cookie", &first)]).await["signed_in"], false);
    assert_eq!(who(&app, &[("cookie", &second)]).await["signed_in"], true);

    // Another password ends all of them but the caller's, and what could set yet another.
    let made = send(&app, Method::POST, "/api/v1/tokens/setup", &own, &json!({})).await;
    let stolen = made.json()["secret"].as_str().expect("a secret").to_owned();
    let body = json!({ "current": PASSWORD, "new": "another password" });
    let third = cookie(&sign_in(PASSWORD).await);
    let path = "/api/v1/session/password";
    let changed = send(&app, Method::PUT, path, &[("cookie", &second)], &body).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    for (session, is_alive) in [(&second, false), (&third, false), (&cookie(&changed), true)] {
        assert_eq!(who(&app, &[("cookie", session)]).await["signed_in"], is_alive);
    }

    assert_eq!(set_up(&stolen, PASSWORD).await.problem(), "unauthorised");
    // What is going on is told to whom it may; that it goes on, to all.
    let health = app.get_with("/health", &[("authorization", "Bearer muster_nonsense")]).await.json();
    let parts = health["parts"].as_object().expect("parts");
    assert!(parts.values().all(|part| part["message"].is_null()) && parts["database"]["status"] == "ok");

    let log = app.get_with("/api/v1/admin/audit", &own).await.json();
    let log: Vec<_> = log["items"].as_array().expect("items").iter().collect();
    let lines: Vec<_> = log
        .iter()
        .rev()
        .map(|row| format!("{} {} {}", row["who"], row["what"], row["outcome"]).replace('"', ""))
        .collect();
    assert_eq!(
        lines,
        [
            "local token.setup done",
            "admin password.set done",
            "anonymous session.begin refused",
            "admin session.begin done",
            "admin session.end done",
            "local token.setup done",
            "admin session.begin done",
            "admin password.set done",
        ]
    );
    let text = json!(log).to_string();
    for secret in [PASSWORD, "another password", &setup, &second] {
        assert!(!text.contains(secret), "{text}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_not_tried_again_and_again() {
    let lab = Lab::new();
    let app = local(&lab).start().await;
    let body = json!({ "password": "a guess of many" });
    for _ in 0..10 {
        let answer = send(&app, Method::POST, "/api/v1/session", &[], &body).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
    }
    let refused = send(&app, Method::POST, "/api/v1/session", &[], &body).await;
    assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::TOO_MANY_REQUESTS, "rate_limited"));
    let wait: i64 = refused.header("retry-after").parse().expect("seconds");
    app.pass(wait);
    let answer = send(&app, Method::POST, "/api/v1/session", &[], &body).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_named_expire_and_are_revoked() {
    let lab = Lab::new();
    let setup = local(&lab);
    let app = setup.start().await;
    let own = bearer(app.own_token());
    let own = [("authorization", own.as_str())];
    let create = |body: Value| {
        let app = &app;
        async move { send(app, Method::POST, "/api/v1/tokens", &own, &body).await }
    };
    let day = create(json!({ "name": "day", "scopes": ["write"], "expires_in_days": 1 })).await.json();
    assert_eq!(day["scopes"], json!(["read", "write"]));
    let text = day["secret"].as_str().expect("a secret").to_owned();
    assert!(text.starts_with("muster_") && text.len() == 50, "{text}");
    let shown = bearer(&text);
    let shown = [("authorization", shown.as_str())];
    let ask = || async { app.get_with("/api/v1/watchlist", &shown).await.status };
    assert_eq!(ask().await, StatusCode::OK);
    app.pass(24 * 3600);
    assert_eq!(ask().await, StatusCode::UNAUTHORIZED);

    let ever = bearer(&token(&app, "ever", &["read"]).await);
    assert_eq!(app.get_with("/api/v1/watchlist", &[("authorization", &ever)]).await.status, StatusCode::OK);
    for (body, field) in [
        (json!({ "name": " ", "scopes": ["read"] }), "name"),
        (json!({ "name": "x", "scopes": [] }), "scopes"),
        (json!({ "name": "x", "scopes": ["root"] }), "scopes"),
        (json!({ "name": "x", "scopes": ["read"], "expires_in_days": 0 }), "expires_in_days"),
    ] {
        let answer = create(body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text());
        assert_eq!(answer.json()["errors"][0]["field"], field);
    }
    assert_eq!(create(json!({ "name": "ever", "scopes": ["read"] })).await.problem(), "conflict");

    let listed = app.get_with("/api/v1/tokens", &own).await;
    assert!(!listed.text().contains("muster_") && !listed.text().contains("hash"), "{}", listed.text());
    let listed = listed.json();
    let names: Vec<_> = listed["tokens"].as_array().expect("tokens").iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["day", "ever"]);
    assert_eq!(listed["tokens"][0]["expired"], true);

    let revoke = |name: &'static str| {
        let app = &app;
        async move { app.send(Method::DELETE, &format!("/api/v1/tokens/{name}"), &own).await.status }
    };
    assert_eq!(revoke("ever").await, StatusCode::NO_CONTENT);
    assert_eq!(revoke("ever").await, StatusCode::NOT_FOUND);
    let answer = app.get_with("/api/v1/watchlist", &[("authorization", &ever)]).await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::UNAUTHORIZED, "unauthorised"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_says_who_asks_and_nobody_else_can() {
    let lab = Lab::new();
    let mut setup = Setup::new(&lab);
    setup.auth.mode = AuthMode::Proxy;
    setup.auth.proxy_admins = vec!["ada".to_owned()];
    let header = "x-forwarded-user".to_owned();
    setup.proxies = Some(Proxies { header: header.clone(), peers: networks(&["127.0.0.1"]) });
    let app = setup.start().await;
    assert_eq!(who(&app, &[]).await["signed_in"], false);
    let ada = who(&app, &[(&header, "ada")]).await;
    assert_eq!((&ada["name"], &ada["by"]), (&json!("ada"), &json!("proxy")));
    assert_eq!(ada["scopes"], json!(["read", "write", "jobs", "admin"]));
    assert_eq!(who(&app, &[(&header, "bob")]).await["scopes"], json!(["read", "write", "jobs"]));
    let refused = app.get_with("/api/v1/admin/config", &[(&header, "bob")]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    for name in [" ", "local", "token:ci"] {
        let unnamed = app.get_with("/api/v1/watchlist", &[(&header, name)]).await;
        assert_eq!(unnamed.problem(), "unauthorised", "{name}");
    }
    // What they do is theirs.
    let add = json!({ "repo_url": "https://8.8.8.8/ada/shop" });
    let added = send(&app, Method::POST, "/api/v1/watchlist", &[(&header, "bob")], &add).await;
    assert_eq!(added.status, StatusCode::ACCEPTED, "{}", added.text());
    let log = app.get_with("/api/v1/admin/audit", &[(&header, "ada")]).await.json();
    assert_eq!((&log["items"][0]["who"], &log["items"][0]["what"]), (&json!("bob"), &json!("watch.add")));
    assert_eq!(log["items"][0]["detail"]["added_by"], "bob");
    app.stop().await;

    setup.proxies = Some(Proxies { header: header.clone(), peers: networks(&["192.0.2.7"]) });
    let app = setup.start().await;
    assert_eq!(who(&app, &[(&header, "ada")]).await["signed_in"], false);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_read_where_that_is_wanted() {
    let lab = Lab::new();
    let mut setup = local(&lab);
    setup.auth.anonymous_read = true;
    let app = setup.start().await;
    assert_eq!(app.get("/portfolio/projects").await.status, StatusCode::OK);
    assert_eq!(app.post("/portfolio/cache/clear").await.problem(), "unauthorised");
    assert_eq!(app.get("/api/v1/admin/config").await.problem(), "unauthorised");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_a_limit_of_its_own_and_a_made_up_one_has_none() {
    let lab = Lab::new();
    let app = Setup::new(&lab).limited().start().await;
    let token = bearer(&token(&app, "ci", &["read"]).await);
    let token = [("authorization", token.as_str())];
    // Another token each time: all count against the address.
    let mut passed = 0;
    for number in 0..130 {
        let made_up = bearer(&format!("muster_{number:043}"));
        let answer = app.get_with("/api/v1/watchlist", &[("authorization", &made_up)]).await;
        match answer.status {
            StatusCode::UNAUTHORIZED => passed += 1,
            status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
        }
    }
    assert_eq!(passed, 100);
    let of_address = app.get("/api/v1/watchlist").await;
    assert_eq!(of_address.status, StatusCode::TOO_MANY_REQUESTS);
    let of_token = app.get_with("/api/v1/watchlist", &token).await;
    assert_eq!((of_token.status, of_token.header("x-ratelimit-limit")), (StatusCode::OK, "1000"));
    assert_eq!(of_token.header("x-ratelimit-remaining"), "999");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_passes_on_is_not_from_this_machine() {
    let lab = Lab::new();
    let app = Setup::new(&lab).start().await;
    let of_program = app.get("/api/v1/watchlist").await;
    assert_eq!(of_program.header("x-ratelimit-limit"), "");
    for number in 0..101 {
        let from = format!("127.0.0.{number}");
        let forwarded = app.get_with("/api/v1/watchlist", &[("x-forwarded-for", &from)]).await;
        assert_eq!(forwarded.status.as_u16(), if number < 100 { 200 } else { 429 }, "{number}");
    }
    app.stop().await;
}
