//! What the person's own git configuration and environment say: which e-mail addresses are theirs, and which variables
//! would turn this process's eyes to another repository.

use std::path::{Path, PathBuf};

use bstr::ByteSlice;
use gix::config::{
    File, Source,
    file::{Metadata, init::Options},
};

use crate::{config_path, guard};

/// Variables by which git tells a hook which repository it runs in; a scan must not see them.
pub(crate) const REPOSITORY_VARIABLES: [&str; 15] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// The repository variables that are set; empty outside git hooks and aliases.
pub fn environment_leaks() -> Vec<&'static str> {
    REPOSITORY_VARIABLES.into_iter().filter(|name| std::env::var_os(name).is_some()).collect()
}

/// `user.email` of the system's and the person's own configuration, lower case, those of conditional includes as well:
/// whoever has a work identity for one folder is still the same person. Read from the usual files; asking git where
/// they are would start a program for every scan.
pub fn global_emails() -> Vec<String> {
    const MAX_FILES: usize = 50;
    let mut variable = |name: &str| std::env::var_os(name);
    let usual = [Source::System, Source::Git, Source::User].into_iter();
    let mut queue: Vec<PathBuf> = usual.filter_map(|source| source.storage_location(&mut variable)).collect();
    let mut emails = Vec::new();
    let mut read = 0;
    while let Some(path) = queue.pop() {
        read += 1;
        if read > MAX_FILES {
            break;
        }
        let Some(config) = parse(&path) else { continue };
        emails.extend(
            config
                .strings("user.email")
                .unwrap_or_default()
                .into_iter()
                .map(|email| email.to_str_lossy().trim().to_lowercase())
                .filter(|email| !email.is_empty()),
        );
        queue.extend(config_path::include_targets(&path, &config));
    }
    emails.sort();
    emails.dedup();
    emails
}

pub(crate) fn parse(path: &Path) -> Option<File> {
    let bytes = guard::read_small(path, guard::MAX_CONFIG_BYTES).ok()??;
    File::from_bytes_no_includes(&bytes, Metadata::from(Source::User), Options::default()).ok()
}
