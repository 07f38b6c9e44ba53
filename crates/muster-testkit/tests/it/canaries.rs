//! Proof that the canaries are alive: ordinary git trips them, each action its own, and the oracle none. A canary
//! that never sings would let every reader pass.

use std::{collections::BTreeSet, path::Path};

use muster_testkit::{CANARY_WAYS, Lab, OracleError, StatusOracle, canaries};

fn sung(folder: &Path) -> BTreeSet<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).collect()
}

/// Runs git in a fresh hostile repository and insists that these ways were taken.
#[track_caller]
fn check(args: &[&str], ways: &[&str]) {
    let lab = Lab::new();
    let (repo, folder) = canaries(&lab);
    assert_eq!(sung(&folder), BTreeSet::new(), "building the repository ran something");
    let mut git = lab.git_command(repo.path());
    let output = git.env_remove("GIT_EDITOR").env_remove("GIT_SEQUENCE_EDITOR").args(args).output().unwrap();
    let sung = sung(&folder);
    for way in ways {
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(sung.contains(*way), "git {} did not run {way}, but {sung:?}\n{words}", args.join(" "));
    }
}

#[test]
fn plain_status_trips_many() {
    check(
        &["status"],
        &[
            "attributes-info",
            "filter-clean",
            "filter-process",
            "fsmonitor",
            "hooks-path-post-index-change",
            "included",
            "included-if",
            "submodule-filter",
            "submodule-fsmonitor",
            "worktree-config",
        ],
    );
}

#[test]
fn blanking_the_monitor_and_the_hooks_is_not_enough() {
    check(
        &["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "status"],
        &["filter-clean", "filter-process", "included", "submodule-filter"],
    );
}

#[test]
fn each_action_has_its_own() {
    check(&["-c", "core.hooksPath=.git/hooks", "status"], &["hook-post-index-change"]);
    check(&["diff", "--", "a.command", "a.txt"], &["diff-command", "diff-external"]);
    check(&["diff", "--no-ext-diff", "--", "a.textconv"], &["diff-textconv"]);
    check(&["state"], &["alias"]);
    check(&["cat-file", "-p", "other:missing.txt"], &["promisor-upload-pack"]);
    check(&["checkout", "--force", "--", "a.smudge"], &["filter-smudge"]);
    check(&["commit", "--all"], &["editor", "hooks-path-pre-commit"]);
    check(&["commit", "--all", "-m", "x"], &["hooks-path-post-commit", "hooks-path-reference-transaction"]);
    check(&["fetch", "upload"], &["upload-pack"]);
    check(&["fetch", "ext"], &["ext-url"]);
    check(&["fetch", "ssh"], &["ssh-command"]);
    check(&["fetch", "proxy"], &["git-proxy"]);
    check(&["push", "receive", "HEAD:refs/heads/x"], &["receive-pack"]);
    check(&["interpret-trailers", "--trailer", "Canary=x"], &["trailer-command"]);
    check(&["difftool", "--no-prompt", "--", "a.txt"], &["difftool"]);
    check(&["submodule", "update", "--force"], &["submodule-update"]);
}

#[test]
fn the_oracle_trips_none() {
    let lab = Lab::new();
    let (repo, folder) = canaries(&lab);
    let status = StatusOracle::in_lab(&lab).read(repo.path()).unwrap();
    assert_eq!(sung(&folder), BTreeSet::new());
    // Eleven files and the submodule are changed; seven of the files are under a filter that nobody ran.
    assert_eq!((status.modified, status.filtered, status.untracked), (5, 7, 1));
}

#[test]
fn there_are_many() {
    const { assert!(CANARY_WAYS >= 60) };
}

#[test]
fn a_bare_repository_has_no_status() {
    let lab = Lab::new();
    let bare = lab.bare("bare");
    assert!(matches!(StatusOracle::in_lab(&lab).read(bare.path()), Err(OracleError::Bare)));
}
