//! What the catalogue lists of projects that are repositories: written with the project, in its transaction, apart from
//! its document. A folder without a repository has no row here.

use std::path::PathBuf;

use muster_model::{
    RemoteUrl, RepoId, Timestamp,
    analysis::Analysis,
    project::{Project, ProjectKind},
    remote_url::Scheme,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, Iterable, QueryFilter,
    sea_query::OnConflict,
};

use crate::{entity::checkout, text};

/// A checkout of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The id of its project.
    pub id: RepoId,
    /// The public number of its project.
    pub number: i64,
    /// The name of its project.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// The branch that HEAD is on, if any.
    pub branch: Option<String>,
    /// Health points, 0 to 100, if they could be measured.
    pub health: Option<i64>,
    /// The code of what kept it from being read.
    pub error: Option<String>,
}

/// A project that is put, with what the store gave it.
#[derive(Clone, Copy)]
pub(crate) struct Numbered<'a> {
    pub(crate) id: &'a str,
    pub(crate) number: i64,
    pub(crate) updated_at: Timestamp,
    pub(crate) project: &'a Project,
}

/// Writes what is listed of these projects.
pub(crate) async fn put(connection: &DatabaseTransaction, projects: &[Numbered<'_>]) -> Result<(), DbErr> {
    let (listed, folders): (Vec<Numbered<'_>>, Vec<_>) =
        projects.iter().copied().partition(|one| one.project.kind != ProjectKind::Folder);
    if !listed.is_empty() {
        let replace =
            OnConflict::column(checkout::Column::Id).update_columns(checkout::Column::iter()).to_owned();
        checkout::Entity::insert_many(listed.into_iter().map(to_row))
            .on_conflict(replace)
            .exec_without_returning(connection)
            .await?;
    }
    if !folders.is_empty() {
        // It may have been a repository before.
        let ids = folders.iter().map(|folder| folder.id);
        checkout::Entity::delete_many().filter(checkout::Column::Id.is_in(ids)).exec(connection).await?;
    }
    Ok(())
}

/// Takes out what is listed of these projects.
pub(crate) async fn remove(connection: &DatabaseTransaction, ids: &[RepoId]) -> Result<(), DbErr> {
    let ids = ids.iter().map(RepoId::to_string);
    checkout::Entity::delete_many().filter(checkout::Column::Id.is_in(ids)).exec(connection).await?;
    Ok(())
}

fn to_row(one: Numbered<'_>) -> checkout::ActiveModel {
    let Numbered { id, number, updated_at, project } = one;
    let remote = project.remote.as_ref();
    let git = project.git.as_ref();
    let committed_at = git.and_then(|git| git.last_commit.as_ref()).map(|commit| commit.committed_at);
    let analysis = project.analysis.as_ref();
    checkout::ActiveModel {
        id: Set(id.to_owned()),
        number: Set(number),
        identity: Set(remote.and_then(identity).unwrap_or_else(|| id.to_owned())),
        url: Set(remote.map(RemoteUrl::to_string)),
        host: Set(remote.map(RemoteUrl::host).filter(|host| !host.is_empty()).map(str::to_owned)),
        owner: Set(remote.and_then(RemoteUrl::owner).map(str::to_owned)),
        name: Set(name(project)),
        project: Set(project.name.clone()),
        path: Set(text::path(&project.path)),
        branch: Set(git.and_then(|git| git.head.branch()).map(str::to_owned)),
        relation: Set(project.relation.as_str().to_owned()),
        language: Set(analysis.and_then(main_language).map(str::to_owned)),
        health: Set(analysis.and_then(|analysis| analysis.health.value).map(i64::from)),
        error: Set(project.error.as_ref().map(|error| error.code.as_str().to_owned())),
        last_commit_at: Set(committed_at.map(text::micros)),
        updated_at: Set(text::micros(updated_at)),
    }
}

/// What makes it the same repository as another checkout; `None` for a relative path, which each checkout reads from
/// where it is.
fn identity(remote: &RemoteUrl) -> Option<String> {
    let is_relative = remote.scheme() == Scheme::File && !remote.path().starts_with('/');
    (!is_relative).then(|| remote.identity())
}

/// The name of the remote repository, else that of the project.
fn name(project: &Project) -> String {
    let remote = project.remote.as_ref().map(RemoteUrl::name).filter(|name| !name.is_empty());
    remote.unwrap_or(&project.name).to_owned()
}

/// The analysis puts languages first, the one with the most files before the others.
fn main_language(analysis: &Analysis) -> Option<&str> {
    let mut languages = analysis.stack.iter().filter(|item| item.category == "language" && !item.is_marginal);
    languages.next().map(|language| language.name.as_str())
}

pub(crate) fn from_row(row: &checkout::Model) -> Result<Checkout, DbErr> {
    Ok(Checkout {
        id: text::parse(&row.id)?,
        number: row.number,
        name: row.project.clone(),
        path: text::from_path(&row.path)?,
        branch: row.branch.clone(),
        health: row.health,
        error: row.error.clone(),
    })
}
