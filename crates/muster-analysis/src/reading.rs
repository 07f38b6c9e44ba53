//! Reads few files, and never too much of them: every read of the analysis goes through this budget, so that a hostile
//! or monstrous repository costs no more than an ordinary one. What could not be read is remembered by name.

use std::cell::{Cell, RefCell};

use muster_model::{BString, ReadError, SourceTree};

use crate::layout::File;

/// Most bytes of one file.
pub(crate) const FILE_LIMIT: usize = 1 << 20;
/// Most bytes of all files together.
const TOTAL_LIMIT: usize = 24 << 20;

/// Reads files within a budget.
pub(crate) struct Reader<'t> {
    tree: &'t dyn SourceTree,
    left: Cell<usize>,
    unread: RefCell<Vec<BString>>,
}

impl<'t> Reader<'t> {
    /// A reader with a full budget.
    pub(crate) fn new(tree: &'t dyn SourceTree) -> Self {
        Self { tree, left: Cell::new(TOTAL_LIMIT), unread: RefCell::new(Vec::new()) }
    }

    /// The file as text, lossy; `None` if it is no regular file, too large, unreadable or beyond the budget.
    pub(crate) fn text(&self, file: &File<'_>, limit: usize) -> Option<String> {
        let bytes = self.bytes(file, limit)?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes);
        Some(
            String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        )
    }

    fn bytes(&self, file: &File<'_>, limit: usize) -> Option<Vec<u8>> {
        if !file.is_regular {
            return None;
        }
        let limit = limit.min(FILE_LIMIT).min(self.left.get());
        if limit == 0 {
            self.miss(file);
            return None;
        }
        match self.tree.read(file.path, limit) {
            Ok(bytes) => {
                self.left.set(self.left.get().saturating_sub(bytes.len()));
                Some(bytes)
            }
            Err(ReadError::NotFound | ReadError::TooLarge { .. } | ReadError::Io(_)) => {
                self.miss(file);
                None
            }
        }
    }

    fn miss(&self, file: &File<'_>) {
        self.unread.borrow_mut().push(file.path.to_owned());
    }

    /// What could not be read, sorted.
    pub(crate) fn into_unread(self) -> Vec<BString> {
        let mut unread = self.unread.into_inner();
        unread.sort();
        unread.dedup();
        unread
    }
}
