//! The floors: which crate may import which, and in which crate a heavy dependency ends. Reads manifests only; what
//! the code does with what it imports is the matter of other rules.

use super::{
    Problem, Severity,
    tree::{Crate, Tree},
};

/// Who may import whom of ours, in `[dependencies]` and `[build-dependencies]`. The binary wires all.
const FLOORS: &[(&str, &[&str])] = &[
    ("muster-model", &[]),
    ("muster-cache", &["muster-model"]),
    ("muster-analysis", &["muster-model"]),
    ("muster-git", &["muster-model"]),
    ("muster-net", &["muster-model"]),
    ("muster-search", &["muster-model"]),
    ("muster-store", &["muster-model"]),
    ("muster-jobs", &["muster-model", "muster-store"]),
    (
        "muster-app",
        &[
            "muster-analysis",
            "muster-cache",
            "muster-git",
            "muster-jobs",
            "muster-model",
            "muster-net",
            "muster-search",
            "muster-store",
        ],
    ),
    ("muster-http", &["muster-app", "muster-cache", "muster-model"]),
    (
        "muster",
        &[
            "muster-analysis",
            "muster-app",
            "muster-cache",
            "muster-git",
            "muster-http",
            "muster-jobs",
            "muster-model",
            "muster-net",
            "muster-search",
            "muster-store",
        ],
    ),
    ("muster-testkit", &["muster-model"]),
];

/// A dependency that ends in some crates: names (or beginnings of names, with `*`), homes.
const ENDS_IN: &[(&[&str], &[&str])] = &[
    (&["anyhow", "eyre", "color-eyre"], &["muster", "xtask", "benches"]),
    (&["axum*", "tower-http", "utoipa*", "rust-embed"], &["muster-http", "benches"]),
    (&["clap*", "comfy-table", "indicatif"], &["muster"]),
    (&["gix*", "git2", "libgit2-sys"], &["muster-git"]),
    (&["http"], &["muster-http", "muster-net"]),
    (&["hyper*"], &["muster-http", "muster-net"]),
    (&["lettre", "reqwest*", "ureq", "isahc", "curl"], &["muster-net"]),
    (&["moka", "redis", "fred", "deadpool-redis"], &["muster-cache"]),
    (&["rusqlite", "sea-orm*", "sea-query*", "sqlx*", "diesel*", "tokio-postgres"], &["muster-store"]),
    (&["tantivy*"], &["muster-search"]),
    (&["tree-sitter*", "tokei"], &["muster-analysis"]),
];

const WHY: &str = "arrows go down, siblings are strangers, and a heavy dependency ends in one crate";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    tree.crates.iter().flat_map(check_crate).collect()
}

fn check_crate(krate: &Crate) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |name: &str, what: String, remedy: String| {
        let line = line_of(&krate.manifest_text, name);
        let file = krate.manifest_path.clone();
        problems.push(Problem { file, line, severity: Severity::Error, what, why: WHY, remedy });
    };
    let name = krate.name.as_str();
    let floor = FLOORS.iter().find(|(known, _)| *known == name).map(|(_, allowed)| *allowed);
    if floor.is_none() && !matches!(name, "xtask" | "benches") {
        let remedy = "give it a line in FLOORS (xtask/src/tidy/floors.rs) and in ARCHITECTURE.md".to_owned();
        problem("name", format!("crate {name} stands on no floor"), remedy);
    }
    for dependency in dependencies(&krate.manifest) {
        if dependency == "muster" || dependency.starts_with("muster-") {
            if floor.is_some_and(|allowed| !allowed.contains(&dependency.as_str())) {
                let allowed = floor
                    .filter(|allowed| !allowed.is_empty())
                    .map_or("none of ours".to_owned(), |all| all.join(", "));
                let what = format!("{name} imports {dependency}, which its floor does not allow");
                problem(
                    &dependency,
                    what,
                    format!("it may import {allowed}: move the code, or hand the value in from above"),
                );
            }
        } else if let Some((_, homes)) =
            ENDS_IN.iter().find(|(names, _)| names.iter().any(|known| matches(known, &dependency)))
            && !homes.contains(&name)
        {
            let what = format!("{name} depends on {dependency}, which ends in {}", homes.join(", "));
            problem(&dependency, what, format!("use what {} offers, or offer more there", homes[0]));
        }
    }
    problems
}

/// Package names of all dependencies but those of tests, of every target.
fn dependencies(manifest: &toml::Table) -> Vec<String> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let scopes = targets.into_iter().flat_map(toml::Table::values).filter_map(toml::Value::as_table);
    let mut names = Vec::new();
    for scope in scopes.chain([manifest]) {
        for section in ["dependencies", "build-dependencies"] {
            for (key, value) in scope.get(section).and_then(toml::Value::as_table).into_iter().flatten() {
                let package = value.get("package").and_then(toml::Value::as_str);
                names.push(package.unwrap_or(key).to_owned());
            }
        }
    }
    names
}

fn matches(known: &str, dependency: &str) -> bool {
    match known.strip_suffix('*') {
        Some(start) => {
            dependency == start
                || dependency.strip_prefix(start).is_some_and(|rest| rest.starts_with(['-', '_']))
        }
        None => known == dependency,
    }
}

fn line_of(manifest: &str, name: &str) -> usize {
    let is_key = |line: &str| {
        let rest = line.trim_start().trim_start_matches('"').strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=', '"']))
            || line.contains(&format!("package = \"{name}\""))
    };
    manifest.lines().position(is_key).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::super::tree::tree_of;
    use super::*;

    #[track_caller]
    fn problems(name: &str, dependencies: &str) -> Vec<String> {
        let manifest = format!("[package]\nname = \"{name}\"\n{dependencies}\n");
        let tree = tree_of(&[(&format!("crates/{name}/Cargo.toml"), &manifest)]);
        check(&tree).iter().map(|problem| format!("{}: {}", problem.line, problem.what)).collect()
    }

    #[test]
    fn arrows_go_down() {
        let good = "[dependencies]\nmuster-model.workspace = true\nmuster-git = { path = \"../muster-git\" }";
        assert_eq!(problems("muster-app", good), [""; 0]);
        let bad = "[dependencies]\nserde = \"1\"\nmuster-app.workspace = true";
        let expected = ["5: muster-git imports muster-app, which its floor does not allow"];
        assert_eq!(problems("muster-git", bad), expected);
    }

    #[test]
    fn siblings_are_strangers_on_every_target_and_under_any_name() {
        let renamed = "[dependencies]\nharmless = { package = \"muster-store\", version = \"1\" }";
        assert_eq!(problems("muster-git", renamed).len(), 1);
        let target = "[target.'cfg(unix)'.build-dependencies]\nmuster-net = \"1\"";
        assert_eq!(problems("muster-git", target).len(), 1);
        assert_eq!(problems("muster-testkit", "[dependencies]\nmuster-git = \"1\"").len(), 1);
    }

    #[test]
    fn tests_may_import_anything() {
        assert_eq!(problems("muster-git", "[dev-dependencies]\nmuster-app = \"1\"\nsqlx = \"1\""), [""; 0]);
    }

    #[test]
    fn heavy_dependencies_end_in_one_crate() {
        for (name, dependency) in [
            ("muster-app", "gix"),
            ("muster-app", "axum"),
            ("muster-app", "http"),
            ("muster-app", "clap"),
            ("muster-app", "anyhow"),
            ("muster", "reqwest"),
            ("muster", "gix-discover"),
            ("muster-jobs", "sea-orm-migration"),
            ("muster-store", "redis"),
            ("muster-http", "tantivy"),
        ] {
            assert_eq!(
                problems(name, &format!("[dependencies]\n{dependency} = \"1\"")).len(),
                1,
                "{name} {dependency}"
            );
        }
        for (name, dependency) in [
            ("muster-git", "gix"),
            ("muster", "clap_complete"),
            ("muster", "anyhow"),
            ("muster-net", "http"),
            ("muster-app", "httparse"),
        ] {
            assert_eq!(
                problems(name, &format!("[dependencies]\n{dependency} = \"1\"")).len(),
                0,
                "{name} {dependency}"
            );
        }
    }

    #[test]
    fn a_new_crate_needs_a_floor() {
        assert_eq!(problems("muster-common", ""), ["2: crate muster-common stands on no floor"]);
    }
}
