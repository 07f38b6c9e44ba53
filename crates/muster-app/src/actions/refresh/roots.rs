//! Do the roots answer? A root on a network file system that is gone blocks whoever touches it, for minutes or for ever;
//! so it is touched by a thread that may be lost, one for each root at a time.

use std::{
    collections::HashMap,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{task::spawn_blocking, time};

/// A root that has not answered by then is away.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks the roots.
#[derive(Debug, Clone, Default)]
pub(super) struct RootProbe {
    /// Roots that somebody is still asking, and since when.
    asked: Arc<Mutex<HashMap<PathBuf, Instant>>>,
    /// The device on which each root was last seen with something in it.
    devices: Arc<Mutex<HashMap<PathBuf, u64>>>,
}

impl RootProbe {
    /// Those that do not answer, and why.
    pub(super) async fn away(&self, roots: &[PathBuf]) -> Vec<(PathBuf, String)> {
        let answers = roots.iter().map(|root| self.ask(root.clone()));
        let answers = futures_util::future::join_all(answers).await;
        roots.iter().cloned().zip(answers).filter_map(|(root, answer)| Some((root, answer?))).collect()
    }

    async fn ask(&self, root: PathBuf) -> Option<String> {
        let no_answer = || Some("its file system does not answer".to_owned());
        let since = *self.lock().entry(root.clone()).or_insert_with(Instant::now);
        if since.elapsed() > PATIENCE {
            return no_answer();
        }
        let this = self.clone();
        let asking = spawn_blocking(move || {
            let answer = match look(&root) {
                Ok((device, false)) => {
                    this.devices.lock().unwrap_or_else(PoisonError::into_inner).insert(root.clone(), device);
                    None
                }
                Ok((device, true)) => {
                    let devices = this.devices.lock().unwrap_or_else(PoisonError::into_inner);
                    let was_elsewhere = devices.get(&root).is_some_and(|known| *known != device);
                    was_elsewhere
                        .then(|| "it is empty and on another disk than before: not mounted".to_owned())
                }
                Err(error) => Some(error.to_string()),
            };
            this.lock().remove(&root);
            answer
        });
        match time::timeout(PATIENCE, asking).await {
            Ok(Ok(answer)) => answer,
            _ => no_answer(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Instant>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The device of a folder, and whether it is empty.
fn look(root: &Path) -> std::io::Result<(u64, bool)> {
    let device = std::fs::metadata(root)?.dev();
    Ok((device, std::fs::read_dir(root)?.next().is_none()))
}
