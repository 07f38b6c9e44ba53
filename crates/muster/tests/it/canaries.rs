//! No program that a repository's configuration names is ever run, by any command that looks at repositories.

use std::path::Path;

use muster_testkit::{Lab, canaries};

use crate::run::{named, run, scan};

fn tripped(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .expect("the canaries' folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn no_canary_sings() {
    let lab = Lab::new();
    let (repo, folder) = canaries(&lab);
    let projects = scan(&lab, &[]);
    let project = named(&projects, "canary");
    assert_eq!(project["error"], serde_json::Value::Null, "the repository is read all the same");
    assert!(
        project["git"]["filtered_unknown"].as_u64() > Some(0),
        "files under filters are undecided: {project:#}"
    );
    for args in [
        &["scan", "--state-only"][..],
        &["scan", "--attention"],
        &["show", "canary"],
        &["path", "state:dirty", "--all"],
        &[],
        &["doctor"],
    ] {
        run(&lab, args);
    }
    assert_eq!(tripped(&folder), Vec::<String>::new());

    // The proof that they can: git itself runs several when asked for the same.
    lab.try_git(repo.path(), ["status"]);
    assert!(tripped(&folder).len() >= 2, "the canaries are alive");
}
