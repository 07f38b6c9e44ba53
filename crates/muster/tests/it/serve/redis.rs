//! Two processes on one PostgreSQL and one Redis: what one works out the other serves, a change that one sees the other
//! serves anew, and all goes on when Redis does not.

use muster_testkit::{Lab, Postgres, Redis};
use serde_json::Value;

use super::service::Service;
use crate::run::{finish, muster, stderr, stdout, until};

/// One node that has the lab's folders, and one that has none.
fn nodes(lab: &Lab, postgres: &Postgres, redis: &Redis) -> [Service; 2] {
    let (database, address) = (postgres.url(), redis.url());
    let nothing = lab.folder().join("nothing");
    std::fs::create_dir_all(&nothing).expect("a folder");
    [("one", lab.root()), ("two", nothing.as_path())].map(|(name, root)| {
        let data = lab.folder().join(name).display().to_string();
        let settings = [("DATABASE_URL", database.as_str()), ("REDIS_URL", address.as_str())];
        let service = Service::start_with(lab, root, &data, &settings);
        synced(&service);
        service
    })
}

fn shared(service: &Service) -> Value {
    service.get("/api/v1/admin/cache/stats")["shared"].clone()
}

fn synced(service: &Service) {
    until("it to be connected", || (shared(service)["synced"] == true).then_some(()));
}

fn redis_part(service: &Service) -> Value {
    service.get("/health")["parts"]["redis"].clone()
}

#[test]
fn a_change_that_one_node_sees_reaches_the_other_at_once() {
    let lab = Lab::new();
    let api = lab.repo("api").commit_file("README.md", "one\n");
    let (postgres, redis) = (Postgres::start(), Redis::start());
    let [one, two] = nodes(&lab, &postgres, &redis);
    let received = || shared(&two)["messages_received"].as_u64();
    for change in ["a", "b"] {
        let before = received();
        api.commit_file(change, "");
        until("it to be served", || {
            let (status, project) = one.ask("GET", "/portfolio/projects/api", "");
            (status == 200 && project["git"]["last_commit"] == format!("Write {change}")).then_some(())
        });
        until("the other to hear of it", || (received() > before).then_some(()));
    }
    // Each has its own folders, and its own answers about them.
    assert_eq!(one.get("/portfolio/summary")["total_projects"], 1);
    assert_eq!(two.get("/portfolio/summary")["total_projects"], 0);
    one.stop();
    two.stop();
}

#[test]
fn a_node_that_starts_again_finds_what_it_worked_out_and_nothing_old() {
    let lab = Lab::new();
    let api = lab.repo("api").commit_file("README.md", "one\n");
    let (postgres, redis) = (Postgres::start(), Redis::start());
    let [one, two] = nodes(&lab, &postgres, &redis);
    let is_scanned = |service: &Service| service.get("/health")["parts"]["portfolio"]["message"].is_null();
    until("the first search", || is_scanned(&one).then_some(()));
    let summary = one.get("/portfolio/summary");
    assert_eq!(summary["total_projects"], 1);
    until("it to lie in Redis", || {
        redis.ask(["KEYS", "muster:*"]).contains("muster:http:/portfolio/summary@").then_some(())
    });
    assert!(redis.ask(["KEYS", "muster:portfolio:*"]).contains("muster:portfolio:summary@"));
    assert!(!redis.ask(["KEYS", "*"]).contains("portfolio:git:"), "how often a folder is looked at");
    one.stop();
    lab.repo("shop").commit_file("README.md", "");
    api.commit_file("a", "");
    let (database, address) = (postgres.url(), redis.url());
    let settings = [("DATABASE_URL", database.as_str()), ("REDIS_URL", address.as_str())];
    let data = lab.folder().join("one").display().to_string();
    let one = Service::start_with(&lab, lab.root(), &data, &settings);
    synced(&one);
    until("what is new to be served", || {
        (one.get("/portfolio/summary")["total_projects"] == 2).then_some(())
    });
    assert_eq!(one.get("/portfolio/projects/api")["git"]["last_commit"], "Write a");
    one.stop();
    two.stop();
}

#[test]
fn it_can_be_proved_that_invalidations_arrive_and_seen_when_redis_is_away() {
    let lab = Lab::new();
    lab.repo("api").commit_file("README.md", "one\n");
    let (postgres, mut redis) = (Postgres::start(), Redis::start());
    let [one, two] = nodes(&lab, &postgres, &redis);
    let check = |service: &Service| {
        let server = format!("http://{}", service.address);
        finish(muster(&lab).args(["cache", "check", "--server", &server]))
    };
    until("both to be known", || {
        (one.get("/api/v1/admin/cache/check")["nodes"].as_array().map(Vec::len) == Some(2)).then_some(())
    });
    let proved = check(&two);
    assert!(proved.status.success(), "{}{}", stdout(&lab, &proved), stderr(&lab, &proved));
    assert!(stdout(&lab, &proved).contains("reaches all nodes (2)"), "{}", stdout(&lab, &proved));
    assert_eq!(redis_part(&one)["status"], "ok");
    let metrics = one.get("/api/v1/admin/cache/stats");
    assert_eq!(
        (&metrics["levels"][1]["name"], &metrics["levels"][1]["available"]),
        (&"l2".into(), &true.into())
    );
    redis.kill();
    until("it to be seen", || (redis_part(&one)["status"] == "degraded").then_some(()));
    assert_eq!(one.get("/portfolio/summary")["total_projects"], 1);
    assert_eq!(check(&one).status.code(), Some(1));
    redis.start_again();
    until("it to be used again", || (redis_part(&one)["status"] == "ok").then_some(()));
    one.stop();
    two.stop();
}

#[test]
fn without_a_setting_there_is_no_redis_and_a_wrong_one_is_said() {
    let lab = Lab::new();
    let service = Service::start(&lab, &[]);
    assert_eq!((shared(&service), redis_part(&service)), (Value::Null, Value::Null));
    assert_eq!(service.get("/api/v1/admin/cache/check")["complete"], Value::Null);
    service.stop();
    let service = Service::start(&lab, &[("REDIS_URL", "redis://localhost:1"), ("REDIS_ENABLED", "false")]);
    assert_eq!(redis_part(&service), Value::Null);
    service.stop();
    let mut wrong = muster(&lab);
    let data = lab.folder().join("data");
    wrong.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data);
    let said = finish(wrong.env("REDIS_URL", "http://me:secret@localhost"));
    assert!(!said.status.success());
    assert!(
        stderr(&lab, &said).contains("redis.url") && !stderr(&lab, &said).contains("secret"),
        "{}",
        stderr(&lab, &said)
    );
}
