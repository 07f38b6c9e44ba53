//! How much one client may ask.

use muster_testkit::Lab;
use reqwest::StatusCode;

use crate::test_app::{Setup, networks};

const NOON: u64 = 1_769_860_800;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_a_minute_pass_and_then_it_is_said_when_to_come_again() {
    let lab = Lab::new();
    lab.repo("api").commit_file("README.md", "");
    // Time stands still while this asks.
    let app = Setup::new(&lab).limited().start_settled().await;
    for left in (0..100).rev() {
        let answer = app.get("/api/v1/admin/config").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("x-ratelimit-limit"), "100");
        assert_eq!(answer.header("x-ratelimit-remaining"), left.to_string());
        let reset: u64 = answer.header("x-ratelimit-reset").parse().expect("seconds");
        assert!((NOON..=NOON + 60).contains(&reset), "{reset}");
    }
    for path in ["/api/v1/admin/config", "/portfolio/summary", "/nothing", "/"] {
        let answer = app.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (429, "rate_limited"), "{path}");
        let wait: u64 = answer.header("retry-after").parse().expect("seconds");
        assert!((1..=3600).contains(&wait), "{wait}");
        assert_eq!(answer.header("x-ratelimit-remaining"), "0");
        super::check_headers(&answer, path);
    }
    // Machines ask every few seconds and are not counted.
    for path in ["/health", "/livez", "/readyz", "/metrics", "/api/health", "/api/v1/health"] {
        let answer = app.get(path).await;
        assert_eq!((answer.status, answer.header("x-ratelimit-limit")), (StatusCode::OK, ""), "{path}");
    }
    assert_eq!(app.metric_of("muster_ratelimit_decisions_total", "outcome=\"allowed\"").await, 100);
    // Longer than the window and every ban.
    app.pass(2 * 3600);
    assert_eq!(app.get("/api/v1/admin/config").await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_from_the_cache_costs_a_tenth() {
    let lab = Lab::new();
    lab.repo("api").commit_file("README.md", "");
    let app = Setup::new(&lab).limited().start_settled().await;
    let mut etag = String::new();
    crate::test_app::eventually("a hit", || async {
        let answer = app.get("/portfolio/summary").await;
        answer.is_hit().then_some(())
    })
    .await;
    // What it cost to get there is forgotten.
    app.pass(200);
    for number in 0..200 {
        let headers: &[(&str, &str)] = if number % 2 == 0 { &[] } else { &[("if-none-match", &etag)] };
        let answer = app.get_with("/portfolio/summary", headers).await;
        assert!(answer.status.is_success() || answer.status == StatusCode::NOT_MODIFIED, "{}", answer.status);
        etag = answer.header("etag").to_owned();
        if number == 199 {
            assert_eq!(answer.header("x-ratelimit-remaining"), "80");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_trusted_proxy_says_who_the_client_is() {
    let lab = Lab::new();
    lab.repo("api").commit_file("README.md", "");
    let mut setup = Setup::new(&lab).limited();
    let app = setup.start_settled().await;
    for number in 0..3 {
        let client = format!("203.0.113.{number}");
        let answer = app.get_with("/api/v1/admin/config", &[("x-forwarded-for", &client)]).await;
        assert_eq!(
            answer.header("x-ratelimit-remaining"),
            (99 - number).to_string(),
            "one client, whatever it says"
        );
    }
    app.stop().await;
    setup.trusted_proxies = networks(&["127.0.0.0/8"]);
    let app = setup.start_settled().await;
    for client in ["203.0.113.1", "203.0.113.2", "2001:db8::1"] {
        let answer = app.get_with("/api/v1/admin/config", &[("x-forwarded-for", client)]).await;
        assert_eq!(answer.header("x-ratelimit-remaining"), "99", "{client}");
    }
    let answer = app.get_with("/api/v1/admin/config", &[("x-forwarded-for", "2001:db8::2")]).await;
    assert_eq!(answer.header("x-ratelimit-remaining"), "98", "one network of version 6 is one client");
}
