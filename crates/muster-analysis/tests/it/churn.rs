//! Which files change most, under their newest paths.

use muster_analysis::history::{ChurnCount, derive_with};
use muster_model::{
    Commit,
    commit::{FileChange, LineChange},
    history::FileChurn,
};

use crate::commits::{ADA, Build, DEPENDABOT, commit, days_ago, of};

/// `path commits +added -removed`, most lines first, whatever the order of the input.
#[track_caller]
fn churn(commits: &[Commit], expected: &[&str]) {
    let mut given = commits.to_vec();
    for _ in 0..commits.len() {
        given.rotate_left(1);
        let facts = of(&given);
        let line =
            |one: &FileChurn| format!("{} {} +{} -{}", one.path, one.commits, one.insertions, one.deletions);
        assert_eq!(facts.churn.iter().map(line).collect::<Vec<_>>(), expected);
        assert_eq!(facts.files_changed, expected.len() as u64);
    }
}

#[test]
fn the_files_with_most_lines_come_first() {
    let commits = [
        commit(1, ADA, days_ago(3)).file("a", 1, 1).file("b", 5, 0).binary("logo.png"),
        commit(2, ADA, days_ago(2)).file("a", 1, 3).binary("logo.png"),
        commit(3, DEPENDABOT, days_ago(1)).file("lock", 100, 90),
        commit(4, ADA, days_ago(1)).on(&[2, 3]).file("a", 1000, 0),
    ];
    churn(&commits, &["lock 1 +100 -90", "a 2 +2 -4", "b 1 +5 -0", "logo.png 2 +0 -0"]);
    assert_eq!(of(&commits).churn[1].last_at, days_ago(2));
}

#[test]
fn renames_are_followed_to_the_newest_path() {
    churn(
        &[
            commit(1, ADA, days_ago(9)).file("old", 10, 0),
            commit(2, ADA, days_ago(8)).on(&[1]).moved("old", "mid"),
            commit(3, ADA, days_ago(7)).on(&[2]).file("mid", 1, 1),
            commit(4, ADA, days_ago(6)).on(&[3]).moved("mid", "new"),
            // Another file under the first name.
            commit(5, ADA, days_ago(5)).on(&[4]).file("old", 3, 0),
        ],
        &["new 4 +11 -1", "old 1 +3 -0"],
    );
}

#[test]
fn files_may_change_places() {
    churn(
        &[
            commit(1, ADA, days_ago(9)).file("a", 10, 0).file("b", 1, 0),
            commit(2, ADA, days_ago(8)).on(&[1]).moved("a", "b").moved("b", "a"),
            commit(3, ADA, days_ago(7)).on(&[2]).file("a", 0, 1),
        ],
        &["b 2 +10 -0", "a 3 +1 -1"],
    );
}

#[test]
fn commits_of_one_second_are_read_children_first() {
    // A rebase: by id alone the rename would be met before the edit that follows it.
    churn(
        &[
            commit(3, ADA, days_ago(1)).file("old", 10, 0),
            commit(1, ADA, days_ago(1)).on(&[3]).moved("old", "new"),
            commit(2, ADA, days_ago(1)).on(&[1]).moved("new", "newest"),
        ],
        &["newest 3 +10 -0"],
    );
    // A clock that went back.
    churn(
        &[
            commit(1, ADA, days_ago(1)).file("old", 10, 0),
            commit(2, ADA, days_ago(5)).on(&[1]).moved("old", "new"),
        ],
        &["new 2 +10 -0"],
    );
}

#[test]
fn a_path_is_listed_once() {
    churn(
        &[
            commit(1, ADA, days_ago(9)).file("a", 10, 0),
            commit(2, ADA, days_ago(8)).on(&[1]).moved("b", "a"),
            commit(3, ADA, days_ago(7)).on(&[2]).file("a", 1, 0).file("a", 1, 0),
        ],
        &["a 3 +12 -0"],
    );
}

#[test]
fn two_hundred_files_are_kept() {
    let commits: Vec<Commit> = (0..300)
        .map(|number| commit(number, ADA, days_ago(1)).file(&format!("f{number}"), number.into(), 0))
        .collect();
    let facts = of(&commits);
    assert_eq!((facts.churn.len(), facts.files_changed), (200, 300));
    assert_eq!((facts.churn[0].path.as_str(), facts.churn[199].path.as_str()), ("f299", "f100"));
}

#[test]
fn of_a_history_with_too_many_files_the_newest_are_counted_and_that_is_said() {
    let mut count = ChurnCount::default();
    let files = |commit: u32| -> Vec<FileChange> {
        let file = |number: u32| FileChange {
            path: format!("{commit}/{number}"),
            from: None,
            lines: Some(LineChange { insertions: 1, deletions: 0 }),
        };
        (0..20_000).map(file).collect()
    };
    for number in 0..30 {
        count.add(&commit(100 - number, ADA, days_ago(number.into())), &files(number));
    }
    let facts = derive_with(&[], count.finish(), days_ago(0));
    assert_eq!((facts.files_changed, facts.churn.len()), (500_000, 200));
    assert_eq!(facts.files_since, Some(days_ago(24)));
    assert_eq!(of(&[commit(1, ADA, days_ago(3)).file("a", 1, 1)]).files_since, None);
}
