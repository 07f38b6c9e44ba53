//! Which files change most. A file that was renamed is one file, under its newest path: the history is read backwards,
//! and at each rename the older path is taken to mean the same file from there on. What had the newer path before counts
//! with it, so no path is listed twice.

use std::collections::HashMap;

use muster_model::{Timestamp, history::FileChurn};

use super::log::Log;

/// Files that are kept.
const MOST_FILES: usize = 200;

/// The files with most lines added and removed, and how many files changed at all.
pub(super) fn churn(log: &Log<'_>) -> (Vec<FileChurn>, u64) {
    let mut files: Vec<Tally<'_>> = Vec::new();
    // Which file a path means at the moment that is being read.
    let mut file_by_path: HashMap<&str, usize> = HashMap::new();
    let mut renames: Vec<(&str, usize)> = Vec::new();
    for (place, entry) in log.entries.iter().enumerate() {
        for change in entry.files() {
            let file = *file_by_path.entry(&change.path).or_insert_with(|| {
                files.push(Tally::new(&change.path, entry.commit.committer.at));
                files.len() - 1
            });
            let lines = change.lines.unwrap_or_default();
            files[file].add(place, entry.commit.committer.at, lines.insertions, lines.deletions);
            if let Some(from) = &change.from {
                renames.push((from, file));
            }
        }
        // After all of them were read, because two files may change places in one commit.
        for (from, file) in renames.drain(..) {
            file_by_path.insert(from, file);
        }
    }
    let changed = files.len() as u64;
    files.sort_by(|a, b| {
        let by_size = b.lines().cmp(&a.lines()).then(b.commits.cmp(&a.commits));
        by_size.then_with(|| a.path.cmp(b.path))
    });
    files.truncate(MOST_FILES);
    (files.into_iter().map(Tally::finish).collect(), changed)
}

struct Tally<'a> {
    path: &'a str,
    commits: u64,
    /// The commit that was counted last, so that one that lists a file twice counts once.
    counted: Option<usize>,
    insertions: u64,
    deletions: u64,
    last_at: Timestamp,
}

impl<'a> Tally<'a> {
    fn new(path: &'a str, last_at: Timestamp) -> Self {
        Self { path, commits: 0, counted: None, insertions: 0, deletions: 0, last_at }
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
            path: self.path.to_owned(),
            commits: self.commits,
            insertions: self.insertions,
            deletions: self.deletions,
            last_at: self.last_at,
        }
    }
}
