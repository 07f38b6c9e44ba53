//! Every command as it is typed: what it prints in each format, how it ends, and what Ctrl-C, a closed pipe and a git
//! hook around it do to it. Ages and scores that follow the calendar are taken out before anything is compared.

mod attention;
mod each;
mod endings;
mod find;
mod help;
mod scan;
mod settings;
mod show;

use std::path::PathBuf;

use muster_testkit::{Lab, Repo};

/// A path outside the root, for what stands in for a forge.
fn outside(lab: &Lab, name: &str) -> PathBuf {
    lab.folder().join("forge").join(name)
}

/// A clone of a new repository outside the root, with one commit that both have.
fn cloned<'lab>(lab: &'lab Lab, name: &str) -> Repo<'lab> {
    let forge = outside(lab, name);
    lab.bare(&forge.to_string_lossy());
    lab.clone_of(&forge, name)
        .commit_file("README.md", "# Read me\n")
        .git(["push", "--quiet", "-u", "origin", "HEAD"])
}

/// Gives the forge a commit that the clone lacks, and lets the clone know.
fn moved_on<'lab>(repo: &Repo<'lab>, name: &str) -> Repo<'lab> {
    let lab = repo.lab();
    let other = lab.folder().join("colleague").join(name);
    lab.clone_of(outside(lab, name), &other.to_string_lossy())
        .commit_file("theirs.txt", "theirs\n")
        .git(["push", "--quiet"]);
    repo.git(["fetch", "--quiet"])
}

/// A small portfolio in which most things happen, `bad` among them.
fn portfolio(lab: &Lab) {
    let api =
        cloned(lab, "api").commit_file("Cargo.toml", "[package]\nname = \"api\"\nversion = \"0.1.0\"\n");
    api.commit_file("src/main.rs", "fn main() {}\n");
    api.write("README.md", "# Changed\n").write("new.rs", "").git(["add", "new.rs"]).write("scratch", "");
    cloned(lab, "group/web")
        .commit_file("package.json", r#"{"name": "web", "dependencies": {"react": "18"}}"#)
        .git(["push", "--quiet"]);
    let old = cloned(lab, "old").write("README.md", "# Put aside\n").git(["stash", "--quiet"]);
    old.git(["checkout", "--quiet", "--detach"]);
    lab.open("script").folder("").write("go.mod", "module example.org/script\n");
    lab.repo("bad").commit_file("a.txt", "a\n").write(".git/HEAD", "garbage\n");
}

/// The rows of a piped table, with the filled cells of these columns replaced.
fn without_columns(table: &str, columns: &[&str]) -> String {
    let titles: Vec<&str> = table.lines().next().unwrap_or_default().split('\t').collect();
    let row = |line: &str| {
        let cells = line.split('\t').zip(&titles).map(|(cell, title)| {
            if columns.contains(title) && cell != *title && !cell.is_empty() { "…" } else { cell }
        });
        // A visible sign, and no white space at the end of a line.
        cells.collect::<Vec<_>>().join(" → ").trim_end().to_owned()
    };
    table.lines().map(row).collect::<Vec<_>>().join("\n")
}
