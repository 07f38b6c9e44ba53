//! Two processes on one PostgreSQL: each job is run by one of them at a time, and what one leaves behind the other takes
//! up.

use std::{path::PathBuf, process::Command};

use muster_testkit::Postgres;
use rustix::process::Signal;

use super::*;

const REPOSITORIES: usize = 12;

/// A lease so short that a test can wait for its end.
const LEASE: &str = "3";

fn nodes(lab: &Lab, postgres: &Postgres) -> [Service; 2] {
    let url = postgres.url();
    let nothing = lab.folder().join("nothing");
    std::fs::create_dir_all(&nothing).expect("a folder");
    ["one", "two"].map(|name| {
        let data = lab.folder().join(name).display().to_string();
        let mut settings = SETTINGS.to_vec();
        settings.extend([
            ("DATABASE_URL", url.as_str()),
            ("MUSTER__JOBS__LEASE_SECONDS", LEASE),
            // All repositories are of one host, of which both shall ask at once.
            ("MUSTER__JOBS__PER_HOST", "8"),
            ("MUSTER__MIRROR__STALL_SECONDS", "2"),
        ]);
        Service::start_with(lab, &nothing, &data, &settings)
    })
}

fn repositories(lab: &Lab) -> Vec<String> {
    let names: Vec<_> = (0..REPOSITORIES).map(|number| format!("ada/shop{number}")).collect();
    for name in &names {
        lab.repo(name).commit_file("a", name).commit_file("b", name);
    }
    names
}

fn check_all(lab: &Lab, service: &Service, names: &[String]) {
    for name in names {
        let entry = ready(service, &name.replace('/', "%2F"));
        assert_eq!(of_muster(&commits(service, &entry)), of_git(lab, &lab.root().join(name)), "{name}");
    }
}

/// No job was begun more often than it ended: attempts are counted when a job is begun.
fn check_begun_once(service: &Service) {
    let jobs = service.get("/api/v1/jobs?limit=500");
    for job in jobs["items"].as_array().expect("jobs") {
        let is_of_one = job["kind"] == "repository-setup" || job["kind"] == "commit-backfill";
        assert!(!is_of_one || job["attempt"] == 1, "{job}");
    }
}

/// Copies in the folder of a node.
fn copies(lab: &Lab, node: &str) -> Vec<PathBuf> {
    let folder = lab.folder().join(node).join("mirrors");
    let files = folder.read_dir().expect("a folder").flatten().map(|file| file.path());
    files.filter(|path| path.extension().is_some_and(|end| end == "git")).collect()
}

#[test]
fn every_node_removes_its_own_copies_of_what_is_gone() {
    let lab = Lab::new();
    lab.repo("ada/shop").commit_file("a", "a");
    let server = GitServer::http(&lab);
    let postgres = Postgres::start();
    let [one, two] = nodes(&lab, &postgres);
    ready(&one, &add(&one, &url(&server, "ada/shop")));
    // As if both had worked on it, which they may have.
    for [from, to] in [["one", "two"], ["two", "one"]] {
        if let (Some(copy), []) = (copies(&lab, from).first(), copies(&lab, to).as_slice()) {
            let other = lab.folder().join(to).join("mirrors");
            let copied = Command::new("cp").arg("-a").arg(copy).arg(other).status().expect("cp");
            assert!(copied.success());
        }
    }
    assert!(["one", "two"].iter().all(|node| !copies(&lab, node).is_empty()));
    assert_eq!(one.ask("DELETE", "/api/v1/watchlist/ada%2Fshop", "").0, 204);
    for node in ["one", "two"] {
        until(node, || copies(&lab, node).is_empty().then_some(()));
    }
    until("its commits to go", || (two.get("/api/v1/activity")["commits"] == 0).then_some(()));
    one.stop();
    two.stop();
}

#[test]
fn two_processes_share_the_work_and_no_job_is_begun_twice() {
    let lab = Lab::new();
    let names = repositories(&lab);
    let server = GitServer::http(&lab);
    let postgres = Postgres::start();
    let [one, two] = nodes(&lab, &postgres);
    for (number, name) in names.iter().enumerate() {
        add([&one, &two][number % 2], &url(&server, name));
    }
    check_all(&lab, &two, &names);
    check_begun_once(&one);
    let jobs = one.get("/api/v1/jobs?limit=500");
    let by: std::collections::BTreeSet<_> =
        jobs["items"].as_array().expect("jobs").iter().filter_map(|job| job["node"].as_str()).collect();
    assert_eq!(by.len(), 2, "both worked: {by:?}");
    one.stop();
    two.stop();
}

#[test]
fn what_a_killed_process_was_at_is_taken_up_within_a_lease() {
    let lab = Lab::new();
    let names = repositories(&lab);
    let server = GitServer::http(&lab);
    // So that something is at work when the process goes.
    server.behave(Behaviour::SilentAfter(0));
    let postgres = Postgres::start();
    let [one, two] = nodes(&lab, &postgres);
    for name in &names {
        add(&one, &url(&server, name));
    }
    let running = || two.get("/api/v1/jobs?state=running")["items"].as_array().expect("jobs").len();
    until("both to be busy", || (running() >= 4).then_some(()));
    one.kill();
    server.behave(Behaviour::Normal);
    check_all(&lab, &two, &names);
    two.stop();
}

#[test]
fn a_process_that_was_frozen_past_its_lease_changes_nothing_when_it_wakes() {
    let lab = Lab::new();
    let names = repositories(&lab);
    let server = GitServer::http(&lab);
    server.behave(Behaviour::SilentAfter(0));
    let postgres = Postgres::start();
    let [one, two] = nodes(&lab, &postgres);
    for name in &names {
        add(&one, &url(&server, name));
    }
    let running = || two.get("/api/v1/jobs?state=running")["items"].as_array().expect("jobs").len();
    until("both to be busy", || (running() >= 4).then_some(()));
    one.signal(Signal::STOP);
    server.behave(Behaviour::Normal);
    check_all(&lab, &two, &names);
    let before = two.get("/api/v1/watchlist?limit=500");
    one.signal(Signal::CONT);
    // What it held is refused: it says so, and goes on with what is left, which is nothing.
    until("the late results to be refused", || (one.says("lease") > 0).then_some(()));
    assert_eq!(two.get("/api/v1/watchlist?limit=500"), before);
    one.stop();
    two.stop();
}
