//! Reads the few files from which everything else is concluded - manifests, README, licences, CI, containers - once,
//! and finds the rest by name. Draws no conclusion about the project; those who do share this and read nothing twice.

use muster_model::analysis::Evidence;

use crate::{
    layout::{File, Layout, Place},
    licence,
    manifest::{self, Manifest},
    reading::Reader,
    secrets,
    test_code::TestCode,
};

/// Most bytes of a README, a licence or a CI file.
const TEXT_LIMIT: usize = 256 << 10;
const MOST_LICENCES: usize = 6;
const MOST_CI_FILES: usize = 16;
const MOST_CONTAINER_FILES: usize = 12;

/// A file that was read.
pub(crate) struct Text<'l, 't> {
    pub(crate) file: &'l File<'t>,
    pub(crate) text: String,
}

/// An image or action named in a file.
pub(crate) struct Named<'l, 't> {
    pub(crate) name: String,
    pub(crate) file: &'l File<'t>,
    pub(crate) line: u32,
}

/// A licence file and, if it is certain, which licence it is.
pub(crate) struct LicenceFile<'l, 't> {
    pub(crate) file: &'l File<'t>,
    pub(crate) id: Option<&'static str>,
}

/// What was read.
pub(crate) struct Survey<'l, 't> {
    pub(crate) manifests: Vec<Manifest<'l, 't>>,
    pub(crate) readmes: Vec<&'l File<'t>>,
    /// The text of the first README that can be read.
    pub(crate) readme: Option<Text<'l, 't>>,
    pub(crate) licences: Vec<LicenceFile<'l, 't>>,
    pub(crate) ci_files: Vec<&'l File<'t>>,
    pub(crate) ci: Vec<Text<'l, 't>>,
    pub(crate) containers: Vec<Text<'l, 't>>,
    pub(crate) images: Vec<Named<'l, 't>>,
    pub(crate) actions: Vec<Named<'l, 't>>,
    pub(crate) lock_files: Vec<&'l File<'t>>,
    pub(crate) secrets: Vec<Evidence>,
    pub(crate) tests: TestCode,
}

impl<'l, 't> Survey<'l, 't> {
    /// Reads.
    pub(crate) fn of(layout: &'l Layout<'t>, reader: &Reader<'_>) -> Self {
        let manifests = manifest::read(layout, reader);
        let mut readmes: Vec<&File<'t>> = layout.root().filter(|file| is_readme(file)).collect();
        // `README.md` before `README-pypi.md` and translations.
        readmes.sort_by_key(|file| (file.stem() != "readme", file.name().len()));
        if readmes.is_empty() {
            // Forges show these as well.
            readmes = layout
                .own()
                .filter(|file| is_readme(file) && matches!(file.folder(), ".github" | "docs"))
                .collect();
        }
        let readme =
            readmes.iter().find_map(|file| Some(Text { file, text: reader.text(file, TEXT_LIMIT)? }));
        let licences = layout
            .root()
            .filter(|file| is_licence(file))
            .take(MOST_LICENCES)
            .map(|file| {
                let id = reader.text(file, TEXT_LIMIT).and_then(|text| licence::identify(&text));
                LicenceFile { file, id }
            })
            .collect();
        let ci_files: Vec<&File<'t>> = layout.files.iter().filter(|file| is_ci(&file.lower)).collect();
        let read = |files: &[&'l File<'t>], most: usize| -> Vec<Text<'l, 't>> {
            files
                .iter()
                .take(most)
                .filter_map(|file| Some(Text { file, text: reader.text(file, TEXT_LIMIT)? }))
                .collect()
        };
        let ci = read(&ci_files, MOST_CI_FILES);
        let mut container_files: Vec<&File<'t>> = layout.own().filter(|file| is_container(file)).collect();
        container_files.sort_by_key(|file| (file.place, file.depth));
        let containers = read(&container_files, MOST_CONTAINER_FILES);
        let mut survey = Self {
            manifests,
            readmes,
            readme,
            licences,
            ci_files,
            ci,
            containers,
            images: Vec::new(),
            actions: Vec::new(),
            lock_files: layout.own().filter(|file| is_lock(file)).collect(),
            secrets: secrets::find(layout, reader),
            tests: TestCode::count(layout, reader),
        };
        for text in survey.containers.iter().chain(&survey.ci) {
            collect_named(text, &mut survey.images, &mut survey.actions);
        }
        survey.lock_files.sort_by_key(|file| (file.place, file.depth));
        survey
    }

    /// Manifests in the project's own source.
    pub(crate) fn own_manifests(&self) -> impl Iterator<Item = &Manifest<'l, 't>> {
        self.manifests.iter().filter(|manifest| manifest.is_source())
    }

    /// The licence fields of the manifests nearest to the root, with their place.
    pub(crate) fn licence_field(&self) -> Option<(&str, Evidence)> {
        self.own_manifests().find_map(|manifest| {
            let (text, line) = manifest.content.licence.as_ref()?;
            Some((text.as_str(), manifest.file.evidence_at(*line, "licence field of the manifest")))
        })
    }
}

fn is_readme(file: &File<'_>) -> bool {
    file.name().starts_with("readme")
        && (matches!(
            file.extension(),
            "" | "md" | "rst" | "txt" | "adoc" | "markdown" | "org" | "rdoc" | "asciidoc"
        ))
}

fn is_licence(file: &File<'_>) -> bool {
    let name = file.name();
    ["license", "licence", "copying", "unlicense", "mit-license", "copyright"]
        .iter()
        .any(|word| name.starts_with(word))
        && matches!(
            file.extension(),
            "" | "md" | "txt" | "rst" | "mit" | "apache" | "lesser" | "apache2" | "markdown"
        )
        || (name.starts_with("license-") || name.starts_with("licence-"))
}

fn is_ci(path: &str) -> bool {
    const FILES: [&str; 15] = [
        ".gitlab-ci.yml",
        ".circleci/config.yml",
        "azure-pipelines.yml",
        "azure-pipelines.yaml",
        "jenkinsfile",
        ".travis.yml",
        ".drone.yml",
        ".woodpecker.yml",
        "bitbucket-pipelines.yml",
        "appveyor.yml",
        ".appveyor.yml",
        ".buildkite/pipeline.yml",
        ".cirrus.yml",
        ".semaphore/semaphore.yml",
        "buildspec.yml",
    ];
    const FOLDERS: [&str; 5] =
        [".github/workflows/", ".forgejo/workflows/", ".gitea/workflows/", ".woodpecker/", ".builds/"];
    FILES.contains(&path)
        || FOLDERS.iter().any(|folder| path.starts_with(folder))
            && (path.ends_with(".yml") || path.ends_with(".yaml"))
}

fn is_container(file: &File<'_>) -> bool {
    let name = file.name();
    name == "dockerfile"
        || name == "containerfile"
        || name.starts_with("dockerfile.")
        || file.extension() == "dockerfile"
        || is_compose(name)
}

/// A compose file, by its name in lower case.
pub(crate) fn is_compose(name: &str) -> bool {
    (name.starts_with("docker-compose") || name.starts_with("compose."))
        && (name.ends_with(".yml") || name.ends_with(".yaml"))
}

fn is_lock(file: &File<'_>) -> bool {
    matches!(
        file.name(),
        "cargo.lock"
            | "package-lock.json"
            | "npm-shrinkwrap.json"
            | "yarn.lock"
            | "pnpm-lock.yaml"
            | "bun.lock"
            | "bun.lockb"
            | "deno.lock"
            | "poetry.lock"
            | "uv.lock"
            | "pdm.lock"
            | "pipfile.lock"
            | "pylock.toml"
            | "pixi.lock"
            | "conda-lock.yml"
            | "go.sum"
            | "gemfile.lock"
            | "gems.locked"
            | "composer.lock"
            | "packages.lock.json"
            | "pubspec.lock"
            | "mix.lock"
            | "package.resolved"
            | "gradle.lockfile"
    ) && !matches!(file.place, Place::Fixture)
}

fn collect_named<'l, 't>(
    text: &Text<'l, 't>,
    images: &mut Vec<Named<'l, 't>>,
    actions: &mut Vec<Named<'l, 't>>,
) {
    const MOST: usize = 200;
    for (line, code) in (1_u32..).zip(text.text.lines()) {
        let code = code.trim().trim_start_matches("- ").trim_start();
        let value = |prefix: &str| {
            let rest = code.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix))?;
            let rest = code[rest.len()..].trim().trim_matches(['"', '\'']);
            rest.split_whitespace().find(|word| !word.starts_with("--"))
        };
        if let Some(image) = value("from ").or_else(|| value("image:")) {
            if images.len() < MOST && !image.contains('$') {
                images.push(Named { name: image_name(image), file: text.file, line });
            }
        } else if let Some(action) = value("uses:")
            && actions.len() < MOST
        {
            let name = action.split('@').next().unwrap_or_default().to_lowercase();
            actions.push(Named { name, file: text.file, line });
        }
    }
}

/// The image without tag, digest and the default registry.
fn image_name(image: &str) -> String {
    let image = image.split('@').next().unwrap_or_default();
    let image = match image.rsplit_once(':') {
        // A colon before a slash belongs to a port.
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    };
    let image = image.strip_prefix("docker.io/").unwrap_or(image);
    image.strip_prefix("library/").unwrap_or(image).to_lowercase()
}
