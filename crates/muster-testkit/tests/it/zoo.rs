//! The zoo shows what its signs say: the counts of git for the states where one number is the whole point.

use std::collections::BTreeMap;

use muster_testkit::{Lab, OracleStatus, StatusOracle, state_zoo};

#[test]
fn git_has_an_answer_for_every_checkout() {
    let lab = Lab::new();
    let oracle = StatusOracle::in_lab(&lab);
    let mut status_by_name: BTreeMap<String, Vec<OracleStatus>> = BTreeMap::new();
    for (name, path) in state_zoo(&lab) {
        let status =
            oracle.read(&path).unwrap_or_else(|error| panic!("{name} at {}: {error}", path.display()));
        status_by_name.entry(name).or_default().push(status);
    }
    assert!(status_by_name.len() >= 40, "only {} states", status_by_name.len());

    let counts = |name: &str| {
        let first = &status_by_name[name][0];
        (first.staged, first.modified, first.untracked, first.conflicted)
    };
    for (name, expected) in [
        ("clean", (0, 0, 0, 0)),
        ("modified", (0, 1, 0, 0)),
        ("modified-same-size", (0, 1, 0, 0)),
        ("touched-not-modified", (0, 0, 0, 0)),
        ("staged", (1, 0, 0, 0)),
        ("staged-and-modified", (1, 1, 0, 0)),
        ("untracked-folder", (0, 0, 1, 0)),
        ("untracked-files-all", (0, 0, 2, 0)),
        ("untracked-files-no", (0, 0, 0, 0)),
        ("ignored-files", (0, 0, 0, 0)),
        ("deleted", (0, 1, 0, 0)),
        ("executable-bit", (0, 1, 0, 0)),
        ("executable-bit-not-trusted", (0, 0, 0, 0)),
        ("renamed-exact", (1, 0, 0, 0)),
        ("renamed-similar", (1, 0, 0, 0)),
        ("renamed-and-modified", (1, 1, 0, 0)),
        ("renames-off", (2, 0, 0, 0)),
        ("intent-to-add", (0, 1, 0, 0)),
        ("intent-to-add-rename", (0, 1, 0, 0)),
        ("assume-unchanged", (0, 0, 0, 0)),
        ("racy-same-size-same-second", (0, 1, 0, 0)),
        ("many-files", (0, 10, 1, 0)),
        ("conflict-both-modified", (0, 0, 0, 1)),
        ("conflict-both-added", (0, 0, 0, 1)),
        ("conflict-deleted-by-us", (0, 0, 0, 1)),
        ("conflict-rename-rename", (0, 0, 0, 3)),
        ("conflict-all-seven", (0, 0, 0, 7)),
        ("filter-modified", (0, 1, 0, 0)),
        ("submodule-clean", (0, 0, 0, 0)),
        ("submodule-new-commits", (0, 1, 0, 0)),
        ("submodule-untracked", (0, 1, 0, 0)),
        ("submodule-ignore-all", (0, 0, 0, 0)),
    ] {
        assert_eq!(counts(name), expected, "staged, modified, untracked, conflicted of {name}");
    }

    let between = |name: &str| (status_by_name[name][0].ahead, status_by_name[name][0].behind);
    assert_eq!(between("ahead"), (Some(2), Some(0)));
    assert_eq!(between("behind"), (Some(0), Some(1)));
    assert_eq!(between("diverged"), (Some(2), Some(1)));
    assert_eq!(between("upstream-gone"), (None, None));
    assert_eq!(between("no-upstream"), (None, None));
    assert_eq!(status_by_name["stash-three"][0].stashes, 3);
    assert_eq!(status_by_name["worktrees"].len(), 4);
    assert!(status_by_name["detached"][0].detached);
    assert_eq!(status_by_name["unborn"][0].head, None);
    assert_eq!(status_by_name["filter-modified"][0].filtered, 1);
}
