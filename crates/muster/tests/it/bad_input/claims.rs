//! What one repository says must not hide another one, lead out of the roots, or take the scan down with it.

use std::process::Stdio;

use muster_testkit::Lab;

use crate::run::{named, scan};

fn paths(projects: &[serde_json::Value]) -> Vec<&str> {
    projects.iter().filter_map(|project| project["name"].as_str()).collect()
}

#[test]
fn a_git_file_cannot_take_the_place_of_a_repository() {
    let lab = Lab::new();
    lab.repo("victim").commit_file("a", "1").write("a", "changed");
    for (name, git_dir) in [("a-evil", ""), ("b-evil", ".git")] {
        std::fs::create_dir_all(lab.root().join(name).join(git_dir)).expect("made");
    }
    lab.open(lab.root().join("a-evil")).write(
        ".git",
        "gitdir: ../victim/.git
",
    );
    let other = lab.open(lab.root().join("b-evil"));
    other
        .write(
            ".git/HEAD",
            "ref: refs/heads/main
",
        )
        .write(
            ".git/commondir",
            "../../victim/.git
",
        );
    let projects = scan(&lab, &[]);
    assert_eq!(named(&projects, "victim")["git"]["modified"], 1);
    assert_eq!(named(&projects, "a-evil")["error"]["code"], "broken_link");
    assert_eq!(named(&projects, "b-evil")["error"]["code"], "hostile");
}

#[test]
fn a_broken_repository_does_not_hide_those_inside_it() {
    let lab = Lab::new();
    let outer = lab.repo("outer").commit_file("a", "1");
    lab.repo("outer/deep/inner").commit_file("b", "1");
    outer.write(".git/HEAD", "garbage\n");
    let projects = scan(&lab, &[]);
    assert_eq!(named(&projects, "outer")["error"]["code"], "corrupt");
    assert_eq!(named(&projects, "inner")["error"], serde_json::Value::Null);
}

#[test]
fn what_is_wrong_inside_what_is_wrong_is_listed_once() {
    let lab = Lab::new();
    for name in ["outer", "outer/inner"] {
        std::fs::create_dir_all(lab.root().join(name)).expect("made");
        lab.open(lab.root().join(name)).write(".git", "gitdir: /nowhere\n");
    }
    let root = lab.root().to_string_lossy().into_owned();
    // Roots that overlap meet everything twice.
    let projects = scan(&lab, &[&root, &format!("{root}/outer")]);
    assert_eq!(paths(&projects), ["outer", "inner"]);
}

#[test]
fn parts_of_a_repository_do_not_lead_out_of_the_roots() {
    let lab = Lab::new();
    let secret = lab.repo(&lab.folder().join("secret").to_string_lossy()).commit_file("a", "1");
    let secret = secret.path().join(".git");
    for part in ["objects", "refs", "config", "HEAD", "packed-refs"] {
        let repo = lab.repo(&format!("by-{part}")).commit_file("a", "1");
        repo.git(["pack-refs", "--all"]);
        repo.remove(format!(".git/{part}"));
        let target = if part == "packed-refs" { secret.join("config") } else { secret.join(part) };
        repo.symlink(format!(".git/{part}"), target);
    }
    let borrower = lab.repo("by-alternates").commit_file("a", "1");
    borrower.write(".git/objects/info/alternates", &format!("{}\n", secret.join("objects").display()));
    let projects = scan(&lab, &[]);
    assert_eq!(projects.len(), 6);
    for project in &projects {
        assert_eq!(project["error"]["code"], "outside_roots", "{}", project["name"]);
        assert_eq!(project["git"]["head"], serde_json::Value::Null);
    }
}

#[test]
fn a_submodule_that_nobody_lists_any_more_stands_for_itself() {
    let lab = Lab::new();
    lab.repo("library").commit_file("l", "1");
    let repo = lab.repo("app").commit_file("a", "1").submodule("library", "sub");
    repo.git(["rm", "--quiet", "--cached", "sub"])
        .git(["commit", "--quiet", "-m", "forget"])
        .write("sub/l", "edited");
    let projects = scan(&lab, &[]);
    assert_eq!(named(&projects, "sub")["git"]["modified"], 1, "{:?}", paths(&projects));
}

#[test]
fn repositories_inside_linked_worktrees_are_found() {
    let lab = Lab::new();
    let repo = lab.repo("app").commit_file(".gitignore", "vendored/\n");
    repo.worktree("side", "side");
    lab.repo("side/vendored/hidden").commit_file("a", "1");
    let projects = scan(&lab, &["--state-only"]);
    named(&projects, "hidden");
}

#[test]
fn a_record_of_a_worktree_does_not_claim_a_clone() {
    let lab = Lab::new();
    let repo = lab.repo("app").commit_file("a", "1");
    let side = repo.worktree("side", "side");
    std::fs::remove_dir_all(side.path()).expect("removed");
    lab.clone_of("app", "side");
    let projects = scan(&lab, &[]);
    assert_eq!(named(&projects, "app")["worktrees"][0]["error"]["code"], "broken_link");
    named(&projects, "side");
}

/// A tree that holds the one before it, `depth` times.
#[test]
fn a_bottomless_tree_is_refused_and_its_neighbour_read() {
    const DEPTH: usize = 20_000;
    let lab = Lab::new();
    lab.repo("neighbour").commit_file("a", "1");
    let repo = lab.repo("deep");
    let mut stream = String::from(
        "blob\nmark :1\ndata 1\nx\ncommit refs/heads/main\ncommitter A <a@example.org> 1767225600 +0000\ndata 1\nc\nM 100644 :1 ",
    );
    stream.push_str(&"d/".repeat(DEPTH));
    stream.push_str("f\n\n");
    let mut command = lab.git_command(repo.path());
    let mut child =
        command.args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().expect("git starts");
    std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), stream.as_bytes()).expect("written");
    // git itself may refuse to make such a tree; then there is nothing to be afraid of.
    if !child.wait().expect("it ends").success() {
        return;
    }
    let projects = scan(&lab, &["--state-only"]);
    assert_eq!(named(&projects, "deep")["error"]["code"], "hostile");
    assert_eq!(named(&projects, "neighbour")["error"], serde_json::Value::Null);
}

#[test]
fn an_intended_file_is_not_read_through_a_link() {
    let lab = Lab::new();
    let repo = lab.repo("app").commit_file("a", "1").write("n", "new");
    repo.git(["add", "--intent-to-add", "n"]).remove("a").remove("n").symlink("n", "/dev/zero");
    let projects = scan(&lab, &["--state-only"]);
    assert_eq!(named(&projects, "app")["git"]["modified"], 2);
}
