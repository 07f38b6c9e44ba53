//! `fetch`: asks that the remote's branches of this node's projects are brought up to date, one job for each project. The
//! work itself is the job's.

use std::path::PathBuf;

use muster_model::{
    JobId, RepoId,
    project::{Project, ProjectKind},
    query::Query,
};
use muster_store::{Priority, job::NewJob};
use serde_json::Value;

use crate::{
    actions::{access::Caller, audit},
    context::Context,
    error::AppError,
    jobs::requests,
    remote_policy::RemotePolicy,
    services::{
        matching::ProjectDocument,
        portfolio::{self, Known},
    },
};

/// Jobs stored by one transaction, so that it stays short.
const BATCH: usize = 100;

/// What became of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchAsked {
    /// Which one.
    pub project: RepoId,
    /// Its name.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// The job that fetches for it, which may have been asked for before; or why there is none.
    pub job: Result<JobId, String>,
}

/// Asks for fetches.
#[derive(Clone)]
pub struct Fetcher {
    context: Context,
    policy: RemotePolicy,
}

impl Fetcher {
    /// Reaches what the policy allows.
    pub fn new(context: Context, policy: RemotePolicy) -> Self {
        Self { context, policy }
    }

    /// Fetches for all repositories that match, in the order of the portfolio; for all there are without a query.
    /// [`AppError::NotFound`] if none matches.
    pub async fn fetch(
        &self,
        by: &Caller,
        query: Option<(&str, &Query)>,
        roots: &[PathBuf],
    ) -> Result<Vec<FetchAsked>, AppError> {
        let known = portfolio::projects(&self.context).await?;
        let is_meant = |known: &&Known| {
            let project = &known.record.project;
            let fits = |(_, query): &(&str, &Query)| query.matches(&ProjectDocument::new(project, roots));
            project.kind != ProjectKind::Folder && query.as_ref().is_none_or(fits)
        };
        let meant: Vec<&Known> = known.iter().filter(is_meant).collect();
        if let (Some((text, _)), []) = (query, meant.as_slice()) {
            return Err(AppError::NotFound { query: text.to_owned() });
        }
        let mut asked = Vec::with_capacity(meant.len());
        for batch in meant.chunks(BATCH) {
            let hosts: Vec<_> = batch.iter().map(|known| self.host(&known.record.project)).collect();
            let wanted = batch.iter().zip(&hosts).filter_map(|(known, host)| {
                Some(requests::fetch(&self.context, known.record.id, host.as_ref().ok()?))
            });
            let wanted: Vec<_> = wanted.collect();
            let mut tx = self.context.store.begin(Priority::Interactive).await?;
            let mut enqueued = tx.job_enqueue(&wanted).await?.into_iter();
            let note = |job: &NewJob| {
                let project = job.subject.as_deref().unwrap_or_default();
                audit::done(&self.context, &by.name, "project.fetch", project, Value::Null)
            };
            tx.audit_add_all(&wanted.iter().map(note).collect::<Vec<_>>()).await?;
            tx.commit().await?;
            for (known, host) in batch.iter().zip(hosts) {
                let project = &known.record.project;
                let job = host.and_then(|_| {
                    enqueued.next().map(|job| job.id).ok_or_else(|| "it was not stored".to_owned())
                });
                let (name, path) = (project.name.clone(), project.path.clone());
                asked.push(FetchAsked { project: known.record.id, name, path, job });
            }
        }
        Ok(asked)
    }

    /// With whom it shares a budget, or why it cannot be fetched.
    fn host(&self, project: &Project) -> Result<String, String> {
        if let Some(error) = &project.error {
            return Err(error.message.clone());
        }
        let remote = project.remote.clone().ok_or_else(|| "it has no remote that can be asked".to_owned())?;
        let shown = remote.to_string();
        match self.policy.askable(remote) {
            Ok(url) => Ok(url.host().to_owned()),
            Err(reason) => Err(format!("its remote {shown} is not asked: {reason}")),
        }
    }
}
