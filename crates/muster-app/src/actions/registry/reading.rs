//! One reading of the registry's file, and the watch over the folder it lies in. Editors replace a file by renaming
//! another over it, so the folder is watched, never the file.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use muster_git::{Purpose, WatchEvent, Watcher};
use tokio::sync::Notify;
use xxhash_rust::xxh3::xxh3_64;

use crate::services::registry::{MAX_BYTES, Registry, RegistryError, parse};

/// What a look at the file gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    Valid {
        content: u64,
        registry: Arc<Registry>,
    },
    /// `content` is 0 where the file could not even be read.
    Invalid {
        content: u64,
        error: RegistryError,
    },
    Missing,
}

impl Reading {
    /// Reads and parses.
    pub(super) fn of(path: &Path, home: Option<&Path>) -> Self {
        match read(path) {
            Ok(bytes) => {
                let content = xxh3_64(&bytes);
                match parse(&bytes, home) {
                    Ok(registry) => Self::Valid { content, registry: Arc::new(registry) },
                    Err(error) => Self::Invalid { content, error },
                }
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Self::Missing
            }
            Err(error) => {
                let error = RegistryError::whole(format!("the file cannot be read: {error}"));
                Self::Invalid { content: 0, error }
            }
        }
    }

    pub(super) fn is_valid(&self) -> bool {
        matches!(self, Self::Valid { .. })
    }
}

/// The bytes of the file, one more than allowed at most.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe would keep the reader for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Events of the folders that the file lies in: its own, and that of the file it is a link to.
pub(super) struct FolderWatch {
    path: PathBuf,
    owner: Arc<Path>,
    watcher: Option<Watcher>,
}

impl FolderWatch {
    /// Starts; without events the period of the caller must do.
    pub(super) fn start(path: &Path, wake: Arc<Notify>) -> Self {
        let mut names: Vec<OsString> = path.file_name().map(OsStr::to_owned).into_iter().collect();
        names.extend(path.canonicalize().ok().and_then(|real| Some(real.file_name()?.to_owned())));
        let on_event = move |event| {
            let concerns_it = match &event {
                WatchEvent::Changed { name, .. } => name.as_ref().is_none_or(|name| names.contains(name)),
                WatchEvent::Overflow => true,
            };
            if concerns_it {
                wake.notify_one();
            }
        };
        let watcher = Watcher::start(on_event);
        if let Err(error) = &watcher {
            tracing::warn!(error = %error, "the registry is looked at from time to time, for file events cannot be had");
        }
        Self { path: path.to_owned(), owner: Arc::from(path), watcher: watcher.ok() }
    }

    /// Watches the folders as they are now: one that was made anew has lost its watch.
    pub(super) fn renew(&self) {
        let Some(watcher) = &self.watcher else { return };
        let mut folders: Vec<PathBuf> = Vec::new();
        // The watcher does not follow links.
        let own = self.path.parent().and_then(|folder| folder.canonicalize().ok());
        let linked = self.path.canonicalize().ok().and_then(|real| real.parent().map(Path::to_owned));
        for folder in own.into_iter().chain(linked) {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        watcher.watch(&self.owner, Purpose::Between, &folders);
    }
}
