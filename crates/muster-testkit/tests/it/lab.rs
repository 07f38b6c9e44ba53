//! Labs are sealed and repeatable: the same calls give the same object ids, whoever runs them and whenever.

use muster_testkit::{Lab, is_root, unprivileged_command};

fn history(lab: &Lab) -> String {
    lab.bare("origin");
    let repo = lab.repo("a").commit_file("x", "1").commit_file("y/z", "2").push_to("origin");
    repo.id("HEAD")
}

#[test]
fn ids_are_the_same_in_every_run() {
    assert_eq!(history(&Lab::new()), history(&Lab::new()));
}

#[test]
fn the_persons_configuration_is_out_of_sight() {
    let lab = Lab::new();
    let origins = lab.repo("a").git_output(["config", "--list", "--show-origin", "--name-only"]);
    let home = lab.home().display().to_string();
    for line in origins.lines() {
        assert!(line.contains(&home) || line.contains("file:.git/config"), "{line}");
    }
}

#[test]
fn repositories_are_spoken_to_in_the_persons_words() {
    let lab = Lab::new();
    lab.bare("origin");
    let repo = lab.repo("a").commit_file("x", "1").push_to("origin");
    let repo = repo.git(["checkout", "--quiet", "-b", "feature"]).write("y", "…").make_executable("x");
    repo.symlink("link", "x").fifo("pipe").truncate("y", 1).set_mtime("y", 1_000_000_000);
    let status = repo.git_output(["status", "--short"]);
    assert_eq!(status, " M x\n?? link\n?? y\n");
    let linked = repo.worktree("b", "linked");
    assert_eq!(linked.id("HEAD"), repo.id("HEAD"));
    assert!(lab.git_version() >= (2, 39));
}

#[test]
fn somebody_without_rights_may_read_a_lab_but_not_write() {
    let lab = Lab::new();
    let repo = lab.repo("a").commit_file("x", "1").write("secret", "1").set_mode("secret", 0o000);
    let run = |program: &str, file: &str| {
        unprivileged_command(program).arg(repo.path().join(file)).output().unwrap().status.success()
    };
    assert!(run("cat", "x"));
    assert!(!run("cat", "secret"));
    assert!(!is_root() || !run("touch", "x"));
}
