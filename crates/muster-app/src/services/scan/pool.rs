//! Reads groups in parallel, bounded and cancellable. A repository that does not answer in time (a dead network mount,
//! a file system that hangs) is given up: it is told to stop, listed as timed out, and its thread is replaced, so the
//! rest of the scan never waits for it.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use muster_model::{ErrorCode, RepoError, project::Project};

use super::{
    Watch,
    group::Group,
    project::{Read, Reader},
};
use crate::config::ScanConfig;

/// How often running readers are looked at.
const TICK: Duration = Duration::from_millis(50);
/// A reader that was told to stop gets this long before its thread is written off.
const GRACE: Duration = Duration::from_secs(2);
/// Stack of a reader.
const STACK_BYTES: usize = 256 * 1024 * 1024;

pub(super) struct Outcome {
    pub(super) read: ReadAll,
    pub(super) is_interrupted: bool,
}

/// What all readers brought together.
#[derive(Default)]
pub(super) struct ReadAll {
    pub(super) projects: Vec<Project>,
    /// Folders in which further repositories may lie.
    pub(super) unexplored: Vec<PathBuf>,
    /// Where changes must be watched for, one for each project.
    pub(super) watch: Vec<(PathBuf, Watch)>,
}

struct Shared {
    groups: Vec<Group>,
    next: AtomicUsize,
    running: Mutex<HashMap<usize, Running>>,
    reader: Arc<Reader>,
}

struct Running {
    since: Instant,
    stop: Arc<AtomicBool>,
}

/// Reads all groups; `done` is called after each.
pub(super) fn read_all(
    groups: Vec<Group>,
    reader: &Arc<Reader>,
    config: &ScanConfig,
    interrupt: &AtomicBool,
    done: &mut dyn FnMut(),
) -> Outcome {
    let total = groups.len();
    let shared = Arc::new(Shared {
        groups,
        next: AtomicUsize::new(0),
        running: Mutex::new(HashMap::new()),
        reader: Arc::clone(reader),
    });
    let (sender, results) = mpsc::channel();
    let started: Vec<_> = (0..config.threads().get().min(total)).map(|_| spawn(&shared, &sender)).collect();
    if let Some(Err(error)) = started.first() {
        // Not even one: the machine is out of threads or memory, and each project says so.
        let message = format!("no thread could be started to read it: {error}");
        let failed =
            |group: &Group| reader.given_up(group, RepoError::new(ErrorCode::TimedOut, message.clone()));
        let projects = shared.groups.iter().map(|group| failed(group).project).collect();
        return Outcome { read: ReadAll { projects, ..ReadAll::default() }, is_interrupted: false };
    }
    let mut slots: Vec<Option<Read>> = (0..total).map(|_| None).collect();
    let mut missing = total;
    let mut is_interrupted = false;
    while missing > 0 && !is_interrupted {
        match results.recv_timeout(TICK) {
            Ok((at, read)) => {
                let slot: &mut Option<Read> = &mut slots[at];
                // A reader that was written off may still answer: too late.
                if slot.is_none() {
                    *slot = Some(read);
                    missing -= 1;
                    done();
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        for at in overdue(&shared, config.timeout()) {
            if slots[at].is_none() {
                slots[at] = Some(timed_out(&shared, at, config.timeout()));
                missing -= 1;
                done();
                // If no thread is to be had, the others do its work.
                let _ = spawn(&shared, &sender);
            }
        }
        is_interrupted = interrupt.load(Ordering::Relaxed);
    }
    if is_interrupted {
        shared.next.store(total, Ordering::Relaxed);
        for running in lock(&shared).values() {
            running.stop.store(true, Ordering::Relaxed);
        }
    }
    let mut read = ReadAll::default();
    for one in slots.into_iter().flatten() {
        let watch = Watch { folders: one.watch, unexplored: one.unexplored.clone() };
        read.watch.push((one.project.path.clone(), watch));
        read.projects.push(one.project);
        read.unexplored.extend(one.unexplored);
    }
    Outcome { read, is_interrupted }
}

fn spawn(shared: &Arc<Shared>, sender: &Sender<(usize, Read)>) -> std::io::Result<()> {
    let (shared, sender) = (Arc::clone(shared), sender.clone());
    // Data of repositories can nest as deep as it likes, and not every reader of it counts; the memory is only used
    // when it is needed.
    let builder = thread::Builder::new().name("reader".to_owned()).stack_size(STACK_BYTES);
    let worker = move || {
        loop {
            let at = shared.next.fetch_add(1, Ordering::Relaxed);
            let Some(group) = shared.groups.get(at) else { return };
            let stop = Arc::new(AtomicBool::new(false));
            lock(&shared).insert(at, Running { since: Instant::now(), stop: Arc::clone(&stop) });
            let read = shared.reader.read(group, &stop);
            let is_ours = lock(&shared).remove(&at).is_some();
            if sender.send((at, read)).is_err() || !is_ours {
                return;
            }
        }
    };
    builder.spawn(worker).map(drop)
}

/// Tells readers that take too long to stop, and returns those that did not in time.
fn overdue(shared: &Shared, timeout: Duration) -> Vec<usize> {
    let mut running = lock(shared);
    for reading in running.values().filter(|reading| reading.since.elapsed() > timeout) {
        reading.stop.store(true, Ordering::Relaxed);
    }
    let lost: Vec<usize> = running
        .iter()
        .filter(|(_, reading)| reading.since.elapsed() > timeout + GRACE)
        .map(|(&at, _)| at)
        .collect();
    for at in &lost {
        running.remove(at);
    }
    lost
}

fn timed_out(shared: &Shared, at: usize, timeout: Duration) -> Read {
    let group = &shared.groups[at];
    let message = format!("reading {} took longer than {} s", group.path().display(), timeout.as_secs());
    shared.reader.given_up(group, RepoError::new(ErrorCode::TimedOut, message))
}

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, HashMap<usize, Running>> {
    shared.running.lock().unwrap_or_else(PoisonError::into_inner)
}
