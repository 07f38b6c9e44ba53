//! What happens on disk shows in every answer that tells of it, and only what changed is read again. Real file events,
//! the real git.

mod coming_and_going;
mod git;
mod limits;

use std::collections::BTreeMap;

use muster_testkit::{Lab, Repo};
use serde_json::Value;

use crate::test_app::{TestApp, eventually_or};

/// Readings of one project for one change: several, because on a busy machine git takes its time and a change is read
/// in parts. That no other project was read is checked by itself.
const FEW: u64 = 50;

/// A repository with a remote outside the root, and one commit that both have.
fn cloned<'lab>(lab: &'lab Lab, name: &str) -> Repo<'lab> {
    let forge = lab.folder().join("forge").join(name);
    lab.bare(&forge.to_string_lossy());
    lab.clone_of(&forge, name)
        .commit_file("README.md", "# Read me\n")
        .git(["push", "--quiet", "-u", "origin", "HEAD"])
}

/// What was known before a change, to compare with.
struct Before {
    checked: BTreeMap<String, Value>,
    etags: BTreeMap<String, String>,
    read: u64,
}

impl Before {
    /// Notes what is known, and moves the clock: whatever is read from now on has another time of checking.
    async fn of(app: &TestApp) -> Self {
        let mut etags = BTreeMap::new();
        let mut checked = BTreeMap::new();
        for project in app.projects().await {
            let path = project["path"].as_str().expect("a path").to_owned();
            let id = project["id"].as_str().expect("an id");
            let answer = app.get(&format!("/portfolio/projects/{id}")).await;
            etags.insert(path.clone(), answer.header("etag").to_owned());
            checked.insert(path, project["checked_at"].clone());
        }
        let read = app.metric("muster_projects_read_total").await;
        app.pass(10);
        Self { checked, etags, read }
    }

    /// Nothing but the projects of these names was read again, and they only a few times.
    async fn only_read(&self, app: &TestApp, names: &[&str]) {
        self.only_read_up_to(app, names, FEW).await;
    }

    async fn only_read_up_to(&self, app: &TestApp, names: &[&str], most: u64) {
        for project in app.projects().await {
            let name = project["name"].as_str().expect("a name");
            let path = project["path"].as_str().expect("a path");
            let Some(before) = self.checked.get(path) else { continue };
            if names.contains(&name) {
                continue;
            }
            assert_eq!(&project["checked_at"], before, "{name} was read without need");
            let answer =
                app.get(&format!("/portfolio/projects/{}", project["id"].as_str().expect("an id"))).await;
            assert_eq!(answer.header("etag"), self.etags[path], "the answer about {name} changed");
        }
        let read = app.metric("muster_projects_read_total").await - self.read;
        assert!(read <= most, "{read} readings for one change");
    }
}

/// Waits until the project shows what must come, then checks that all answers agree.
async fn shows(app: &TestApp, name: &str, what: impl Fn(&Value) -> bool) -> Value {
    let project = eventually_or(name, || async {
        match app.listed(name).await {
            Some(project) if what(&project) => Ok(project),
            Some(project) => Err(format!("{project:#}")),
            None => Err("it is not listed".to_owned()),
        }
    })
    .await;
    agree(app).await;
    project
}

/// Waits until these are the projects.
async fn listed(app: &TestApp, names: &[&str]) {
    eventually_or("the list", || async {
        let projects = app.projects().await;
        let mut found: Vec<_> = projects.iter().filter_map(|project| project["name"].as_str()).collect();
        found.sort_unstable();
        if found == names { Ok(()) } else { Err(format!("{found:?} instead of {names:?}")) }
    })
    .await;
    agree(app).await;
}

/// The list, each project, the summary and the recommendations say the same.
async fn agree(app: &TestApp) {
    // A change between two questions is no contradiction, so they are asked until nothing moves between them.
    eventually_or("the answers agree", || async {
        let projects = app.projects().await;
        let mut recommendations = 0;
        for listed in &projects {
            let id = listed["id"].as_str().expect("an id");
            let answer = app.get(&format!("/portfolio/projects/{id}")).await;
            if !answer.status.is_success() {
                return Err(answer.text());
            }
            let alone = answer.json();
            if without_time_of_look(&alone) != without_time_of_look(listed) {
                return Err(format!("alone {alone:#}, in the list {listed:#}"));
            }
            recommendations += listed["recommendations"].as_array().expect("a list").len();
        }
        let summary = app.json("/portfolio/summary").await;
        let all = app.json("/portfolio/recommendations").await;
        let dashboard = app.json("/portfolio/dashboard").await;
        let stashed = projects.iter().filter(|project| project["git"]["stashes"].as_u64() > Some(0)).count();
        for (what, found, expected) in [
            ("projects of the summary", &summary["total_projects"], projects.len()),
            ("projects of the dashboard", &dashboard["total_projects"], projects.len()),
            ("recommendations of the summary", &summary["total_recommendations"], recommendations),
            ("recommendations", &all["total"], recommendations),
            ("stashes", &summary["attention"]["stashed"], stashed),
        ] {
            if *found != expected {
                return Err(format!("{what}: {found} instead of {expected}"));
            }
        }
        Ok(())
    })
    .await;
}

/// A look that finds nothing new makes no answer stale, so that they may tell of different looks.
fn without_time_of_look(project: &Value) -> Value {
    let mut project = project.clone();
    project["checked_at"].take();
    project
}
