//! `muster path`: which repository is meant.

use muster_testkit::Lab;

use super::{cloned, portfolio};
use crate::run::{run, stderr, stdout};

fn lab() -> Lab {
    let lab = Lab::new();
    for name in ["api", "api-client", "group/web", "other/web"] {
        cloned(&lab, name);
    }
    lab
}

#[track_caller]
fn found(lab: &Lab, args: &[&str]) -> String {
    let output = run(lab, &[&["path"], args].concat());
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(lab, &output));
    assert_eq!(stderr(lab, &output), "");
    stdout(lab, &output)
}

#[test]
fn the_only_match_and_the_exact_name() {
    let lab = lab();
    assert_eq!(found(&lab, &["client"]), "ROOT/api-client\n");
    assert_eq!(found(&lab, &["api"]), "ROOT/api\n", "the exact name wins over the part");
    assert_eq!(found(&lab, &["API"]), "ROOT/api\n");
    assert_eq!(found(&lab, &["group/web"]), "ROOT/group/web\n");
    assert_eq!(found(&lab, &["web", "group"]), "ROOT/group/web\n", "all words must hold");
    assert_eq!(found(&lab, &["web", "--root", "other"]), "ROOT/other/web\n");
}

#[test]
fn all_matches_one_a_line() {
    let lab = lab();
    assert_eq!(found(&lab, &["--all"]), "ROOT/api\nROOT/api-client\nROOT/group/web\nROOT/other/web\n");
    assert_eq!(found(&lab, &["--all", "api"]), "ROOT/api\nROOT/api-client\n");
    assert_eq!(found(&lab, &["--all", "nothing"]), "");
}

#[test]
fn by_what_only_reading_tells() {
    let lab = Lab::new();
    portfolio(&lab);
    assert_eq!(found(&lab, &["state:dirty"]), "ROOT/api\n");
    assert_eq!(found(&lab, &["stack:react"]), "ROOT/group/web\n");
    assert_eq!(found(&lab, &["--all", "branch:main -state:dirty"]), "ROOT/group/web\n");
    assert_eq!(found(&lab, &["--all", "--", "-state:dirty", "branch:main"]), "ROOT/group/web\n");
}

#[test]
fn nobody_or_several() {
    let lab = lab();
    for (query, expected) in [("nothing", "no repository matches"), ("web", "could be any of")] {
        let output = run(&lab, &["path", query]);
        assert_eq!((output.status.code(), stdout(&lab, &output).as_str()), (Some(1), ""));
        assert!(stderr(&lab, &output).contains(expected));
    }
    insta::assert_snapshot!(stderr(&lab, &run(&lab, &["path", "web"])), @"
    error: 'web' could be any of group/web, other/web
      try: name one of them in full
    ");
    insta::assert_snapshot!(stderr(&lab, &run(&lab, &["path", "nothing"])), @"
    error: no repository matches 'nothing'
      try: `muster path --all` lists what there is
    ");
    insta::assert_snapshot!(stderr(&lab, &run(&lab, &["path"])), @"
    error: which repository?
      try: `muster path NAME` prints one folder, `muster path --all` all of them
    ");
}
