//! Mirrors over both protocols: as deep as asked, one deeper than reported, and brought up to date with what is new.

use muster_git::mirror::{MirrorError, Source, Spelling, Window};
use muster_testkit::{Behaviour, GitServer, Lab};

use crate::mirror_support::*;

/// Runs `check` over both protocols, each with a lab of its own.
#[track_caller]
fn over_both(check: impl Fn(&Lab, &GitServer, &dyn Fn(&str) -> Source)) {
    let lab = Lab::new();
    let server = GitServer::http(&lab);
    check(&lab, &server, &|path| http(&server, path));
    let lab = Lab::new();
    let server = GitServer::daemon(&lab);
    check(&lab, &server, &|path| daemon(&server, path));
}

/// Since the day with this number of a [`history`].
fn since_day(day: u32) -> Window {
    Window { since: at(FIRST + DAY * i64::from(day)), at_least: 3, at_most: 1_000 }
}

#[test]
fn a_short_history_is_mirrored_whole() {
    over_both(|lab, _, source| {
        let repo = history(lab, "a", 5);
        let mirrors = mirrors(lab);
        let mirror = mirror(&mirrors, &source("a"), &window());
        assert!(mirror.is_complete());
        let listing = listing(&mirror, &window());
        assert_eq!(listing.ids.join("\n"), repo.git_output(["rev-list", "HEAD"]).trim());
        assert_eq!((listing.cut_off, listing.mailmap.as_ref()), (None, None));
        assert_eq!(read(&mirror, &listing, 2).len(), 5);
    });
}

#[test]
fn a_window_is_whole_and_its_oldest_commit_has_its_parent() {
    over_both(|lab, _, source| {
        let repo = history(lab, "a", 60);
        let window = since_day(40);
        let mirror = mirror(&mirrors(lab), &source("a"), &window);
        assert!(!mirror.is_complete());
        let listing = listing(&mirror, &window);
        let expected = repo.git_output(["rev-list", "--max-count=20", "HEAD"]);
        assert_eq!(listing.ids.join("\n"), expected.trim());
        assert_eq!(listing.cut_off, Some(window.since));
        for commit in read(&mirror, &listing, 2) {
            // One that had lost its parent would add every file there is.
            assert_eq!(commit.size.unwrap().files, 1, "{}", commit.subject());
        }
    });
}

#[test]
fn the_edge_behind_a_merge_of_an_old_branch_is_in_nobodys_way() {
    over_both(|lab, _, source| {
        let repo = lab.repo("a");
        grow_at(&repo, &[0, 1, 2]);
        repo.git(["branch", "side"]);
        grow_at(&repo, &[80, 81]);
        // Its older parent makes the merge an edge, and what is new behind its other parent is named as one too, although
        // it is not sent.
        let script = format!(
            "commit refs/heads/main\ncommitter Ada Example <ada@example.org> {} +0000\ndata 5\nmerge\n\
             from refs/heads/main^0\nmerge refs/heads/side^0\n",
            FIRST + DAY * 82
        );
        import(&repo, &script);
        grow_at(&repo, &[83]);
        let window = Window { at_least: 5, ..since_day(50) };
        let mirrors = mirrors(lab);
        let mirror = mirror(&mirrors, &source("a"), &window);
        let listing = listing(&mirror, &window);
        assert_eq!(listing.ids.join("\n"), repo.git_output(["rev-list", "-5", "HEAD"]).trim());
        let files = |commit: &muster_model::Commit| commit.size.map_or(1, |size| size.files);
        assert!(read(&mirror, &listing, 1).iter().all(|commit| files(commit) == 1));
    });
}

#[test]
fn if_too_few_are_new_the_newest_are_taken() {
    over_both(|lab, _, source| {
        let repo = history(lab, "a", 60);
        for since in [since_day(59), since_day(1_000)] {
            let window = Window { at_least: 10, ..since };
            let mirrors = mirrors(lab);
            let mirror = mirror(&mirrors, &source("a"), &window);
            let listing = listing(&mirror, &window);
            assert_eq!(listing.ids.join("\n"), repo.git_output(["rev-list", "-10", "HEAD"]).trim());
            assert_eq!(listing.cut_off, Some(at(FIRST + DAY * 50)));
            assert!(read(&mirror, &listing, 1).iter().all(|commit| commit.size.unwrap().files == 1));
            drop(mirror);
            mirrors.remove(id(1)).unwrap();
        }
    });
}

#[test]
fn never_more_than_at_most_and_all_if_there_are_exactly_so_many() {
    let lab = Lab::new();
    history(&lab, "a", 12);
    let server = GitServer::http(&lab);
    let mirrors = mirrors(&lab);
    for (at_most, expected, cut_off) in
        [(11, 11, Some(at(FIRST + DAY))), (12, 12, None), (13, 12, None), (2, 2, Some(at(FIRST + DAY * 10)))]
    {
        let window = Window { at_most, ..window() };
        let mirror = mirror(&mirrors, &http(&server, "a"), &window);
        let listing = listing(&mirror, &window);
        assert_eq!((listing.ids.len(), listing.cut_off), (expected, cut_off), "{at_most}");
    }
    // All are older than the window, and all are taken because they are so few, or not.
    for (at_least, expected, cut_off) in
        [(11, 11, Some(at(FIRST + DAY))), (12, 12, None), (13, 12, None), (0, 0, Some(since_day(90).since))]
    {
        let window = Window { at_least, ..since_day(90) };
        let mirror = mirror(&mirrors, &http(&server, "a"), &window);
        let listing = listing(&mirror, &window);
        assert_eq!((listing.ids.len(), listing.cut_off), (expected, cut_off), "{at_least}");
    }
}

#[test]
fn an_old_side_branch_at_the_edge_gets_its_parent() {
    over_both(|lab, _, source| {
        let repo = history(lab, "a", 40);
        // A branch from the very beginning with one commit inside the window, merged later.
        let time = format!("{} +0000", FIRST + DAY * 35);
        repo.git(["checkout", "-q", "-b", "side", "main~38"]).write("side.txt", "side\n").git(["add", "."]);
        let mut commit = lab.git_command(repo.path());
        commit.args(["commit", "-qm", "Side"]).env("GIT_COMMITTER_DATE", &time).env("GIT_AUTHOR_DATE", &time);
        assert!(commit.status().unwrap().success());
        repo.git(["checkout", "-qf", "main"]);
        let time = format!("{} +0000", FIRST + DAY * 41);
        let mut merge = lab.git_command(repo.path());
        merge.args(["merge", "-q", "--no-ff", "-m", "Merge", "side"]).env("GIT_COMMITTER_DATE", &time);
        assert!(merge.status().unwrap().success());
        let window = since_day(30);
        let mirror = mirror(&mirrors(lab), &source("a"), &window);
        assert!(!mirror.is_complete(), "the whole history was fetched for one commit");
        let listing = listing(&mirror, &window);
        assert_eq!(listing.ids.len(), 12);
        let commits = read(&mirror, &listing, 2);
        let side = commits.iter().find(|commit| commit.subject() == "Side").unwrap();
        assert_eq!(side.size.unwrap().files, 1);
        assert_eq!(commits[0].size, None, "a merge is not counted");
    });
}

#[test]
fn an_unchanged_repository_is_not_fetched_again_and_new_commits_alone_are() {
    let lab = Lab::new();
    let repo = history(&lab, "a", 300);
    // Something that would be noticed if it were sent again.
    repo.git(["checkout", "-qf", "main"]);
    let noise: Vec<u8> =
        (0..200_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    repo.write_bytes("noise.bin", &noise).git(["add", "."]);
    let mut commit = lab.git_command(repo.path());
    commit.args(["commit", "-qm", "Noise"]).env("GIT_COMMITTER_DATE", format!("{} +0000", FIRST + DAY * 300));
    assert!(commit.status().unwrap().success());
    let server = GitServer::http(&lab);
    let mirrors = mirrors(&lab);
    let source = http(&server, "a");
    for window in [since_day(200), Window { at_least: 150, ..since_day(290) }, since_day(0)] {
        drop(mirror(&mirrors, &source, &window));
        server.take_requests();
        drop(mirror(&mirrors, &source, &window));
        let asked = server.take_requests().len();
        assert!(asked <= 2, "an unchanged repository was asked {asked} times");
        server.take_sent();
        let count: u32 = repo.git_output(["rev-list", "--count", "main"]).trim().parse().unwrap();
        grow(&repo, count..count + 5);
        let mirror = mirror(&mirrors, &source, &window);
        let sent = server.take_sent();
        assert!(sent < 20_000, "{sent} bytes for five small commits");
        assert_eq!(mirror.tip(), repo.git_output(["rev-parse", "main"]).trim());
        let listing = listing(&mirror, &window);
        let least = if window.at_least > 3 { 150 } else { 5 };
        assert!(listing.ids.len() >= least);
        assert!(
            read(&mirror, &listing, 2)
                .iter()
                .all(|commit| commit.size.unwrap().files == 1 || commit.parents.is_empty())
        );
        drop(mirror);
        mirrors.remove(id(1)).unwrap();
    }
}

#[test]
fn a_rewritten_history_replaces_the_old_one() {
    over_both(|lab, _, source| {
        let repo = history(lab, "a", 30);
        let mirrors = mirrors(lab);
        let window = since_day(10);
        drop(mirror(&mirrors, &source("a"), &window));
        repo.git(["checkout", "-q", "--orphan", "new"]).git(["branch", "-D", "main"]);
        grow(&repo, 15..25);
        repo.git(["symbolic-ref", "HEAD", "refs/heads/main"]);
        let mirror = mirror(&mirrors, &source("a"), &window);
        let listing = listing(&mirror, &window);
        assert_eq!(listing.ids.join("\n"), repo.git_output(["rev-list", "main"]).trim());
    });
}

#[test]
fn another_default_branch_is_followed() {
    let lab = Lab::new();
    let repo = history(&lab, "a", 3);
    let server = GitServer::daemon(&lab);
    let mirrors = mirrors(&lab);
    drop(mirror(&mirrors, &daemon(&server, "a"), &window()));
    // In the way of each other if both were kept.
    repo.git(["branch", "-m", "main", "main/next"]).git(["commit", "-q", "--allow-empty", "-m", "Next"]);
    let found = refs(&mirrors, &daemon(&server, "a")).unwrap();
    assert_eq!(found.default_branch.as_deref(), Some("main/next"));
    let mirror = mirror(&mirrors, &daemon(&server, "a"), &window());
    assert_eq!(mirror.tip(), repo.git_output(["rev-parse", "HEAD"]).trim());
}

#[test]
fn a_window_that_grows_makes_the_mirror_deeper() {
    over_both(|lab, _, source| {
        history(lab, "a", 200);
        let mirrors = mirrors(lab);
        for day in [190, 100, 0] {
            let window = since_day(day);
            let mirror = mirror(&mirrors, &source("a"), &window);
            let listing = listing(&mirror, &window);
            assert_eq!(listing.ids.len(), 200 - day as usize);
            assert_eq!(listing.cut_off, (day > 0).then_some(window.since));
        }
    });
}

#[test]
fn references_are_listed_without_a_mirror() {
    over_both(|lab, _, source| {
        let repo = history(lab, "a", 2);
        repo.git(["branch", "topic", "main~1"])
            .git(["tag", "light"])
            .git(["tag", "-am", "One", "v1", "main~1"]);
        let found = refs(&mirrors(lab), &source("a")).unwrap();
        let id = |name: &str| repo.git_output(["rev-parse", &format!("{name}^{{commit}}")]).trim().to_owned();
        assert_eq!(found.default_branch.as_deref(), Some("main"));
        assert_eq!(found.head, Some(id("main")));
        let expected: Vec<_> = ["refs/heads/main", "refs/heads/topic", "refs/tags/light", "refs/tags/v1"]
            .map(|name| (name.to_owned(), id(name)))
            .into();
        assert_eq!(found.refs.into_iter().collect::<Vec<_>>(), expected);
        assert!(!found.is_cut);
    });
}

#[test]
fn nothing_to_mirror_is_said_as_it_is() {
    over_both(|lab, _, source| {
        let mirrors = mirrors(lab);
        lab.bare("empty");
        let error = try_mirror(&mirrors, &source("empty"), &window()).unwrap_err();
        assert!(matches!(error, MirrorError::EmptyRepository { .. }), "{error:?}");
        history(lab, "headless", 2).git(["symbolic-ref", "HEAD", "refs/heads/gone"]);
        let found = refs(&mirrors, &source("headless")).unwrap();
        assert_eq!((found.default_branch, found.head, found.refs.len()), (None, None, 1));
        let error = try_mirror(&mirrors, &source("headless"), &window()).unwrap_err();
        assert!(matches!(error, MirrorError::NoDefaultBranch { .. }), "{error:?}");
    });
}

#[test]
fn a_detached_head_is_mirrored() {
    let lab = Lab::new();
    let repo = history(&lab, "a", 4).git(["checkout", "-qf", "--detach", "main~1"]);
    let server = GitServer::http(&lab);
    let mirrors = mirrors(&lab);
    let found = refs(&mirrors, &http(&server, "a")).unwrap();
    assert_eq!(found.default_branch, None);
    let mirror = mirror(&mirrors, &http(&server, "a"), &window());
    assert_eq!(mirror.tip(), repo.git_output(["rev-parse", "main~1"]).trim());
}

#[test]
fn the_other_spelling_is_tried_once_and_remembered() {
    let lab = Lab::new();
    let repo = history(&lab, "work", 2);
    let mut clone = lab.git_command(lab.root());
    assert!(clone.args(["clone", "-q", "--bare", "work", "a.git"]).status().unwrap().success());
    lab.run_git(&lab.root().join("a.git"), ["update-server-info"]);
    let server = GitServer::http(&lab);
    // git's own servers look for both.
    server.behave(Behaviour::Files);
    let mirrors = mirrors(&lab);
    let source = http(&server, "a");
    let found = refs(&mirrors, &source).unwrap();
    assert_eq!(found.spelling, Spelling::DotGit);
    server.take_requests();
    let mirror = mirror(&mirrors, &source.with_spelling(found.spelling), &window());
    assert_eq!(mirror.tip(), repo.git_output(["rev-parse", "main"]).trim());
    assert!(server.take_requests().iter().all(|request| request.contains("/a.git/")));
}

#[test]
fn plain_files_are_mirrored_whole() {
    let lab = Lab::new();
    history(&lab, "work", 30);
    let mut clone = lab.git_command(lab.root());
    assert!(clone.args(["clone", "-q", "--bare", "work", "a.git"]).status().unwrap().success());
    lab.run_git(&lab.root().join("a.git"), ["update-server-info"]);
    let server = GitServer::http(&lab);
    server.behave(Behaviour::Files);
    let window = since_day(20);
    let mirror = mirror(&mirrors(&lab), &http(&server, "a"), &window);
    assert!(mirror.is_complete());
    let listing = listing(&mirror, &window);
    assert_eq!((listing.ids.len(), listing.cut_off), (10, Some(window.since)));
}

#[test]
fn sha256_is_mirrored() {
    let lab = Lab::new();
    let repo = lab.repo_with("a", ["--object-format=sha256"]);
    grow(&repo, 0..30);
    let server = GitServer::http(&lab);
    let window = since_day(20);
    let mirror = mirror(&mirrors(&lab), &http(&server, "a"), &window);
    let listing = listing(&mirror, &window);
    assert_eq!((listing.ids.len(), listing.ids[0].len()), (10, 64));
    assert_eq!(read(&mirror, &listing, 2).len(), 10);
}

#[test]
fn what_a_shallow_source_has_lost_is_not_reported() {
    over_both(|lab, server, source| {
        history(lab, "whole", 10);
        let from = format!("file://{}", lab.root().join("whole").display());
        lab.run_git(lab.root(), ["clone", "-q", "--bare", "--depth=4", &from, "a.git"]);
        let mirror = mirror(&mirrors(lab), &source("a.git"), &window());
        assert!(!mirror.is_complete());
        let listing = listing(&mirror, &window());
        assert_eq!((listing.ids.len(), listing.cut_off), (3, Some(at(FIRST + DAY * 7))));
        assert!(read(&mirror, &listing, 1).iter().all(|commit| commit.size.unwrap().files == 1));
        let asked = server.take_requests().len();
        assert!(asked < 20, "asked {asked} times for what is not there");
    });
}
