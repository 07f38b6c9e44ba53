//! What may be deleted: only what is everywhere else. A wrong "yes" costs somebody's work.

use muster_testkit::{Lab, Repo};
use serde_json::{Value, json};

use super::cloned;
use crate::run::{named, run, scan};

/// What somebody did in a clone.
type Change = for<'lab> fn(Repo<'lab>) -> Repo<'lab>;

#[track_caller]
fn verdict(projects: &[Value], name: &str) -> (bool, String) {
    let deletable = &named(projects, name)["git"]["deletable"];
    let reason = deletable["reason"].as_str().unwrap_or_default().to_owned();
    (deletable["value"].as_bool().unwrap_or_else(|| panic!("{name} has no verdict")), reason)
}

#[test]
fn a_clone_with_everything_elsewhere_may_go() {
    let lab = Lab::new();
    cloned(&lab, "clean");
    cloned(&lab, "behind").git(["reset", "--quiet", "--hard", "HEAD"]);
    // A branch that exists only here, but without a commit of its own.
    cloned(&lab, "named").git(["branch", "--quiet", "idea"]);
    cloned(&lab, "detached").git(["checkout", "--quiet", "--detach"]);
    cloned(&lab, "ignored").write(".git/info/exclude", "*.log\n").write("x.log", "");
    let projects = scan(&lab, &[]);
    for name in ["clean", "behind", "named", "detached", "ignored"] {
        let (value, reason) = verdict(&projects, name);
        assert!(value, "{name}: {reason}");
        assert_eq!(
            reason,
            "nothing uncommitted or stashed, and every commit is on a remote; ignored files were not looked at"
        );
    }
}

#[test]
fn whatever_is_only_here_keeps_a_clone() {
    let lab = Lab::new();
    let states: [(&str, Change, &str); 9] = [
        ("modified", |repo| repo.write("README.md", "x"), "1 modified file"),
        ("staged", |repo| repo.write("README.md", "x").stage_all(), "1 staged file"),
        ("untracked", |repo| repo.write("new.txt", ""), "1 untracked file"),
        ("stashed", |repo| repo.write("README.md", "x").git(["stash", "--quiet"]), "1 stash"),
        ("unpushed", |repo| repo.commit_file("a", ""), "1 unpushed commit on main"),
        (
            "other-branch",
            |repo| {
                let repo = repo.git(["checkout", "--quiet", "-b", "idea"]).commit_file("a", "");
                repo.git(["checkout", "--quiet", "main"])
            },
            "1 unpushed commit on idea",
        ),
        (
            "detached",
            |repo| repo.git(["checkout", "--quiet", "--detach"]).commit_file("a", ""),
            "1 commit on a detached HEAD",
        ),
        (
            "branch-of-worktree",
            |repo| repo.worktree("side", "side").commit_file("a", ""),
            "1 unpushed commit on side",
        ),
        ("no-remote", |repo| repo.git(["remote", "remove", "origin"]), "1 branch without any remote"),
    ];
    for (name, change, _) in states {
        change(cloned(&lab, name));
    }
    let projects = scan(&lab, &[]);
    for (name, _, reason) in states {
        let (value, told) = verdict(&projects, name);
        assert!(!value && told.starts_with(&format!("{reason} would be lost")), "{name}: {told}");
    }
}

#[test]
fn an_operation_in_progress_keeps_a_clone() {
    let lab = Lab::new();
    let repo = cloned(&lab, "repo").commit_file("a", "").git(["push", "--quiet"]);
    repo.git(["bisect", "start", "HEAD", "HEAD~1"]);
    assert_eq!(verdict(&scan(&lab, &[]), "repo"), (false, "a bisect in progress would be lost".to_owned()));
}

#[test]
fn a_file_under_a_filter_that_was_not_run_keeps_a_clone() {
    let lab = Lab::new();
    let repo =
        cloned(&lab, "repo").commit_file(".gitattributes", "*.bin filter=pack\n").commit_file("a.bin", "one");
    repo.git(["push", "--quiet"]).config("filter.pack.clean", "cat").write("a.bin", "two");
    let projects = scan(&lab, &[]);
    assert_eq!(named(&projects, "repo")["git"]["filtered_unknown"], 1);
    let (value, reason) = verdict(&projects, "repo");
    assert!(!value && reason.contains("1 file under a filter may have changed"), "{reason}");
}

#[test]
fn worktrees_keep_only_what_no_branch_has() {
    let lab = Lab::new();
    let repo = lab.repo("main").commit_file("a.txt", "a\n");
    repo.worktree("clean", "clean").commit_file("own.txt", "own\n");
    repo.worktree("dirty", "dirty").write("a.txt", "changed\n");
    let projects = scan(&lab, &[]);
    let worktrees = named(&projects, "main")["worktrees"].as_array().expect("two");
    let of = |name: &str| {
        let path = lab.root().join(name);
        let found = worktrees.iter().find(|worktree| worktree["path"] == path.to_string_lossy().as_ref());
        found.expect("the worktree")["git"]["deletable"].clone()
    };
    assert_eq!(
        of("clean"),
        json!({
            "value": true,
            "reason": "nothing uncommitted, and its commits stay in the main repository; ignored files were not looked at"
        })
    );
    assert_eq!(of("dirty"), json!({"value": false, "reason": "1 modified file would be lost"}));
}

#[test]
fn an_empty_repository_and_a_bare_one() {
    let lab = Lab::new();
    lab.repo("empty");
    lab.bare("bare.git");
    let projects = scan(&lab, &[]);
    // Nothing is in the one; of the other nobody looked at the branches.
    assert_eq!(named(&projects, "empty")["git"]["deletable"]["value"], true);
    assert_eq!(named(&projects, "bare.git")["git"]["deletable"], Value::Null);
}

#[test]
fn what_was_not_asked_for_has_no_verdict() {
    let lab = Lab::new();
    cloned(&lab, "repo");
    let projects = scan(&lab, &["--state-only"]);
    assert_eq!(projects[0]["git"]["deletable"], Value::Null);
    assert_eq!(projects[0]["unknown"]["git.deletable"], "not_requested");
    let shown = String::from_utf8(run(&lab, &["show", "repo"]).stdout).expect("UTF-8");
    assert!(shown.contains("  deletable "), "{shown}");
}

#[test]
fn a_repository_with_linked_worktrees_is_not_deletable() {
    // The worktree loses its repository with it.
    let lab = Lab::new();
    let repo = cloned(&lab, "repo");
    repo.worktree("side", "side").git(["checkout", "--quiet", "--detach"]).commit_file("a", "");
    let (value, reason) = verdict(&scan(&lab, &[]), "repo");
    assert!(!value && reason.contains("linked worktrees depend on it"), "{reason}");
}

#[test]
fn a_stash_and_an_unpushed_branch_in_a_submodule_keep_the_repository() {
    let lab = Lab::new();
    let library = lab.folder().join("library");
    lab.repo(&library.to_string_lossy()).commit_file("l.txt", "l\n");
    let repo = cloned(&lab, "repo").submodule(&library.to_string_lossy(), "sub").git(["push", "--quiet"]);
    let sub = lab.open(repo.path().join("sub"));
    sub.git(["checkout", "--quiet", "-b", "idea"]).commit_file("i", "").git(["checkout", "--quiet", "main"]);
    sub.write("l.txt", "later\n").git(["stash", "--quiet"]);
    let (value, reason) = verdict(&scan(&lab, &[]), "repo");
    assert!(!value, "{reason}");
    assert!(
        reason.contains("submodule sub: 1 stash and 1 unpushed commit on idea would be lost"),
        "{reason}"
    );
}

#[test]
fn what_nobody_looked_at_keeps_a_clone() {
    let lab = Lab::new();
    let states: [(&str, Change, &str); 7] = [
        (
            "hidden-untracked",
            |repo| repo.config("status.showUntrackedFiles", "no").write("precious", ""),
            "nobody looked at untracked files",
        ),
        (
            "assumed",
            |repo| {
                repo.git(["update-index", "--assume-unchanged", "README.md"]).write("README.md", "changed")
            },
            "nobody looked at files that are marked as unchanged",
        ),
        (
            "skipped",
            |repo| repo.git(["update-index", "--skip-worktree", "README.md"]).write("README.md", "changed"),
            "nobody looked at files that are marked as unchanged",
        ),
        (
            "on-a-tag",
            |repo| {
                let repo = repo.commit_file("a", "").git(["tag", "-m", "keep", "kept"]);
                repo.git(["reset", "--quiet", "--hard", "HEAD~1"])
            },
            "1 commit that only tags or other references here hold",
        ),
        (
            "broken-branch",
            |repo| repo.write(".git/refs/heads/broken", "0123456789012345678901234567890123456789\n"),
            "1 damaged reference",
        ),
        (
            "stash-without-log",
            |repo| {
                let repo = repo.write("README.md", "x").git(["stash", "--quiet"]);
                repo.remove(".git/logs/refs/stash")
            },
            "nobody looked at a stash without a log",
        ),
        (
            "holds-another",
            |repo| {
                repo.lab().repo("holds-another/vendored/inner").commit_file("i", "");
                repo.write(".git/info/exclude", "vendored\n")
            },
            "it holds another repository",
        ),
    ];
    for (name, change, _) in states {
        change(cloned(&lab, name));
    }
    let projects = scan(&lab, &[]);
    for (name, _, reason) in states {
        let (value, told) = verdict(&projects, name);
        assert!(!value && told.contains(reason), "{name}: {told}");
    }
}

#[test]
fn release_tags_of_others_keep_no_clone() {
    let lab = Lab::new();
    let repo = cloned(&lab, "repo");
    let theirs =
        ["-c", "user.email=somebody@else.example", "commit", "--quiet", "--allow-empty", "-m", "release"];
    repo.git(theirs).git(["tag", "v1"]).git(["reset", "--quiet", "--hard", "HEAD~1"]);
    let (value, reason) = verdict(&scan(&lab, &[]), "repo");
    assert!(value, "{reason}");
}

#[test]
fn a_clone_that_another_borrows_from_is_not_deletable() {
    let lab = Lab::new();
    let repo = cloned(&lab, "repo");
    let args =
        ["clone", "--quiet", "--shared", &*repo.path().to_string_lossy(), "borrower"].map(str::to_owned);
    lab.run_git(lab.root(), args);
    let (value, reason) = verdict(&scan(&lab, &[]), "repo");
    assert!(!value && reason.contains("borrows its objects"), "{reason}");
}
