//! What follows from a reading: who is gone, which names and verdicts hold, and what differs from what is stored. Values
//! in, values out; reading and writing are done above.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
};

use muster_model::{ErrorCode, RepoId, project::Project};

use super::entry::{Entry, OwnVerdict, Prints};
use crate::services::scan::{Others, unique_names};

/// What of the portfolio a reading covers: what is missing in it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    /// All roots.
    Whole,
    /// These projects.
    Projects(Vec<PathBuf>),
    /// Everything below these folders.
    Below(Vec<PathBuf>),
}

/// Projects that should have been met and were not.
pub(super) fn gone(
    entries: &BTreeMap<PathBuf, Entry>,
    scope: &Scope,
    read: &HashMap<PathBuf, Project>,
    away: &[PathBuf],
) -> Vec<PathBuf> {
    let is_covered = |path: &Path| match scope {
        Scope::Whole => true,
        Scope::Projects(paths) => paths.iter().any(|covered| covered == path),
        Scope::Below(places) => places.iter().any(|place| path.starts_with(place)),
    };
    let unlisted: Vec<&PathBuf> = read
        .values()
        .filter(|project| project.error.as_ref().is_some_and(|error| error.code != ErrorCode::Vanished))
        .map(|project| &project.path)
        .collect();
    entries
        .keys()
        .filter(|path| is_covered(path) && !read.contains_key(*path))
        .filter(|path| !away.iter().any(|root| path.starts_with(root)))
        // A folder that could not be listed says nothing of what lies in it.
        .filter(|path| !unlisted.iter().any(|folder| path.starts_with(folder)))
        .cloned()
        .collect()
}

/// What only the whole portfolio can say, once those that are gone are left out.
pub(super) struct Whole {
    names: HashMap<PathBuf, String>,
    others: Others,
}

impl Whole {
    pub(super) fn of(entries: &BTreeMap<PathBuf, Entry>, gone: &[PathBuf]) -> Self {
        let gone: HashSet<_> = gone.iter().collect();
        let staying = || entries.iter().filter(|(path, _)| !gone.contains(path));
        let names = unique_names(staying().map(|(path, _)| path.as_path()));
        Self {
            names: staying().map(|(path, _)| path.clone()).zip(names).collect(),
            others: Others::new(staying().map(|(path, entry)| (path.as_path(), &*entry.borrows_from))),
        }
    }

    /// Projects that were not read and whose stored name or verdict does not hold any more.
    pub(super) fn concerned(
        &self,
        entries: &BTreeMap<PathBuf, Entry>,
        read: &HashMap<PathBuf, Project>,
    ) -> Vec<RepoId> {
        let is_concerned = |(path, entry): &(&PathBuf, &Entry)| {
            let is_renamed = self.names.get(*path).is_some_and(|name| *name != entry.name);
            let is_judged_anew = || match &entry.own_verdict {
                OwnVerdict::Read(own) => self.others.verdict(path, own.as_ref()) != entry.verdict,
                OwnVerdict::Unread => false,
            };
            entry.stored.is_some() && !read.contains_key(*path) && (is_renamed || is_judged_anew())
        };
        entries.iter().filter(is_concerned).map(|(_, entry)| entry.id).collect()
    }

    /// Gives names and verdicts, and returns what differs from what is stored, by path.
    pub(super) fn finish(
        mut self,
        entries: &BTreeMap<PathBuf, Entry>,
        read: HashMap<PathBuf, Project>,
    ) -> Vec<(PathBuf, Project, Prints)> {
        let mut changed = Vec::new();
        for (path, mut project) in read {
            let (Some(entry), Some(name)) = (entries.get(&path), self.names.remove(&path)) else { continue };
            project.name = name;
            if let OwnVerdict::Read(own) = &entry.own_verdict {
                project.deletable = self.others.verdict(&path, own.as_ref());
            }
            let prints = Prints::of(&project);
            if entry.stored.as_ref() != Some(&prints) {
                changed.push((path, project, prints));
            }
        }
        changed.sort_by(|a, b| a.0.cmp(&b.0));
        changed
    }
}
