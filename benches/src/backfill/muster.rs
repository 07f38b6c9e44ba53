//! What muster does for a backfill, without the job around it: lists the commits of a mirror, reads them by two processes,
//! and stores them in transactions, reading and storing at the same time.

use std::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroUsize,
    ops::ControlFlow,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use anyhow::{Context, Result, ensure};
use muster_git::mirror::{self, MirrorLimits, Mirrors, Source, Watch, Window};
use muster_model::{Clock, Commit, RemoteUrl, RepoId, SystemClock};
use muster_store::{Priority, Store, StoreConfig};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::mpsc};

use crate::{
    history::History,
    measure::{Sample, cost},
};

/// As the job has them.
const WAITING: usize = 8;
const PROCESSES: NonZeroUsize = NonZeroUsize::new(2).expect("not 0");
/// The number of the repository in a store that has only this one.
const NUMBER: i64 = 1;
const NAME: &str = "forge.invalid";

/// When nobody wants to stop.
static NEVER: AtomicBool = AtomicBool::new(false);

/// Whether what was read is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    Stored,
    Dropped,
}

/// A mirror that is ready to be read.
pub(super) struct Backfill {
    mirrors: Mirrors,
    id: RepoId,
    window: Window,
    folder: std::path::PathBuf,
    runtime: Runtime,
}

impl Backfill {
    /// Fetches the mirror, as deep as the newest `commits` need it.
    pub(super) fn prepare(history: &History, commits: usize) -> Result<Self> {
        let mirrors = Mirrors::open(&history.folder().join("mirrors"))?;
        let now = SystemClock.now();
        let id = RepoId::new(now, [1; 10]);
        let commits = u32::try_from(commits)?;
        let window = Window { since: now, at_least: commits, at_most: commits };
        let url = RemoteUrl::parse(&history.url(NAME, "source"))?;
        let source = Source::new(url, vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])?;
        let limits = MirrorLimits::default();
        let refs = mirror::ls_remote(&mirrors, &source, &limits, &onlooker())?;
        mirror::update(&mirrors, id, &source, &refs, &window, &limits, &onlooker())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let mirrored = mirrors.path(id);
        ensure!(mirrored.is_dir(), "no mirror at {}", mirrored.display());
        Ok(Self { mirrors, id, window, folder: mirrored, runtime })
    }

    /// The mirror.
    pub(super) fn repository(&self) -> &Path {
        &self.folder
    }

    /// Does it once, in a new database, and gives back what is then stored.
    pub(super) fn stored(&self) -> Result<Vec<Commit>> {
        let opened = self.open()?;
        self.runtime.block_on(self.all(Some(&opened.store)))?;
        let page = self.runtime.block_on(opened.store.commits_page(NUMBER, None, 10_000))?;
        ensure!(page.next.is_none(), "more commits than were asked for");
        Ok(page.commits)
    }

    /// Does it once and says what it cost.
    pub(super) fn timed(&self, rows: Rows) -> Result<Sample> {
        let opened = self.open()?;
        let store = (rows == Rows::Stored).then_some(&opened.store);
        Ok(cost(|| self.runtime.block_on(self.all(store)))?.1)
    }

    fn open(&self) -> Result<Opened> {
        let folder = tempfile::tempdir()?;
        let config = StoreConfig::new(folder.path());
        let store = self.runtime.block_on(Store::open(&config, Arc::new(SystemClock)))?;
        Ok(Opened { store, _folder: folder })
    }

    async fn all(&self, store: Option<&Store>) -> Result<()> {
        let mirror = self.mirrors.find(self.id)?.context("the mirror is gone")?;
        let (window, limits) = (self.window, MirrorLimits::default());
        let (sender, mut batches) = mpsc::channel::<Vec<Commit>>(WAITING);
        let reading = tokio::task::spawn_blocking(move || {
            let listing = mirror::list(&mirror, &window, &limits, &onlooker())?;
            let mut sink = |batch| match sender.blocking_send(batch) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            };
            let mailmap = listing.mailmap.as_deref();
            mirror::read_commits(&mirror, &listing.ids, mailmap, PROCESSES, &limits, &onlooker(), &mut sink)?;
            anyhow::Ok(listing.ids.len())
        });
        let mut seen = 0;
        while let Some(batch) = batches.recv().await {
            seen += batch.len();
            if let Some(store) = store {
                let mut tx = store.begin(Priority::Background).await?;
                tx.commits_put(NUMBER, &batch).await?;
                tx.commit().await?;
            }
        }
        let listed = reading.await??;
        ensure!(seen == listed, "{seen} of {listed} commits were read");
        Ok(())
    }
}

/// A store in a folder that goes away after it.
struct Opened {
    store: Store,
    _folder: TempDir,
}

fn onlooker() -> Watch<'static> {
    Watch { progress: &|_| {}, cancelled: &NEVER }
}
