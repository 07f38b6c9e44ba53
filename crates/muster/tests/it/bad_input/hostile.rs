//! An index that names files outside: nothing there may be opened.

use muster_testkit::{Lab, Repo};

use super::{SCAN, bad, lab_with_neighbour, neighbour_is_complete};
use crate::run::{finish, muster, named, projects};

/// Replaces the name `from` in the index by `to` of the same length, and the checksum by zeros, which means "none".
fn rename_in_index(repo: &Repo<'_>, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let path = repo.path().join(".git/index");
    let mut bytes = std::fs::read(&path).expect("an index");
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect("the name");
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    let end = bytes.len();
    bytes[end - 20..].fill(0);
    std::fs::write(&path, bytes).expect("our own file");
}

/// The file outside is as the index says, so whoever reads it calls it unmodified. In the second round it is a pipe:
/// whoever opens it never ends.
#[track_caller]
fn names_a_file_outside(named_so: impl Fn(&Lab) -> String) {
    for is_pipe in [false, true] {
        let lab = lab_with_neighbour();
        let to = named_so(&lab);
        // Sorts as the new name does: before all others.
        let from = "+".repeat(to.len());
        let repo = bad(&lab).commit_file(&from, "outside\n");
        rename_in_index(&repo, &from, &to);
        repo.remove(&from);
        let outside = lab.open(lab.folder());
        if is_pipe {
            outside.fifo("outside.txt");
        } else {
            outside.write("outside.txt", "outside\n");
        }
        let output = finish(muster(&lab).args(SCAN).env("MUSTER__SCAN__TIMEOUT_SECONDS", "3"));
        let projects = projects(&output);
        neighbour_is_complete(&projects);
        let project = named(&projects, "bad");
        assert_ne!(project["error"]["code"], "timed_out", "{to} was opened");
        let is_refused = matches!(project["error"]["code"].as_str(), Some("hostile" | "corrupt"));
        let is_changed = project["git"]["modified"].as_u64() > Some(0);
        assert!(is_refused || is_changed, "{to} was followed: {:#}", project["git"]);
    }
}

#[test]
fn index_entry_that_climbs_out() {
    names_a_file_outside(|_| "../../outside.txt".to_owned());
}

#[test]
fn index_entry_that_is_absolute() {
    names_a_file_outside(|lab| lab.folder().join("outside.txt").to_string_lossy().into_owned());
}
