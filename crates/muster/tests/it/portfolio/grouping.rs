//! Worktrees and submodules lie inside their project, and branches are compared with the remotes one by one.

use muster_testkit::Lab;
use serde_json::{Value, json};

use super::cloned;
use crate::run::{finish, muster, named, names, projects, scan};

/// The paths of a list of worktrees or submodules.
fn paths(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|item| item["path"].as_str().expect("a path")).collect()
}

#[test]
fn worktrees_are_one_row_with_their_own_states() {
    let lab = Lab::new();
    let repo = lab.repo("main").commit_file("a.txt", "a\n");
    repo.worktree("zz/topic", "topic").write("a.txt", "changed\n");
    repo.worktree("aa", "early").write("new.txt", "").git(["worktree", "lock", "."]);
    let projects = scan(&lab, &[]);
    assert_eq!(names(&projects), ["main"]);
    let main = &projects[0];
    assert_eq!(main["git"]["state"], json!(["clean", "no upstream"]));
    let root = lab.root().to_string_lossy();
    assert_eq!(paths(&main["worktrees"]), [format!("{root}/aa"), format!("{root}/zz/topic")]);
    let [aa, topic] = main["worktrees"].as_array().expect("two").as_slice() else { panic!("two") };
    assert_eq!((&aa["git"]["branch"], &aa["git"]["untracked"]), (&json!("early"), &json!(1)));
    assert_eq!((&topic["git"]["branch"], &topic["git"]["modified"]), (&json!("topic"), &json!(1)));
    assert_eq!((&aa["locked"], &topic["locked"]), (&json!(true), &json!(false)));
}

#[test]
fn worktrees_of_a_bare_repository() {
    let lab = Lab::new();
    lab.repo("source").commit_file("a.txt", "a\n");
    lab.run_git(lab.root(), ["clone", "--quiet", "--bare", "source", "project/.bare"]);
    lab.run_git(&lab.root().join("project/.bare"), ["worktree", "add", "--quiet", "-b", "topic", "../topic"]);
    let projects = scan(&lab, &["project"]);
    assert_eq!(projects.len(), 1, "{:?}", names(&projects));
    assert_eq!(projects[0]["kind"], "bare");
    assert_eq!(paths(&projects[0]["worktrees"]), [lab.root().join("project/topic").to_string_lossy()]);
    assert_eq!(projects[0]["worktrees"][0]["git"]["branch"], "topic");
}

#[test]
fn a_worktree_outside_the_roots_is_named_and_not_read() {
    let lab = Lab::new();
    let repo = lab.repo("main").commit_file("a.txt", "a\n");
    let outside = lab.folder().join("outside");
    repo.worktree(&outside.to_string_lossy(), "topic").write("a.txt", "changed\n");
    let projects = scan(&lab, &[]);
    let worktree = &projects[0]["worktrees"][0];
    assert_eq!(worktree["path"], outside.to_string_lossy().as_ref());
    assert_eq!((&worktree["error"]["code"], &worktree["git"]), (&json!("outside_roots"), &json!(null)));
    assert_eq!(projects[0]["error"], json!(null), "the project itself is fine");
}

#[test]
fn a_worktree_whose_main_repository_lies_outside_stands_for_itself() {
    let lab = Lab::new();
    let outside = lab.folder().join("outside");
    let repo = lab.repo(&outside.to_string_lossy()).commit_file("a.txt", "a\n");
    repo.worktree("topic", "topic").write("a.txt", "changed\n");
    let projects = scan(&lab, &[]);
    assert_eq!(names(&projects), ["topic"]);
    let topic = &projects[0];
    assert_eq!(topic["error"], json!(null), "the other end points back");
    assert_eq!((&topic["git"]["branch"], &topic["git"]["modified"]), (&json!("topic"), &json!(1)));
    assert_eq!(topic["git"]["deletable"]["value"], false);
}

#[test]
fn submodules_lie_inside_their_project_and_are_no_rows() {
    let lab = Lab::new();
    let library = lab.folder().join("library");
    let inner = lab.folder().join("inner");
    lab.repo(&inner.to_string_lossy()).commit_file("i.txt", "i\n");
    lab.repo(&library.to_string_lossy())
        .commit_file("l.txt", "l\n")
        .submodule(&inner.to_string_lossy(), "inner");
    let repo = lab.repo("main").commit_file("a.txt", "a\n");
    repo.submodule(&library.to_string_lossy(), "vendor/library");
    repo.submodule(&library.to_string_lossy(), "absent").git([
        "submodule",
        "--quiet",
        "deinit",
        "--force",
        "absent",
    ]);
    repo.git(["submodule", "--quiet", "update", "--init", "--recursive", "vendor/library"]);
    repo.write("vendor/library/l.txt", "changed\n");
    let projects = scan(&lab, &[]);
    assert_eq!(names(&projects), ["main"]);
    let main = &projects[0];
    assert_eq!(paths(&main["submodules"]), ["absent", "vendor/library", "vendor/library/inner"]);
    let [absent, library, inner] = main["submodules"].as_array().expect("three").as_slice() else {
        panic!("three")
    };
    assert_eq!((&absent["checked_out"], &absent["git"]), (&json!(false), &json!(null)));
    assert_eq!((&library["checked_out"], &library["git"]["modified"]), (&json!(true), &json!(1)));
    assert_eq!(inner["git"]["state"], json!(["clean", "detached"]));
    assert_eq!(library["expected"].as_str().map(str::len), Some(40));
    assert_eq!(main["git"]["modified"], 1, "git counts the submodule as one modified path");
}

#[test]
fn branches_are_compared_one_by_one() {
    let lab = Lab::new();
    let repo = cloned(&lab, "repo");
    repo.git(["checkout", "--quiet", "-b", "pushed"]).commit_file("p.txt", "p\n");
    repo.git(["push", "--quiet", "--set-upstream", "origin", "pushed"]);
    repo.git(["checkout", "--quiet", "-b", "ahead"]).git([
        "push",
        "--quiet",
        "--set-upstream",
        "origin",
        "ahead",
    ]);
    repo.commit_file("1.txt", "1\n").commit_file("2.txt", "2\n");
    // Nothing on it that a remote lacks, yet no remote has it under its name.
    repo.git(["branch", "--quiet", "same-as-pushed", "pushed"]);
    repo.git(["checkout", "--quiet", "-b", "local", "main"]).commit_file("l.txt", "l\n");
    repo.git(["checkout", "--quiet", "main"]);
    let projects = scan(&lab, &[]);
    let git = &projects[0]["git"];
    assert_eq!(
        git["unpushed_branches"],
        json!([{"name": "ahead", "commits": 2}, {"name": "local", "commits": 1}])
    );
    assert_eq!(git["local_only_branches"], json!(["local", "same-as-pushed"]));
    assert_eq!((&git["ahead"], &git["behind"]), (&json!(0), &json!(0)), "of the current branch");
}

#[test]
fn an_upstream_that_is_gone_is_said() {
    let lab = Lab::new();
    let repo = cloned(&lab, "repo").git(["checkout", "--quiet", "-b", "topic"]).commit_file("t.txt", "t\n");
    repo.git(["push", "--quiet", "--set-upstream", "origin", "topic"]);
    lab.open(lab.folder().join("forge/repo")).git(["branch", "--quiet", "-D", "topic"]);
    repo.git(["fetch", "--quiet", "--prune"]);
    let projects = scan(&lab, &[]);
    let (git, unknown) = (&projects[0]["git"], &projects[0]["unknown"]);
    assert_eq!(git["state"], json!(["clean", "upstream gone"]));
    assert_eq!(git["upstream"], "origin/topic");
    assert_eq!((&git["ahead"], &unknown["git.ahead"]), (&json!(null), &json!("upstream_gone")));
    assert_eq!(
        git["unpushed_branches"],
        json!([{"name": "topic", "commits": 1}]),
        "its commit is only here now"
    );
    assert_eq!(git["local_only_branches"], json!(["topic"]));
}

#[test]
fn without_a_remote_nothing_is_compared() {
    let lab = Lab::new();
    lab.repo("repo").commit_file("a.txt", "a\n");
    let projects = scan(&lab, &[]);
    let (git, unknown) = (&projects[0]["git"], &projects[0]["unknown"]);
    for field in ["unpushed_branches", "local_only_branches", "remote"] {
        assert_eq!(git[field], json!(null), "{field}");
        assert_eq!(unknown[format!("git.{field}")], "no_remote", "{field}");
    }
    assert_eq!(unknown["git.ahead"], "no_upstream");
    assert_eq!(unknown["git.fetched_at"], "never_fetched");
}

#[test]
fn credentials_of_a_remote_are_never_shown() {
    let lab = Lab::new();
    lab.repo("repo").commit_file("a.txt", "a\n").git([
        "remote",
        "add",
        "origin",
        "https://ada:t0psecret@forge.example/ada/repo.git",
    ]);
    for args in
        [&["scan", "--json"][..], &["show", "repo"], &["show", "repo", "--json"], &["scan", "--attention"]]
    {
        let output = finish(muster(&lab).args(args).env("MUSTER_LOG", "trace"));
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!text.contains("t0psecret"), "{args:?}: {text}");
    }
    let projects = projects(&finish(muster(&lab).args(["scan", "--json"])));
    let remote = named(&projects, "repo")["git"]["remote"].as_str().expect("a remote");
    assert!(remote.contains("forge.example/ada/repo"), "{remote}");
}
