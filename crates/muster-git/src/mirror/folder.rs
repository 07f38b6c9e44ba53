//! The folder of all mirrors of one machine, which processes may share. In it, for the repository `ID`:
//!
//! - `ID.git` is its mirror, always whole: it gets this name when it is.
//! - `ID.all.git` is the whole history without its files (`mirror/whole.rs`).
//! - `ID.new`, `ID.all.new` is one that is being made.
//! - `ID.lock`, `ID.all.lock` is locked by who writes or reads one of them; its time is when the copy was last used.
//! - `ID.N.trash` is what nobody wants any more and could not be deleted yet.
//! - `home` is empty, and is the home that git sees; `known_hosts` holds the keys of ssh servers.
//!
//! Knows no git but to ask a mirror for its newest commit.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use jiff::Timestamp;
use muster_model::RepoId;

use super::{
    error::MirrorError,
    lock::{Hold, Lock},
    program::Git,
};

/// Names of trash that were tried by this process.
static TRASH: AtomicU32 = AtomicU32::new(0);

/// The branch of every mirror, whatever it is called at its source: names from there could be in each other's way.
pub(super) const BRANCH: &str = "refs/heads/default";

/// What was copied of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Copied {
    /// The newest commits of the default branch with their files: a [`Mirror`].
    Window,
    /// All commits, without their files ([`super::whole_history`]).
    Whole,
}

impl Copied {
    const ALL: [Self; 2] = [Self::Window, Self::Whole];

    /// How the names of its files begin.
    fn stem(self, id: RepoId) -> String {
        match self {
            Self::Window => id.to_string(),
            Self::Whole => format!("{id}.all"),
        }
    }

    fn of_stem(stem: &str) -> Option<(RepoId, Self)> {
        match stem.strip_suffix(".all") {
            Some(id) => Some((id.parse().ok()?, Self::Whole)),
            None => Some((stem.parse().ok()?, Self::Window)),
        }
    }
}

/// The folder of all mirrors.
#[derive(Debug, Clone)]
pub struct Mirrors {
    root: PathBuf,
    git: Git,
}

/// A mirror that is there, held so that nobody removes it. Let go when dropped.
#[derive(Debug)]
pub struct Mirror {
    id: RepoId,
    path: PathBuf,
    tip: String,
    git: Git,
    lock: Lock,
}

/// How large a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MirrorSize {
    /// Of which repository.
    pub id: RepoId,
    /// What was copied of it.
    pub copied: Copied,
    /// Bytes of its files.
    pub bytes: u64,
    /// When it was last used.
    pub used: Timestamp,
}

/// What trimming did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// Whose copies were removed, longest unused first.
    pub removed: Vec<RepoId>,
    /// Bytes of those.
    pub freed: u64,
    /// Bytes of those that are left; above the quota if they are in use.
    pub left: u64,
}

/// The quota that holds when none is configured: a fifth of the disk, at least 5 GiB.
pub fn default_quota(folder: &Path) -> Result<u64, MirrorError> {
    const LEAST: u64 = 5 << 30;
    let disk = rustix::fs::statvfs(folder).map_err(|error| MirrorError::folder(folder, &error.into()))?;
    Ok((disk.f_blocks.saturating_mul(disk.f_frsize) / 5).max(LEAST))
}

impl Mirrors {
    /// Opens the folder, and makes it if it is not there. Runs the git on PATH.
    pub fn open(folder: &Path) -> Result<Self, MirrorError> {
        Self::open_with(folder, Path::new("git"))
    }

    /// As [`Mirrors::open`], with another git.
    pub fn open_with(folder: &Path, program: &Path) -> Result<Self, MirrorError> {
        let failed = |error: io::Error| MirrorError::folder(folder, &error);
        fs::create_dir_all(folder).map_err(failed)?;
        let root = folder.canonicalize().map_err(failed)?;
        let home = root.join("home");
        fs::create_dir_all(&home).map_err(failed)?;
        Ok(Self { root, git: Git::new(program.to_owned(), home) })
    }

    /// Where the mirror of `id` is, or would be.
    pub fn path(&self, id: RepoId) -> PathBuf {
        self.copy_path(id, Copied::Window)
    }

    pub(super) fn copy_path(&self, id: RepoId, copied: Copied) -> PathBuf {
        self.root.join(format!("{}.git", copied.stem(id)))
    }

    /// The mirror of `id` to read from, if there is one.
    ///
    /// # Errors
    /// [`MirrorError::InUse`] while it is being written.
    pub fn find(&self, id: RepoId) -> Result<Option<Mirror>, MirrorError> {
        let path = self.path(id);
        if !path.is_dir() {
            return Ok(None);
        }
        let file = self.copy_lock(id, Copied::Window);
        let lock = Lock::try_take(&file, Hold::Shared).map_err(|error| MirrorError::folder(&file, &error))?;
        let lock = lock.ok_or_else(|| MirrorError::InUse { id: id.to_string() })?;
        self.held(id, lock)
    }

    /// Sizes and ages of all copies.
    pub fn sizes(&self) -> Result<Vec<MirrorSize>, MirrorError> {
        let names = self.names()?.into_iter();
        let copies = names.filter_map(|name| Copied::of_stem(name.strip_suffix(".git")?));
        let size = |(id, copied)| {
            let (bytes, used) = (folder_bytes(&self.copy_path(id, copied)), self.used(id, copied));
            MirrorSize { id, copied, bytes, used }
        };
        Ok(copies.map(size).collect())
    }

    /// Removes copies, the longest unused first, until the rest is within `quota` bytes. Those that `in_use` names and
    /// those that anybody holds stay. A quota of 0 removes all others.
    pub fn trim(&self, quota: u64, in_use: &dyn Fn(RepoId) -> bool) -> Result<Trimmed, MirrorError> {
        let mut copies = self.sizes()?;
        copies.sort_by_key(|copy| (copy.used, copy.id, copy.copied));
        let left = copies.iter().map(|copy| copy.bytes).sum();
        let mut trimmed = Trimmed { left, ..Trimmed::default() };
        for MirrorSize { id, copied, bytes, .. } in copies {
            if trimmed.left <= quota && quota > 0 {
                break;
            }
            if in_use(id) {
                continue;
            }
            match self.remove_copy(id, copied) {
                Ok(()) => {
                    trimmed.removed.push(id);
                    trimmed.freed += bytes;
                    trimmed.left -= bytes;
                }
                Err(MirrorError::InUse { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(trimmed)
    }

    /// Removes what there is of `id`.
    ///
    /// # Errors
    /// [`MirrorError::InUse`] while anybody holds any of it; the rest is removed.
    pub fn remove(&self, id: RepoId) -> Result<(), MirrorError> {
        let removed = Copied::ALL.map(|copied| self.remove_copy(id, copied));
        removed.into_iter().collect()
    }

    fn remove_copy(&self, id: RepoId, copied: Copied) -> Result<(), MirrorError> {
        let file = self.copy_lock(id, copied);
        let failed = |error: io::Error| MirrorError::folder(&file, &error);
        let lock = Lock::try_take(&file, Hold::Alone).map_err(failed)?;
        let lock = lock.ok_or_else(|| MirrorError::InUse { id: id.to_string() })?;
        self.discard(id, &self.copy_path(id, copied))?;
        self.discard(id, &self.unfinished(id, copied))?;
        lock.remove().map_err(failed)
    }

    /// Removes what crashes left behind and what could not be deleted before; gives how much of it is still there. To be
    /// called at start and now and then; whatever another process is at is left alone.
    pub fn sweep(&self) -> Result<usize, MirrorError> {
        let mut left = 0;
        for name in self.names()? {
            let path = self.root.join(&name);
            if name.strip_suffix(".trash").is_some() {
                left += usize::from(delete(&path).is_err());
            } else if let Some(stem) = name.strip_suffix(".new").or_else(|| name.strip_suffix(".lock"))
                && let Some((id, copied)) = Copied::of_stem(stem)
            {
                let file = self.copy_lock(id, copied);
                let failed = |error: io::Error| MirrorError::folder(&file, &error);
                let Some(lock) = Lock::try_take(&file, Hold::Alone).map_err(failed)? else { continue };
                self.discard(id, &self.unfinished(id, copied))?;
                if !self.copy_path(id, copied).exists() {
                    lock.remove().map_err(failed)?;
                }
            }
        }
        Ok(left)
    }

    pub(super) fn git(&self) -> &Git {
        &self.git
    }

    /// The folder of all mirrors.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn copy_lock(&self, id: RepoId, copied: Copied) -> PathBuf {
        self.root.join(format!("{}.lock", copied.stem(id)))
    }

    /// Where a copy of `id` is made.
    pub(super) fn unfinished(&self, id: RepoId, copied: Copied) -> PathBuf {
        self.root.join(format!("{}.new", copied.stem(id)))
    }

    /// The mirror of `id` under this lock; `None` if it is not there or has no commit.
    pub(super) fn held(&self, id: RepoId, lock: Lock) -> Result<Option<Mirror>, MirrorError> {
        let path = self.path(id);
        let Some(tip) = self.tip(&path)? else { return Ok(None) };
        lock.touch().map_err(|error| MirrorError::folder(&path, &error))?;
        Ok(Some(Mirror { id, path, tip, git: self.git.clone(), lock }))
    }

    /// The newest commit of the mirror at `path`.
    pub(super) fn tip(&self, path: &Path) -> Result<Option<String>, MirrorError> {
        newest(&self.git, path)
    }

    /// Takes what is at `path` out of the way at once and deletes it, now or with a later sweep. Only under the lock.
    pub(super) fn discard(&self, id: RepoId, path: &Path) -> Result<(), MirrorError> {
        loop {
            let number = TRASH.fetch_add(1, Ordering::Relaxed);
            let trash = self.root.join(format!("{id}.{}-{number}.trash", std::process::id()));
            match fs::rename(path, &trash) {
                Ok(()) => {
                    // What is left of it is found by the next sweep.
                    let _ = delete(&trash);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(_) if trash.exists() => {}
                Err(error) => return Err(MirrorError::folder(path, &error)),
            }
        }
    }

    fn names(&self) -> Result<Vec<String>, MirrorError> {
        let failed = |error: io::Error| MirrorError::folder(&self.root, &error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(failed)? {
            names.extend(entry.map_err(failed)?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    fn used(&self, id: RepoId, copied: Copied) -> Timestamp {
        let modified = fs::metadata(self.copy_lock(id, copied)).and_then(|meta| meta.modified());
        modified.ok().and_then(|at| Timestamp::try_from(at).ok()).unwrap_or_default()
    }
}

impl Mirror {
    /// Of which repository.
    pub fn id(&self) -> RepoId {
        self.id
    }

    /// The bare repository. Good as long as this value lives.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Id of the newest commit of the default branch.
    pub fn tip(&self) -> &str {
        &self.tip
    }

    /// It reaches the first commit.
    pub fn is_complete(&self) -> bool {
        !self.path.join("shallow").exists()
    }

    pub(super) fn git(&self) -> &Git {
        &self.git
    }

    /// Lets others read it; false if somebody changed or removed it meanwhile.
    pub(super) fn share(&self) -> Result<bool, MirrorError> {
        let is_held = self.lock.share().map_err(|error| MirrorError::folder(&self.path, &error))?;
        Ok(is_held && newest(&self.git, &self.path)?.as_ref() == Some(&self.tip))
    }
}

/// The path as a line of `objects/info/alternates`, in quotes, which git takes for any path.
pub(super) fn quoted(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    let mut line = vec![b'"'];
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'"' | b'\\' => line.extend([b'\\', byte]),
            b'\n' => line.extend(b"\\n"),
            _ => line.push(byte),
        }
    }
    line.extend(b"\"\n");
    line
}

/// The newest commit of the mirror at `path`.
fn newest(git: &Git, path: &Path) -> Result<Option<String>, MirrorError> {
    if !path.is_dir() {
        return Ok(None);
    }
    let name = format!("{BRANCH}^{{commit}}");
    match git.ask(path, &["rev-parse", "--verify", "--quiet", "--end-of-options", &name]) {
        Ok(tip) => Ok(Some(tip)),
        Err(error @ (MirrorError::GitMissing { .. } | MirrorError::TimedOut { .. })) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Bytes of all files below; what vanishes meanwhile counts nothing.
pub(super) fn folder_bytes(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let bytes = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => folder_bytes(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.filter_map(Result::ok).map(bytes).sum()
}

fn delete(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
