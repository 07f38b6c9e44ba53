//! One lock per mirror, held while it is written (alone) or read (with others), by jobs of this process and of others.
//! It is the system's lock on an open file: it ends with whoever holds it, so that no crash leaves one behind.
//!
//! The file itself may be removed while somebody waits for it; who got the lock of a removed file tries again.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::error::MirrorError;

/// How often a lock that somebody else holds is tried.
const TICK: Duration = Duration::from_millis(20);

/// Alone, or with others who read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    Alone,
    Shared,
}

/// A lock that is held. Given back when dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock if nobody is in the way; `None` if somebody is.
    pub(super) fn try_take(path: &Path, hold: Hold) -> io::Result<Option<Self>> {
        loop {
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            let taken = match hold {
                Hold::Alone => file.try_lock(),
                Hold::Shared => file.try_lock_shared(),
            };
            match taken {
                Ok(()) if is_at(&file, path)? => return Ok(Some(Self { file, path: path.to_owned() })),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// Waits for the lock; `check` is asked again and again whether to go on.
    pub(super) fn take(
        path: &Path,
        hold: Hold,
        mut check: impl FnMut() -> Result<(), MirrorError>,
    ) -> Result<Self, MirrorError> {
        loop {
            if let Some(lock) =
                Self::try_take(path, hold).map_err(|error| MirrorError::folder(path, &error))?
            {
                return Ok(lock);
            }
            check()?;
            thread::sleep(TICK);
        }
    }

    /// Lets others read; false if it is the lock of a removed file now. Somebody may have been alone in between: what it
    /// guards must be looked at again.
    pub(super) fn share(&self) -> io::Result<bool> {
        self.file.lock_shared()?;
        is_at(&self.file, &self.path)
    }

    /// Notes that the mirror was used now, as the file system tells the time.
    pub(super) fn touch(&self) -> io::Result<()> {
        self.file.set_len(0)?;
        (&self.file).write_all(b"\n")
    }

    /// Removes the file; only for who is alone and has removed what it guards.
    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let own = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((own.dev(), own.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
