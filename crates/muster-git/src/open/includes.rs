//! Includes of a repository's own configuration. One could name a pipe that never ends or a file outside the roots, so
//! every file that could be included is looked at first; if one is out of bounds, no include is followed and a warning
//! says so. The values that includes bring pass the same short list as all others.

use std::path::{Path, PathBuf};

use gix::config::file::{Metadata, init::Options};
use muster_model::{RepoError, error::Warning};

use crate::{boundary::Boundary, config_path, guard, link::Checkout};

/// Files that include files that include files: more is a loop.
const MAX_FILES: usize = 20;

/// `Ok(Err(…))` if includes must not be followed.
pub(super) fn check(checkout: &Checkout, boundary: &Boundary) -> Result<Result<(), Warning>, RepoError> {
    let own = [checkout.common_dir.join("config"), checkout.git_dir.join("config.worktree")];
    let mut queue: Vec<(PathBuf, bool)> = own.into_iter().map(|path| (path, true)).collect();
    let mut read = 0;
    while let Some((path, is_own)) = queue.pop() {
        read += 1;
        if read > MAX_FILES {
            return Ok(Err(refusal(&path, "more files are included than can be followed")));
        }
        let bytes = match guard::read_small(&path, guard::MAX_CONFIG_BYTES) {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(error) if is_own => return Err(error),
            Err(error) => return Ok(Err(refusal(&path, &error.message))),
        };
        for target in targets(&path, &bytes) {
            let is_elsewhere =
                !target.is_absolute() || target.symlink_metadata().is_ok() && !boundary.contains(&target);
            if is_elsewhere {
                return Ok(Err(refusal(&target, "it lies outside the roots")));
            }
            queue.push((target, false));
        }
    }
    Ok(Ok(()))
}

/// Every file that the configuration in `bytes` could include, whatever the condition.
fn targets(path: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    // Nearly every configuration includes nothing: no need to parse it twice.
    let mentions = bytes.windows(b"[include".len()).any(|window| window.eq_ignore_ascii_case(b"[include"));
    if !mentions {
        return Vec::new();
    }
    let meta = Metadata::from(gix::config::Source::Local);
    let Ok(config) = gix::config::File::from_bytes_no_includes(bytes, meta, Options::default()) else {
        return Vec::new();
    };
    config_path::include_targets(path, &config)
}

fn refusal(path: &Path, why: &str) -> Warning {
    Warning {
        code: "config_include_ignored".into(),
        message: format!("the configuration includes {}, which is not followed: {why}", path.display()),
    }
}
