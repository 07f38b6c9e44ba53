//! Reads commits with what they changed. The numbers are git's own: one `git log --numstat` for each contiguous piece of
//! the list, several at once, because git counts on one core only. The commits come back in the order of the list,
//! in batches; a slow caller makes the gits wait, so that memory is bounded whatever the history holds.

use std::{
    io::{BufRead, BufReader, Write},
    num::NonZeroUsize,
    ops::ControlFlow,
    process::Stdio,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use bstr::ByteSlice;
use muster_model::Commit;

use crate::group::{Group, collect, drained};

use super::{
    error::MirrorError,
    folder::Mirror,
    parse::{FORMAT, Parser, Unreadable},
    program::Git,
    remote::is_id,
    transfer::Call,
    watch::{MirrorLimits, Phase, Progress, Watch},
};

/// Commits of a piece at least. Each piece costs: its git unpacks again what its neighbour has in memory (measured: two
/// pieces of 500 commits take 1.1 to 1.2 times the processor time of one of 1,000; eight take 1.25 to 1.4 times).
const LEAST_PIECE: usize = 128;
/// And at most, so that a whole piece fits the queue and no process waits for the caller to take the one before.
const MOST_PIECE: usize = 1_000;
/// Commits of a batch, and files and bytes of messages in it, roughly.
const BATCH: usize = 50;
const BATCH_WEIGHT: usize = 1 << 20;
/// Batches of a piece that wait for the caller.
const QUEUE: usize = 20;
/// Bytes: glibc keeps freed buffers up to this size instead of giving them back, which git makes it do for every file it
/// compares. Measured: a fifth less processor time, most of it page faults. Other libraries ignore the variables.
const KEPT_BUFFER: &str = "33554432";
const KEPT_MEMORY: &str = "134217728";
/// How often the caller's wish to stop is looked at.
const TICK: Duration = Duration::from_millis(20);
/// How often a git that has printed everything is looked at.
const END_TICK: Duration = Duration::from_micros(200);

/// Reads these commits, in this order, with up to `processes` gits at once. `mailmap` is the blob that a [`super::Listing`]
/// names. `sink` gets them in batches and may stop the reading, which is no error.
///
/// A commit with more than 20,000 files, or more than 4 MiB of paths, lists the first of them; its size counts all.
pub fn read_commits(
    mirror: &Mirror,
    ids: &[String],
    mailmap: Option<&str>,
    processes: NonZeroUsize,
    limits: &MirrorLimits,
    watch: &Watch<'_>,
    sink: &mut dyn FnMut(Vec<Commit>) -> ControlFlow<()>,
) -> Result<(), MirrorError> {
    let call = Call::new(mirror.path().display().to_string(), limits, watch);
    if let Some(odd) = ids.iter().map(String::as_str).chain(mailmap).find(|id| !is_id(id)) {
        let message = format!("'{odd}' is no id of an object");
        return Err(MirrorError::Failed { what: "log".to_owned(), place: call.place, message });
    }
    let length = ids.len().div_ceil(processes.get()).clamp(LEAST_PIECE, MOST_PIECE);
    let (pieces, receivers): (Vec<_>, Vec<_>) = ids
        .chunks(length)
        .map(|ids| {
            let (sender, receiver) = sync_channel(QUEUE);
            (Piece { ids, sender: Mutex::new(Some(sender)) }, receiver)
        })
        .unzip();
    let slots: Vec<Slot> = (0..processes.get().min(pieces.len())).map(|_| Slot::default()).collect();
    let shared =
        Shared { mirror, mailmap, pieces, next: AtomicUsize::new(0), is_over: AtomicBool::new(false) };
    thread::scope(|scope| {
        for slot in &slots {
            let shared = &shared;
            scope.spawn(move || work(shared, slot));
        }
        let done = hand_over(receivers, ids.len() as u64, &call, sink);
        // Whoever waits for a caller that has gone finds the channel closed; whoever waits for git finds it ended.
        shared.is_over.store(true, Ordering::SeqCst);
        for slot in &slots {
            if let Some(group) = lock(slot).as_ref() {
                group.kill();
            }
        }
        done
    })
}

type Batch = Result<Vec<Commit>, MirrorError>;
/// The git that a worker runs.
type Slot = Mutex<Option<Group>>;

struct Piece<'a> {
    ids: &'a [String],
    /// Taken by who works on it.
    sender: Mutex<Option<SyncSender<Batch>>>,
}

struct Shared<'a> {
    mirror: &'a Mirror,
    mailmap: Option<&'a str>,
    pieces: Vec<Piece<'a>>,
    next: AtomicUsize,
    is_over: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the batches of all pieces to the caller, in order.
fn hand_over(
    receivers: Vec<Receiver<Batch>>,
    total: u64,
    call: &Call<'_>,
    sink: &mut dyn FnMut(Vec<Commit>) -> ControlFlow<()>,
) -> Result<(), MirrorError> {
    let mut progress = Progress { phase: Phase::Reading, done: 0, total: Some(total), bytes: 0 };
    for receiver in receivers {
        loop {
            call.check()?;
            match receiver.recv_timeout(TICK) {
                Ok(batch) => {
                    let batch = batch?;
                    progress.done += batch.len() as u64;
                    if sink(batch).is_break() {
                        return Ok(());
                    }
                    (call.watch.progress)(progress);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    }
    Ok(())
}

/// Takes one piece after the other. They are begun in order, so that the one the caller waits for is always worked on.
fn work(shared: &Shared<'_>, slot: &Slot) {
    while let Some(piece) = shared.pieces.get(shared.next.fetch_add(1, Ordering::Relaxed)) {
        let Some(sender) = lock(&piece.sender).take() else { return };
        if let Err(error) = read_piece(shared, slot, piece.ids, &sender) {
            // The caller may have gone.
            let _ = sender.send(Err(error));
            return;
        }
    }
}

fn read_piece(
    shared: &Shared<'_>,
    slot: &Slot,
    ids: &[String],
    sender: &SyncSender<Batch>,
) -> Result<(), MirrorError> {
    let mirror = shared.mirror;
    let place = mirror.path().display().to_string();
    let mut git = mirror.git().command_in(mirror.path());
    git.env("MALLOC_MMAP_THRESHOLD_", KEPT_BUFFER).env("MALLOC_TRIM_THRESHOLD_", KEPT_MEMORY);
    // Without a name, git would take the one that HEAD has now; this one can never exist.
    git.args(["-c", &format!("mailmap.blob={}", shared.mailmap.unwrap_or("refs/none"))]);
    git.args(["log", "--no-walk=unsorted", "--stdin", "-z", "--numstat", "-M", "--diff-merges=off"]);
    git.args(["--no-ext-diff", "--no-textconv", "--date=raw", FORMAT]).stdin(Stdio::piped());
    let (stdin, stdout, stderr) = {
        let mut slot = lock(slot);
        if shared.is_over.load(Ordering::SeqCst) {
            return Ok(());
        }
        let group = slot.insert(Group::spawn_behind(&mut git).map_err(|error| Git::missing(&error))?);
        (group.take_stdin(), group.take_stdout(), group.take_stderr())
    };
    let stderr = stderr.map(|stream| collect(stream, 1 << 16));
    if let Some(mut stdin) = stdin {
        // git reads all of it before it prints. If it has ended, its own words are the better error.
        let _ = stdin.write_all((ids.join("\n") + "\n").as_bytes());
    }
    let sent = match stdout {
        Some(stdout) => send(&mut Parser::new(BufReader::with_capacity(1 << 16, stdout)), ids, sender),
        None => Ok(()),
    };
    // Its pipe is closed, so it ends soon; until then it can be ended from outside.
    while lock(slot).as_ref().is_some_and(|group| !group.has_ended()) {
        thread::sleep(END_TICK);
    }
    let Some(group) = lock(slot).take() else { return Ok(()) };
    let status = group.wait().map_err(|error| Git::missing(&error))?;
    let said = drained(stderr).bytes;
    if !status.success() && !said.is_empty() {
        return Err(MirrorError::classify("log", &place, mirror.path(), &said.to_str_lossy()));
    }
    sent.map_err(|Unreadable(message)| MirrorError::Corrupt { place, message })
}

/// Sends what is read in batches, until all are read or nobody listens.
fn send(
    parser: &mut Parser<impl BufRead>,
    ids: &[String],
    sender: &SyncSender<Batch>,
) -> Result<(), Unreadable> {
    let (mut batch, mut weight) = (Vec::new(), 0);
    for id in ids {
        let commit = parser.next(id)?;
        weight += commit.message.len() + 64 * commit.files.len();
        batch.push(commit);
        if batch.len() >= BATCH || weight >= BATCH_WEIGHT {
            weight = 0;
            let Ok(()) = sender.send(Ok(std::mem::take(&mut batch))) else { return Ok(()) };
        }
    }
    if !batch.is_empty() {
        // Nobody may listen any more.
        let _ = sender.send(Ok(batch));
    }
    Ok(())
}
