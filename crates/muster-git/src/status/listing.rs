//! Lists one folder of a work tree by its descriptor: names and kinds in as few system calls as there are. Nothing is
//! followed and nothing is opened but folders.

use std::{
    os::fd::{BorrowedFd, OwnedFd},
    path::Path,
};

use bstr::BString;
use muster_model::{ErrorCode, RepoError};
use rustix::{
    fs::{AtFlags, FileType, Mode as OpenMode, OFlags, RawDir},
    io::Errno,
};

/// Bytes of directory entries read at once.
const LISTING_BYTES: usize = 32 * 1024;

/// One name in a folder.
pub(super) struct Child {
    pub(super) name: BString,
    pub(super) kind: FileType,
}

/// A buffer for listings, used again and again.
pub(super) struct Lister {
    buffer: Vec<u8>,
}

impl Lister {
    pub(super) fn new() -> Self {
        Self { buffer: Vec::with_capacity(LISTING_BYTES) }
    }

    /// Names in a folder with their kinds. Pattern files that would hang their reader are refused here, where the kind
    /// is known for nothing.
    pub(super) fn list(
        &mut self,
        work_tree: &Path,
        folder: &OwnedFd,
        prefix: &BString,
    ) -> Result<Vec<Child>, RepoError> {
        let mut children = Vec::new();
        self.buffer.clear();
        let mut entries = RawDir::new(folder, self.buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(|errno| {
                crate::error::from_io(&work_tree.join(lossy_path(prefix)), "cannot list", &errno.into())
            })?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => rustix::fs::statat(folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
                known => known,
            };
            let is_special = matches!(
                kind,
                FileType::Fifo | FileType::Socket | FileType::CharacterDevice | FileType::BlockDevice
            );
            if is_special && matches!(name, b".gitignore" | b".gitattributes" | b".gitmodules") {
                let path = work_tree.join(lossy_path(&join(prefix, name, b"")));
                let message =
                    format!("{} is a pipe, socket or device where a plain file must be", path.display());
                return Err(RepoError::new(ErrorCode::Hostile, message));
            }
            children.push(Child { name: BString::from(name), kind });
        }
        Ok(children)
    }
}

/// `prefix` + `name` + `tail`.
pub(super) fn join(prefix: &BString, name: impl AsRef<[u8]>, tail: &[u8]) -> BString {
    let name = name.as_ref();
    let mut path = Vec::with_capacity(prefix.len() + name.len() + tail.len());
    path.extend_from_slice(prefix);
    path.extend_from_slice(name);
    path.extend_from_slice(tail);
    path.into()
}

/// The bytes as a path of the system.
pub(super) fn lossy_path(path: &BString) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(path))
}

/// Opens the folder `name` in `parent`, if it is one and no link to one.
pub(super) fn open_folder(parent: BorrowedFd<'_>, name: &BString) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name.as_slice(), flags, OpenMode::empty())
}
