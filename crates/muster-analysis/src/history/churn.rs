//! Which files change most. A file that was renamed is one file, under its newest path: the history is read backwards,
//! and at each rename the older path is taken to mean the same file from there on. What had the newer path before counts
//! with it, so no path is listed twice.
//!
//! The commits come one after the other, because what they did to files is by far the most that is known of a history.
//! How much is kept of it is bounded; what is beyond is older, is not counted, and that is said.

use std::collections::HashMap;

use muster_model::{Commit, Timestamp, commit::FileChange, history::FileChurn};

/// Files that are listed in the end.
const MOST_FILES: usize = 200;
/// Files and bytes of their paths that are counted at the same time, some hundred megabytes together.
const MOST_COUNTED: usize = 500_000;
const MOST_PATHS: usize = 64 << 20;

/// The files of a history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Churn {
    /// Those with most lines added and removed.
    pub(super) files: Vec<FileChurn>,
    /// How many changed at all.
    pub(super) total: u64,
    /// Older commits were not counted; `None` if all were.
    pub(super) since: Option<Timestamp>,
}

/// Counts what commits do to files.
#[derive(Debug, Default)]
pub struct ChurnCount {
    files: Vec<Tally>,
    /// Which file a path means at the moment that is being read.
    file_by_path: HashMap<Box<str>, usize>,
    path_bytes: usize,
    commits: usize,
    last_at: Option<Timestamp>,
    is_cut: bool,
}

impl ChurnCount {
    /// Counts what this commit did. The newest comes first, as [`super::newest_first`] says. What a merge did is its
    /// branch's doing and counts nothing.
    pub fn add(&mut self, commit: &Commit, files: &[FileChange]) {
        if commit.is_merge() || files.is_empty() {
            return;
        }
        if self.is_full() {
            self.leave_out_older();
            return;
        }
        let at = commit.committer.at;
        let mut renames: Vec<(&str, usize)> = Vec::new();
        for change in files {
            let file = match self.file_by_path.get(change.path.as_str()) {
                Some(&file) => file,
                None => {
                    self.files.push(Tally::new(&change.path, at));
                    self.means(&change.path, self.files.len() - 1);
                    self.files.len() - 1
                }
            };
            let lines = change.lines.unwrap_or_default();
            self.files[file].add(self.commits, at, lines.insertions, lines.deletions);
            if let Some(from) = &change.from {
                renames.push((from, file));
            }
        }
        // After all of them were read, because two files may change places in one commit.
        for (from, file) in renames {
            self.means(from, file);
        }
        self.commits += 1;
        self.last_at = Some(at);
    }

    /// No older commit is counted any more.
    pub fn is_full(&self) -> bool {
        self.files.len() >= MOST_COUNTED || self.path_bytes >= MOST_PATHS
    }

    /// There are older commits, and they are not counted.
    pub fn leave_out_older(&mut self) {
        self.is_cut = true;
    }

    fn means(&mut self, path: &str, file: usize) {
        self.path_bytes += path.len();
        self.file_by_path.insert(path.into(), file);
    }

    /// What it came to.
    pub fn finish(mut self) -> Churn {
        let total = self.files.len() as u64;
        self.files.sort_by(|a, b| {
            let by_size = b.lines().cmp(&a.lines()).then(b.commits.cmp(&a.commits));
            by_size.then_with(|| a.path.cmp(&b.path))
        });
        self.files.truncate(MOST_FILES);
        let files = self.files.into_iter().map(Tally::finish).collect();
        Churn { files, total, since: self.last_at.filter(|_| self.is_cut) }
    }
}

#[derive(Debug)]
struct Tally {
    path: Box<str>,
    commits: u64,
    /// The commit that was counted last, so that one that lists a file twice counts once.
    counted: Option<usize>,
    insertions: u64,
    deletions: u64,
    last_at: Timestamp,
}

impl Tally {
    fn new(path: &str, last_at: Timestamp) -> Self {
        Self { path: path.into(), commits: 0, counted: None, insertions: 0, deletions: 0, last_at }
    }

    fn add(&mut self, place: usize, at: Timestamp, insertions: u64, deletions: u64) {
        self.commits += u64::from(self.counted != Some(place));
        self.counted = Some(place);
        self.insertions = self.insertions.saturating_add(insertions);
        self.deletions = self.deletions.saturating_add(deletions);
        self.last_at = self.last_at.max(at);
    }

    /// Wide enough that two full counters still compare.
    fn lines(&self) -> u128 {
        u128::from(self.insertions) + u128::from(self.deletions)
    }

    fn finish(self) -> FileChurn {
        FileChurn {
            path: self.path.into(),
            commits: self.commits,
            insertions: self.insertions,
            deletions: self.deletions,
            last_at: self.last_at,
        }
    }
}
