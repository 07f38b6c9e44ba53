//! One pass over a work tree that answers three questions at once: which tracked files are certainly unchanged, which
//! paths are untracked, and where further repositories may hide. Every folder is listed once, by a descriptor relative
//! to its parent, and every tracked file looked at once; git and gix each walk twice, with whole paths.
//!
//! Only certainty is decided here. A file whose stat differs, a submodule, an entry marked in any special way is left
//! open for gix, which compares content exactly. No link is followed, no pipe opened.

use std::{
    ops::Range,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use bstr::{BString, ByteSlice};
use gix::{
    AttributeStack,
    index::{
        Entry, State,
        entry::{Flags, Mode, Stat, stat::Time},
    },
    worktree::stack::state::ignore,
};
use muster_model::{ErrorCode, RepoError};
use rustix::fs::{AtFlags, FileType, Mode as OpenMode, OFlags};

use crate::guard;

use super::{
    listing::{Child, Lister, join, lossy_path, open_folder},
    names::Names,
};

/// Folders nested deeper than this are an attack on the stack.
const MAX_DEPTH: usize = 512;

/// Which untracked paths are told, as `status.showUntrackedFiles` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untracked {
    /// None.
    No,
    /// A folder without a tracked file as one path.
    Normal,
    /// Each file.
    All,
}

/// What the pass found.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// `?` lines.
    pub(super) untracked: u32,
    /// Folders with a `.git` of their own that are no submodules.
    pub(super) nested: Vec<BString>,
    /// Ignored and untracked folders, in which nobody has looked for repositories yet.
    pub(super) unexplored: Vec<BString>,
    /// Folders in which a change could change the answer: those listed, without a slash at the end.
    pub(super) folders: Vec<BString>,
    /// A file marked as unchanged (`assume-unchanged`, `skip-worktree`) differs all the same.
    pub(super) has_hidden_changes: bool,
    /// Entries that are certainly unchanged, by number.
    settled: Vec<bool>,
    /// Entries of a sparse checkout that are there although marked as left out.
    present: Vec<usize>,
}

impl Walked {
    /// Writes into the flags of the index what is known, and says whether anything is left to compare.
    pub(super) fn settle(&self, index: &mut State) -> bool {
        for &at in &self.present {
            index.entries_mut()[at].flags.remove(Flags::SKIP_WORKTREE);
        }
        let mut is_open = false;
        for (entry, &is_settled) in index.entries_mut().iter_mut().zip(&self.settled) {
            let is_exempt =
                entry.stage_raw() != 0 || entry.flags.intersects(Flags::SKIP_WORKTREE | Flags::ASSUME_VALID);
            if is_settled {
                entry.flags.insert(Flags::UPTODATE);
            }
            is_open |= !is_settled && !is_exempt;
        }
        is_open
    }
}

/// Walks the work tree.
pub(super) fn walk(
    repo: &gix::Repository,
    index: &State,
    work_tree: &Path,
    untracked: Untracked,
    interrupt: &AtomicBool,
) -> Result<Walked, RepoError> {
    let fail = |error: gix::Error| crate::error::from_gix(work_tree, "cannot read the configuration", &error);
    let capabilities = repo.filesystem_options().map_err(fail)?;
    let mut walk = Walk {
        repo,
        index,
        work_tree,
        stat_options: repo.stat_options().map_err(fail)?,
        has_symlinks: capabilities.symlink,
        has_executable_bit: capabilities.executable_bit,
        is_sparse: repo.config_snapshot().boolean("core.sparseCheckout") == Some(true),
        untracked,
        interrupt,
        excludes: None,
        lister: Lister::new(),
        found: Walked { settled: vec![false; index.entries().len()], ..Walked::default() },
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(work_tree, flags, OpenMode::empty())
        .map_err(|errno| crate::error::from_io(work_tree, "cannot enter", &errno.into()))?;
    walk.tracked_folder(&root, &BString::default(), 0..index.entries().len(), 0)?;
    Ok(walk.found)
}

struct Walk<'a> {
    repo: &'a gix::Repository,
    index: &'a State,
    work_tree: &'a Path,
    stat_options: gix::index::entry::stat::Options,
    has_symlinks: bool,
    has_executable_bit: bool,
    is_sparse: bool,
    untracked: Untracked,
    interrupt: &'a AtomicBool,
    /// Made when the first untracked path is met; most work trees have none.
    excludes: Option<AttributeStack<'a>>,
    lister: Lister,
    found: Walked,
}

impl Walk<'_> {
    /// A folder that holds something tracked: the entries of `range` all begin with `prefix`.
    fn tracked_folder(
        &mut self,
        folder: &OwnedFd,
        prefix: &BString,
        range: Range<usize>,
        depth: usize,
    ) -> Result<(), RepoError> {
        if self.interrupt.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.check_depth(prefix, depth)?;
        self.found.folders.push(without_slash(prefix));
        let names = Names::new(self.index, prefix.len(), range);
        for child in self.lister.list(self.work_tree, folder, prefix)? {
            if child.name == ".git" {
                if depth > 0 {
                    self.found.nested.push(without_slash(prefix));
                }
                continue;
            }
            let file = names.file(child.name.as_bstr());
            if child.kind != FileType::Directory {
                match file {
                    Some(at) => self.tracked_file(folder.as_fd(), at, &child),
                    None => self.untracked_file(prefix, &child)?,
                }
                continue;
            }
            match names.folder(child.name.as_bstr()) {
                Some(below) => {
                    let below_prefix = join(prefix, &child.name, b"/");
                    // What cannot be entered stays open, and gix says why.
                    if let Ok(below_folder) = open_folder(folder.as_fd(), &child.name) {
                        self.tracked_folder(&below_folder, &below_prefix, below, depth + 1)?;
                    }
                }
                None if file.is_some() => self.folder_in_place_of(prefix, &child, file),
                None => {
                    self.untracked_folder(folder.as_fd(), prefix, &child, depth)?;
                }
            }
        }
        Ok(())
    }

    /// A folder where the index has a file or a submodule: told as changed, never as untracked.
    fn folder_in_place_of(&mut self, prefix: &BString, child: &Child, file: Option<usize>) {
        let is_submodule = file.is_some_and(|at| self.index.entries()[at].mode == Mode::COMMIT);
        if !is_submodule {
            self.found.unexplored.push(join(prefix, &child.name, b""));
        }
    }

    fn tracked_file(&mut self, folder: BorrowedFd<'_>, at: usize, child: &Child) {
        let entry = &self.index.entries()[at];
        if entry.flags.contains(Flags::SKIP_WORKTREE) && self.is_sparse {
            self.found.present.push(at);
            return;
        }
        if entry.stage_raw() != 0 || entry.flags.contains(Flags::INTENT_TO_ADD) {
            return;
        }
        let Ok(stat) = rustix::fs::statat(folder, child.name.as_slice(), AtFlags::SYMLINK_NOFOLLOW) else {
            return;
        };
        let is_unchanged = self.is_unchanged(entry, &stat);
        if entry.flags.intersects(Flags::SKIP_WORKTREE | Flags::ASSUME_VALID) {
            self.found.has_hidden_changes |= !is_unchanged;
        } else {
            self.found.settled[at] = is_unchanged;
        }
    }

    /// Whether the file is certainly what the index remembers: same kind, same stat, and not written so late that the
    /// stat proves nothing ("racy").
    fn is_unchanged(&self, entry: &Entry, stat: &rustix::fs::Stat) -> bool {
        const OWNER_MAY_EXECUTE: u32 = 0o100;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let is_executable = stat.st_mode & OWNER_MAY_EXECUTE != 0;
        let is_same_kind = match entry.mode {
            Mode::FILE => kind == FileType::RegularFile && !(self.has_executable_bit && is_executable),
            Mode::FILE_EXECUTABLE => {
                kind == FileType::RegularFile && (!self.has_executable_bit || is_executable)
            }
            Mode::SYMLINK => kind == FileType::Symlink && self.has_symlinks,
            _ => false,
        };
        let stat = to_index_stat(stat);
        is_same_kind
            && stat.matches(&entry.stat, self.stat_options)
            && (!entry.id.is_empty_blob() || entry.stat.size == 0)
            && !stat.is_racy(self.index.timestamp(), self.stat_options)
    }

    fn untracked_file(&mut self, prefix: &BString, child: &Child) -> Result<(), RepoError> {
        let is_told = matches!(child.kind, FileType::RegularFile | FileType::Symlink);
        if is_told
            && self.untracked != Untracked::No
            && !self.is_ignored(&join(prefix, &child.name, b""), Mode::FILE)?
        {
            self.found.untracked += 1;
        }
        Ok(())
    }

    /// A folder without anything tracked. Counted, and remembered as a place where repositories may hide.
    fn untracked_folder(
        &mut self,
        parent: BorrowedFd<'_>,
        prefix: &BString,
        child: &Child,
        depth: usize,
    ) -> Result<(), RepoError> {
        let path = join(prefix, &child.name, b"");
        if self.untracked == Untracked::No || self.is_ignored(&path, Mode::DIR)? {
            self.found.unexplored.push(path);
            return Ok(());
        }
        let Ok(folder) = open_folder(parent, &child.name) else { return Ok(()) };
        if self.is_repository(&path) {
            self.found.nested.push(path);
            self.found.untracked += 1;
            return Ok(());
        }
        self.found.unexplored.push(path.clone());
        let files = self.files_below(&folder, &join(&path, b"", b"/"), depth + 1)?;
        self.found.untracked += if self.untracked == Untracked::All { files } else { files.min(1) };
        Ok(())
    }

    /// Files that are not ignored below an untracked folder; counting ends with the first unless all are asked for.
    fn files_below(&mut self, folder: &OwnedFd, prefix: &BString, depth: usize) -> Result<u32, RepoError> {
        self.check_depth(prefix, depth)?;
        self.found.folders.push(without_slash(prefix));
        let mut count = 0;
        let (folders, files): (Vec<_>, Vec<_>) = self
            .lister
            .list(self.work_tree, folder, prefix)?
            .into_iter()
            .partition(|child| child.kind == FileType::Directory);
        for child in files {
            let is_told = matches!(child.kind, FileType::RegularFile | FileType::Symlink);
            if is_told && !self.is_ignored(&join(prefix, &child.name, b""), Mode::FILE)? {
                count += 1;
                if self.untracked == Untracked::Normal {
                    return Ok(count);
                }
            }
        }
        for child in folders {
            let path = join(prefix, &child.name, b"");
            if child.name == ".git" || self.is_ignored(&path, Mode::DIR)? {
                continue;
            }
            let Ok(below) = open_folder(folder.as_fd(), &child.name) else { continue };
            count += if self.is_repository(&path) {
                1
            } else {
                self.files_below(&below, &join(&path, b"", b"/"), depth + 1)?
            };
            if count > 0 && self.untracked == Untracked::Normal || self.interrupt.load(Ordering::Relaxed) {
                return Ok(count);
            }
        }
        Ok(count)
    }

    fn is_ignored(&mut self, path: &BString, mode: Mode) -> Result<bool, RepoError> {
        let fail =
            |error: gix::Error| crate::error::from_gix(self.work_tree, "cannot read ignore patterns", &error);
        let excludes = match &mut self.excludes {
            Some(excludes) => excludes,
            None => {
                let source = ignore::Source::WorktreeThenIdMappingIfNotSkipped;
                self.excludes.insert(self.repo.excludes(self.index, None, source).map_err(fail)?)
            }
        };
        Ok(excludes.at_entry(path.as_bstr(), Some(mode)).map_err(fail)?.is_excluded())
    }

    /// Whether git would call the folder a repository of its own: its `.git` is, or leads to, a git directory.
    fn is_repository(&self, path: &BString) -> bool {
        let folder = self.work_tree.join(lossy_path(path));
        let dot_git = folder.join(".git");
        let Ok(meta) = dot_git.symlink_metadata() else { return false };
        if meta.is_dir() {
            return is_git_dir(&dot_git);
        }
        match guard::read_path_file(&dot_git, b"gitdir: ") {
            Ok(Some(target)) => is_git_dir(&folder.join(target)),
            _ => false,
        }
    }

    fn check_depth(&self, prefix: &BString, depth: usize) -> Result<(), RepoError> {
        if depth <= MAX_DEPTH {
            return Ok(());
        }
        let top = prefix.split_str(b"/").next().unwrap_or_default().to_str_lossy();
        let message =
            format!("folders below {}/{top} are nested more than {MAX_DEPTH} deep", self.work_tree.display());
        Err(RepoError::new(ErrorCode::Hostile, message))
    }
}

fn without_slash(prefix: &BString) -> BString {
    BString::from(prefix.strip_suffix(b"/").unwrap_or(prefix))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the index keeps the low 32 bits of each number, on purpose, and git compares those"
)]
fn to_index_stat(stat: &rustix::fs::Stat) -> Stat {
    Stat {
        mtime: Time { secs: stat.st_mtime as u32, nsecs: stat.st_mtime_nsec as u32 },
        ctime: Time { secs: stat.st_ctime as u32, nsecs: stat.st_ctime_nsec as u32 },
        dev: stat.st_dev as u32,
        ino: stat.st_ino as u32,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: stat.st_size as u32,
    }
}

/// What git asks of a git directory: a HEAD that names a branch or a commit, and a place for objects and references.
fn is_git_dir(path: &Path) -> bool {
    const MAX_HEAD_BYTES: u64 = 64 * 1024;
    let Ok(Some(head)) = guard::read_small(&path.join("HEAD"), MAX_HEAD_BYTES) else { return false };
    let head = head.trim_ascii();
    let is_valid = head.strip_prefix(b"ref:").is_some_and(|name| name.trim_ascii().starts_with(b"refs/"))
        || gix::ObjectId::from_hex(head).is_ok();
    let has = |name: &str| path.join(name).exists();
    // A linked worktree has them in the directory that `commondir` names.
    is_valid && (has("commondir") || has("objects") && has("refs"))
}
