//! Ready bodies as a client sees them: hits, tags of content, encodings, and what makes an answer stale or leaves it be.

use std::io::Read;

use muster_testkit::{Lab, Repo};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::test_app::{Answer, Setup, TestApp, eventually};

/// The pages that are kept ready.
const PAGES: [&str; 6] = [
    "/portfolio/summary",
    "/portfolio/projects",
    "/portfolio/projects/api",
    "/portfolio/recommendations",
    "/portfolio/dashboard",
    "/portfolio/health",
];

fn portfolio(lab: &Lab) -> Repo<'_> {
    lab.repo("web").commit_file("package.json", r#"{"name": "web"}"#);
    lab.repo("api").commit_file("README.md", "# Read me\n")
}

/// Asks for every page, so that all are ready.
async fn ready(app: &TestApp) -> Vec<Answer> {
    let mut answers = Vec::new();
    for page in PAGES {
        // Warming goes on behind a start, and two changes that were followed one after the other make stale twice.
        let answer = eventually(page, || async { Some(app.get(page).await).filter(Answer::is_hit) }).await;
        answers.push(answer);
    }
    answers
}

async fn loads_and_encodes(app: &TestApp) -> [u64; 2] {
    [app.metric("muster_cache_loads_total").await, app.metric("muster_cache_encodes_total").await]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_call_is_a_hit_that_loads_and_encodes_nothing() {
    let lab = Lab::new();
    portfolio(&lab);
    let app = TestApp::over(&lab).await;
    ready(&app).await;
    // Made when first asked for; zstd is made with the body.
    for page in PAGES {
        app.get_with(page, &[("accept-encoding", "gzip")]).await;
    }
    let before = loads_and_encodes(&app).await;
    let hits = app.metric("muster_cache_hits_total").await;
    app.pass(7);
    for page in PAGES {
        for encoding in ["identity", "gzip", "zstd"] {
            let answer = app.get_with(page, &[("accept-encoding", encoding)]).await;
            assert_eq!(answer.status, StatusCode::OK);
            assert!(answer.is_hit(), "{page}: {}", answer.header("cache-status"));
            assert_eq!(answer.header("age"), "7", "{page}");
            assert_eq!(answer.header("cache-control"), "private, no-cache");
        }
        // The same body under the other path.
        assert!(app.get(&format!("/api/v1{page}")).await.is_hit(), "{page}");
    }
    assert_eq!(loads_and_encodes(&app).await, before);
    assert!(app.metric("muster_cache_hits_total").await >= hits + 4 * 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_body_gets_304_with_the_same_headers() {
    let lab = Lab::new();
    portfolio(&lab);
    let app = TestApp::over(&lab).await;
    for (page, full) in PAGES.iter().zip(ready(&app).await) {
        let etag = full.header("etag").to_owned();
        assert!(etag.starts_with("W/\""), "{etag}");
        for known in [&etag, "*", &format!("\"other\", {etag}"), etag.trim_start_matches("W/")] {
            let answer = app.get_with(page, &[("if-none-match", known)]).await;
            assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{known}");
            assert!(answer.bytes.is_empty());
            for name in ["etag", "cache-control", "vary"] {
                assert_eq!(answer.header(name), full.header(name), "{name}");
            }
            assert!(answer.is_hit() && !answer.header("age").is_empty());
            for name in ["content-type", "content-encoding"] {
                assert_eq!(answer.header(name), "", "{name}");
            }
        }
        let other = app.get_with(page, &[("if-none-match", "W/\"other\"")]).await;
        assert_eq!((other.status, &other.bytes), (StatusCode::OK, &full.bytes));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tag_of_what_did_not_change_outlives_a_restart() {
    let lab = Lab::new();
    portfolio(&lab);
    let setup = Setup::new(&lab);
    let app = setup.start_settled().await;
    let before = ready(&app).await;
    app.stop().await;
    let app = setup.start_settled().await;
    for (page, before) in PAGES.iter().zip(before) {
        eventually(page, || async {
            let answer = app.get_with(page, &[("if-none-match", before.header("etag"))]).await;
            (answer.status == StatusCode::NOT_MODIFIED).then_some(())
        })
        .await;
    }
    // A later look that finds the same changes no number of the summary either.
    app.stop().await;
    setup.clock.set("2026-03-01T00:00:00Z".parse().expect("a time"));
    let app = setup.start_settled().await;
    let answer = app.get("/portfolio/recommendations").await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_says_what_get_would_without_the_body() {
    let lab = Lab::new();
    portfolio(&lab);
    let app = TestApp::over(&lab).await;
    for (page, full) in PAGES.iter().zip(ready(&app).await) {
        let head = app.send(Method::HEAD, page, &[]).await;
        assert_eq!((head.status, head.bytes.len()), (StatusCode::OK, 0));
        for name in ["etag", "content-length", "content-type", "vary", "cache-control"] {
            assert_eq!(head.header(name), full.header(name), "{page}: {name}");
        }
        assert_eq!(full.header("content-length"), full.bytes.len().to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_encoding_is_the_one_that_the_client_likes_best() {
    let lab = Lab::new();
    portfolio(&lab);
    let app = TestApp::over(&lab).await;
    ready(&app).await;
    let page = "/portfolio/projects";
    let plain = app.get_with(page, &[("accept-encoding", "identity")]).await;
    for (accepted, expected) in [
        ("zstd", "zstd"),
        ("gzip", "gzip"),
        ("gzip, zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1, zstd;q=0.5", "gzip"),
        ("zstd;q=0, gzip", "gzip"),
        ("zstd;q=0, gzip;q=0", ""),
        ("br", ""),
        ("identity", ""),
        ("*", "zstd"),
        ("*;q=0", ""),
        ("", ""),
        ("GZIP", "gzip"),
        ("gzip;q=banana", ""),
    ] {
        let answer = app.get_with(page, &[("accept-encoding", accepted)]).await;
        assert_eq!(answer.header("content-encoding"), expected, "{accepted}");
        assert_eq!(answer.header("vary"), "Accept-Encoding", "{accepted}");
        assert_eq!(answer.header("etag"), plain.header("etag"), "{accepted}");
        assert_eq!(decoded(&answer), plain.bytes, "{accepted}");
        if !expected.is_empty() {
            assert!(answer.bytes.len() < plain.bytes.len());
        }
    }
    for page in PAGES {
        assert_eq!(app.get(page).await.header("vary"), "Accept-Encoding", "{page}");
    }
}

fn decoded(answer: &Answer) -> Vec<u8> {
    match answer.header("content-encoding") {
        "zstd" => zstd::decode_all(&*answer.bytes).expect("zstd"),
        "gzip" => {
            let mut bytes = Vec::new();
            flate2::read::GzDecoder::new(&*answer.bytes).read_to_end(&mut bytes).expect("gzip");
            bytes
        }
        _ => answer.bytes.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_makes_another_body_and_leaves_alone_what_does_not_tell_of_it() {
    let lab = Lab::new();
    let api = portfolio(&lab);
    let app = TestApp::over(&lab).await;
    let before = ready(&app).await;
    let web = app.get("/portfolio/projects/web").await;
    let recommendations_loaded =
        app.metric_of("muster_cache_loads_total", "data_type=\"recommendations\"").await;

    app.pass(1);
    api.git(["commit", "--quiet", "--amend", "--message", "In other words"]);
    eventually("the commit", || async {
        (app.listed("api").await?["git"]["last_commit"] == "In other words").then_some(())
    })
    .await;
    let etag_of = |page: &str| {
        let at = PAGES.iter().position(|known| *known == page).expect("a page");
        before[at].header("etag").to_owned()
    };
    for page in ["/portfolio/projects", "/portfolio/projects/api", "/portfolio/summary"] {
        let etag = etag_of(page);
        let answer = app.get_with(page, &[("if-none-match", &etag)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{page}");
        assert_ne!(answer.header("etag"), etag, "{page}");
    }
    let page = "/portfolio/recommendations";
    let answer = app.get_with(page, &[("if-none-match", &etag_of(page))]).await;
    assert_eq!((answer.status, answer.is_hit()), (StatusCode::NOT_MODIFIED, true), "{}", answer.text());
    assert_eq!(answer.header("age"), "1");
    assert_eq!(
        app.metric_of("muster_cache_loads_total", "data_type=\"recommendations\"").await,
        recommendations_loaded
    );
    let again = app.get("/portfolio/projects/web").await;
    assert!(again.is_hit());
    assert_eq!(again.header("etag"), web.header("etag"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_at_once_wait_for_one_load() {
    let lab = Lab::new();
    portfolio(&lab);
    let app = TestApp::over(&lab).await;
    ready(&app).await;
    app.post("/api/v1/admin/cache/clear").await;
    let label = "data_type=\"summary\"";
    let loads = app.metric_of("muster_cache_loads_total", label).await;
    let requests: Vec<_> = (0..200)
        .map(|_| tokio::spawn(crate::test_app::answer(app.request(Method::GET, "/portfolio/summary"))))
        .collect();
    let mut etags = std::collections::BTreeSet::new();
    for request in requests {
        let answer = request.await.expect("no panic");
        assert_eq!(answer.status, StatusCode::OK);
        etags.insert(answer.header("etag").to_owned());
    }
    assert_eq!(etags.len(), 1);
    // The body, and the value that it shows.
    assert_eq!(app.metric_of("muster_cache_loads_total", label).await, loads + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn invalidating_everything_or_one_project_reads_the_disk_again() {
    let lab = Lab::new();
    let api = portfolio(&lab);
    // Nobody tells of changes here, and time stands still.
    let app = Setup::new(&lab).without_events().start_settled().await;
    ready(&app).await;

    api.commit_file("more.txt", "");
    let read = app.metric("muster_projects_read_total").await;
    app.pass(1);
    let answer = app.post("/portfolio/cache/invalidate?project_name=api").await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store"));
    assert_eq!(answer.json(), json!({ "message": "api was read again", "project_name": "api" }));
    // Whoever asks after the answer is told what is on disk.
    let project = app.json("/portfolio/projects/api").await;
    assert_eq!(project["git"]["last_commit"], "Write more.txt");
    assert_eq!(app.metric("muster_projects_read_total").await, read + 1);

    api.commit_file("and-more.txt", "");
    assert_eq!(app.post("/api/v1/portfolio/cache/invalidate").await.status, StatusCode::OK);
    eventually("the commit", || async {
        let project = app.json("/portfolio/projects/api").await;
        (project["git"]["last_commit"] == "Write and-more.txt").then_some(())
    })
    .await;
    let stats = app.json("/portfolio/cache/stats").await;
    assert_eq!(stats["last_invalidation"], "2026-01-31T12:00:01Z");

    for path in
        ["/portfolio/cache/invalidate?project_name=nobody", "/portfolio/cache/invalidate?project_name="]
    {
        let answer = app.post(path).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::NOT_FOUND, "not_found"),
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let answer = app.post("/portfolio/cache/invalidate?project=api").await;
    assert_eq!(answer.problem(), "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_is_cleared_by_tag_by_pattern_and_as_a_whole() {
    let lab = Lab::new();
    portfolio(&lab);
    let app = TestApp::over(&lab).await;
    let clear = "/api/v1/admin/cache/clear";
    let hits = async || {
        let mut hits = Vec::new();
        for page in PAGES {
            hits.push(app.get(page).await.is_hit());
        }
        hits
    };

    ready(&app).await;
    let id = app.json("/portfolio/projects/api").await["id"].as_str().expect("an id").to_owned();
    let answer = app.post(&format!("{clear}?tag=project:{id}")).await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store"));
    assert_eq!(answer.json()["removed"], json!(null));
    assert_eq!(hits().await, [true, true, false, true, true, true]);

    let answer = app.post(&format!("{clear}?pattern=http:/portfolio/*s*ry")).await;
    assert_eq!(answer.json()["removed"], 1);
    assert_eq!(hits().await, [false, true, true, true, true, true]);

    let answer = app.post(clear).await;
    assert_eq!(answer.json(), json!({ "message": "the cache is empty", "removed": null }));
    assert_eq!(hits().await, [false; 6]);

    let answer = app.post(&format!("{clear}?tag=portfolio&pattern=*")).await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (422, "invalid"));
    assert_eq!(answer.json()["errors"][0]["field"], "pattern");
    assert_eq!(hits().await, [true; 6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn warming_makes_the_pages_ready_and_the_statistics_tell() {
    let lab = Lab::new();
    portfolio(&lab);
    let app = TestApp::over(&lab).await;
    ready(&app).await;
    app.post("/api/v1/admin/cache/clear").await;
    let keys = app.json("/portfolio/cache/stats").await["keys"].clone();
    assert_eq!(keys["summary"], json!({ "cached": false, "ttl_seconds": null }));

    let answer = app.post("/portfolio/cache/warm").await;
    assert_eq!(answer.json(), json!({ "loaded": 5, "failed": 0, "left": 0 }));
    assert_eq!(answer.header("cache-control"), "no-store");
    for page in PAGES.iter().filter(|page| **page != "/portfolio/projects/api") {
        assert!(app.get(page).await.is_hit(), "{page}");
    }
    let stats = app.json("/portfolio/cache/stats").await;
    for (key, ttl) in [("summary", 1800), ("all_projects", 300)] {
        let key = &stats["keys"][key];
        let left = key["ttl_seconds"].as_u64().expect("a time");
        assert!(key["cached"] == true && left > ttl - 100 && left <= ttl, "{key}");
    }
    assert!(stats["bytes"].as_u64() > Some(0) && stats["hits"].as_u64() > Some(0));

    let all = app.json("/api/v1/admin/cache/stats").await;
    assert_eq!((&all["levels"][0]["name"], &all["loads_running"]), (&json!("l1"), &json!(0)));
    let sum: u64 =
        all["data_types"].as_array().expect("types").iter().filter_map(|of| of["hits"].as_u64()).sum();
    assert_eq!(all["totals"]["hits"], sum);
    assert!(
        all["hottest"].as_array().expect("keys").iter().any(|hot| hot["key"] == "http:/portfolio/summary")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_ends_with_its_time() {
    let lab = Lab::new();
    portfolio(&lab);
    let app = TestApp::over(&lab).await;
    ready(&app).await;
    app.pass(299);
    assert!(app.get("/portfolio/projects").await.is_hit());
    app.pass(2);
    let answer = app.get("/portfolio/projects").await;
    assert!(answer.header("cache-status").starts_with("muster; fwd="), "{}", answer.header("cache-status"));
    assert!(app.get("/portfolio/summary").await.is_hit());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_is_switched_off_is_worked_out_each_time() {
    let lab = Lab::new();
    portfolio(&lab);
    let mut setup = Setup::new(&lab);
    setup.cache.off = vec!["summary".to_owned()];
    let app = setup.start_settled().await;
    for _ in 0..3 {
        let answer = app.get("/portfolio/summary").await;
        assert_eq!(answer.header("cache-status"), "muster; fwd=bypass");
        let again = app.get_with("/portfolio/summary", &[("if-none-match", answer.header("etag"))]).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    }
    eventually("others are kept", || async { app.get("/portfolio/projects").await.is_hit().then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_that_are_not_kept_are_compressed_on_their_way() {
    let lab = Lab::new();
    portfolio(&lab);
    let app = TestApp::over(&lab).await;
    for path in [
        "/portfolio/projects?q=-name:nobody",
        "/metrics",
        "/api/v1/openapi.json",
        "/api/v1/admin/cache/stats",
    ] {
        let plain = app.get(path).await;
        assert_eq!(plain.status, StatusCode::OK, "{path}: {}", plain.text());
        assert!(plain.bytes.len() >= 1024, "{path}");
        for encoding in ["zstd", "gzip"] {
            let answer = app.get_with(path, &[("accept-encoding", encoding)]).await;
            assert_eq!(answer.header("content-encoding"), encoding, "{path}");
            assert!(answer.header("vary").to_lowercase().contains("accept-encoding"), "{path}");
            assert!(answer.bytes.len() < plain.bytes.len(), "{path}");
            assert!(!decoded(&answer).is_empty());
        }
    }
    let small = app.get_with("/livez", &[("accept-encoding", "gzip")]).await;
    assert_eq!(small.header("content-encoding"), "");
}
