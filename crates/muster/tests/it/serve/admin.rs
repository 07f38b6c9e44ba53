//! The commands that look after a server: `cache`, `db` and `openapi`.

use std::fs;

use muster_testkit::Lab;
use rustix::process::Signal;
use serde_json::Value;

use super::{Served, data_dir};
use crate::run::{finish, muster, run, stderr, stdout, until};

/// The command against a running server, which must go well.
#[track_caller]
fn cache(lab: &Lab, served: &Served, args: &[&str]) -> String {
    let url = served.url();
    let output = run(lab, &[&["cache", "--server", &url], args].concat());
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(lab, &output));
    stdout(lab, &output)
}

#[test]
fn the_cache_of_a_running_server_is_shown_cleared_and_warmed() {
    let lab = Lab::new();
    lab.repo("api").commit_file("README.md", "");
    let served = Served::over(&lab);
    served.scanned();
    served.json("/portfolio/summary");

    let table = cache(&lab, &served, &["stats"]);
    assert!(table.contains("summary") && table.contains("hit ratio"), "{table}");
    let stats: Value =
        serde_json::from_str(&cache(&lab, &served, &["stats", "--format", "json"])).expect("JSON");
    assert!(stats["totals"]["misses"].as_u64() > Some(0), "{stats}");
    let lines = cache(&lab, &served, &["stats", "--format", "jsonl"]);
    assert!(
        lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()) && lines.lines().count() > 3
    );

    assert!(cache(&lab, &served, &["clear", "--tag", "portfolio"]).contains("portfolio"));
    assert!(cache(&lab, &served, &["clear", "--pattern", "http:/portfolio/*"]).contains("is forgotten; "));
    assert_eq!(cache(&lab, &served, &["clear"]).trim(), "the cache is empty");
    assert_eq!(served.json("/portfolio/cache/stats")["keys"]["summary"]["cached"], false);
    assert_eq!(cache(&lab, &served, &["warm"]).trim(), "5 answers are at hand");
    assert_eq!(served.json("/portfolio/cache/stats")["keys"]["summary"]["cached"], true);

    let both = run(&lab, &["cache", "--server", &served.url(), "clear", "--tag", "a", "--pattern", "b"]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn without_a_server_the_cache_command_says_how_to_start_one() {
    let lab = Lab::new();
    // Bound, then given back: nobody answers there.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port");
    let url = format!("http://{free}");
    for args in [&["cache", "stats"][..], &["cache", "clear"], &["cache", "warm"]] {
        let output = run(&lab, &[args, &["--server", &url]].concat());
        let said = stderr(&lab, &output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&url) && said.contains("try: ") && said.contains("muster serve"), "{said}");
    }
    // Without an address it asks where a server of this configuration would listen.
    let output =
        finish(muster(&lab).args(["cache", "stats"]).env("MUSTER__SERVER__LISTEN", free.to_string()));
    assert!(stderr(&lab, &output).contains(&url), "{}", stderr(&lab, &output));
    for strange in ["https://localhost:1", "ftp://x", "localhost", "http://user:secret@localhost:1"] {
        let output = run(&lab, &["cache", "stats", "--server", strange]);
        let said = stderr(&lab, &output);
        assert_eq!(output.status.code(), Some(1), "{strange}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[test]
fn the_database_is_looked_at_copied_and_put_back() {
    let lab = Lab::new();
    lab.repo("api").commit_file("README.md", "");
    let data = data_dir(&lab).to_string_lossy().into_owned();
    let db = |args: &[&str]| run(&lab, &[&["db", "--data-dir", &data], args].concat());

    // Before the first start there is nothing, and asking makes nothing.
    let empty = db(&["status"]);
    assert!(stdout(&lab, &empty).contains("the first start makes it"));
    assert!(!data_dir(&lab).join("muster.db").exists());

    let served = Served::over(&lab);
    served.scanned();
    // While it runs: state and a copy, but nothing that would pull the ground from under it.
    let status: Value = serde_json::from_slice(&db(&["status", "--format", "json"]).stdout).expect("JSON");
    assert_eq!(
        (&status["database"], &status["usable"], &status["outdated"]),
        (&"sqlite".into(), &true.into(), &false.into())
    );
    assert_eq!(status["schema"], status["known_schema"]);
    let copy = lab.folder().join("copy.db").to_string_lossy().into_owned();
    let backup = db(&["backup", &copy]);
    assert_eq!(backup.status.code(), Some(0), "{}", stderr(&lab, &backup));
    let again = db(&["backup", &copy]);
    assert_eq!(again.status.code(), Some(1), "a file that is there is not replaced");
    let restore = db(&["restore", &copy]);
    assert_eq!(restore.status.code(), Some(1));
    assert!(stderr(&lab, &restore).contains("held by another muster"), "{}", stderr(&lab, &restore));

    // A project more than the copy knows.
    lab.repo("later").commit_file("README.md", "");
    until("the new one", || (served.json("/portfolio/summary")["total_projects"] == 2).then_some(()));
    let id = served.json("/portfolio/projects/api")["id"].clone();
    served.signal(Signal::TERM);
    assert_eq!(served.ended().code(), Some(0));

    for wrong in ["nothing.db", "README.md"] {
        fs::write(lab.folder().join("README.md"), "no database\n").expect("written");
        let wrong = lab.folder().join(wrong);
        let output = db(&["restore", &wrong.to_string_lossy()]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&lab, &output));
    }
    let restore = db(&["restore", &copy]);
    assert_eq!(restore.status.code(), Some(0), "{}", stderr(&lab, &restore));
    assert!(stderr(&lab, &restore).contains("what was there before is in"), "{}", stderr(&lab, &restore));
    let served = Served::over(&lab);
    assert_eq!(served.json("/portfolio/projects/api")["id"], id, "the same project as before");
    until("the later one is found", || {
        (served.json("/portfolio/summary")["total_projects"] == 2).then_some(())
    });
}

#[test]
fn the_description_that_is_printed_is_the_one_that_is_served() {
    let lab = Lab::new();
    let served = Served::over(&lab);
    let printed: Value = serde_json::from_slice(&run(&lab, &["openapi"]).stdout).expect("JSON");
    assert_eq!(printed, served.json("/api/v1/openapi.json"));
    assert!(printed["openapi"].as_str().expect("a version").starts_with("3.1"));
}

#[test]
fn every_setting_is_listed_with_who_set_it_and_without_secrets() {
    let lab = Lab::new();
    let served = Served::start(&lab, super::serve(&lab).env("MUSTER__SCAN__MAX_DEPTH", "3"));
    let config = served.json("/api/v1/admin/config");
    let settings = config["settings"].as_array().expect("a list");
    let of = |key: &str| settings.iter().find(|setting| setting["key"] == key).expect("the setting");
    assert_eq!(of("scan.max_depth")["value"], 3);
    assert!(of("scan.max_depth")["origin"].as_str().expect("who").contains("MUSTER__SCAN__MAX_DEPTH"));
    assert_eq!(of("watch.events")["origin"], "default");
}
