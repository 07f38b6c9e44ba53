//! Remotes of local checkouts: noticed when they have moved on, without a touch to the checkout, and fetched on demand.
//! Somebody else pushes to bare repositories that a server on this machine serves.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use muster_testkit::{Behaviour, GitServer, Lab, Postgres, Repo, canaries};
use serde_json::{Value, json};

use crate::run::{finish, muster, stderr, stdout, until};

use super::service::Service;

/// What a test server needs to be reached.
const REACHED: [(&str, &str); 2] =
    [("MUSTER__MIRROR__ALLOW_PRIVATE", "true"), ("MUSTER__MIRROR__SCHEMES", "https,http")];
const FRESH: (&str, &str) = ("MUSTER__PORTFOLIO__REMOTE_FRESHNESS", "true");
/// Often enough for a test.
const OFTEN: (&str, &str) = ("MUSTER__PORTFOLIO__REMOTE_FRESHNESS_SECONDS", "1");

/// The person's folder, a remote, and somebody else who pushes to it.
struct Far<'lab> {
    lab: &'lab Lab,
    server: GitServer,
    code: PathBuf,
    other: Repo<'lab>,
}

impl<'lab> Far<'lab> {
    fn new(lab: &'lab Lab) -> Self {
        let server = GitServer::http(lab);
        let code = lab.root().join("code");
        fs::create_dir_all(&code).expect("a folder");
        let bare = lab.bare("far/shop.git");
        bare.config("http.receivepack", "true");
        lab.repo("far/first").commit_file("a", "a\n").git(["push", "--quiet", "../shop.git", "main"]);
        let other = lab.clone_of(bare.path(), "far/other");
        Self { lab, server, code, other }
    }

    fn url(&self) -> String {
        format!("http://{}/far/shop.git", self.server.address())
    }

    /// A clone of the person's.
    fn clone(&self, name: &str) -> Repo<'lab> {
        let (bare, clone) = (self.lab.root().join("far/shop.git"), self.code.join(name));
        // Objects of its own: those that are shared with the remote change their times with a push.
        let args = ["clone", "--quiet", "--no-hardlinks"].map(Path::new);
        self.lab.run_git(self.lab.root(), args.into_iter().chain([&*bare, &*clone]));
        let clone = self.lab.open(clone);
        clone.git(["remote", "set-url", "origin", &self.url()])
    }

    /// Somebody else pushes a commit.
    fn push(&self, name: &str) {
        self.other.git(["pull", "--quiet", "--rebase"]);
        self.other.commit_file(name, name).git(["push", "--quiet", "origin", "main"]);
    }

    fn start(&self, settings: &[(&str, &str)]) -> Service {
        let settings: Vec<_> = REACHED.into_iter().chain(settings.iter().copied()).collect();
        let service = Service::start_over(self.lab, &self.code, &settings);
        scanned(&service);
        service
    }

    /// `muster fetch` with these words.
    fn fetch(&self, service: &Service, args: &[&str]) -> std::process::Output {
        let server = format!("http://{}", service.address);
        finish(muster(self.lab).args(["fetch", "--server", &server]).args(args))
    }

    /// What it said as JSON, and how it ended.
    #[track_caller]
    fn fetched(&self, service: &Service, query: &str) -> (Vec<Value>, Option<i32>) {
        let output = self.fetch(service, &["--format", "json", query]);
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", stderr(self.lab, &output)));
        (document["projects"].as_array().expect("projects").clone(), output.status.code())
    }
}

fn scanned(service: &Service) {
    until("the first search", || {
        service.get("/health")["parts"]["portfolio"]["message"].is_null().then_some(())
    });
}

fn project(service: &Service, name: &str) -> Value {
    service.get(&format!("/portfolio/projects/{name}"))
}

/// Waits until this is said of the project's remote: `true`, `false`, or the reason why it is not known.
#[track_caller]
fn says(service: &Service, name: &str, expected: impl Into<Value>) -> Value {
    let expected = expected.into();
    until(&format!("{name}: {expected}"), || {
        let project = project(service, name);
        let said = match &project["git"]["remote_moved"] {
            Value::Null => &project["unknown"]["git.remote_moved"],
            said => said,
        };
        (*said == expected).then(|| project.clone())
    })
}

/// Every file below, with its content and when it was written.
fn files(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, i64, i64)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let meta = path.symlink_metadata().expect("it is there");
        if meta.is_dir() {
            found.extend(files(&path));
        } else {
            let content = fs::read(&path).unwrap_or_default();
            found.insert(path, (content, meta.mtime(), meta.mtime_nsec()));
        }
    }
    found
}

#[test]
fn a_push_by_somebody_else_is_noticed_without_a_touch_and_a_fetch_clears_it() {
    let lab = Lab::new();
    let far = Far::new(&lab);
    let mine = far.clone("mine");
    let service = far.start(&[FRESH, OFTEN]);
    says(&service, "mine", false);
    let before = files(mine.path());
    far.push("b");
    let moved = says(&service, "mine", true);
    assert_eq!(moved["git"]["state"], json!(["clean", "remote moved"]));
    assert_eq!(moved["git"]["behind"], 0, "nothing was fetched");
    assert_eq!(service.get("/portfolio/summary")["attention"]["remote_moved"], 1);
    let found = service.get("/portfolio/projects?q=state:remote-moved%20state:attention");
    assert_eq!(found["total"], 1);
    let after = files(mine.path());
    let differs = |path: &&PathBuf| after.get(*path) != before.get(*path);
    let written: Vec<_> = after.keys().chain(before.keys()).filter(differs).collect();
    assert!(written.is_empty(), "{written:?}");

    let (projects, code) = far.fetched(&service, "state:remote-moved");
    assert_eq!((projects[0]["state"].as_str(), code), (Some("fetched"), Some(0)), "{projects:?}");
    assert_eq!(projects[0]["note"], "1 branch updated");
    // Read again before the job was over.
    let fetched = project(&service, "mine");
    assert_eq!((&fetched["git"]["remote_moved"], &fetched["git"]["behind"]), (&json!(false), &json!(1)));
    assert_eq!(mine.id("origin/main"), far.other.id("main"));

    far.push("c");
    says(&service, "mine", true);
    mine.git(["pull", "--quiet", "--rebase"]);
    says(&service, "mine", false);
    service.stop();
}

#[test]
fn what_the_person_does_is_newer_than_the_last_look() {
    let lab = Lab::new();
    let far = Far::new(&lab);
    let (mine, pushing) = (far.clone("mine"), far.clone("pushing"));
    far.push("b");
    // One look, and none after it.
    let service = far.start(&[FRESH]);
    says(&service, "mine", true);
    says(&service, "pushing", true);
    // Pushed over what the look has seen, and further than that.
    far.push("c");
    pushing.git(["pull", "--quiet", "--rebase"]);
    says(&service, "pushing", false);
    pushing.commit_file("mine", "mine").git(["push", "--quiet", "origin", "main"]);
    until("the push", || (project(&service, "pushing")["git"]["ahead"] == 0).then_some(()));
    says(&service, "pushing", false);
    says(&service, "mine", true);
    mine.git(["fetch", "--quiet"]);
    says(&service, "mine", false);
    service.stop();
}

#[test]
fn why_it_is_not_known_is_said() {
    let lab = Lab::new();
    let far = Far::new(&lab);
    far.clone("off");
    let service = far.start(&[]);
    says(&service, "off", "freshness_off");
    service.stop();
    lab.repo("code/alone").commit_file("a", "a\n");
    lab.clone_of(far.other.path(), "code/beside");
    let untracked = far.clone("untracked");
    untracked.git(["config", "--unset-all", "remote.origin.fetch"]);
    let secret = far.clone("secret");
    secret.git(["remote", "set-url", "origin", "https://localhost:1/a/b"]);
    let service = far.start(&[FRESH, ("MUSTER__JOBS__PER_HOST", "4")]);
    says(&service, "off", false);
    says(&service, "alone", "no_remote");
    says(&service, "beside", "not_askable");
    says(&service, "untracked", "not_tracked");
    says(&service, "secret", "remote_unreachable");
    // Asked by one of them, told to all.
    assert_eq!(service.says("panicked"), 0);
    service.stop();
    let service = Service::start_over(&lab, &far.code, &[FRESH]);
    scanned(&service);
    says(&service, "secret", "not_askable");
    service.stop();
}

#[test]
fn a_remote_that_asks_who_is_there_is_never_answered_by_a_prompt() {
    let lab = Lab::new();
    let far = Far::new(&lab);
    let mine = far.clone("mine");
    far.server.behave(Behaviour::Password("ada:secret".to_owned()));
    // A helper of the repository's own is not asked.
    let trace = lab.folder().join("local-helper");
    mine.config("credential.helper", &format!("!touch '{}'; echo", trace.display()));
    let service = far.start(&[FRESH, OFTEN]);
    says(&service, "mine", "authentication_needed");
    let (projects, code) = far.fetched(&service, "mine");
    assert_eq!((projects[0]["state"].as_str(), code), (Some("failed"), Some(1)));
    let note = projects[0]["note"].as_str().expect("a note");
    assert!(note.contains("wants to know who asks") && note.contains("credential.helper"), "{note}");
    // The person's own is, and only to get: what a server refuses is not erased.
    let asked = lab.folder().join("asked");
    let helper = |password: &str| {
        let script = format!(
            "#!/bin/sh\necho \"$1\" >> '{}'\necho username=ada\necho password={password}\n",
            asked.display()
        );
        lab.open(lab.folder()).write("helper", &script).make_executable("helper");
    };
    helper("wrong");
    let config = lab.home().join("gitconfig");
    let text = fs::read_to_string(&config).unwrap_or_default();
    let own = lab.folder().join("helper").display().to_string();
    fs::write(&config, format!("{text}\n[credential]\n\thelper = {own}\n")).expect("written");
    assert_eq!(far.fetched(&service, "mine").1, Some(1));
    helper("secret");
    far.push("b");
    let (projects, code) = far.fetched(&service, "mine");
    assert_eq!((projects[0]["state"].as_str(), code), (Some("fetched"), Some(0)), "{projects:?}");
    says(&service, "mine", false);
    let asked = fs::read_to_string(asked).expect("it was asked");
    assert!(asked.lines().count() >= 2 && asked.lines().all(|line| line == "get"), "{asked}");
    assert!(!trace.exists());
    let jobs = service.get("/api/v1/jobs?limit=500").to_string();
    assert!(!jobs.contains("secret") && service.says("secret") == 0, "no password is told");
    service.stop();
}

#[test]
fn a_fetch_is_one_job_however_often_it_is_asked_for_and_a_silent_server_ends_it() {
    let lab = Lab::new();
    let far = Far::new(&lab);
    far.clone("mine");
    far.other.write("big", &"0123456789abcdef\n".repeat(20_000)).commit_all("Big");
    far.other.git(["push", "--quiet", "origin", "main"]);
    far.server.behave(Behaviour::SilentAfter(100));
    let service = far.start(&[("MUSTER__MIRROR__STALL_SECONDS", "2")]);
    let ask = || {
        let (status, answer) = service.post("/api/v1/portfolio/fetch", &json!({ "query": "mine" }));
        assert_eq!((status, &answer["total"]), (202, &json!(1)), "{answer}");
        answer["projects"][0]["job"].as_str().expect("a job").to_owned()
    };
    let first = ask();
    assert_eq!(ask(), first);
    let job = until("the end", || {
        let job = service.get(&format!("/api/v1/jobs/{first}"));
        (job["state"] == "discarded").then_some(job)
    });
    let error = job["error"].as_str().expect("an error");
    assert!(error.contains("nothing came from"), "{error}");
    assert_eq!((&job["kind"], &job["queue"]), (&json!("fetch"), &json!("metadata-refresh")));
    service.stop();
}

#[test]
fn what_cannot_be_fetched_is_said_of_each() {
    let lab = Lab::new();
    let far = Far::new(&lab);
    far.clone("mine");
    lab.repo("code/alone").commit_file("a", "a\n");
    lab.clone_of(far.other.path(), "code/beside");
    let service = far.start(&[]);
    let output = far.fetch(&service, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&lab, &output));
    let said = stdout(&lab, &output);
    let lines: Vec<_> = said.lines().map(|line| line.split('\t').collect::<Vec<_>>().join(" | ")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    repository | state | note
    alone | skipped | it has no remote that can be asked
    beside | skipped | its remote ROOT/far/other is not asked: it is a folder of this machine; run `git fetch` there
    mine | fetched | already up to date
    ");
    assert_eq!(far.fetched(&service, "alone").1, Some(1), "nothing could be fetched");
    let output = far.fetch(&service, &["state:drity"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&lab, &output).contains("did you mean state:dirty"), "{}", stderr(&lab, &output));
    let output = far.fetch(&service, &["nobody"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&lab, &output).contains("no repository matches 'nobody'"), "{}", stderr(&lab, &output));
    let (status, problem) = service.post("/api/v1/portfolio/fetch", &json!({ "query": "state:drity" }));
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("query")), "{problem}");
    service.stop();
}

#[test]
fn no_canary_sings_for_a_look_or_a_fetch() {
    let lab = Lab::new();
    let far = Far::new(&lab);
    let (repo, folder) = canaries(&lab);
    let config = repo.path().join(".git/config");
    let program = lab.folder().join("canary-programs/upload-pack");
    let more = format!(
        "[remote \"origin\"]\n\turl = {}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n\tuploadpack = {program}\n\
         [url \"ext::{program} \"]\n\tinsteadOf = http://127.0.0.1\n[fetch]\n\trecurseSubmodules = true\n",
        far.url(),
        program = program.display(),
    );
    fs::write(&config, fs::read_to_string(&config).expect("read") + &more).expect("written");
    let settings: Vec<_> = REACHED.into_iter().chain([FRESH, OFTEN]).collect();
    let service = Service::start_over(&lab, repo.path(), &settings);
    scanned(&service);
    says(&service, "canary", false);
    let (projects, code) = far.fetched(&service, "canary");
    assert_eq!((projects[0]["note"].as_str(), code), (Some("1 branch new"), Some(0)), "{projects:?}");
    far.push("b");
    says(&service, "canary", true);
    service.stop();
    let sung: Vec<_> = fs::read_dir(&folder).expect("a folder").flatten().collect();
    assert!(sung.is_empty(), "{sung:?}");
}

#[test]
fn each_node_fetches_in_its_own_folders_and_hears_what_the_other_was_told() {
    let lab = Lab::new();
    let far = Far::new(&lab);
    let postgres = Postgres::start();
    let start = |name: &str, period: (&'static str, &'static str)| {
        let root = far.code.join(name);
        for number in 0..3 {
            far.clone(&format!("{name}/{name}{number}"));
        }
        let data = lab.folder().join(name).display().to_string();
        let url = postgres.url();
        let settings: Vec<_> =
            REACHED.into_iter().chain([FRESH, period, ("DATABASE_URL", url.as_str())]).collect();
        let service = Service::start_with(&lab, &root, &data, &settings);
        scanned(&service);
        service
    };
    let rarely = ("MUSTER__PORTFOLIO__REMOTE_FRESHNESS_SECONDS", "3600");
    let (one, two) = (start("one", OFTEN), start("two", rarely));
    says(&two, "two0", false);
    far.push("b");
    says(&one, "one0", true);
    says(&two, "two0", true);
    let (projects, code) = far.fetched(&two, "");
    assert_eq!((projects.len(), code), (3, Some(0)), "{projects:?}");
    let node = fs::read_to_string(lab.folder().join("two/node-id")).expect("an id");
    for fetched in &projects {
        let job = one.get(&format!("/api/v1/jobs/{}", fetched["job"].as_str().expect("a job")));
        assert_eq!(job["node"], node.trim(), "{job}");
    }
    says(&two, "two2", false);
    says(&one, "one2", true);
    one.stop();
    two.stop();
}
