//! Keeps the stored portfolio equal to the disk. Readings come in, whole or of a few projects; what differs from what is
//! stored is written with the tags it makes stale, in one transaction; what does not differ writes nothing.
//!
//! One keeper at a time: names and verdicts depend on all projects, so two refreshes must not cross.

mod decide;
mod entry;
mod roots;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use muster_model::{RemoteUrl, RepoId, project::Project};
use muster_store::{ChangeEvent, NewChange, Priority, ProjectRecord, Seq};
use serde_json::json;
use tokio::sync::Mutex;

use crate::{
    blocking::blocking,
    caches::{TAG_MEMBERS, TAG_PORTFOLIO, TAG_RECOMMENDATIONS, TAG_WATCH, git_key, project_tag},
    context::Context,
    error::AppError,
    jobs::LocalProjects,
    known::{Counters, Look, WatchState},
    services::{
        freshness,
        scan::{ScanReport, ScanRequest, Watch, scan, scan_below, scan_projects},
    },
};

use decide::{Scope, Whole, gone};
use entry::{Entry, Prints};
use roots::RootProbe;

/// Projects written in one transaction; more would keep other writers waiting.
const BATCH: usize = 32;

/// What a refresh brought.
#[derive(Debug, Default)]
pub struct Refreshed {
    /// Where changes of the projects that were read show, by path.
    pub watch: Vec<(PathBuf, Watch)>,
    /// Projects that are gone.
    pub gone: Vec<PathBuf>,
    /// Projects that differ from what was stored.
    pub changed: Vec<PathBuf>,
    /// Folders in which projects come and go, as far as the reading met them.
    pub between: Vec<PathBuf>,
    /// The last change written; wait for it before asking the cache.
    pub seq: Option<Seq>,
    /// The reading was stopped halfway; nothing was concluded from what is missing.
    pub is_interrupted: bool,
}

/// Keeps the portfolio of this node.
#[derive(Clone)]
pub struct Keeper {
    context: Context,
    request: Arc<RwLock<ScanRequest>>,
    entries: Arc<Mutex<BTreeMap<PathBuf, Entry>>>,
    interrupt: Arc<AtomicBool>,
    probe: RootProbe,
}

impl Keeper {
    /// A keeper that knows what is stored and has read nothing yet.
    pub async fn load(
        context: Context,
        request: ScanRequest,
        interrupt: Arc<AtomicBool>,
    ) -> Result<Self, AppError> {
        let index = context.store.project_index(context.node).await?;
        let ids: Vec<_> = index.iter().map(|entry| entry.id).collect();
        let loaded = context.store.project_load(&ids).await?;
        let undecodable: HashSet<_> = loaded.undecodable.iter().copied().collect();
        let mut entries = BTreeMap::new();
        for record in loaded.records {
            entries.insert(record.project.path.clone(), Entry::of_record(&record));
        }
        for known in index.into_iter().filter(|known| undecodable.contains(&known.id)) {
            entries.insert(known.path.clone(), Entry::to_be_read(known.id, known.number));
        }
        Ok(Self {
            context,
            request: Arc::new(RwLock::new(request)),
            entries: Arc::new(Mutex::new(entries)),
            interrupt,
            probe: RootProbe::default(),
        })
    }

    /// What is asked of every reading.
    pub fn request(&self) -> ScanRequest {
        self.request.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Other roots or choices from now on; takes effect with the next [`Self::all`].
    pub fn set_request(&self, request: ScanRequest) {
        *self.request.write().unwrap_or_else(PoisonError::into_inner) = request;
    }

    /// Paths of all projects known.
    pub async fn paths(&self) -> Vec<PathBuf> {
        self.entries.lock().await.keys().cloned().collect()
    }

    /// Searches all roots and reads everything.
    pub async fn all(&self) -> Result<Refreshed, AppError> {
        self.refresh(Scope::Whole).await
    }

    /// Reads these projects again; whoever is not there any more is gone.
    pub async fn projects(&self, paths: Vec<PathBuf>) -> Result<Refreshed, AppError> {
        self.refresh(Scope::Projects(paths)).await
    }

    /// Looks for projects below these folders.
    pub async fn below(&self, places: Vec<PathBuf>) -> Result<Refreshed, AppError> {
        self.refresh(Scope::Below(places)).await
    }

    /// In a task of its own: what has begun is brought to its end, even if whoever asked has left.
    async fn refresh(&self, scope: Scope) -> Result<Refreshed, AppError> {
        let this = self.clone();
        let refreshed = tokio::spawn(async move { this.read_and_apply(scope).await }).await;
        refreshed.map_err(|error| AppError::Internal {
            message: format!("reading the projects failed: {error}"),
        })?
    }

    async fn read_and_apply(&self, mut scope: Scope) -> Result<Refreshed, AppError> {
        let mut entries = self.entries.lock().await;
        // A root on a file system that does not answer would hold up all others for ever.
        let away = self.roots_away().await;
        let is_there = |path: &PathBuf| !away.iter().any(|root| path.starts_with(root));
        let mut request = self.request();
        request.roots.retain(is_there);
        match &mut scope {
            Scope::Whole => {}
            Scope::Projects(paths) | Scope::Below(paths) => paths.retain(is_there),
        }
        if request.roots.is_empty() {
            return Ok(Refreshed::default());
        }
        let (clock, interrupt) = (Arc::clone(&self.context.clock), Arc::clone(&self.interrupt));
        let asked = scope.clone();
        let report = blocking("reading the projects", move || match asked {
            Scope::Whole => {
                if let Some(memo) = &request.memo {
                    memo.retain(Path::exists);
                }
                scan(&request, &clock, &interrupt, &mut |_| {})
            }
            Scope::Projects(paths) => Ok(scan_projects(&request, &paths, &clock, &interrupt)),
            Scope::Below(places) => Ok(scan_below(&request, &places, &clock, &interrupt)),
        });
        let report = match report.await? {
            Ok(report) => report,
            // It went away in between.
            Err(AppError::RootUnreadable { .. }) => return Ok(Refreshed::default()),
            Err(error) => return Err(error),
        };
        if scope == Scope::Whole {
            self.context.known.counters.scans.fetch_add(1, Ordering::Relaxed);
        }
        self.apply(&mut entries, report, scope, away).await
    }

    /// Seconds since 1970 of the last commit or fetch of projects.
    pub async fn activity(&self, paths: impl Iterator<Item = &PathBuf>) -> HashMap<PathBuf, i64> {
        let entries = self.entries.lock().await;
        let of = |path: &PathBuf| Some((path.clone(), entries.get(path)?.active_at?));
        paths.filter_map(of).collect()
    }

    /// Notes how projects are watched.
    pub async fn watched(&self, states: &[(PathBuf, WatchState)]) {
        let entries = self.entries.lock().await;
        let looks = states.iter().filter_map(|(path, watch)| {
            let id = entries.get(path)?.id;
            let look = self.context.known.look(id)?;
            Some((id, Look { watch: *watch, ..look }))
        });
        let looks: Vec<_> = looks.collect();
        if looks.is_empty() {
            return;
        }
        self.context.known.looked(looks);
        self.context.cache.remove_by_tag(TAG_WATCH);
    }

    async fn apply(
        &self,
        entries: &mut BTreeMap<PathBuf, Entry>,
        report: ScanReport,
        scope: Scope,
        mut away: Vec<PathBuf>,
    ) -> Result<Refreshed, AppError> {
        let counters = &self.context.known.counters;
        Counters::add(&counters.projects_read, report.projects.len());
        // Those that were away when the reading began, and those that went since: what is missing there is not gone.
        away.extend(self.roots_away().await);
        let mut refreshed = Refreshed {
            watch: report.watch.into_iter().collect(),
            between: report.between,
            is_interrupted: report.is_interrupted,
            ..Refreshed::default()
        };
        if report.is_interrupted {
            return Ok(refreshed);
        }
        let now = self.context.clock.now();
        let mut read = HashMap::new();
        let mut has_new_members = false;
        // A root that is away comes as a project with an error; health tells of it, and it is no project.
        for project in report.projects.into_iter().filter(|project| !away.contains(&project.path)) {
            let path = project.path.clone();
            let entry = entries
                .entry(path.clone())
                .or_insert_with(|| Entry::to_be_read(self.context.new_repo_id(), 0));
            has_new_members |= entry.stored.is_none();
            entry.was_read(&project);
            read.insert(path, project);
        }
        let looked: Vec<_> =
            read.keys().filter_map(|path| Some((path.clone(), entries.get(path)?.id))).collect();
        let gone = gone(entries, &scope, &read, &away);
        let is_member_change = has_new_members || !gone.is_empty();
        self.note_freshness(&mut read).await?;
        let whole = Whole::of(entries, &gone);
        if is_member_change {
            // Not read, but with another name or verdict, because others came or went.
            let ids = whole.concerned(entries, &read);
            for record in Box::pin(self.context.store.project_load(&ids)).await?.records {
                read.insert(record.project.path.clone(), record.project);
            }
        }
        let changed = whole.finish(entries, read);
        if !gone.is_empty() {
            refreshed.seq = self.remove(entries, &gone).await?;
            for path in gone {
                if let Some(entry) = entries.remove(&path) {
                    self.context.known.forget(entry.id);
                }
                refreshed.gone.push(path);
            }
        }
        // Only what is written counts as known; after a failure the next reading tries again.
        for batch in changed.chunks(BATCH) {
            let (records, to_tell) = self.records(entries, batch, is_member_change);
            refreshed.seq = self.write(&records, to_tell).await?.or(refreshed.seq);
            for (path, project, prints) in batch {
                if let Some(entry) = entries.get_mut(path) {
                    entry.is_stored(project, prints.clone());
                }
                refreshed.changed.push(path.clone());
            }
        }
        Counters::add(&counters.projects_changed, refreshed.changed.len());
        for (path, id) in looked {
            // A project that nobody watches yet is looked at again and again.
            let watch = self.context.known.look(id).map_or(WatchState::Polled, |look| look.watch);
            self.context.known.looked([(id, Look { checked_at: now, watch })]);
            // Without the project's tag: what this very reading wrote would end it, and the project be read once more.
            let stamp = self.context.cache.stamp(&[]);
            self.context.cache.put(&self.context.types.git_state, &git_key(&path), stamp, now);
        }
        Ok(refreshed)
    }

    /// Notes which of these have a remote that has moved on, by what remotes last answered.
    async fn note_freshness(&self, read: &mut HashMap<PathBuf, Project>) -> Result<(), AppError> {
        let policy = self.request().freshness;
        let mut urls: Vec<String> = Vec::new();
        if let Some(policy) = &policy {
            let remotes = read.values().map(|project| freshness::address(project.remote.as_ref(), policy));
            urls.extend(remotes.flatten().map(|url| url.to_string()));
            urls.sort_unstable();
            urls.dedup();
        }
        let known = match urls.as_slice() {
            [] => HashMap::new(),
            urls => Box::pin(self.context.store.remote_heads(urls)).await?,
        };
        for project in read.values_mut() {
            freshness::note(project, policy.as_ref(), &known);
        }
        Ok(())
    }

    /// The remotes that are to be asked for all projects, each once; none if remotes are not asked.
    pub async fn remotes(&self) -> BTreeSet<RemoteUrl> {
        let Some(policy) = self.request().freshness else { return BTreeSet::new() };
        let entries = self.entries.lock().await;
        entries.values().filter_map(|entry| freshness::address(entry.remote.as_ref(), &policy).ok()).collect()
    }

    /// The projects whose remote is asked by this address.
    pub async fn following(&self, url: &str) -> Vec<PathBuf> {
        let Some(policy) = self.request().freshness else { return Vec::new() };
        let entries = self.entries.lock().await;
        let follows = |entry: &Entry| {
            freshness::address(entry.remote.as_ref(), &policy).is_ok_and(|address| address.to_string() == url)
        };
        entries.iter().filter(|(_, entry)| follows(entry)).map(|(path, _)| path.clone()).collect()
    }

    /// What jobs that work in this node's checkouts need of them.
    pub fn local_projects(&self) -> LocalProjects {
        let (of_roots, of_reading) = (self.clone(), self.clone());
        LocalProjects {
            roots: Arc::new(move || of_roots.request().roots),
            read_again: Arc::new(move |path| {
                let keeper = of_reading.clone();
                Box::pin(async move { keeper.projects(vec![path]).await.map(drop) })
            }),
        }
    }

    /// Roots that cannot be read at the moment: what lies in them is not gone, only away.
    pub async fn roots_away(&self) -> Vec<PathBuf> {
        let away = self.probe.away(&self.request().roots).await;
        let told = away.iter().map(|(root, reason)| (root.display().to_string(), reason.clone())).collect();
        self.context.known.update_health(|health| health.roots_away = told);
        away.into_iter().map(|(root, _)| root).collect()
    }

    /// What is written of projects, each with the change that it is.
    fn records(
        &self,
        entries: &BTreeMap<PathBuf, Entry>,
        changed: &[(PathBuf, Project, Prints)],
        is_member_change: bool,
    ) -> (Vec<ProjectRecord>, Vec<NewChange>) {
        let now = self.context.clock.now();
        let roots = self.request().roots;
        let record = |(path, project, prints): &(PathBuf, Project, Prints)| {
            let entry = entries.get(path)?;
            let parts = prints.differences(entry.stored.as_ref());
            let mut tags = vec![TAG_PORTFOLIO];
            if parts.contains(&"recommendations") {
                tags.push(TAG_RECOMMENDATIONS);
            }
            if is_member_change || parts.contains(&"name") {
                tags.push(TAG_MEMBERS);
            }
            let what = if entry.stored.is_none() { vec!["appeared"] } else { parts };
            let record = ProjectRecord {
                id: entry.id,
                number: entry.number,
                node: self.context.node,
                root: roots.iter().find(|root| path.starts_with(root)).cloned().unwrap_or_default(),
                updated_at: now,
                project: project.clone(),
            };
            Some((record, change(entry.id, &project.name, path, &tags, &what)))
        };
        changed.iter().filter_map(record).unzip()
    }

    async fn remove(
        &self,
        entries: &BTreeMap<PathBuf, Entry>,
        gone: &[PathBuf],
    ) -> Result<Option<Seq>, AppError> {
        const TAGS: [&str; 3] = [TAG_PORTFOLIO, TAG_MEMBERS, TAG_RECOMMENDATIONS];
        let mut tx = self.context.store.begin(Priority::Background).await?;
        let gone: Vec<_> = gone.iter().filter_map(|path| Some((path, entries.get(path)?))).collect();
        let ids: Vec<_> = gone.iter().map(|(_, entry)| entry.id).collect();
        tx.project_remove(&ids).await?;
        for (path, entry) in gone {
            tx.record(change(entry.id, &entry.name, path, &TAGS, &["gone"]));
        }
        Ok(tx.commit().await?)
    }

    async fn write(
        &self,
        records: &[ProjectRecord],
        changes: Vec<NewChange>,
    ) -> Result<Option<Seq>, AppError> {
        let mut tx = self.context.store.begin(Priority::Background).await?;
        tx.project_put(records).await?;
        for change in changes {
            tx.record(change);
        }
        Ok(tx.commit().await?)
    }
}

/// What is recorded of a project with the write that changes it.
fn change(id: RepoId, name: &str, path: &Path, tags: &[&str], what: &[&str]) -> NewChange {
    NewChange {
        entity: "project".into(),
        entity_id: id.to_string(),
        tags: tags.iter().map(|&tag| tag.to_owned()).chain([project_tag(id)]).collect(),
        event: Some(ChangeEvent {
            topic: "project.changed".into(),
            data: json!({ "id": id, "name": name, "path": path.to_string_lossy(), "what": what }),
        }),
    }
}
