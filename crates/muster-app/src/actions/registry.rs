//! Follows registry.json while muster serves: read at start, and again when its folder tells of a change or, where no
//! event comes, when its content is another. A valid version is kept as the last good one and obeyed: its roots are
//! searched, its word on whose a repository is wins. Whatever is wrong with the file, the last good one stays in force.
//!
//! What the file may say is the service's matter ([`crate::services::registry`]).

mod reading;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use muster_model::{Timestamp, word::path_text};
use muster_store::{ChangeEvent, NewChange, Priority};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{sync::Notify, task::JoinHandle, time};

use crate::{
    actions::refresh::Keeper,
    blocking::blocking,
    config::RegistryConfig,
    context::Context,
    error::AppError,
    services::{
        registry::{Place, Registry, RegistryError},
        scan::RelationChoices,
    },
};

use reading::{FolderWatch, Reading};

/// A file that is being written looks broken for a moment, and one that is being replaced looks gone: both are looked
/// at once more before they are believed.
const SECOND_LOOK: Duration = Duration::from_millis(150);

/// How the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryStatus {
    /// None is configured.
    None,
    /// It is in force.
    Valid,
    /// It is wrong; the last good version is in force.
    Invalid,
    /// It is not there; the last good version is in force.
    Missing,
}

impl RegistryStatus {
    /// The word used in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Missing => "missing",
        }
    }
}

/// How things stand.
#[derive(Debug, Clone)]
pub struct RegistryState {
    /// The file; `None` if none is configured.
    pub path: Option<PathBuf>,
    /// How it is.
    pub status: RegistryStatus,
    /// When the version in force was first read; `None` if there has never been a good one.
    pub loaded_at: Option<Timestamp>,
    /// What is wrong with the file.
    pub error: Option<RegistryError>,
    /// The version in force.
    pub registry: Arc<Registry>,
}

/// Roots that do not come from the registry.
#[derive(Debug, Clone, Default)]
pub struct OwnRoots {
    /// Named on the command line or configured.
    pub named: Vec<PathBuf>,
    /// Searched when nothing is named and the registry has no roots either.
    pub fallback: Vec<PathBuf>,
}

/// The last good version as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct LastGood {
    /// The file it came from: another file's is not in force.
    path: String,
    /// Hash of the file's content.
    content: u64,
    loaded_at: Timestamp,
    registry: Registry,
}

/// Keeps the registry of this node; cloned freely.
#[derive(Clone)]
pub struct RegistryKeeper(Arc<Inner>);

struct Inner {
    context: Context,
    keeper: Keeper,
    own_roots: OwnRoots,
    path: Option<PathBuf>,
    home: Option<PathBuf>,
    period: Duration,
    state: RwLock<RegistryState>,
}

impl RegistryKeeper {
    /// Reads the file, or what is stored of it, and lets the keeper know; nothing is followed yet.
    pub async fn load(
        context: Context,
        keeper: Keeper,
        config: &RegistryConfig,
        own_roots: OwnRoots,
        home: Option<PathBuf>,
    ) -> Result<Self, AppError> {
        let path = (!config.path.as_os_str().is_empty()).then(|| config.path.clone());
        let state = RegistryState {
            path: path.clone(),
            status: RegistryStatus::None,
            loaded_at: None,
            error: None,
            registry: Arc::default(),
        };
        let this = Self(Arc::new(Inner {
            context,
            keeper,
            own_roots,
            path: path.clone(),
            home,
            period: Duration::from_secs(config.check_seconds.max(1)),
            state: RwLock::new(state),
        }));
        if let Some(path) = path {
            let last_good = this.last_good(&path).await?;
            let stored = last_good.as_ref().map(|last_good| last_good.content);
            if let Some(last_good) = last_good {
                this.change(|state| {
                    state.loaded_at = Some(last_good.loaded_at);
                    state.registry = Arc::new(last_good.registry);
                });
            }
            let reading = this.read(&path).await?;
            this.adopt(&path, reading, stored).await?;
        }
        this.obey();
        Ok(this)
    }

    /// How things stand.
    pub fn state(&self) -> RegistryState {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Follows the file from now on; `search` is called when other roots or choices are in force. Ends when the
    /// handle is aborted; does nothing without a file.
    pub fn follow(&self, search: impl Fn() + Send + Sync + 'static) -> JoinHandle<()> {
        let this = self.clone();
        tokio::spawn(async move {
            if let Some(path) = this.0.path.clone() {
                this.keep_following(&path, &search).await;
            }
        })
    }

    async fn keep_following(&self, path: &Path, search: &(impl Fn() + Sync)) {
        let wake = Arc::new(Notify::new());
        let watch = FolderWatch::start(path, Arc::clone(&wake));
        // Nothing is remembered from the start: what changed between then and now is found by the first look.
        let mut seen: Option<Reading> = None;
        loop {
            watch.renew();
            match self.look(path, &mut seen).await {
                Ok(Looked::Reloaded) => {
                    self.obey();
                    search();
                }
                Ok(Looked::Same) => {}
                Err(error) => {
                    tracing::warn!(error = %error, "the registry cannot be taken over; tried again");
                }
            }
            let _ = time::timeout(self.0.period, wake.notified()).await;
        }
    }

    /// One look at the file. What was seen is remembered when all that follows from it is done.
    async fn look(&self, path: &Path, seen: &mut Option<Reading>) -> Result<Looked, AppError> {
        let mut reading = self.read(path).await?;
        if seen.as_ref() == Some(&reading) {
            return Ok(Looked::Same);
        }
        while !reading.is_valid() {
            time::sleep(SECOND_LOOK).await;
            let again = self.read(path).await?;
            if again == reading {
                break;
            }
            reading = again;
        }
        let in_force = self.last_good(path).await?.map(|last_good| last_good.content);
        let looked = self.adopt(path, reading.clone(), in_force).await?;
        *seen = Some(reading);
        Ok(looked)
    }

    async fn read(&self, path: &Path) -> Result<Reading, AppError> {
        let (path, home) = (path.to_owned(), self.0.home.clone());
        blocking("reading the registry", move || Reading::of(&path, home.as_deref())).await
    }

    /// Takes over what was read. `in_force` is the content of the version that is stored.
    async fn adopt(&self, path: &Path, reading: Reading, in_force: Option<u64>) -> Result<Looked, AppError> {
        match reading {
            Reading::Valid { content, registry } if in_force == Some(content) => {
                // A file that was broken or away and is as before again: nothing to do but to say so.
                let before = self.state().status;
                self.change(|state| {
                    (state.status, state.error) = (RegistryStatus::Valid, None);
                    state.registry = registry;
                });
                if matches!(before, RegistryStatus::Invalid | RegistryStatus::Missing) {
                    tracing::info!(registry.path = %path.display(), "Agent registry reloaded successfully");
                }
                Ok(Looked::Same)
            }
            Reading::Valid { content, registry } => {
                let loaded_at = self.0.context.clock.now();
                self.store(path, content, loaded_at, &registry).await?;
                tracing::info!(
                    registry.path = %path.display(),
                    registry.roots = registry.roots.len(),
                    registry.repositories = registry.repositories.len(),
                    registry.agents = registry.agents.len(),
                    "Agent registry reloaded successfully"
                );
                self.change(|state| {
                    (state.status, state.error) = (RegistryStatus::Valid, None);
                    (state.loaded_at, state.registry) = (Some(loaded_at), registry);
                });
                Ok(Looked::Reloaded)
            }
            Reading::Invalid { error, .. } => {
                let is_new = self.state().error.as_ref() != Some(&error);
                if is_new {
                    tracing::warn!(
                        registry.path = %path.display(),
                        registry.line = error.line,
                        registry.column = error.column,
                        error = error.message,
                        "the registry is wrong, so the last good one stays in force"
                    );
                }
                self.change(|state| (state.status, state.error) = (RegistryStatus::Invalid, Some(error)));
                Ok(Looked::Same)
            }
            Reading::Missing => {
                if self.state().status != RegistryStatus::Missing {
                    tracing::warn!(
                        registry.path = %path.display(),
                        "the registry is not there, so the last good one stays in force"
                    );
                }
                self.change(|state| (state.status, state.error) = (RegistryStatus::Missing, None));
                Ok(Looked::Same)
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut RegistryState)) {
        change(&mut self.0.state.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Hands roots and choices to the keeper.
    fn obey(&self) {
        let (registry, own) = (self.state().registry, &self.0.own_roots);
        let mut request = self.0.keeper.request();
        request.roots.clear();
        for root in own.named.iter().chain(&registry.roots) {
            if !request.roots.contains(root) {
                request.roots.push(root.clone());
            }
        }
        if request.roots.is_empty() {
            request.roots.clone_from(&own.fallback);
        }
        request.choices = choices(&registry);
        self.0.keeper.set_request(request);
    }

    /// Local folders belong to the node that sees them, and so does what is said of them.
    fn setting(&self) -> String {
        format!("registry:{}", self.0.context.node)
    }

    async fn last_good(&self, path: &Path) -> Result<Option<LastGood>, AppError> {
        let Some(document) = self.0.context.store.setting(&self.setting()).await? else { return Ok(None) };
        // What another version wrote and this one cannot read is as good as nothing.
        let last_good = serde_json::from_value::<LastGood>(document).ok();
        Ok(last_good.filter(|last_good| last_good.path == path_text::encode(path)))
    }

    async fn store(
        &self,
        path: &Path,
        content: u64,
        loaded_at: Timestamp,
        registry: &Arc<Registry>,
    ) -> Result<(), AppError> {
        let event = json!({
            "path": path.to_string_lossy(),
            "roots": registry.roots.len(),
            "repositories": registry.repositories.len(),
            "agents": registry.agents.len(),
        });
        let registry = Registry::clone(registry);
        let last_good = LastGood { path: path_text::encode(path), content, loaded_at, registry };
        let document = serde_json::to_value(last_good).map_err(|error| AppError::Internal {
            message: format!("the registry cannot be kept: {error}"),
        })?;
        let mut tx = self.0.context.store.begin(Priority::Background).await?;
        tx.setting_put(&self.setting(), &document).await?;
        tx.record(NewChange {
            entity: "registry".into(),
            entity_id: self.0.context.node.to_string(),
            tags: Vec::new(),
            event: Some(ChangeEvent { topic: "registry.reloaded".into(), data: event }),
        });
        tx.commit().await?;
        Ok(())
    }
}

/// What a look brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    /// Another version is in force.
    Reloaded,
    /// The same as before.
    Same,
}

/// Whose repositories are, by the registry's word.
fn choices(registry: &Registry) -> RelationChoices {
    let mut choices = RelationChoices::default();
    for repository in &registry.repositories {
        let Some(relation) = repository.relation else { continue };
        match &repository.place {
            Place::Path(path) => {
                choices.by_path.insert(path.clone(), relation);
            }
            Place::Url(url) => {
                choices.by_remote.insert(url.identity(), relation);
            }
        }
    }
    choices
}
