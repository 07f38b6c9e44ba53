//! Shapes of the catalogue: a repository with what all its sides say, and the counts of facets.

use std::collections::BTreeMap;

use jiff::Timestamp;
use muster_app::services::catalogue::{CatalogueRow, CatalogueRows, Checkout};
use muster_model::{
    Unknown, UnknownReason,
    catalogue::{CatalogueCounts, Facet, FacetCounts},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::{raw, repository::RepositoryView};

/// A repository of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CatalogueItemView {
    /// Of the watched repository, else of the first checkout's project.
    id: String,
    number: i64,
    name: String,
    owner: Option<String>,
    /// `owner/name`
    full_name: String,
    /// Without credentials; `null` for a checkout without a remote.
    url: Option<String>,
    host: Option<String>,
    /// `local`, `watched` or `both`
    origin: &'static str,
    /// `processing`, `ready` or `failed`; of watched ones
    status: Option<&'static str>,
    /// `facts`, `history` or `full`; of watched ones
    level: Option<&'static str>,
    category: Option<&'static str>,
    tags: Vec<String>,
    /// The main language, by the first checkout.
    language: Option<String>,
    /// `mine`, `team`, `third_party` or `unknown`; by the first checkout
    relation: Option<String>,
    /// Of the newest commit that any side knows.
    last_commit_at: Option<Timestamp>,
    /// 0 to 100
    activity_score: Option<i64>,
    bus_factor: Option<i64>,
    /// Commits that are stored.
    commits: Option<i64>,
    /// Where it is checked out, the first one first.
    checkouts: Vec<CheckoutView>,
    /// How many watch it here.
    watchers: u64,
    /// When any side was last written.
    updated_at: Timestamp,
    #[schema(value_type = BTreeMap<String, String>)]
    unknown: Unknown,
}

/// A checkout of it.
#[derive(Debug, Serialize, ToSchema)]
struct CheckoutView {
    /// Of its project.
    id: String,
    number: i64,
    /// Of its project.
    name: String,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_raw: Option<String>,
    /// The branch that HEAD is on.
    branch: Option<String>,
    /// Health points, 0 to 100, where enough could be measured.
    health: Option<i64>,
    /// The code of what kept it from being read.
    error: Option<String>,
}

impl CheckoutView {
    fn new(checkout: &Checkout) -> Self {
        Self {
            id: checkout.id.to_string(),
            number: checkout.number,
            name: checkout.name.clone(),
            path: checkout.path.to_string_lossy().into_owned(),
            path_raw: raw(&checkout.path),
            branch: checkout.branch.clone(),
            health: checkout.health,
            error: checkout.error.clone(),
        }
    }
}

impl CatalogueItemView {
    pub(crate) fn new(row: CatalogueRow) -> Self {
        // What is said of a watched one, and why the rest is not known, is the same here and there.
        let watched = row.repository.as_ref().map(RepositoryView::new);
        let unknown = unknown(&row, watched.as_ref());
        Self {
            id: row.id.to_string(),
            number: row.number,
            full_name: row
                .owner
                .as_ref()
                .map_or_else(|| row.name.clone(), |owner| format!("{owner}/{}", row.name)),
            name: row.name,
            owner: row.owner,
            url: row.url,
            host: row.host,
            origin: row.origin.as_str(),
            status: watched.as_ref().map(|watched| watched.status),
            level: watched.as_ref().map(|watched| watched.level),
            category: watched.as_ref().and_then(|watched| watched.category),
            language: row.language,
            relation: row.relation,
            last_commit_at: row.last_commit_at,
            activity_score: watched.as_ref().and_then(|watched| watched.activity_score),
            bus_factor: watched.as_ref().and_then(|watched| watched.bus_factor),
            commits: watched.as_ref().and_then(|watched| watched.commits),
            tags: watched.map(|watched| watched.tags).unwrap_or_default(),
            checkouts: row.checkouts.iter().map(CheckoutView::new).collect(),
            watchers: row.watchers,
            updated_at: row.updated_at,
            unknown,
        }
    }
}

fn unknown(row: &CatalogueRow, watched: Option<&RepositoryView>) -> Unknown {
    let mut unknown = Unknown::new();
    let facts = ["last_commit_at", "activity_score", "bus_factor", "commits"];
    match watched {
        Some(watched) => {
            let reason = |field: &str| watched.unknown.iter().find(|(known, _)| known.as_ref() == field);
            for field in facts {
                if let Some((_, &why)) = reason(field) {
                    unknown.insert(field.into(), why);
                }
            }
        }
        None => {
            for field in ["status", "level", "category", "activity_score", "bus_factor", "commits"] {
                unknown.insert(field.into(), UnknownReason::NotWatched);
            }
            let is_unread = row.checkouts.iter().any(|checkout| checkout.error.is_some());
            let why = if is_unread { UnknownReason::RepositoryError } else { UnknownReason::NoCommits };
            unknown.insert("last_commit_at".into(), why);
            for field in ["url", "host", "owner"] {
                unknown.insert(field.into(), UnknownReason::NoRemote);
            }
        }
    }
    if row.checkouts.is_empty() {
        unknown.insert("relation".into(), UnknownReason::NoCheckout);
        unknown.insert("language".into(), UnknownReason::NoCheckout);
    }
    let has = |is_known: bool, field: &str, unknown: &mut Unknown| {
        if is_known {
            unknown.retain(|known, _| known.as_ref() != field);
        }
    };
    // What one side does not know another may.
    has(row.last_commit_at.is_some(), "last_commit_at", &mut unknown);
    has(row.url.is_some(), "url", &mut unknown);
    // The address of a local path has no host and no owner.
    has(row.url.is_some(), "host", &mut unknown);
    has(row.url.is_some(), "owner", &mut unknown);
    unknown
}

/// A repository under its own address: a watched one with all that is known of it, another as the list has it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum OneRepositoryView {
    Watched(Box<RepositoryView>),
    Local(Box<CatalogueItemView>),
}

impl OneRepositoryView {
    pub(crate) fn new(row: CatalogueRow) -> Self {
        match &row.repository {
            Some(repository) => Self::Watched(Box::new(RepositoryView::new(repository))),
            None => Self::Local(Box::new(CatalogueItemView::new(row))),
        }
    }
}

/// A page of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CatalogueView {
    items: Vec<CatalogueItemView>,
    /// The cursor of the next page; `null` on the last one.
    next: Option<String>,
    /// Repositories that fit.
    total: u64,
    /// By the name of the filter: how many have which value, among what fits all filters but that one.
    facets: BTreeMap<&'static str, FacetView>,
}

impl CatalogueView {
    pub(crate) fn new(page: CatalogueRows, counts: &CatalogueCounts) -> Self {
        let facet = |(facet, counts): (&Facet, &FacetCounts)| (facet.as_str(), FacetView::from(counts));
        Self {
            items: page.rows.into_iter().map(CatalogueItemView::new).collect(),
            next: page.next.map(|next| next.to_string()),
            total: counts.total,
            facets: counts.facets.iter().map(facet).collect(),
        }
    }
}

/// The values of a filter.
#[derive(Debug, Serialize, ToSchema)]
struct FacetView {
    /// The most frequent first, at most 20.
    values: Vec<FacetValueView>,
    /// Further values.
    more: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct FacetValueView {
    value: String,
    count: u64,
}

impl From<&FacetCounts> for FacetView {
    fn from(counts: &FacetCounts) -> Self {
        let values = counts.values.iter();
        Self {
            values: values.map(|one| FacetValueView { value: one.value.clone(), count: one.count }).collect(),
            more: counts.more,
        }
    }
}
