//! Watches folders for changes with the operating system's events, and tells whose they were. Folders, never files: git
//! replaces its files by renaming, and a watch on a file dies with the file.
//!
//! Only events that can change an answer are asked of the kernel. Opening and reading are not among them: a search over
//! a watched tree would flood the queue, and so would our own reading. What an owner's event means, and when to read
//! again, is decided above.

mod folders;
mod table;

use std::{
    ffi::{OsStr, OsString},
    io,
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags},
    io::Errno,
    pipe::{PipeFlags, pipe_with},
};

use table::{Added, Table};

pub use folders::{WatchFolders, has_events};

/// What a folder is watched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// It holds what git writes.
    Git,
    /// It is part of a work tree.
    WorkTree,
    /// Projects come and go in it.
    Between,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchEvent {
    /// Something changed in a folder of this owner.
    Changed {
        /// As handed to [`Watcher::watch`].
        owner: Arc<Path>,
        /// What the folder was watched for.
        purpose: Purpose,
        /// The folder.
        folder: Arc<Path>,
        /// The entry in it; `None` if the folder itself went away or was moved.
        name: Option<OsString>,
        /// The entry is a folder.
        is_folder: bool,
    },
    /// Events were lost; anything may have changed.
    Overflow,
}

/// How much of what was asked is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// All of it.
    Whole,
    /// The system grants no more watches (`fs.inotify.max_user_watches`).
    LimitReached,
    /// Some folder cannot be watched for another reason.
    Refused,
}

/// What came of asking for watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// How much of it is watched.
    pub coverage: Coverage,
    /// Folders that were not watched for this owner until now; what happened in them before went unseen.
    pub new: Vec<PathBuf>,
}

/// A running watch over many folders. Stops when dropped.
#[derive(Debug)]
pub struct Watcher {
    shared: Arc<Shared>,
    stop: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    inotify: OwnedFd,
    table: Mutex<Table>,
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher {
    /// Starts the thread that calls `on_event`. Fails where the system grants no further instance.
    pub fn start(on_event: impl FnMut(WatchEvent) + Send + 'static) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let shared = Arc::new(Shared { inotify, table: Mutex::new(Table::default()) });
        let (stopped, stop) = pipe_with(PipeFlags::CLOEXEC)?;
        let reader = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("watcher".to_owned())
            .spawn(move || read_events(&reader, &stopped, on_event))?;
        Ok(Self { shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Watches these folders for the owner, and no longer those that it had before for this purpose. Folders that do not
    /// exist (any more) are no failure: their parent tells of them.
    pub fn watch(&self, owner: &Arc<Path>, purpose: Purpose, folders: &[PathBuf]) -> Watched {
        let (mut coverage, mut new) = (Coverage::Whole, Vec::new());
        let mut table = self.shared.table();
        let before = table.begin(owner, purpose);
        for folder in folders {
            // Known folders are asked for again: one that was deleted and made anew has lost its watch.
            match inotify::add_watch(&self.shared.inotify, folder, flags(purpose)) {
                Ok(descriptor) => {
                    if !before.contains(&descriptor) {
                        new.push(folder.clone());
                    }
                    table.add(descriptor, folder, owner, purpose);
                }
                Err(Errno::NOENT) => {}
                Err(Errno::NOSPC) => {
                    coverage = Coverage::LimitReached;
                    break;
                }
                Err(_) => coverage = Coverage::Refused,
            }
        }
        self.release(table.end(owner, purpose, before));
        Watched { coverage, new }
    }

    /// Forgets everything of the owner.
    pub fn forget(&self, owner: &Arc<Path>) {
        let unused = self.shared.table().forget(owner);
        self.release(unused);
    }

    /// Folders watched for one owner and purpose.
    pub fn count_of(&self, owner: &Arc<Path>, purpose: Purpose) -> usize {
        self.shared.table().count_of(owner, purpose)
    }

    /// Folders watched.
    pub fn count(&self) -> usize {
        self.shared.table().len()
    }

    fn release(&self, descriptors: Vec<i32>) {
        for descriptor in descriptors {
            // Gone already if the folder is.
            let _ = inotify::remove_watch(&self.shared.inotify, descriptor);
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // The reader sees the other end closed.
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What can change an answer. Only folders, and links are not followed, since paths come out of repositories; but a root
/// may be a link of the person's own.
fn flags(purpose: Purpose) -> WatchFlags {
    let follow = if purpose == Purpose::Between { WatchFlags::empty() } else { WatchFlags::DONT_FOLLOW };
    follow
        | WatchFlags::CREATE
        | WatchFlags::DELETE
        | WatchFlags::CLOSE_WRITE
        | WatchFlags::MOVED_FROM
        | WatchFlags::MOVED_TO
        | WatchFlags::ATTRIB
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVE_SELF
        | WatchFlags::ONLYDIR
        | WatchFlags::EXCL_UNLINK
}

fn read_events(shared: &Shared, stopped: &OwnedFd, mut on_event: impl FnMut(WatchEvent)) {
    const BUFFER_BYTES: usize = 64 * 1024;
    let mut buffer = vec![MaybeUninit::uninit(); BUFFER_BYTES];
    let mut reader = inotify::Reader::new(shared.inotify.as_fd(), &mut buffer);
    loop {
        match reader.next() {
            Ok(event) => {
                let flags = event.events();
                if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                    on_event(WatchEvent::Overflow);
                    continue;
                }
                if flags.contains(ReadFlags::IGNORED) {
                    shared.table().dropped(event.wd());
                    continue;
                }
                let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
                let is_folder = flags.contains(ReadFlags::ISDIR);
                // Collected first: whoever is told may call back.
                let concerned = shared.table().concerned(event.wd());
                for (Added { owner, purpose }, folder) in concerned {
                    if purpose == Purpose::Git && name.is_some_and(is_passing) {
                        continue;
                    }
                    let name = name.map(OsStr::to_owned);
                    on_event(WatchEvent::Changed { owner, purpose, folder, name, is_folder });
                }
            }
            Err(Errno::AGAIN) => {
                let mut waiting =
                    [PollFd::new(&shared.inotify, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
                if poll(&mut waiting, None).is_err_and(|errno| errno != Errno::INTR)
                    || !waiting[1].revents().is_empty()
                {
                    return;
                }
            }
            Err(Errno::INTR) => {}
            Err(_) => {
                // Nobody will hear of anything again; the least wrong thing is to say so.
                on_event(WatchEvent::Overflow);
                return;
            }
        }
    }
}

/// Files that git makes on the way to a change and that say nothing themselves.
fn is_passing(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.ends_with(b".lock") || name.starts_with(b"tmp_") || name.starts_with(b".tmp-") || name == b"gc.pid"
}
