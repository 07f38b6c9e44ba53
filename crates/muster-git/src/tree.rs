//! Trees of files for the analysis: a work tree by its index, a commit's tree, or a plain folder. Paths come from
//! repositories and are not trusted: reading opens one folder after the other without following a link, so nothing
//! leads out of the tree, and only regular files of bounded size are read.

use std::{
    fs,
    io::Read,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use bstr::{BStr, BString, ByteSlice};
use gix::{index::entry::Mode, objs::tree::EntryKind as GitKind};
use muster_model::source_tree::{EntryKind, ReadError, SourceTree, TreeEntry};
use rustix::{
    fs::{FileType, Mode as OpenMode, OFlags},
    io::Errno,
};

/// Files listed of one tree; more is no project that a person reads about in a table.
const MAX_ENTRIES: usize = 300_000;

/// Trees read of one commit.
const MAX_TREES: usize = 100_000;

/// No system can check out a longer path.
const MAX_PATH_BYTES: usize = 4096;

/// Files listed of a repository that tracks none.
const MAX_UNTRACKED: usize = 20_000;

/// Folders of a plain folder that hold no source.
const SKIPPED: [&[u8]; 8] =
    [b".git", b"node_modules", b"target", b"venv", b".venv", b"dist", b"build", b"__pycache__"];

/// The tracked files of a work tree, or the files of a plain folder.
#[derive(Debug)]
pub struct WorkTree {
    root: PathBuf,
    entries: Vec<TreeEntry>,
}

impl WorkTree {
    /// The tracked files; their content is that of the work tree.
    pub(crate) fn from_index(root: &Path, index: &gix::index::State) -> Self {
        // Before the first `git add` the files are what the project is.
        if index.entries().is_empty() {
            return Self::from_folder(root, MAX_UNTRACKED);
        }
        let entries = index
            .entries()
            .iter()
            .filter(|entry| entry.stage_raw() == 0)
            .take(MAX_ENTRIES)
            .filter_map(|entry| {
                let kind = match entry.mode {
                    Mode::FILE => EntryKind::File,
                    Mode::FILE_EXECUTABLE => EntryKind::Executable,
                    Mode::SYMLINK => EntryKind::Symlink,
                    Mode::COMMIT => EntryKind::Submodule,
                    _ => return None,
                };
                Some(TreeEntry { path: entry.path(index).to_owned(), kind })
            })
            .collect();
        Self { root: root.to_owned(), entries }
    }

    /// All files of a plain folder, without nested repositories and what build tools make; at most `limit`.
    pub fn from_folder(root: &Path, limit: usize) -> Self {
        let mut entries = Vec::new();
        let mut queue = vec![BString::default()];
        while let Some(prefix) = queue.pop() {
            let folder = gix::path::from_bstr(prefix.as_bstr()).map(|path| root.join(path));
            let Ok(listing) = folder.map_err(|_| ()).and_then(|folder| fs::read_dir(folder).map_err(|_| ()))
            else {
                continue;
            };
            let (mut files, mut folders) = (Vec::new(), Vec::new());
            for entry in listing.filter_map(Result::ok) {
                use std::os::unix::ffi::OsStrExt;
                let name = entry.file_name();
                let Ok(kind) = entry.file_type() else { continue };
                let mut path = prefix.clone();
                path.extend_from_slice(name.as_bytes());
                if kind.is_dir() {
                    if !SKIPPED.contains(&name.as_bytes()) {
                        path.push(b'/');
                        folders.push(path);
                    }
                } else if kind.is_file() {
                    files.push(TreeEntry { path, kind: EntryKind::File });
                } else if kind.is_symlink() {
                    files.push(TreeEntry { path, kind: EntryKind::Symlink });
                }
            }
            let is_nested_repository = !prefix.is_empty()
                && gix::path::from_bstr(prefix.as_bstr())
                    .is_ok_and(|path| root.join(path).join(".git").symlink_metadata().is_ok());
            if is_nested_repository {
                continue;
            }
            entries.extend(files);
            queue.extend(folders);
            if entries.len() >= limit {
                break;
            }
        }
        entries.truncate(limit);
        entries.sort();
        Self { root: root.to_owned(), entries }
    }
}

impl SourceTree for WorkTree {
    fn entries(&self) -> &[TreeEntry] {
        &self.entries
    }

    fn read(&self, path: &BStr, limit: usize) -> Result<Vec<u8>, ReadError> {
        read_inside(&self.root, path, limit)
    }
}

/// Reads a regular file below `root`, opening one folder after the other without following a link.
pub(crate) fn read_inside(root: &Path, path: &BStr, limit: usize) -> Result<Vec<u8>, ReadError> {
    let bytes: &[u8] = path;
    let (folders, name) = match bytes.rfind_byte(b'/') {
        Some(slash) => (&bytes[..slash], &bytes[slash + 1..]),
        None => (&b""[..], bytes),
    };
    let folder_flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // The root itself may be reached through a link; below it none is followed.
    let mut folder: OwnedFd =
        rustix::fs::open(root, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, OpenMode::empty())
            .map_err(refused)?;
    for part in folders.split(|&byte| byte == b'/').filter(|part| !part.is_empty()) {
        if part == b".." {
            return Err(ReadError::NotFound);
        }
        folder = rustix::fs::openat(&folder, part, folder_flags, OpenMode::empty()).map_err(refused)?;
    }
    // Without NONBLOCK, opening a pipe would wait for a writer.
    let file_flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&folder, name, file_flags, OpenMode::empty()).map_err(refused)?;
    let stat = rustix::fs::fstat(&file).map_err(refused)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(ReadError::NotFound);
    }
    read_bounded(fs::File::from(file), limit)
}

fn read_bounded(file: fs::File, limit: usize) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(|error| ReadError::Io(error.to_string()))?;
    if bytes.len() > limit { Err(ReadError::TooLarge { limit }) } else { Ok(bytes) }
}

fn refused(errno: Errno) -> ReadError {
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO => ReadError::NotFound,
        other => ReadError::Io(std::io::Error::from(other).to_string()),
    }
}

/// The files of one commit, read from the object database.
pub struct CommitTree {
    repo: gix::ThreadSafeRepository,
    entries: Vec<TreeEntry>,
    id_by_path: std::collections::HashMap<BString, gix::ObjectId>,
}

impl CommitTree {
    /// The tree of HEAD, as far as the limits reach. A few small objects can name each other so that they stand for
    /// billions of files, or for a path of a gigabyte; files next to the root are met first.
    pub(crate) fn of_head(repo: &gix::Repository) -> gix::Result<Self> {
        let (mut entries, mut id_by_path) = (Vec::new(), std::collections::HashMap::new());
        let mut trees_left = MAX_TREES;
        let mut stack = vec![(BString::default(), repo.head_commit()?.tree_id()?.detach())];
        while let Some((folder, id)) = stack.pop() {
            if trees_left == 0 || entries.len() >= MAX_ENTRIES {
                break;
            }
            trees_left -= 1;
            let tree = repo.find_tree(id)?;
            for entry in tree.iter() {
                let entry = entry.map_err(gix::Error::from_error)?;
                let mut path = folder.clone();
                path.extend_from_slice(entry.filename());
                let kind = match entry.mode().kind() {
                    GitKind::Blob => EntryKind::File,
                    GitKind::BlobExecutable => EntryKind::Executable,
                    GitKind::Link => EntryKind::Symlink,
                    GitKind::Commit => EntryKind::Submodule,
                    GitKind::Tree => {
                        path.push(b'/');
                        if path.len() <= MAX_PATH_BYTES {
                            stack.push((path, entry.object_id()));
                        }
                        continue;
                    }
                };
                id_by_path.insert(path.clone(), entry.object_id());
                entries.push(TreeEntry { path, kind });
            }
        }
        entries.sort();
        Ok(Self { repo: repo.clone().into_sync(), entries, id_by_path })
    }
}

impl SourceTree for CommitTree {
    fn entries(&self) -> &[TreeEntry] {
        &self.entries
    }

    fn read(&self, path: &BStr, limit: usize) -> Result<Vec<u8>, ReadError> {
        let id = *self.id_by_path.get(path).ok_or(ReadError::NotFound)?;
        let repo = self.repo.to_thread_local();
        let header = repo.find_header(id).map_err(|error| ReadError::Io(error.to_string()))?;
        if header.size() > limit as u64 {
            return Err(ReadError::TooLarge { limit });
        }
        let object = repo.find_object(id).map_err(|error| ReadError::Io(error.to_string()))?;
        Ok(object.detach().data)
    }
}
