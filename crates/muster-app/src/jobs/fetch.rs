//! Fetches for one project of this node: its remote's branches below `refs/remotes/` are brought up to date, nothing else
//! in the checkout is touched, and the project is read again. The remote and its address are read from the checkout
//! when it is done, so that what was changed since it was asked for counts.

use std::time::Duration;

use futures_util::future::BoxFuture;
use muster_git::{
    Boundary, Checkout,
    mirror::{self, FetchError, Fetched, Followed},
};
use muster_jobs::{Job, JobFailure, JobRun};
use muster_model::{RepoId, project::Project};

use crate::{blocking::blocking, context::Context};

use super::{
    LocalProjects,
    own_remote::OwnRemotes,
    requests::{FETCH, QUEUE_METADATA_REFRESH},
};

/// See the module.
pub(super) struct Fetch {
    pub(super) context: Context,
    pub(super) own: OwnRemotes,
    pub(super) local: LocalProjects,
}

impl Job for Fetch {
    fn kind(&self) -> &'static str {
        FETCH
    }

    fn queue(&self) -> &'static str {
        QUEUE_METADATA_REFRESH
    }

    fn time_limit(&self) -> Duration {
        self.own.remotes.time_limit()
    }

    fn run<'a>(&'a self, run: &'a JobRun) -> BoxFuture<'a, Result<(), JobFailure>> {
        Box::pin(self.fetch(run))
    }
}

impl Fetch {
    async fn fetch(&self, run: &JobRun) -> Result<(), JobFailure> {
        let (id, project) = self.project(run).await?;
        let place = self.followed(&project).await?;
        let answer = self.own.look(run, &place.followed.url).await?;
        self.own.keep_by_the_way(&place.followed.url, &answer).await?;
        let (own, url, source) = (self.own.clone(), place.followed.url.clone(), answer.source);
        let fetched = self.own.remotes.on_a_thread(run, move |watch| {
            let Place { checkout, boundary, followed } = &place;
            let (mirrors, limits, now) = (own.remotes.mirrors(), own.remotes.limits(), own.remotes.now());
            let credentials = own.credentials();
            mirror::fetch(
                &mirrors,
                id,
                checkout,
                boundary,
                followed,
                &source,
                &credentials,
                now,
                &limits,
                watch,
            )
        });
        let fetched = fetched.await?.map_err(|error| match error {
            FetchError::Remote(error) => self.own.trouble(&url, &error).into(),
            error => JobFailure::Permanent(error.to_string()),
        })?;
        // Its branches have moved whatever becomes of the reading, which also comes by itself.
        if let Err(error) = (self.local.read_again)(project.path.clone()).await {
            run.log(format!("it could not be read again yet: {error}"));
        }
        let count = fetched.updated + fetched.new;
        run.progress(u64::try_from(count).unwrap_or(u64::MAX), None, "branches", &said(fetched));
        Ok(())
    }

    async fn project(&self, run: &JobRun) -> Result<(RepoId, Project), JobFailure> {
        let text = run.payload()["project"].as_str().unwrap_or_default();
        let gone = || JobFailure::Permanent(format!("the project {text} is gone"));
        let id: RepoId = text.parse().map_err(|_| gone())?;
        let record = Box::pin(self.context.store.project_load(&[id])).await?.records.pop();
        let record = record.filter(|record| record.node == self.context.node).ok_or_else(gone)?;
        Ok((id, record.project))
    }

    async fn followed(&self, project: &Project) -> Result<Place, JobFailure> {
        let (roots, path) = ((self.local.roots)(), project.path.clone());
        let looked = blocking("looking at a checkout", move || {
            let boundary = Boundary::new(roots);
            let checkout = Checkout::at(&path, &boundary)?;
            let followed = mirror::followed(&checkout, &boundary)?;
            Ok::<_, FetchError>(Place { checkout, boundary, followed })
        });
        let place = looked.await.map_err(|error| JobFailure::Retry(error.to_string()))?;
        place.map_err(|error| JobFailure::Permanent(error.to_string()))
    }
}

/// Where it is fetched to, and what.
struct Place {
    checkout: Checkout,
    boundary: Boundary,
    followed: Followed,
}

fn said(fetched: Fetched) -> String {
    let branches =
        |count: usize| if count == 1 { "1 branch".to_owned() } else { format!("{count} branches") };
    match (fetched.updated, fetched.new) {
        (0, 0) => "already up to date".to_owned(),
        (updated, 0) => format!("{} updated", branches(updated)),
        (0, new) => format!("{} new", branches(new)),
        (updated, new) => format!("{} updated, {new} new", branches(updated)),
    }
}
