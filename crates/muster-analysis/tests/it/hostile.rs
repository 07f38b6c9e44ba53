//! Hostile input: nothing panics, nothing takes long, nothing stops the rest.

use std::fmt::Write as _;

use muster_analysis::analyze;
use muster_model::{
    BStr, ReadError, SourceTree,
    analysis::Analysis,
    source_tree::{EntryKind, MemoryTree, TreeEntry},
};

use crate::support::{context, git, names};

const MANIFESTS: [&str; 22] = [
    "package.json",
    "Cargo.toml",
    "pyproject.toml",
    "requirements.txt",
    "Pipfile",
    "setup.cfg",
    "setup.py",
    "go.mod",
    "pom.xml",
    "build.gradle",
    "gradle/libs.versions.toml",
    "a.csproj",
    "composer.json",
    "Gemfile",
    "a.gemspec",
    "pubspec.yaml",
    "mix.exs",
    "Package.swift",
    "README.md",
    "LICENSE",
    ".env",
    ".github/workflows/a.yml",
];

fn check(content: &[u8]) -> Analysis {
    let git = git(1);
    let mut files: Vec<(&str, Vec<u8>)> = MANIFESTS.iter().map(|path| (*path, content.to_vec())).collect();
    files.push(("sub/go.mod", b"require github.com/gin-gonic/gin v1\n".to_vec()));
    let analysis = analyze(&MemoryTree::new(files), &context(&git));
    assert_eq!(names(&analysis, "framework"), ["Gin"], "the good file is still read");
    analysis
}

#[test]
fn deep_nesting_is_survived() {
    for opening in ["{\"a\":", "[", "<a>", "(", "a = [", "{\"dependencies\":{", "[[a.", "{{"] {
        check(opening.repeat((900 << 10) / opening.len()).as_bytes());
    }
    check(format!("a = {}{}", "[".repeat(200_000), "]".repeat(200_000)).as_bytes());
}

#[test]
fn one_line_of_a_mebibyte_is_survived() {
    for word in ["a", "\"", "'", "é", "<", "\\", "a.", "=", "\u{0}", "<!--", "neither the name of "] {
        check(word.repeat((1 << 20) / word.len()).as_bytes());
    }
}

#[test]
fn bytes_that_are_no_text_are_survived() {
    let noise: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    check(&noise);
    check(&[0xff; 4096]);
    check(b"\xef\xbb\xbf");
    check(b"");
}

#[test]
fn too_large_files_are_left_out_by_name() {
    let analysis = check(&vec![b'\n'; (1 << 20) + 1]);
    assert!(analysis.facts.unread.iter().any(|path| path == "package.json"));
}

#[test]
fn thousands_of_manifests_cost_no_more_than_forty() {
    let files =
        (0..5_000).map(|n| (format!("p{n:04}/package.json"), "{\"dependencies\": {\"react\": \"1\"}}"));
    let git = git(1);
    let analysis = analyze(&MemoryTree::new(files), &context(&git));
    assert_eq!(analysis.facts.manifests.len(), 40);
    assert_eq!(
        analysis.stack.iter().find(|item| item.name == "React").map(|item| item.evidence.len()),
        Some(5)
    );
    assert_eq!(analysis.facts.file_count, 5_000);
}

#[test]
fn thousands_of_dependencies_and_images_are_bounded() {
    let mut requirements = String::new();
    let mut compose = String::new();
    for n in 0..20_000 {
        let _ = writeln!(requirements, "package-{n}");
    }
    for _ in 0..10_000 {
        let _ = writeln!(compose, "  image: redis");
    }
    let git = git(1);
    let tree = MemoryTree::new([("requirements.txt", requirements), ("compose.yaml", compose)]);
    let analysis = analyze(&tree, &context(&git));
    assert_eq!(names(&analysis, "database"), ["Redis"]);
}

#[test]
fn paths_that_are_no_text_are_kept() {
    let git = git(1);
    let tree = MemoryTree::new([
        (&b"src/\xff\xfe.rs"[..], "#[cfg(test)]\n"),
        (b"//", ""),
        (b"a/", ""),
        (b"", ""),
        (b".", ""),
    ]);
    let analysis = analyze(&tree, &context(&git));
    assert_eq!(names(&analysis, "language"), ["Rust"]);
}

/// Nothing can be read, and links must never be tried.
struct Unreadable(Vec<TreeEntry>);

impl SourceTree for Unreadable {
    fn entries(&self) -> &[TreeEntry] {
        &self.0
    }

    fn read(&self, path: &BStr, _: usize) -> Result<Vec<u8>, ReadError> {
        assert!(path != "LICENSE", "a link was read");
        Err(ReadError::Io("refused".into()))
    }
}

#[test]
fn what_cannot_be_read_still_counts_by_name() {
    let entry = |path: &str, kind| TreeEntry { path: path.into(), kind };
    let tree = Unreadable(vec![
        entry("Cargo.toml", EntryKind::File),
        entry("LICENSE", EntryKind::Symlink),
        entry("README.md", EntryKind::Executable),
        entry("lib", EntryKind::Submodule),
    ]);
    let git = git(1);
    let facts = analyze(&tree, &context(&git)).facts;
    assert_eq!((facts.readme.len(), facts.licence.len(), facts.file_count), (1, 1, 3));
    assert_eq!(facts.unread, ["Cargo.toml", "README.md"]);
}

#[test]
fn the_same_tree_gives_the_same_answer() {
    let files =
        || MANIFESTS.iter().map(|path| (*path, "{\"dependencies\": {\"react\": \"1\"}}\nserde\nflask\n"));
    let git = git(1);
    let first = analyze(&MemoryTree::new(files()), &context(&git));
    assert_eq!(first, analyze(&MemoryTree::new(files()), &context(&git)));
}
