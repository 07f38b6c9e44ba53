//! The scan: from roots to projects. Discovery finds checkouts, grouping makes one project of what shares a common
//! git directory, a pool reads them in parallel, and one bad repository is listed with its error while the rest goes
//! on. Nothing is stored here; the command line prints it, the service keeps it.

mod deletable;
mod group;
mod naming;
mod pool;
mod project;

pub(crate) use deletable::Others;
pub(crate) use naming::unique_names;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use muster_git::{
    Boundary, Checkout, CheckoutKind, DiscoverOptions, Found, HistoryMemo, Tracking, WatchFolders, WorkTrees,
    discover, discover_within, enclosing_checkout,
};
use muster_model::{Clock, RemoteUrl, project::Project, relation::Relation};

use crate::{
    config::{PortfolioConfig, ScanConfig},
    error::AppError,
    remote_policy::RemotePolicy,
};

/// How much is found out about each project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Where it is and what it is called; nothing is read.
    Name,
    /// What git status says, the operation in progress, the last commit.
    State,
    /// What needs the person as well: unpushed branches, whose it is.
    Attention,
    /// Everything: type, stack, readiness, health, recommendations.
    Full,
}

/// What is asked of a scan.
#[derive(Debug, Clone)]
pub struct ScanRequest {
    /// Folders to search, absolute.
    pub roots: Vec<PathBuf>,
    /// How much to find out.
    pub detail: Detail,
    /// The `[scan]` section.
    pub scan: ScanConfig,
    /// The `[portfolio]` section.
    pub portfolio: PortfolioConfig,
    /// The person's e-mail addresses from git's own configuration.
    pub emails: Vec<String>,
    /// Read this project alone, found before by its path; the roots still say what may be read.
    pub only: Option<PathBuf>,
    /// Whose repositories are by the person's own word.
    pub choices: RelationChoices,
    /// Which remotes are asked whether they have moved on, so that what is known here of their branches is read as well;
    /// `None` if none is.
    pub freshness: Option<RemotePolicy>,
    /// What was walked before, for whoever scans again and again.
    pub memo: Option<Arc<HistoryMemo>>,
}

/// Whose repositories are, as the person has said; wins over every guess.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelationChoices {
    /// By folder.
    pub by_path: HashMap<PathBuf, Relation>,
    /// By identity of the remote.
    pub by_remote: HashMap<String, Relation>,
}

impl RelationChoices {
    fn of(&self, path: &Path, remote: Option<&RemoteUrl>) -> Option<Relation> {
        let by_remote = || self.by_remote.get(&remote?.identity());
        self.by_path.get(path).or_else(by_remote).copied()
    }
}

/// Told while the scan runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many more projects were found and will be read.
    Found(usize),
    /// One more project is done.
    Done,
}

/// What a scan brought.
#[derive(Debug)]
pub struct ScanReport {
    /// All projects, sorted by path.
    pub projects: Vec<Project>,
    /// The scan was interrupted; what is there is right, but not all.
    pub is_interrupted: bool,
    /// Folders listed while searching.
    pub folders_listed: u64,
    /// The roots that were searched.
    pub roots: Vec<PathBuf>,
    /// By path of a project: where its changes show.
    pub watch: HashMap<PathBuf, Watch>,
    /// Folders outside checkouts in which projects come and go.
    pub between: Vec<PathBuf>,
}

/// Where changes of a project show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watch {
    /// Folders in which a change could change what is known.
    pub folders: WatchFolders,
    /// Folders inside it in which further projects may lie.
    pub unexplored: Vec<PathBuf>,
}

/// Scans the roots.
pub fn scan(
    request: &ScanRequest,
    clock: &Arc<dyn Clock>,
    interrupt: &Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<ScanReport, AppError> {
    // One root that is away (a disk that is not mounted) is listed; only when all are is there nothing to answer.
    let unreadable: Vec<_> = request.roots.iter().filter_map(|root| check_root(root).err()).collect();
    if unreadable.len() == request.roots.len()
        && let Some(error) = unreadable.into_iter().next()
    {
        return Err(error);
    }
    let options = discover_options(request);
    let mut roots = request.roots.clone();
    let mut boundary = Boundary::new(&roots);
    let mut found = discover(&roots, &boundary, options, interrupt);
    if found.is_empty()
        && let Some(checkouts) = enclosing_checkouts(&roots)
    {
        // A folder inside a checkout was named, with nothing of its own: the checkout itself is meant.
        roots = checkouts;
        boundary = Boundary::new(&roots);
        found = discover(&roots, &boundary, DiscoverOptions { max_depth: 0, ..options }, interrupt);
    }
    let search = Search { request, roots, boundary, options, extent: Extent::Whole };
    let mut report = search.read(found, clock, interrupt, progress);
    finish(&mut report.projects);
    Ok(report)
}

/// Looks for projects below some folders only, which lie in the roots; what the whole portfolio has a say in (names,
/// whether a folder may go) is left to [`finish`].
pub fn scan_below(
    request: &ScanRequest,
    places: &[PathBuf],
    clock: &Arc<dyn Clock>,
    interrupt: &Arc<AtomicBool>,
) -> ScanReport {
    let boundary = Boundary::new(&request.roots);
    let options = discover_options(request);
    let found = discover_within(places, &request.roots, &boundary, options, interrupt);
    Search { request, roots: request.roots.clone(), boundary, options, extent: Extent::Part }.read(
        found,
        clock,
        interrupt,
        &mut |_| {},
    )
}

/// Reads these projects again, known by their paths, and nothing else. One that is no project any more is left out; the
/// rest as in [`scan_below`].
pub fn scan_projects(
    request: &ScanRequest,
    paths: &[PathBuf],
    clock: &Arc<dyn Clock>,
    interrupt: &Arc<AtomicBool>,
) -> ScanReport {
    let boundary = Boundary::new(&request.roots);
    let groups = paths.iter().filter_map(|path| group::at(path, &boundary)).collect();
    let reader = reader(request, &boundary, clock);
    let outcome = pool::read_all(groups, &reader, &request.scan, interrupt, &mut || {});
    ScanReport {
        projects: outcome.read.projects,
        is_interrupted: outcome.is_interrupted,
        folders_listed: 0,
        roots: request.roots.clone(),
        watch: outcome.read.watch.into_iter().collect(),
        between: Vec::new(),
    }
}

/// What only the whole portfolio can say: names that no other project has, and what must stay because another project
/// needs it. Expects projects as they were read, sorted by path.
pub fn finish(projects: &mut [Project]) {
    let others = Others::new(projects.iter().map(|project| (&*project.path, &*project.borrows_from)));
    let names = unique_names(projects.iter().map(|project| project.path.as_path()));
    for (project, name) in projects.iter_mut().zip(names) {
        project.name = name;
        project.deletable = others.verdict(&project.path, project.deletable.as_ref());
    }
}

/// A worktree or submodule whose repository lies in the roots.
fn belongs_to_another(checkout: &Checkout, boundary: &Boundary) -> bool {
    let repository = match checkout.kind {
        CheckoutKind::Linked => Some(checkout.common_dir.clone()),
        CheckoutKind::Submodule => checkout.superproject_git_dir(),
        CheckoutKind::Main | CheckoutKind::Bare => None,
    };
    repository.is_some_and(|repository| boundary.contains(&repository))
}

fn discover_options(request: &ScanRequest) -> DiscoverOptions {
    DiscoverOptions {
        max_depth: request.scan.max_depth,
        threads: request.scan.threads(),
        work_trees: if request.detail == Detail::Name || request.only.is_some() {
            WorkTrees::Enter
        } else {
            WorkTrees::Leave
        },
        is_manifest: muster_analysis::is_manifest,
    }
}

fn reader(request: &ScanRequest, boundary: &Boundary, clock: &Arc<dyn Clock>) -> Arc<project::Reader> {
    Arc::new(project::Reader {
        boundary: boundary.clone(),
        detail: request.detail,
        emails: own_emails(request),
        accounts: request.portfolio.accounts.iter().map(|account| account.to_lowercase()).collect(),
        choices: request.choices.clone(),
        memo: request.memo.clone(),
        tracking: if request.freshness.is_some() { Tracking::Read } else { Tracking::Leave },
        clock: Arc::clone(clock),
    })
}

/// A search under way.
struct Search<'a> {
    request: &'a ScanRequest,
    roots: Vec<PathBuf>,
    boundary: Boundary,
    options: DiscoverOptions,
    extent: Extent,
}

/// How much of the roots is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    /// Some folders: a worktree or submodule is met without the repository that it belongs to.
    Part,
}

impl Search<'_> {
    /// Reads what was found, and what turns up on the way.
    fn read(
        &self,
        mut found: Found,
        clock: &Arc<dyn Clock>,
        interrupt: &Arc<AtomicBool>,
        progress: &mut dyn FnMut(Progress),
    ) -> ScanReport {
        let Self { request, roots, boundary, options, extent } = self;
        let reader = reader(request, boundary, clock);
        let submodules = match options.work_trees {
            WorkTrees::Enter => group::Submodules::InTheirProject,
            WorkTrees::Leave => group::Submodules::OnTheirOwn,
        };
        let mut grouping = group::Grouping::default();
        let mut report = ScanReport {
            projects: Vec::new(),
            is_interrupted: false,
            folders_listed: 0,
            roots: roots.clone(),
            watch: HashMap::new(),
            between: Vec::new(),
        };
        // Reading a checkout tells where further ones may hide; so it goes in rounds until nothing new is met.
        loop {
            report.folders_listed += found.folders_listed;
            report.between.append(&mut found.between);
            report.is_interrupted |= interrupt.load(Ordering::Relaxed);
            if *extent == Extent::Part {
                // Its repository lists it, and tells of it when it is read.
                found.checkouts.retain(|checkout| !belongs_to_another(checkout, boundary));
            }
            let mut groups = grouping.add(found, submodules);
            if let Some(only) = &request.only {
                groups.retain(|group| group.path() == only);
            }
            progress(Progress::Found(groups.len()));
            let outcome =
                pool::read_all(groups, &reader, &request.scan, interrupt, &mut || progress(Progress::Done));
            report.is_interrupted |= outcome.is_interrupted;
            report.projects.extend(outcome.read.projects);
            report.watch.extend(outcome.read.watch);
            if outcome.read.unexplored.is_empty() || report.is_interrupted || request.only.is_some() {
                break;
            }
            found = discover_within(&outcome.read.unexplored, roots, boundary, *options, interrupt);
        }
        report.projects = group::without_submodules_of_others(report.projects);
        report.projects.sort_by(|a, b| a.path.cmp(&b.path));
        report
    }
}

fn check_root(root: &PathBuf) -> Result<(), AppError> {
    let unreadable = |reason: String| AppError::RootUnreadable { path: root.clone(), reason };
    match std::fs::read_dir(root) {
        Ok(_) => Ok(()),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

fn enclosing_checkouts(roots: &[PathBuf]) -> Option<Vec<PathBuf>> {
    let real = roots.iter().map(|root| root.canonicalize().ok());
    let checkouts: Option<Vec<_>> =
        real.map(|root| root.and_then(|root| enclosing_checkout(&root))).collect();
    checkouts.filter(|checkouts| !checkouts.is_empty())
}

fn own_emails(request: &ScanRequest) -> Vec<String> {
    let mut emails: Vec<_> = request
        .emails
        .iter()
        .chain(&request.portfolio.emails)
        .map(|email| email.trim().to_lowercase())
        .collect();
    emails.sort();
    emails.dedup();
    emails
}
