//! What becomes one row and what does not, how rows are told apart, whose they are, and what may be deleted.

mod deletable;
mod finding;
mod grouping;
mod relation;

use muster_testkit::{Lab, Repo};

/// A clone of a new repository outside the root, with one commit that both have.
fn cloned<'lab>(lab: &'lab Lab, name: &str) -> Repo<'lab> {
    let forge = lab.folder().join("forge").join(name);
    lab.bare(&forge.to_string_lossy());
    lab.clone_of(&forge, name).commit_file("README.md", "# Read me\n").git([
        "push",
        "--quiet",
        "--set-upstream",
        "origin",
        "HEAD",
    ])
}
