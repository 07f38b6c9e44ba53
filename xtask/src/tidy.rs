//! `tidy`: the rules of the house that no compiler knows, each kept by one module below. Each rule sees the whole
//! [`Tree`] and adds [`Problem`]s; this file collects and prints them.
//!
//! Tests are exempt where the house exempts them: code under `#[cfg(test)]`, the folders `tests`, `examples` and `benches`, and
//! the tooling crates (testkit, xtask, benches).

mod bans;
mod docs;
mod floors;
mod loops;
mod source;
mod tree;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{complain, say};
pub(crate) use tree::Tree;

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    /// From the workspace's root.
    file: PathBuf,
    /// From 1.
    line: usize,
    /// Stops `make check`, or is only worth knowing.
    severity: Severity,
    /// What is there and should not be.
    what: String,
    /// The reason of the rule.
    why: &'static str,
    /// What to do about it.
    remedy: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Error,
    Warning,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let Self { file, line, what, why, remedy, .. } = self;
        write!(f, "{severity}: {}:{line}: {what}\n  why: {why}\n  do:  {remedy}", file.display())
    }
}

/// A rule: reads the tree, gives what breaks it.
type Rule = fn(&Tree) -> Vec<Problem>;

const RULES: &[Rule] = &[bans::check, docs::check, floors::check, loops::check];

/// Checks the workspace at `root` and prints what is wrong; true if no rule is broken.
pub(crate) fn run(root: &Path) -> Result<bool> {
    let tree = Tree::read(root)?;
    let mut problems: Vec<Problem> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    problems.sort();
    for problem in &problems {
        complain(&problem.to_string());
    }
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let warnings = problems.len() - errors;
    say(&format!("tidy: {} files, {errors} errors, {warnings} warnings", tree.sources.len()));
    Ok(errors == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_place_reason_and_remedy() {
        let problem = Problem {
            file: "crates/a/src/b.rs".into(),
            line: 7,
            severity: Severity::Error,
            what: "SQL outside muster-store".into(),
            why: "one crate knows the tables",
            remedy: "move it".into(),
        };
        let expected = "error: crates/a/src/b.rs:7: SQL outside muster-store\n  \
                        why: one crate knows the tables\n  do:  move it";
        assert_eq!(problem.to_string(), expected);
    }

    #[test]
    fn a_file_that_does_not_parse_is_an_error_not_a_pass() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("crates/muster-model/src")).unwrap();
        std::fs::write(root.path().join("crates/muster-model/Cargo.toml"), "[package]\n").unwrap();
        std::fs::write(root.path().join("crates/muster-model/src/lib.rs"), "//! X\nfn a( {").unwrap();
        assert!(run(root.path()).is_err());
    }
}
