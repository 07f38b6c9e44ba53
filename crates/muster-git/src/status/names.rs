//! The names that the index has in one folder. The index is one sorted list of whole paths; a folder is a slice of it,
//! and its names are found by halving, never by building a tree.

use std::ops::Range;

use bstr::{BStr, ByteSlice};
use gix::index::{Entry, State};

/// The names of one folder, each list in its own order.
pub(super) struct Names<'a> {
    index: &'a State,
    prefix: usize,
    files: Vec<usize>,
    folders: Vec<Range<usize>>,
}

impl<'a> Names<'a> {
    /// Splits the entries of a folder, whose paths all begin with the same `prefix` bytes, into files and folders.
    pub(super) fn new(index: &'a State, prefix: usize, range: Range<usize>) -> Self {
        let entries = index.entries();
        let below = |at: usize| below(index, at, prefix);
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        let mut at = range.start;
        while at < range.end {
            let below = below(at);
            match below.find_byte(b'/') {
                None => {
                    files.push(at);
                    at += 1;
                }
                Some(slash) => {
                    let name = &below[..=slash];
                    let inside =
                        |entry: &Entry| entry.path(index).get(prefix..).is_some_and(|p| p.starts_with(name));
                    let length = entries[at..range.end].partition_point(inside);
                    folders.push(at..at + length);
                    at += length;
                }
            }
        }
        Self { index, prefix, files, folders }
    }

    /// The first entry of that name, whatever its stage.
    pub(super) fn file(&self, name: &BStr) -> Option<usize> {
        let first = self.files.partition_point(|&at| self.below(at) < name);
        self.files.get(first).copied().filter(|&at| self.below(at) == name)
    }

    /// The entries below the folder of that name.
    pub(super) fn folder(&self, name: &BStr) -> Option<Range<usize>> {
        let key = |range: &Range<usize>| -> &[u8] {
            let below: &[u8] = self.below(range.start);
            below.find_byte(b'/').map_or(below, |slash| &below[..slash])
        };
        // Folders are sorted as if their names ended with a slash, which comes after `-` and `.`.
        let slashed = |name: &'_ [u8]| name.iter().copied().chain(std::iter::once(b'/')).collect::<Vec<u8>>();
        let wanted = slashed(name);
        let first = self.folders.partition_point(|range| slashed(key(range)) < wanted);
        self.folders.get(first).filter(|range| key(range) == name).cloned()
    }

    fn below(&self, at: usize) -> &'a BStr {
        below(self.index, at, self.prefix)
    }
}

fn below(index: &State, at: usize, prefix: usize) -> &BStr {
    index.entries()[at].path(index).get(prefix..).unwrap_or_default().as_bstr()
}
