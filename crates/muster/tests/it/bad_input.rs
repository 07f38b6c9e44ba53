//! Repositories and folders that are damaged, strange or out to hurt. One bad repository never spoils a scan: it is
//! listed with its error, and the healthy repository beside it is read in full.

mod claims;
mod damage;
mod files;
mod hostile;
mod links;
mod pipes;
mod strange;

use std::process::Output;

use muster_testkit::{Lab, Repo};
use serde_json::Value;

use crate::run::{finish, muster, named, projects};

const SCAN: [&str; 3] = ["scan", "--format", "json"];

/// A lab with the healthy repository.
fn lab_with_neighbour() -> Lab {
    let lab = Lab::new();
    lab.repo("healthy").commit_file("a.txt", "a\n").write("a.txt", "changed\n");
    lab
}

/// The repository to be spoilt: two commits, `a.txt` and `src/b.txt`, nothing changed.
fn bad(lab: &Lab) -> Repo<'_> {
    lab.repo("bad").commit_file("a.txt", "a\n").commit_file("src/b.txt", "b\n")
}

/// A repository that was damaged so is listed with `code` and a message that names its path and `cause`.
#[track_caller]
fn refused(code: &str, cause: &str, damage: impl FnOnce(&Repo<'_>)) {
    let lab = lab_with_neighbour();
    damage(&bad(&lab));
    is_refused(&lab, &finish(muster(&lab).args(SCAN)), code, cause);
}

/// A repository that was changed so is read without an error, and what it reads as.
#[track_caller]
fn read(change: impl FnOnce(&Repo<'_>)) -> Value {
    let lab = lab_with_neighbour();
    change(&bad(&lab));
    is_read(&lab, &finish(muster(&lab).args(SCAN)), "bad")
}

#[track_caller]
fn is_refused(lab: &Lab, output: &Output, code: &str, cause: &str) -> Value {
    let projects = projects(output);
    let project = named(&projects, "bad");
    let (found, message) = (&project["error"]["code"], project["error"]["message"].as_str().unwrap_or(""));
    let path = lab.root().join("bad");
    assert_eq!(found, code, "{message}");
    assert!(message.contains(&*path.to_string_lossy()), "'{message}' names the path");
    assert!(message.contains(cause), "'{message}' names the cause, {cause}");
    assert!(!message.contains('\n'), "'{message}' is one line");
    assert_eq!(project["unknown"]["git"], "repository_error");
    assert_eq!(output.status.code(), Some(4), "{project:#}");
    neighbour_is_complete(&projects);
    project.clone()
}

#[track_caller]
fn is_read(_lab: &Lab, output: &Output, name: &str) -> Value {
    let projects = projects(output);
    let project = named(&projects, name);
    assert_eq!(project["error"], Value::Null);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    neighbour_is_complete(&projects);
    project.clone()
}

#[track_caller]
fn neighbour_is_complete(projects: &[Value]) {
    let healthy = named(projects, "healthy");
    let git = &healthy["git"];
    assert_eq!(healthy["error"], Value::Null);
    assert_eq!(
        (&git["branch"], &git["modified"], &git["last_commit"]),
        (&"main".into(), &1.into(), &"Write a.txt".into())
    );
    assert_eq!(healthy["relation"], "mine");
    assert!(healthy["health"]["items"].as_array().is_some_and(|items| !items.is_empty()), "{healthy:#}");
    assert_eq!(git["deletable"]["value"], false);
}
