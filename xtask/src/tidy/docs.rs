//! Every crate and every file says what it is: a description in the manifest, a `//!` paragraph at the head, a line
//! in the map. Warns about files that have grown long without saying why.

use std::path::{Path, PathBuf};

use super::{Problem, Severity, tree::Tree};

/// Lines of a file, tests not counted, from which on it should give a reason.
const LONG: usize = 450;

/// How a head gives the reason.
const REASON: &str = "Long because";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for krate in &tree.crates {
        let package = krate.manifest.get("package");
        let description =
            package.and_then(|package| package.get("description")).and_then(toml::Value::as_str);
        if description.is_none_or(str::is_empty) {
            let what = format!("crate {} has no description", krate.name);
            let remedy = "add `description = \"…\"` to [package]: one sentence, what it knows".into();
            problems.push(error(
                &krate.manifest_path,
                what,
                "the reader of a manifest should not have to open the code",
                remedy,
            ));
        }
        if !tree.map.as_deref().is_some_and(|map| mentions(map, &krate.name)) {
            let what = format!("ARCHITECTURE.md does not mention {}", krate.name);
            let remedy = format!("add a line about {} to the map", krate.name);
            problems.push(error(Path::new("ARCHITECTURE.md"), what, "the map shows every place", remedy));
        }
    }
    for source in &tree.sources {
        if source.head().next().is_none() {
            let what = "the file does not begin with a `//!` paragraph".into();
            let remedy = "begin it with `//!`: what it knows, what it does not, why it is so".into();
            problems.push(error(
                &source.path,
                what,
                "a stranger reads the first paragraph and decides whether to go on",
                remedy,
            ));
        }
        let lines = source.text.lines().count().saturating_sub(source.test_lines);
        if lines > LONG && !source.head().any(|line| line.contains(REASON)) {
            problems.push(Problem {
                file: source.path.clone(),
                line: 1,
                severity: Severity::Warning,
                what: format!("{lines} lines, tests not counted"),
                why: "files of 80-160 lines are read whole, few should be over 450",
                remedy: format!("split it by thing known, or say `{REASON} …` in its head"),
            });
        }
    }
    problems
}

fn error(file: &Path, what: String, why: &'static str, remedy: String) -> Problem {
    Problem { file: PathBuf::from(file), line: 1, severity: Severity::Error, what, why, remedy }
}

/// The name as a word of its own: `muster-app` does not mention `muster`.
fn mentions(map: &str, name: &str) -> bool {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '_';
    map.match_indices(name)
        .any(|(start, _)| !map[..start].ends_with(is_word) && !map[start + name.len()..].starts_with(is_word))
}

#[cfg(test)]
mod tests {
    use super::super::tree::tree_of;
    use super::*;

    const GOOD: &[(&str, &str)] = &[
        ("ARCHITECTURE.md", "`muster-model`: plain types\n"),
        ("crates/muster-model/Cargo.toml", "[package]\nname = \"muster-model\"\ndescription = \"Types.\"\n"),
        ("crates/muster-model/src/lib.rs", "//! Types.\n"),
    ];

    #[track_caller]
    fn whats(replaced: &str, text: &str) -> Vec<String> {
        let files: Vec<_> =
            GOOD.iter().map(|(path, good)| (*path, if *path == replaced { text } else { *good })).collect();
        check(&tree_of(&files)).into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn a_documented_crate_passes() {
        assert_eq!(whats("", ""), [""; 0]);
    }

    #[test]
    fn each_lack_is_named() {
        let manifest = "[package]\nname = \"muster-model\"\n";
        assert_eq!(
            whats("crates/muster-model/Cargo.toml", manifest),
            ["crate muster-model has no description"]
        );
        assert_eq!(
            whats("ARCHITECTURE.md", "muster-models\n"),
            ["ARCHITECTURE.md does not mention muster-model"]
        );
        let expected = ["the file does not begin with a `//!` paragraph"];
        assert_eq!(whats("crates/muster-model/src/lib.rs", "// Types.\n"), expected);
    }

    #[test]
    fn long_files_give_a_reason() {
        let body = "fn a() {}\n".repeat(LONG);
        assert_eq!(
            whats("crates/muster-model/src/lib.rs", &format!("//! A.\n{body}")),
            ["451 lines, tests not counted"]
        );
        let reasoned = format!("//! A.\n//! Long because it is a table.\n{body}");
        assert_eq!(whats("crates/muster-model/src/lib.rs", &reasoned), [""; 0]);
        let tests = format!("//! A.\n#[cfg(test)]\nmod tests {{\n{body}}}\n");
        assert_eq!(whats("crates/muster-model/src/lib.rs", &tests), [""; 0]);
    }
}
