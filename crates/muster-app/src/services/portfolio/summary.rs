//! The portfolio in numbers. Pure: the same projects, the same summary.

use muster_model::{
    Timestamp,
    analysis::{HealthStatus, Potential},
    project::Project,
    recommendation::Urgency,
};
use serde::{Deserialize, Serialize};

use super::Known;
use crate::services::attention;

/// Projects shown at the top.
const TOP: usize = 5;

/// The portfolio in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Projects of this node.
    pub total_projects: usize,
    /// By potential; those without a score are in none.
    pub by_potential: PotentialCounts,
    /// Projects with at least one revenue stream.
    pub revenue_ready: usize,
    /// Recommendations of every type.
    pub total_recommendations: usize,
    /// Recommendations of type critical.
    pub critical_actions: usize,
    /// Recommendations of type revenue.
    pub revenue_opportunities: usize,
    /// What needs the person.
    pub attention: AttentionCounts,
    /// The five of highest readiness.
    pub top_projects: Vec<TopProject>,
    /// When anything of this last changed; `None` without projects.
    pub updated_at: Option<Timestamp>,
}

/// Projects by potential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PotentialCounts {
    /// Score of 70 and more.
    pub high: usize,
    /// 40 to 69.
    pub medium: usize,
    /// 20 to 39.
    pub low: usize,
    /// Below 20.
    pub exploratory: usize,
}

/// Projects by what is urgent in them. `total` counts each once, the others each kind of need once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AttentionCounts {
    /// Projects that need the person.
    pub total: usize,
    /// Could not be read.
    pub errors: usize,
    /// Conflicts or an operation begun and not ended.
    pub unfinished: usize,
    /// Commits that no remote has.
    pub unpushed: usize,
    /// Changes that no commit has.
    pub uncommitted: usize,
    /// Work put aside.
    pub stashed: usize,
    /// New files that git does not know.
    pub untracked: usize,
    /// The upstream has moved on.
    pub behind: usize,
    /// The remote has moved on, and it was not fetched yet.
    #[serde(default)]
    pub remote_moved: usize,
    /// Exists only here.
    pub only_here: usize,
}

/// One of the best.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopProject {
    /// Its name.
    pub name: String,
    /// Readiness, 0-100.
    pub score: u32,
    /// The word for it.
    pub category: String,
    /// Health, 0-100, where it could be measured.
    pub health: Option<u32>,
    /// The word for that.
    pub health_status: Option<String>,
}

impl Summary {
    pub(super) fn of(projects: &[Known]) -> Self {
        let mut summary = Self {
            total_projects: projects.len(),
            by_potential: PotentialCounts::default(),
            revenue_ready: 0,
            total_recommendations: 0,
            critical_actions: 0,
            revenue_opportunities: 0,
            attention: AttentionCounts::default(),
            top_projects: Vec::new(),
            updated_at: projects.iter().map(|known| known.record.updated_at).max(),
        };
        for project in projects.iter().map(|known| &known.record.project) {
            summary.count(project);
        }
        summary.top_projects = top(projects.iter().map(|known| &known.record.project));
        summary
    }

    fn count(&mut self, project: &Project) {
        match potential(project) {
            Some(Potential::High) => self.by_potential.high += 1,
            Some(Potential::Medium) => self.by_potential.medium += 1,
            Some(Potential::Low) => self.by_potential.low += 1,
            Some(Potential::Exploratory) => self.by_potential.exploratory += 1,
            None => {}
        }
        let has_stream =
            project.analysis.as_ref().is_some_and(|analysis| !analysis.revenue_streams.is_empty());
        self.revenue_ready += usize::from(has_stream);
        self.total_recommendations += project.recommendations.len();
        let of_type = |urgency| project.recommendations.iter().filter(|one| one.urgency == urgency).count();
        self.critical_actions += of_type(Urgency::Critical);
        self.revenue_opportunities += of_type(Urgency::Revenue);
        let urgencies = attention::urgencies(project);
        self.attention.total += usize::from(!urgencies.is_empty());
        for urgency in urgencies {
            use attention::Urgency as Need;
            let counter = match urgency {
                Need::Error => &mut self.attention.errors,
                Need::Unfinished => &mut self.attention.unfinished,
                Need::Unpushed => &mut self.attention.unpushed,
                Need::Uncommitted => &mut self.attention.uncommitted,
                Need::Stashed => &mut self.attention.stashed,
                Need::Untracked => &mut self.attention.untracked,
                Need::Behind => &mut self.attention.behind,
                Need::RemoteMoved => &mut self.attention.remote_moved,
                Need::OnlyHere => &mut self.attention.only_here,
            };
            *counter += 1;
        }
    }
}

/// Potential by readiness; `None` if it could not be measured.
pub(super) fn potential(project: &Project) -> Option<Potential> {
    project.analysis.as_ref()?.readiness.value.map(Potential::of)
}

fn top<'a>(projects: impl Iterator<Item = &'a Project>) -> Vec<TopProject> {
    let mut scored: Vec<_> = projects
        .filter_map(|project| {
            let analysis = project.analysis.as_ref()?;
            Some((analysis.readiness.value?, project, analysis.health.value))
        })
        .collect();
    scored.sort_by(|a, b| (b.0, &a.1.name).cmp(&(a.0, &b.1.name)));
    scored.truncate(TOP);
    let top = |(score, project, health): (u32, &Project, Option<u32>)| TopProject {
        name: project.name.clone(),
        score,
        category: Potential::of(score).as_str().to_owned(),
        health,
        health_status: health.map(|health| HealthStatus::of(health).as_str().to_owned()),
    };
    scored.into_iter().map(top).collect()
}
