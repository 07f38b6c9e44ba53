//! Runs the git program once: no questions, no input, a time limit, bounded output, and nothing left behind. What it
//! starts (hooks, ssh) is in its process group, which is ended as a whole.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    group::{Collected, Group, collect, drained},
    identity::REPOSITORY_VARIABLES,
};

use super::ActError;

/// A push over a slow line, a commit with a hook that runs tests: after this they are ended.
const LIMIT: Duration = Duration::from_mins(2);
/// How often the program is looked at.
const TICK: Duration = Duration::from_millis(5);
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
        .stderr(Stdio::piped());
    let not_started = |error: std::io::Error| ActError::NotStarted(error.to_string());
    let mut group = Group::spawn(&mut command).map_err(not_started)?;
    let stdout = group.take_stdout().map(|stream| collect(stream, MOST_OUTPUT));
    let stderr = group.take_stderr().map(|stream| collect(stream, MOST_OUTPUT));
    if !has_ended_in_time(&group) {
        let what = args.iter().find(|arg| !arg.as_encoded_bytes().starts_with(b"-"));
        let what = what.map(|what| what.to_string_lossy().into_owned()).unwrap_or_default();
        return Err(ActError::TimedOut { what, seconds: LIMIT.as_secs() });
    }
    let status = group.wait().map_err(not_started)?;
    let Collected { bytes: stdout, is_cut } = drained(stdout);
    let Collected { bytes: stderr, .. } = drained(stderr);
    Ok(Finished { is_success: status.success(), stdout, stderr, is_cut })
}

fn has_ended_in_time(group: &Group) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < LIMIT {
        if group.has_ended() {
            return true;
        }
        thread::sleep(TICK);
    }
    false
}
