//! Runs the built program inside a lab and hands back what it said. Nothing here waits for ever: a program that has
//! not ended after [`LIMIT`] is ended, and the test fails.

use std::{
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use muster_testkit::Lab;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// No test needs nearly as long, also on a slow and busy machine.
pub(crate) const LIMIT: Duration = Duration::from_mins(2);

/// The program with the lab's environment, standing in the lab's root.
pub(crate) fn muster(lab: &Lab) -> Command {
    sealed(lab, Command::new(env!("CARGO_BIN_EXE_muster")))
}

/// Any command with the lab's environment, standing in the lab's root.
pub(crate) fn sealed(lab: &Lab, mut command: Command) -> Command {
    lab.seal(&mut command).current_dir(lab.root());
    command
}

/// Runs with these arguments.
#[track_caller]
pub(crate) fn run(lab: &Lab, args: &[&str]) -> Output {
    finish(muster(lab).args(args))
}

/// Runs a command to its end.
#[track_caller]
pub(crate) fn finish(command: &mut Command) -> Output {
    wait(start(command), LIMIT)
}

/// Starts a command with both streams caught.
#[track_caller]
pub(crate) fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
}

/// What the child said, once it has ended by itself within `limit`.
#[track_caller]
pub(crate) fn wait(child: Child, limit: Duration) -> Output {
    let id = pid(&child);
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    if let Ok(output) = ended.recv_timeout(limit) {
        return output.expect("its output can be read");
    }
    let _ = kill_process(id, Signal::KILL);
    panic!("the program did not end within {limit:?}")
}

/// The id of a running child.
pub(crate) fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// Asks again and again until there is an answer, at most [`LIMIT`].
#[track_caller]
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begin.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The projects of `scan --format json` over the lab's root.
#[track_caller]
pub(crate) fn scan(lab: &Lab, args: &[&str]) -> Vec<Value> {
    let output = run(lab, &[&["scan", "--format", "json"], args].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 4)), "{:?}: {stderr}", output.status);
    projects(&output)
}

/// The projects that `scan --format json` printed.
#[track_caller]
pub(crate) fn projects(output: &Output) -> Vec<Value> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("no JSON on stdout ({error}); stderr: {stderr}"));
    document["projects"].as_array().expect("projects").clone()
}

/// The project of that name.
#[track_caller]
pub(crate) fn named<'a>(projects: &'a [Value], name: &str) -> &'a Value {
    projects
        .iter()
        .find(|project| project["name"] == name)
        .unwrap_or_else(|| panic!("no project {name} among {:?}", names(projects)))
}

/// The names of the projects, in the order listed.
pub(crate) fn names(projects: &[Value]) -> Vec<&str> {
    projects.iter().map(|project| project["name"].as_str().expect("a name")).collect()
}

/// stdout as text, with the lab's path taken out.
pub(crate) fn stdout(lab: &Lab, output: &Output) -> String {
    without_path(lab.root(), &String::from_utf8_lossy(&output.stdout))
}

/// stderr as text, with the lab's path taken out.
pub(crate) fn stderr(lab: &Lab, output: &Output) -> String {
    without_path(lab.root(), &String::from_utf8_lossy(&output.stderr))
}

fn without_path(root: &Path, text: &str) -> String {
    text.replace(&*root.to_string_lossy(), "ROOT")
}
