//! Files that could hang or flood a reader are refused before git code opens them. A named pipe called `index` would
//! block a reader for ever; a device would feed it without end. One `stat` per file is the whole price.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

use muster_model::{ErrorCode, RepoError};

use crate::boundary::Boundary;

/// A configuration file or a list of patterns larger than this is neither.
pub(crate) const MAX_CONFIG_BYTES: u64 = 4 * 1024 * 1024;
/// Ten million references.
const MAX_PACKED_REFS_BYTES: u64 = 512 * 1024 * 1024;

/// Files that git code opens by name, in the git directory and the common directory, and how large they may be.
const OPENED_BY_NAME: [(&str, u64); 14] = [
    ("HEAD", MAX_CONFIG_BYTES),
    ("config", MAX_CONFIG_BYTES),
    ("config.worktree", MAX_CONFIG_BYTES),
    // Mapped, not read.
    ("index", u64::MAX),
    ("packed-refs", MAX_PACKED_REFS_BYTES),
    ("shallow", 16 * MAX_CONFIG_BYTES),
    ("commondir", MAX_CONFIG_BYTES),
    ("gitdir", MAX_CONFIG_BYTES),
    // Only its time is looked at, and a mirror's grows with every reference.
    ("FETCH_HEAD", u64::MAX),
    ("info/exclude", MAX_CONFIG_BYTES),
    ("info/attributes", MAX_CONFIG_BYTES),
    ("objects/info/alternates", MAX_CONFIG_BYTES),
    // Mapped, not read.
    ("objects/info/commit-graph", u64::MAX),
    ("objects/info/commit-graphs/commit-graph-chain", MAX_CONFIG_BYTES),
];

/// The git directory, and the common directory where it is another.
fn both<'a>(git_dir: &'a Path, common_dir: &'a Path) -> impl Iterator<Item = &'a Path> {
    std::iter::once(git_dir).chain((git_dir != common_dir).then_some(common_dir))
}

/// Refuses the repository if a file that would be opened is neither a plain file nor absent.
pub(crate) fn check_git_dir(git_dir: &Path, common_dir: &Path) -> Result<(), RepoError> {
    for dir in both(git_dir, common_dir) {
        for (name, limit) in OPENED_BY_NAME {
            check_plain(&dir.join(name), limit)?;
        }
    }
    Ok(())
}

/// Refuses `path` if it exists and is no plain file of at most `limit` bytes.
pub(crate) fn check_plain(path: &Path, limit: u64) -> Result<(), RepoError> {
    match fs::metadata(path) {
        Ok(meta) if meta.is_file() && meta.len() <= limit => Ok(()),
        Ok(meta) if meta.is_file() => Err(RepoError::new(
            ErrorCode::Hostile,
            format!("{} is larger than {limit} bytes", path.display()),
        )),
        Ok(meta) if meta.is_dir() => Err(RepoError::new(
            ErrorCode::Corrupt,
            format!("{} is a folder where a file must be", path.display()),
        )),
        Ok(_) => Err(RepoError::new(
            ErrorCode::Hostile,
            format!("{} is a pipe, socket or device where a plain file must be", path.display()),
        )),
        // A dangling symbolic link reads as absent, as it does for git.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(())
        }
        Err(error) => Err(crate::error::from_io(path, "cannot look at", &error)),
    }
}

/// Refuses the repository if a part of it is a symbolic link out of the roots, or if it borrows objects from there.
/// Returns the object folders that it borrows from.
pub(crate) fn check_links(
    git_dir: &Path,
    common_dir: &Path,
    boundary: &Boundary,
) -> Result<Vec<PathBuf>, RepoError> {
    const PARTS: [&str; 14] = [
        "HEAD",
        "config",
        "config.worktree",
        "index",
        "info",
        "logs",
        "modules",
        "objects",
        "objects/info",
        "objects/pack",
        "packed-refs",
        "refs",
        "refs/heads",
        "worktrees",
    ];
    for dir in both(git_dir, common_dir) {
        for part in PARTS {
            let path = dir.join(part);
            let is_link = path.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
            if is_link && path.exists() && !boundary.contains(&path) {
                return Err(leads_out(&path));
            }
        }
    }
    check_alternates(&common_dir.join("objects"), boundary)
}

/// Object folders that this one borrows from, and those that they borrow from.
fn check_alternates(objects: &Path, boundary: &Boundary) -> Result<Vec<PathBuf>, RepoError> {
    const MAX_FOLDERS: usize = 100;
    let mut queue = vec![objects.to_owned()];
    let mut borrowed = Vec::new();
    let mut looked_at = 0;
    while let Some(folder) = queue.pop() {
        looked_at += 1;
        let Some(bytes) = read_small(&folder.join("info/alternates"), MAX_CONFIG_BYTES)? else { continue };
        for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty() && line[0] != b'#') {
            if line[0] == b'"' {
                // Git reads such a line in its own way; nobody writes one by hand.
                return Err(leads_out(&folder.join("info/alternates")));
            }
            let target = folder.join(OsStr::from_bytes(line));
            // A folder that is gone is missing objects, which reading will notice.
            if !target.exists() {
                continue;
            }
            if !boundary.contains(&target) || looked_at > MAX_FOLDERS {
                return Err(leads_out(&folder.join("info/alternates")));
            }
            borrowed.extend(target.canonicalize().ok());
            queue.push(target);
        }
    }
    Ok(borrowed)
}

fn leads_out(path: &Path) -> RepoError {
    RepoError::new(ErrorCode::OutsideRoots, format!("{} leads out of the roots", path.display()))
}

/// Refuses the reference `name` if a file that must be opened to resolve it is no plain file. Symbolic references are
/// followed as far as git follows them.
pub(crate) fn check_ref(git_dir: &Path, common_dir: &Path, name: &[u8]) -> Result<(), RepoError> {
    const MAX_HOPS: usize = 5;
    const MAX_REF_BYTES: u64 = 64 * 1024;
    let mut name = PathBuf::from(OsStr::from_bytes(name));
    for _ in 0..=MAX_HOPS {
        // Whatever climbs is no name of a reference; git code refuses it before it opens anything.
        if !name.components().all(|part| matches!(part, Component::Normal(_))) {
            return Ok(());
        }
        let mut next = None;
        for dir in both(git_dir, common_dir) {
            let path = dir.join(&name);
            // A folder here is the prefix of other references, not this one.
            if path.is_dir() {
                continue;
            }
            let content = read_small(&path, MAX_REF_BYTES)?.unwrap_or_default();
            if let Some(target) = content.strip_prefix(b"ref:") {
                next = Some(PathBuf::from(OsStr::from_bytes(target.trim_ascii())));
            }
        }
        match next {
            Some(target) => name = target,
            None => return Ok(()),
        }
    }
    Ok(())
}

/// Reads a small plain file; `None` if it is absent. Never blocks on a pipe.
pub(crate) fn read_small(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, RepoError> {
    check_plain(path, limit)?;
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(crate::error::from_io(path, "cannot read", &error)),
    }
}

/// Reads a file that holds one path, such as `.git`, `gitdir` or `commondir`.
pub(crate) fn read_path_file(path: &Path, prefix: &[u8]) -> Result<Option<PathBuf>, RepoError> {
    const MAX_PATH_FILE_BYTES: u64 = 64 * 1024;
    let Some(bytes) = read_small(path, MAX_PATH_FILE_BYTES)? else { return Ok(None) };
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line.strip_prefix(prefix) {
        Some(rest) if !rest.is_empty() => Ok(Some(PathBuf::from(OsStr::from_bytes(rest)))),
        _ => Err(RepoError::new(ErrorCode::Corrupt, format!("{} does not name a path", path.display()))),
    }
}
