//! What muster says of projects as JSON: the shapes of the public API, which the command line prints as well. Field
//! names and units are stable, `schema_version` counts the breaks.
//!
//! Long because it is a table: one struct for each shape, nothing but fields and how they are filled.

pub(crate) mod catalogue;
pub(crate) mod history;
pub(crate) mod repository;

use std::{os::unix::ffi::OsStrExt, path::Path};

use jiff::Timestamp;
use muster_app::services::{portfolio::Known, words};
use muster_model::{
    RepoError,
    analysis::{Evidence, HealthStatus, Potential, ProjectMeta, Score},
    git_state::{Deletable, GitState},
    project::{Project, Submodule, Worktree},
    recommendation::Recommendation,
    unknown::UnknownReason,
    word::Word,
};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Counts the breaks of the shapes below.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything but the unreserved characters and the slash.
const PATH_BYTES: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// `muster scan --format json`.
#[derive(Debug, Serialize)]
pub struct ScanView {
    schema_version: u32,
    projects: Vec<ProjectView>,
}

impl ScanView {
    pub fn new(projects: &[&Project]) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            projects: projects.iter().map(|project| ProjectView::new(project)).collect(),
        }
    }
}

/// A document that is one item: `muster show --format json`, or a line of `jsonl`.
#[derive(Debug, Serialize)]
pub struct DocumentView<T> {
    schema_version: u32,
    #[serde(flatten)]
    item: T,
}

impl<T> DocumentView<T> {
    pub fn of(item: T) -> Self {
        Self { schema_version: SCHEMA_VERSION, item }
    }
}

impl DocumentView<ProjectView> {
    pub fn new(project: &Project) -> Self {
        Self::of(ProjectView::new(project))
    }
}

/// One project.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectView {
    name: String,
    display_name: Option<String>,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_raw: Option<String>,
    kind: &'static str,
    #[serde(rename = "type")]
    project_type: Option<&'static str>,
    relation: Option<&'static str>,
    id: Option<String>,
    number: Option<i64>,
    stack: Option<Vec<StackView>>,
    readiness: Option<ReadinessView>,
    error: Option<ErrorView>,
    warnings: Vec<WarningView>,
    git: GitView,
    worktrees: Vec<WorktreeView>,
    submodules: Vec<SubmoduleView>,
    monetization: Option<MonetizationView>,
    health: Option<HealthView>,
    recommendations: Vec<RecommendationView>,
    metadata: Option<MetadataView>,
    checked_at: Timestamp,
    watch: Option<&'static str>,
    updated_at: Timestamp,
    #[schema(value_type = BTreeMap<String, String>)]
    unknown: BTreeMap<Word, &'static str>,
}

impl ProjectView {
    /// A project that was just read, by a command that keeps nothing.
    pub fn new(project: &Project) -> Self {
        let mut view = Self::of(project);
        for field in ["id", "number", "watch", "git.remote_moved"] {
            view.unknown.insert(field.into(), UnknownReason::NeedsServer.as_str());
        }
        view
    }

    /// A stored project.
    pub fn of_known(known: &Known) -> Self {
        let stored = &known.record;
        let mut view = Self::of(&stored.project);
        let is_said = view.git.remote_moved.is_some() || view.unknown.contains_key("git.remote_moved");
        if stored.project.git.is_some() && !is_said {
            // Stored by an older muster, and not read again yet.
            view.unknown.insert("git.remote_moved".into(), UnknownReason::NotAsked.as_str());
        }
        let checked_at = known.look.map_or(stored.project.checked_at, |look| look.checked_at);
        Self {
            id: Some(stored.id.to_string()),
            number: Some(stored.number),
            checked_at,
            watch: known.look.map(|look| look.watch.as_str()),
            updated_at: stored.updated_at,
            ..view
        }
    }

    fn of(project: &Project) -> Self {
        let analysis = project.analysis.as_ref();
        let unknown =
            project.unknown.iter().map(|(field, reason)| (field.clone(), reason.as_str())).collect();
        Self {
            name: project.name.clone(),
            display_name: project.meta.as_ref().and_then(|meta| meta.name.clone()),
            path: project.path.to_string_lossy().into_owned(),
            path_raw: raw(&project.path),
            kind: match project.kind {
                muster_model::project::ProjectKind::Repository => "repository",
                muster_model::project::ProjectKind::Bare => "bare",
                muster_model::project::ProjectKind::Folder => "folder",
            },
            project_type: analysis.map(|analysis| analysis.project_type.as_str()),
            relation: (!project.unknown.contains_key("relation")).then(|| project.relation.as_str()),
            id: None,
            number: None,
            stack: analysis.map(|analysis| analysis.stack.iter().map(StackView::new).collect()),
            readiness: analysis.map(|analysis| ReadinessView::new(&analysis.readiness)),
            error: project.error.as_ref().map(ErrorView::new),
            warnings: project
                .warnings
                .iter()
                .map(|warning| WarningView { code: warning.code.clone(), message: warning.message.clone() })
                .collect(),
            git: GitView::of_project(project),
            worktrees: project.worktrees.iter().map(WorktreeView::new).collect(),
            submodules: project.submodules.iter().map(SubmoduleView::new).collect(),
            monetization: analysis.map(|analysis| {
                let score = analysis.readiness.value;
                MonetizationView {
                    score,
                    category: score.map(|score| Potential::of(score).as_str()),
                    signals: analysis
                        .signals
                        .iter()
                        .map(|signal| SignalView {
                            id: signal.id.clone(),
                            title: signal.title.clone(),
                            evidence: evidence(&signal.evidence),
                        })
                        .collect(),
                    tech_stack: analysis.stack.iter().map(|item| item.name.clone()).collect(),
                    revenue_streams: analysis.revenue_streams.clone(),
                }
            }),
            health: analysis.map(|analysis| HealthView {
                score: analysis.health.value,
                status: analysis.health.value.map(|score| HealthStatus::of(score).as_str()),
                coverage: analysis.health.coverage,
                rule_version: analysis.health.rule_version,
                items: items(&analysis.health),
            }),
            recommendations: project
                .recommendations
                .iter()
                .map(|recommendation| RecommendationView::new(recommendation, &project.name))
                .collect(),
            metadata: project.meta.as_ref().map(MetadataView::new),
            checked_at: project.checked_at,
            watch: None,
            updated_at: project.checked_at,
            unknown,
        }
    }
}

/// State of a checkout. Without a repository only `is_repo` has a value.
#[derive(Debug, Serialize, Default, ToSchema)]
pub struct GitView {
    is_repo: bool,
    branch: Option<String>,
    head: Option<String>,
    detached: Option<bool>,
    upstream: Option<String>,
    remote: Option<String>,
    ahead: Option<u32>,
    behind: Option<u32>,
    modified: Option<u32>,
    untracked: Option<u32>,
    staged: Option<u32>,
    conflicted: Option<u32>,
    filtered_unknown: Option<u32>,
    stashes: Option<u32>,
    operation: Option<&'static str>,
    unpushed_branches: Option<Vec<UnpushedView>>,
    local_only_branches: Option<Vec<String>>,
    detached_commits: Option<u32>,
    remote_moved: Option<bool>,
    deletable: Option<DeletableView>,
    fetched_at: Option<Timestamp>,
    last_commit: Option<String>,
    last_commit_id: Option<String>,
    last_commit_author: Option<String>,
    last_commit_date: Option<Timestamp>,
    shallow: Option<bool>,
    state: Vec<String>,
}

impl GitView {
    fn of_project(project: &Project) -> Self {
        let Some(state) = &project.git else {
            let is_repo = project.kind != muster_model::project::ProjectKind::Folder;
            return Self { is_repo, ..Self::default() };
        };
        let branches = project.branches.as_ref().filter(|branches| branches.has_remote);
        Self {
            remote: project.remote.as_ref().map(ToString::to_string),
            remote_moved: project.remote_moved,
            state: words::project_words(project, state).into_iter().map(words::StateWord::phrase).collect(),
            unpushed_branches: branches.map(|branches| {
                let view = |branch: &muster_model::git_state::UnpushedBranch| UnpushedView {
                    name: branch.name.clone(),
                    commits: branch.commits,
                };
                branches.unpushed.iter().map(view).collect()
            }),
            local_only_branches: branches.map(|branches| branches.local_only.clone()),
            detached_commits: branches.map(|branches| branches.detached_commits),
            deletable: project.deletable.as_ref().map(DeletableView::new),
            fetched_at: project.fetched_at,
            ..Self::of_state(state)
        }
    }

    fn of_state(state: &GitState) -> Self {
        let counts = state.work_tree.ok();
        let divergence = state.upstream.as_ref().and_then(|upstream| upstream.divergence);
        let last = state.last_commit.as_ref();
        Self {
            is_repo: true,
            branch: state.head.branch().map(ToOwned::to_owned),
            head: state.head_id.clone(),
            detached: Some(state.head == muster_model::git_state::Head::Detached),
            upstream: state.upstream.as_ref().map(|upstream| upstream.name.clone()),
            ahead: divergence.map(|divergence| divergence.ahead),
            behind: divergence.map(|divergence| divergence.behind),
            modified: counts.map(|counts| counts.modified),
            untracked: counts.map(|counts| counts.untracked),
            staged: counts.map(|counts| counts.staged),
            conflicted: counts.map(|counts| counts.conflicted),
            filtered_unknown: counts.map(|counts| counts.filtered_unknown),
            stashes: Some(state.stashes),
            operation: state.operation.map(muster_model::git_state::Operation::as_str),
            last_commit: last.map(|commit| commit.subject.clone()),
            last_commit_id: last.map(|commit| commit.id.clone()),
            last_commit_author: last.map(|commit| commit.author.clone()),
            last_commit_date: last.map(|commit| commit.committed_at),
            shallow: Some(state.is_shallow),
            state: words::state_words(state).into_iter().map(words::StateWord::phrase).collect(),
            ..Self::default()
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct UnpushedView {
    name: String,
    commits: u32,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DeletableView {
    value: bool,
    reason: String,
}

impl DeletableView {
    fn new(deletable: &Deletable) -> Self {
        Self { value: deletable.value, reason: deletable.reason.clone() }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct WorktreeView {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_raw: Option<String>,
    locked: bool,
    git: Option<GitView>,
    error: Option<ErrorView>,
}

impl WorktreeView {
    fn new(worktree: &Worktree) -> Self {
        let git = worktree.state.as_ref().ok().map(|state| GitView {
            deletable: worktree.deletable.as_ref().map(DeletableView::new),
            ..GitView::of_state(state)
        });
        Self {
            path: worktree.path.to_string_lossy().into_owned(),
            path_raw: raw(&worktree.path),
            locked: worktree.is_locked,
            git,
            error: worktree.state.as_ref().err().map(ErrorView::new),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SubmoduleView {
    path: String,
    expected: String,
    checked_out: bool,
    git: Option<GitView>,
    error: Option<ErrorView>,
}

impl SubmoduleView {
    fn new(submodule: &Submodule) -> Self {
        let state = submodule.state.as_ref();
        Self {
            path: submodule.path.clone(),
            expected: submodule.expected_id.clone(),
            checked_out: state.is_some(),
            git: state.and_then(|state| state.as_ref().ok()).map(GitView::of_state),
            error: state.and_then(|state| state.as_ref().err()).map(ErrorView::new),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorView {
    code: &'static str,
    message: String,
    remedy: &'static str,
}

impl ErrorView {
    fn new(error: &RepoError) -> Self {
        Self { code: error.code.as_str(), message: error.message.clone(), remedy: error.code.remedy() }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct WarningView {
    #[schema(value_type = String)]
    code: Word,
    message: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct StackView {
    name: String,
    category: String,
    marginal: bool,
    evidence: Vec<EvidenceView>,
}

impl StackView {
    fn new(item: &muster_model::analysis::StackItem) -> Self {
        Self {
            name: item.name.clone(),
            category: item.category.clone(),
            marginal: item.is_marginal,
            evidence: evidence(&item.evidence),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct EvidenceView {
    path: String,
    line: Option<u32>,
    note: String,
}

fn evidence(list: &[Evidence]) -> Vec<EvidenceView> {
    let view = |evidence: &Evidence| EvidenceView {
        path: evidence.path.clone(),
        line: evidence.line,
        note: evidence.note.clone(),
    };
    list.iter().map(view).collect()
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ItemView {
    id: String,
    area: String,
    points: Option<u32>,
    max_points: u32,
    note: String,
    evidence: Vec<EvidenceView>,
}

fn items(score: &Score) -> Vec<ItemView> {
    let view = |item: &muster_model::analysis::ScoreItem| ItemView {
        id: item.id.clone(),
        area: item.area.clone(),
        points: item.points,
        max_points: item.max_points,
        note: item.note.clone(),
        evidence: evidence(&item.evidence),
    };
    score.items.iter().map(view).collect()
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ReadinessView {
    score: Option<u32>,
    coverage: u32,
    rule_version: u32,
    items: Vec<ItemView>,
}

impl ReadinessView {
    fn new(score: &Score) -> Self {
        Self {
            score: score.value,
            coverage: score.coverage,
            rule_version: score.rule_version,
            items: items(score),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct HealthView {
    score: Option<u32>,
    status: Option<&'static str>,
    coverage: u32,
    rule_version: u32,
    items: Vec<ItemView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct MonetizationView {
    score: Option<u32>,
    category: Option<&'static str>,
    signals: Vec<SignalView>,
    tech_stack: Vec<String>,
    revenue_streams: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SignalView {
    id: String,
    title: String,
    evidence: Vec<EvidenceView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RecommendationView {
    #[schema(value_type = String)]
    rule: Word,
    #[serde(rename = "type")]
    urgency: &'static str,
    #[schema(value_type = String)]
    category: Word,
    action: String,
    impact: String,
    project: String,
    evidence: Vec<EvidenceView>,
}

impl RecommendationView {
    pub(crate) fn new(recommendation: &Recommendation, project: &str) -> Self {
        Self {
            rule: recommendation.rule.clone(),
            urgency: recommendation.urgency.as_str(),
            category: recommendation.category.clone(),
            action: recommendation.action.clone(),
            impact: recommendation.impact.clone(),
            project: project.to_owned(),
            evidence: evidence(&recommendation.evidence),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct MetadataView {
    name: Option<String>,
    description: Option<String>,
    status: Option<String>,
    priority: Option<String>,
    completion: Option<f64>,
    time_to_launch: Option<String>,
    revenue: Option<String>,
    blockers: Vec<String>,
    links: BTreeMap<String, String>,
}

impl MetadataView {
    fn new(meta: &ProjectMeta) -> Self {
        Self {
            name: meta.name.clone(),
            description: meta.description.clone(),
            status: meta.status.clone(),
            priority: meta.priority.clone(),
            completion: meta.completion,
            time_to_launch: meta.time_to_launch.clone(),
            revenue: meta.revenue.clone(),
            blockers: meta.blockers.clone(),
            links: meta.links.iter().cloned().collect(),
        }
    }
}

/// One setting, without secrets.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SettingView {
    /// `section.key`.
    pub key: String,
    /// Its value.
    pub value: serde_json::Value,
    /// Who set it: `default`, a file with its line, or an environment variable.
    pub origin: String,
}

/// The exact bytes of a path that is not UTF-8.
fn raw(path: &Path) -> Option<String> {
    path.to_str().is_none().then(|| percent_encode(path.as_os_str().as_bytes(), PATH_BYTES).to_string())
}
