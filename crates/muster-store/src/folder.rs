//! The data folder on disk: made for its owner alone, held by one process, and files in it replaced so that a crash
//! leaves the old or the new one. Knows nothing of what the files hold.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::fs::{FlockOperation, RenameFlags, flock, renameat_with};

use crate::{config::folder_of, error::StoreError};

/// How long a lock that is held is tried for, and how often.
const PATIENCE: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(10);

/// A held lock; let go when dropped, and by the kernel when the process dies.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// Makes the folder with mode 0700 if it is missing.
pub(crate) fn folder_create(folder: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| StoreError::from_io(error, &folder.display().to_string()))
}

/// Makes an empty file with mode 0600 if there is none, so that what SQLite puts beside it has that mode too.
pub(crate) fn private_file(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| StoreError::from_io(error, &path.display().to_string()))
}

impl FolderLock {
    /// Takes the lock that the file `path` stands for; the file is made if it is missing, and holds the number of the
    /// process. Waits half a second at most: of a process that was killed while it started a program, the half-born
    /// child holds the lock until it becomes that program.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process has it.
    pub fn take(path: PathBuf) -> Result<Self, StoreError> {
        let mut lock = private_file(&path)?;
        let begin = Instant::now();
        let mut locked = flock(&lock, FlockOperation::NonBlockingLockExclusive);
        while locked == Err(rustix::io::Errno::WOULDBLOCK) && begin.elapsed() < PATIENCE {
            thread::sleep(TICK);
            locked = flock(&lock, FlockOperation::NonBlockingLockExclusive);
        }
        match locked {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = String::new();
                let pid = match lock.read_to_string(&mut text) {
                    Ok(_) => text.trim().parse().ok(),
                    Err(_) => None,
                };
                return Err(StoreError::Locked { path, pid });
            }
            Err(error) => return Err(StoreError::from_io(error.into(), &path.display().to_string())),
        }
        let number = format!("{}\n", std::process::id());
        // The number is a courtesy to whoever finds the lock taken; on a full disk the lock holds without it.
        if let Err(error) = lock.set_len(0).and_then(|()| lock.write_all(number.as_bytes())) {
            tracing::debug!(lock.path = %path.display(), %error, "the number of this process could not be noted");
        }
        Ok(Self { _file: lock })
    }
}

/// Gives `from` the name `to`, which must be free, and makes that last.
pub(crate) fn rename_new(from: &Path, to: &Path) -> Result<(), StoreError> {
    let cwd = rustix::fs::CWD;
    match renameat_with(cwd, from, cwd, to, RenameFlags::NOREPLACE) {
        Ok(()) => sync(to),
        Err(rustix::io::Errno::EXIST) => Err(StoreError::Exists { path: to.to_owned() }),
        // Some file systems cannot rename without replacing; a hard link refuses an existing name everywhere else.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => match std::fs::hard_link(from, to) {
            Ok(()) => {
                std::fs::remove_file(from)
                    .map_err(|error| StoreError::from_io(error, &from.display().to_string()))?;
                sync(to)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(StoreError::Exists { path: to.to_owned() })
            }
            Err(error) => Err(StoreError::from_io(error, &to.display().to_string())),
        },
        Err(error) => Err(StoreError::from_io(error.into(), &to.display().to_string())),
    }
}

/// Gives `from` the name `to`, in the place of what was there, and makes that last.
pub(crate) fn rename_over(from: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::rename(from, to).map_err(|error| StoreError::from_io(error, &to.display().to_string()))?;
    sync(to)
}

/// Waits until the file and its name are on disk.
pub(crate) fn sync(path: &Path) -> Result<(), StoreError> {
    let both = || -> io::Result<()> {
        File::open(path)?.sync_all()?;
        File::open(folder_of(path))?.sync_all()
    };
    both().map_err(|error| StoreError::from_io(error, &path.display().to_string()))
}

/// `path` with `end` after its name.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}
