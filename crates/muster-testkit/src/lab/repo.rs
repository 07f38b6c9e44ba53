//! One checkout in a lab, spoken to in the words of the person who works in it: write, commit, push. Every method
//! gives the repository back, so that a state reads as one sentence; every method panics where it cannot do its work.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, UNIX_EPOCH},
};

use super::{Lab, must};

/// A checkout (or bare repository) of a [`Lab`]. Cheap to clone: it is a path.
#[derive(Debug, Clone)]
pub struct Repo<'lab> {
    lab: &'lab Lab,
    path: PathBuf,
}

#[expect(
    clippy::return_self_not_must_use,
    reason = "the methods act on disk; the value is there to go on with"
)]
impl<'lab> Repo<'lab> {
    pub(super) fn new(lab: &'lab Lab, path: PathBuf) -> Self {
        Self { lab, path }
    }

    /// The folder: the work tree, or the git directory of a bare repository. Absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lab it lives in.
    pub fn lab(&self) -> &'lab Lab {
        self.lab
    }

    /// Runs git here.
    #[track_caller]
    pub fn git<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Self {
        self.lab.run_git(&self.path, args);
        self.clone()
    }

    /// Runs git here and gives what it printed.
    #[track_caller]
    pub fn git_output<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        self.lab.run_git(&self.path, args)
    }

    /// Runs git here and insists that it fails: a merge that must stop at a conflict.
    #[track_caller]
    pub fn git_stops<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Self {
        let args: Vec<OsString> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let output = self.lab.try_git(&self.path, &args);
        let line = args.join(" ".as_ref());
        assert!(!output.status.success(), "git {} in {} did not stop", line.display(), self.path.display());
        self.clone()
    }

    /// Sets a value in the repository's own configuration.
    #[track_caller]
    pub fn config(&self, key: &str, value: &str) -> Self {
        self.git(["config", key, value])
    }

    /// Writes a file, with the folders above it.
    #[track_caller]
    pub fn write(&self, path: impl AsRef<Path>, content: &str) -> Self {
        self.write_bytes(path, content.as_bytes())
    }

    /// Writes a file of any bytes, with the folders above it.
    #[track_caller]
    pub fn write_bytes(&self, path: impl AsRef<Path>, content: &[u8]) -> Self {
        let path = self.path.join(path);
        if let Some(folder) = path.parent() {
            must(fs::create_dir_all(folder), folder);
        }
        must(fs::write(&path, content), &path);
        self.clone()
    }

    /// Writes a file whose name is any bytes, not necessarily UTF-8.
    #[track_caller]
    pub fn write_raw_name(&self, name: &[u8], content: &str) -> Self {
        self.write(Path::new(OsStr::from_bytes(name)), content)
    }

    /// Makes an empty folder.
    #[track_caller]
    pub fn folder(&self, path: impl AsRef<Path>) -> Self {
        let path = self.path.join(path);
        must(fs::create_dir_all(&path), &path);
        self.clone()
    }

    /// Removes a file, a link, or a folder with all it holds.
    #[track_caller]
    pub fn remove(&self, path: impl AsRef<Path>) -> Self {
        let path = self.path.join(path);
        let kind = must(fs::symlink_metadata(&path), &path);
        must(if kind.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }, &path);
        self.clone()
    }

    /// Renames a file or folder behind git's back.
    #[track_caller]
    pub fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Self {
        let (from, to) = (self.path.join(from), self.path.join(to));
        must(fs::rename(&from, &to), &from);
        self.clone()
    }

    /// Sets the executable bits.
    #[track_caller]
    pub fn make_executable(&self, path: impl AsRef<Path>) -> Self {
        self.set_mode(path, 0o755)
    }

    /// Sets the permission bits.
    #[track_caller]
    pub fn set_mode(&self, path: impl AsRef<Path>, mode: u32) -> Self {
        let path = self.path.join(path);
        must(fs::set_permissions(&path, fs::Permissions::from_mode(mode)), &path);
        self.clone()
    }

    /// Makes a symbolic link at `path` that says `target`.
    #[track_caller]
    pub fn symlink(&self, path: impl AsRef<Path>, target: impl AsRef<Path>) -> Self {
        let path = self.path.join(path);
        if let Some(folder) = path.parent() {
            must(fs::create_dir_all(folder), folder);
        }
        must(std::os::unix::fs::symlink(target, &path), &path);
        self.clone()
    }

    /// Cuts a file to its first `length` bytes: a broken index, a broken object.
    #[track_caller]
    pub fn truncate(&self, path: impl AsRef<Path>, length: u64) -> Self {
        let path = self.path.join(path);
        must(fs::OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(length)), &path);
        self.clone()
    }

    /// Makes a named pipe: whoever opens it to read waits for ever.
    #[track_caller]
    pub fn fifo(&self, path: impl AsRef<Path>) -> Self {
        let path = self.path.join(path);
        let status = must(Command::new("mkfifo").arg(&path).status(), &path);
        assert!(status.success(), "mkfifo {}: {status}", path.display());
        self.clone()
    }

    /// Sets a file's modification time, in seconds since 1970.
    #[track_caller]
    pub fn set_mtime(&self, path: impl AsRef<Path>, seconds: u64) -> Self {
        let path = self.path.join(path);
        let time = UNIX_EPOCH + Duration::from_secs(seconds);
        must(fs::File::open(&path).and_then(|file| file.set_modified(time)), &path);
        self.clone()
    }

    /// Stages everything.
    #[track_caller]
    pub fn stage_all(&self) -> Self {
        self.git(["add", "--all"])
    }

    /// Commits everything, also nothing.
    #[track_caller]
    pub fn commit_all(&self, subject: &str) -> Self {
        self.stage_all().git(["commit", "--quiet", "--allow-empty", "--message", subject])
    }

    /// Writes one file and commits it.
    #[track_caller]
    pub fn commit_file(&self, path: impl AsRef<Path>, content: &str) -> Self {
        let subject = format!("Write {}", path.as_ref().display());
        self.write(&path, content).stage_all().git(["commit", "--quiet", "--message", &subject])
    }

    /// Names the repository `name` of the lab as a remote of that name.
    #[track_caller]
    pub fn remote(&self, name: &str) -> Self {
        let url: PathBuf = self.lab.root().join(name);
        let args: [&OsStr; 4] = ["remote".as_ref(), "add".as_ref(), name.as_ref(), url.as_ref()];
        self.git(args)
    }

    /// Pushes the current branch to the repository `name` of the lab and follows it, under a remote of that name.
    #[track_caller]
    pub fn push_to(&self, name: &str) -> Self {
        if !self.git_output(["remote"]).lines().any(|remote| remote == name) {
            self.remote(name);
        }
        self.git(["push", "--quiet", "--set-upstream", name, "HEAD"])
    }

    /// Adds a linked worktree on the new branch `branch` at `name` below the lab's root.
    #[track_caller]
    pub fn worktree(&self, name: &str, branch: &str) -> Self {
        let path = self.lab.root().join(name);
        let args: [&OsStr; 6] = [
            "worktree".as_ref(),
            "add".as_ref(),
            "--quiet".as_ref(),
            "-b".as_ref(),
            branch.as_ref(),
            path.as_ref(),
        ];
        self.git(args);
        Self::new(self.lab, path)
    }

    /// Adds the repository `from` of the lab as submodule `path` and commits that.
    #[track_caller]
    pub fn submodule(&self, from: &str, path: &str) -> Self {
        let url = self.lab.root().join(from);
        let args: [&OsStr; 5] =
            ["submodule".as_ref(), "--quiet".as_ref(), "add".as_ref(), url.as_ref(), path.as_ref()];
        self.git(args).commit_all(&format!("Add submodule {path}"))
    }

    /// The full object id of a revision.
    #[track_caller]
    pub fn id(&self, revision: &str) -> String {
        self.git_output(["rev-parse", "--verify", revision]).trim().to_owned()
    }
}
