//! What people do to the watchlist: add, remove, retry, refresh, learn more or less, change what they are told. Each is one
//! transaction that also asks for the work that follows, so that what was answered is never forgotten.
//!
//! Adding is answered while workers are busy: nothing of the other side is looked at, and requests that arrive together
//! are written together by one task (`adding`), since a hundred commits of their own would each wait for the disk.

mod adding;

use muster_model::{
    AddressPolicy, JobId, RemoteUrl, Repository, WatchId,
    alert::{AlertSettings, Watch},
    category::Category,
    remote_url::{RemoteUrlError, Scheme},
    repository::{Level, Processing},
};
use muster_store::{NewAudit, Priority, Seq, Tx};
use serde_json::{Value, json};

use crate::{
    config::MirrorConfig,
    context::Context,
    error::AppError,
    jobs::{
        entry::{begin_again, told},
        requests::{self, Urgency},
    },
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

/// Who watches when nobody is named.
const SOMEBODY: &str = "local";

/// What is asked for when a repository is added.
#[derive(Debug, Clone, Default)]
pub struct WatchRequest {
    /// The address, as it was given.
    pub url: String,
    /// Who wants to watch it.
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

/// Which remotes may be reached; what needs no name server is judged at the door.
#[derive(Debug, Clone)]
pub struct RemotePolicy {
    schemes: Vec<Scheme>,
    /// Which addresses may be reached.
    pub addresses: AddressPolicy,
}

impl RemotePolicy {
    /// As the configuration wants it.
    pub fn new(config: &MirrorConfig) -> Result<Self, AppError> {
        let scheme = |word: &String| match word.as_str() {
            "https" => Ok(Scheme::Https),
            "http" => Ok(Scheme::Http),
            "ssh" => Ok(Scheme::Ssh),
            "git" => Ok(Scheme::Git),
            other => Err(AppError::Invalid {
                field: "mirror.schemes",
                message: format!("'{other}' is none of https, http, ssh, git"),
            }),
        };
        let addresses =
            if config.allow_private { AddressPolicy::AllowPrivate } else { AddressPolicy::Public };
        Ok(Self { schemes: config.schemes.iter().map(scheme).collect::<Result<_, _>>()?, addresses })
    }

    /// The address of a repository that may be asked for; credentials in it are dropped.
    pub fn admit(&self, text: &str) -> Result<RemoteUrl, AppError> {
        let refuse = |message: String| Err(AppError::Invalid { field: "repo_url", message });
        let url = match RemoteUrl::parse(text) {
            Ok(url) => url,
            Err(error @ RemoteUrlError::UnsupportedScheme(_)) => {
                return refuse(format!("{error}; give one like https://host/owner/name"));
            }
            Err(error) => return refuse(error.to_string()),
        };
        match url.scheme() {
            Scheme::File => {
                return refuse(
                    "this is no address of a remote repository; give one like https://host/owner/name \
                     (folders of this machine are roots: muster serve FOLDER)"
                        .to_owned(),
                );
            }
            scheme if !self.schemes.contains(&scheme) => {
                let known: Vec<_> = self.schemes.iter().map(|scheme| scheme.as_str()).collect();
                return refuse(format!(
                    "the transport {} is not allowed here (allowed: {}); mirror.schemes says which are",
                    scheme.as_str(),
                    known.join(", ")
                ));
            }
            _ => {}
        }
        if url.host().eq_ignore_ascii_case("localhost") && self.addresses == AddressPolicy::Public {
            return refuse(
                "localhost is this machine itself; set mirror.allow_private to reach it".to_owned(),
            );
        }
        if let Some(address) = muster_net::literal(url.host())
            && let Err(refused) = self.addresses.check(address)
        {
            return refuse(refused.to_string());
        }
        let is_odd = |part: &str| part.is_empty() || part == "." || part == ".." || part.starts_with('-');
        if url.path().split('/').any(is_odd) {
            return refuse(format!("'{}' is no path of a repository", url.path()));
        }
        Ok(url)
    }
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

    /// Which remotes may be reached.
    pub fn policy(&self) -> &RemotePolicy {
        &self.policy
    }

    /// Adds a repository for somebody. One that is there already is answered as it is, with their watch.
    pub async fn add(&self, request: WatchRequest) -> Result<Added, AppError> {
        let url = self.policy.admit(&request.url)?;
        check_texts(&request)?;
        if let Some(alerts) = &request.alerts {
            check_alerts(alerts)?;
        }
        self.adder.add(url, request).await
    }

    /// Ends the watch of one person, or of everybody. Without watchers the repository goes too.
    pub async fn remove(&self, name: &str, added_by: Option<&str>) -> Result<Option<Seq>, AppError> {
        let repository = watchlist::find(&self.context, name).await?;
        let mut tx = self.context.store.begin(Priority::Interactive).await?;
        let (removed, left) = tx.watch_remove(repository.id, added_by).await?;
        if let Some(added_by) = added_by
            && removed == 0
        {
            return Err(AppError::NotFound {
                query: format!("a watch of {added_by} over {}", repository.slug()),
            });
        }
        if left == 0 {
            self.cancel_jobs(&mut tx, &repository).await?;
            tx.job_schedule_remove(&[requests::poll_key(&repository)]).await?;
            tx.repository_remove(repository.id).await?;
            tx.job_enqueue(&[requests::cleanup(&self.context)]).await?;
            told(&mut tx, &repository, "repository.removed");
        } else {
            told(&mut tx, &repository, "repository.changed");
        }
        let who = added_by.unwrap_or("everybody");
        self.note(&mut tx, who, "watch.remove", &repository, json!({ "left": left })).await?;
        Ok(tx.commit().await?)
    }

    /// Takes up the processing of an entry that failed.
    pub async fn retry(&self, name: &str) -> Result<Repository, AppError> {
        self.again(name, "watch.retry", |repository| {
            if repository.processing != Processing::Failed && repository.last_error.is_none() {
                let message = format!("{} has not failed; refresh it instead", repository.slug());
                return Err(AppError::Conflict { message });
            }
            Ok(())
        })
        .await
    }

    /// Looks at the remote now.
    pub async fn refresh(&self, name: &str) -> Result<Repository, AppError> {
        self.again(name, "watch.refresh", |_| Ok(())).await
    }

    /// Learns more of a repository, or from now on less.
    pub async fn set_level(&self, name: &str, level: Level) -> Result<Repository, AppError> {
        self.again(name, "watch.level", move |repository| {
            repository.level = level;
            Ok(())
        })
        .await
    }

    /// Changes the entry and has it processed once more.
    async fn again(
        &self,
        name: &str,
        what: &str,
        change: impl FnOnce(&mut Repository) -> Result<(), AppError>,
    ) -> Result<Repository, AppError> {
        let context = &self.context;
        let id = watchlist::find(context, name).await?.id;
        let mut tx = context.store.begin(Priority::Interactive).await?;
        let gone = || AppError::NotFound { query: name.to_owned() };
        let mut repository = tx.repository(id).await?.ok_or_else(gone)?;
        change(&mut repository)?;
        begin_again(&mut repository, context.clock.now());
        tx.repository_put(&repository).await?;
        tx.job_enqueue(&[requests::setup(context, &repository, Urgency::Asked)]).await?;
        told(&mut tx, &repository, "repository.processing");
        self.note(&mut tx, SOMEBODY, what, &repository, Value::Null).await?;
        tx.commit().await?;
        Ok(repository)
    }

    /// Changes what somebody is told.
    pub async fn set_alerts(&self, id: &str, alerts: AlertSettings) -> Result<Watch, AppError> {
        check_alerts(&alerts)?;
        let not_found = || AppError::NoSuch { what: "watch", query: id.to_owned() };
        let id: WatchId = id.parse().map_err(|_| not_found())?;
        let context = &self.context;
        let mut watch = context.store.watch(id).await?.ok_or_else(not_found)?;
        let mut tx = context.store.begin(Priority::Interactive).await?;
        watch.alerts = alerts;
        watch.updated_at = context.clock.now();
        if !tx.watch_put(&watch).await? {
            return Err(not_found());
        }
        let repository = tx.repository(watch.repository).await?.ok_or_else(not_found)?;
        told(&mut tx, &repository, "repository.changed");
        self.note(&mut tx, &watch.added_by, "watch.alerts", &repository, Value::Null).await?;
        tx.commit().await?;
        Ok(watch)
    }

    /// What is being done for a repository that goes is not wanted any more.
    async fn cancel_jobs(&self, tx: &mut Tx, repository: &Repository) -> Result<(), AppError> {
        let context = &self.context;
        let new_id = || JobId::new(context.clock.now(), (context.chance)());
        for job in context.store.jobs_unfinished(&[repository.id.to_string()]).await? {
            // Nobody has to put right what is going: the handlers of given-up jobs are not asked.
            tx.job_cancel(job.id, &new_id).await?;
        }
        Ok(())
    }

    async fn note(
        &self,
        tx: &mut Tx,
        who: &str,
        what: &str,
        repository: &Repository,
        detail: Value,
    ) -> Result<(), AppError> {
        Ok(tx.audit_add(&noted(&self.context, who, what, repository, detail)).await?)
    }
}

fn noted(context: &Context, who: &str, what: &str, repository: &Repository, detail: Value) -> NewAudit {
    NewAudit {
        at: context.clock.now(),
        who: who.to_owned(),
        what: what.to_owned(),
        target: repository.id.to_string(),
        outcome: "done".to_owned(),
        detail,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(schemes: &[&str], allow_private: bool) -> RemotePolicy {
        let config = MirrorConfig {
            folder: std::path::PathBuf::new(),
            quota_bytes: -1,
            schemes: schemes.iter().map(|scheme| (*scheme).to_owned()).collect(),
            allow_private,
            timeout_seconds: 1,
            stall_seconds: 1,
            max_bytes: 1,
        };
        RemotePolicy::new(&config).expect("schemes")
    }

    #[test]
    fn what_cannot_be_reached_is_refused_at_the_door_with_the_reason() {
        let public = policy(&["https"], false);
        for (text, says) in [
            ("", "empty"),
            ("hello", "no address of a remote repository"),
            ("/srv/git/a", "no address of a remote repository"),
            ("file:///srv/git/a", "no address of a remote repository"),
            ("--upload-pack=touch x", "begins with '-'"),
            ("ext::sh -c id", "not supported"),
            ("ftp://host.example/a", "not supported"),
            ("http://host.example/a/b", "http is not allowed here (allowed: https)"),
            ("git@host.example:a/b", "ssh is not allowed"),
            ("https://localhost/a/b", "this machine itself"),
            ("https://127.0.0.1/a/b", "a loopback address"),
            ("https://[::ffff:10.0.0.1]:8443/a/b", "a private address"),
            ("https://169.254.169.254/latest/meta-data", "a link-local address"),
            ("https://host.example/../b", "no path of a repository"),
            ("https://host.example/a/--x", "no path of a repository"),
            ("https://host.example//a", "no path of a repository"),
        ] {
            let error = public.admit(text).expect_err(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        let url = public.admit("https://me:secret@host.example/a/b.git?token=x").expect("admitted");
        assert_eq!(url.to_string(), "https://host.example/a/b");
        let private = policy(&["https", "http", "git"], true);
        for text in ["http://127.0.0.1:8080/a/b.git", "git://localhost/a", "https://10.1.2.3/a/b"] {
            assert!(private.admit(text).is_ok(), "{text}");
        }
        assert!(private.admit("http://0.0.0.0/a/b").is_err());
    }
}
