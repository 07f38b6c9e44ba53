//! A server that cannot outlive its test.
//!
//! A small shell script stands over it and reads from a pipe that only the test's process holds: when that process
//! ends, in whatever way, the pipe closes, and the script stops the server and removes the folder. That works for
//! `kill -9` too, needs no thread that lives long enough, and leaves no shared memory behind.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::fs::chown,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::unprivileged::{NOBODY, is_root};

/// A server that does not come up within this time does not come up.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// What servers say when they listen, in small letters.
const READY: &str = "ready to accept connections";

/// Runs the program given to it until the standard input ends, then removes the folder given first, unless it was told
/// to keep it. The second word is the signal that stops the server. Signals to the group of the test are for the
/// server, not for the one that must clean up behind it.
const SUPERVISOR: &str = r#"
trap '' HUP INT TERM
folder=$1; signal=$2; shift 2
exec 3<&0
"$@" </dev/null 3<&- >&2 &
server=$!
told=
read -r told <&3
kill -"$signal" "$server" 2>/dev/null
wait "$server"
[ "$told" = keep ] || rm -rf -- "$folder"
"#;

#[derive(Debug)]
pub(crate) struct Supervised {
    supervisor: Child,
    log: JoinHandle<()>,
}

impl Supervised {
    /// Runs `server`, which speaks on its outputs, until it says that it is ready. What it said instead, if it does not.
    pub(crate) fn start(folder: &Path, signal: &str, server: &Command) -> Result<Self, String> {
        let mut supervisor = Command::new("sh");
        supervisor.args(["-c", SUPERVISOR, "sh"]).arg(folder).arg(signal);
        supervisor.arg(server.get_program()).args(server.get_args());
        supervisor.env("LC_ALL", "C").current_dir("/");
        supervisor.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut supervisor = must("start a shell", supervisor.spawn());
        let Some(stderr) = supervisor.stderr.take() else { panic!("the server has no log") };
        let (tell, told) = mpsc::channel();
        let log = thread::spawn(move || {
            // Read to the end: a server that cannot write its log stands still.
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // The test may have ended its wait.
                let _heard = tell.send(line);
            }
        });
        let running = Self { supervisor, log };
        let mut lines = Vec::new();
        loop {
            match told.recv_timeout(START_TIMEOUT) {
                Ok(line) if line.to_ascii_lowercase().contains(READY) => return Ok(running),
                Ok(line) => lines.push(line),
                Err(error) => {
                    running.stop();
                    return Err(format!("{error}:\n{}", lines.join("\n")));
                }
            }
        }
    }

    /// Stops the server at once; its folder stays.
    pub(crate) fn stop(mut self) {
        if let Some(mut stdin) = self.supervisor.stdin.take() {
            // Without a reader the supervisor is gone, and with it the server.
            let _told = stdin.write_all(b"keep\n");
        }
        // Both end with the server; how it ended is not what a test is about.
        let _ended = self.supervisor.wait();
        let _drained = self.log.join();
    }
}

pub(crate) fn give_to_nobody(folder: &Path) {
    if is_root() {
        must("give a folder away", chown(folder, Some(NOBODY), Some(NOBODY)));
    }
}

#[track_caller]
pub(crate) fn must<T>(what: &str, result: std::io::Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("cannot {what}: {error}"),
    }
}
