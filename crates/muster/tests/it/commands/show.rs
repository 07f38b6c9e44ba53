//! `muster show`: one repository on one screen.

use muster_testkit::Lab;
use serde_json::Value;

use super::{cloned, moved_on, portfolio};
use crate::run::{finish, muster, run, stderr, stdout};

/// The lines about git of a repository in which much goes on; scores and ages follow the calendar and are left out.
#[test]
fn a_rich_repository() {
    let lab = Lab::new();
    let library = super::outside(&lab, "library");
    lab.repo(&library.to_string_lossy()).commit_file("lib.txt", "1\n");
    let repo = cloned(&lab, "rich").commit_file(
        "PROJECT_META.json",
        r#"{"name": "The Rich One", "description": "Has everything", "status": "active"}"#,
    );
    repo.submodule(&library.to_string_lossy(), "vendor/library").git(["push", "--quiet"]);
    repo.commit_file("package.json", r#"{"name": "rich", "dependencies": {"react": "18"}}"#);
    repo.git(["branch", "--quiet", "idea"])
        .git(["branch", "--quiet", "plan"])
        .write("README.md", "later\n")
        .git(["stash", "--quiet"]);
    moved_on(&repo, "rich");
    repo.write("README.md", "now\n").write("new.txt", "").write("vendor/library/lib.txt", "2\n");
    let output = run(&lab, &["show", "rich"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&lab, &output));
    let text = stdout(&lab, &output).replace(&*lab.folder().to_string_lossy(), "LAB");
    let text = text.replace(&repo.id("HEAD")[..10], "ID");
    let (about, judged) = text.split_once("\nHealth ").expect("a section Health");
    let about: Vec<_> =
        about.lines().filter(|line| !line.starts_with("  fetched")).map(without_age).collect();
    insta::assert_snapshot!(about.join("\n"), @"
    The Rich One
      path      ROOT/rich
      remote    LAB/forge/rich
      about     Has everything
      relation  mine
      type      web_app
      stack     React

    Git
      branch       main
      state        2 modified, 1 untracked, 1 stash
      upstream     origin/main: 1 ahead, 1 behind
      last commit  ID Write package.json (Ada Example, AGE)
      unpushed     main: 1 commit
      unpushed     idea: 1 commit
      unpushed     plan: 1 commit
      only here    idea, plan
      deletable    no: 2 modified files, 1 untracked file, 1 stash, 1 unpushed commit on main, 1 unpushed commit on idea and 1 unpushed commit on plan would be lost; submodule vendor/library: 1 modified file would be lost

    Needs you
      what     1 commit unpushed, 2 other branches unpushed, 2 modified, 1 modified in submodule vendor/library, 1 stash, 1 untracked, 1 behind
      command  git -C ROOT/rich commit -a

    Worktrees and submodules
      vendor/library  main: 1 modified
    ");
    for heading in ["\nReadiness ", "\nRecommendations\n"] {
        assert!(judged.contains(heading), "{heading:?} in {judged}");
    }
    assert!(text.contains("\n  fetched "), "{text}");

    let json: Value = serde_json::from_slice(&run(&lab, &["show", "rich", "--json"]).stdout).expect("JSON");
    assert_eq!(json["schema_version"], 1);
    assert_eq!(json["git"]["detached_commits"], 0);
    assert_eq!(json["display_name"], "The Rich One");
    assert_eq!(json["metadata"]["description"], "Has everything");
}

/// `… (Ada Example, 10 mo ago)` without the age.
fn without_age(line: &str) -> String {
    let Some((before, _)) = line.rsplit_once(", ").filter(|_| line.trim_end().ends_with(" ago)")) else {
        return line.to_owned();
    };
    format!("{before}, AGE)")
}

#[test]
fn a_repository_is_named_by_name_part_or_path() {
    let lab = Lab::new();
    portfolio(&lab);
    let shown = |name: &str| {
        let output = run(&lab, &["show", "--json", name]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", stderr(&lab, &output));
        let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        json["path"].as_str().expect("a path").to_owned()
    };
    let web = lab.root().join("group/web").to_string_lossy().into_owned();
    for name in ["web", "WEB", "we", "group/web", "./group/web", "group/web/", &web] {
        assert_eq!(shown(name), web, "{name}");
    }
    let inside = finish(muster(&lab).args(["show", ".", "--json"]).current_dir(lab.root().join("api/src")));
    let json: Value = serde_json::from_slice(&inside.stdout).expect("JSON");
    assert_eq!(json["path"], lab.root().join("api").to_string_lossy().as_ref());
}

#[test]
fn nobody_or_several_of_that_name() {
    let lab = Lab::new();
    for name in ["one/api", "two/api", "web-one", "web-two"] {
        cloned(&lab, name);
    }
    let refused = |name: &str| {
        let output = run(&lab, &["show", name]);
        assert_eq!((output.status.code(), stdout(&lab, &output).as_str()), (Some(1), ""), "{name}");
        stderr(&lab, &output)
    };
    insta::assert_snapshot!(refused("nothing"), @"
    error: no repository matches 'nothing'
      try: `muster path --all` lists what there is
    ");
    insta::assert_snapshot!(refused("api"), @"
    error: 'api' could be any of one/api, two/api
      try: name one of them in full
    ");
    insta::assert_snapshot!(refused("web"), @"
    error: 'web' could be any of web-one, web-two
      try: name one of them in full
    ");
}

#[test]
fn a_bad_repository_is_shown_with_its_error() {
    let lab = Lab::new();
    portfolio(&lab);
    let output = run(&lab, &["show", "bad"]);
    assert_eq!(output.status.code(), Some(4));
    let text = stdout(&lab, &output);
    assert!(text.contains("  error") && text.contains("(corrupt)") && text.contains("git fsck"), "{text}");
}

#[test]
fn one_repository_is_no_table() {
    let lab = Lab::new();
    portfolio(&lab);
    let output = run(&lab, &["show", "api", "--format", "csv"]);
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&lab, &output), @"
    error: one repository is no table
      try: use --format table or json
    ");
}
