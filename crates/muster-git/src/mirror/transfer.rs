//! Runs one git that talks to the other side, and stands over it: tells of progress, and ends it with all that it
//! started when it is silent for too long, takes too long, grows too large, or the caller has had enough.
//!
//! git says how far it is on its error stream, in lines that end with a carriage return. What it says besides is kept,
//! the last words of it, for the error.

use std::{
    collections::VecDeque,
    io::Read,
    path::Path,
    process::Command,
    sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    thread,
    time::{Duration, Instant},
};

use bstr::ByteSlice;

use crate::group::{Collected, DRAIN, Group, collect, drained};

use super::{
    error::MirrorError,
    folder::folder_bytes,
    program::Git,
    watch::{MirrorLimits, Phase, Progress, Watch},
};

/// How often the program is looked at.
const TICK: Duration = Duration::from_millis(5);
/// How often its folder is, at least; a folder that takes long to look at is looked at less often.
const SIZE_TICK: Duration = Duration::from_millis(100);
/// Bytes of a line that are looked at, and of last words that are kept.
const MOST_LINE: usize = 4_096;
const MOST_WORDS: usize = 16 * 1024;
/// Lines that wait to be looked at.
const QUEUE: usize = 64;

/// One call from outside, which may run several programs under its limits.
pub(super) struct Call<'a> {
    pub(super) place: String,
    pub(super) limits: &'a MirrorLimits,
    pub(super) watch: &'a Watch<'a>,
    begin: Instant,
}

/// What is run.
pub(super) struct Task<'a> {
    pub(super) what: &'a str,
    /// The folder it writes to, which must not grow too large.
    pub(super) folder: &'a Path,
    /// Bytes of its output that are kept.
    pub(super) most_output: u64,
}

impl<'a> Call<'a> {
    pub(super) fn new(place: String, limits: &'a MirrorLimits, watch: &'a Watch<'a>) -> Self {
        Self { place, limits, watch, begin: Instant::now() }
    }

    /// The caller has not had enough, and there is time left.
    pub(super) fn check(&self) -> Result<(), MirrorError> {
        if self.watch.is_cancelled() {
            return Err(MirrorError::Cancelled);
        }
        if self.begin.elapsed() >= self.limits.wall {
            return Err(MirrorError::TimedOut {
                place: self.place.clone(),
                seconds: self.limits.wall.as_secs(),
            });
        }
        Ok(())
    }

    /// Runs `git` to its end and gives what it printed.
    pub(super) fn run(&self, git: &mut Command, task: &Task<'_>) -> Result<Collected, MirrorError> {
        self.check()?;
        let mut group = Group::spawn_behind(git).map_err(|error| Git::missing(&error))?;
        let stdout = group.take_stdout().map(|stream| collect(stream, task.most_output));
        let lines = group.take_stderr().map(lines);
        let mut words = Words::default();
        let mut size = Size::new(task.folder, self.limits.max_bytes);
        let mut progress = Progress { phase: Phase::Connecting, done: 0, total: None, bytes: 0 };
        let mut last_sign = Instant::now();
        // Dropping the group on any way out ends it.
        while !group.has_ended() {
            self.check()?;
            match next_line(lines.as_ref()) {
                Some(line) => {
                    last_sign = Instant::now();
                    if let Some(read) = read_progress(&line) {
                        progress = Progress { bytes: progress.bytes, ..read };
                        (self.watch.progress)(progress);
                    } else {
                        words.keep(line);
                    }
                }
                None if last_sign.elapsed() >= self.limits.stall => {
                    let seconds = self.limits.stall.as_secs();
                    return Err(MirrorError::Stalled { place: self.place.clone(), seconds });
                }
                None => {}
            }
            if size.look_now_and_then() {
                last_sign = Instant::now();
                progress.bytes = size.bytes;
                (self.watch.progress)(progress);
            }
            self.check_size(&size)?;
        }
        let status = group.wait().map_err(|error| Git::missing(&error))?;
        // What it said last may still be on its way; what left the group may hold the pipe for ever.
        let drain = Instant::now();
        while let Some(lines) = lines.as_ref()
            && let Ok(line) = lines.recv_timeout(DRAIN.saturating_sub(drain.elapsed()))
        {
            words.keep(line);
        }
        if !status.success() {
            let said = words.text();
            return Err(MirrorError::classify(task.what, &self.place, task.folder, &said));
        }
        size.look();
        self.check_size(&size)?;
        Ok(drained(stdout))
    }

    fn check_size(&self, size: &Size<'_>) -> Result<(), MirrorError> {
        if size.bytes > size.most {
            return Err(MirrorError::TooLarge { place: self.place.clone(), limit: size.most });
        }
        Ok(())
    }
}

/// Reads lines in a thread of its own, so that they can be waited for.
fn lines(mut stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::sync_channel(QUEUE);
    thread::spawn(move || send_lines(&mut stream, &sender));
    receiver
}

fn send_lines(stream: &mut impl Read, sender: &SyncSender<Vec<u8>>) {
    let mut buffer = [0; MOST_LINE];
    let mut line = Vec::new();
    loop {
        // Whatever ends it, it is over.
        let read = stream.read(&mut buffer).unwrap_or(0);
        for &byte in &buffer[..read] {
            let is_end = matches!(byte, b'\n' | b'\r');
            if !is_end {
                line.push(byte);
            }
            if (is_end && !line.is_empty()) || line.len() >= MOST_LINE {
                // Nobody listens any more after a limit.
                let Ok(()) = sender.send(std::mem::take(&mut line)) else { return };
            }
        }
        if read == 0 {
            let _unheard = sender.send(line);
            return;
        }
    }
}

fn next_line(lines: Option<&Receiver<Vec<u8>>>) -> Option<Vec<u8>> {
    match lines.map(|lines| lines.recv_timeout(TICK)) {
        Some(Ok(line)) => Some(line),
        Some(Err(RecvTimeoutError::Timeout)) => None,
        Some(Err(RecvTimeoutError::Disconnected)) | None => {
            thread::sleep(TICK);
            None
        }
    }
}

/// The last words.
#[derive(Default)]
struct Words {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Words {
    fn keep(&mut self, line: Vec<u8>) {
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.bytes > MOST_WORDS
            && let Some(first) = self.lines.pop_front()
        {
            self.bytes -= first.len();
        }
    }

    fn text(&self) -> String {
        let lines: Vec<_> = self.lines.iter().map(|line| line.to_str_lossy()).collect();
        lines.join("\n")
    }
}

/// A folder that grows.
struct Size<'a> {
    folder: &'a Path,
    most: u64,
    bytes: u64,
    next: Instant,
}

impl<'a> Size<'a> {
    fn new(folder: &'a Path, most: u64) -> Self {
        Self { folder, most, bytes: 0, next: Instant::now() + SIZE_TICK }
    }

    /// Looks if it is time to; true if it grew.
    fn look_now_and_then(&mut self) -> bool {
        Instant::now() >= self.next && self.look()
    }

    fn look(&mut self) -> bool {
        let begin = Instant::now();
        let before = std::mem::replace(&mut self.bytes, folder_bytes(self.folder));
        self.next = Instant::now() + SIZE_TICK.max(begin.elapsed() * 10);
        self.bytes > before
    }
}

/// How far git is, if it says so: `Receiving objects:  42% (42/100), 1.00 MiB | 2.00 MiB/s`.
fn read_progress(line: &[u8]) -> Option<Progress> {
    let line = line.to_str().ok()?;
    let line = line.strip_prefix("remote: ").unwrap_or(line);
    let (title, rest) = line.split_once(": ")?;
    let phase = match title {
        "Enumerating objects" | "Counting objects" => Phase::Counting,
        "Compressing objects" => Phase::Compressing,
        "Receiving objects" | "Unpacking objects" => Phase::Receiving,
        "Resolving deltas" => Phase::Resolving,
        _ => return None,
    };
    let progress = |done, total| Progress { phase, done, total, bytes: 0 };
    let counts = rest.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(counts, _)| counts);
    if let Some((done, total)) = counts.and_then(|counts| counts.split_once('/')) {
        return Some(progress(done.parse().ok()?, Some(total.parse().ok()?)));
    }
    let digits = rest.trim_start().split(|letter: char| !letter.is_ascii_digit()).next()?;
    Some(progress(digits.parse().ok()?, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gits_progress_is_read() {
        let read =
            |line: &str| read_progress(line.as_bytes()).map(|read| (read.phase, read.done, read.total));
        assert_eq!(
            read("Receiving objects:  42% (42/100), 1.00 MiB | 2.00 MiB/s"),
            Some((Phase::Receiving, 42, Some(100)))
        );
        assert_eq!(
            read("remote: Counting objects: 100% (3/3), done.        "),
            Some((Phase::Counting, 3, Some(3)))
        );
        assert_eq!(read("remote: Enumerating objects: 51, done."), Some((Phase::Counting, 51, None)));
        assert_eq!(read("remote: Welcome: (1/2)"), None);
        assert_eq!(read("Resolving deltas: odd"), None);
        assert_eq!(read("Receiving objects: 1% (99999999999999999999/1)"), None);
    }

    #[test]
    fn lines_without_an_end_are_cut() {
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        let text = [b"a\rb\n\n".as_slice(), &[b'x'; MOST_LINE + 1]].concat();
        send_lines(&mut text.as_slice(), &sender);
        drop(sender);
        let lengths: Vec<usize> = receiver.iter().map(|line| line.len()).collect();
        assert_eq!(lengths, [1, 1, MOST_LINE, 1]);
    }
}
