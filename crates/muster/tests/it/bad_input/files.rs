//! Rights, owners, and files that a person writes: broken metadata, a wrong configuration.

use std::{os::unix::fs::PermissionsExt, process::Command};

use muster_testkit::{Lab, canaries, is_root, unprivileged_command};
use serde_json::Value;

use super::{SCAN, bad, is_read, is_refused, lab_with_neighbour};
use crate::run::{finish, muster, named, projects, sealed, stderr};

/// The program as a user whom permissions stop. A copy, since the build folder may be closed to others.
fn without_rights(lab: &Lab) -> Command {
    let program = lab.folder().join("muster");
    // Not by us: a process started meanwhile by another test would inherit the file open for writing, and a program
    // that is being written cannot be started.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_muster")).arg(&program).status();
    assert!(copied.is_ok_and(|status| status.success()), "room for a copy");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("our own file");
    sealed(lab, unprivileged_command(program))
}

#[test]
fn folder_that_may_not_be_listed() {
    let lab = lab_with_neighbour();
    let repo = bad(&lab).set_mode("", 0o000);
    let output = finish(without_rights(&lab).args(SCAN));
    repo.set_mode("", 0o755);
    is_refused(&lab, &output, "permission_denied", "Permission denied");
}

#[test]
fn git_folder_that_may_not_be_listed() {
    let lab = lab_with_neighbour();
    let repo = bad(&lab).set_mode(".git", 0o000);
    let output = finish(without_rights(&lab).args(SCAN));
    repo.set_mode(".git", 0o755);
    is_refused(&lab, &output, "permission_denied", "Permission denied");
}

#[test]
fn index_that_may_not_be_read() {
    let lab = lab_with_neighbour();
    let repo = bad(&lab).set_mode(".git/index", 0o000);
    let output = finish(without_rights(&lab).args(SCAN));
    repo.set_mode(".git/index", 0o644);
    is_refused(&lab, &output, "permission_denied", "index");
}

#[test]
fn root_that_may_not_be_listed() {
    let lab = lab_with_neighbour();
    let repo = bad(&lab).set_mode("", 0o000);
    // Beside another root it is listed; alone it leaves nothing to answer.
    let both = finish(without_rights(&lab).args(["scan", "--json", "bad", "healthy"]));
    let output = finish(without_rights(&lab).args(["scan", "bad"]));
    repo.set_mode("", 0o755);
    is_refused(&lab, &both, "permission_denied", "bad");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&lab, &output).contains("cannot scan ROOT/bad: Permission denied"));
}

/// Gives a folder and everything in it to another user; does nothing for who may not.
fn give_away(folder: &std::path::Path) {
    const SOMEBODY: Option<u32> = Some(12_345);
    for entry in std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok) {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            give_away(&entry.path());
        }
        std::os::unix::fs::lchown(entry.path(), SOMEBODY, SOMEBODY).expect("root may give away");
    }
    std::os::unix::fs::lchown(folder, SOMEBODY, SOMEBODY).expect("root may give away");
}

#[test]
fn repository_of_somebody_else_is_read_and_nothing_is_run() {
    if !is_root() {
        // Only root can make files of another owner; the same reading is covered by the canaries' own test.
        return;
    }
    let lab = lab_with_neighbour();
    give_away(bad(&lab).write("a.txt", "changed\n").path());
    let (hostile, folder) = canaries(&lab);
    give_away(hostile.path());
    // Nobody says that these are safe: git itself refuses them now.
    let global = std::fs::read_to_string(lab.home().join("gitconfig")).expect("the lab's configuration");
    let wary = global.split("[safe]").next().expect("the part before").to_owned();
    std::fs::write(lab.home().join("gitconfig"), wary).expect("our own file");
    assert!(!lab.try_git(&lab.root().join("bad"), ["status"]).status.success(), "git refuses");

    let output = finish(muster(&lab).args(SCAN));
    let project = is_read(&lab, &output, "bad");
    assert_eq!(project["git"]["modified"], 1);
    assert_eq!(named(&projects(&output), "canary")["error"], Value::Null);
    assert_eq!(std::fs::read_dir(folder).expect("the canaries' folder").count(), 0, "no canary sang");
}

#[test]
fn broken_project_metadata_is_a_warning_with_its_place() {
    let lab = lab_with_neighbour();
    bad(&lab).commit_file("PROJECT_META.json", "{\n  \"name\": \"x\",\n  \"completion\": }\n");
    let project = is_read(&lab, &finish(muster(&lab).args(SCAN)), "bad");
    assert_eq!(project["warnings"][0]["code"], "project_meta");
    insta::assert_snapshot!(project["warnings"][0]["message"].as_str().unwrap_or_default(), @"PROJECT_META.json is ignored: line 3, column 17: expected value");
    assert_eq!(project["display_name"], Value::Null);
    assert_eq!(project["git"]["state"], serde_json::json!(["clean", "no upstream"]));
}

#[test]
fn project_metadata_of_the_wrong_shape_is_a_warning_with_its_place() {
    let lab = lab_with_neighbour();
    bad(&lab).commit_file("PROJECT_META.json", "{\n  \"name\": 7\n}\n");
    let project = is_read(&lab, &finish(muster(&lab).args(SCAN)), "bad");
    insta::assert_snapshot!(project["warnings"][0]["message"].as_str().unwrap_or_default(), @"PROJECT_META.json is ignored: line 2, column 11: name must be a text, found 7");
}

#[test]
fn everything_wrong_with_the_configuration_is_told_at_once() {
    let lab = lab_with_neighbour();
    let home = lab.open(lab.home());
    home.write(
        ".config/muster/muster.toml",
        "[scan]\nmax_dept = 3\nthreads = \"many\"\n[portfolios]\nroots = []\n[portfolio]\nmonetization = 1\n",
    );
    for args in [
        &["scan"][..],
        &[],
        &["show", "healthy"],
        &["path", "healthy"],
        &["config", "check"],
        &["config", "show"],
    ] {
        let output = finish(muster(&lab).args(args).env("MUSTER__SCAN__MAX_DEPTH", "-1"));
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
        let text = stderr(&lab, &output).replace(&*lab.home().to_string_lossy(), "HOME");
        insta::allow_duplicates! {
            insta::assert_snapshot!(text, @"
            error: wrong configuration, 5 problems:
              HOME/.config/muster/muster.toml:2: there is no key 'max_dept' in [scan]; did you mean 'max_depth'?
              HOME/.config/muster/muster.toml:3: 'threads' must be a whole number, not text
              HOME/.config/muster/muster.toml:4: there is no section [portfolios]; did you mean 'portfolio'?
              HOME/.config/muster/muster.toml:7: 'monetization' must be true or false, not a whole number
              $MUSTER__SCAN__MAX_DEPTH: 'max_depth' must not be negative
            ");
        }
    }
}

#[test]
fn configuration_file_that_does_not_exist() {
    let lab = lab_with_neighbour();
    let output = finish(muster(&lab).args(["scan", "--config", "nowhere.toml"]));
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&lab, &output), @"error: wrong configuration: nowhere.toml: cannot read the configuration file: No such file or directory (os error 2)");
}

#[test]
fn a_number_out_of_range_is_a_wrong_configuration() {
    let lab = lab_with_neighbour();
    let output = finish(muster(&lab).arg("scan").env("MUSTER__SCAN__MAX_DEPTH", "99999999999999999999"));
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&lab, &output), @"error: wrong configuration: $MUSTER__SCAN__MAX_DEPTH: '99999999999999999999' is no whole number");
}
