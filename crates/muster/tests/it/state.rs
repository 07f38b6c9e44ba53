//! Every field that `git status --porcelain=v2 --branch --show-stash` gives is equal in `scan --format json`, over a
//! zoo of awkward states. Set `MUSTER_TEST_GIT` to compare with another git.

use std::{collections::BTreeMap, path::PathBuf};

use muster_testkit::{Lab, OracleStatus, StatusOracle, state_zoo};
use serde_json::{Value, json};

use crate::run::scan;

/// States whose git directory or work tree lies outside the roots and does not point back.
const OUTSIDE: [&str; 2] = ["separate-git-dir", "core-worktree-elsewhere"];

#[test]
fn equals_git_status_in_every_state_of_the_zoo() {
    let lab = Lab::new();
    let checkouts = state_zoo(&lab);
    let oracle = StatusOracle::in_lab(&lab);
    let projects = scan(&lab, &["--state-only"]);
    let found = by_path(&projects);
    let mut differences = Vec::new();
    for (name, path) in &checkouts {
        let Ok(expected) = oracle.read(path) else {
            panic!("git has no answer about {name}");
        };
        match found.get(&path.canonicalize().expect("it was built")) {
            None => differences.push(format!("{name}: not found ({})", path.display())),
            // By policy these are named and not read: what they point to lies outside the roots.
            Some(project) if OUTSIDE.contains(&name.as_str()) => {
                assert_eq!(project["error"]["code"], "outside_roots", "{name}");
            }
            Some(project) if !project["error"].is_null() => {
                differences.push(format!("{name}: {}", project["error"]["message"]));
            }
            Some(project) => differences.extend(compare(name, &expected, &project["git"])),
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {}:\n{}",
        differences.len(),
        checkouts.len(),
        differences.join("\n")
    );
}

fn compare(name: &str, git: &OracleStatus, ours: &Value) -> Vec<String> {
    let fields = [
        ("branch", json!(git.branch)),
        ("head", json!(git.head)),
        ("detached", json!(git.detached)),
        ("upstream", json!(git.upstream)),
        ("ahead", json!(git.ahead)),
        ("behind", json!(git.behind)),
        ("staged", json!(git.staged)),
        ("modified", json!(git.modified)),
        ("untracked", json!(git.untracked)),
        ("conflicted", json!(git.conflicted)),
        ("filtered_unknown", json!(git.filtered)),
        ("stashes", json!(git.stashes)),
    ];
    fields
        .into_iter()
        .filter(|(field, expected)| ours[*field] != *expected)
        .map(|(field, expected)| format!("{name}: {field} is {} in git, {} here", expected, ours[field]))
        .collect()
}

/// Every checkout of the scan by its real path: projects, worktrees, submodules.
fn by_path(projects: &[Value]) -> BTreeMap<PathBuf, Value> {
    let real = |path: PathBuf| path.canonicalize().unwrap_or(path);
    let mut found = BTreeMap::new();
    for project in projects {
        let path = PathBuf::from(project["path"].as_str().expect("path"));
        for list in ["worktrees", "submodules"] {
            for item in project[list].as_array().expect("a list") {
                found.insert(real(path.join(item["path"].as_str().expect("path"))), item.clone());
            }
        }
        found.insert(real(path), project.clone());
    }
    found
}
