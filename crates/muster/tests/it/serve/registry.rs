//! registry.json while the service runs: edited, broken, repaired, replaced, removed, and broken at a restart.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

use muster_testkit::Lab;
use serde_json::{Value, json};

use crate::run::until;

use super::service::Service;

impl Service {
    fn registry(&self) -> Value {
        self.get("/api/v1/admin/registry")
    }

    /// Waits until the registry has this status.
    #[track_caller]
    fn wait_for(&self, status: &str) -> Value {
        until(status, || Some(self.registry()).filter(|registry| registry["status"] == status))
    }

    fn health(&self) -> Value {
        self.get("/health")["parts"]["registry"].clone()
    }
}

const RELOADED: &str = "Agent registry reloaded successfully";

/// The registry's file in the lab, outside the roots.
fn file(lab: &Lab) -> PathBuf {
    lab.folder().join("registry.json")
}

fn declare(path: &Path, agents: &[&str]) {
    let agents: Vec<_> = agents.iter().map(|id| json!({ "id": id, "name": id })).collect();
    fs::write(path, json!({ "agents": agents }).to_string()).expect("written");
}

fn start(lab: &Lab, check_seconds: &str) -> Service {
    let path = file(lab);
    let settings = [
        ("MUSTER__REGISTRY__PATH", path.to_str().expect("UTF-8")),
        ("MUSTER__REGISTRY__CHECK_SECONDS", check_seconds),
    ];
    Service::start(lab, &settings)
}

fn agents(registry: &Value) -> Vec<&str> {
    registry["agents"].as_array().expect("a list").iter().filter_map(|agent| agent["id"].as_str()).collect()
}

#[test]
fn without_a_file_there_is_no_registry_and_nothing_is_wrong() {
    let lab = Lab::new();
    let service = Service::start(&lab, &[]);
    let registry = service.registry();
    assert_eq!(registry["status"], "none");
    assert_eq!((&registry["path"], &registry["error"]), (&Value::Null, &Value::Null));
    assert_eq!(service.health()["status"], "ok");
    service.stop();
}

#[test]
fn the_file_is_followed_through_everything_that_happens_to_it() {
    let lab = Lab::new();
    let path = file(&lab);
    declare(&path, &["one"]);
    // An hour between two looks: what is seen here is seen by events.
    let service = start(&lab, "3600");
    let registry = service.wait_for("valid");
    assert_eq!(agents(&registry), ["one"]);
    assert_eq!(registry["path"], path.to_str().expect("UTF-8"));
    assert_eq!(service.says(RELOADED), 1);

    // Edited in place.
    declare(&path, &["one", "two"]);
    let registry =
        until("the edit", || Some(service.registry()).filter(|registry| agents(registry) == ["one", "two"]));
    let loaded_at = registry["loaded_at"].clone();
    assert!(loaded_at.is_string(), "{registry}");

    // Broken: the last good one stays, and the place is said, in the log once.
    fs::write(&path, "{\n  \"agents\": [\n    {\"id\": \"three\" \"name\": 3}\n  ]\n}\n").expect("written");
    let registry = service.wait_for("invalid");
    assert_eq!((agents(&registry), &registry["loaded_at"]), (vec!["one", "two"], &loaded_at));
    assert_eq!((&registry["error"]["line"], &registry["error"]["column"]), (&json!(3), &json!(20)));
    let health = service.health();
    assert_eq!(health["status"], "degraded");
    assert!(health["message"].as_str().is_some_and(|text| text.contains("line 3, column 20")), "{health}");
    assert_eq!(service.get("/health")["status"], "degraded");
    assert_eq!(service.says("the last good one stays in force"), 1);
    assert_eq!(service.says("registry.line=3 registry.column=20"), 1);
    // The same content once more is not said again; that it was seen shows in what comes next.
    fs::copy(&path, path.with_extension("copy")).expect("copied");
    fs::rename(path.with_extension("copy"), &path).expect("renamed");

    // Repaired by renaming another file over it, as editors do.
    let other = path.with_extension("new");
    declare(&other, &["three"]);
    fs::rename(&other, &path).expect("renamed");
    let registry = service.wait_for("valid");
    assert_eq!((agents(&registry), &registry["error"]), (vec!["three"], &Value::Null));
    assert_eq!(service.health()["status"], "ok");
    assert_eq!(service.says("the last good one stays in force"), 1);

    // Removed.
    fs::remove_file(&path).expect("removed");
    let registry = service.wait_for("missing");
    assert_eq!(agents(&registry), ["three"]);
    let health = service.health();
    assert_eq!(health["status"], "degraded");
    assert!(health["message"].as_str().is_some_and(|text| text.contains("is not there")), "{health}");
    assert_eq!(service.says("the registry is not there"), 1);

    // And back, as it was.
    declare(&path, &["three"]);
    service.wait_for("valid");
    service.stop();
}

#[test]
fn where_no_event_comes_the_content_is_compared() {
    let lab = Lab::new();
    // The folder does not exist yet, so nothing can be watched at the start.
    let path = lab.folder().join("later/registry.json");
    let settings =
        [("MUSTER__REGISTRY__PATH", path.to_str().expect("UTF-8")), ("MUSTER__REGISTRY__CHECK_SECONDS", "1")];
    let service = Service::start(&lab, &settings);
    assert_eq!(service.wait_for("missing")["loaded_at"], Value::Null);
    fs::create_dir(path.parent().expect("a folder")).expect("made");
    declare(&path, &["late"]);
    assert_eq!(agents(&service.wait_for("valid")), ["late"]);
    service.stop();
}

#[test]
fn a_file_that_is_broken_at_a_restart_leaves_the_last_good_one_in_force() {
    let lab = Lab::new();
    let path = file(&lab);
    declare(&path, &["kept"]);
    let service = start(&lab, "3600");
    let loaded_at = service.wait_for("valid")["loaded_at"].clone();
    service.stop();

    fs::write(&path, "{\"agents\": 1}").expect("written");
    let service = start(&lab, "3600");
    let registry = service.wait_for("invalid");
    assert_eq!((agents(&registry), &registry["loaded_at"]), (vec!["kept"], &loaded_at));
    assert_eq!(registry["error"]["column"], 12);
    service.stop();

    // The same good content again is no new version.
    declare(&path, &["kept"]);
    let service = start(&lab, "3600");
    assert_eq!(service.wait_for("valid")["loaded_at"], loaded_at);
    service.stop();
}

#[test]
fn roots_and_relations_of_the_registry_are_obeyed_without_a_restart() {
    let lab = Lab::new();
    lab.repo("here").commit_file("a", "1\n");
    let elsewhere = lab.folder().join("elsewhere");
    fs::create_dir_all(elsewhere.join("there")).expect("made");
    lab.open(elsewhere.join("there")).git(["init", "--quiet"]).commit_file("b", "1\n");
    let path = file(&lab);
    fs::write(&path, "{}").expect("written");
    let service = start(&lab, "3600");
    let projects = || -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = service.get("/portfolio/projects")["projects"].as_array().cloned().unwrap_or_default();
        list.iter().map(|project| (text(&project["name"]), text(&project["relation"]))).collect()
    };
    until("the first search", || (projects().len() == 1).then_some(()));
    let here = lab.root().join("here");
    let text = json!({
        "roots": [&elsewhere, lab.root()],
        "repositories": [{ "path": here, "relation": "third_party" }],
    });
    fs::write(&path, text.to_string()).expect("written");
    until("the root and the relation", || {
        let projects = projects();
        let is_found = projects.iter().any(|(name, _)| name == "there");
        let is_chosen = projects.iter().any(|(name, relation)| name == "here" && relation == "third_party");
        (is_found && is_chosen && projects.len() == 2).then_some(())
    });
    fs::write(&path, "{}").expect("written");
    until("its end", || {
        let projects = projects();
        (projects.len() == 1 && projects[0].1 != "third_party").then_some(())
    });
    service.stop();
}

#[test]
fn a_reload_is_news_for_whoever_listens() {
    let lab = Lab::new();
    let path = file(&lab);
    declare(&path, &["one"]);
    let service = start(&lab, "3600");
    let mut stream = TcpStream::connect(&service.address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a time limit");
    let head = format!("GET /api/v1/events?topics=registry HTTP/1.1\r\nHost: {}\r\n\r\n", service.address);
    stream.write_all(head.as_bytes()).expect("sent");
    let mut lines = BufReader::new(stream).lines();
    // The head of the answer is written when the service already listens for news.
    assert_eq!(lines.next().expect("a line").expect("text"), "HTTP/1.1 200 OK");
    declare(&path, &["one", "two"]);
    let data = lines
        .map(|line| line.expect("text"))
        .skip_while(|line| line != "event: registry.reloaded")
        .find_map(|line| line.strip_prefix("data: ").map(ToOwned::to_owned))
        .expect("the event");
    let data: Value = serde_json::from_str(&data).expect("JSON");
    assert_eq!((&data["agents"], &data["roots"]), (&json!(2), &json!(0)));
    service.stop();
}
