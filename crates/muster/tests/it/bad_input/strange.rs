//! Nothing wrong, only strange: names that are no UTF-8, names and subjects that would drive a terminal, work trees of
//! a hundred thousand files.

use std::{ffi::OsStr, io::Write, os::unix::ffi::OsStrExt, path::Path, process::Stdio};

use muster_testkit::Repo;

use super::{SCAN, is_read, lab_with_neighbour};
use crate::run::{LIMIT, finish, muster, named, projects, run, wait};

#[test]
fn path_that_is_no_utf8() {
    let lab = lab_with_neighbour();
    let name = OsStr::from_bytes(b"caf\xe9 \xff");
    lab.open(Path::new(name)).folder("").git(["init", "--quiet"]).commit_file("a.txt", "a\n");
    let project = is_read(&lab, &finish(muster(&lab).args(SCAN)), "caf\u{fffd} \u{fffd}");
    let root = lab.root().to_string_lossy();
    assert_eq!(project["path"], format!("{root}/caf\u{fffd} \u{fffd}"));
    assert_eq!(project["path_raw"], format!("{root}/caf%E9%20%FF"));
    assert_eq!(named(&projects(&run(&lab, &SCAN)), "healthy").get("path_raw"), None);

    let mut expected = lab.root().as_os_str().as_bytes().to_vec();
    expected.extend_from_slice(b"/caf\xe9 \xff\n");
    let output = run(&lab, &["path", "--all", "name:caf*"]);
    assert_eq!(output.stdout, expected, "the exact bytes");
    let output = run(&lab, &["show", "caf", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let output = run(&lab, &["each", "name:caf*", "--", "cat", "a.txt"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "caf\u{fffd} \u{fffd}\na\n");
}

#[test]
fn nothing_of_a_repository_drives_the_terminal() {
    const ESCAPE: &str = "\x1b]0;owned\x07\x1b[2J";
    let lab = lab_with_neighbour();
    let repo = lab.repo(&format!("evil{ESCAPE}"));
    repo.write(format!("file{ESCAPE}"), "x").commit_all(&format!("subject {ESCAPE} \u{202e}txt.exe"));
    repo.config("user.name", &format!("author{ESCAPE}")).commit_all(&format!("again {ESCAPE}"));
    // git refuses control characters in branches, so does a careful person; a file has no such scruples.
    let branch = format!("branch{ESCAPE}").replace('[', "");
    let tip = repo.id("HEAD");
    repo.write(format!(".git/refs/heads/{branch}"), &format!("{tip}\n"));
    repo.commit_file("PROJECT_META.json", r#"{"name": "meta\u001b[2J", "description": "about\u001b[2J"}"#);
    let worktree = format!("worktree{ESCAPE}");
    repo.worktree(&worktree, "topic").remote("upstream").git(["branch", "--quiet", "only-here"]);
    lab.open(&worktree).write("new", "");

    for args in [
        &["scan"][..],
        &["scan", "--state-only"],
        &["scan", "--attention"],
        &["scan", "--format", "csv"],
        &["scan", "--format", "md"],
        &["show", "evil"],
        &["each", "evil", "--", "true"],
        &["each", "evil", "--", "false"],
        &["path", "nothing-like-\x1b[2J"],
        &["scan", "--query", "nofield\x1b[2J:x"],
        &["scan", "no-root\x1b[2J"],
        &[],
    ] {
        let output = run(&lab, args);
        for (stream, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            let text = String::from_utf8_lossy(bytes);
            let raw: Vec<char> = text
                .chars()
                .filter(|&c| c.is_control() && !"\n\t".contains(c) || ('\u{202a}'..='\u{202e}').contains(&c))
                .collect();
            assert!(raw.is_empty(), "{args:?}: {raw:?} on {stream}: {text:?}");
        }
    }
    // Data for programs keeps the truth, escaped.
    let json = String::from_utf8(run(&lab, &SCAN).stdout).expect("UTF-8");
    assert!(json.contains(r"evil\u001b]0;owned\u0007") && !json.contains('\x1b'));
}

#[test]
fn subject_without_end() {
    let lab = lab_with_neighbour();
    let message = lab.open(lab.folder()).write("message", &"ü".repeat(1_000_000)).path().join("message");
    let file = format!("--file={}", message.display());
    lab.repo("bad").git(["commit", "--quiet", "--allow-empty", &file]);
    let project = is_read(&lab, &finish(muster(&lab).args(SCAN)), "bad");
    let subject = project["git"]["last_commit"].as_str().expect("a subject");
    assert_eq!(subject, format!("{}…", "ü".repeat(1000)));
}

/// Fills the repository with a commit of ten thousand million files, in a dozen small objects.
fn commit_bomb(repo: &Repo<'_>) {
    let object = |args: &[&str], input: String| {
        let mut command = repo.lab().git_command(repo.path());
        let mut child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("git");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("git reads");
        String::from_utf8(wait(child, LIMIT).stdout).expect("an id").trim().to_owned()
    };
    let ten = |entry: &str| (0..10).map(|at| format!("{entry}{at}\n")).collect::<Vec<_>>().concat();
    let blob = object(&["hash-object", "-w", "--stdin"], "x\n".to_owned());
    let mut tree = object(&["mktree"], ten(&format!("100644 blob {blob}\tf")));
    for _ in 0..9 {
        tree = object(&["mktree"], ten(&format!("040000 tree {tree}\td")));
    }
    let manifest = object(&["hash-object", "-w", "--stdin"], "module example.org/bomb\n".to_owned());
    let manifest = format!("100644 blob {manifest}\tgo.mod\n040000 tree {tree}\tbomb\n");
    let tree = object(&["mktree"], manifest);
    let commit = object(&["commit-tree", "-m", "Bomb", &tree], String::new());
    repo.git(["update-ref", "refs/heads/main", &commit]);
}

#[test]
fn bare_repository_of_very_many_files() {
    let lab = lab_with_neighbour();
    commit_bomb(&lab.bare("bad"));
    let project = is_read(&lab, &finish(muster(&lab).args(SCAN)), "bad");
    assert_eq!(project["git"]["last_commit"], "Bomb");
    assert_eq!(project["type"], "library", "what lies next to the root is seen");
}

/// A file system allows only so many links to one file.
const LINKS: usize = 50_000;

/// Commits `count` files, all of one content, without writing each by git: one blob, an index of names, hard links.
fn commit_many(repo: &Repo<'_>, count: usize) {
    let blob = repo.write("seed", "one\n").git_output(["hash-object", "-w", "seed"]).trim().to_owned();
    let names = || (0..count).map(|at| format!("d{:03}/e{}/f{at}.txt", at % 500, at % 7));
    let list: Vec<_> = names().map(|name| format!("100644 {blob}\t{name}\n")).collect();
    let mut command = repo.lab().git_command(repo.path());
    let mut child = command
        .args(["update-index", "--add", "--index-info"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("git starts");
    child.stdin.take().expect("a pipe").write_all(list.concat().as_bytes()).expect("git reads");
    assert!(wait(child, LIMIT).status.success());
    for (at, name) in names().enumerate() {
        let (seed, path) = (format!("seed{}", at / LINKS), repo.path().join(name));
        if at % LINKS == 0 {
            repo.write(&seed, "one\n");
        }
        let link = || std::fs::hard_link(repo.path().join(&seed), &path);
        if link().is_err() {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("room");
            link().expect("room");
        }
    }
    for at in 0..count.div_ceil(LINKS) {
        repo.remove(format!("seed{at}"));
    }
    // So that stat data is in the index, as in any checkout.
    repo.git(["update-index", "-q", "--refresh"]).git(["commit", "--quiet", "--message", "Many files"]);
    repo.remove("seed");
}

#[test]
fn work_tree_of_very_many_files() {
    const FILES: usize = 100_000;
    let lab = lab_with_neighbour();
    let repo = lab.repo("bad");
    commit_many(&repo, FILES);
    repo.remove("d000/e0/f0.txt")
        .write("d000/e0/f0.txt", "two two\n")
        .write("d001/new.txt", "new\n")
        .remove("d002/e2/f2.txt");
    let project = is_read(&lab, &finish(muster(&lab).args(SCAN)), "bad");
    assert_eq!(project["git"]["state"], serde_json::json!(["2 modified", "1 untracked", "no upstream"]));
}
