//! Counts over a work tree, equal to `git status --porcelain=v2`: HEAD against the index ([`staged`]), the index
//! against the files and untracked paths in one pass ([`walk`]). Files that the pass leaves open are compared by gix;
//! renames are matched here ([`rename`]) because the number of lines depends on how git itself pairs a deletion with
//! an addition.

mod half;
mod listing;
mod names;
mod rename;
mod staged;
mod walk;

use std::{collections::BTreeSet, path::Path, sync::atomic::AtomicBool};

use bstr::{BStr, BString};
use gix::{
    index::entry::Flags,
    status::plumbing::index_as_worktree::{
        self, Change, EntryStatus, VisitEntry,
        traits::{CompareBlobs, ReadData, SubmoduleStatus},
    },
    worktree::stack::state::{attributes, ignore},
};
use muster_model::{ErrorCode, RepoError, Word, git_state::WorkTreeCounts};

use self::walk::Untracked;
use crate::error;

/// A submodule's folder met in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gitlink {
    pub(crate) path: BString,
    pub(crate) expected: gix::ObjectId,
}

/// How a submodule differs from what its superproject names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SubmoduleChange {
    /// HEAD is another commit than the index names.
    pub(crate) commits: bool,
    /// It holds changed files.
    pub(crate) modified: bool,
    /// It holds untracked files.
    pub(crate) untracked: bool,
}

/// What the comparison brought.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) counts: WorkTreeCounts,
    /// Modified entries that are submodules with nothing but untracked files inside; git passes that distinction on
    /// when a submodule holds a submodule.
    pub(crate) modified_by_untracked_only: u32,
    /// Folders inside the work tree with a `.git` of their own that are no submodules.
    pub(crate) nested: Vec<BString>,
    /// Ignored and untracked folders, in which nobody has looked for repositories yet.
    pub(crate) unexplored: Vec<BString>,
    /// Folders in which a change could change the answer.
    pub(crate) folders: Vec<BString>,
    /// Where work could be that was not looked at.
    pub(crate) unseen: Vec<Word>,
}

/// Which submodule changes count, from `submodule.<name>.ignore` and `diff.ignoreSubmodules`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IgnoreSubmodule {
    None,
    Untracked,
    Dirty,
    All,
}

/// Compares everything. `submodule` is asked about each submodule folder that exists. The index is taken along
/// because what the walk settles is written into its flags.
pub(crate) fn compare(
    repo: &gix::Repository,
    index: &mut gix::index::State,
    work_tree: &Path,
    blanked_filters: &BTreeSet<BString>,
    interrupt: &AtomicBool,
    submodule: &mut dyn FnMut(&Gitlink) -> SubmoduleChange,
) -> Result<Comparison, RepoError> {
    let fail = |error: gix::Error| error::from_gix(work_tree, "cannot compare the work tree", &error);
    // Everything below relies on the order; git refuses such an index as well.
    if !index.entries().is_sorted_by(|a, b| (a.path(index), a.stage_raw()) <= (b.path(index), b.stage_raw()))
    {
        let message =
            format!("the index of {} is damaged: its entries are out of order", work_tree.display());
        return Err(RepoError::new(ErrorCode::Corrupt, message));
    }
    for entry in index.entries_mut() {
        // Set by a file system monitor that the repository names; its word counts for nothing here.
        entry.flags.remove(Flags::FSMONITOR_VALID | Flags::UPTODATE);
    }
    let mut comparison = Comparison::default();
    let staged = staged::compare(repo, index, work_tree, interrupt)?;
    comparison.counts.staged = staged.count;
    comparison.counts.conflicted = staged.unmerged;

    let untracked = untracked(repo);
    let walked = walk::walk(repo, index, work_tree, untracked, interrupt)?;
    if untracked == Untracked::No {
        comparison.unseen.push("untracked files (status.showUntrackedFiles is no)".into());
    }
    if walked.has_hidden_changes {
        comparison.unseen.push("files that are marked as unchanged and are not".into());
    }
    comparison.counts.untracked = walked.untracked;
    if walked.settle(index) {
        let index = &*index;
        let files = compare_files(repo, index, work_tree, interrupt).map_err(fail)?;
        comparison.counts.modified = files.certain;
        if !files.by_content.is_empty() {
            decide_by_content(repo, index, files.by_content, blanked_filters, &mut comparison.counts)
                .map_err(fail)?;
        }
        if !files.removed.is_empty() && !files.intended.is_empty() {
            let renamed =
                rename::count_work_tree(repo, index, work_tree, &files.removed, &files.intended, interrupt);
            comparison.counts.modified -= renamed.map_err(fail)?;
        }
        for link in files.gitlinks {
            let change = submodule(&link);
            if change != SubmoduleChange::default() {
                comparison.counts.modified += 1;
                let only_untracked = !change.commits && !change.modified;
                comparison.modified_by_untracked_only += u32::from(only_untracked);
            }
        }
    }
    comparison.nested = walked.nested;
    comparison.unexplored = walked.unexplored;
    comparison.folders = walked.folders;
    Ok(comparison)
}

fn untracked(repo: &gix::Repository) -> Untracked {
    match repo.config_snapshot().string("status.showUntrackedFiles") {
        Some(value) if matches!(value.as_slice(), b"no" | b"false" | b"off" | b"0") => Untracked::No,
        Some(value) if value == "all" => Untracked::All,
        _ => Untracked::Normal,
    }
}

/// What the comparison of the index with the files found.
#[derive(Debug, Default)]
struct FileChanges {
    /// Entries that differ whatever a filter would say: removed, type, executable bit, intent to add.
    certain: u32,
    /// Entry numbers that differ by content alone.
    by_content: Vec<usize>,
    /// Entry numbers of removed files and of files intended to be added, for rename detection.
    removed: Vec<usize>,
    intended: Vec<usize>,
    gitlinks: Vec<Gitlink>,
}

fn compare_files(
    repo: &gix::Repository,
    index: &gix::index::State,
    work_tree: &Path,
    interrupt: &AtomicBool,
) -> gix::Result<FileChanges> {
    let stack = repo
        .attributes(
            index,
            attributes::Source::WorktreeThenIdMapping,
            ignore::Source::WorktreeThenIdMappingIfNotSkipped,
            None,
        )?
        .detach();
    let filter = gix::filter::Pipeline::new(repo, stack.clone())?.into_parts().0;
    let pathspec = gix::pathspec::Search::from_specs(std::iter::empty(), None, Path::new(""))?;
    let mut collector = Collector::default();
    index_as_worktree(index, work_tree, &mut collector, stack, filter, pathspec, repo, interrupt)?;
    Ok(collector.changes)
}

#[expect(clippy::too_many_arguments, reason = "one call of a function that takes as many; named here once")]
fn index_as_worktree(
    index: &gix::index::State,
    work_tree: &Path,
    collector: &mut Collector,
    stack: gix::worktree::Stack,
    filter: gix::filter::plumbing::Pipeline,
    pathspec: gix::pathspec::Search,
    repo: &gix::Repository,
    interrupt: &AtomicBool,
) -> gix::Result<()> {
    gix::status::plumbing::index_as_worktree(
        index,
        work_tree,
        collector,
        Compare,
        GitlinkIsThere,
        repo.objects.clone(),
        &mut gix::progress::Discard,
        index_as_worktree::Context { pathspec, stack, filter, should_interrupt: interrupt },
        index_as_worktree::Options {
            fs: repo.filesystem_options()?,
            // One repository per worker: the parallelism is over repositories.
            thread_limit: Some(1),
            stat: repo.stat_options()?,
            fscache: false,
        },
    )?;
    Ok(())
}

#[derive(Default)]
struct Collector {
    changes: FileChanges,
}

impl<'index> VisitEntry<'index> for Collector {
    type ContentChange = ();
    type SubmoduleStatus = ();

    fn visit_entry(
        &mut self,
        _entries: &'index [gix::index::Entry],
        entry: &'index gix::index::Entry,
        entry_index: usize,
        rela_path: &'index BStr,
        status: EntryStatus<(), ()>,
    ) {
        let changes = &mut self.changes;
        match status {
            EntryStatus::Change(Change::SubmoduleModification(())) => {
                changes.gitlinks.push(Gitlink { path: rela_path.to_owned(), expected: entry.id });
            }
            EntryStatus::Change(Change::Modification { executable_bit_changed: false, .. }) => {
                changes.by_content.push(entry_index);
            }
            EntryStatus::Change(Change::Removed) => {
                changes.certain += 1;
                changes.removed.push(entry_index);
            }
            EntryStatus::IntentToAdd => {
                changes.certain += 1;
                changes.intended.push(entry_index);
            }
            EntryStatus::Change(Change::Type { .. } | Change::Modification { .. }) => changes.certain += 1,
            // Conflicts are counted with the index; a stale stat is no change.
            EntryStatus::Conflict { .. } | EntryStatus::NeedsUpdate(_) => {}
        }
    }
}

/// Compares content as git does, except that a file that cannot be read counts as changed instead of ending the scan.
#[derive(Clone)]
struct Compare;

impl CompareBlobs for Compare {
    type Output = ();

    fn compare_blobs<'a>(
        &mut self,
        entry: &gix::index::Entry,
        size: u64,
        data: impl ReadData<'a>,
        buffer: &mut Vec<u8>,
    ) -> gix::Result<Option<()>> {
        Ok(index_as_worktree::traits::FastEq.compare_blobs(entry, size, data, buffer).unwrap_or(Some(())))
    }
}

/// Notes every submodule folder; what is inside is read later, once.
#[derive(Clone)]
struct GitlinkIsThere;

impl SubmoduleStatus for GitlinkIsThere {
    type Output = ();

    fn status(&mut self, _entry: &gix::index::Entry, _path: &BStr) -> gix::Result<Option<()>> {
        Ok(Some(()))
    }
}

/// Files that differ by content are modified, unless a filter that was not run could make them equal.
fn decide_by_content(
    repo: &gix::Repository,
    index: &gix::index::State,
    entries: Vec<usize>,
    blanked_filters: &BTreeSet<BString>,
    counts: &mut WorkTreeCounts,
) -> gix::Result<()> {
    if blanked_filters.is_empty() {
        counts.modified += u32::try_from(entries.len()).unwrap_or(u32::MAX);
        return Ok(());
    }
    let mut stack = repo.attributes_only(index, attributes::Source::WorktreeThenIdMapping)?;
    let mut outcome = stack.selected_attribute_matches(["filter"]);
    for entry in entries.into_iter().map(|at| &index.entries()[at]) {
        outcome.reset();
        let path = entry.path(index);
        let platform = stack.at_entry(path, Some(entry.mode)).map_err(gix::Error::from_error)?;
        platform.matching_attributes(&mut outcome);
        let is_blanked = outcome.iter_selected().any(|hit| match hit.assignment.state {
            gix::attrs::StateRef::Value(value) => blanked_filters.contains(value.as_bstr()),
            _ => false,
        });
        if is_blanked {
            counts.filtered_unknown += 1;
        } else {
            counts.modified += 1;
        }
    }
    Ok(())
}
