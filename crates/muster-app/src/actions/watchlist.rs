//! What people do to the watchlist: add, remove, retry, refresh, learn more or less, change what they are told. Each is one
//! transaction that also asks for the work that follows, so that what was answered is never forgotten.
//!
//! Adding is answered while workers are busy: nothing of the other side is looked at, and requests that arrive together
//! are written together by one task (`adding`), since a hundred commits of their own would each wait for the disk.

mod adding;

use muster_model::{
    JobId, Repository, WatchId,
    alert::{AlertSettings, Watch},
    category::Category,
    repository::{Level, Processing},
};
use muster_store::{NewAudit, Priority, Seq, StoreError, Tx, WatchChange};
use serde_json::{Value, json};

use crate::{
    actions::{access::Caller, audit},
    caches::TAG_WATCHLIST,
    context::Context,
    error::AppError,
    jobs::{
        entry::{begin_anew, told},
        requests::{self, Urgency},
    },
    known::REPOSITORY_REMOVED,
    remote_policy::RemotePolicy,
    services::watchlist,
};

pub use adding::Added;
use adding::Adder;

/// Characters of notes and names.
const MAX_NOTES: usize = 10_000;
const MAX_NAME: usize = 200;
/// Tags of one repository, and characters of a tag.
const MAX_TAGS: usize = 50;
const MAX_TAG: usize = 50;

/// What is asked for when a repository is added.
#[derive(Debug, Clone, Default)]
pub struct WatchRequest {
    /// The address, as it was given.
    pub url: String,
    /// Who wants to watch it; whoever asks, if nobody is named.
    pub added_by: Option<String>,
    /// What they want to be told.
    pub alerts: Option<AlertSettings>,
    /// In their words.
    pub notes: Option<String>,
    /// What it is for.
    pub category: Option<Category>,
    /// Words for it.
    pub tags: Option<Vec<String>>,
    /// How much to learn of it.
    pub level: Option<Level>,
}

/// What people do to the watchlist.
#[derive(Clone)]
pub struct Watchlist {
    context: Context,
    policy: RemotePolicy,
    adder: Adder,
}

impl Watchlist {
    /// Starts the task that writes what is added.
    pub fn start(context: Context, policy: RemotePolicy) -> Self {
        let adder = Adder::start(context.clone());
        Self { context, policy, adder }
    }

    /// Adds a repository for somebody. One that is there already is answered as it is, with their watch.
    pub async fn add(&self, by: &Caller, request: WatchRequest) -> Result<Added, AppError> {
        let url = self.policy.admit(&request.url)?;
        check_texts(&request)?;
        if let Some(alerts) = &request.alerts {
            check_alerts(alerts)?;
        }
        self.adder.add(url, by, request).await
    }

    /// Ends the watch of one person, or of everybody. Without watchers the repository goes too.
    pub async fn remove(
        &self,
        by: &Caller,
        name: &str,
        added_by: Option<&str>,
    ) -> Result<Option<Seq>, AppError> {
        let repository = watchlist::find(&self.context, name).await?;
        let mut tx = self.context.store.begin(Priority::Interactive).await?;
        // Whoever adds a watch at this moment waits, or is seen here.
        if !tx.repository_hold(repository.id).await? {
            return Err(AppError::NotFound { query: name.to_owned() });
        }
        let (removed, left) = tx.watch_remove(repository.id, added_by).await?;
        if let Some(added_by) = added_by
            && removed == 0
        {
            let query = format!("of {added_by} over {}", repository.slug());
            return Err(AppError::NoSuch { what: "watch", query });
        }
        if left == 0 {
            tx.job_schedule_remove(&[requests::poll_key(&repository)]).await?;
            tx.repository_remove(repository.id).await?;
            told(&mut tx, &repository, REPOSITORY_REMOVED);
        } else {
            told(&mut tx, &repository, "repository.changed");
        }
        let detail = json!({ "added_by": added_by, "left": left });
        self.note(&mut tx, by, "watch.remove", &repository, detail).await?;
        let seq = commit(&self.context, tx).await?;
        if left == 0 {
            // Apart, because jobs come before their repository. What still runs finds that it is gone.
            self.cancel_jobs(&repository).await?;
        }
        Ok(seq)
    }

    /// Takes up the processing of an entry that failed.
    pub async fn retry(&self, by: &Caller, name: &str) -> Result<Repository, AppError> {
        self.again(by, name, "watch.retry", |repository| {
            if repository.processing != Processing::Failed && repository.last_error.is_none() {
                let message = format!("{} has not failed; refresh it instead", repository.slug());
                return Err(AppError::Conflict { message });
            }
            Ok(())
        })
        .await
    }

    /// Looks at the remote now.
    pub async fn refresh(&self, by: &Caller, name: &str) -> Result<Repository, AppError> {
        self.again(by, name, "watch.refresh", |_| Ok(())).await
    }

    /// Learns more of a repository, or from now on less.
    pub async fn set_level(&self, by: &Caller, name: &str, level: Level) -> Result<Repository, AppError> {
        self.again(by, name, "watch.level", move |repository| {
            repository.level = level;
            Ok(())
        })
        .await
    }

    /// Changes the entry and has it processed once more.
    async fn again(
        &self,
        by: &Caller,
        name: &str,
        what: &str,
        change: impl FnOnce(&mut Repository) -> Result<(), AppError>,
    ) -> Result<Repository, AppError> {
        let context = &self.context;
        let found = watchlist::find(context, name).await?;
        let id = found.id;
        let mut tx = context.store.begin(Priority::Interactive).await?;
        // Jobs before their repository: so do those that run.
        tx.job_enqueue(&[requests::setup(context, &found, Urgency::Asked)]).await?;
        let gone = || AppError::NotFound { query: name.to_owned() };
        let mut repository = tx.repository(id).await?.ok_or_else(gone)?;
        change(&mut repository)?;
        begin_anew(&mut repository, context.clock.now());
        tx.repository_put(&repository).await?;
        told(&mut tx, &repository, "repository.processing");
        self.note(&mut tx, by, what, &repository, Value::Null).await?;
        commit(context, tx).await?;
        Ok(repository)
    }

    /// Changes what somebody is told.
    pub async fn set_alerts(&self, by: &Caller, id: &str, alerts: AlertSettings) -> Result<Watch, AppError> {
        check_alerts(&alerts)?;
        let not_found = || AppError::NoSuch { what: "watch", query: id.to_owned() };
        let id: WatchId = id.parse().map_err(|_| not_found())?;
        let context = &self.context;
        let mut tx = context.store.begin(Priority::Interactive).await?;
        let change = WatchChange { alerts: Some(&alerts), ..WatchChange::default() };
        let changed = tx.watch_change(id, change, context.clock.now()).await?;
        let watch = changed.ok_or_else(not_found)?;
        let repository = tx.repository(watch.repository).await?.ok_or_else(not_found)?;
        told(&mut tx, &repository, "repository.changed");
        self.note(&mut tx, by, "watch.alerts", &repository, json!({ "added_by": watch.added_by })).await?;
        tx.commit().await?;
        Ok(watch)
    }

    /// What is being done for a repository that is gone is not wanted any more, and what it left is removed.
    async fn cancel_jobs(&self, repository: &Repository) -> Result<(), AppError> {
        let context = &self.context;
        let new_id = || JobId::new(context.clock.now(), (context.chance)());
        let jobs = context.store.jobs_unfinished(&[repository.id.to_string()]).await?;
        let mut tx = context.store.begin(Priority::Interactive).await?;
        for job in jobs {
            // Nobody has to put right what is gone: the handlers of given-up jobs are not asked.
            tx.job_cancel(job.id, &new_id).await?;
        }
        tx.job_enqueue(&[requests::cleanup(context)]).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn note(
        &self,
        tx: &mut Tx,
        by: &Caller,
        what: &str,
        repository: &Repository,
        detail: Value,
    ) -> Result<(), AppError> {
        Ok(tx.audit_add(&noted(&self.context, &by.name, what, repository, detail)).await?)
    }
}

/// Commits, and has the watchlist counted anew at once: who wrote it may ask before the change sequence is followed.
async fn commit(context: &Context, tx: Tx) -> Result<Option<Seq>, StoreError> {
    let seq = tx.commit().await?;
    context.cache.remove_by_tag(TAG_WATCHLIST);
    Ok(seq)
}

fn noted(context: &Context, who: &str, what: &str, repository: &Repository, detail: Value) -> NewAudit {
    audit::done(context, who, what, &repository.id.to_string(), detail)
}

fn check_alerts(alerts: &AlertSettings) -> Result<(), AppError> {
    alerts.check().map_err(|error| AppError::Invalid { field: "alerts", message: error.to_string() })
}

fn check_texts(request: &WatchRequest) -> Result<(), AppError> {
    let too_long =
        |field, most: usize| AppError::Invalid { field, message: format!("at most {most} characters") };
    let length = |text: &Option<String>| text.as_ref().map_or(0, |text| text.chars().count());
    if length(&request.notes) > MAX_NOTES {
        return Err(too_long("notes", MAX_NOTES));
    }
    if request.notes.as_deref().is_some_and(|notes| notes.contains('\0')) {
        return Err(AppError::Invalid { field: "notes", message: "leave out the character NUL".to_owned() });
    }
    if length(&request.added_by) > MAX_NAME {
        return Err(too_long("added_by", MAX_NAME));
    }
    let is_odd = |name: &str| name.trim().is_empty() || name.chars().any(char::is_control);
    if request.added_by.as_deref().is_some_and(is_odd) {
        return Err(AppError::Invalid {
            field: "added_by",
            message: "give a name, or leave it out".to_owned(),
        });
    }
    let tags = request.tags.as_deref().unwrap_or_default();
    if tags.len() > MAX_TAGS {
        return Err(AppError::Invalid { field: "tags", message: format!("at most {MAX_TAGS} tags") });
    }
    match tags.iter().find(|tag| is_odd(tag) || tag.chars().count() > MAX_TAG) {
        Some(tag) => Err(AppError::Invalid {
            field: "tags",
            message: format!("'{tag}' is empty or longer than {MAX_TAG}"),
        }),
        None => Ok(()),
    }
}
