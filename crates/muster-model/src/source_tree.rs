//! The port through which analyzers see files. They never open one themselves: the same rules run over a work tree,
//! a commit's tree and a tree in memory, and a hostile path is the implementation's problem, solved once.

use std::collections::BTreeMap;

use bstr::{BStr, BString};

/// One file of a tree. Directories are implied by the paths; submodules are not entered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TreeEntry {
    /// Path from the tree's root, `/`-separated, not necessarily UTF-8.
    pub path: BString,
    /// What kind of file it is.
    pub kind: EntryKind,
}

/// The kinds of entries an analyzer may meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A regular file with the executable bit.
    Executable,
    /// A symbolic link; never followed.
    Symlink,
    /// A submodule's folder; never entered.
    Submodule,
}

/// Why a file of a tree could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no such file (any more), or it is no regular file.
    #[error("not found")]
    NotFound,
    /// The file is larger than the caller's limit; nothing of it was read.
    #[error("larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The system refused.
    #[error("{0}")]
    Io(String),
}

/// A tree of files at one moment.
pub trait SourceTree: Send + Sync {
    /// All files, sorted by path. Asked for once; implementations keep the list.
    fn entries(&self) -> &[TreeEntry];

    /// The content of the regular file at `path`, at most `limit` bytes.
    fn read(&self, path: &BStr, limit: usize) -> Result<Vec<u8>, ReadError>;
}

/// A tree in memory: for tests, and for text that came from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct MemoryTree {
    entries: Vec<TreeEntry>,
    content_by_path: BTreeMap<BString, Vec<u8>>,
}

impl MemoryTree {
    /// A tree of regular files.
    pub fn new<P, C>(files: impl IntoIterator<Item = (P, C)>) -> Self
    where
        P: Into<BString>,
        C: Into<Vec<u8>>,
    {
        let content_by_path: BTreeMap<BString, Vec<u8>> =
            files.into_iter().map(|(path, content)| (path.into(), content.into())).collect();
        let entries = content_by_path
            .keys()
            .map(|path| TreeEntry { path: path.clone(), kind: EntryKind::File })
            .collect();
        Self { entries, content_by_path }
    }
}

impl SourceTree for MemoryTree {
    fn entries(&self) -> &[TreeEntry] {
        &self.entries
    }

    fn read(&self, path: &BStr, limit: usize) -> Result<Vec<u8>, ReadError> {
        let content = self.content_by_path.get(path).ok_or(ReadError::NotFound)?;
        if content.len() > limit {
            return Err(ReadError::TooLarge { limit });
        }
        Ok(content.clone())
    }
}
