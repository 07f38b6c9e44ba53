//! What tidy looks at: the manifests of all crates, every Rust file, the map. Read once; the rules open no file.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::source::{Source, lex};

/// The workspace as the rules see it.
pub(crate) struct Tree {
    pub(super) crates: Vec<Crate>,
    pub(super) sources: Vec<Source>,
    /// ARCHITECTURE.md, if there is one.
    pub(super) map: Option<String>,
}

/// One package.
pub(super) struct Crate {
    /// Name of its folder, which is its name.
    pub(super) name: String,
    /// Manifest, from the workspace's root.
    pub(super) manifest_path: PathBuf,
    pub(super) manifest_text: String,
    pub(super) manifest: toml::Table,
}

impl Tree {
    /// Reads `crates/*`, `xtask` and `benches`.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut folders = sorted(&root.join("crates"))?;
        folders.extend([root.join("benches"), root.join("xtask")]);
        let mut tree = Self {
            crates: Vec::new(),
            sources: Vec::new(),
            map: fs::read_to_string(root.join("ARCHITECTURE.md")).ok(),
        };
        for folder in folders {
            let manifest_path = folder.join("Cargo.toml");
            let Ok(manifest_text) = fs::read_to_string(&manifest_path) else { continue };
            let manifest =
                manifest_text.parse().with_context(|| format!("{} is no TOML", manifest_path.display()))?;
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // They ship nothing and are exempt from the bans.
            let is_tooling = matches!(name.as_str(), "muster-testkit" | "xtask" | "benches");
            let mut files = Vec::new();
            rust_files(&folder, &mut files)?;
            for file in files {
                let text =
                    fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
                let inside = file.strip_prefix(&folder).unwrap_or(&file).to_owned();
                let path = file.strip_prefix(root).unwrap_or(&file).to_owned();
                let source = lex(path, &inside, &name, text, is_tooling);
                tree.sources.push(source.with_context(|| format!("{} is no Rust", file.display()))?);
            }
            let manifest_path = manifest_path.strip_prefix(root).unwrap_or(&manifest_path).to_owned();
            tree.crates.push(Crate { name, manifest_path, manifest_text, manifest });
        }
        tree.mark_test_modules();
        Ok(tree)
    }

    /// The files that ship.
    pub(super) fn product(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| source.is_product())
    }

    /// `#[cfg(test)] mod name;` makes a test of another file, and of all below it.
    fn mark_test_modules(&mut self) {
        let modules = |source: &Source| {
            let own = source.module.clone()?;
            let modules = source.test_modules.iter().map(move |below| {
                (source.crate_name.clone(), own.iter().chain(below).cloned().collect::<Vec<_>>())
            });
            Some(modules.collect::<Vec<_>>())
        };
        let tests: BTreeSet<(String, Vec<String>)> =
            self.sources.iter().filter_map(modules).flatten().collect();
        for source in &mut self.sources {
            let Some(module) = &source.module else { continue };
            source.is_test |= (1..=module.len())
                .any(|length| tests.contains(&(source.crate_name.clone(), module[..length].to_vec())));
        }
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for path in sorted(folder)? {
        if path.is_dir() {
            let name = path.file_name().unwrap_or_default();
            if name != "target" && name != "node_modules" {
                rust_files(&path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// A workspace in a temporary folder, for the tests of the rules.
#[cfg(test)]
pub(super) fn tree_of(files: &[(&str, &str)]) -> Tree {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("crates")).unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    // A crate may be given by its sources alone.
    for (path, _) in files {
        let mut parts = path.split('/');
        if let (Some("crates"), Some(name)) = (parts.next(), parts.next()) {
            let manifest = root.path().join("crates").join(name).join("Cargo.toml");
            if !manifest.exists() {
                fs::write(manifest, format!("[package]\nname = \"{name}\"\n")).unwrap();
            }
        }
    }
    Tree::read(root.path()).unwrap()
}
