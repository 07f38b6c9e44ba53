//! Answers about the local portfolio, from the cache and behind it the store. The disk is not touched here: whatever
//! changes there is written by the keeper, whose writes make stale what is cached.

mod summary;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use muster_model::{
    RepoId, Timestamp,
    analysis::{HealthStatus, Potential},
    project::{Project, ProjectKind},
    recommendation::{Recommendation, Urgency},
};
use muster_store::ProjectRecord;
use serde::{Deserialize, Serialize};

pub use summary::{AttentionCounts, PotentialCounts, Summary, TopProject};

use crate::{
    caches::{
        KEY_ALL_PROJECTS, KEY_RECOMMENDATIONS, KEY_SUMMARY, TAG_MEMBERS, TAG_PORTFOLIO, TAG_RECOMMENDATIONS,
        project_key, project_tag,
    },
    context::Context,
    error::AppError,
    known::Look,
    services::attention,
};

/// A project as it is stored, and when it was last looked at.
#[derive(Debug, Clone)]
pub struct Known {
    /// What is stored.
    pub record: Arc<Stored>,
    /// The last look; `None` if this process has not had one yet.
    pub look: Option<Look>,
}

/// A stored project in the cache.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stored {
    /// Identity.
    pub id: RepoId,
    /// The same as a short number.
    pub number: i64,
    /// When what is stored last changed.
    pub updated_at: Timestamp,
    /// The project.
    pub project: Project,
}

impl From<ProjectRecord> for Stored {
    fn from(record: ProjectRecord) -> Self {
        Self { id: record.id, number: record.number, updated_at: record.updated_at, project: record.project }
    }
}

/// Identity and name of every project.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Member {
    id: RepoId,
    number: i64,
    name: String,
    path: String,
}

/// A recommendation and whose it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProjectRecommendation {
    /// Name of the project.
    pub project: String,
    /// What to do there.
    pub recommendation: Recommendation,
}

/// A load on its way. Boxed: a query is a large future, and the cache hands it on.
type Load<T> = BoxFuture<'static, Result<T, AppError>>;

/// All projects of this node, by path.
pub async fn projects(context: &Context) -> Result<Vec<Known>, AppError> {
    let members = members(context).await?;
    let ids: Vec<_> = members.iter().map(|member| member.id).collect();
    let mut stored = load(context, &ids).await?;
    let known = |id: &RepoId| Some(Known { record: stored.remove(id)?, look: context.known.look(*id) });
    Ok(ids.iter().filter_map(known).collect())
}

/// The project that a name means: its name or id, else the only one whose path ends so, else its number.
pub async fn project(context: &Context, name: &str) -> Result<Known, AppError> {
    let members = members(context).await?;
    let suffix = name.trim_matches('/');
    // Every path ends with nothing.
    let by_suffix =
        |member: &&Member| !suffix.is_empty() && std::path::Path::new(&member.path).ends_with(suffix);
    let exact = members.iter().find(|member| member.name == name || member.id.to_string() == name);
    let by_number = || members.iter().find(|member| name.parse() == Ok(member.number));
    let found = match exact {
        Some(member) => member,
        None => match members.iter().filter(by_suffix).collect::<Vec<_>>().as_slice() {
            [] => by_number().ok_or_else(|| AppError::NotFound { query: name.to_owned() })?,
            [member] => member,
            several => {
                let candidates = several.iter().map(|member| member.name.clone()).collect();
                return Err(AppError::Ambiguous { query: name.to_owned(), candidates });
            }
        },
    };
    let mut stored = load(context, &[found.id]).await?;
    let record = stored.remove(&found.id).ok_or_else(|| AppError::NotFound { query: name.to_owned() })?;
    Ok(Known { record, look: context.known.look(found.id) })
}

async fn members(context: &Context) -> Result<Arc<Vec<Member>>, AppError> {
    let (store, node) = (context.store.clone(), context.node);
    let load = move || -> Load<_> {
        Box::pin(async move {
            let index = store.project_index(node).await?;
            let member = |entry: muster_store::ProjectEntry| Member {
                id: entry.id,
                number: entry.number,
                name: entry.name,
                path: entry.path.to_string_lossy().into_owned(),
            };
            Ok(index.into_iter().map(member).collect::<Vec<Member>>())
        })
    };
    let of = &context.types.all_projects;
    Ok(context.cache.get_or_load(of, KEY_ALL_PROJECTS, &[TAG_MEMBERS], load).await?.value)
}

/// From the cache what is there, and the rest by one query.
async fn load(context: &Context, ids: &[RepoId]) -> Result<HashMap<RepoId, Arc<Stored>>, AppError> {
    let of = &context.types.project;
    let mut found = HashMap::with_capacity(ids.len());
    let mut missing = Vec::new();
    for &id in ids {
        match context.cache.peek::<Stored>(of, &project_key(id)) {
            Some(stored) => {
                found.insert(id, stored);
            }
            None => missing.push(id),
        }
    }
    if missing.is_empty() {
        return Ok(found);
    }
    // Before the query: what changes while it runs makes these stamps invalid.
    let stamps: Vec<_> = missing.iter().map(|&id| context.cache.stamp(&[&project_tag(id)])).collect();
    let mut stamps: HashMap<_, _> = missing.iter().copied().zip(stamps).collect();
    for record in Box::pin(context.store.project_load(&missing)).await?.records {
        let id = record.id;
        if let Some(stamp) = stamps.remove(&id) {
            found.insert(id, context.cache.put(of, &project_key(id), stamp, Stored::from(record)));
        }
    }
    Ok(found)
}

/// The portfolio in numbers.
pub async fn summary(context: &Context) -> Result<Arc<Summary>, AppError> {
    let owned = context.clone();
    let load = move || -> Load<_> { Box::pin(async move { Ok(Summary::of(&projects(&owned).await?)) }) };
    Ok(context.cache.get_or_load(&context.types.summary, KEY_SUMMARY, &[TAG_PORTFOLIO], load).await?.value)
}

/// Everything recommended, the critical first.
pub async fn recommendations(context: &Context) -> Result<Arc<Vec<ProjectRecommendation>>, AppError> {
    let owned = context.clone();
    let load = move || -> Load<_> {
        Box::pin(async move {
            let projects = projects(&owned).await?;
            let mut list: Vec<_> = projects
                .iter()
                .flat_map(|known| {
                    let project = &known.record.project;
                    project.recommendations.iter().map(|recommendation| ProjectRecommendation {
                        project: project.name.clone(),
                        recommendation: recommendation.clone(),
                    })
                })
                .collect();
            list.sort_by(|a, b| {
                let key = |one: &ProjectRecommendation| (one.recommendation.urgency, one.project.clone());
                key(a).cmp(&key(b))
            });
            Ok(list)
        })
    };
    let of = &context.types.recommendations;
    Ok(context
        .cache
        .get_or_load(of, KEY_RECOMMENDATIONS, &[TAG_RECOMMENDATIONS, TAG_MEMBERS], load)
        .await?
        .value)
}

/// One group of a view: a word and the names of the projects it fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What they have in common.
    pub key: String,
    /// Names, in the order of the portfolio.
    pub projects: Vec<String>,
}

/// The projects grouped by what a person steers by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dashboard {
    /// By what needs the person most.
    pub by_attention: Vec<Group>,
    /// By broad type.
    pub by_type: Vec<Group>,
    /// By technology that is no margin note.
    pub by_stack: Vec<Group>,
    /// By whose they are.
    pub by_relation: Vec<Group>,
    /// By potential.
    pub by_potential: Vec<Group>,
    /// By state of health.
    pub by_health: Vec<Group>,
}

/// Groups all projects.
pub fn dashboard(projects: &[Known]) -> Dashboard {
    let group = |keys: &dyn Fn(&Project) -> Vec<String>| -> Vec<Group> {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for project in projects.iter().map(|known| &known.record.project) {
            for key in keys(project) {
                groups.entry(key).or_default().push(project.name.clone());
            }
        }
        let mut groups: Vec<_> = groups.into_iter().map(|(key, projects)| Group { key, projects }).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.projects.len()));
        groups
    };
    let one = |word: Option<&'static str>| word.map(ToOwned::to_owned).into_iter().collect::<Vec<_>>();
    Dashboard {
        by_attention: group(&|project| {
            one(attention::of(project).map(|attention| attention.urgency.as_str()))
        }),
        by_type: group(&|project| {
            one(project.analysis.as_ref().map(|analysis| analysis.project_type.as_str()))
        }),
        by_stack: group(&|project| {
            let stack = project.analysis.iter().flat_map(|analysis| &analysis.stack);
            stack.filter(|item| !item.is_marginal).map(|item| item.name.clone()).collect()
        }),
        by_relation: group(&|project| one(Some(project.relation.as_str()))),
        by_potential: group(&|project| one(summary::potential(project).map(Potential::as_str))),
        by_health: group(&|project| one(health_status(project))),
    }
}

/// The word for the health of a project; `None` if it could not be measured.
pub fn health_status(project: &Project) -> Option<&'static str> {
    let score = project.analysis.as_ref()?.health.value?;
    Some(HealthStatus::of(score).as_str())
}

/// How many of the projects are repositories.
pub fn repositories(projects: &[Known]) -> usize {
    projects.iter().filter(|known| known.record.project.kind != ProjectKind::Folder).count()
}

/// How many recommendations are chances to earn.
pub fn revenue_opportunities(list: &[ProjectRecommendation]) -> usize {
    list.iter().filter(|one| one.recommendation.urgency == Urgency::Revenue).count()
}
