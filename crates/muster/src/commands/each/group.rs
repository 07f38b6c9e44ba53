//! Running one command with everything it starts: each leads a process group of its own, which is ended as a whole.

use std::{
    io::{self, PipeReader, Read},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// How often a running command is looked at.
const TICK: Duration = Duration::from_millis(10);
/// After this, a command that was asked to end is ended.
const GRACE: Duration = Duration::from_secs(2);
/// So long may a background process hold the output after its command has ended.
const DRAIN: Duration = Duration::from_secs(1);
/// What is kept of the output of one command.
const MOST_OUTPUT: usize = 64 << 20;

/// The groups that run now, so that none is left behind when the program has to end at once.
#[derive(Debug, Default)]
pub(crate) struct Groups(Mutex<Running>);

#[derive(Debug, Default)]
struct Running {
    groups: Vec<Pid>,
    is_closed: bool,
}

impl Groups {
    /// Ends all groups, and lets no other begin.
    pub(crate) fn kill_all(&self) {
        let mut running = self.lock();
        running.is_closed = true;
        for &group in &running.groups {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// Starts a command. Under the lock, so that no group escapes [`Self::kill_all`].
    fn spawn(&self, command: &mut Command) -> io::Result<(Child, Pid)> {
        let mut running = self.lock();
        if running.is_closed {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let child = command.process_group(0).spawn()?;
        let group = Pid::from_child(&child);
        running.groups.push(group);
        Ok((child, group))
    }

    fn forget(&self, group: Pid) {
        self.lock().groups.retain(|&other| other != group);
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a command ended and what it wrote.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) output: Vec<u8>,
    /// It wrote more than is kept.
    pub(super) is_cut: bool,
    result: io::Result<ExitStatus>,
}

impl Outcome {
    pub(super) fn failure(&self) -> Option<String> {
        match &self.result {
            Ok(status) if status.success() => None,
            Ok(status) => Some(match (status.code(), status.signal()) {
                (Some(code), _) => format!("exit code {code}"),
                (None, Some(signal)) => format!("ended by signal {signal}"),
                (None, None) => "ended for an unknown reason".to_owned(),
            }),
            Err(error) => Some(format!("cannot be started: {error}")),
        }
    }

    /// What is said when more was written than is kept.
    pub(super) fn cut_note() -> String {
        format!("output cut after {} MiB", MOST_OUTPUT >> 20)
    }
}

/// Runs one command to its end, or until `interrupt`. stdout and stderr share one pipe, in the order written.
pub(super) fn run(mut command: Command, groups: &Groups, interrupt: &AtomicBool) -> Outcome {
    let start = || -> io::Result<(Child, Pid, PipeReader)> {
        let (reader, writer) = io::pipe()?;
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        let (child, group) = groups.spawn(&mut command)?;
        // Drop our ends of the pipe, or reading would never end.
        drop(command);
        Ok((child, group, reader))
    };
    let (mut child, group, reader) = match start() {
        Ok(started) => started,
        Err(error) => return Outcome { output: Vec::new(), is_cut: false, result: Err(error) },
    };
    let kept = Arc::new(Mutex::new(Kept::default()));
    let reading = {
        let kept = Arc::clone(&kept);
        thread::spawn(move || read_all(reader, &kept))
    };
    wait_for_both(group, &reading, interrupt);
    groups.forget(group);
    // Only now: as long as the leader is not collected, nobody else can get the number of its group.
    let result = child.wait();
    let kept = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
    Outcome { output: kept.output, is_cut: kept.is_cut, result }
}

#[derive(Debug, Default)]
struct Kept {
    output: Vec<u8>,
    is_cut: bool,
}

/// Reads to the end, also what is not kept: a full pipe would stop the command.
fn read_all(mut reader: PipeReader, kept: &Mutex<Kept>) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = match reader.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST_OUTPUT - kept.output.len();
        kept.is_cut |= length > room;
        kept.output.extend_from_slice(&buffer[..length.min(room)]);
    }
}

/// Waits until the command has ended and its output too. What goes on after the command is ended, and what escapes
/// even that, having left the group, is no longer listened to.
fn wait_for_both(group: Pid, reading: &thread::JoinHandle<()>, interrupt: &AtomicBool) {
    let (mut ended, mut asked, mut killed) = (None::<Instant>, None::<Instant>, None::<Instant>);
    let is_over = |since: Option<Instant>, limit| since.is_some_and(|since| since.elapsed() > limit);
    loop {
        if ended.is_none() && has_ended(group) {
            ended = Some(Instant::now());
        }
        if asked.is_none() && interrupt.load(Ordering::Relaxed) {
            let _ = kill_process_group(group, Signal::TERM);
            asked = Some(Instant::now());
        }
        if asked.is_some() && ended.is_some() && killed.is_none()
            || is_over(asked, GRACE) && killed.is_none()
            || is_over(ended, DRAIN) && killed.is_none()
        {
            let _ = kill_process_group(group, Signal::KILL);
            killed = Some(Instant::now());
        }
        if ended.is_some() && (reading.is_finished() || is_over(killed, DRAIN)) {
            return;
        }
        thread::sleep(TICK);
    }
}

/// The leader of the group has ended; it is not collected yet.
fn has_ended(group: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match waitid(WaitId::Pid(group), options) {
        Ok(status) => status.is_some(),
        Err(error) => error != rustix::io::Errno::INTR,
    }
}
