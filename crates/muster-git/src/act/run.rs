//! Runs the git program once: no questions, no input, a time limit, bounded output, and nothing left behind. What it
//! starts (hooks, ssh) is in its process group, which is ended as a whole.

use std::{
    ffi::OsStr,
    io::Read,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::identity::REPOSITORY_VARIABLES;

use super::ActError;

/// A push over a slow line, a commit with a hook that runs tests: after this they are ended.
const LIMIT: Duration = Duration::from_mins(2);
/// How often the program is looked at.
const TICK: Duration = Duration::from_millis(5);
/// So long may something that left the group hold the output.
const DRAIN: Duration = Duration::from_secs(1);
/// Bytes kept of each stream.
const MOST_OUTPUT: u64 = 4 << 20;

/// A program that has ended by itself.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) is_success: bool,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    /// There was more output.
    pub(super) is_cut: bool,
}

/// Runs git in `path`, which is the repository: it is not looked for in the folders above.
pub(super) fn git<S: AsRef<OsStr>>(
    path: &Path,
    args: impl IntoIterator<Item = S>,
) -> Result<Finished, ActError> {
    let args: Vec<_> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
    let mut command = Command::new("git");
    // Nothing may go on in the background when the answer is there.
    command.args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"]).args(&args).current_dir(path);
    for name in REPOSITORY_VARIABLES {
        command.env_remove(name);
    }
    command
        .env("GIT_CEILING_DIRECTORIES", path.parent().unwrap_or(path))
        .env("GIT_LITERAL_PATHSPECS", "1")
        .env("GIT_OPTIONAL_LOCKS", "0")
        // Nobody is there to answer.
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_EDITOR", "false")
        .env("GIT_ASKPASS", "false")
        .env("SSH_ASKPASS", "false")
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("GCM_INTERACTIVE", "never")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn().map_err(|error| ActError::NotStarted(error.to_string()))?;
    let stdout = child.stdout.take().map(collect);
    let stderr = child.stderr.take().map(collect);
    let group = Pid::from_child(&child);
    let has_ended = wait(group);
    // Before the child is reaped, so that the number is still its own.
    let _ = kill_process_group(group, Signal::KILL);
    let status = child.wait().map_err(|error| ActError::NotStarted(error.to_string()))?;
    if !has_ended {
        let what = args.iter().find(|arg| !arg.as_encoded_bytes().starts_with(b"-"));
        let what = what.map(|what| what.to_string_lossy().into_owned()).unwrap_or_default();
        return Err(ActError::TimedOut { what, seconds: LIMIT.as_secs() });
    }
    let (stdout, is_stdout_cut) = drained(stdout);
    let (stderr, _) = drained(stderr);
    Ok(Finished { is_success: status.success(), stdout, stderr, is_cut: is_stdout_cut })
}

/// Waits for the end without reaping; false if it did not come in time.
fn wait(child: Pid) -> bool {
    let begin = Instant::now();
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    while begin.elapsed() < LIMIT {
        if !matches!(waitid(WaitId::Pid(child), options), Ok(None)) {
            return true;
        }
        thread::sleep(TICK);
    }
    false
}

/// Reads to the end and keeps the beginning.
fn collect(mut stream: impl Read + Send + 'static) -> Receiver<(Vec<u8>, bool)> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut kept = Vec::new();
        // What could be read counts, whatever ended it.
        let _ = (&mut stream).take(MOST_OUTPUT).read_to_end(&mut kept);
        let rest = std::io::copy(&mut stream, &mut std::io::sink()).unwrap_or(0);
        // Nobody waits any more after a time limit.
        let _ = sender.send((kept, rest > 0));
    });
    receiver
}

fn drained(stream: Option<Receiver<(Vec<u8>, bool)>>) -> (Vec<u8>, bool) {
    stream.and_then(|stream| stream.recv_timeout(DRAIN).ok()).unwrap_or_default()
}
