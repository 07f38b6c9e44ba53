//! Links of every kind: symbolic ones, `.git` files, records of worktrees. What leads out of the roots is named, never
//! read.

use std::path::Path;

use serde_json::Value;

use super::{SCAN, bad, is_read, is_refused, lab_with_neighbour, refused};
use crate::run::{finish, muster, named, names, projects, run, scan, stderr};

#[test]
fn root_that_does_not_exist() {
    let lab = lab_with_neighbour();
    let output = run(&lab, &["scan", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(stderr(&lab, &output), @"
    error: cannot scan ROOT/nowhere: No such file or directory (os error 2)
      try: name a folder that exists, or correct portfolio.roots
    ");
}

#[test]
fn root_that_is_a_dangling_link() {
    let lab = lab_with_neighbour();
    lab.open("").symlink("gone", "nowhere");
    let output = run(&lab, &["scan", "gone"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(stderr(&lab, &output), @"
    error: cannot scan ROOT/gone: No such file or directory (os error 2)
      try: name a folder that exists, or correct portfolio.roots
    ");
}

#[test]
fn root_that_is_a_file() {
    let lab = lab_with_neighbour();
    lab.open("").write("file", "");
    let output = run(&lab, &["scan", "file"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&lab, &output).contains("cannot scan ROOT/file: "));
}

#[test]
fn root_that_is_a_link_keeps_the_name_that_was_given() {
    let lab = lab_with_neighbour();
    lab.open("").symlink("short", "healthy");
    let projects = projects(&run(&lab, &["scan", "--json", "short"]));
    assert_eq!(names(&projects), ["short"]);
    assert_eq!(projects[0]["path"], lab.root().join("short").to_string_lossy().as_ref());
}

#[test]
fn worktree_whose_main_repository_is_gone() {
    let lab = lab_with_neighbour();
    let main = lab.repo("main").commit_file("a.txt", "a\n");
    main.worktree("bad", "topic");
    main.remove("");
    is_refused(&lab, &finish(muster(&lab).args(SCAN)), "broken_link", "does not exist");
}

#[test]
fn worktree_record_whose_folder_is_gone() {
    let lab = lab_with_neighbour();
    let main = bad(&lab);
    main.worktree("topic", "topic");
    lab.open("topic").remove("");
    let project = is_read(&lab, &finish(muster(&lab).args(SCAN)), "bad");
    let worktree = &project["worktrees"][0];
    assert_eq!(worktree["error"]["code"], "broken_link");
    let message = worktree["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains(&*lab.root().join("topic").to_string_lossy()), "{message}");
    assert!(message.contains("git worktree prune"), "{message}");
    assert_eq!(worktree["git"], Value::Null);
}

#[test]
fn worktree_record_of_garbage_is_a_warning() {
    let lab = lab_with_neighbour();
    bad(&lab).write(".git/worktrees/topic/gitdir", "");
    let project = is_read(&lab, &finish(muster(&lab).args(SCAN)), "bad");
    assert_eq!(project["warnings"][0]["code"], "worktree_record");
}

#[test]
fn links_are_never_followed() {
    let lab = lab_with_neighbour();
    let outside = lab.folder().join("outside");
    lab.clone_of("healthy", &outside.to_string_lossy());
    let links = lab.open("links").folder("");
    links.symlink("loop", "loop").symlink("up", "..").symlink("self", ".").symlink("out", &outside);
    links.symlink("inside", "../healthy").symlink("dangling", "nowhere");
    let projects = scan(&lab, &[]);
    assert_eq!(names(&projects), ["healthy"]);
}

#[test]
fn git_symlink_out_of_the_roots() {
    let lab = lab_with_neighbour();
    let repo = bad(&lab);
    let outside = lab.folder().join("outside");
    std::fs::rename(repo.path().join(".git"), &outside).expect("one file system");
    repo.symlink(".git", &outside);
    let project = is_refused(&lab, &finish(muster(&lab).args(SCAN)), "outside_roots", "outside the roots");
    assert_eq!(project["git"]["head"], Value::Null);
}

#[test]
fn git_symlink_inside_the_roots_is_read() {
    let lab = lab_with_neighbour();
    let repo = bad(&lab);
    repo.rename(".git", "../store").symlink(".git", "../store");
    let output = finish(muster(&lab).args(SCAN));
    let project = is_read(&lab, &output, "bad");
    assert_eq!(project["git"]["state"], serde_json::json!(["clean", "no upstream"]));
}

#[test]
fn dangling_git_symlink() {
    refused("broken_link", "a folder that does not exist", |repo| {
        repo.remove(".git").symlink(".git", "../nowhere");
    });
}

#[test]
fn git_symlink_to_itself() {
    refused("broken_link", ".git", |repo| {
        repo.remove(".git").symlink(".git", ".git");
    });
}

#[test]
fn git_file_out_of_the_roots() {
    let lab = lab_with_neighbour();
    let repo = bad(&lab);
    let outside = lab.folder().join("outside");
    std::fs::rename(repo.path().join(".git"), &outside).expect("one file system");
    repo.write(".git", &format!("gitdir: {}\n", outside.display()));
    is_refused(&lab, &finish(muster(&lab).args(SCAN)), "outside_roots", "nothing there points back");
}

#[test]
fn git_file_to_nowhere() {
    refused("broken_link", "../nowhere", |repo| {
        repo.remove(".git").write(".git", "gitdir: ../nowhere\n");
    });
}

#[test]
fn work_tree_outside_the_roots() {
    let lab = lab_with_neighbour();
    let outside = lab.open(lab.folder().join("outside")).write("confidential.txt", "confidential\n");
    bad(&lab).config("core.worktree", &outside.path().to_string_lossy());
    let output = finish(muster(&lab).args(SCAN));
    is_refused(&lab, &output, "outside_roots", "core.worktree");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("confidential"));
}

#[test]
fn manifests_and_metadata_are_not_read_through_links() {
    let lab = lab_with_neighbour();
    let secret = lab.open(lab.folder().join("outside")).write("meta.json", r#"{"name": "confidential"}"#);
    let target = secret.path().join("meta.json");
    let repo = bad(&lab).symlink("PROJECT_META.json", &target).symlink("package.json", &target);
    repo.commit_all("Link out");
    let folder = lab.open("folder").folder("").write("go.mod", "module example.org/x\n");
    folder.symlink("PROJECT_META.json", Path::new("/etc/passwd"));
    let output = finish(muster(&lab).args(SCAN));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains("confidential") && !text.contains("root:"), "{text}");
    let projects = projects(&output);
    for name in ["bad", "folder"] {
        let project = named(&projects, name);
        assert_eq!(project["error"], Value::Null);
        assert_eq!(project["metadata"], Value::Null);
        assert_eq!(project["display_name"], Value::Null);
    }
    super::neighbour_is_complete(&projects);
}
