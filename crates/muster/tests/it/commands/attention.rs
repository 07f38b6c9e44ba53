//! `muster` and `muster scan --attention`: the order, the words, and the commands, some of which are tried.

use std::process::Command;

use muster_testkit::Lab;
use serde_json::Value;

use super::{cloned, moved_on};
use crate::run::{finish, muster, run, sealed, stderr, stdout};

/// A repository that somebody else wrote.
fn third_party<'lab>(lab: &'lab Lab, name: &str) -> muster_testkit::Repo<'lab> {
    let forge = super::outside(lab, name);
    lab.repo(&forge.to_string_lossy())
        .config("user.email", "somebody@else.example")
        .commit_file("a.txt", "a\n");
    lab.clone_of(&forge, name)
}

/// One repository for each kind of trouble, named after it; built in an order unlike that of the list.
fn troubles(lab: &Lab) {
    lab.repo("only-here").commit_file("a.txt", "a\n");
    moved_on(&cloned(lab, "behind"), "behind");
    cloned(lab, "untracked").write("new.txt", "");
    cloned(lab, "stashed").write("README.md", "later\n").git(["stash", "--quiet"]);
    cloned(lab, "uncommitted").write("README.md", "changed\n");
    cloned(lab, "staged").write("README.md", "changed\n").stage_all();
    cloned(lab, "unpushed").commit_file("b.txt", "b\n");
    moved_on(&cloned(lab, "diverged").commit_file("b.txt", "b\n"), "diverged");
    cloned(lab, "other-branch")
        .git(["checkout", "--quiet", "-b", "topic"])
        .commit_file("t.txt", "t\n")
        .git(["checkout", "--quiet", "main"]);
    cloned(lab, "no-upstream").git(["checkout", "--quiet", "-b", "fresh"]).commit_file("t.txt", "t\n");
    cloned(lab, "detached").git(["checkout", "--quiet", "--detach"]).commit_file("t.txt", "t\n");
    let merge = cloned(lab, "merge").git(["checkout", "--quiet", "-b", "theirs"]);
    merge
        .commit_file("README.md", "theirs\n")
        .git(["checkout", "--quiet", "main"])
        .commit_file("README.md", "ours\n")
        .git(["push", "--quiet"])
        .git_stops(["merge", "--quiet", "theirs"]);
    cloned(lab, "bisect")
        .commit_file("b.txt", "b\n")
        .git(["push", "--quiet"])
        .git(["bisect", "start", "HEAD", "HEAD~1"]);
    lab.repo("broken").commit_file("a.txt", "a\n").write(".git/HEAD", "garbage\n");
    cloned(lab, "with worktree").worktree("side tree", "side").write("README.md", "changed\n");
    cloned(lab, "fine");
    third_party(lab, "foreign-untracked").write("new.txt", "");
    third_party(lab, "foreign-changed").write("a.txt", "changed\n");
    let behind = third_party(lab, "foreign-behind");
    lab.open(super::outside(lab, "foreign-behind")).commit_file("b.txt", "b\n");
    behind.git(["fetch", "--quiet"]);
}

#[test]
fn most_urgent_first_with_the_command_that_clears_it() {
    let lab = Lab::new();
    troubles(&lab);
    let output = run(&lab, &["scan", "--attention"]);
    assert_eq!(output.status.code(), Some(4));
    insta::assert_snapshot!(stdout(&lab, &output).replace('\t', " → "), @r#"
    repository → needs → command
    broken → cannot read HEAD in ROOT/broken: Reference content could not be parsed, input="garbage\n" → run `git fsck` there, then restore it or clone it again
    bisect → bisect in progress → git -C ROOT/bisect bisect reset
    merge → merge in progress, 1 conflict, 1 commit unpushed on theirs → git -C ROOT/merge mergetool
    detached → 1 commit on no branch → git -C ROOT/detached switch -c NAME
    no-upstream → 1 commit unpushed → git -C ROOT/no-upstream push -u origin HEAD:refs/heads/fresh
    other-branch → 1 commit unpushed on topic → git -C ROOT/other-branch push origin refs/heads/topic
    diverged → 1 commit unpushed, 1 behind → git -C ROOT/diverged pull --rebase && git -C ROOT/diverged push origin HEAD:refs/heads/main
    unpushed → 1 commit unpushed → git -C ROOT/unpushed push origin HEAD:refs/heads/main
    foreign-changed → 1 modified → git -C ROOT/foreign-changed commit -a
    with worktree → 1 modified in worktree side tree, 1 branch only here → git -C 'ROOT/side tree' commit -a
    staged → 1 staged → git -C ROOT/staged commit
    uncommitted → 1 modified → git -C ROOT/uncommitted commit -a
    stashed → 1 stash → git -C ROOT/stashed stash list
    untracked → 1 untracked → git -C ROOT/untracked status
    behind → 1 behind → git -C ROOT/behind pull --ff-only
    only-here → no remote → git -C ROOT/only-here remote add origin URL
    "#);
    insta::assert_snapshot!(stderr(&lab, &output), @"16 of 19 repositories need you");
}

#[test]
fn bare_muster_is_the_same_list() {
    let lab = Lab::new();
    troubles(&lab);
    let (bare, long) = (run(&lab, &[]), run(&lab, &["scan", "--attention", "--all"]));
    assert_eq!(bare, long);
}

#[test]
fn json_names_the_urgency() {
    let lab = Lab::new();
    troubles(&lab);
    let output = run(&lab, &["scan", "--attention", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["schema_version"], 1);
    let list = document["attention"].as_array().expect("a list");
    let urgencies: Vec<_> = list.iter().filter_map(|line| line["urgency"].as_str()).collect();
    let mut seen = urgencies.clone();
    seen.dedup();
    assert_eq!(
        seen,
        ["error", "unfinished", "unpushed", "uncommitted", "stashed", "untracked", "behind", "only here"]
    );
    let lines = run(&lab, &["scan", "--attention", "--format", "jsonl"]);
    assert_eq!(String::from_utf8_lossy(&lines.stdout).lines().count(), list.len());
}

#[test]
fn a_query_narrows_the_list() {
    let lab = Lab::new();
    troubles(&lab);
    let output = run(&lab, &["scan", "--attention", "-q", "state:stash"]);
    assert_eq!(stdout(&lab, &output).lines().count(), 2);
    assert_eq!(stderr(&lab, &output), "1 of 1 repository needs you\n");
}

#[test]
fn the_commands_do_what_they_say() {
    let lab = Lab::new();
    troubles(&lab);
    for name in ["unpushed", "behind", "diverged", "no-upstream", "other-branch", "bisect"] {
        let query = format!("name:{name}");
        let args = ["scan", "--attention", "--json", "-q", &query];
        let list = || -> Value { serde_json::from_slice(&run(&lab, &args).stdout).expect("JSON") };
        let table = run(&lab, &["scan", "--attention", "-q", &query]);
        let table = String::from_utf8_lossy(&table.stdout).into_owned();
        let line = table.lines().find(|line| line.starts_with(&format!("{name}\t"))).expect("a line");
        let command = line.rsplit('\t').next().expect("a command");
        let mut shell = Command::new("sh");
        shell.args(["-c", command]);
        // From anywhere: the command names the folder.
        let output = finish(sealed(&lab, shell).current_dir("/"));
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        let left: Vec<_> = list()["attention"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|line| line["name"] == name)
            .cloned()
            .collect();
        assert!(left.is_empty(), "after {command}: {left:?}");
    }
}

#[test]
fn nothing_to_do_is_said_in_one_line() {
    let lab = Lab::new();
    let empty = run(&lab, &[]);
    assert_eq!((empty.status.code(), &*stdout(&lab, &empty)), (Some(0), ""));
    assert_eq!(stderr(&lab, &empty), "no repository found\n");
    cloned(&lab, "fine");
    let one = run(&lab, &[]);
    assert_eq!(stderr(&lab, &one), "nothing needs you: 1 repository looked at\n");
    assert_eq!((one.status.code(), &*stdout(&lab, &one)), (Some(0), ""));
}

#[test]
fn the_list_is_over_the_configured_roots_wherever_one_stands() {
    let lab = Lab::new();
    cloned(&lab, "shop/dirty").write("README.md", "changed\n");
    cloned(&lab, "elsewhere");
    let config = format!("[portfolio]\nroots = [\"{}\"]\n", lab.root().join("shop").display());
    lab.open(lab.home()).write(".config/muster/muster.toml", &config);
    let output = finish(muster(&lab).current_dir(lab.root().join("elsewhere")));
    assert!(
        stdout(&lab, &output).contains("dirty\t1 modified\tgit -C ROOT/shop/dirty commit -a"),
        "{}",
        stdout(&lab, &output)
    );
    assert_eq!(stderr(&lab, &output), "1 of 1 repository needs you\n");
}

/// The command of the only repository that needs anything, as JSON gives it.
#[track_caller]
fn only_command(lab: &Lab) -> String {
    let output = run(lab, &["scan", "--attention", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let list = document["attention"].as_array().expect("a list");
    assert_eq!(list.len(), 1, "{list:?}");
    list[0]["command"].as_str().expect("a command").replace(&*lab.root().to_string_lossy(), "ROOT")
}

#[test]
fn no_name_in_a_repository_becomes_a_program() {
    let lab = Lab::new();
    let forge = super::outside(&lab, "forge.git");
    lab.bare(&forge.to_string_lossy());
    let trap = lab.folder().join("pwned");
    // Remote and branch hold what a shell would run, and the folder too.
    let repo = lab.repo("it's $(touch x);").commit_file("a.txt", "a\n");
    let remote = format!("x;touch${{IFS}}{};", trap.display());
    let config = format!(
        "\n[remote \"{remote}\"]\n\turl = {}\n\tfetch = +refs/heads/*:refs/remotes/evil/*\n",
        forge.display()
    );
    let path = repo.path().join(".git/config");
    let before = std::fs::read_to_string(&path).expect("a configuration");
    repo.write(".git/config", &format!("{before}{config}"));
    let branch = "`touch${IFS}x`;&x";
    repo.git(["checkout", "--quiet", "-b", branch]).commit_file("b.txt", "b\n");
    let id = repo.id("HEAD");
    repo.git(["checkout", "--quiet", "main"]);
    repo.git(["update-ref", "refs/heads/--receive-pack=x", &id]);
    repo.git(["update-ref", "refs/remotes/evil/main", "main"]);
    let command = only_command(&lab);
    let folder = r"'ROOT/it'\''s $(touch x);'";
    let remote = format!("'x;touch${{IFS}}{};'", trap.display());
    assert_eq!(
        command,
        format!("git -C {folder} push {remote} refs/heads/--receive-pack=x 'refs/heads/{branch}'")
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &command.replace("ROOT", &lab.root().to_string_lossy().replace('\'', r"'\''"))]);
    let _ = finish(sealed(&lab, shell).current_dir("/"));
    assert!(!trap.exists(), "{command}");
}

#[test]
fn a_remote_with_an_option_for_a_name_is_not_used() {
    let lab = Lab::new();
    let repo = cloned(&lab, "one").commit_file("b.txt", "b\n");
    let config = repo.path().join(".git/config");
    let text = std::fs::read_to_string(config).expect("a configuration");
    repo.write(".git/config", &text.replace("\"origin\"", "\"--exec=x\"").replace("= origin", "= --exec=x"));
    assert_eq!(only_command(&lab), "git -C ROOT/one remote");
}

#[test]
fn a_slash_in_the_name_of_a_remote() {
    let lab = Lab::new();
    let repo = cloned(&lab, "one").git(["remote", "rename", "origin", "their/forge"]);
    repo.commit_file("b.txt", "b\n");
    assert_eq!(only_command(&lab), "git -C ROOT/one push their/forge HEAD:refs/heads/main");
}

#[test]
fn an_upstream_in_the_repository_itself_is_no_place_to_push_to() {
    let lab = Lab::new();
    let repo = cloned(&lab, "one").git(["checkout", "--quiet", "-b", "topic", "--track", "main"]);
    repo.commit_file("b.txt", "b\n");
    assert_eq!(only_command(&lab), "git -C ROOT/one push -u origin HEAD:refs/heads/topic");
}

#[test]
fn changes_come_before_a_rebase_and_a_partial_staging_is_kept() {
    let lab = Lab::new();
    let repo = moved_on(&cloned(&lab, "one").commit_file("b.txt", "b\n"), "one");
    repo.write("b.txt", "changed\n");
    assert_eq!(only_command(&lab), "git -C ROOT/one commit -a");
    repo.stage_all().write("b.txt", "changed again\n");
    assert_eq!(only_command(&lab), "git -C ROOT/one commit");
    repo.git(["commit", "--quiet", "-a", "-m", "b"]);
    assert_eq!(
        only_command(&lab),
        "git -C ROOT/one pull --rebase && git -C ROOT/one push origin HEAD:refs/heads/main"
    );
}

#[test]
fn branches_that_are_only_here() {
    let lab = Lab::new();
    let repo = cloned(&lab, "one").git(["branch", "idea"]).git(["branch", "plan"]);
    let output = run(&lab, &["scan", "--attention"]);
    insta::assert_snapshot!(stdout(&lab, &output).replace('\t', " → "), @"
    repository → needs → command
    one → 2 branches only here → git -C ROOT/one push -u origin refs/heads/idea refs/heads/plan
    ");
    for name in ["a", "b", "c", "d"] {
        repo.git(["branch", name]);
    }
    assert_eq!(only_command(&lab), "git -C ROOT/one branch -vv");
}

#[test]
fn work_in_submodules_and_broken_worktrees() {
    let lab = Lab::new();
    let library = super::outside(&lab, "library");
    lab.repo(&library.to_string_lossy()).commit_file("lib.txt", "1\n");
    let repo = cloned(&lab, "one").submodule(&library.to_string_lossy(), "vendor/library");
    repo.git(["push", "--quiet"]).write("vendor/library/lib.txt", "2\n");
    let text = || stdout(&lab, &run(&lab, &["scan", "--attention"])).replace('\t', " → ");
    insta::assert_snapshot!(text(), @"
    repository → needs → command
    one → 1 modified, 1 modified in submodule vendor/library → git -C ROOT/one status
    ");
    lab.open(repo.path().join("vendor/library")).git(["stash", "--quiet"]);
    insta::assert_snapshot!(text(), @"
    repository → needs → command
    one → 1 stash in submodule vendor/library → git -C ROOT/one/vendor/library stash list
    ");
    let other = cloned(&lab, "two").worktree("side", "side");
    std::fs::remove_dir_all(other.path()).expect("ours");
    insta::assert_snapshot!(text(), @"
    repository → needs → command
    two → worktree side cannot be read: the folder of worktree ROOT/side is gone; `git worktree prune` forgets it, 1 branch only here → run `git worktree repair` in the main repository, or delete the folder
    one → 1 stash in submodule vendor/library → git -C ROOT/one/vendor/library stash list
    ");
}

#[test]
fn commits_in_the_worktrees_of_a_bare_hub_are_unpushed_work() {
    let lab = Lab::new();
    let origin = lab.repo(&lab.folder().join("origin").to_string_lossy()).commit_file("a", "1");
    let url = origin.path().to_string_lossy().into_owned();
    let hub = lab.root().join("hub");
    std::fs::create_dir_all(&hub).expect("made");
    lab.run_git(&hub, ["clone", "--quiet", "--bare", &url, ".bare"]);
    let bare = hub.join(".bare");
    lab.run_git(&bare, ["config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"]);
    lab.run_git(&bare, ["fetch", "--quiet"]);
    lab.run_git(&bare, ["worktree", "add", "--quiet", "-b", "feat", "../feat"]);
    lab.open(hub.join("feat")).commit_file("b", "2");
    let output = run(&lab, &["scan", "--attention", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let line = &document["attention"][0];
    assert_eq!(line["needs"], "1 commit unpushed on feat", "{document:#}");
    let command = line["command"].as_str().expect("a command");
    assert!(command.ends_with(" refs/heads/feat"), "{command}");
}
