//! `muster each`: the command in every checkout, its output kept together, its failures named, and Ctrl-C.

use std::{collections::BTreeSet, path::Path, time::Duration};

use muster_testkit::Lab;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::{cloned, portfolio};
use crate::run::{finish, muster, pid, run, start, stderr, stdout, until, wait};

#[test]
fn runs_in_what_matches() {
    let lab = Lab::new();
    portfolio(&lab);
    let output = run(&lab, &["each", "state:dirty", "--", "git", "diff", "--stat"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&lab, &output));
    insta::assert_snapshot!(stdout(&lab, &output), @"
    api
     README.md | 2 +-
     1 file changed, 1 insertion(+), 1 deletion(-)
    ");
    assert_eq!(stderr(&lab, &output), "");
}

#[test]
fn runs_in_every_checkout_that_can_be_read_and_in_no_plain_folder() {
    let lab = Lab::new();
    portfolio(&lab);
    let output = run(&lab, &["each", "", "-j", "1", "--", "pwd"]);
    let text = stdout(&lab, &output);
    let folders: BTreeSet<_> = text.lines().filter(|line| line.starts_with("ROOT")).collect();
    assert!(folders.is_superset(&["ROOT/api", "ROOT/group/web", "ROOT/old"].into()), "{text}");
    assert!(!folders.contains("ROOT/script"), "{text}");
}

#[test]
fn failures_are_named_and_told_in_the_exit_code() {
    let lab = Lab::new();
    for name in ["one", "three", "zero"] {
        cloned(&lab, name);
    }
    let script = "case $PWD in */one) exit 1;; */three) echo said >&2; exit 3;; esac";
    let output = run(&lab, &["each", "", "-j", "1", "--", "sh", "-c", script]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(stdout(&lab, &output), @"
    one
    [exit code 1]
    three
    said
    [exit code 3]
    zero
    ");
    insta::assert_snapshot!(stderr(&lab, &output), @"2 of 3 failed: one: exit code 1; three: exit code 3");
}

#[test]
fn a_command_ended_by_a_signal_or_not_to_be_found_has_failed() {
    let lab = Lab::new();
    cloned(&lab, "one");
    let output = run(&lab, &["each", "", "--", "sh", "-c", "kill -KILL $$"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&lab, &output), "1 of 1 failed: one: ended by signal 9\n");
    let output = run(&lab, &["each", "", "--", "no-such-program-anywhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&lab, &output).starts_with("error: there is no program 'no-such-program-anywhere' on PATH")
    );
}

#[test]
fn nothing_that_matches_is_no_failure() {
    let lab = Lab::new();
    cloned(&lab, "one");
    let output = run(&lab, &["each", "nothing", "--", "false"]);
    assert_eq!((output.status.code(), stdout(&lab, &output).as_str()), (Some(0), ""));
    assert_eq!(stderr(&lab, &output), "no repository matches\n");
    let output = run(&lab, &["each", ""]);
    assert_eq!(output.status.code(), Some(2), "the command is missing");
}

#[test]
fn output_of_each_stays_together() {
    const REPOSITORIES: usize = 4;
    let lab = Lab::new();
    for at in 0..REPOSITORIES {
        cloned(&lab, &format!("r{at}"));
    }
    let meeting = lab.folder().join("meeting");
    std::fs::create_dir(&meeting).expect("room");
    // All four are there before the first line is written, then all write at once, on both streams.
    let script = r#": > "$MEETING/$$"
        tries=0
        while [ "$(ls "$MEETING" | wc -l)" -lt 4 ] && [ $tries -lt 100000 ]; do tries=$((tries + 1)); done
        line=0
        while [ $line -lt 300 ]; do echo "$PWD $line"; echo "$PWD $line" >&2; line=$((line + 1)); done"#;
    let output =
        finish(muster(&lab).args(["each", "", "-j", "4", "--", "sh", "-c", script]).env("MEETING", &meeting));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&lab, &output));
    let text = stdout(&lab, &output);
    let mut lines = text.lines();
    let mut seen = BTreeSet::new();
    while let Some(name) = lines.next() {
        assert!(seen.insert(name.to_owned()), "{name} comes twice");
        for line in 0..300 {
            let expected = format!("ROOT/{name} {line}");
            assert_eq!((lines.next(), lines.next()), (Some(&*expected), Some(&*expected)), "in order");
        }
    }
    assert_eq!(seen.len(), REPOSITORIES);
}

#[test]
fn output_without_a_last_newline_and_of_any_bytes_goes_through() {
    let lab = Lab::new();
    cloned(&lab, "one");
    let output = run(&lab, &["each", "", "--", "printf", r"a\377b"]);
    assert_eq!(output.stdout, b"one\na\xffb\n");
    let output = run(&lab, &["each", "-name:two", "--", "printf", r"\033[1mbold"]);
    assert_eq!(output.stdout, b"one\n\x1b[1mbold\n");
    let output = run(&lab, &["each", "", "--color", "always", "--", "true"]);
    assert_eq!(output.stdout, b"\x1b[1mone\x1b[0m\n");
}

/// The processes that left their number in the folder.
fn started(folder: &Path) -> Vec<Pid> {
    let entries = std::fs::read_dir(folder).expect("our own folder").filter_map(Result::ok);
    entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Starts a command in three repositories, interrupts when all three run, and sees all of them gone.
#[track_caller]
fn interrupted(signal: Signal, script: &str, sees_within: Duration) {
    const REPOSITORIES: usize = 3;
    let lab = Lab::new();
    for at in 0..REPOSITORIES {
        cloned(&lab, &format!("r{at}"));
    }
    let pids = lab.folder().join("pids");
    std::fs::create_dir(&pids).expect("room");
    let child =
        start(muster(&lab).args(["each", "", "-j", "3", "--", "sh", "-c", script]).env("PIDS", &pids));
    let running =
        until("all commands run", || Some(started(&pids)).filter(|pids| pids.len() == REPOSITORIES));
    kill_process(pid(&child), signal).expect("it runs");
    let output = wait(child, sees_within);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&lab, &output));
    for pid in running {
        until("the command is gone", || test_kill_process(pid).is_err().then_some(()));
    }
}

#[test]
fn ctrl_c_ends_the_commands_too() {
    interrupted(Signal::INT, r#": > "$PIDS/$$"; exec sleep 60"#, Duration::from_secs(5));
}

#[test]
fn termination_and_a_closed_terminal_do_the_same() {
    interrupted(Signal::TERM, r#": > "$PIDS/$$"; exec sleep 60"#, Duration::from_secs(5));
    interrupted(Signal::HUP, r#": > "$PIDS/$$"; exec sleep 60"#, Duration::from_secs(5));
}

#[test]
fn a_command_that_will_not_end_is_ended() {
    // Two seconds of grace, then the hard way.
    let script = r#"trap '' TERM INT HUP; : > "$PIDS/$$"; while :; do sleep 1; done"#;
    interrupted(Signal::INT, script, Duration::from_secs(30));
}

#[test]
fn a_background_process_does_not_keep_anybody_waiting() {
    let lab = Lab::new();
    cloned(&lab, "one");
    let pids = lab.folder().join("pids");
    std::fs::create_dir(&pids).expect("room");
    let script = r#"sleep 600 & : > "$PIDS/$!"; echo done"#;
    let child = start(muster(&lab).args(["each", "", "--", "sh", "-c", script]).env("PIDS", &pids));
    let output = wait(child, Duration::from_secs(20));
    assert_eq!((output.status.code(), stdout(&lab, &output).as_str()), (Some(0), "one\ndone\n"));
    for pid in started(&pids) {
        until("the background process is gone", || is_gone(pid).then_some(()));
    }
}

#[test]
fn a_background_process_in_a_session_of_its_own_is_not_listened_to() {
    let lab = Lab::new();
    cloned(&lab, "one");
    let child = start(muster(&lab).args(["each", "", "--", "sh", "-c", "setsid sleep 30 & echo done"]));
    let output = wait(child, Duration::from_secs(20));
    assert_eq!((output.status.code(), stdout(&lab, &output).as_str()), (Some(0), "one\ndone\n"));
}

/// Gone, or dead and waiting to be collected by whoever inherited it.
fn is_gone(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    test_kill_process(pid).is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn a_second_ctrl_c_leaves_nobody_behind() {
    let lab = Lab::new();
    cloned(&lab, "one");
    let pids = lab.folder().join("pids");
    std::fs::create_dir(&pids).expect("room");
    let script = r#"trap '' TERM INT HUP; : > "$PIDS/$$"; while :; do sleep 1; done"#;
    let child = start(muster(&lab).args(["each", "", "--", "sh", "-c", script]).env("PIDS", &pids));
    let running = until("the command runs", || Some(started(&pids)).filter(|pids| !pids.is_empty()));
    kill_process(pid(&child), Signal::INT).expect("it runs");
    std::thread::sleep(Duration::from_millis(200));
    kill_process(pid(&child), Signal::INT).expect("it runs");
    let output = wait(child, Duration::from_secs(20));
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&lab, &output));
    for pid in running {
        until("the command is gone", || is_gone(pid).then_some(()));
    }
}

#[test]
fn output_without_end_is_cut() {
    let lab = Lab::new();
    cloned(&lab, "one");
    let output = run(&lab, &["each", "", "--", "head", "-c", "70000000", "/dev/zero"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.ends_with(b"\0\n[output cut after 64 MiB]\n"));
    assert!(output.stdout.len() < 68_000_000, "{}", output.stdout.len());
}
