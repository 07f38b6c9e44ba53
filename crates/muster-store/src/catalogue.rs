//! The catalogue: every repository once, whether it is watched, checked out here, or both. What is one repository is
//! decided by the view `catalogue` (`migrations/0004.sql`); here it is filtered, sorted, cut into pages and counted.
//!
//! A page costs five statements at most, however many rows it has: the rows; what is stored of those that are watched;
//! how many watch them; their checkouts; and all counts.

mod condition;
mod facets;

use std::collections::HashMap;

use muster_model::{
    RepoId, Repository, Timestamp,
    catalogue::{CatalogueCounts, CatalogueCursor, CatalogueFilter, Origin, Sort, SortKey, SortValue},
    repository::RepositoryName,
};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Statement,
};

use crate::{
    checkout::{self, Checkout},
    entity::{checkout as checkout_table, repository as repository_table, watch},
    error::StoreError,
    repository::{self, word},
    store::Store,
    text,
};
use condition::{Values, behind, every, of_facets, of_plain, order};

/// A repository with what all its sides say.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogueRow {
    /// That of the watched repository, else of the first checkout's project.
    pub id: RepoId,
    /// Its public number, likewise.
    pub number: i64,
    /// Where it is known from.
    pub origin: Origin,
    /// The last part of its address; the project's name if it has none.
    pub name: String,
    /// What stands before the name.
    pub owner: Option<String>,
    /// Its address, without credentials.
    pub url: Option<String>,
    /// The host of its address; `None` for a local path.
    pub host: Option<String>,
    /// Whose it is, by its first checkout.
    pub relation: Option<String>,
    /// Its main language, by its first checkout.
    pub language: Option<String>,
    /// When the newest commit that any side knows was committed.
    pub last_commit_at: Option<Timestamp>,
    /// When any side was last written.
    pub updated_at: Timestamp,
    /// What is stored of it as a watched one.
    pub repository: Option<Repository>,
    /// How many watch it.
    pub watchers: u64,
    /// Where it is checked out, the first one first.
    pub checkouts: Vec<Checkout>,
}

/// A page of the catalogue.
#[derive(Debug, Clone, Default)]
pub struct CatalogueRows {
    /// In the order of the sort.
    pub rows: Vec<CatalogueRow>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<CatalogueCursor>,
}

/// What the view says of one.
#[derive(FromQueryResult)]
struct ViewRow {
    id: String,
    number: i64,
    identity: String,
    origin: String,
    url: Option<String>,
    host: Option<String>,
    owner: Option<String>,
    name: String,
    activity_score: Option<i64>,
    relation: Option<String>,
    language: Option<String>,
    last_commit_at: Option<i64>,
    updated_at: i64,
}

const SELECT: &str = "SELECT id, number, identity, origin, url, host, owner, name, activity_score, relation, language, \
                      last_commit_at, updated_at FROM catalogue";

impl Store {
    /// Repositories that fit a filter, from a place on, `limit` of them at most. The place says how they are sorted;
    /// without one `sort` does.
    pub async fn catalogue_rows(
        &self,
        filter: &CatalogueFilter,
        sort: Sort,
        from: Option<&CatalogueCursor>,
        limit: u64,
    ) -> Result<CatalogueRows, StoreError> {
        let sort = from.map_or(sort, |cursor| cursor.sort);
        let mut values = Values::default();
        let mut all = vec![of_plain(filter, &mut values)];
        all.extend(of_facets(filter, &mut values).into_iter().map(|(_, condition)| condition));
        all.extend(from.map(|cursor| behind(cursor, &mut values)));
        let most = values.name(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1));
        let sql = format!("{SELECT} WHERE {} ORDER BY {} LIMIT {most}", every(&all), order(sort));
        self.read(async {
            let mut rows = self.view(sql, values).await?;
            let is_more = rows.len() as u64 > limit;
            if is_more {
                rows.pop();
            }
            let next = rows.last().filter(|_| is_more).map(|last| place(sort, last));
            Ok(CatalogueRows { rows: self.filled(rows).await?, next })
        })
        .await
    }

    /// How many repositories fit a filter, and what each facet counts. Looks at all of them.
    pub async fn catalogue_counts(&self, filter: &CatalogueFilter) -> Result<CatalogueCounts, StoreError> {
        self.read(facets::count(self.reader(), filter)).await
    }

    /// The repositories of this name, oldest first, ten at most. The id or number of a project means the repository that
    /// it is a checkout of.
    pub async fn catalogue_named(&self, name: &RepositoryName) -> Result<Vec<CatalogueRow>, StoreError> {
        let mut values = Values::default();
        let these = match name {
            RepositoryName::Id(id) => format!("id = {}", values.name(id.to_string())),
            RepositoryName::Number(number) => format!("number = {}", values.name(*number)),
            RepositoryName::Slug(owner, name) => {
                format!("owner = {} AND name = {}", values.name(owner.as_str()), values.name(name.as_str()))
            }
            RepositoryName::Address(url) => format!("identity = {}", values.name(url.identity())),
        };
        let sql = format!(
            "{SELECT} WHERE identity IN (SELECT identity FROM repository WHERE {these} \
             UNION SELECT identity FROM checkout WHERE {these}) ORDER BY number LIMIT 10"
        );
        self.read(async {
            let rows = self.view(sql, values).await?;
            self.filled(rows).await
        })
        .await
    }

    async fn view(&self, sql: String, values: Values) -> Result<Vec<ViewRow>, DbErr> {
        let backend = self.reader().get_database_backend();
        let query = Statement::from_sql_and_values(backend, sql, values.0);
        ViewRow::find_by_statement(query).all(self.reader()).await
    }

    /// Adds what belongs to the rows, by one statement for each kind.
    async fn filled(&self, rows: Vec<ViewRow>) -> Result<Vec<CatalogueRow>, DbErr> {
        let watched = |row: &&ViewRow| row.origin != Origin::Local.as_str();
        let watched: Vec<&str> = rows.iter().filter(watched).map(|row| row.id.as_str()).collect();
        let mut repositories = self.repositories_of(&watched).await?;
        let watchers = self.watchers_of(&watched).await?;
        let here = |row: &&ViewRow| row.origin != Origin::Watched.as_str();
        let here: Vec<&str> = rows.iter().filter(here).map(|row| row.identity.as_str()).collect();
        let mut checkouts = self.checkouts_of(&here).await?;
        let fill = |row: ViewRow| {
            Ok(CatalogueRow {
                id: text::parse(&row.id)?,
                number: row.number,
                origin: word(&row.origin, Origin::of_word)?,
                name: row.name,
                owner: row.owner,
                url: row.url,
                host: row.host,
                relation: row.relation,
                language: row.language,
                last_commit_at: row.last_commit_at.map(text::from_micros).transpose()?,
                updated_at: text::from_micros(row.updated_at)?,
                repository: repositories.remove(&row.id),
                watchers: watchers.get(&row.id).copied().unwrap_or_default(),
                checkouts: checkouts.remove(&row.identity).unwrap_or_default(),
            })
        };
        rows.into_iter().map(fill).collect()
    }

    async fn repositories_of(&self, ids: &[&str]) -> Result<HashMap<String, Repository>, DbErr> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let these = repository_table::Column::Id.is_in(ids.iter().copied());
        let rows = repository_table::Entity::find().filter(these).all(self.reader()).await?;
        rows.into_iter().map(|row| Ok((row.id.clone(), repository::from_row(row)?))).collect()
    }

    async fn watchers_of(&self, ids: &[&str]) -> Result<HashMap<String, u64>, DbErr> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let query = watch::Entity::find()
            .select_only()
            .column(watch::Column::Repository)
            .column_as(watch::Column::Id.count(), "watchers")
            .filter(watch::Column::Repository.is_in(ids.iter().copied()))
            .group_by(watch::Column::Repository)
            .into_tuple::<(String, i64)>();
        let rows = query.all(self.reader()).await?;
        Ok(rows.into_iter().map(|(id, count)| (id, u64::try_from(count).unwrap_or_default())).collect())
    }

    async fn checkouts_of(&self, identities: &[&str]) -> Result<HashMap<String, Vec<Checkout>>, DbErr> {
        let mut checkouts: HashMap<String, Vec<Checkout>> = HashMap::new();
        if identities.is_empty() {
            return Ok(checkouts);
        }
        let query = checkout_table::Entity::find()
            .filter(checkout_table::Column::Identity.is_in(identities.iter().copied()))
            .order_by_asc(checkout_table::Column::Number);
        for row in query.all(self.reader()).await? {
            let one = checkout::from_row(&row)?;
            checkouts.entry(row.identity).or_default().push(one);
        }
        Ok(checkouts)
    }
}

/// The place right behind a row.
fn place(sort: Sort, row: &ViewRow) -> CatalogueCursor {
    let value = match sort.key {
        SortKey::Name => Some(SortValue::Text(row.name.to_ascii_lowercase())),
        SortKey::LastCommitAt => row.last_commit_at.map(SortValue::Number),
        SortKey::ActivityScore => row.activity_score.map(SortValue::Number),
        SortKey::Number => Some(SortValue::Number(row.number)),
        SortKey::UpdatedAt => Some(SortValue::Number(row.updated_at)),
    };
    CatalogueCursor { sort, value, number: row.number }
}
