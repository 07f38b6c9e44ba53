//! The few things that muster does to a repository on a person's order: init, commit of listed files, push of a commit that
//! the remote's branch leads to. Done by the git program, so that the repository's own hooks, filters and signing apply;
//! therefore only ever called for repositories that the configuration names as trusted. Reading for a scan never comes
//! here.
//!
//! Knows nothing of plans or permissions: what may be done, and whether something moved since it was asked for, is
//! decided above from a [`Standing`].

mod run;

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use bstr::ByteSlice;

use run::{Finished, git};

/// Files of one commit, and bytes of their names: more do not fit a command line everywhere.
const MAX_FILES: usize = 2_000;
const MAX_NAME_BYTES: usize = 512 * 1024;

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// The git program cannot be started.
    #[error("git cannot be started: {0}")]
    NotStarted(String),
    /// It took too long and was ended with all it started.
    #[error("git {what} did not end within {seconds} s and was stopped")]
    TimedOut {
        /// The subcommand.
        what: String,
        /// The limit.
        seconds: u64,
    },
    /// git, a hook, or the other side refused; in their words.
    #[error("git {what} failed: {message}")]
    Failed {
        /// The subcommand.
        what: String,
        /// What it said, bounded.
        message: String,
    },
    /// The remote's branch has commits that are not here.
    #[error(
        "the remote's branch has commits that are not here, so it was not pushed; fetch and merge them first"
    )]
    NotFastForward,
    /// The state of the repository does not allow it.
    #[error("{0}")]
    Unusable(String),
}

/// What is looked at before something is done: whoever looks twice sees whether anything moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Id of HEAD's commit; `None` before the first one.
    pub head: Option<String>,
    /// The branch's short name; `None` if HEAD is on none.
    pub branch: Option<String>,
    /// Of the index file's bytes; `None` if there is none.
    pub index_checksum: Option<String>,
}

/// A tracked file that differs from HEAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Path from the top of the work tree.
    pub path: PathBuf,
    /// The two letters of `git status`: index, work tree.
    pub state: String,
    /// Bytes; `None` if it is deleted.
    pub size: Option<u64>,
    /// Nanoseconds since 1970 of its last change; `None` if it is deleted.
    pub modified: Option<i128>,
}

/// Where a push goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushTarget {
    /// The remote's name.
    pub remote: String,
    /// Full name of the branch there.
    pub reference: String,
}

impl PushTarget {
    /// The words of the command that pushes `commit` there.
    fn words(&self, commit: &str) -> [String; 2] {
        [self.remote.clone(), format!("{commit}:{}", self.reference)]
    }

    /// The command, for people.
    pub fn command(&self, commit: &str) -> String {
        format!("git push {}", self.words(commit).join(" "))
    }
}

/// How the repository at `path` stands.
pub fn standing(path: &Path) -> Result<Standing, ActError> {
    let head = git(path, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])?.answer();
    let branch = git(path, ["symbolic-ref", "--quiet", "HEAD"])?.answer();
    let index = git(path, ["rev-parse", "--git-path", "index"])?.success("rev-parse")?;
    let index = path.join(OsStr::from_bytes(index.trim_end_with(|end| end == '\n').as_bytes()));
    let index_checksum = match fs::read(&index) {
        Ok(bytes) => Some(checksum(&bytes)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(ActError::Unusable(format!("the index cannot be read: {error}"))),
    };
    let branch = branch.and_then(|name| Some(name.strip_prefix("refs/heads/")?.to_owned()));
    Ok(Standing { head, branch, index_checksum })
}

fn checksum(bytes: &[u8]) -> Result<String, ActError> {
    gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, bytes)
        .map(|id| id.to_string())
        .map_err(|error| ActError::Unusable(format!("the index cannot be hashed: {error}")))
}

/// The tracked files of the repository at `path` that a commit could hold, sorted as git lists them. Submodules are left out.
pub fn changed_files(path: &Path) -> Result<Vec<ChangedFile>, ActError> {
    let args = ["status", "--porcelain=v2", "-z", "--untracked-files=no", "--no-renames"];
    let listing = git(path, args)?.success("status")?;
    let mut files = Vec::new();
    for line in listing.split(|&byte| byte == 0).filter(|line| !line.is_empty()) {
        let mut fields = line.splitn(9, |&byte| byte == b' ');
        match (fields.next(), fields.next(), fields.next(), fields.nth(5)) {
            (Some(b"1"), Some(state), Some(submodule), Some(name)) if submodule.starts_with(b"N") => {
                let name = PathBuf::from(OsString::from_vec(name.to_vec()));
                files.push(changed_file(path, name, state.to_str_lossy().into_owned())?);
            }
            (Some(b"u"), ..) => {
                return Err(ActError::Unusable("there are conflicts; solve them first".to_owned()));
            }
            _ => {}
        }
    }
    let name_bytes: usize = files.iter().map(|file| file.path.as_os_str().len()).sum();
    if files.len() > MAX_FILES || name_bytes > MAX_NAME_BYTES {
        let message = format!("{} files are changed, too many at once; commit by hand", files.len());
        return Err(ActError::Unusable(message));
    }
    Ok(files)
}

fn changed_file(top: &Path, path: PathBuf, state: String) -> Result<ChangedFile, ActError> {
    use std::os::unix::fs::MetadataExt;
    let meta = fs::symlink_metadata(top.join(&path)).ok();
    if state.starts_with('D') && meta.is_some() {
        let message =
            format!("{} is staged for deletion but still there; commit by hand", path.to_string_lossy());
        return Err(ActError::Unusable(message));
    }
    let nanoseconds =
        |meta: &fs::Metadata| i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
    Ok(ChangedFile {
        path,
        state,
        size: meta.as_ref().map(fs::Metadata::len),
        modified: meta.as_ref().map(nanoseconds),
    })
}

/// Where the branch is pushed: to the branch that it follows at this remote, else to the one of its own name.
pub fn push_target(path: &Path, remote: &str, branch: &str) -> Result<PushTarget, ActError> {
    if remote.starts_with('-') || branch.starts_with('-') {
        return Err(ActError::Unusable(
            "a name begins with '-', which git would take for an option".to_owned(),
        ));
    }
    let value = |key: &str| {
        Ok::<_, ActError>(git(path, ["config", "--get", &format!("branch.{branch}.{key}")])?.answer())
    };
    let followed = if value("remote")?.as_deref() == Some(remote) { value("merge")? } else { None };
    let reference = followed.unwrap_or_else(|| format!("refs/heads/{branch}"));
    if !reference.starts_with("refs/heads/") {
        return Err(ActError::Unusable(format!("the branch follows {reference}, which is no branch")));
    }
    Ok(PushTarget { remote: remote.to_owned(), reference })
}

/// Puts the folder at `path` under version control.
pub fn init(path: &Path) -> Result<(), ActError> {
    git(path, ["init", "--quiet"])?.success("init").map(drop)
}

/// Commits these tracked files as they are in the work tree, and nothing else that may be staged.
pub fn commit(path: &Path, message: &str, files: &[PathBuf]) -> Result<(), ActError> {
    let mut args: Vec<&OsStr> =
        ["commit", "--quiet", "--only", "--message", message, "--"].map(OsStr::new).into();
    args.extend(files.iter().map(|file| file.as_os_str()));
    git(path, args)?.success("commit").map(drop)
}

/// Pushes this commit if the remote's branch leads to it.
pub fn push(path: &Path, target: &PushTarget, commit: &str) -> Result<(), ActError> {
    let [remote, reference] = target.words(commit);
    let options = ["-c", "push.followTags=false", "push", "--porcelain", "--recurse-submodules=no"];
    let args = options.into_iter().chain(["--no-force-with-lease", "--", &remote, &reference]);
    let finished = git(path, args)?;
    let is_rejected =
        finished.stdout.lines().any(|line| line.starts_with(b"!") && line.contains_str("\t[rejected]"));
    if is_rejected {
        return Err(ActError::NotFastForward);
    }
    finished.success("push").map(drop)
}

impl Finished {
    /// What it printed if it went well, as one line.
    fn answer(&self) -> Option<String> {
        let line = self.stdout.to_str().ok()?.trim_end_matches('\n');
        (self.is_success && !line.is_empty()).then(|| line.to_owned())
    }

    /// What it printed, or why it failed.
    fn success(self, what: &str) -> Result<Vec<u8>, ActError> {
        if self.is_cut {
            return Err(ActError::Unusable(format!("git {what} printed more than can be taken in")));
        }
        if self.is_success {
            return Ok(self.stdout);
        }
        let said = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        let message = said.to_str_lossy().trim().chars().take(2_000).collect();
        Err(ActError::Failed { what: what.to_owned(), message })
    }
}
