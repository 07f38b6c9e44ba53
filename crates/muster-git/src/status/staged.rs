//! HEAD against the index. Both are sorted the same way, so one merge finds every difference; a folder whose tree id
//! the index remembers (its cache-tree extension) and which equals HEAD's is skipped without reading a tree object.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use bstr::{BStr, BString, ByteSlice};
use gix::{
    ObjectId,
    index::{Entry, State, entry::Flags, entry::Mode, extension::Tree},
    objs::TreeRefIter,
};
use muster_model::{ErrorCode, RepoError};

use super::{half::Half, rename};

/// Folders nested deeper than this are an attack on the stack.
const MAX_DEPTH: usize = 512;
/// A few small trees can name each other so that they stand for billions of files.
const MAX_HALVES: usize = 2_000_000;
/// The same for trees that hold no file at all.
const MAX_TREES: usize = 1_000_000;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Staged {
    /// Entries with X ≠ '.', renames counted once.
    pub(super) count: u32,
    /// Unmerged paths.
    pub(super) unmerged: u32,
}

/// Compares the tree of HEAD with the index.
pub(super) fn compare(
    repo: &gix::Repository,
    index: &State,
    work_tree: &Path,
    interrupt: &AtomicBool,
) -> Result<Staged, RepoError> {
    let fail =
        |error: gix::Error| crate::error::from_gix(work_tree, "cannot compare HEAD with the index", &error);
    let head_tree = repo.head_tree_id_or_empty().map_err(fail)?.detach();
    let mut merge = Merge {
        repo,
        index,
        interrupt,
        added: Vec::new(),
        deleted: Vec::new(),
        changed: 0,
        unmerged: 0,
        trees: 0,
        is_beyond_limits: false,
    };
    let cached = index.tree();
    let is_unchanged = cached.is_some_and(|tree| tree.num_entries.is_some() && tree.id == head_tree);
    if is_unchanged {
        // Unmerged and intent-to-add entries invalidate the cache-tree, so there are none.
        return Ok(Staged::default());
    }
    merge.folder(head_tree, b"".as_bstr(), index.entries(), cached).map_err(fail)?;
    if merge.is_beyond_limits {
        let message = format!(
            "the tree of HEAD in {} is nested more than {MAX_DEPTH} deep or holds more than {MAX_HALVES} files \
             that the index lacks",
            work_tree.display()
        );
        return Err(RepoError::new(ErrorCode::Hostile, message));
    }
    let (added, deleted) = (merge.added, merge.deleted);
    let renamed = if added.is_empty() || deleted.is_empty() {
        0
    } else {
        rename::count_staged(repo, &deleted, &added, interrupt)
    };
    let count = |list: &[Half]| u32::try_from(list.len()).unwrap_or(u32::MAX);
    Ok(Staged { count: merge.changed + count(&added) + count(&deleted) - renamed, unmerged: merge.unmerged })
}

struct Merge<'a> {
    repo: &'a gix::Repository,
    index: &'a State,
    interrupt: &'a AtomicBool,
    added: Vec<Half>,
    deleted: Vec<Half>,
    changed: u32,
    unmerged: u32,
    /// Trees read.
    trees: usize,
    /// The trees are deeper or more than in any real repository.
    is_beyond_limits: bool,
}

/// One name of a folder in the index: a file with its stages, or everything below a folder.
struct Group<'a> {
    /// The name; folders end with a slash, which makes the order that of tree objects.
    name: BString,
    entries: &'a [Entry],
}

impl Merge<'_> {
    /// Merges the tree `id` at `prefix` (empty, or ending with a slash) with its slice of the index.
    fn folder(
        &mut self,
        id: ObjectId,
        prefix: &BStr,
        entries: &[Entry],
        cached: Option<&Tree>,
    ) -> gix::Result<()> {
        if self.is_to_stop(prefix) {
            return Ok(());
        }
        let data = self.repo.find_object(id)?.detach().data;
        let mut rest = entries;
        let mut group = self.next_group(prefix, &mut rest);
        for item in TreeRefIter::from_bytes(&data, id.kind()) {
            let item = item?;
            let mut name = BString::from(item.filename);
            if item.mode.is_tree() {
                name.push(b'/');
            }
            while let Some(ours) = group.take_if(|ours| ours.name < name) {
                self.only_in_index(&ours);
                group = self.next_group(prefix, &mut rest);
            }
            if let Some(ours) = group.take_if(|ours| ours.name == name) {
                if item.mode.is_tree() {
                    self.same_folder(item.oid.to_owned(), prefix, &ours, cached)?;
                } else {
                    self.same_file(item.oid.to_owned(), mode_of(item.mode), prefix, &ours);
                }
                group = self.next_group(prefix, &mut rest);
            } else {
                self.only_in_tree(item.oid.to_owned(), item.mode, &join(prefix, name.as_bstr()))?;
            }
        }
        while let Some(ours) = group {
            self.only_in_index(&ours);
            group = self.next_group(prefix, &mut rest);
        }
        Ok(())
    }

    /// Interrupted, or beyond what any real repository holds.
    fn is_to_stop(&mut self, folder: &BStr) -> bool {
        self.trees += 1;
        let depth = folder.find_iter("/").count();
        self.is_beyond_limits |=
            depth > MAX_DEPTH || self.trees > MAX_TREES || self.deleted.len() > MAX_HALVES;
        self.is_beyond_limits || self.interrupt.load(Ordering::Relaxed)
    }

    fn next_group<'e>(&self, prefix: &BStr, rest: &mut &'e [Entry]) -> Option<Group<'e>> {
        let first = rest.first()?;
        let below = &first.path(self.index)[prefix.len()..];
        let name = match below.find_byte(b'/') {
            Some(slash) => below[..=slash].as_bstr(),
            None => below.as_bstr(),
        };
        let is_folder = name.ends_with(b"/");
        let end = rest.partition_point(|entry| {
            let path = &entry.path(self.index)[prefix.len()..];
            if is_folder { path.starts_with(name) } else { path == name }
        });
        let (entries, tail) = rest.split_at(end);
        *rest = tail;
        Some(Group { name: name.to_owned(), entries })
    }

    fn same_folder(
        &mut self,
        id: ObjectId,
        prefix: &BStr,
        ours: &Group<'_>,
        cached: Option<&Tree>,
    ) -> gix::Result<()> {
        let name = ours.name.trim_end_with(|c| c == '/');
        let cached = cached.and_then(|tree| tree.children.iter().find(|child| child.name.as_slice() == name));
        if cached.is_some_and(|tree| tree.num_entries.is_some() && tree.id == id) {
            return Ok(());
        }
        // A sparse index holds a whole folder as one entry.
        if let [entry] = ours.entries
            && entry.mode.is_sparse()
        {
            self.changed += u32::from(entry.id != id);
            return Ok(());
        }
        self.folder(id, join(prefix, ours.name.as_bstr()).as_bstr(), ours.entries, cached)
    }

    fn same_file(&mut self, id: ObjectId, mode: Mode, prefix: &BStr, ours: &Group<'_>) {
        match ours.entries {
            [entry, ..] if entry.stage_raw() != 0 => self.unmerged += 1,
            [entry, ..] if entry.flags.contains(Flags::INTENT_TO_ADD) => {
                self.deleted.push(Half { path: join(prefix, ours.name.as_bstr()), id, mode });
            }
            [entry, ..] if entry.id != id || entry.mode != mode => self.changed += 1,
            _ => {}
        }
    }

    fn only_in_index(&mut self, ours: &Group<'_>) {
        let mut previous: Option<&BStr> = None;
        for entry in ours.entries {
            let path = entry.path(self.index);
            if entry.stage_raw() != 0 {
                self.unmerged += u32::from(previous != Some(path));
                previous = Some(path);
            } else if !entry.flags.contains(Flags::INTENT_TO_ADD) {
                self.added.push(Half { path: path.to_owned(), id: entry.id, mode: entry.mode });
            }
        }
    }

    fn only_in_tree(
        &mut self,
        id: ObjectId,
        mode: gix::objs::tree::EntryMode,
        path: &BString,
    ) -> gix::Result<()> {
        if !mode.is_tree() {
            self.deleted.push(Half { path: path.clone(), id, mode: mode_of(mode) });
            return Ok(());
        }
        if self.is_to_stop(path.as_bstr()) {
            return Ok(());
        }
        let data = self.repo.find_object(id)?.detach().data;
        for item in TreeRefIter::from_bytes(&data, id.kind()) {
            let item = item?;
            let mut below = join(path.as_bstr(), item.filename);
            if item.mode.is_tree() {
                below.push(b'/');
            }
            self.only_in_tree(item.oid.to_owned(), item.mode, &below)?;
        }
        Ok(())
    }
}

fn join(prefix: &BStr, name: &BStr) -> BString {
    let mut path = prefix.to_owned();
    path.extend_from_slice(name);
    path
}

/// The index knows two modes of plain files; trees of old repositories know more.
fn mode_of(mode: gix::objs::tree::EntryMode) -> Mode {
    match mode.kind() {
        gix::objs::tree::EntryKind::Blob => Mode::FILE,
        gix::objs::tree::EntryKind::BlobExecutable => Mode::FILE_EXECUTABLE,
        gix::objs::tree::EntryKind::Link => Mode::SYMLINK,
        gix::objs::tree::EntryKind::Commit => Mode::COMMIT,
        gix::objs::tree::EntryKind::Tree => Mode::DIR,
    }
}
