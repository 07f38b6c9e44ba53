//! Watched repositories, from the request to the commits, against git servers on this machine: what is answered, what is
//! stored, and what happens when things go wrong.
//!
//! Long because the cases share how a commit of git and one of ours are compared.

mod crash;
mod moved;
mod news;
mod nodes;
mod roles;

use std::{collections::HashMap, path::Path};

use muster_testkit::{Behaviour, GitServer, Lab};
use serde_json::{Value, json};

use crate::run::{finish, muster, until};

use super::{machine, service::Service};

/// What a test server needs to be reached.
const SETTINGS: [(&str, &str); 2] =
    [("MUSTER__MIRROR__ALLOW_PRIVATE", "true"), ("MUSTER__MIRROR__SCHEMES", "https,http,git")];

fn start(lab: &Lab) -> Service {
    Service::start(lab, &SETTINGS)
}

fn url(server: &GitServer, name: &str) -> String {
    format!("http://{}/{name}", server.address())
}

/// Adds a repository and gives the id of its entry.
#[track_caller]
fn add(service: &Service, url: &str) -> String {
    let (status, answer) = service.post("/activity/user-watchlist-added", &json!({ "repo_url": url }));
    assert_eq!(status, 202, "{answer}");
    assert_eq!(answer["status"], "processing", "{answer}");
    answer["watchlist_id"].as_str().expect("an id").to_owned()
}

fn entry(service: &Service, id: &str) -> Value {
    service.get(&format!("/activity/watchlist/{id}/status"))
}

/// Waits until nothing is being done for the entry, and gives it.
#[track_caller]
fn settled(service: &Service, id: &str) -> Value {
    until(id, || {
        let entry = entry(service, id);
        let mut steps = entry["steps"].as_array().into_iter().flatten();
        let is_over = |state: &Value| state == "done" || state == "failed";
        let is_deepening = steps.any(|step| step["name"] == "deepen" && !is_over(&step["state"]))
            && entry["status"] == "ready"
            && entry["package"]["head"] != Value::Null;
        let is_busy = entry["status"] == "processing" || entry["refreshing"] == true || is_deepening;
        (!is_busy).then_some(entry)
    })
}

#[track_caller]
fn ready(service: &Service, id: &str) -> Value {
    let entry = settled(service, id);
    assert_eq!(entry["status"], "ready", "{entry}");
    entry
}

/// All commits of an entry, page by page.
fn commits(service: &Service, entry: &Value) -> Vec<Value> {
    let path =
        format!("/api/v1/repositories/{}/commits?limit=3", entry["package"]["id"].as_str().expect("an id"));
    let (mut commits, mut next) = (Vec::new(), String::new());
    loop {
        let page = service.get(&format!("{path}{next}"));
        commits.extend(page["items"].as_array().expect("a list").clone());
        match page["next"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => return commits,
        }
    }
}

/// A commit as git and we agree to write it: id, what it changed, and each file with its lines.
type Numbers = (Option<(u64, u64, u64)>, Vec<(String, Option<(u64, u64)>)>);

fn of_muster(commits: &[Value]) -> HashMap<String, Numbers> {
    let number = |value: &Value| value.as_u64();
    let numbers = |commit: &Value| {
        let size = (|| {
            Some((
                number(&commit["files_changed"])?,
                number(&commit["insertions"])?,
                number(&commit["deletions"])?,
            ))
        })();
        let files = commit["files"].as_array().expect("files").iter().map(|file| {
            let lines = (|| Some((number(&file["insertions"])?, number(&file["deletions"])?)))();
            (file["path"].as_str().expect("a path").to_owned(), lines)
        });
        (size, files.collect())
    };
    commits.iter().map(|commit| (commit["id"].as_str().expect("an id").to_owned(), numbers(commit))).collect()
}

/// The numbers of the command that SPEC defines them by.
fn of_git(lab: &Lab, path: &Path) -> HashMap<String, Numbers> {
    let args = [
        "log",
        "-z",
        "--numstat",
        "-M",
        "--diff-merges=off",
        "--no-ext-diff",
        "--no-textconv",
        "--format=%x01%H %P",
    ];
    let output = lab.run_git(path, args);
    let mut all = HashMap::new();
    for part in output.split('\u{1}').skip(1) {
        let (head, rest) = part.split_once('\0').unwrap_or((part, ""));
        let mut ids = head.split(' ').filter(|id| !id.is_empty());
        let id = ids.next().expect("an id").to_owned();
        if ids.count() > 1 {
            all.insert(id, (None, Vec::new()));
            continue;
        }
        let mut fields = rest.trim_start_matches('\n').split('\0').filter(|field| !field.is_empty());
        let (mut files, mut size) = (Vec::new(), (0, 0, 0));
        while let Some(field) = fields.next() {
            let mut columns = field.splitn(3, '\t');
            let mut lines = || columns.next().expect("a number").parse::<u64>().ok();
            let lines = (lines(), lines());
            // A rename names both paths after an empty one.
            let path = match columns.next().expect("a path") {
                "" => {
                    fields.next().expect("the old path");
                    fields.next().expect("the new path")
                }
                path => path,
            };
            let lines = lines.0.zip(lines.1);
            size = (size.0 + 1, size.1 + lines.map_or(0, |it| it.0), size.2 + lines.map_or(0, |it| it.1));
            files.push((path.to_owned(), lines));
        }
        all.insert(id, (Some(size), files));
    }
    all
}

/// A repository with a bit of everything that is counted in its own way.
fn eventful(lab: &Lab, name: &str) {
    let repo = lab.repo(name);
    repo.commit_file("a.txt", "one\ntwo\nthree\nfour\nfive\n");
    repo.write_bytes("logo.bin", &[0, 1, 2, 0, 255]).commit_all("Add a logo");
    repo.git(["mv", "a.txt", "b.txt"])
        .write("b.txt", "one\ntwo\nthree\nfour\nfive\nsix\n")
        .commit_all("Rename");
    repo.git(["checkout", "-q", "-b", "side"]).commit_file("side.txt", "x\n");
    repo.git(["checkout", "-q", "main"]).commit_file("main.txt", "y\n");
    repo.git(["merge", "-q", "--no-edit", "side"]);
    repo.write("tab\there.txt", "z\n").commit_all("Subject\n\nBody with \"quotes\" => and\ttabs");
    repo.git(["commit", "-q", "--allow-empty", "-m", "Nothing"]);
}

#[test]
fn a_repository_is_answered_at_once_and_every_number_is_that_of_git() {
    let lab = Lab::new();
    eventful(&lab, "ada/shop");
    let server = GitServer::http(&lab);
    let service = start(&lab);
    let id = add(&service, &url(&server, "ada/shop"));
    assert!(id.starts_with("watchlist_ada_shop_"), "{id}");
    let entry = ready(&service, &id);
    let steps: Vec<_> = entry["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .map(|step| step["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(steps, ["refs", "clone", "commits", "deepen"]);
    assert!(entry["steps"].as_array().expect("steps").iter().all(|step| step["state"] == "done"), "{entry}");
    assert!(entry["processing_completed_at"].is_string() && entry["last_error"].is_null(), "{entry}");
    let package = &entry["package"];
    assert_eq!((&package["full_name"], &package["default_branch"]), (&json!("ada/shop"), &json!("main")));
    assert_eq!(package["stars"], Value::Null);
    assert_eq!(package["unknown"]["stars"], "no_forge");
    assert_eq!(package["history_since"], Value::Null, "the first commit is there");

    let jobs = service.get(&format!(
        "/api/v1/jobs?subject={}&kind=repository-setup",
        package["id"].as_str().expect("an id")
    ));
    let job = service.get(&format!("/api/v1/jobs/{}", jobs["items"][0]["id"].as_str().expect("an id")));
    let log = job["log"][0]["line"].as_str().expect("a line");
    assert!(log.starts_with("the remote has ") && log.contains("; main is at "), "{job}");

    let commits = commits(&service, &entry);
    assert_eq!(of_muster(&commits), of_git(&lab, &lab.root().join("ada/shop")));
    assert_eq!(package["commits"], commits.len());
    let people = service.get(&format!("/api/v1/repositories/{}/contributors", package["number"]));
    assert_eq!((&people["total"], &people["bus_factor"]["risk"]), (&json!(1), &json!("critical")));
    let activity = service.get("/api/v1/repositories/ada%2Fshop/activity");
    assert_eq!((&activity["commits"], &activity["merges"]), (&json!(commits.len()), &json!(1)));
    assert_eq!(activity["heat_map"].as_array().expect("days").len(), 7);
    assert!(activity["score"].is_u64() && activity["churn"].as_array().is_some_and(|files| files.len() > 3));
    let summary = format!("/activity/watchlist/{id}/commit-summary");
    let (status, summary) = service.post(&summary, &json!({ "count": 2 }));
    assert_eq!((status, &summary["commits"], &summary["subjects"][0]), (200, &json!(2), &json!("Nothing")));
    service.stop();
}

#[test]
fn one_repository_in_ten_spellings_by_ten_people_is_one_entry_with_ten_watches() {
    let lab = Lab::new();
    lab.repo("ada/shop.git").commit_file("a", "a");
    let server = GitServer::http(&lab);
    let service = start(&lab);
    let (host, port) = ("127.0.0.1", server.address().port());
    let spellings = [
        format!("http://{host}:{port}/ada/shop"),
        format!("http://{host}:{port}/ada/shop/"),
        format!("http://{host}:{port}/ada/shop.git"),
        format!("http://{host}:{port}/ada/shop.git/"),
        format!("HTTP://{host}:{port}/ada/shop"),
        format!(" http://{host}:{port}/ada/shop "),
        format!("http://ada:secret@{host}:{port}/ada/shop"),
        format!("http://token@{host}:{port}/ada/shop.git"),
        format!("http://{host}:{port}/ada/shop?tab=readme"),
        format!("http://{host}:{port}/ada/shop#readme"),
    ];
    let ids: Vec<String> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..100)
            .map(|number| {
                let (service, spelling) = (&service, &spellings[number % 10]);
                scope.spawn(move || {
                    let body = json!({ "repo_url": spelling, "added_by": format!("person {}", number / 10) });
                    let (status, answer) = service.post("/api/v1/watchlist", &body);
                    assert_eq!(status, 202, "{answer}");
                    answer["watchlist_id"].as_str().expect("an id").to_owned()
                })
            })
            .collect();
        asking.into_iter().map(|asked| asked.join().expect("answered")).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let entry = ready(&service, &ids[0]);
    assert_eq!(entry["user_watchlists"].as_array().expect("watches").len(), 10);
    let list = service.get("/api/v1/watchlist");
    assert_eq!(list["total"], 1);
    assert!(!list.to_string().contains("secret") && !list.to_string().contains("token@"), "{list}");
    assert_eq!(service.says("secret"), 0);
    let jobs = service.get("/api/v1/jobs?kind=repository-setup");
    assert_eq!(jobs["items"].as_array().expect("jobs").len(), 1);
    service.stop();
}

#[test]
fn what_cannot_be_watched_is_refused_with_the_reason_and_nothing_is_stored() {
    let lab = Lab::new();
    let service = Service::start(&lab, &[]);
    let refused = |body: Value, says: &str| {
        let (status, answer) = service.post("/api/v1/watchlist", &body);
        assert_eq!(status, 422, "{body}: {answer}");
        let detail = answer["detail"].as_str().expect("a sentence");
        assert!(detail.contains(says), "{body}: {detail}");
    };
    for (url, says) in [
        ("hello", "no address of a remote repository"),
        ("--upload-pack=touch x", "begins with '-'"),
        ("https://127.0.0.1/a/b", "loopback"),
        ("https://10.0.0.1/a/b", "private"),
        ("https://localhost/a/b", "this machine"),
        ("http://host.example/a/b", "not allowed"),
        ("https://host.example", "names no repository"),
    ] {
        refused(json!({ "repo_url": url }), says);
    }
    let url = "https://host.example/a/b";
    refused(json!({ "repo_url": url, "level": "deep" }), "facts, history, full");
    refused(json!({ "repo_url": url, "category": "games" }), "security");
    refused(json!({ "repo_url": url, "added_by": " " }), "added_by");
    refused(
        json!({ "repo_url": url, "alerts": { "high_churn": { "enabled": true, "multiplier": 0 } } }),
        "high_churn.multiplier",
    );
    refused(json!({ "repo_url": url, "alert": {} }), "unknown field");
    refused(json!({}), "repo_url");
    assert_eq!(service.get("/api/v1/watchlist")["total"], 0);
    for path in [
        "/api/v1/watchlist/watchlist_a_b_7",
        "/api/v1/watchlist/a%2Fb",
        "/api/v1/repositories/7",
        "/api/v1/jobs/x",
    ] {
        assert_eq!(service.ask("GET", path, "").0, 404, "{path}");
    }
    service.stop();
}

#[test]
fn an_unknown_host_and_a_missing_repository_fail_with_the_reason_and_a_retry_completes_them() {
    let lab = Lab::new();
    let server = GitServer::http(&lab);
    let service = start(&lab);
    let missing = add(&service, &url(&server, "ada/later"));
    let entry = settled(&service, &missing);
    assert_eq!(entry["status"], "failed", "{entry}");
    let reason = entry["last_error"].as_str().expect("a reason");
    assert!(reason.contains("there is no repository at"), "{reason}");
    assert_eq!(
        (&entry["steps"][0]["state"], &entry["steps"][1]["state"]),
        (&json!("failed"), &json!("waiting"))
    );
    assert_eq!(entry["package"]["unknown"]["commits"], "repository_error");

    server.behave(Behaviour::Status(401));
    let (_, private) = service.post("/api/v1/watchlist", &json!({ "repo_url": url(&server, "ada/private") }));
    let private = settled(&service, private["watchlist_id"].as_str().expect("an id"));
    assert!(
        private["last_error"].as_str().expect("a reason").contains("private or does not exist"),
        "{private}"
    );
    server.behave(Behaviour::Normal);

    lab.repo("ada/later").commit_file("a", "a");
    let (status, again) = service.post(&format!("/api/v1/watchlist/{missing}/retry"), &json!({}));
    assert_eq!((status, &again["status"]), (202, &json!("processing")));
    let entry = ready(&service, &missing);
    assert_eq!((&entry["package"]["commits"], &entry["last_error"]), (&json!(1), &Value::Null));
    let (status, problem) = service.post(&format!("/api/v1/watchlist/{missing}/retry"), &json!({}));
    assert_eq!((status, &problem["code"]), (409, &json!("conflict")));
    service.stop();
}

#[test]
fn a_refresh_without_news_costs_one_question_and_with_news_only_the_new_is_stored() {
    let lab = Lab::new();
    let repo = lab.repo("shop");
    repo.commit_file("a", "a").commit_file("b", "b");
    let server = GitServer::http(&lab);
    let service = start(&lab);
    let id = add(&service, &url(&server, "shop"));
    let first = ready(&service, &id);
    let refresh = format!("/api/v1/watchlist/{id}/refresh");
    let refreshed = || {
        let before = entry(&service, &id)["processing_completed_at"].clone();
        assert_eq!(service.post(&refresh, &json!({})).0, 202);
        until("the refresh", || {
            let entry = entry(&service, &id);
            (entry["refreshing"] == false && entry["processing_completed_at"] != before).then_some(entry)
        })
    };
    server.take_requests();
    refreshed();
    let requests = server.take_requests();
    assert!(
        requests.iter().all(|request| !request.contains("upload-pack HTTP") || request.starts_with("GET")),
        "{requests:?}"
    );
    assert!(requests.len() <= 2, "{requests:?}");

    repo.commit_file("c", "c");
    let entry = refreshed();
    assert_eq!(entry["package"]["commits"], 3);
    assert_eq!(of_muster(&commits(&service, &entry)), of_git(&lab, repo.path()));
    assert_eq!(entry["user_watchlists"], first["user_watchlists"]);

    // Rewritten: what is not reachable any more goes.
    repo.git(["reset", "-q", "--hard", "HEAD~2"]).commit_file("d", "d");
    let entry = refreshed();
    assert_eq!(of_muster(&commits(&service, &entry)), of_git(&lab, repo.path()));

    let jobs = service.get(&format!(
        "/api/v1/jobs?subject={}&kind=commit-backfill",
        first["package"]["id"].as_str().expect("an id")
    ));
    assert_eq!(jobs["items"].as_array().expect("jobs").len(), 3, "no backfill without news: {jobs}");
    service.stop();
}

#[test]
fn what_has_aged_is_derived_anew_although_nothing_moved() {
    let lab = Lab::new();
    lab.repo("shop").commit_file("a", "a");
    let server = GitServer::http(&lab);
    let service = start(&lab);
    let id = add(&service, &url(&server, "shop"));
    let package = ready(&service, &id)["package"]["id"].clone();
    let activity = format!("/api/v1/repositories/{}/activity", package.as_str().expect("an id"));
    let fresh = service.get(&activity);
    service.stop();

    // As it would be had it been derived long ago.
    let store = lab.folder().join("data/muster.db");
    machine::sql(&store, "UPDATE repository SET activity_score = 1");
    machine::sql(
        &store,
        "UPDATE history SET document = json_set(document, '$.as_of', '2020-01-01T00:00:00Z', '$.activity.score', 1)",
    );
    let service = start(&lab);
    assert_eq!(service.get(&activity)["score"], 1);
    // Also if the other side is away.
    drop(server);
    assert_eq!(service.post(&format!("/api/v1/watchlist/{id}/refresh"), &json!({})).0, 202);
    let again = until("the activity", || {
        let activity = service.get(&activity);
        (activity["score"] == fresh["score"]).then_some(activity)
    });
    assert!(again["as_of"].as_str() > fresh["as_of"].as_str(), "{again}");
    assert_eq!(entry(&service, &id)["package"]["activity_score"], fresh["score"]);
    service.stop();
}

#[test]
fn the_whole_history_is_learned_when_everything_else_is_there() {
    let lab = Lab::new();
    let repo = lab.repo("shop");
    repo.commit_file("a", "a").git(["branch", "left"]).git(["tag", "v1"]);
    for number in 0..120 {
        repo.git(["commit", "-q", "--allow-empty", "-m", &format!("Change {number}")]);
    }
    repo.git(["config", "uploadpack.allowFilter", "true"]);
    let server = GitServer::http(&lab);
    let service = Service::start(&lab, &[&SETTINGS[..], &[("MUSTER__BACKFILL__AT_MOST", "100")]].concat());
    service.post("/api/v1/queues/repository-setup/pause", &json!({}));
    let id = add(&service, &url(&server, "shop"));
    let package = entry(&service, &id)["package"]["id"].as_str().expect("an id").to_owned();
    let activity = || service.get(&format!("/api/v1/repositories/{package}/activity"));
    let before = activity();
    assert_eq!((&before["all_time"], &before["commits"]), (&Value::Null, &Value::Null));
    assert_eq!(
        (&before["unknown"]["all_time"], &before["unknown"]["commits"]),
        (&json!("in_progress"), &json!("in_progress"))
    );
    service.post("/api/v1/queues/repository-setup/resume", &json!({}));
    ready(&service, &id);
    let deepened = || {
        until("the whole history", || {
            let entry = entry(&service, &id);
            let step = entry["steps"].as_array()?.iter().find(|step| step["name"] == "deepen")?.clone();
            (step["state"] == "done" || step["state"] == "failed").then_some(step)
        })
    };
    assert_eq!(deepened()["state"], "done");
    let known = activity();
    assert_eq!((&known["commits"], &known["unknown"]), (&json!(100), &json!({})));
    let all = &known["all_time"];
    assert_eq!(
        (&all["commits"], &all["people"], &all["bus_factor"]["people"]),
        (&json!(121), &json!(1), &json!(1))
    );
    assert_eq!((&all["tags"], &all["newest_tags"][0]["name"]), (&json!(1), &json!("v1")));
    assert_eq!((&all["branches"], &all["stale_branches"]), (&json!(2), &json!(1)), "{all}");
    assert_eq!(all["stalest"][0]["name"], "left");
    assert_eq!(all["first_at"], repo_time(&repo, ["log", "--reverse", "--format=%cI"]));

    // Nothing moved: nothing is learned again.
    let refreshed = entry(&service, &id)["processing_completed_at"].clone();
    service.post(&format!("/api/v1/watchlist/{id}/refresh"), &json!({}));
    until("the refresh", || (entry(&service, &id)["processing_completed_at"] != refreshed).then_some(()));
    let jobs = service.get(&format!("/api/v1/jobs?subject={package}&kind=deepen"));
    assert_eq!(jobs["items"].as_array().expect("jobs").len(), 1, "{jobs}");
    service.stop();
}

#[test]
fn if_the_whole_history_is_too_large_that_step_alone_fails() {
    let lab = Lab::new();
    let repo = lab.repo("shop");
    // What nobody can compress, in a commit older than those that are read; this server knows no filters.
    let number = |n: u64| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let noise = (0..60_000).map(number).collect::<Vec<_>>().join("\n");
    repo.commit_file("noise", &noise).git(["rm", "-q", "noise"]).git(["commit", "-q", "-m", "Quiet"]);
    for number in 0..30 {
        repo.git(["commit", "-q", "--allow-empty", "-m", &format!("Change {number}")]);
    }
    let server = GitServer::http(&lab);
    let limits = [
        ("MUSTER__BACKFILL__AT_MOST", "10"),
        ("MUSTER__BACKFILL__AT_LEAST", "10"),
        ("MUSTER__BACKFILL__DAYS", "0"),
        ("MUSTER__MIRROR__MAX_BYTES", "200000"),
    ];
    let service = Service::start(&lab, &[&SETTINGS[..], &limits].concat());
    let id = add(&service, &url(&server, "shop"));
    let failed = until("the last step", || {
        let entry = entry(&service, &id);
        let steps = entry["steps"].as_array().expect("steps");
        steps.iter().any(|step| step["name"] == "deepen" && step["state"] == "failed").then_some(entry)
    });
    assert_eq!((&failed["status"], &failed["last_error"]), (&json!("ready"), &Value::Null), "{failed}");
    assert_eq!(failed["package"]["commits"], 10);
    let error = failed["steps"][3]["error"].as_str().expect("a reason");
    assert!(error.contains("200000") || error.contains("larger"), "{error}");
    let package = failed["package"]["id"].as_str().expect("an id");
    let activity = service.get(&format!("/api/v1/repositories/{package}/activity"));
    assert_eq!(activity["unknown"]["all_time"], "repository_error");
    service.stop();
}

/// The first time that git prints, as the API writes times.
fn repo_time<const N: usize>(repo: &muster_testkit::Repo<'_>, args: [&str; N]) -> String {
    let printed = repo.git_output(args);
    let time: jiff::Timestamp = printed.lines().next().expect("a line").parse().expect("a time");
    time.to_string()
}

#[test]
fn repositories_without_commits_or_default_branch_say_so() {
    let lab = Lab::new();
    lab.bare("empty.git");
    lab.repo("odd").commit_file("a", "a").git(["symbolic-ref", "HEAD", "refs/heads/gone"]);
    let server = GitServer::http(&lab);
    let service = start(&lab);
    let empty = ready(&service, &add(&service, &url(&server, "empty.git")));
    assert_eq!(
        (&empty["package"]["commits"], &empty["package"]["unknown"]["commits"]),
        (&Value::Null, &json!("no_commits"))
    );
    let odd = settled(&service, &add(&service, &url(&server, "odd")));
    assert_eq!(odd["status"], "failed");
    assert!(odd["last_error"].as_str().expect("a reason").contains("default branch"), "{odd}");
    // Without its history there is nothing that it cannot tell.
    let (status, _) = service.post("/api/v1/watchlist/odd/level", &json!({ "level": "facts" }));
    assert_eq!(status, 404, "a repository without owner is not found by its name alone");
    let id = odd["watchlist_id"].as_str().expect("an id");
    assert_eq!(service.post(&format!("/api/v1/watchlist/{id}/level"), &json!({ "level": "facts" })).0, 202);
    let odd = ready(&service, id);
    assert_eq!(
        (&odd["package"]["branches"], &odd["package"]["unknown"]["commits"]),
        (&json!(1), &json!("level_facts"))
    );
    service.stop();
}

#[test]
fn facts_need_no_clone_and_a_higher_level_brings_the_rest() {
    let lab = Lab::new();
    lab.repo("shop").commit_file("a", "a").git(["tag", "v1"]);
    let server = GitServer::http(&lab);
    let service = start(&lab);
    let body = json!({ "repo_url": url(&server, "shop"), "level": "facts", "tags": ["b", "a"], "category": "library" });
    let (_, added) = service.post("/api/v1/watchlist", &body);
    let id = added["watchlist_id"].as_str().expect("an id").to_owned();
    let facts = ready(&service, &id);
    let package = &facts["package"];
    assert_eq!(
        (&package["branches"], &package["tags_count"], &package["commits"]),
        (&json!(1), &json!(1), &Value::Null)
    );
    assert_eq!((&package["tags"], &package["category"]), (&json!(["a", "b"]), &json!("library")));
    assert!(
        !lab.folder()
            .join("data/mirrors")
            .read_dir()
            .expect("a folder")
            .any(|file| { file.expect("a file").file_name().to_string_lossy().ends_with(".git") })
    );
    // Asked for by somebody else, with more.
    let body = json!({ "repo_url": url(&server, "shop"), "level": "history", "added_by": "bob" });
    assert_eq!(service.post("/api/v1/watchlist", &body).0, 202);
    let entry = ready(&service, &id);
    assert_eq!((&entry["package"]["commits"], &entry["package"]["level"]), (&json!(1), &json!("history")));
    service.stop();
}

#[test]
fn the_last_watcher_takes_the_repository_along() {
    let lab = Lab::new();
    lab.repo("ada/shop").commit_file("a", "a");
    let server = GitServer::http(&lab);
    let service = start(&lab);
    let address = url(&server, "ada/shop");
    for person in ["ada", "bob"] {
        service.post("/api/v1/watchlist", &json!({ "repo_url": address, "added_by": person }));
    }
    ready(&service, "ada%2Fshop");
    let remove = |query: &str| service.ask("DELETE", &format!("/api/v1/watchlist/ada%2Fshop{query}"), "").0;
    assert_eq!(remove("?added_by=eve"), 404);
    assert_eq!(remove("?added_by=ada"), 204);
    assert_eq!(entry(&service, "ada%2Fshop")["user_watchlists"].as_array().expect("watches").len(), 1);
    assert_eq!(remove("?added_by=bob"), 204);
    assert_eq!(remove(""), 404);
    until("its commits to go", || (service.get("/api/v1/activity")["commits"] == 0).then_some(()));
    until("the copy to go", || {
        let names = lab.folder().join("data/mirrors").read_dir().expect("a folder");
        let is_left = names.flatten().any(|file| file.file_name().to_string_lossy().ends_with(".git"));
        (!is_left).then_some(())
    });
    service.stop();
}

#[test]
fn the_commands_add_list_and_look_after_jobs() {
    let lab = Lab::new();
    lab.repo("ada/shop").commit_file("a", "a");
    let server = GitServer::http(&lab);
    let service = start(&lab);
    let said = |args: &[&str]| {
        let output =
            finish(muster(&lab).args(args).args(["--server", &format!("http://{}", service.address)]));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let address = url(&server, "ada/shop");
    let (code, text, errors) = said(&["watch", "add", &address, "--by", "ada", "--tag", "x"]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(text.contains("watchlist_ada_shop_") && text.contains("ada/shop is ready: 1 commits"), "{text}");
    assert!(said(&["watch", "ls"]).1.contains("ada/shop"));
    let list: Value = serde_json::from_str(&said(&["watch", "ls", "--json"]).1).expect("JSON");
    assert_eq!(list["items"][0]["package"]["tags"], json!(["x"]));
    assert_eq!(said(&["watch", "status", "ada/shop", "--wait"]).0, Some(0));
    assert!(said(&["jobs", "ls", "--state", "completed"]).1.contains("commit-backfill"));
    assert_eq!(said(&["jobs", "pause", "repository-setup"]).0, Some(0));
    let paused = service.get("/api/v1/queues");
    let network =
        paused["queues"].as_array().expect("queues").iter().find(|queue| queue["name"] == "repository-setup");
    assert_eq!(network.expect("the queue")["paused"], true);
    assert_eq!(said(&["watch", "refresh", "ada/shop"]).0, Some(0));
    let waiting = entry(&service, "ada%2Fshop");
    assert!(waiting["waiting"].as_str().is_some_and(|reason| reason.contains("paused")), "{waiting}");
    assert_eq!(said(&["jobs", "resume", "repository-setup"]).0, Some(0));
    ready(&service, "ada%2Fshop");
    let (code, _, errors) = said(&["jobs", "pause", "netwrok"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("there is no queue 'netwrok'"), "{errors}");
    let (code, _, errors) = said(&["watch", "add", "https://127.0.0.1:1/a/b"]);
    assert_eq!(code, Some(1), "{errors}");
    assert!(said(&["alerts"]).0 == Some(0));
    assert_eq!(said(&["watch", "rm", "ada/shop"]).0, Some(0));
    service.stop();
}
