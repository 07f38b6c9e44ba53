//! A program in a process group of its own, so that it ends together with all it started: hooks, ssh, the halves of a
//! transfer. Knows nothing of git, of limits or of what the output means; who waits decides for how long.

use std::{
    io::{self, Read},
    os::unix::process::CommandExt,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, setpriority_pgrp, waitid};

/// So long may something that left the group hold the output.
pub(crate) const DRAIN: Duration = Duration::from_secs(1);

/// A running group. Ended and reaped when dropped.
#[derive(Debug)]
pub(crate) struct Group {
    child: Child,
    id: Pid,
    is_reaped: bool,
}

impl Group {
    /// Starts the program as the first of a new group.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        let id = Pid::from_child(&child);
        Ok(Self { child, id, is_reaped: false })
    }

    /// The same behind everything else that wants the processor: for what nobody waits for by the second.
    pub(crate) fn spawn_behind(command: &mut Command) -> io::Result<Self> {
        /// Of 19; a process at 0 gets about ten times the time of one at 10.
        const BEHIND: i32 = 10;

        let group = Self::spawn(command)?;
        // What it starts inherits it. Where it is not allowed, it runs beside the others.
        let _ = setpriority_pgrp(Some(group.id), BEHIND);
        Ok(group)
    }

    /// Takes the pipe to the program's input, if there is one.
    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Takes the pipe of its output.
    pub(crate) fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Takes the pipe of its errors.
    pub(crate) fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// The program has ended by itself. Does not reap it, so that its number stays its own.
    pub(crate) fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.is_reaped || !matches!(waitid(WaitId::Pid(self.id), options), Ok(None))
    }

    /// Ends the program and all that it started.
    pub(crate) fn kill(&self) {
        if !self.is_reaped {
            // Fails only if all have ended already.
            let _ = kill_process_group(self.id, Signal::KILL);
        }
    }

    /// Waits for the program alone, then ends what it left behind.
    pub(crate) fn wait(mut self) -> io::Result<ExitStatus> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(self.id), options), Err(rustix::io::Errno::INTR)) {}
        self.end()
    }

    /// Ends what still runs of the group, and reaps the program.
    fn end(&mut self) -> io::Result<ExitStatus> {
        // Before the child is reaped, so that the number is still its own.
        self.kill();
        let status = self.child.wait();
        self.is_reaped = true;
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_reaped {
            // How it ended is nobody's question any more.
            let _ended = self.end();
        }
    }
}

/// Reads to the end in a thread of its own and keeps the first `most` bytes.
pub(crate) fn collect(mut stream: impl Read + Send + 'static, most: u64) -> Receiver<Collected> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What could be read counts, whatever ended it.
        let _ = (&mut stream).take(most).read_to_end(&mut bytes);
        let rest = io::copy(&mut stream, &mut io::sink()).unwrap_or(0);
        // Nobody waits any more after a time limit.
        let _ = sender.send(Collected { bytes, is_cut: rest > 0 });
    });
    receiver
}

/// What came out of a pipe.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// The beginning.
    pub(crate) bytes: Vec<u8>,
    /// There was more.
    pub(crate) is_cut: bool,
}

/// What was collected, once the program has ended.
pub(crate) fn drained(stream: Option<Receiver<Collected>>) -> Collected {
    stream.and_then(|stream| stream.recv_timeout(DRAIN).ok()).unwrap_or_default()
}
