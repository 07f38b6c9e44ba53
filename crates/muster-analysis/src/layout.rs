//! Sorts the paths of a tree: what is the project's own source, and what is test, example, documentation, generated or
//! somebody else's. One pass over names; no file is opened. Everything that counts files or picks some to read starts here.

use muster_model::{BStr, ByteSlice, SourceTree, TreeEntry, analysis::Evidence, source_tree::EntryKind};

/// Most evidence of one kind that is kept.
pub(crate) const MOST_EVIDENCE: usize = 20;

/// What a file is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The project's own.
    Source,
    /// Written about the project.
    Docs,
    /// Shows how it is used, or measures it.
    Example,
    /// Checks it.
    Test,
    /// Input of tests.
    Fixture,
    /// Made by a program.
    Generated,
    /// Somebody else's, copied in.
    Vendored,
}

impl Place {
    /// Nothing that is said about the project may rest on it.
    pub(crate) fn is_foreign(self) -> bool {
        matches!(self, Self::Generated | Self::Vendored)
    }
}

/// One file and where it stands.
#[derive(Debug)]
pub(crate) struct File<'t> {
    /// As the tree names it.
    pub(crate) path: &'t BStr,
    /// In lower case, lossy.
    pub(crate) lower: String,
    /// What it is there for.
    pub(crate) place: Place,
    /// Folders above it.
    pub(crate) depth: usize,
    /// A regular file: symbolic links count by name and are never read.
    pub(crate) is_regular: bool,
}

impl File<'_> {
    /// Name in lower case, without folders.
    pub(crate) fn name(&self) -> &str {
        self.lower.rsplit_once('/').map_or(self.lower.as_str(), |(_, name)| name)
    }

    /// Folder in lower case, without the last slash; empty at the root.
    pub(crate) fn folder(&self) -> &str {
        self.lower.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Name up to the first dot after its first character.
    pub(crate) fn stem(&self) -> &str {
        let name = self.name();
        let from = usize::from(name.starts_with('.'));
        name[from..].find('.').map_or(name, |dot| &name[..from + dot])
    }

    /// What follows the last dot; empty for dot files and names without a dot.
    pub(crate) fn extension(&self) -> &str {
        match self.name().rfind('.') {
            Some(dot) if dot > 0 => &self.name()[dot + 1..],
            _ => "",
        }
    }

    /// The path as evidence shows it.
    pub(crate) fn shown(&self) -> String {
        self.path.to_str_lossy().into_owned()
    }

    /// The file as evidence, without a line.
    pub(crate) fn evidence(&self, note: impl Into<String>) -> Evidence {
        Evidence { path: self.shown(), line: None, note: note.into() }
    }

    /// A line of the file as evidence.
    pub(crate) fn evidence_at(&self, line: u32, note: impl Into<String>) -> Evidence {
        Evidence { path: self.shown(), line: Some(line), note: note.into() }
    }
}

/// All files of a tree, sorted by path.
#[derive(Debug)]
pub(crate) struct Layout<'t> {
    /// Every file but submodules.
    pub(crate) files: Vec<File<'t>>,
}

impl<'t> Layout<'t> {
    /// Sorts the entries of a tree.
    pub(crate) fn of(tree: &'t dyn SourceTree) -> Self {
        let files =
            tree.entries().iter().filter(|entry| entry.kind != EntryKind::Submodule).map(file).collect();
        Self { files }
    }

    /// The files that may speak for the project: neither generated nor vendored.
    pub(crate) fn own(&self) -> impl Iterator<Item = &File<'t>> {
        self.files.iter().filter(|file| !file.place.is_foreign())
    }

    /// The project's own source: no tests, examples, fixtures or documentation.
    pub(crate) fn source(&self) -> impl Iterator<Item = &File<'t>> {
        self.files.iter().filter(|file| file.place == Place::Source)
    }

    /// The files of the root folder.
    pub(crate) fn root(&self) -> impl Iterator<Item = &File<'t>> {
        self.files.iter().filter(|file| file.depth == 0)
    }
}

fn file(entry: &TreeEntry) -> File<'_> {
    let lower = entry.path.to_str_lossy().to_lowercase();
    let place = place(&lower, &entry.path.to_str_lossy());
    let depth = lower.matches('/').count();
    File { path: entry.path.as_bstr(), place, depth, is_regular: entry.kind != EntryKind::Symlink, lower }
}

const VENDORED: [&str; 16] = [
    "node_modules",
    "vendor",
    "vendored",
    "third_party",
    "third-party",
    "thirdparty",
    "3rdparty",
    "dist",
    "target",
    "bower_components",
    "pods",
    ".venv",
    "venv",
    "site-packages",
    "__pycache__",
    "jspm_packages",
];
const GENERATED: [&str; 8] =
    ["generated", "__generated__", ".next", ".nuxt", ".svelte-kit", "_build", "coverage", ".dart_tool"];
const FIXTURES: [&str; 9] = [
    "fixtures",
    "fixture",
    "__fixtures__",
    "testdata",
    "test-data",
    "test_data",
    "__snapshots__",
    "test-fixtures",
    "cassettes",
];
const TESTS: [&str; 15] = [
    "test",
    "tests",
    "__tests__",
    "__test__",
    "__mocks__",
    "e2e",
    "cypress",
    "unittest",
    "unittests",
    "testing",
    "integration-tests",
    "integration_test",
    "androidtest",
    "playwright",
    "testsuite",
];
const EXAMPLES: [&str; 15] = [
    "example",
    "examples",
    "sample",
    "samples",
    "demo",
    "demos",
    "bench",
    "benches",
    "benchmark",
    "benchmarks",
    "playground",
    "playgrounds",
    "tutorial",
    "tutorials",
    // Containers to develop in, not to run.
    ".devcontainer",
];
const DOCS: [&str; 5] = ["doc", "docs", "documentation", "site-docs", "website"];

fn place(lower: &str, path: &str) -> Place {
    let (folders, name) = lower.rsplit_once('/').unwrap_or(("", lower));
    let mut place = Place::Source;
    for (depth, folder) in folders.split('/').filter(|folder| !folder.is_empty()).enumerate() {
        let found = if VENDORED.contains(&folder) || (folder == "deps" && depth == 0) {
            Place::Vendored
        } else if GENERATED.contains(&folder) {
            Place::Generated
        } else if FIXTURES.contains(&folder) {
            Place::Fixture
        } else if is_test_folder(folder, name) {
            Place::Test
        } else if EXAMPLES.contains(&folder) {
            Place::Example
        } else if DOCS.contains(&folder) {
            Place::Docs
        } else {
            Place::Source
        };
        place = place.max(found);
    }
    if is_generated_name(name) {
        return place.max(Place::Generated);
    }
    let name_as_written = path.rsplit_once('/').map_or(path, |(_, name)| name);
    if is_test_name(name, name_as_written) {
        return place.max(Place::Test);
    }
    place
}

fn is_test_folder(folder: &str, name: &str) -> bool {
    // `spec` holds tests in Ruby and JavaScript, and specifications elsewhere.
    let is_code = |name: &str| {
        [".rb", ".js", ".jsx", ".ts", ".tsx", ".php", ".lua", ".cr", ".coffee", ".opts", ".py"]
            .iter()
            .any(|ending| name.ends_with(ending))
    };
    TESTS.contains(&folder)
        || (matches!(folder, "spec" | "specs") && is_code(name))
        || [".tests", ".test", "-tests", "_tests", ".unittests", ".integrationtests", "-test"]
            .iter()
            .any(|ending| folder.ends_with(ending) && folder.len() > ending.len())
}

fn is_generated_name(name: &str) -> bool {
    [
        ".min.js",
        ".min.css",
        ".map",
        "_pb2.py",
        "_pb2_grpc.py",
        ".pb.go",
        ".pb.cc",
        ".pb.h",
        ".g.dart",
        ".freezed.dart",
        ".designer.cs",
        ".g.cs",
        "_generated.go",
        ".bundle.js",
    ]
    .iter()
    .any(|ending| name.ends_with(ending))
        || name.contains(".generated.")
}

fn is_test_name(name: &str, as_written: &str) -> bool {
    let Some((stem, extension)) = name.rsplit_once('.') else {
        return false;
    };
    if stem.ends_with(".test") || stem.ends_with(".spec") || stem.ends_with(".cy") || stem.ends_with(".e2e") {
        return true;
    }
    match extension {
        "go" | "rb" | "exs" | "dart" | "c" | "cc" | "cpp" | "cxx" | "zig" | "jl" | "hs" | "ml" => {
            stem.ends_with("_test") || (extension == "rb" && stem.ends_with("_spec"))
        }
        "py" => stem.starts_with("test_") || stem.ends_with("_test") || matches!(stem, "tests" | "conftest"),
        "rs" => stem.ends_with("_test") || stem.ends_with("_tests") || matches!(stem, "tests" | "test"),
        "java" | "kt" | "kts" | "scala" | "groovy" | "cs" | "fs" | "swift" | "php" => {
            // Case tells `FooTest` from `Latest`.
            let written = as_written.rsplit_once('.').map_or(as_written, |(stem, _)| stem);
            ["Test", "Tests", "Spec", "IT", "TestCase"].iter().any(|ending| {
                written.strip_suffix(ending).is_some_and(|rest| {
                    rest.ends_with(|c: char| c.is_lowercase() || c.is_ascii_digit() || c == '_')
                })
            })
        }
        "bats" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, place};

    #[test]
    fn paths_tell_what_a_file_is_for() {
        for (path, expected) in [
            ("src/main.rs", Place::Source),
            ("src/tests.rs", Place::Test),
            ("pkg/server_test.go", Place::Test),
            ("app/Http/LatestController.php", Place::Source),
            ("src/FooTest.java", Place::Test),
            ("src/Latest.java", Place::Source),
            ("src/Contest.java", Place::Source),
            ("MyApp.Tests/Usings.cs", Place::Test),
            ("spec/openapi.yaml", Place::Source),
            ("spec/models/user_spec.rb", Place::Test),
            ("web/button.spec.ts", Place::Test),
            ("tests/fixtures/package.json", Place::Fixture),
            ("node_modules/a/test/b.js", Place::Vendored),
            ("deps/lua/src/lua.c", Place::Vendored),
            ("lib/deps/graph.c", Place::Source),
            ("examples/app/node_modules/x.js", Place::Vendored),
            ("docs/conf.py", Place::Docs),
            ("docs/examples/a.py", Place::Example),
            ("static/app.min.js", Place::Generated),
            ("proto/a.pb.go", Place::Generated),
        ] {
            assert_eq!(place(&path.to_lowercase(), path), expected, "{path}");
        }
    }
}
