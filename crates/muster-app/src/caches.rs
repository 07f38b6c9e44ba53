//! What is cached: the types of data with their names and times, the keys, and the tags by which a change makes them
//! stale. One table, so that nobody has to search for who caches what.

use std::time::Duration;

use muster_cache::{Cache, DataType, DataTypeConfig, Sharing};
use muster_model::{RepoId, catalogue::CatalogueFilter};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::config::CacheSection;

/// Tag: any project of the portfolio changed, appeared or went.
pub const TAG_PORTFOLIO: &str = "portfolio";
/// Tag: a project appeared, went, or has another name.
pub const TAG_MEMBERS: &str = "portfolio:members";
/// Tag: what is recommended changed.
pub const TAG_RECOMMENDATIONS: &str = "portfolio:recommendations";
/// Tag: a project is kept fresh in another way than before. No change of the sequence, because every node watches for
/// itself and forgets it at its end.
pub const TAG_WATCH: &str = "portfolio:watch";

/// Tags that mean something on one node alone: what depends on one is not shared with others.
pub const OWN_TAGS: [&str; 1] = [TAG_WATCH];

/// Tag: any watched repository changed, appeared or went.
pub const TAG_WATCHLIST: &str = "watchlist";

/// Tag: somebody may do more or less than before.
pub const TAG_ACCESS: &str = "access";

/// Key of what is known of a token, by the hash of its text.
pub fn access_key(hash: &str) -> String {
    format!("access:{hash}")
}

/// Tag of one watched repository.
pub fn repository_tag(id: RepoId) -> String {
    format!("repository:{id}")
}

/// Tag of one project.
pub fn project_tag(id: RepoId) -> String {
    format!("project:{id}")
}

/// Key of the list of all projects.
pub const KEY_ALL_PROJECTS: &str = "portfolio:all_projects";
/// Key of the summary.
pub const KEY_SUMMARY: &str = "portfolio:summary";
/// Key of the recommendations.
pub const KEY_RECOMMENDATIONS: &str = "portfolio:recommendations";

/// Key of one project.
pub fn project_key(id: RepoId) -> String {
    format!("portfolio:project:{id}")
}

/// Key of the state of one checkout.
pub fn git_key(path: &std::path::Path) -> String {
    format!("portfolio:git:{:016x}", xxh3_64(path.as_os_str().as_encoded_bytes()))
}

/// Key of what is counted of the catalogue under a filter.
pub fn facets_key(filter: &CatalogueFilter) -> String {
    if *filter == CatalogueFilter::default() {
        return "facets:all".to_owned();
    }
    // Lists of words and a text: nothing that cannot be written.
    let print = serde_json::to_vec(filter).unwrap_or_default();
    format!("facets:{:032x}", xxh3_128(&print))
}

/// Key of a ready body: its path and its canonical query.
pub fn body_key(path: &str, query: &str) -> String {
    if query.is_empty() { format!("http:{path}") } else { format!("http:{path}?{query}") }
}

/// What a ready body shows; it lives as long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// One project.
    Project,
    /// All projects, and views that group them.
    AllProjects,
    /// The summary.
    Summary,
    /// The recommendations.
    Recommendations,
}

/// Handles of the types, looked up once.
#[derive(Clone)]
pub struct DataTypes {
    pub(crate) git_state: DataType,
    pub(crate) project: DataType,
    pub(crate) all_projects: DataType,
    pub(crate) summary: DataType,
    pub(crate) recommendations: DataType,
    pub(crate) facets: DataType,
    pub(crate) access: DataType,
}

impl DataTypes {
    pub(crate) fn of(cache: &Cache) -> Self {
        Self {
            git_state: cache.data_type("git_state"),
            project: cache.data_type("project"),
            all_projects: cache.data_type("all_projects"),
            summary: cache.data_type("summary"),
            recommendations: cache.data_type("recommendations"),
            facets: cache.data_type("facets"),
            access: cache.data_type("access"),
        }
    }

    pub(crate) fn of_body(&self, kind: BodyKind) -> &DataType {
        match kind {
            BodyKind::Project => &self.project,
            BodyKind::AllProjects => &self.all_projects,
            BodyKind::Summary => &self.summary,
            BodyKind::Recommendations => &self.recommendations,
        }
    }
}

/// The types as the configuration wants them.
pub fn data_types(section: &CacheSection) -> Vec<DataTypeConfig> {
    let table = [
        ("git_state", section.ttl_git_state),
        ("project", section.ttl_project),
        ("all_projects", section.ttl_all_projects),
        ("summary", section.ttl_summary),
        ("recommendations", section.ttl_recommendations),
        ("facets", section.ttl_facets),
    ];
    let config = |(name, seconds): (&'static str, u64)| DataTypeConfig {
        name,
        ttl: Duration::from_secs(seconds),
        stale: Duration::from_secs(section.stale_seconds),
        is_enabled: !section.off.iter().any(|off| off == name),
        sharing: match name {
            // Not worth a question: it is how often the folder is looked at.
            "git_state" => Sharing::Nobody,
            "facets" => Sharing::All,
            // Of the folders of one machine.
            _ => Sharing::Node,
        },
    };
    table.into_iter().map(config).chain([access()]).collect()
}

/// Who holds which token. Not for the configuration to switch off or to prolong: it is how long one that was revoked
/// may still be taken by a node that hears of nothing, and how long a known one is taken while the database is away.
fn access() -> DataTypeConfig {
    const TTL: Duration = Duration::from_mins(1);
    const STALE: Duration = Duration::from_mins(1);
    DataTypeConfig { name: "access", ttl: TTL, stale: STALE, is_enabled: true, sharing: Sharing::Nobody }
}
