//! Submodules of a work tree: each is a checkout of its own, read the same way and as locked down as any other. How it
//! differs decides whether its superproject counts as modified.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use bstr::{BString, ByteSlice};
use muster_model::{ErrorCode, RepoError, git_state::Head, project::Submodule};

use crate::{
    boundary::Boundary,
    guard,
    link::Checkout,
    reading::Reading,
    status::{Gitlink, IgnoreSubmodule, SubmoduleChange},
    watch::WatchFolders,
};

/// Reads a submodule like any other checkout; handed in, because reading a checkout begins above this file.
type ReadSubmodule<'a> = dyn Fn(&Checkout) -> Result<Reading, RepoError> + 'a;

/// Submodules inside submodules inside submodules: deeper is a loop or an attack.
const MAX_NESTING: usize = 8;

/// Reads the submodules of one work tree and remembers them.
pub(crate) struct Submodules<'a> {
    work_tree: &'a Path,
    boundary: &'a Boundary,
    nesting: usize,
    read: &'a ReadSubmodule<'a>,
    ignored: HashMap<BString, IgnoreSubmodule>,
    default_ignore: IgnoreSubmodule,
    pub(crate) found: Vec<Submodule>,
    /// Folders inside submodules in which further repositories may lie.
    pub(crate) unexplored: Vec<PathBuf>,
    /// Where changes of submodules must be watched for.
    pub(crate) watch: WatchFolders,
}

impl<'a> Submodules<'a> {
    pub(crate) fn new(
        repo: &gix::Repository,
        work_tree: &'a Path,
        boundary: &'a Boundary,
        nesting: usize,
        read: &'a ReadSubmodule<'a>,
    ) -> Self {
        let default_ignore = repo
            .config_snapshot()
            .string("diff.ignoreSubmodules")
            .and_then(|value| ignore_value(&value))
            .unwrap_or(IgnoreSubmodule::None);
        let ignored = read_ignored(repo, work_tree);
        Self {
            work_tree,
            boundary,
            nesting,
            read,
            ignored,
            default_ignore,
            found: Vec::new(),
            unexplored: Vec::new(),
            watch: WatchFolders::default(),
        }
    }

    /// Reads the submodule and says how it differs, as far as that counts.
    pub(crate) fn visit(&mut self, link: &Gitlink) -> SubmoduleChange {
        let ignore = self.ignored.get(&link.path).copied().unwrap_or(self.default_ignore);
        let reading = self.read(link);
        let change = match &reading {
            Some(Ok(reading)) => change_of(link, reading, ignore),
            // Not checked out is no change; unreadable neither, but it is listed with its error.
            Some(Err(_)) | None => SubmoduleChange::default(),
        };
        let path = link.path.to_str_lossy().into_owned();
        let (state, branches, below) = match reading {
            Some(Ok(reading)) => {
                self.unexplored.extend(reading.unexplored);
                self.watch.extend(reading.watch);
                (Some(Ok(reading.state)), reading.branches, reading.submodules)
            }
            Some(Err(error)) => (Some(Err(error)), None, Vec::new()),
            None => (None, None, Vec::new()),
        };
        let below =
            below.into_iter().map(|inner| Submodule { path: format!("{path}/{}", inner.path), ..inner });
        let below: Vec<_> = below.collect();
        self.found.push(Submodule { path, expected_id: link.expected.to_string(), state, branches });
        self.found.extend(below);
        change
    }

    fn read(&self, link: &Gitlink) -> Option<Result<Reading, RepoError>> {
        let relative = gix::path::from_bstr(link.path.as_bstr()).ok()?;
        // An index is data of the repository: a path that climbs out of the work tree is not followed.
        if relative.components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
            return None;
        }
        let path = self.work_tree.join(relative);
        path.join(".git").symlink_metadata().ok()?;
        if self.nesting >= MAX_NESTING {
            let message = format!("{} lies more than {MAX_NESTING} submodules deep", path.display());
            return Some(Err(RepoError::new(ErrorCode::Hostile, message)));
        }
        Some(Checkout::with_dot_git(&path, self.boundary).and_then(|checkout| (self.read)(&checkout)))
    }
}

fn change_of(link: &Gitlink, reading: &Reading, ignore: IgnoreSubmodule) -> SubmoduleChange {
    if ignore == IgnoreSubmodule::All {
        return SubmoduleChange::default();
    }
    let commits = match reading.state.head {
        // A submodule without a commit cannot be compared; git calls it unchanged.
        Head::Unborn(_) => false,
        _ => reading.state.head_id.as_deref() != Some(&link.expected.to_string()),
    };
    let Ok(counts) = reading.state.work_tree else {
        return SubmoduleChange { commits, ..SubmoduleChange::default() };
    };
    let certain_changes =
        counts.staged + counts.conflicted + counts.modified - reading.modified_by_untracked_only;
    SubmoduleChange {
        commits,
        modified: ignore != IgnoreSubmodule::Dirty && certain_changes > 0,
        untracked: ignore == IgnoreSubmodule::None
            && counts.untracked + reading.modified_by_untracked_only > 0,
    }
}

fn ignore_value(value: &[u8]) -> Option<IgnoreSubmodule> {
    match value {
        b"none" => Some(IgnoreSubmodule::None),
        b"untracked" => Some(IgnoreSubmodule::Untracked),
        b"dirty" => Some(IgnoreSubmodule::Dirty),
        b"all" => Some(IgnoreSubmodule::All),
        _ => None,
    }
}

/// `submodule.<name>.ignore` by path: the configuration wins over `.gitmodules`.
fn read_ignored(repo: &gix::Repository, work_tree: &Path) -> HashMap<BString, IgnoreSubmodule> {
    const MAX_GITMODULES_BYTES: u64 = 1024 * 1024;
    let mut ignored = HashMap::new();
    let path = work_tree.join(".gitmodules");
    let Ok(Some(bytes)) = guard::read_small(&path, MAX_GITMODULES_BYTES) else { return ignored };
    let meta = gix::config::file::Metadata::from(gix::config::Source::Worktree);
    let Ok(modules) =
        gix::config::File::from_bytes_no_includes(&bytes, meta, gix::config::file::init::Options::default())
    else {
        return ignored;
    };
    for section in modules.sections_by_name("submodule").into_iter().flatten() {
        let Some(path) = section.value("path") else { continue };
        let name = section.header().subsection_name().map(ToOwned::to_owned).unwrap_or_default();
        let configured = repo.config_snapshot().string(format!("submodule.{name}.ignore").as_str());
        if let Some(ignore) =
            configured.or_else(|| section.value("ignore")).and_then(|value| ignore_value(&value))
        {
            ignored.insert(path, ignore);
        }
    }
    ignored
}
