//! Committed files that are made, not written: the help of the command line, the default configuration, later the
//! description of the API. One list says which and how; `generate` writes them, `generate --check` fails when a
//! committed one is out of step. To add one, add a line to [`GENERATED`].

mod cli_help;

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{complain, say};

/// A committed file and what makes its text.
pub(crate) struct Generated {
    /// From the workspace's root.
    pub(crate) path: &'static str,
    /// The whole text, the same in every run.
    pub(crate) text: fn() -> Result<String>,
}

/// All generated files, alphabetic.
pub(crate) const GENERATED: &[Generated] = &[Generated { path: "docs/cli.md", text: cli_help::text }];

/// Writes each file that is out of step.
pub(crate) fn write(root: &Path, list: &[Generated]) -> Result<bool> {
    for file in stale(root, list)? {
        let path = root.join(file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        fs::write(&path, (file.text)()?).with_context(|| format!("cannot write {}", path.display()))?;
        say(&format!("wrote {}", file.path));
    }
    Ok(true)
}

/// Says which files are out of step; true if none is.
pub(crate) fn check(root: &Path, list: &[Generated]) -> Result<bool> {
    let stale = stale(root, list)?;
    for file in &stale {
        complain(&format!(
            "error: {}: not what the code says\n  why: it is generated, and committed so that people can read it\n  \
             do:  run `make docs` (cargo xtask generate) and commit the result",
            file.path
        ));
    }
    Ok(stale.is_empty())
}

fn stale<'list>(root: &Path, list: &'list [Generated]) -> Result<Vec<&'list Generated>> {
    let mut stale = Vec::new();
    for file in list {
        let text = (file.text)().with_context(|| format!("cannot make the text of {}", file.path))?;
        if fs::read_to_string(root.join(file.path)).ok().as_deref() != Some(&text) {
            stale.push(file);
        }
    }
    Ok(stale)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[Generated] = &[
        Generated { path: "docs/a.md", text: || Ok("a\n".to_owned()) },
        Generated { path: "b.toml", text: || Ok("b\n".to_owned()) },
    ];

    #[test]
    fn what_was_written_is_in_step_until_somebody_edits_it() {
        let root = tempfile::tempdir().unwrap();
        assert!(!check(root.path(), LIST).unwrap());
        assert!(write(root.path(), LIST).unwrap());
        assert!(check(root.path(), LIST).unwrap());
        fs::write(root.path().join("b.toml"), "edited").unwrap();
        let stale = stale(root.path(), LIST).unwrap();
        assert_eq!(stale.iter().map(|file| file.path).collect::<Vec<_>>(), ["b.toml"]);
    }

    #[test]
    fn the_list_is_alphabetic_and_each_file_is_on_it_once() {
        assert!(GENERATED.is_sorted_by(|one, next| one.path < next.path));
    }
}
