//! What registry.json says, and how the file is.

use axum::{extract::State, response::IntoResponse};
use jiff::Timestamp;
use muster_app::{
    actions::registry::RegistryState,
    services::registry::{Agent, DeclaredRepository, Place},
};
use muster_model::{category::Category, relation::Relation};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::HttpState;

use super::cache::no_store;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(registry))
}

/// The registry in force.
#[derive(Debug, Serialize, ToSchema)]
struct RegistryView {
    /// The file; `null` if none is configured.
    path: Option<String>,
    /// `none`, `valid`, `invalid` or `missing`; with the last two the last good version is in force.
    status: &'static str,
    /// When the version in force was first read.
    loaded_at: Option<Timestamp>,
    error: Option<RegistryErrorView>,
    /// Folders that it declares; those of the configuration are searched as well.
    roots: Vec<String>,
    repositories: Vec<DeclaredRepositoryView>,
    agents: Vec<AgentView>,
}

/// What is wrong with the file.
#[derive(Debug, Serialize, ToSchema)]
struct RegistryErrorView {
    /// Counts from 1.
    line: usize,
    /// Counts characters from 1.
    column: usize,
    message: String,
}

/// A repository of which the registry says something.
#[derive(Debug, Serialize, ToSchema)]
struct DeclaredRepositoryView {
    path: Option<String>,
    url: Option<String>,
    category: Option<&'static str>,
    tags: Vec<String>,
    /// `mine`, `team`, `third_party` or `unknown`; wins over every guess.
    relation: Option<&'static str>,
    alerts: Option<serde_json::Value>,
}

impl DeclaredRepositoryView {
    fn new(repository: &DeclaredRepository) -> Self {
        let (path, url) = match &repository.place {
            Place::Path(path) => (Some(path.to_string_lossy().into_owned()), None),
            Place::Url(url) => (None, Some(url.to_string())),
        };
        Self {
            path,
            url,
            category: repository.category.map(Category::as_str),
            tags: repository.tags.clone(),
            relation: repository.relation.map(Relation::as_str),
            alerts: repository.alerts.clone(),
        }
    }
}

/// An agent that the registry declares.
#[derive(Debug, Serialize, ToSchema)]
struct AgentView {
    id: String,
    name: String,
    version: Option<String>,
    status: Option<String>,
    domain: Option<String>,
    r#type: Option<String>,
    description: Option<String>,
    capabilities: Vec<String>,
    protocols: Vec<String>,
    implementations: Option<serde_json::Value>,
}

impl AgentView {
    fn new(agent: &Agent) -> Self {
        let agent = agent.clone();
        Self {
            id: agent.id,
            name: agent.name,
            version: agent.version,
            status: agent.status,
            domain: agent.domain,
            r#type: agent.kind,
            description: agent.description,
            capabilities: agent.capabilities,
            protocols: agent.protocols,
            implementations: agent.implementations,
        }
    }
}

impl RegistryView {
    fn new(state: RegistryState) -> Self {
        let registry = state.registry;
        Self {
            path: state.path.map(|path| path.to_string_lossy().into_owned()),
            status: state.status.as_str(),
            loaded_at: state.loaded_at,
            error: state.error.map(|error| RegistryErrorView {
                line: error.line,
                column: error.column,
                message: error.message,
            }),
            roots: registry.roots.iter().map(|root| root.to_string_lossy().into_owned()).collect(),
            repositories: registry.repositories.iter().map(DeclaredRepositoryView::new).collect(),
            agents: registry.agents.iter().map(AgentView::new).collect(),
        }
    }
}

/// What registry.json declares, and what is wrong with it
#[utoipa::path(get, path = "/admin/registry", tag = "admin", responses((status = OK, body = RegistryView)))]
async fn registry(State(state): State<HttpState>) -> impl IntoResponse {
    no_store(RegistryView::new(state.registry.state()))
}
