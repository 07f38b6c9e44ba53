//! Asks a project the questions of a query, and finds the one project that a person names.

use std::path::PathBuf;

use muster_model::{
    project::Project,
    query::{Document, Field},
};

use crate::{
    error::AppError,
    services::{attention, words},
};

/// A project as the query language sees it.
pub struct ProjectDocument<'a> {
    project: &'a Project,
    path: String,
    /// Where `path` goes on below its root: a word must not match every repository because the root is called so.
    below_root: usize,
}

impl<'a> ProjectDocument<'a> {
    /// Wraps a project that was found below one of the roots.
    pub fn new(project: &'a Project, roots: &[PathBuf]) -> Self {
        let path = project.path.to_string_lossy().into_owned();
        let root = roots.iter().filter(|root| project.path.starts_with(root));
        let below_root = root.map(|root| root.to_string_lossy().len()).max().filter(|&at| at < path.len());
        Self { project, below_root: below_root.unwrap_or(0), path }
    }

    fn branch(&self) -> Option<&str> {
        self.project.git.as_ref().and_then(|git| git.head.branch())
    }
}

impl Document for ProjectDocument<'_> {
    fn texts(&self) -> Vec<&str> {
        vec![self.project.name.as_str(), self.path.get(self.below_root..).unwrap_or(&self.path)]
    }

    fn values(&self, field: Field) -> Vec<String> {
        match field {
            Field::Name => vec![self.project.name.clone()],
            Field::Path => vec![self.path.clone()],
            Field::Branch => self.branch().map(ToOwned::to_owned).into_iter().collect(),
            Field::Relation => vec![self.project.relation.as_str().to_owned()],
            Field::Stack => {
                let stack = self.project.analysis.as_ref().map(|analysis| analysis.stack.as_slice());
                stack.unwrap_or_default().iter().map(|item| item.name.clone()).collect()
            }
            Field::State => {
                let mut words = words::query_words(self.project);
                if attention::of(self.project).is_some() {
                    words.push("attention");
                }
                words.into_iter().map(ToOwned::to_owned).collect()
            }
            Field::Health | Field::Ahead | Field::Behind => Vec::new(),
        }
    }

    fn number(&self, field: Field) -> Option<i64> {
        let divergence = || self.project.git.as_ref()?.upstream.as_ref()?.divergence;
        match field {
            Field::Health => self.project.analysis.as_ref()?.health.value.map(i64::from),
            Field::Ahead => divergence().map(|divergence| i64::from(divergence.ahead)),
            Field::Behind => divergence().map(|divergence| i64::from(divergence.behind)),
            _ => None,
        }
    }
}

/// The project that `name` means: its path, its name, or the only one whose name contains it.
pub fn project_named<'a>(projects: &'a [Project], name: &str) -> Result<&'a Project, AppError> {
    let lower = name.to_lowercase();
    let by_path = |project: &&Project| project.path.as_os_str() == name;
    if let Some(project) = projects.iter().find(by_path) {
        return Ok(project);
    }
    let tests: [&dyn Fn(&Project) -> bool; 3] = [
        &|project| project.name.to_lowercase() == lower,
        &|project| project.path.ends_with(name.trim_end_matches('/')),
        &|project| project.name.to_lowercase().contains(&lower),
    ];
    for test in tests {
        let found: Vec<&Project> = projects.iter().filter(|project| test(project)).collect();
        match found.as_slice() {
            [] => {}
            [project] => return Ok(project),
            several => {
                let candidates = several.iter().map(|project| project.name.clone()).collect();
                return Err(AppError::Ambiguous { query: name.to_owned(), candidates });
            }
        }
    }
    Err(AppError::NotFound { query: name.to_owned() })
}
