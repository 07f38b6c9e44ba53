//! What lies around a command: colours, a reader that has seen enough, Ctrl-C, a git hook.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use muster_testkit::Lab;
use rustix::process::{Signal, kill_process};
use serde_json::Value;

use super::portfolio;
use crate::run::{finish, muster, pid, run, start, stderr, stdout, until, wait};

#[test]
fn colours_only_where_they_are_wanted() {
    let lab = Lab::new();
    portfolio(&lab);
    let coloured = |args: &[&str], environment: &[(&str, &str)]| {
        let output = finish(muster(&lab).args(args).envs(environment.iter().copied()));
        output.stdout.contains(&0x1b)
    };
    let show = ["show", "api"];
    assert!(!coloured(&show, &[]), "a pipe gets none");
    assert!(coloured(&["--color", "always", "show", "api"], &[]));
    assert!(coloured(&["show", "api", "--color=always"], &[("NO_COLOR", "1")]), "the flag wins");
    assert!(coloured(&show, &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&["--color", "never", "show", "api"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&["scan"], &[]));
    assert!(!coloured(&["scan", "--json", "--color", "always"], &[]), "data has no colours");
}

#[test]
fn state_is_in_words_with_and_without_colours() {
    let lab = Lab::new();
    portfolio(&lab);
    let plain = run(&lab, &["show", "api", "--color", "never"]);
    let coloured = run(&lab, &["show", "api", "--color", "always"]);
    let stripped = anstream::adapter::strip_bytes(&coloured.stdout).into_vec();
    assert_eq!(String::from_utf8_lossy(&stripped), String::from_utf8_lossy(&plain.stdout));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let lab = Lab::new();
    portfolio(&lab);
    for args in [
        &["scan", "group"][..],
        &["scan", "group", "--json"],
        &["scan", "group", "--format", "jsonl"],
        &["scan", "group", "--format", "csv"],
        &["scan", "api", "--attention"],
        &["show", "api"],
        &["path", "--all"],
        &["each", "web", "--", "echo", "said"],
        &["config", "show"],
        &["doctor"],
        &["man"],
        &["completions", "bash"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = muster(&lab);
        let child =
            command.args(args).stdout(writer).stderr(Stdio::piped()).spawn().expect("the program starts");
        drop(command);
        let output = wait(child, crate::run::LIMIT);
        assert_eq!(
            stderr(&lab, &output),
            if args.contains(&"--attention") { stderr(&lab, &output) } else { String::new() },
            "{args:?}"
        );
        assert_eq!(output.status.code(), Some(0), "{args:?}");
    }
}

#[test]
fn ctrl_c_ends_a_scan() {
    let lab = Lab::new();
    // Enough to read for a while; every pipe that would keep the scan waiting is refused.
    let repo = lab.repo("r").commit_file("a.txt", "a\n");
    for number in 0..500 {
        let mut copy = std::process::Command::new("cp");
        copy.arg("-r").arg(repo.path()).arg(lab.root().join(format!("r{number}")));
        assert!(finish(&mut copy).status.success());
    }
    let child = start(muster(&lab).args(["scan", "--format", "json"]));
    let tasks = format!("/proc/{}/task", pid(&child).as_raw_nonzero());
    until("the scan has begun", || (std::fs::read_dir(&tasks).ok()?.count() > 1).then_some(()));
    kill_process(pid(&child), Signal::INT).expect("it runs");
    let output = wait(child, Duration::from_secs(10));
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&lab, &output));
}

#[test]
fn ctrl_c_ends_watching() {
    let lab = Lab::new();
    portfolio(&lab);
    let mut child = start(muster(&lab).args(["scan", "--watch", "--state-only"]));
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut first).expect("the first picture");
    assert!(first.starts_with("name\tbranch\tstate"), "{first}");
    kill_process(pid(&child), Signal::INT).expect("it runs");
    let output = wait(child, Duration::from_secs(10));
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&lab, &output));
}

#[test]
fn watching_is_for_people() {
    let lab = Lab::new();
    let output = run(&lab, &["scan", "--watch", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&lab, &output).contains("--watch draws tables only"));
}

#[test]
fn inside_a_git_hook_nothing_is_different() {
    let lab = Lab::new();
    portfolio(&lab);
    let other = lab.root().join("group/web/.git");
    let scan = |is_hook: bool| -> Vec<Value> {
        let mut command = muster(&lab);
        command.args(["scan", "--format", "json"]);
        if is_hook {
            command.envs([
                ("GIT_DIR", other.clone()),
                ("GIT_INDEX_FILE", other.join("index")),
                ("GIT_WORK_TREE", other.with_file_name("")),
                ("GIT_OBJECT_DIRECTORY", other.join("objects")),
                ("GIT_COMMON_DIR", other.clone()),
                ("GIT_PREFIX", "src/".into()),
            ]);
        }
        let mut projects = crate::run::projects(&finish(&mut command));
        for project in &mut projects {
            let fields = project.as_object_mut().expect("an object");
            fields.remove("checked_at");
            fields.remove("updated_at");
        }
        projects
    };
    assert_eq!(scan(true), scan(false));
    // The commands of `each` are free of them too.
    let mut command = muster(&lab);
    command.args(["each", "api", "--", "git", "rev-parse", "--absolute-git-dir"]).env("GIT_DIR", &other);
    assert_eq!(stdout(&lab, &finish(&mut command)), "api\nROOT/api/.git\n");
}

#[test]
fn the_log_goes_to_stderr_when_asked_for() {
    let lab = Lab::new();
    portfolio(&lab);
    let output =
        run(&lab, &["scan", "group", "--log-level", "debug", "--log-format", "json", "--format", "json"]);
    let text = stderr(&lab, &output);
    let line: Value = serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
    assert_eq!(line["fields"]["message"], "scan finished");
    assert_eq!(line["fields"]["scan.projects"], 1);
    assert_eq!(crate::run::projects(&output).len(), 1);
    let output = finish(muster(&lab).args(["scan", "group"]).env("MUSTER_LOG", "debug"));
    assert!(stderr(&lab, &output).contains("scan finished"));
}
