//! Reads the dependency manifests of the common ecosystems: names with their lines, and what a manifest says of its
//! project. Nothing is resolved, executed or believed: a broken manifest gives what could be read of it, never an error.

mod cargo;
mod dart;
mod dotnet;
mod elixir;
mod go;
mod jvm;
mod npm;
mod php;
mod python;
mod ruby;
mod scan;
mod swift;
mod toml_lines;

use crate::{
    layout::{File, Layout, Place},
    reading::{FILE_LIMIT, Reader},
};

/// Most manifests that are read; the root's come first.
const MOST_MANIFESTS: usize = 40;
/// Deepest folder in which a manifest is looked for.
const DEEPEST: usize = 5;
/// Most dependencies taken from one manifest.
pub(crate) const MOST_DEPENDENCIES: usize = 2_000;

/// A world of packages with names of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Ecosystem {
    Cargo,
    Go,
    Hex,
    Maven,
    Npm,
    Nuget,
    Packagist,
    Pub,
    Pypi,
    Rubygems,
    Swift,
}

impl Ecosystem {
    /// The name as rules and evidence spell it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Go => "go",
            Self::Hex => "hex",
            Self::Maven => "maven",
            Self::Npm => "npm",
            Self::Nuget => "nuget",
            Self::Packagist => "packagist",
            Self::Pub => "pub",
            Self::Pypi => "pypi",
            Self::Rubygems => "rubygems",
            Self::Swift => "swift",
        }
    }
}

/// A package that a manifest names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// As its ecosystem writes it, in its normal form.
    pub(crate) name: String,
    /// Counted from 1.
    pub(crate) line: u32,
}

/// What one manifest says.
#[expect(clippy::struct_excessive_bools, reason = "independent answers of one file, not states of a machine")]
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    /// The packages it names, in the order of the file.
    pub(crate) dependencies: Vec<Dependency>,
    /// The project's name in its ecosystem.
    pub(crate) name: Option<String>,
    /// The licence field and its line.
    pub(crate) licence: Option<(String, u32)>,
    /// Name, version, description and licence are all there.
    pub(crate) is_complete: bool,
    /// It joins several packages and may be none itself.
    pub(crate) is_workspace: bool,
    /// It says that it is made to be imported by others.
    pub(crate) is_library: bool,
    /// It says that it installs a command.
    pub(crate) is_program: bool,
    /// It says that it will never be published, or is started as a whole.
    pub(crate) is_application: bool,
    /// A desktop program by its build settings.
    pub(crate) is_desktop: bool,
    /// A program for telephones by its build settings.
    pub(crate) is_mobile: bool,
    /// Versions are pinned to the last digit, so it does a lock file's work.
    pub(crate) is_pinned: bool,
}

impl Content {
    pub(crate) fn depend(&mut self, name: impl Into<String>, line: u32) {
        let name = name.into();
        if !name.is_empty() && name.len() <= 256 && self.dependencies.len() < MOST_DEPENDENCIES {
            self.dependencies.push(Dependency { name, line });
        }
    }
}

/// One manifest of the tree.
#[derive(Debug)]
pub(crate) struct Manifest<'l, 't> {
    /// Where.
    pub(crate) file: &'l File<'t>,
    /// Whose names it uses.
    pub(crate) ecosystem: Ecosystem,
    /// What it says.
    pub(crate) content: Content,
}

impl Manifest<'_, '_> {
    /// It stands in the project's own source.
    pub(crate) fn is_source(&self) -> bool {
        self.file.place == Place::Source
    }

    /// It is the manifest of a package, not a mere list of requirements.
    pub(crate) fn is_package(&self) -> bool {
        let name = self.file.name();
        !(name.ends_with(".txt") || matches!(name, "pipfile" | "gemfile" | "libs.versions.toml"))
    }
}

type Parse = fn(&str) -> Content;

/// Who reads a file of this name.
fn parser(file: &File<'_>) -> Option<(Ecosystem, Parse)> {
    let name = file.name();
    let parser: (Ecosystem, Parse) = match name {
        "build.gradle" | "build.gradle.kts" => (Ecosystem::Maven, jvm::gradle),
        "cargo.toml" => (Ecosystem::Cargo, cargo::parse),
        "composer.json" => (Ecosystem::Packagist, php::parse),
        "directory.packages.props" => (Ecosystem::Nuget, dotnet::parse),
        "gemfile" => (Ecosystem::Rubygems, ruby::parse),
        "go.mod" => (Ecosystem::Go, go::parse),
        "libs.versions.toml" => (Ecosystem::Maven, jvm::catalog),
        "mix.exs" => (Ecosystem::Hex, elixir::parse),
        "package.json" => (Ecosystem::Npm, npm::parse),
        "package.swift" => (Ecosystem::Swift, swift::parse),
        "pipfile" => (Ecosystem::Pypi, python::pipfile),
        "pom.xml" => (Ecosystem::Maven, jvm::pom),
        "pubspec.yaml" => (Ecosystem::Pub, dart::parse),
        "pyproject.toml" => (Ecosystem::Pypi, python::pyproject),
        "setup.cfg" => (Ecosystem::Pypi, python::setup_cfg),
        "setup.py" => (Ecosystem::Pypi, python::setup_py),
        _ => match file.extension() {
            "csproj" | "fsproj" | "vbproj" => (Ecosystem::Nuget, dotnet::parse),
            "gemspec" => (Ecosystem::Rubygems, ruby::parse),
            "txt" if name.starts_with("requirements") || name.ends_with("requirements.txt") => {
                (Ecosystem::Pypi, python::requirements)
            }
            "txt" if file.folder().rsplit('/').next() == Some("requirements") => {
                (Ecosystem::Pypi, python::requirements)
            }
            _ => return None,
        },
    };
    Some(parser)
}

/// Reads the manifests: the root's, then nested ones, then those of tests, examples and documentation.
pub(crate) fn read<'l, 't>(layout: &'l Layout<'t>, reader: &Reader<'_>) -> Vec<Manifest<'l, 't>> {
    let mut found: Vec<(&File<'t>, Ecosystem, Parse)> = layout
        .own()
        .filter(|file| file.depth <= DEEPEST)
        .filter_map(|file| parser(file).map(|(ecosystem, parse)| (file, ecosystem, parse)))
        .collect();
    // Stable: equal ranks keep the order of paths.
    found.sort_by_key(|(file, ..)| (file.place, file.depth));
    found.truncate(MOST_MANIFESTS);
    found
        .into_iter()
        .filter_map(|(file, ecosystem, parse)| {
            let text = reader.text(file, FILE_LIMIT)?;
            Some(Manifest { file, ecosystem, content: parse(&text) })
        })
        .collect()
}
