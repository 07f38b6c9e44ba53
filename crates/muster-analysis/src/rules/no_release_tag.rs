//! Published code without a single version tag. Silent when the tags were not read.

use muster_model::{
    analysis::{Analysis, Context, ProjectType},
    recommendation::{Recommendation, Urgency},
};

use super::from_git;
use super::rule::Rule;

pub(super) struct NoReleaseTag;

impl Rule for NoReleaseTag {
    fn id(&self) -> &'static str {
        "no-release-tag"
    }

    fn judge(&self, analysis: &Analysis, context: &Context<'_>) -> Option<Recommendation> {
        let item = analysis.readiness.items.iter().find(|item| item.id == "release-semver-tag")?;
        let is_releasable = matches!(
            analysis.project_type,
            ProjectType::Library
                | ProjectType::CommandLine
                | ProjectType::MobileApp
                | ProjectType::DesktopApp
        );
        if item.points != Some(0) || !is_releasable || !context.git.has_remote {
            return None;
        }
        Some(Recommendation {
            rule: self.id().into(),
            urgency: Urgency::Low,
            category: "release".into(),
            action: "Tag a first version, such as v0.1.0, and push the tag.".to_owned(),
            impact: "Without versions nobody can say which state they use or depend on one.".to_owned(),
            evidence: vec![from_git(item.note.clone())],
        })
    }
}
