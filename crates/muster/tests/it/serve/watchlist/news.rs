//! What watchers are told: events, alerts, and the webhook.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::mpsc,
    thread,
};

use super::*;

/// A key of a webhook, and a receiver that takes what comes.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Head and body of a request.
type Delivery = (String, Value);

/// Answers the first request with `first`, all others with 204, and hands on what came.
fn receiver(first: &'static str) -> (String, mpsc::Receiver<Delivery>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let (sender, deliveries) = mpsc::channel();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let mut reader = BufReader::new(stream);
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
                head.push_str(&line.to_lowercase());
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() {
                continue;
            }
            let status = if number == 0 { first } else { "204 No Content" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = reader.get_mut().write_all(answer.as_bytes());
            let body = serde_json::from_slice(&body).unwrap_or_default();
            if sender.send((head, body)).is_err() {
                return;
            }
        }
    });
    (address, deliveries)
}

#[test]
fn a_webhook_is_told_with_a_signature_until_it_listens() {
    let lab = Lab::new();
    lab.repo("ada/shop").commit_file("a", "a");
    let server = GitServer::http(&lab);
    let (hook, deliveries) = receiver("503 Service Unavailable");
    let mut settings = SETTINGS.to_vec();
    settings.extend([("MUSTER__WEBHOOK__URL", hook.as_str()), ("MUSTER__WEBHOOK__SECRET", SECRET)]);
    let service = Service::start(&lab, &settings);
    add(&service, &url(&server, "ada/shop"));
    let deadline = crate::run::LIMIT;
    let refused = deliveries.recv_timeout(deadline).expect("a first try");
    let taken = deliveries.recv_timeout(deadline).expect("a second try");
    assert_eq!(refused.1, taken.1, "the message is the same");
    let id = |head: &str| head.lines().find(|line| line.starts_with("webhook-id:")).map(str::to_owned);
    assert_eq!(id(&refused.0), id(&taken.0), "and so is its id");
    assert!(
        taken.0.contains("webhook-signature: v1,") && taken.0.contains("webhook-timestamp: "),
        "{}",
        taken.0
    );
    assert_eq!(
        (&taken.1["type"], &taken.1["data"]["name"]),
        (&json!("repository.ready"), &json!("ada/shop"))
    );

    add_missing(&service, &server);
    let failed = deliveries.recv_timeout(deadline).expect("news of the failure");
    assert_eq!(failed.1["type"], "repository.failed");
    assert!(failed.1["data"]["last_error"].as_str().is_some_and(|reason| reason.contains("no repository")));
    let config = service.get("/api/v1/admin/config").to_string();
    assert!(!config.contains("MfKQ9r8G"), "the secret is not shown: {config}");
    service.stop();
}

fn add_missing(service: &Service, server: &GitServer) {
    add(service, &url(server, "ada/nowhere"));
}

#[test]
fn alert_settings_find_what_is_new_and_tell_it_once() {
    let lab = Lab::new();
    let repo = lab.repo("ada/shop");
    repo.commit_file("a", "a\n");
    let server = GitServer::http(&lab);
    let service = start(&lab);
    let alerts = json!({ "lines_added_deleted": { "enabled": true, "hardcoded_threshold": 100 }, "ancestry_breaks": true });
    let body = json!({ "repo_url": url(&server, "ada/shop"), "added_by": "ada", "alerts": alerts });
    let (_, added) = service.post("/api/v1/watchlist", &body);
    let id = added["watchlist_id"].as_str().expect("an id").to_owned();
    ready(&service, &id);
    assert_eq!(service.get("/api/v1/alerts")["items"], json!([]));

    let refreshed = || {
        let before = entry(&service, &id)["processing_completed_at"].clone();
        service.post(&format!("/api/v1/watchlist/{id}/refresh"), &json!({}));
        until("the refresh", || {
            let entry = entry(&service, &id);
            (entry["refreshing"] == false && entry["processing_completed_at"] != before).then_some(())
        });
    };
    repo.commit_file("big", &"line\n".repeat(150));
    refreshed();
    refreshed();
    let found = service.get("/api/v1/alerts?repository=ada%2Fshop");
    let found = found["items"].as_array().expect("a list");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["type"], &found[0]["value"]), (&json!("lines_added_deleted"), &json!(150.0)));

    repo.git(["reset", "-q", "--hard", "HEAD~1"]).commit_file("b", "b\n");
    refreshed();
    let types: Vec<Value> = service.get("/api/v1/alerts")["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|alert| alert["type"].clone())
        .collect();
    assert_eq!(types, [json!("ancestry_breaks"), json!("lines_added_deleted")]);

    let all = service.get("/api/v1/alerts");
    let health =
        all["types"].as_array().expect("types").iter().find(|it| it["type"] == "health_score_decreases");
    assert_eq!(health.expect("listed")["status"], "not_available");
    let watch = added["user_watchlist_id"].as_str().expect("an id");
    let path = format!("/activity/user-watchlist-alerts/{watch}");
    let (status, watch) = service.ask("PUT", &path, &json!({ "ancestry_breaks": false }).to_string());
    assert_eq!((status, &watch["alerts"]), (200, &json!({ "ancestry_breaks": { "enabled": false } })));
    // A list of values is not what it may be taken for.
    for wrong in [
        json!({ "unheard_of": true }),
        json!([]),
        json!({ "ancestry_breaks": [true] }),
        json!({ "lines_added_deleted": [true, 3, null, 5] }),
    ] {
        assert_eq!(service.ask("PUT", &path, &wrong.to_string()).0, 422, "{wrong}");
    }
    assert_eq!(service.ask("POST", "/api/v1/portfolio/fetch", "[]").0, 422);
    service.stop();
}
