//! Reads one project: the checkout that stands for it, its linked worktrees, what its files say, whose it is and what
//! should be done. Collect first, then decide: everything after the reading is values in, values out.
//!
//! Long because it is one story with many facts: what each reading brings has its line here.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use jiff::SignedDuration;
use muster_analysis::{CheckoutKind as DeletableKind, RelationInputs};
use muster_git::{
    Boundary, Checkout, CheckoutKind, Depth, HistoryMemo, ReadOptions, Reading, Tracking, WatchFolders,
    WorkTree, linked_worktrees, read,
};
use muster_model::{
    ByteSlice, Clock, ErrorCode, ReadError, RepoError, SourceTree, Timestamp,
    analysis::{Context, GitFacts, ProjectMeta},
    error::Warning,
    project::{Project, ProjectKind, Worktree},
    relation::Relation,
    unknown::{Unknown, UnknownReason},
};

use super::{
    Detail, RelationChoices, deletable,
    group::{Group, real},
};

/// Files of a folder without version control that are looked at.
const MAX_FOLDER_FILES: usize = 20_000;
const META_FILE: &str = "PROJECT_META.json";
const MAX_META_BYTES: usize = 1024 * 1024;

/// Everything that reading a project needs to know besides the project.
pub(super) struct Reader {
    pub(super) boundary: Boundary,
    pub(super) detail: Detail,
    pub(super) emails: Vec<String>,
    pub(super) accounts: Vec<String>,
    pub(super) choices: RelationChoices,
    pub(super) memo: Option<Arc<HistoryMemo>>,
    pub(super) tracking: Tracking,
    pub(super) clock: Arc<dyn Clock>,
}

/// A project, and where reading it met folders that may hide further ones.
pub(super) struct Read {
    pub(super) project: Project,
    pub(super) unexplored: Vec<PathBuf>,
    /// Where changes must be watched for.
    pub(super) watch: WatchFolders,
}

impl From<Project> for Read {
    fn from(project: Project) -> Self {
        Self { project, unexplored: Vec::new(), watch: WatchFolders::default() }
    }
}

impl Reader {
    /// Reads the group; whatever happens, a project comes back. A panic in a library that met damaged data is an error
    /// of that repository, not the end of the scan.
    pub(super) fn read(&self, group: &Group, stop: &AtomicBool) -> Read {
        let attempt = catch_unwind(AssertUnwindSafe(|| match group {
            Group::Repository(checkout) => self.read_repository(checkout, stop),
            Group::Folder(path) => Ok(self.read_folder(path)),
            Group::Problem(_, error) => Err(error.clone()),
        }));
        match attempt {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => self.failed(group, error),
            Err(_) => {
                let message = format!("{} holds data that cannot be read", group.path().display());
                self.failed(group, RepoError::new(ErrorCode::Corrupt, message))
            }
        }
    }

    /// A project that is given up because its file system does not answer; nothing of it is touched again.
    pub(super) fn given_up(&self, group: &Group, error: RepoError) -> Read {
        let kind = match group {
            Group::Repository(checkout) if checkout.kind == CheckoutKind::Bare => ProjectKind::Bare,
            Group::Repository(_) => ProjectKind::Repository,
            Group::Folder(_) | Group::Problem(..) => ProjectKind::Folder,
        };
        self.with_error(group.path(), kind, error).into()
    }

    /// A project of which only the error is known.
    fn failed(&self, group: &Group, error: RepoError) -> Read {
        // A folder that went away while it was read is gone, not damaged.
        let error = match group.path().symlink_metadata() {
            Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => RepoError::new(
                ErrorCode::Vanished,
                format!("{} went away while it was read", group.path().display()),
            ),
            _ => error,
        };
        let kind = match group {
            Group::Repository(checkout) if checkout.kind == CheckoutKind::Bare => ProjectKind::Bare,
            Group::Repository(_) => ProjectKind::Repository,
            Group::Problem(path, _) if path.join(".git").symlink_metadata().is_ok() => {
                ProjectKind::Repository
            }
            Group::Folder(_) | Group::Problem(..) => ProjectKind::Folder,
        };
        let project = self.with_error(group.path(), kind, error);
        // What is wrong with this repository must not hide those inside it. Discovery has gone on below a problem of
        // its own.
        let is_entered = !matches!(group, Group::Repository(_));
        let unexplored = if is_entered { Vec::new() } else { folders_of(group.path()) };
        let watch = match group {
            Group::Repository(checkout) => WatchFolders::of_broken(group.path(), Some(checkout)),
            Group::Problem(path, _) => WatchFolders::of_broken(path, None),
            Group::Folder(path) => WatchFolders::of_folder(path),
        };
        Read { project, unexplored, watch }
    }

    fn with_error(&self, path: &Path, kind: ProjectKind, error: RepoError) -> Project {
        let mut project = self.empty(path, kind);
        for field in ["git", "type", "stack", "readiness", "monetization", "health", "metadata", "relation"] {
            project.unknown.insert(field.into(), UnknownReason::RepositoryError);
        }
        project.error = Some(error);
        project
    }

    fn empty(&self, path: &Path, kind: ProjectKind) -> Project {
        let mut unknown = Unknown::new();
        if self.detail < Detail::Full {
            for field in ["type", "stack", "readiness", "monetization", "health", "metadata"] {
                unknown.insert(field.into(), UnknownReason::NotRequested);
            }
        }
        Project {
            name: String::new(),
            path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
            kind,
            relation: Relation::Unknown,
            error: None,
            warnings: Vec::new(),
            git: None,
            branches: None,
            remote: None,
            tracked: None,
            remote_moved: None,
            push_remote: None,
            fetched_at: None,
            deletable: None,
            worktrees: Vec::new(),
            submodules: Vec::new(),
            borrows_from: Vec::new(),
            analysis: None,
            meta: None,
            recommendations: Vec::new(),
            unknown,
            checked_at: self.clock.now(),
        }
    }

    fn read_repository(&self, checkout: &Checkout, stop: &AtomicBool) -> Result<Read, RepoError> {
        if self.detail == Detail::Name {
            let is_bare = checkout.kind == CheckoutKind::Bare;
            let kind = if is_bare { ProjectKind::Bare } else { ProjectKind::Repository };
            return Ok(self.empty(&checkout.path, kind).into());
        }
        let options = ReadOptions {
            boundary: &self.boundary,
            emails: &self.emails,
            interrupt: stop,
            memo: self.memo.as_deref(),
            tracking: self.tracking,
        };
        let depth = match self.detail {
            Detail::Name | Detail::State => Depth::State,
            Detail::Attention => Depth::Branches,
            Detail::Full => Depth::Full,
        };
        let mut reading = read(checkout, &options, depth)?;
        let mut unexplored = std::mem::take(&mut reading.unexplored);
        let mut watch = std::mem::take(&mut reading.watch);
        if reading.state.work_tree.is_err() && checkout.path != checkout.git_dir {
            // No work tree that git would walk, but folders all the same.
            unexplored.extend(folders_of(&checkout.path));
        }
        let kind = if reading.state.work_tree.is_ok() { ProjectKind::Repository } else { ProjectKind::Bare };
        let mut project = self.empty(&checkout.path, kind);
        let (worktrees, mut warnings) =
            self.read_worktrees(checkout, &options, depth, &mut unexplored, &mut watch);
        project.worktrees = worktrees;
        warnings.extend(reading.warnings.iter().cloned());
        project.warnings = warnings;
        if self.detail > Detail::State {
            project.relation = self.relation(&checkout.path, &reading);
        }
        note_unknown(&mut project.unknown, &reading, self.detail, project.relation, &self.emails);
        if self.detail == Detail::Full
            && let Some(tree) = &reading.tree
        {
            Self::analyze(&mut project, tree.as_ref(), &git_facts(&reading, self.clock.now()));
        }
        project.git = Some(reading.state);
        project.branches = reading.branches;
        project.remote = reading.remote;
        project.tracked = reading.tracked;
        project.fetched_at = reading.fetched_at;
        project.submodules = reading.submodules;
        project.push_remote = reading.push_remote;
        project.borrows_from = reading.borrows_from;
        if self.detail == Detail::Full {
            project.deletable = deletable::of(&project, checkout.kind == CheckoutKind::Linked);
        }
        Ok(Read { project, unexplored, watch })
    }

    fn read_folder(&self, path: &Path) -> Read {
        let mut project = self.empty(path, ProjectKind::Folder);
        project.relation = self.choices.of(path, None).unwrap_or(Relation::Mine);
        project.unknown.insert("git".into(), UnknownReason::NoRepository);
        let mut watch = WatchFolders::of_folder(path);
        if self.detail == Detail::Full {
            let tree = WorkTree::from_folder(path, MAX_FOLDER_FILES);
            Self::analyze(&mut project, &tree, &GitFacts::default());
            watch.work_tree.extend(folders_with_files(path, &tree));
        }
        Read { watch, ..project.into() }
    }

    fn analyze(project: &mut Project, tree: &dyn SourceTree, git: &GitFacts) {
        let name = project.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let context = Context { name: &name, git, relation: project.relation, now: project.checked_at };
        let analysis = muster_analysis::analyze(tree, &context);
        project.recommendations = muster_analysis::recommend(&analysis, &context);
        if analysis.health.value.is_none() {
            project.unknown.insert("health.score".into(), UnknownReason::LowCoverage);
        }
        project.analysis = Some(analysis);
        project.meta = read_meta(tree, &mut project.warnings);
    }

    /// Every worktree that git has on record, read where it lies in the roots.
    fn read_worktrees(
        &self,
        checkout: &Checkout,
        options: &ReadOptions<'_>,
        depth: Depth,
        unexplored: &mut Vec<PathBuf>,
        watch: &mut WatchFolders,
    ) -> (Vec<Worktree>, Vec<Warning>) {
        let (records, problems) = linked_worktrees(checkout);
        let warnings = problems
            .into_iter()
            .map(|error| Warning { code: deletable::WORKTREE_RECORD.into(), message: error.message })
            .collect();
        let own_path = real(&checkout.path);
        let worktrees = records
            .into_iter()
            .filter(|record| real(&record.path) != own_path)
            .map(|record| {
                let reading = self.read_worktree(&record.path, checkout, options, depth);
                let (state, deletable) = match reading {
                    Ok(reading) => {
                        unexplored.extend(reading.unexplored);
                        watch.extend(reading.watch);
                        let kind = DeletableKind::LinkedWorktree;
                        let verdict =
                            muster_analysis::deletable(&reading.state, reading.branches.as_ref(), kind);
                        (Ok(reading.state), verdict)
                    }
                    Err(error) => (Err(error), None),
                };
                Worktree { path: record.path, state, deletable, is_locked: record.is_locked }
            })
            .collect();
        (worktrees, warnings)
    }

    fn read_worktree(
        &self,
        path: &Path,
        of: &Checkout,
        options: &ReadOptions<'_>,
        depth: Depth,
    ) -> Result<Reading, RepoError> {
        if path.symlink_metadata().is_err() {
            let message =
                format!("the folder of worktree {} is gone; `git worktree prune` forgets it", path.display());
            return Err(RepoError::new(ErrorCode::BrokenLink, message));
        }
        if !self.boundary.contains(path) {
            let message = format!("worktree {} lies outside the roots and was not read", path.display());
            return Err(RepoError::new(ErrorCode::OutsideRoots, message));
        }
        let checkout = Checkout::at(path, &self.boundary)?;
        if real(&checkout.common_dir) != real(&of.common_dir) {
            let message = format!(
                "{} is no longer a worktree of this repository; `git worktree prune` forgets it",
                path.display()
            );
            return Err(RepoError::new(ErrorCode::BrokenLink, message));
        }
        read(&checkout, options, depth)
    }

    fn relation(&self, path: &Path, reading: &Reading) -> Relation {
        if let Some(choice) = self.choices.of(path, reading.remote.as_ref()) {
            return choice;
        }
        let authors = reading.authors.clone().unwrap_or_default();
        let own = self.emails.iter().filter_map(|email| authors.commits_by_email.get(email)).sum();
        let owner = reading.remote.as_ref().and_then(|remote| remote.owner()).map(str::to_lowercase);
        let inputs = RelationInputs {
            owner_is_mine: owner.is_some_and(|owner| self.accounts.contains(&owner)),
            emails_known: !self.emails.is_empty(),
            own_commits: own,
            sampled_commits: authors.commits,
            distinct_authors: u32::try_from(authors.commits_by_email.len()).unwrap_or(u32::MAX),
            has_uncommitted_work: reading.state.work_tree.is_ok_and(|counts| !counts.is_clean()),
        };
        muster_analysis::relation(reading.remote.as_ref(), &inputs)
    }
}

/// The folders in `path`, links not followed, without git's own.
fn folders_of(path: &Path) -> Vec<PathBuf> {
    let Ok(listing) = std::fs::read_dir(path) else { return Vec::new() };
    listing
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()) && entry.file_name() != ".git")
        .map(|entry| entry.path())
        .collect()
}

/// The folders below `path` in which the files of a tree lie.
fn folders_with_files(path: &Path, tree: &dyn SourceTree) -> BTreeSet<PathBuf> {
    let parents =
        tree.entries().iter().filter_map(|entry| entry.path.to_path().ok()?.parent().map(Path::to_owned));
    parents.filter(|parent| !parent.as_os_str().is_empty()).map(|parent| path.join(parent)).collect()
}

fn read_meta(tree: &dyn SourceTree, warnings: &mut Vec<Warning>) -> Option<ProjectMeta> {
    let warn = |message: String| Warning { code: "project_meta".into(), message };
    match tree.read(META_FILE.into(), MAX_META_BYTES) {
        Err(ReadError::NotFound) => None,
        Err(error) => {
            warnings.push(warn(format!("{META_FILE} cannot be read: {error}")));
            None
        }
        Ok(bytes) => match muster_analysis::parse_project_meta(&bytes) {
            Ok(meta) => Some(meta),
            Err(error) => {
                warnings.push(warn(format!("{META_FILE} is ignored: {error}")));
                None
            }
        },
    }
}

fn git_facts(reading: &Reading, now: Timestamp) -> GitFacts {
    const RECENT: SignedDuration = SignedDuration::from_hours(90 * 24);
    let since = (now - RECENT).as_second();
    let branches = reading.branches.as_ref().filter(|branches| branches.has_remote);
    let recent = reading.authors.as_ref().map(|authors| {
        let recent = authors.times.iter().filter(|&&seconds| seconds >= since).count();
        u32::try_from(recent).unwrap_or(u32::MAX)
    });
    GitFacts {
        is_repo: true,
        has_remote: reading
            .branches
            .as_ref()
            .map_or(reading.remote.is_some(), |branches| branches.has_remote),
        state: Some(reading.state.clone()),
        unpushed_commits: branches.map(|branches| {
            let of_branches: u32 = branches.unpushed.iter().map(|branch| branch.commits).sum();
            of_branches + branches.detached_commits
        }),
        detached_commits: branches.map(|branches| branches.detached_commits),
        local_only_branches: branches
            .map(|branches| u32::try_from(branches.local_only.len()).unwrap_or(u32::MAX)),
        // A shallow clone has no tags to speak of: unknown, not none.
        tags: reading.tags.clone().filter(|tags| !tags.is_empty() || !reading.state.is_shallow),
        commits_90_days: recent.filter(|_| !reading.state.is_shallow),
        unpushed_branch_names: branches
            .map(|branches| branches.unpushed.iter().map(|branch| branch.name.clone()).collect())
            .unwrap_or_default(),
    }
}

fn note_unknown(
    unknown: &mut Unknown,
    reading: &Reading,
    detail: Detail,
    relation: Relation,
    emails: &[String],
) {
    use muster_model::git_state::Head;
    let state = &reading.state;
    if let Err(reason) = state.work_tree {
        for field in ["git.modified", "git.untracked", "git.staged", "git.conflicted", "git.filtered_unknown"]
        {
            unknown.insert(field.into(), reason);
        }
    }
    if state.head_id.is_none() {
        for field in ["git.head", "git.last_commit"] {
            unknown.insert(field.into(), UnknownReason::NoCommits);
        }
    }
    let no_divergence = match (&state.head, &state.upstream) {
        (Head::Detached, _) => Some(UnknownReason::Detached),
        (Head::Unborn(_), _) => Some(UnknownReason::NoCommits),
        (_, None) => Some(UnknownReason::NoUpstream),
        (_, Some(upstream)) if upstream.divergence.is_none() => Some(UnknownReason::UpstreamGone),
        _ => None,
    };
    if let Some(reason) = no_divergence {
        unknown.insert("git.ahead".into(), reason);
        unknown.insert("git.behind".into(), reason);
    }
    if reading.remote.is_none() {
        unknown.insert("git.remote".into(), UnknownReason::NoRemote);
    }
    if reading.fetched_at.is_none() {
        unknown.insert("git.fetched_at".into(), UnknownReason::NeverFetched);
    }
    match (&reading.branches, detail) {
        (_, Detail::State) => {
            for field in ["git.unpushed_branches", "git.local_only_branches", "relation"] {
                unknown.insert(field.into(), UnknownReason::NotRequested);
            }
        }
        (Some(branches), _) if !branches.has_remote => {
            unknown.insert("git.unpushed_branches".into(), UnknownReason::NoRemote);
            unknown.insert("git.local_only_branches".into(), UnknownReason::NoRemote);
        }
        (None, _) => {
            unknown.insert("git.unpushed_branches".into(), UnknownReason::Bare);
            unknown.insert("git.local_only_branches".into(), UnknownReason::Bare);
        }
        _ => {}
    }
    if detail > Detail::State && emails.is_empty() && relation == Relation::Unknown {
        unknown.insert("relation".into(), UnknownReason::NoIdentity);
    }
    if detail < Detail::Full {
        unknown.insert("git.deletable".into(), UnknownReason::NotRequested);
    } else if state.work_tree.is_err() && reading.branches.is_none() {
        unknown.insert("git.deletable".into(), UnknownReason::Bare);
    }
}
