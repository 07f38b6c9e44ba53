//! Named pipes where files should be: whoever opens one to read waits for ever. The scan must not.

use muster_testkit::Repo;
use serde_json::Value;

use super::{SCAN, bad, lab_with_neighbour, neighbour_is_complete};
use crate::run::{finish, muster, named, names, projects};

/// Scans with a limit of three seconds for each repository. The error of `bad`, code and message.
#[track_caller]
fn error_of_bad(repo: &Repo<'_>) -> (String, String) {
    let lab = repo.lab();
    let output = finish(muster(lab).args(SCAN).env("MUSTER__SCAN__TIMEOUT_SECONDS", "3"));
    let projects = projects(&output);
    neighbour_is_complete(&projects);
    let error = &named(&projects, "bad")["error"];
    let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
    assert_eq!(output.status.code(), Some(if *error == Value::Null { 0 } else { 4 }));
    (text("code"), text("message"))
}

/// The error of a repository in which `file` is a pipe.
#[track_caller]
fn with_pipe(file: &str) -> (String, String) {
    let lab = lab_with_neighbour();
    let repo = bad(&lab);
    let path = repo.path().join(file);
    if path.exists() {
        repo.remove(file);
    }
    repo.folder(path.parent().expect("below the repository")).fifo(file);
    error_of_bad(&repo)
}

/// The pipe is refused before anything opens it, and named.
#[track_caller]
fn is_hostile(file: &str) {
    let (code, message) = with_pipe(file);
    assert_eq!(code, "hostile", "{file}: {message}");
    assert!(message.contains(file), "{message}");
}

/// git itself waits for ever here. Not to wait at all would be better; the time limit must hold.
#[track_caller]
fn is_left_alone_or_given_up(file: &str) {
    let (code, message) = with_pipe(file);
    assert!(matches!(&*code, "" | "hostile" | "timed_out"), "{file}: {code}: {message}");
}

/// The pipe is left alone and the repository is read.
#[track_caller]
fn is_left_alone(file: &str) {
    assert_eq!(with_pipe(file), (String::new(), String::new()), "{file}");
}

#[test]
fn head() {
    is_hostile(".git/HEAD");
}

#[test]
fn index() {
    is_hostile(".git/index");
}

#[test]
fn config() {
    is_hostile(".git/config");
}

#[test]
fn packed_refs() {
    is_hostile(".git/packed-refs");
}

#[test]
fn exclude() {
    is_hostile(".git/info/exclude");
}

#[test]
fn attributes_of_the_repository() {
    is_hostile(".git/info/attributes");
}

#[test]
fn commit_graph() {
    is_hostile(".git/objects/info/commit-graph");
    is_hostile(".git/objects/info/commit-graphs/commit-graph-chain");
}

#[test]
fn time_of_the_last_fetch() {
    is_hostile(".git/FETCH_HEAD");
}

#[test]
fn operations_that_were_never_begun() {
    for file in [".git/MERGE_HEAD", ".git/BISECT_LOG", ".git/refs/stash", ".git/logs/HEAD"] {
        is_left_alone(file);
    }
}

#[test]
fn the_branch_of_head() {
    is_hostile(".git/refs/heads/main");
}

#[test]
fn gitignore() {
    is_left_alone_or_given_up(".gitignore");
}

#[test]
fn gitignore_further_down() {
    is_left_alone_or_given_up("src/.gitignore");
}

#[test]
fn gitattributes() {
    is_left_alone_or_given_up(".gitattributes");
}

#[test]
fn gitmodules() {
    is_hostile(".gitmodules");
}

#[test]
fn musterignore() {
    is_left_alone(".musterignore");
}

#[test]
fn project_meta() {
    is_left_alone("PROJECT_META.json");
}

#[test]
fn manifest() {
    is_left_alone("package.json");
}

#[test]
fn tracked_file() {
    is_left_alone("a.txt");
}

#[test]
fn log_of_the_stash() {
    let lab = lab_with_neighbour();
    // Only read when there is a stash.
    let repo = bad(&lab).write("a.txt", "changed\n").git(["stash", "--quiet"]);
    let (code, message) = error_of_bad(&repo.remove(".git/logs/refs/stash").fifo(".git/logs/refs/stash"));
    assert_eq!(code, "hostile", "{message}");
    assert!(message.contains(".git/logs/refs/stash"), "{message}");
}

#[test]
fn the_branch_that_head_follows() {
    let lab = lab_with_neighbour();
    lab.bare("store");
    let repo = bad(&lab).push_to("store").remove(".git/refs/remotes/store/main");
    let (code, message) = error_of_bad(&repo.fifo(".git/refs/remotes/store/main"));
    assert_eq!(code, "hostile", "{message}");
    assert!(message.contains("refs/remotes/store/main"), "{message}");
}

#[test]
fn a_branch_that_head_leads_to_in_two_steps() {
    let lab = lab_with_neighbour();
    let repo = bad(&lab).git(["symbolic-ref", "refs/heads/alias", "refs/heads/real"]);
    let repo = repo.write(".git/HEAD", "ref: refs/heads/alias\n").fifo(".git/refs/heads/real");
    let (code, message) = error_of_bad(&repo);
    assert_eq!(code, "hostile", "{message}");
    assert!(message.contains("refs/heads/real"), "{message}");
}

#[test]
fn a_branch_that_another_branch_follows() {
    let lab = lab_with_neighbour();
    lab.bare("store");
    let repo = bad(&lab).push_to("store").git(["branch", "--quiet", "other"]);
    let repo = repo.config("branch.other.remote", "store").config("branch.other.merge", "refs/heads/other");
    assert_eq!(error_of_bad(&repo.fifo(".git/refs/remotes/store/other")), (String::new(), String::new()));
}

#[test]
fn another_branch() {
    is_left_alone(".git/refs/heads/other");
}

#[test]
fn a_tag() {
    is_left_alone(".git/refs/tags/v1");
}

#[test]
fn an_object() {
    let lab = lab_with_neighbour();
    let repo = bad(&lab);
    let id = repo.id("HEAD");
    let file = format!(".git/objects/{}/{}", &id[..2], &id[2..]);
    let (code, message) = error_of_bad(&repo.remove(&file).fifo(&file));
    assert_eq!(code, "corrupt", "{message}");
}

#[test]
fn the_git_entry_itself_is_no_repository() {
    let lab = lab_with_neighbour();
    lab.open("bad").folder("").fifo(".git");
    let output = finish(muster(&lab).args(SCAN));
    assert_eq!(names(&projects(&output)), ["healthy"]);
}
