//! Projects of the portfolio: what is known of them as one document each, beside the columns by which they are found.
//!
//! The index is read without the documents, the documents in bulk by id. A document that this muster cannot read
//! (written by an older or newer one) is left out and named, so that its project is read anew from disk.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
};

use muster_model::{NodeId, RepoId, Timestamp, project::Project};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::OnConflict,
};

use crate::{
    checkout::{self, Numbered},
    entity::project,
    error::StoreError,
    number::Counter,
    sequence::Seq,
    store::Store,
    text,
    tx::Tx,
};

/// Version of the document's shape and of what is written beside it. Raised when [`Project`] changes so that old documents
/// would be misread, or when a row needs what only a new reading puts; a shape that cannot be decoded is noticed without
/// it. 2: its `checkout` is written with it.
pub const DOCUMENT_FORMAT: i64 = 2;

/// Ids asked for in one statement; SQLite takes 32,766 variables.
const LOAD_IDS: usize = 10_000;

/// Rows written by one statement: ten variables each.
const PUT_ROWS: usize = 500;

/// A project as it is kept.
#[derive(Debug, Clone)]
pub struct ProjectRecord {
    /// Which one.
    pub id: RepoId,
    /// A stable public number, given by the database when the id is first stored; 0 = not yet. What stands here is
    /// ignored when a record is put.
    pub number: i64,
    /// The node whose folder it is.
    pub node: NodeId,
    /// The root under which it was found.
    pub root: PathBuf,
    /// When it was last looked at; kept to the microsecond.
    pub updated_at: Timestamp,
    /// What is known of it.
    pub project: Project,
}

/// What the index says of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectEntry {
    /// Which one.
    pub id: RepoId,
    /// Its stable public number, from 1.
    pub number: i64,
    /// Its folder.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// Another one after each transaction that put it: what was made of the document is stale when this differs. Not a
    /// place in the change sequence.
    pub revision: Seq,
}

/// What [`Store::project_load`] found.
#[derive(Debug, Clone, Default)]
pub struct ProjectLoad {
    /// The projects, in the order in which they were asked for; those that do not exist are left out.
    pub records: Vec<ProjectRecord>,
    /// Those whose document cannot be read by this muster.
    pub undecodable: Vec<RepoId>,
}

impl Store {
    /// The projects of a node, ordered by the bytes of their paths. Reads no document.
    pub async fn project_index(&self, node: NodeId) -> Result<Vec<ProjectEntry>, StoreError> {
        use project::Column;
        let query = project::Entity::find()
            .select_only()
            .columns([Column::Id, Column::Number, Column::Path, Column::Name, Column::Revision])
            .filter(Column::Node.eq(node.to_string()))
            .order_by_asc(Column::Path)
            .into_tuple::<(String, i64, String, String, i64)>();
        self.read(async {
            let rows = query.all(self.reader()).await?;
            rows.into_iter()
                .map(|(id, number, path, name, revision)| {
                    let (id, path) = (text::parse(&id)?, text::from_path(&path)?);
                    Ok(ProjectEntry { id, number, path, name, revision: Seq::new(revision) })
                })
                .collect()
        })
        .await
    }

    /// The projects with these ids, whole. One statement for each ten thousand.
    pub async fn project_load(&self, ids: &[RepoId]) -> Result<ProjectLoad, StoreError> {
        let mut load = ProjectLoad::default();
        for ids in ids.chunks(LOAD_IDS) {
            let texts = ids.iter().map(RepoId::to_string);
            let query = project::Entity::find().filter(project::Column::Id.is_in(texts));
            let rows = self.read(query.all(self.reader())).await?;
            let mut rows: HashMap<String, project::Model> =
                rows.into_iter().map(|row| (row.id.clone(), row)).collect();
            for id in ids {
                let Some(row) = rows.remove(&id.to_string()) else { continue };
                match from_row(*id, &row) {
                    Ok(record) => load.records.push(record),
                    Err(error) => {
                        tracing::debug!(project.id = %id, %error, "a stored project cannot be read, and will be read anew");
                        load.undecodable.push(*id);
                    }
                }
            }
        }
        Ok(load)
    }
}

impl Tx {
    /// Puts projects: new ids are added and numbered, known ones replaced under their number. Of several records with
    /// one id the last counts. [`StoreError::Conflict`] if another id has the same path on the same node.
    pub async fn project_put(&mut self, projects: &[ProjectRecord]) -> Result<(), StoreError> {
        if projects.is_empty() {
            return Ok(());
        }
        self.project_write(projects).await.map_err(|error| self.fail(error))
    }

    async fn project_write(&mut self, projects: &[ProjectRecord]) -> Result<(), DbErr> {
        // Ordered by id, so that two transactions on PostgreSQL meet their common rows in the same order.
        let rows: BTreeMap<String, &ProjectRecord> =
            projects.iter().map(|record| (record.id.to_string(), record)).collect();
        let rows: Vec<(String, &ProjectRecord)> = rows.into_iter().collect();
        let mut numbers = HashMap::with_capacity(rows.len());
        for chunk in rows.chunks(LOAD_IDS) {
            let known: Vec<(String, i64)> = project::Entity::find()
                .select_only()
                .columns([project::Column::Id, project::Column::Number])
                .filter(project::Column::Id.is_in(chunk.iter().map(|(id, _)| id.as_str())))
                .into_tuple()
                .all(self.connection())
                .await?;
            numbers.extend(known);
        }
        let mut fresh = self.numbers(Counter::ProjectNumber, rows.len() - numbers.len()).await?.into_iter();
        let revision = self.numbers(Counter::ProjectRevision, 1).await?.first().copied().unwrap_or_default();
        for chunk in rows.chunks(PUT_ROWS) {
            let mut models = Vec::with_capacity(chunk.len());
            let mut numbered = Vec::with_capacity(chunk.len());
            for (id, record) in chunk {
                let number = numbers.get(id).copied().or_else(|| fresh.next()).unwrap_or_default();
                models.push(to_row(id, number, revision, record)?);
                let (updated_at, project) = (record.updated_at, &record.project);
                numbered.push(Numbered { id, number, updated_at, project });
            }
            project::Entity::insert_many(models)
                .on_conflict(replace_all_but_number())
                .exec_without_returning(self.connection())
                .await?;
            checkout::put(self.connection(), &numbered).await?;
        }
        Ok(())
    }

    /// Takes projects out; those that do not exist are none the less gone. Says how many were there.
    pub async fn project_remove(&mut self, ids: &[RepoId]) -> Result<u64, StoreError> {
        let mut removed = 0;
        for ids in ids.chunks(LOAD_IDS) {
            let texts = ids.iter().map(RepoId::to_string);
            let query = project::Entity::delete_many().filter(project::Column::Id.is_in(texts));
            let done = query.exec(self.connection()).await.map_err(|error| self.fail(error))?;
            removed += done.rows_affected;
            checkout::remove(self.connection(), ids).await.map_err(|error| self.fail(error))?;
        }
        Ok(removed)
    }
}

fn replace_all_but_number() -> OnConflict {
    use project::Column;
    OnConflict::column(Column::Id)
        .update_columns([
            Column::Node,
            Column::Root,
            Column::Path,
            Column::Name,
            Column::Revision,
            Column::UpdatedAt,
            Column::Format,
            Column::Document,
        ])
        .to_owned()
}

fn to_row(
    id: &str,
    number: i64,
    revision: i64,
    record: &ProjectRecord,
) -> Result<project::ActiveModel, DbErr> {
    Ok(project::ActiveModel {
        id: Set(id.to_owned()),
        number: Set(number),
        node: Set(record.node.to_string()),
        root: Set(text::path(&record.root)),
        path: Set(text::path(&record.project.path)),
        name: Set(record.project.name.clone()),
        revision: Set(revision),
        updated_at: Set(text::micros(record.updated_at)),
        format: Set(DOCUMENT_FORMAT),
        document: Set(text::json(&record.project)?),
    })
}

fn from_row(id: RepoId, row: &project::Model) -> Result<ProjectRecord, DbErr> {
    if row.format != DOCUMENT_FORMAT {
        return Err(DbErr::Type(format!("its document has format {}", row.format)));
    }
    Ok(ProjectRecord {
        id,
        number: row.number,
        node: text::parse(&row.node)?,
        root: text::from_path(&row.root)?,
        updated_at: text::from_micros(row.updated_at)?,
        project: text::from_json(&row.document)?,
    })
}
