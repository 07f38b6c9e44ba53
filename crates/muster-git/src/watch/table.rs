//! Who watches what: one kernel watch for a folder, however many owners it has. Values only; the calls are above.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
};

use super::Purpose;

/// One interest in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Added {
    pub(super) owner: Arc<Path>,
    pub(super) purpose: Purpose,
}

#[derive(Debug)]
struct Folder {
    path: Arc<Path>,
    interests: Vec<Added>,
}

/// All watches, by kernel descriptor and by interest.
#[derive(Debug, Default)]
pub(super) struct Table {
    folders: HashMap<i32, Folder>,
    by_interest: HashMap<Added, HashSet<i32>>,
}

impl Table {
    /// Folders watched for one interest.
    pub(super) fn count_of(&self, owner: &Arc<Path>, purpose: Purpose) -> usize {
        self.by_interest.get(&Added { owner: Arc::clone(owner), purpose }).map_or(0, HashSet::len)
    }

    pub(super) fn len(&self) -> usize {
        self.folders.len()
    }

    /// Begins to replace what the owner watches: returns what it had, to be handed to [`Self::end`].
    pub(super) fn begin(&mut self, owner: &Arc<Path>, purpose: Purpose) -> HashSet<i32> {
        self.by_interest.remove(&Added { owner: Arc::clone(owner), purpose }).unwrap_or_default()
    }

    pub(super) fn add(&mut self, descriptor: i32, path: &Path, owner: &Arc<Path>, purpose: Purpose) {
        let interest = Added { owner: Arc::clone(owner), purpose };
        let folder = self
            .folders
            .entry(descriptor)
            .or_insert_with(|| Folder { path: Arc::from(path), interests: Vec::new() });
        if *folder.path != *path {
            // The same folder under another name: it was moved.
            folder.path = Arc::from(path);
        }
        if !folder.interests.contains(&interest) {
            folder.interests.push(interest.clone());
        }
        self.by_interest.entry(interest).or_default().insert(descriptor);
    }

    /// Ends it: the descriptors that nobody is interested in any more.
    pub(super) fn end(&mut self, owner: &Arc<Path>, purpose: Purpose, before: HashSet<i32>) -> Vec<i32> {
        let interest = Added { owner: Arc::clone(owner), purpose };
        let kept = self.by_interest.get(&interest);
        let gone: Vec<_> = before
            .into_iter()
            .filter(|descriptor| !kept.is_some_and(|kept| kept.contains(descriptor)))
            .collect();
        gone.into_iter().filter(|&descriptor| self.lose(descriptor, &interest)).collect()
    }

    /// Forgets an owner: the descriptors that nobody is interested in any more.
    pub(super) fn forget(&mut self, owner: &Arc<Path>) -> Vec<i32> {
        let mut unused = Vec::new();
        for purpose in [Purpose::Git, Purpose::WorkTree, Purpose::Between] {
            let before = self.begin(owner, purpose);
            unused.extend(self.end(owner, purpose, before));
        }
        unused
    }

    /// Takes one interest from a folder; true if it was the last.
    fn lose(&mut self, descriptor: i32, interest: &Added) -> bool {
        let Some(folder) = self.folders.get_mut(&descriptor) else { return false };
        folder.interests.retain(|known| known != interest);
        let is_unused = folder.interests.is_empty();
        if is_unused {
            self.folders.remove(&descriptor);
        }
        is_unused
    }

    /// The kernel has dropped the watch, because the folder is gone.
    pub(super) fn dropped(&mut self, descriptor: i32) {
        let Some(folder) = self.folders.remove(&descriptor) else { return };
        for interest in folder.interests {
            if let Some(descriptors) = self.by_interest.get_mut(&interest) {
                descriptors.remove(&descriptor);
            }
        }
    }

    /// Who is to be told of an event.
    pub(super) fn concerned(&self, descriptor: i32) -> Vec<(Added, Arc<Path>)> {
        let Some(folder) = self.folders.get(&descriptor) else { return Vec::new() };
        folder.interests.iter().map(|interest| (interest.clone(), Arc::clone(&folder.path))).collect()
    }
}
