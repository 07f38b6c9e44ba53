//! Looking at jobs: a list by cursor, one with all that is known of it, and how many there are where.

use muster_model::{
    JobId,
    job::{JobRecord, JobState},
};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait},
};

use crate::{
    entity::job::{Column, Entity, Model},
    error::StoreError,
    job::{
        JobDetail, log,
        row::{number, record},
    },
    store::Store,
    text,
};

/// Which jobs; what is empty does not limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobFilter {
    /// Of this queue.
    pub queue: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
    /// In one of these states.
    pub states: Vec<JobState>,
    /// With this key.
    pub unique_key: Option<String>,
    /// About this.
    pub subject: Option<String>,
    /// Asked for by this one.
    pub parent: Option<JobId>,
}

/// How many jobs of a queue are in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobCount {
    /// The queue.
    pub queue: String,
    /// The state.
    pub state: JobState,
    /// So many.
    pub count: u64,
}

impl Store {
    /// Jobs, newest first, at most `limit`; with `before`, those older than it only.
    pub async fn job_list(
        &self,
        filter: &JobFilter,
        before: Option<JobId>,
        limit: u64,
    ) -> Result<Vec<JobRecord>, StoreError> {
        let mut query = chosen(filter).order_by_desc(Column::Id).limit(limit);
        if let Some(before) = before {
            query = query.filter(Column::Id.lt(before.to_string()));
        }
        self.read(async { self.job_records(query.all(self.reader()).await?).await }).await
    }

    /// The jobs about any of these that are not over, newest first. One statement for each thousand.
    pub async fn jobs_unfinished(&self, subjects: &[String]) -> Result<Vec<JobRecord>, StoreError> {
        const SUBJECTS: usize = 1000;
        let states = JobState::ALL.into_iter().filter(|state| !state.is_over()).map(JobState::as_str);
        let states: Vec<_> = states.collect();
        let mut records = Vec::new();
        for subjects in subjects.chunks(SUBJECTS) {
            let query = Entity::find()
                .filter(Column::Subject.is_in(subjects))
                .filter(Column::State.is_in(states.iter().copied()))
                .order_by_desc(Column::Id);
            let found = self.read(async { self.job_records(query.all(self.reader()).await?).await }).await?;
            records.extend(found);
        }
        Ok(records)
    }

    /// How many jobs fit.
    pub async fn job_total(&self, filter: &JobFilter) -> Result<u64, StoreError> {
        self.read(chosen(filter).count(self.reader())).await
    }

    /// A job with its lines.
    pub async fn job(&self, id: JobId) -> Result<Option<JobDetail>, StoreError> {
        self.read(async {
            let Some(row) = Entity::find_by_id(id.to_string()).one(self.reader()).await? else {
                return Ok(None);
            };
            let Some(record) = self.job_records(vec![row]).await?.pop() else { return Ok(None) };
            let log = log::lines(self.reader(), id).await?;
            let children = Entity::find()
                .select_only()
                .column(Column::Id)
                .filter(Column::Parent.eq(id.to_string()))
                .order_by_asc(Column::Id)
                .into_tuple::<String>();
            let children = children.all(self.reader()).await?;
            let children = children.iter().map(|id| text::parse(id)).collect::<Result<_, _>>()?;
            Ok(Some(JobDetail { record, log, children }))
        })
        .await
    }

    /// How many jobs there are in each queue and state that has any, ordered by queue.
    pub async fn job_counts(&self) -> Result<Vec<JobCount>, StoreError> {
        let query = Entity::find()
            .select_only()
            .columns([Column::Queue, Column::State])
            .column_as(Expr::col(Column::Id).count(), "count")
            .group_by(Column::Queue)
            .group_by(Column::State)
            .into_tuple::<(String, String, i64)>();
        self.read(async {
            let mut counts = Vec::new();
            for (queue, state, count) in query.all(self.reader()).await? {
                counts.push(JobCount { queue, state: text::parse(&state)?, count: number(count) });
            }
            counts.sort_by(|one, other| (&one.queue, one.state).cmp(&(&other.queue, other.state)));
            Ok(counts)
        })
        .await
    }

    async fn job_records(&self, rows: Vec<Model>) -> Result<Vec<JobRecord>, DbErr> {
        let mut records = rows.iter().map(record).collect::<Result<Vec<_>, _>>()?;
        self.say_why_they_wait(&rows, &mut records).await?;
        Ok(records)
    }
}

fn chosen(filter: &JobFilter) -> Select<Entity> {
    let mut query = Entity::find();
    let equals = [
        (Column::Queue, &filter.queue),
        (Column::Kind, &filter.kind),
        (Column::UniqueKey, &filter.unique_key),
        (Column::Subject, &filter.subject),
    ];
    for (column, value) in equals {
        if let Some(value) = value {
            query = query.filter(column.eq(value));
        }
    }
    if !filter.states.is_empty() {
        query = query.filter(Column::State.is_in(filter.states.iter().map(|state| state.as_str())));
    }
    if let Some(parent) = filter.parent {
        query = query.filter(Column::Parent.eq(parent.to_string()));
    }
    query
}
