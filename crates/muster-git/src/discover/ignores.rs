//! `.musterignore`: folders that a person leaves out of the search. The nearest file that says anything decides.

use std::{
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use bstr::BStr;
use muster_model::RepoError;

use crate::guard;

/// The file that names further folders to leave out, in the syntax of `.gitignore`.
pub(crate) const IGNORE_FILE: &str = ".musterignore";

const MAX_IGNORE_BYTES: u64 = 256 * 1024;

/// The patterns of one ignore file, and those of the folders above it.
#[derive(Debug)]
pub(super) struct Ignores {
    base: PathBuf,
    search: gix::ignore::Search,
    above: Option<Arc<Ignores>>,
}

impl Ignores {
    /// Reads the ignore file of `folder`; what cannot be read is said and leaves the patterns of `above` in force.
    pub(super) fn read(
        folder: &Path,
        above: Option<Arc<Self>>,
        problems: &mut Vec<(PathBuf, RepoError)>,
    ) -> Option<Arc<Self>> {
        let path = folder.join(IGNORE_FILE);
        let bytes = match guard::read_small(&path, MAX_IGNORE_BYTES) {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(error) => {
                problems.push((path, error));
                return above;
            }
        };
        let mut search = gix::ignore::Search::default();
        let parse = gix::ignore::search::Ignore { support_precious: false };
        match search.add_patterns_buffer(&bytes, &path, None, parse) {
            Ok(()) => Some(Arc::new(Self { base: folder.to_owned(), search, above })),
            Err(error) => {
                problems.push((path.clone(), crate::error::from_io(&path, "cannot parse", &error)));
                above
            }
        }
    }

    /// Whether the folder at `path` is named; the nearest file that says anything decides.
    pub(super) fn leaves_out(&self, path: &Path) -> bool {
        let mut level = Some(self);
        while let Some(ignores) = level {
            let relative = path.strip_prefix(&ignores.base).map(|path| path.as_os_str().as_bytes());
            if let Ok(relative) = relative
                && let Some(hit) = ignores.search.pattern_matching_relative_path(
                    BStr::new(relative),
                    Some(true),
                    gix::glob::pattern::Case::Sensitive,
                )
            {
                return !hit.pattern.is_negative();
            }
            level = ignores.above.as_deref();
        }
        false
    }
}
