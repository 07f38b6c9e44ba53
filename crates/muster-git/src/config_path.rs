//! Paths that a git configuration names: what `~` means, and which files it could include.

use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use bstr::BString;

/// The path that `value` means in a file of `folder`. Somebody else's home (`~user/`) and git's own folder
/// (`%(prefix)/`) are left as they stand: relative, hence in no root.
pub(crate) fn resolve(folder: &Path, value: BString) -> PathBuf {
    let value = PathBuf::from(OsString::from_vec(value.into()));
    match (value.strip_prefix("~"), gix::path::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ if value.to_string_lossy().starts_with(['~', '%']) => value,
        _ => folder.join(value),
    }
}

/// Every file that the configuration at `path` could include, whatever the condition.
pub(crate) fn include_targets(path: &Path, config: &gix::config::File) -> Vec<PathBuf> {
    let folder = path.parent().unwrap_or(path);
    let sections = ["include", "includeIf"].into_iter().filter_map(|name| config.sections_by_name(name));
    sections
        .flatten()
        .flat_map(|section| section.values("path"))
        .map(|target| resolve(folder, target))
        .collect()
}
