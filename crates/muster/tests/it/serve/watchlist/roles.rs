//! `muster serve --role`: nodes that answer and nodes that work, on one PostgreSQL.

use std::ffi::OsStr;

use muster_testkit::Postgres;

use super::*;
use crate::run::stderr;

/// So short that a test can wait for its end.
const LEASE: &str = "3";

fn node(lab: &Lab, postgres: &Postgres, name: &str, args: &[&OsStr]) -> Service {
    let url = postgres.url();
    let mut settings = SETTINGS.to_vec();
    settings.extend([
        ("DATABASE_URL", url.as_str()),
        ("MUSTER__JOBS__LEASE_SECONDS", LEASE),
        ("MUSTER__MIRROR__STALL_SECONDS", "2"),
    ]);
    Service::start_as(lab, args, &lab.folder().join(name).display().to_string(), &settings)
}

fn worker(lab: &Lab, postgres: &Postgres, name: &str) -> Service {
    node(lab, postgres, name, &["--role", "worker"].map(OsStr::new))
}

/// The jobs of this kind.
fn jobs(service: &Service, kind: &str) -> Vec<Value> {
    let jobs = service.get("/api/v1/jobs?limit=500");
    let jobs = jobs["items"].as_array().expect("jobs");
    jobs.iter().filter(|job| job["kind"] == kind).cloned().collect()
}

#[test]
fn an_api_node_answers_workers_work_and_one_takes_over_from_another() {
    let lab = Lab::new();
    for name in ["ada/shop", "ada/till"] {
        lab.repo(name).commit_file("a", name).commit_file("b", name);
    }
    let server = GitServer::http(&lab);
    // A checkout that is the api node's own.
    let (bare, code) = (lab.bare("far/desk.git"), lab.folder().join("mine"));
    lab.repo("far/first").commit_file("a", "a").git(["push", "--quiet", "../desk.git", "main"]);
    let desk = code.join("desk");
    std::fs::create_dir_all(&code).expect("a folder");
    lab.run_git(&code, ["clone", "--quiet"].map(Path::new).into_iter().chain([bare.path(), &*desk]));
    lab.open(&desk).git(["remote", "set-url", "origin", &url(&server, "far/desk.git")]);

    let postgres = Postgres::start();
    let api = node(&lab, &postgres, "api", &[OsStr::new("--role"), OsStr::new("api"), code.as_os_str()]);
    let health = api.get("/api/v1/health");
    assert_eq!((&health["role"], health["parts"]["roots"].is_object()), (&json!("api"), true), "{health}");
    until("the checkout", || (api.get("/portfolio/summary")["total_projects"] == 1).then_some(()));

    // What any node can do waits for a worker; what is about its own checkout it does itself.
    let shop = add(&api, &url(&server, "ada/shop"));
    assert_eq!(api.post("/api/v1/portfolio/fetch", &json!({})).0, 202);
    until("the fetch", || jobs(&api, "fetch").iter().any(|job| job["state"] == "completed").then_some(()));
    let waiting = jobs(&api, "repository-setup");
    assert!(waiting.len() == 1 && waiting[0]["state"] == "available" && waiting[0]["attempt"] == 0);

    let one = worker(&lab, &postgres, "one");
    let entry = ready(&api, &shop);
    assert_eq!(of_muster(&commits(&api, &entry)), of_git(&lab, &lab.root().join("ada/shop")));
    let health = one.get("/health");
    assert_eq!((&health["role"], &health["status"]), (&json!("worker"), &json!("ok")), "{health}");
    assert!(health["parts"]["roots"].is_null() && health["parts"]["database"].is_object(), "{health}");
    let (status, refusal) = one.ask("GET", "/portfolio/projects", "");
    assert_eq!((status, &refusal["code"]), (404, &json!("not_found")), "{refusal}");
    assert_eq!(one.post("/activity/user-watchlist-added", &json!({})).0, 404);

    server.behave(Behaviour::SilentAfter(0));
    let till = add(&api, &url(&server, "ada/till"));
    until("the worker to be busy", || {
        jobs(&api, "repository-setup").iter().any(|job| job["state"] == "running").then_some(())
    });
    one.kill();
    server.behave(Behaviour::Normal);
    let two = worker(&lab, &postgres, "two");
    let entry = ready(&api, &till);
    assert_eq!(of_muster(&commits(&api, &entry)), of_git(&lab, &lab.root().join("ada/till")));
    two.stop();
    api.stop();
}

#[test]
fn what_cannot_work_by_itself_is_refused() {
    let lab = Lab::new();
    let refused = |args: &[&str]| {
        let data = lab.folder().join("data");
        let mut command = muster(&lab);
        let output = finish(command.arg("serve").args(args).arg("--data-dir").arg(&data));
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!data.join("muster.db").exists(), "nothing is made");
        stderr(&lab, &output)
    };
    for role in ["api", "worker"] {
        let said = refused(&["--listen", "127.0.0.1:0", "--role", role]);
        assert!(said.contains("needs PostgreSQL") && said.contains("DATABASE_URL"), "{said}");
    }
    let said = refused(&["--role", "worker", "."]);
    assert!(said.contains("a worker keeps an eye on no folders"), "{said}");
}
