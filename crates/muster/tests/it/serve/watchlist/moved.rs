//! `muster db copy`: what was served from SQLite is served from PostgreSQL, with the same answers.

use muster_testkit::Postgres;

use super::*;
use crate::run::{stderr, stdout};

/// Without what a new start says anew: when something was last looked at, and how old it is by now.
fn lasting(mut answer: Value) -> Value {
    match &mut answer {
        Value::Object(fields) => {
            fields.retain(|name, _| name != "checked_at" && !name.ends_with("age_seconds"));
            fields.values_mut().for_each(|value| *value = lasting(value.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = lasting(item.take())),
        _ => {}
    }
    answer
}

/// What is said of everything that is stored.
fn answers(service: &Service) -> Vec<Value> {
    until("the first search", || {
        service.get("/health")["parts"]["portfolio"]["message"].is_null().then_some(())
    });
    let mut answers: Vec<Value> = [
        "/portfolio/projects",
        "/api/v1/repositories?limit=100",
        "/api/v1/repositories/ada%2Fshop/commits?limit=100",
        "/api/v1/repositories/ada%2Fshop/activity",
        "/api/v1/watchlist?limit=100",
        "/api/v1/alerts",
    ]
    .map(|path| lasting(service.get(path)))
    .into();
    // Work that comes with a start is not told of.
    let jobs = service.get("/api/v1/jobs?state=completed&limit=500")["items"].take();
    let jobs = jobs.as_array().expect("jobs").iter().filter(|job| !job["subject"].is_null());
    answers.push(jobs.cloned().collect());
    answers
}

#[test]
fn a_service_is_moved_to_postgresql_and_answers_as_before() {
    let lab = Lab::new();
    lab.repo("ada/shop").commit_file("a", "tab\tand \\ and é").commit_file("b", "b");
    lab.repo("bob/till").commit_file("a", "a");
    let server = GitServer::http(&lab);
    let postgres = Postgres::start();
    let service = start(&lab);
    for name in ["ada/shop", "bob/till"] {
        ready(&service, &add(&service, &url(&server, name)));
    }
    let before = answers(&service);
    // The address comes where nobody else sees it.
    let copy_to = |address: &str| {
        let given = lab.folder().join("address");
        std::fs::write(&given, address).expect("written");
        let mut command = muster(&lab);
        command.args(["db", "copy", "--format", "json", "--to", "-", "--data-dir"]);
        command.arg(lab.folder().join("data")).stdin(std::fs::File::open(given).expect("opened"));
        finish(&mut command)
    };
    let copy = || copy_to(&format!("{}\n", postgres.url()));
    let refused = copy_to("\n");
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&lab, &refused).contains("no address came"), "{}", stderr(&lab, &refused));
    let refused = copy();
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&lab, &refused).contains("held by another muster"), "{}", stderr(&lab, &refused));
    service.stop();

    let copied = copy();
    assert_eq!(copied.status.code(), Some(0), "{}", stderr(&lab, &copied));
    let said: Value = serde_json::from_str(&stdout(&lab, &copied)).expect("JSON");
    let rows = |table: &str| {
        let tables = said["tables"].as_array().expect("tables");
        tables.iter().find(|copied| copied["table"] == table).expect("it is named")["rows"].as_u64()
    };
    assert_eq!((rows("repository"), rows("watch"), rows("revision")), (Some(2), Some(2), Some(3)), "{said}");
    assert_eq!((rows("project"), rows("checkout")), (Some(2), Some(2)), "{said}");

    let address = postgres.url();
    let settings: Vec<_> = SETTINGS.into_iter().chain([("DATABASE_URL", address.as_str())]).collect();
    let service = Service::start(&lab, &settings);
    let after = answers(&service);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
    // It goes on: numbers of before are not given again, and what is new is done.
    lab.repo("eve/new").commit_file("a", "a");
    ready(&service, &add(&service, &url(&server, "eve/new")));
    service.stop();
    // A second copy would mix both.
    let data = lab.folder().join("data");
    let mut command = muster(&lab);
    let refused = finish(command.args(["db", "copy", "--to", &address, "--data-dir"]).arg(data));
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&lab, &refused).contains("holds data already"), "{}", stderr(&lab, &refused));
}
