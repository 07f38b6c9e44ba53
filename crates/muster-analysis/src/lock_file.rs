//! Is there a lock file, and should there be one? An application that names dependencies should pin them; a library is
//! tested against what its users bring, and some ecosystems have none. Knows ecosystems, not scores.

use muster_model::analysis::Evidence;

use crate::{
    layout::{File, Place},
    manifest::{Ecosystem, Manifest},
    survey::Survey,
};

/// The answer, with its evidence.
pub(crate) enum LockFile {
    /// At least one.
    Present(Vec<Evidence>),
    /// None, though these manifests call for one.
    Missing(Vec<Evidence>),
    /// None is called for, and why.
    NotApplicable(&'static str),
}

impl LockFile {
    /// Looks.
    pub(crate) fn of(survey: &Survey<'_, '_>) -> Self {
        // The manifests nearest to the root speak for the project; those in dot folders are of its tools.
        let is_tool = |file: &File<'_>| file.folder().split('/').any(|part| part.starts_with('.'));
        let mut manifests: Vec<&Manifest<'_, '_>> =
            survey.own_manifests().filter(|manifest| !is_tool(manifest.file)).collect();
        let nearest = manifests.iter().map(|manifest| manifest.file.depth).min().unwrap_or(0);
        manifests.retain(|manifest| manifest.file.depth == nearest);
        let mut found: Vec<Evidence> = survey
            .lock_files
            .iter()
            .filter(|file| file.place == Place::Source && file.depth <= nearest)
            .map(|file| file.evidence("lock file"))
            .collect();
        found.extend(
            manifests
                .iter()
                .filter(|manifest| manifest.content.is_pinned)
                .map(|manifest| manifest.file.evidence("every requirement is pinned")),
        );
        found.truncate(3);
        if !found.is_empty() {
            return Self::Present(found);
        }
        if manifests.is_empty() {
            return Self::NotApplicable("no dependency manifest");
        }
        let calling: Vec<Evidence> = manifests
            .iter()
            .filter(|manifest| calls_for_lock(manifest))
            .take(3)
            .map(|manifest| manifest.file.evidence("names dependencies"))
            .collect();
        if calling.is_empty() {
            return Self::NotApplicable(
                "no lock file is customary for these manifests (library, no dependencies, or no such format)",
            );
        }
        Self::Missing(calling)
    }
}

fn calls_for_lock(manifest: &Manifest<'_, '_>) -> bool {
    let content = &manifest.content;
    let has_lock_format = match manifest.ecosystem {
        // Maven, Gradle, NuGet and SwiftPM know lock files, but projects there do not usually commit one.
        Ecosystem::Maven | Ecosystem::Nuget | Ecosystem::Swift => false,
        Ecosystem::Cargo
        | Ecosystem::Go
        | Ecosystem::Hex
        | Ecosystem::Npm
        | Ecosystem::Packagist
        | Ecosystem::Pub
        | Ecosystem::Pypi
        | Ecosystem::Rubygems => true,
    };
    // A Gemfile beside a gemspec, and settings for development tools, follow the library.
    let is_library = content.is_library && !content.is_program;
    has_lock_format && !is_library && !content.dependencies.is_empty()
}
