//! The stream of news: nothing missed, nothing twice, and an end when the service ends.

use std::{collections::VecDeque, time::Duration};

use muster_app::{Seq, events::Event};
use muster_store::{ChangeEvent, NewChange, Priority};
use muster_testkit::{Lab, Repo};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::test_app::{LIMIT, Setup, TestApp, eventually};

/// One message of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Message {
    topic: String,
    id: Option<u64>,
    data: Value,
}

/// An open stream.
struct Stream {
    response: Response,
    rest: String,
    messages: VecDeque<Message>,
}

impl Stream {
    async fn open(app: &TestApp, query: &str, last: Option<u64>) -> Self {
        let mut request = app.request(Method::GET, &format!("/api/v1/events{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        assert!(response.headers().get("content-encoding").is_none());
        Self { response, rest: String::new(), messages: VecDeque::new() }
    }

    /// The next message; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Some(message);
            }
            let chunk =
                timeout(LIMIT, self.response.chunk()).await.expect("news in time").expect("a stream")?;
            self.rest.push_str(std::str::from_utf8(&chunk).expect("text"));
            while let Some(end) = self.rest.find("\n\n") {
                let block: String = self.rest.drain(..end + 2).collect();
                self.messages.extend(message(&block));
            }
        }
    }

    /// The next message of a topic, past others.
    async fn next_of(&mut self, topic: &str) -> Message {
        loop {
            let message = self.next().await.expect("not the end");
            if message.topic == topic {
                return message;
            }
        }
    }
}

/// A message from its lines; none from a heart-beat.
fn message(block: &str) -> Option<Message> {
    let field = |name: &str| {
        let lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        lines.map(str::trim_start).next()
    };
    let data = serde_json::from_str(field("data")?).expect("JSON");
    let id = field("id").map(|id| id.parse().expect("a number"));
    Some(Message { topic: field("event").expect("a name").to_owned(), id, data })
}

fn portfolio(lab: &Lab) -> Repo<'_> {
    lab.repo("web").commit_file("README.md", "");
    lab.repo("api").commit_file("README.md", "")
}

/// Writes so many changes of one project that does not exist, as one that changes again and again would.
async fn write(app: &TestApp, count: u64) {
    let mut tx = app.store().begin(Priority::Background).await.expect("a transaction");
    for number in 0..count {
        tx.record(NewChange {
            entity: "project".into(),
            entity_id: "repo_none".to_owned(),
            tags: Vec::new(),
            event: Some(ChangeEvent { topic: "project.changed".into(), data: json!({ "number": number }) }),
        });
    }
    tx.commit().await.expect("written");
}

async fn head(app: &TestApp) -> u64 {
    app.metric("muster_change_seq").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_told_with_its_id_and_can_be_asked_for_at_once() {
    let lab = Lab::new();
    let api = portfolio(&lab);
    let app = TestApp::over(&lab).await;
    let before = head(&app).await;
    let mut stream = Stream::open(&app, "", None).await;
    api.commit_file("more.txt", "");
    let message = stream.next_of("project.changed").await;
    assert!(message.id.expect("an id") > before);
    assert_eq!(message.data["name"], "api");
    assert_eq!(message.data["path"], api.path().to_string_lossy().into_owned());
    assert!(message.data["what"].as_array().expect("parts").contains(&json!("git")));
    // Whoever hears of it and asks is not given what was before. A commit may be read in parts, each told.
    let project = app.json("/portfolio/projects/api").await;
    assert_eq!(project["id"], message.data["id"]);
    assert_ne!(
        project["git"]["untracked"].as_u64().unwrap_or(0)
            + project["git"]["staged"].as_u64().unwrap_or(0)
            + u64::from(project["git"]["last_commit"] == "Write more.txt"),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_gets_exactly_what_was_missed_also_from_another_start() {
    let lab = Lab::new();
    let api = portfolio(&lab);
    let setup = Setup::new(&lab);
    let app = setup.start_settled().await;
    let mut stream = Stream::open(&app, "", None).await;
    api.commit_file("1.txt", "");
    let first = stream.next_of("project.changed").await.id.expect("an id");
    drop(stream);

    write(&app, 5).await;
    eventually("followed", || async { (head(&app).await >= first + 5).then_some(()) }).await;
    let missed = async |app: &TestApp, last: u64| {
        let mut stream = Stream::open(app, "?topics=project", Some(last)).await;
        let mut ids = Vec::new();
        for _ in last..head(app).await {
            let message = stream.next().await.expect("news");
            assert_eq!(message.topic, "project.changed");
            ids.push(message.id.expect("an id"));
        }
        ids
    };
    // What the commit brought besides may come in between; ids are those of the sequence all the same.
    let last = head(&app).await;
    let all: Vec<u64> = (first + 1..=last).collect();
    let told = missed(&app, first).await;
    assert_eq!(told[..all.len()], all);
    assert_eq!(missed(&app, last - 2).await[..2], [last - 1, last]);
    app.stop().await;

    let app = setup.start_settled().await;
    assert_eq!(missed(&app, first).await[..all.len()], all);
    // Then it goes on with what happens now.
    let last = head(&app).await;
    let mut stream = Stream::open(&app, "", Some(last)).await;
    api.commit_file("2.txt", "");
    assert!(stream.next_of("project.changed").await.id > Some(last));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_missed_too_much_or_comes_from_elsewhere_is_told_to_fetch_anew() {
    let lab = Lab::new();
    portfolio(&lab);
    let app = TestApp::over(&lab).await;
    let before = head(&app).await;
    // From the future: of another store, or from before a restore.
    let mut stream = Stream::open(&app, "?topics=project", Some(before + 1_000_000)).await;
    let message = stream.next().await.expect("news");
    assert_eq!((message.topic.as_str(), message.id), ("resync", Some(head(&app).await)));
    // And it goes on from there.
    write(&app, 1).await;
    assert_eq!(stream.next().await.expect("news").topic, "project.changed");

    write(&app, 1000).await;
    eventually("followed", || async { (head(&app).await >= before + 1001).then_some(()) }).await;
    let last = head(&app).await;
    let mut stream = Stream::open(&app, "", Some(last - 1000)).await;
    assert_eq!(stream.next().await.expect("news").id, Some(last - 999), "a thousand are told");
    let mut stream = Stream::open(&app, "", Some(last - 1001)).await;
    let message = stream.next().await.expect("news");
    assert_eq!((message.topic.as_str(), message.id), ("resync", Some(last)), "more are not");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_begin_anew_are_told_on() {
    let lab = Lab::new();
    portfolio(&lab);
    let app = TestApp::over(&lab).await;
    let mut stream = Stream::open(&app, "", None).await;
    let last = head(&app).await;
    let seq = |number: u64| Some(Seq::new(number.cast_signed()));
    let changed = |number| Event {
        seq: seq(number),
        topic: "project.changed".to_owned(),
        data: json!({ "number": number }),
    };
    // Seen before: it was read when the stream began.
    app.tell_event(changed(last));
    app.tell_event(Event::resync(seq(last - 1)));
    app.tell_event(changed(last));
    let message = stream.next().await.expect("news");
    assert_eq!((message.topic.as_str(), message.id), ("resync", Some(last - 1)));
    let message = stream.next().await.expect("news");
    assert_eq!((message.topic.as_str(), message.id), ("project.changed", Some(last)));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_topics_asked_for_are_told() {
    let lab = Lab::new();
    portfolio(&lab);
    let app = TestApp::over(&lab).await;
    let mut cache = Stream::open(&app, "?topics=cache", None).await;
    let mut whole = Stream::open(&app, "?topics=registry.reloaded,cache.invalidated", None).await;
    let mut project = Stream::open(&app, "?topics=project", None).await;
    write(&app, 1).await;
    app.tell("registry.reloaded", json!({ "n": 1 }));
    app.tell("cachet.other", json!({}));
    app.post("/api/v1/admin/cache/clear?tag=portfolio").await;

    let message = cache.next().await.expect("news");
    assert_eq!((message.topic.as_str(), message.id), ("cache.invalidated", None));
    assert_eq!(message.data["tag"], "portfolio");
    let topics = [whole.next().await.expect("news").topic, whole.next().await.expect("news").topic];
    assert_eq!(topics, ["registry.reloaded", "cache.invalidated"]);
    assert_eq!(project.next().await.expect("news").topic, "project.changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_the_service_ends() {
    let lab = Lab::new();
    portfolio(&lab);
    let app = TestApp::over(&lab).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(Stream::open(&app, "?topics=none", None).await);
    }
    app.begin_stop();
    for stream in &mut streams {
        assert_eq!(stream.next().await, None);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_silent_stream_beats_so_that_proxies_keep_it_open() {
    let lab = Lab::new();
    portfolio(&lab);
    let app = TestApp::over(&lab).await;
    let mut stream = Stream::open(&app, "?topics=none", None).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(15)).await;
    tokio::time::resume();
    let chunk = timeout(LIMIT, stream.response.chunk()).await.expect("in time").expect("a stream");
    let chunk = chunk.expect("not the end");
    // A comment, which clients pass over.
    assert!(chunk.starts_with(b":") && chunk.ends_with(b"\n\n"), "{}", String::from_utf8_lossy(&chunk));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_went_away_is_forgotten() {
    let lab = Lab::new();
    portfolio(&lab);
    let app = TestApp::over(&lab).await;
    let stream = Stream::open(&app, "", None).await;
    drop(stream);
    eventually("nobody listens", || async {
        // Noticed by writing to it.
        app.tell("cache.invalidated", json!({}));
        (app.metric("muster_event_listeners").await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_told_to_fetch_anew_and_holds_nobody_up() {
    let lab = Lab::new();
    portfolio(&lab);
    let app = TestApp::over(&lab).await;
    let mut slow = Stream::open(&app, "", None).await;
    // Far more than the lines between, and what is kept for a slow one, can hold.
    let filler = "x".repeat(16 * 1024);
    for number in 0..4096 {
        app.tell("cache.invalidated", json!({ "number": number, "filler": filler }));
        if number % 64 == 0 {
            // Others are served meanwhile.
            assert!(app.get("/livez").await.status.is_success());
        }
    }
    app.tell("cache.last", json!({}));
    let mut count = 0;
    let mut resyncs = 0;
    loop {
        let message = slow.next().await.expect("not the end");
        match message.topic.as_str() {
            "resync" => {
                assert_eq!(message.id, None);
                resyncs += 1;
            }
            "cache.last" => break,
            _ => count += 1,
        }
    }
    assert!(resyncs > 0 && count < 4096, "{resyncs} times told, {count} of 4096 received");
}
