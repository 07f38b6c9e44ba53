//! Actions of the running service on real repositories: planned, carried out once, refused when anything moved or is not
//! permitted, and always audited.

use std::{fs, path::Path, sync::Arc, time::Duration};

use muster_model::SystemClock;
use muster_store::{AuditEntry, Migrate, Store, StoreConfig};
use muster_testkit::{Lab, Repo};
use serde_json::{Value, json};

use crate::run::until;

use super::service::Service;

/// A service that may act in these repositories.
fn trusting(lab: &Lab, trusted: &[&Path]) -> Service {
    let trusted: Vec<_> = trusted.iter().map(|path| path.to_str().expect("UTF-8")).collect();
    let settings = [("MUSTER__ACTIONS__ENABLED", "true"), ("MUSTER__ACTIONS__TRUSTED", &*trusted.join(","))];
    Service::start(lab, &settings)
}

/// The action of that kind on the project of that name, once it is listed.
#[track_caller]
fn listed(service: &Service, kind: &str, project: &str) -> Value {
    until("the action", || {
        let actions = service.get("/api/v1/actions");
        let fits = |action: &&Value| action["action"] == kind && action["project"] == project;
        actions["actions"].as_array().expect("a list").iter().find(fits).cloned()
    })
}

#[track_caller]
fn id(service: &Service, kind: &str, project: &str) -> String {
    listed(service, kind, project)["id"].as_str().expect("an id").to_owned()
}

fn ask(service: &Service, id: &str, body: &Value) -> (u16, Value) {
    service.post(&format!("/api/v1/actions/{id}/execute"), body)
}

#[track_caller]
fn plan(service: &Service, id: &str, body: &Value) -> Value {
    let (status, plan) = ask(service, id, body);
    assert_eq!(status, 200, "{plan}");
    assert_eq!((&plan["dry_run"], &plan["status"]), (&json!(true), &json!("planned")));
    plan
}

fn carry_out(service: &Service, id: &str, plan: &Value) -> (u16, Value) {
    ask(service, id, &json!({ "plan_id": plan["plan_id"], "dry_run": false }))
}

/// The answer is a refusal with this status, whose sentence holds `part`.
#[track_caller]
fn check_refused((status, answer): (u16, Value), expected: u16, part: &str) {
    assert_eq!(status, expected, "{answer}");
    assert!(answer["detail"].as_str().is_some_and(|detail| detail.contains(part)), "'{part}': {answer}");
}

/// What was audited, oldest first: what and outcome. Stops the service.
#[track_caller]
fn audited(service: Service, lab: &Lab) -> Vec<(String, String)> {
    entries(service, lab).into_iter().map(|entry| (entry.noted.what, entry.noted.outcome)).collect()
}

#[track_caller]
fn entries(service: Service, lab: &Lab) -> Vec<AuditEntry> {
    service.stop();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let config = StoreConfig {
        url: None,
        data_dir: lab.folder().join("data"),
        max_connections: 1,
        statement_timeout: Duration::from_mins(1),
        acquire_timeout: Duration::from_mins(1),
        idle_timeout: Duration::from_mins(5),
        max_lifetime: Duration::from_mins(30),
        migrate: Migrate::Refuse,
    };
    let mut entries = runtime.block_on(async {
        let store = Store::open(&config, Arc::new(SystemClock)).await.expect("the store");
        let entries = store.audit_list(1000, None).await.expect("the log");
        store.close().await;
        entries
    });
    entries.reverse();
    entries
}

fn head(repo: &Repo<'_>) -> String {
    repo.git_output(["rev-parse", "HEAD"]).trim().to_owned()
}

/// A repository with a change that can be committed.
fn changed<'lab>(lab: &'lab Lab, name: &str) -> Repo<'lab> {
    lab.repo(name).commit_file("a", "1\n").commit_file("b", "1\n").write("a", "2\n")
}

#[test]
fn nothing_is_done_unless_it_is_configured() {
    let lab = Lab::new();
    let repo = changed(&lab, "shop");
    let before = head(&repo);
    let service = Service::start(&lab, &[]);
    let action = listed(&service, "commit", "shop");
    assert_eq!((&action["allowed"], &action["needs_message"]), (&json!(false), &json!(true)));
    assert!(action["reason"].as_str().is_some_and(|text| text.contains("actions.enabled")), "{action}");
    let id = action["id"].as_str().expect("an id");
    let body = json!({ "message": "Change a" });
    check_refused(ask(&service, id, &body), 403, "actions.enabled");
    let workflow = service.post("/automation/workflows/commit/execute", &body);
    check_refused(workflow, 409, "no repository");
    assert_eq!(head(&repo), before);
    let refused = [("action.plan", "refused"), ("workflow.plan", "refused")];
    assert_eq!(audited(service, &lab), refused.map(|(what, outcome)| (what.to_owned(), outcome.to_owned())));
}

#[test]
fn a_repository_that_is_not_named_is_not_touched() {
    let lab = Lab::new();
    let trusted = changed(&lab, "trusted");
    // What lies below a trusted folder is trusted no more than anything else.
    let below = changed(&lab, "trusted/below");
    let trace = lab.folder().join("trace");
    let hook = format!("#!/bin/sh\necho ran >> '{}'\n", trace.display());
    below.write(".git/hooks/pre-commit", &hook).make_executable(".git/hooks/pre-commit");
    below.config("core.fsmonitor", &format!("echo ran >> '{}'; false", trace.display()));
    let service = trusting(&lab, &[trusted.path()]);
    let id = id(&service, "commit", "below");
    check_refused(ask(&service, &id, &json!({ "message": "x" })), 403, "add it to actions.trusted");
    assert!(!trace.exists(), "nothing of it was run");
    assert_eq!(listed(&service, "commit", "trusted")["allowed"], true);
    assert_eq!(audited(service, &lab).len(), 1);
}

#[test]
fn a_commit_holds_the_listed_tracked_files_and_nothing_else() {
    let lab = Lab::new();
    let repo = changed(&lab, "shop").write("new file", "1\n").write("untracked", "1\n").write("gone", "1\n");
    repo.git(["add", "new file", "gone"]).git(["commit", "--quiet", "--message", "gone", "--", "gone"]);
    repo.remove("gone");
    let before = head(&repo);
    let service = trusting(&lab, &[repo.path()]);
    let id = id(&service, "commit", "shop");
    check_refused(ask(&service, &id, &json!({})), 422, "needs a message");
    let made = plan(&service, &id, &json!({ "message": "Change a\n\n#1 of three" }));
    assert_eq!(head(&repo), before, "a plan does nothing");
    assert_eq!((&made["head"], &made["branch"]), (&json!(before), &json!("main")));
    let files: Vec<_> = made["files"].as_array().expect("a list").iter().map(|file| &file["path"]).collect();
    assert_eq!(files, ["a", "gone", "new file"]);
    assert_eq!(made["files"][1]["size"], Value::Null);
    for field in ["plan_id", "action", "project", "steps", "index_checksum", "expires_at"] {
        assert!(!made[field].is_null(), "{field}: {made}");
    }
    let (status, done) = carry_out(&service, &id, &made);
    assert_eq!((status, &done["status"]), (200, &json!("done")), "{done}");
    assert_eq!(done["head_after"], head(&repo));
    assert_eq!(repo.git_output(["rev-parse", "HEAD^"]).trim(), before);
    let names = repo.git_output(["show", "--format=", "--name-only", "--no-renames", "HEAD"]);
    assert_eq!(names, "a\ngone\nnew file\n");
    assert_eq!(repo.git_output(["show", "--no-patch", "--format=%B"]).trim(), "Change a\n\n#1 of three");
    assert_eq!(repo.git_output(["status", "--porcelain"]), "?? untracked\n");
    // Read again before the answer.
    let project = service.get("/portfolio/projects/shop");
    assert_eq!((&project["git"]["modified"], &project["git"]["untracked"]), (&json!(0), &json!(1)));
    check_refused(carry_out(&service, &id, &made), 409, "there is no such plan");
    let rows = entries(service, &lab);
    let outcomes: Vec<_> =
        rows.iter().map(|row| (row.noted.what.as_str(), row.noted.outcome.as_str())).collect();
    let expected = [
        ("action.plan", "refused"),
        ("action.plan", "planned"),
        ("action.execute", "done"),
        ("action.execute", "refused"),
    ];
    assert_eq!(outcomes, expected);
    let detail = &rows[2].noted.detail;
    assert_eq!((&detail["head"], &detail["head_after"]), (&json!(before), &json!(head(&repo))));
    assert_eq!((rows[2].noted.target.as_str(), &detail["plan_id"]), (id.as_str(), &made["plan_id"]));
}

#[test]
fn whatever_moves_after_the_plan_makes_it_void() {
    type Move = fn(&Repo<'_>);
    let moves: [(&str, &str, Move); 5] = [
        ("a commit", "HEAD is at another commit", |repo| {
            repo.git(["commit", "--quiet", "--allow-empty", "--message", "moved"]);
        }),
        ("a checkout", "another branch", |repo| {
            repo.git(["checkout", "--quiet", "-b", "other"]);
        }),
        ("another file", "the changed files are others", |repo| {
            repo.write("b", "changed too\n");
        }),
        ("the same file again", "the changed files are others", |repo| {
            repo.write("a", "something longer\n");
        }),
        ("the index", "the index is another", |repo| {
            repo.write("c", "1\n")
                .git(["add", "--intent-to-add", "c"])
                .remove("c")
                .git(["rm", "--quiet", "--cached", "c"]);
            repo.git(["update-index", "--assume-unchanged", "b"]);
        }),
    ];
    for (what, part, act) in moves {
        let lab = Lab::new();
        let repo = changed(&lab, "shop");
        let service = trusting(&lab, &[repo.path()]);
        let id = id(&service, "commit", "shop");
        let made = plan(&service, &id, &json!({ "message": "Change a" }));
        act(&repo);
        let before = head(&repo);
        let answer = carry_out(&service, &id, &made);
        assert_eq!(answer.0, 409, "{what}: {}", answer.1);
        check_refused(answer, 409, part);
        assert_eq!(head(&repo), before, "{what}");
        check_refused(carry_out(&service, &id, &made), 409, "no such plan");
        service.stop();
    }
}

#[test]
fn the_hooks_of_a_trusted_repository_have_their_say() {
    let lab = Lab::new();
    let repo = changed(&lab, "shop");
    let hook = "#!/bin/sh\necho 'no commits on Fridays, see https://me:s3cret@host/why' >&2\nexit 1\n";
    repo.write(".git/hooks/pre-commit", hook).make_executable(".git/hooks/pre-commit");
    let before = head(&repo);
    let service = trusting(&lab, &[repo.path()]);
    let id = id(&service, "commit", "shop");
    let made = plan(&service, &id, &json!({ "message": "Change a" }));
    let answer = carry_out(&service, &id, &made);
    assert!(!answer.1.to_string().contains("s3cret"), "{}", answer.1);
    check_refused(answer, 409, "no commits on Fridays");
    assert_eq!(head(&repo), before);
    service.stop();
}

#[test]
fn a_push_brings_the_planned_commit_to_the_remote() {
    let lab = Lab::new();
    let bare = lab.bare("origin");
    let repo = lab.repo("shop").commit_file("a", "1\n").push_to("origin").commit_file("a", "2\n");
    let service = trusting(&lab, &[repo.path()]);
    let id = id(&service, "push", "shop");
    let made = plan(&service, &id, &json!({}));
    assert_eq!(made["steps"][0], format!("git push origin {}:refs/heads/main", head(&repo)));
    let (status, done) = carry_out(&service, &id, &made);
    assert_eq!((status, &done["status"]), (200, &json!("done")), "{done}");
    assert_eq!(bare.git_output(["rev-parse", "main"]).trim(), head(&repo));
    assert_eq!(service.get("/portfolio/projects/shop")["git"]["ahead"], 0);
    service.stop();
}

#[test]
fn a_push_that_would_lose_commits_of_the_remote_is_refused() {
    let lab = Lab::new();
    let bare = lab.bare("origin");
    let repo = lab.repo("shop").commit_file("a", "1\n").push_to("origin");
    let other = lab.clone_of("origin", "other");
    other.commit_file("b", "1\n").git(["push", "--quiet"]);
    let at_remote = bare.git_output(["rev-parse", "main"]);
    repo.commit_file("a", "2\n");
    // Even where the repository is set up to force.
    repo.config("remote.origin.push", "+refs/heads/*:refs/heads/*");
    let service = trusting(&lab, &[repo.path()]);
    let id = id(&service, "push", "shop");
    let made = plan(&service, &id, &json!({}));
    check_refused(carry_out(&service, &id, &made), 409, "has commits that are not here");
    assert_eq!(bare.git_output(["rev-parse", "main"]), at_remote);
    let expected = [("action.plan", "planned"), ("action.execute", "refused")];
    assert_eq!(audited(service, &lab), expected.map(|(what, outcome)| (what.to_owned(), outcome.to_owned())));
}

#[test]
fn a_folder_comes_under_version_control() {
    let lab = Lab::new();
    let folder = lab.root().join("tool");
    fs::create_dir(&folder).expect("made");
    fs::write(folder.join("Cargo.toml"), "[package]\nname = \"tool\"\n").expect("written");
    let service = trusting(&lab, &[&folder]);
    let id = id(&service, "init", "tool");
    let made = plan(&service, &id, &json!({}));
    assert_eq!(made["steps"], json!(["git init"]));
    assert!(!folder.join(".git").exists());
    let (status, done) = carry_out(&service, &id, &made);
    assert_eq!(status, 200, "{done}");
    assert!(folder.join(".git/HEAD").is_file());
    assert_eq!(service.get("/portfolio/projects/tool")["git"]["is_repo"], true);
    check_refused(ask(&service, &id, &json!({})), 409, "under version control already");
    service.stop();
}

#[test]
fn what_is_asked_wrongly_is_refused_with_a_reason() {
    let lab = Lab::new();
    let repo = changed(&lab, "shop");
    let service = trusting(&lab, &[repo.path()]);
    let id = id(&service, "commit", "shop");
    let message = json!({ "message": "x" });
    for wrong in ["commit", "merge:shop", "commit:shop", "commit:repo_00000000000000000000000000"] {
        assert_eq!(ask(&service, wrong, &message).0, 404, "{wrong}");
    }
    check_refused(ask(&service, &id, &json!({ "dry_run": false })), 422, "make a plan first");
    check_refused(ask(&service, &id, &json!({ "plan_id": "x", "dry_run": false })), 422, "no id of a plan");
    check_refused(ask(&service, &id, &json!({ "plan": "x" })), 422, "unknown field");
    check_refused(service.post("/automation/workflows/merge/execute", &message), 404, "merge");
    let made = plan(&service, &id, &message);
    check_refused(ask(&service, &id, &json!({ "plan_id": made["plan_id"] })), 422, "dry_run: false");
    let other = json!({ "plan_id": made["plan_id"], "dry_run": false, "message": "y" });
    check_refused(ask(&service, &id, &other), 409, "another message");
    let made = plan(&service, &id, &message);
    let elsewhere = id.replace("commit:", "push:");
    check_refused(carry_out(&service, &elsewhere, &made), 409, "was made for commit");
    service.stop();
}

#[test]
fn a_workflow_does_the_same_in_several_repositories() {
    let lab = Lab::new();
    let repos = ["one", "two", "untrusted"].map(|name| changed(&lab, name));
    let [one, two, untrusted] = &repos;
    let before = head(untrusted);
    let service = trusting(&lab, &[one.path(), two.path()]);
    let workflow = until("all three", || {
        let workflows = service.get("/automation/workflows");
        let commit = workflows["workflows"].as_array()?.iter().find(|one| one["type"] == "commit")?.clone();
        (commit["not_allowed"] == json!(["untrusted"]) && commit["projects"].as_array()?.len() == 2)
            .then_some(commit)
    });
    assert_eq!(workflow["projects"], json!(["one", "two"]));
    let both = ["/automation/workflows", "/api/v1/actions/workflows"].map(|path| service.get(path));
    assert_eq!(both[0], both[1], "both paths answer alike");
    let path = "/api/v1/actions/workflows/commit/execute";
    let named = json!({ "message": "Change a", "projects": ["one", "untrusted"] });
    check_refused(service.post(path, &named), 403, "actions.trusted");
    let (status, made) = service.post(path, &json!({ "message": "Change a" }));
    assert_eq!((status, &made["status"]), (200, &json!("planned")), "{made}");
    let body = json!({ "plan_id": made["plan_id"], "dry_run": false });
    let (status, done) = service.post("/automation/workflows/commit/execute", &body);
    assert_eq!((status, &done["status"]), (200, &json!("done")), "{done}");
    for repo in [one, two] {
        assert_eq!(repo.git_output(["log", "-1", "--format=%s"]).trim(), "Change a");
    }
    assert_eq!(head(untrusted), before);
    check_refused(service.post(path, &body), 409, "no such plan");
    service.stop();
}

#[test]
fn a_workflow_stops_at_the_first_refusal() {
    let lab = Lab::new();
    let repos = ["one", "two", "three"].map(|name| changed(&lab, name));
    let [one, two, three] = &repos;
    let service = trusting(&lab, &[one.path(), two.path(), three.path()]);
    for name in ["one", "two", "three"] {
        listed(&service, "commit", name);
    }
    let path = "/automation/workflows/commit/execute";
    let (status, made) =
        service.post(path, &json!({ "message": "Change a", "projects": ["one", "two", "three"] }));
    assert_eq!(status, 200, "{made}");
    two.git(["commit", "--quiet", "--allow-empty", "--message", "moved"]);
    let (status, done) = service.post(path, &json!({ "plan_id": made["plan_id"], "dry_run": false }));
    assert_eq!((status, &done["status"]), (200, &json!("stopped")), "{done}");
    let steps: Vec<_> =
        done["steps"].as_array().expect("a list").iter().map(|step| &step["status"]).collect();
    assert_eq!(steps, ["done", "refused", "skipped"]);
    assert!(done["steps"][1]["reason"].as_str().is_some_and(|reason| reason.contains("HEAD")), "{done}");
    let subject = |repo: &Repo<'_>| repo.git_output(["log", "-1", "--format=%s"]).trim().to_owned();
    assert_eq!([subject(one), subject(two), subject(three)], ["Change a", "moved", "Write b"]);
    let rows = audited(service, &lab);
    let expected = [
        ("workflow.plan", "planned"),
        ("action.execute", "done"),
        ("action.execute", "refused"),
        ("workflow.execute", "refused"),
    ];
    assert_eq!(rows, expected.map(|(what, outcome)| (what.to_owned(), outcome.to_owned())));
}
