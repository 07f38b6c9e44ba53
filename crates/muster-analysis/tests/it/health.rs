//! Health, rule version 0: equal points, and the unknown on neither side.

use muster_analysis::analyze;
use muster_model::{analysis::GitFacts, git_state::WorkTreeCounts, source_tree::MemoryTree};

use crate::support::{context, git, item, of};

const FULL: [(&str, &str); 6] = [
    ("README.md", "x"),
    ("LICENSE", "x"),
    ("package.json", "{\"private\": true, \"dependencies\": {\"a\": \"1\"}}"),
    ("yarn.lock", ""),
    ("test/a.js", ""),
    (".travis.yml", ""),
];

#[test]
fn everything_there_is_a_hundred() {
    let health = of(&FULL).health;
    assert_eq!((health.value, health.coverage, health.rule_version), (Some(100), 100, 0));
    assert_eq!(health.items.len(), 8);
    assert!(health.items.iter().all(|item| item.max_points == 10));
}

#[test]
fn what_is_absent_counts_and_what_is_unknown_does_not() {
    let folder = GitFacts::default();
    let health = analyze(&MemoryTree::new([("main.py", "")]), &context(&folder)).health;
    assert_eq!(item(&health, "version-control").points, Some(0));
    assert_eq!(item(&health, "activity").points, None);
    assert_eq!(item(&health, "lock-file").points, None);
    assert_eq!((health.value, health.coverage), (Some(0), 75));
}

#[test]
fn the_work_tree_never_counts() {
    let mut dirty = git(3);
    let state = dirty.state.as_mut().unwrap();
    state.work_tree = Ok(WorkTreeCounts { modified: 500, conflicted: 3, ..WorkTreeCounts::default() });
    let health = analyze(&MemoryTree::new(FULL), &context(&dirty)).health;
    assert_eq!(health.value, Some(100));
}

#[test]
fn a_year_without_a_commit_is_no_activity() {
    for (days, points) in [(0, 10), (365, 10), (366, 0), (-5, 10)] {
        let git = git(days);
        let health = analyze(&MemoryTree::new(FULL), &context(&git)).health;
        assert_eq!(item(&health, "activity").points, Some(points), "{days}");
    }
}

#[test]
fn lock_files_are_asked_of_applications_only() {
    let points = |files: &[(&str, &str)]| item(&of(files).health, "lock-file").points;
    let app = "[package]\nname=\"x\"\n[dependencies]\na=\"1\"\n";
    assert_eq!(points(&[("Cargo.toml", app), ("src/main.rs", "")]), Some(0));
    assert_eq!(points(&[("Cargo.toml", &format!("[lib]\n{app}")), ("src/lib.rs", "")]), None);
    assert_eq!(points(&[("Cargo.toml", "[package]\nname=\"x\"\n")]), None, "no dependencies");
    assert_eq!(points(&[("pom.xml", "<project/>")]), None, "none is customary");
    assert_eq!(points(&[("requirements.txt", "a==1\nb==2 \\\n  --hash=sha256:0\n")]), Some(10), "pinned");
    assert_eq!(points(&[("requirements.txt", "a==1\nb\n")]), Some(0));
    assert_eq!(points(&[("requirements.txt", "a\n"), ("examples/uv.lock", "")]), Some(0), "of an example");
    let library = ("composer.json", "{\"name\": \"x/y\", \"require\": {\"a/b\": \"1\"}}");
    assert_eq!(
        points(&[library, ("res/ui/package.json", "{}"), ("res/ui/yarn.lock", "")]),
        None,
        "of a part"
    );
    assert_eq!(
        points(&[("web/package.json", "{}"), ("web/yarn.lock", "")]),
        Some(10),
        "no manifest is nearer"
    );
    assert_eq!(points(&[(".tools/requirements.txt", "a\n")]), None, "of a tool");
}
