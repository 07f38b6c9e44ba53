//! The sealed room that test repositories live in: one temporary folder with its own HOME and git configuration. No
//! git started here sees the person's or the machine's configuration, asks a question, or takes the time from the
//! wall: dates come from a counter, so that object ids are the same in every run.

mod repo;

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU64, Ordering},
};

use tempfile::TempDir;

pub use repo::Repo;

/// Seconds since 1970 of the first commit of a lab: 2026-01-01T00:00:00Z. Each git call is a minute later.
const FIRST_COMMIT_AT: u64 = 1_767_225_600;

/// The global configuration of every git in a lab.
const GIT_CONFIG: &str = "\
[user]\n\tname = Ada Example\n\temail = ada@example.org\n\
[init]\n\tdefaultBranch = main\n\
[protocol \"file\"]\n\tallow = always\n\
[commit]\n\tgpgSign = false\n\
[gc]\n\tauto = 0\n\
[maintenance]\n\tauto = false\n\
[advice]\n\tdetachedHead = false\n\
[safe]\n\tdirectory = *\n";

/// A temporary folder in which git is hermetic. Gone when dropped.
#[derive(Debug)]
pub struct Lab {
    folder: TempDir,
    root: PathBuf,
    git: OsString,
    minutes: AtomicU64,
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

impl Lab {
    /// An empty lab under the system's temporary folder.
    #[track_caller]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("muster-lab-")
            .tempdir()
            .unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let root = must(folder.path().canonicalize(), folder.path()).join("code");
        let home = root.with_file_name("home");
        must(fs::create_dir(&root), &root);
        must(fs::create_dir(&home), &home);
        must(fs::write(home.join("gitconfig"), GIT_CONFIG), &home);
        // Tests about rights enter as another user.
        make_public(folder.path());
        let git = std::env::var_os("MUSTER_TEST_GIT").unwrap_or_else(|| "git".into());
        Self { folder, root, git, minutes: AtomicU64::new(0) }
    }

    /// The folder that holds the repositories, absolute and without symbolic links. Hand this one to a scan.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The HOME of every program started through the lab, outside [`Lab::root`].
    pub fn home(&self) -> PathBuf {
        self.root.with_file_name("home")
    }

    /// The lab's own folder, with `code` ([`Lab::root`]), `home`, and room for what is no checkout.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A new repository with an empty work tree and no commit, `name` below the root (may contain `/`).
    #[track_caller]
    pub fn repo<'lab>(&'lab self, name: &str) -> Repo<'lab> {
        self.repo_with(name, [])
    }

    /// As [`Lab::repo`], with arguments for `git init`, such as `--object-format=sha256`.
    #[track_caller]
    pub fn repo_with<'lab, const N: usize>(&'lab self, name: &str, init: [&str; N]) -> Repo<'lab> {
        let path = self.root.join(name);
        must(fs::create_dir_all(&path), &path);
        let mut args = vec!["init", "--quiet"];
        args.extend(init);
        self.run_git(&path, args);
        self.open(path)
    }

    /// A new bare repository, `name` below the root.
    #[track_caller]
    pub fn bare<'lab>(&'lab self, name: &str) -> Repo<'lab> {
        self.repo_with(name, ["--bare"])
    }

    /// A clone of the repository at `from` (a path, or a name below the root).
    #[track_caller]
    pub fn clone_of<'lab>(&'lab self, from: impl AsRef<Path>, name: &str) -> Repo<'lab> {
        let (from, path) = (self.root.join(from), self.root.join(name));
        let args: [&OsStr; 4] = ["clone".as_ref(), "--quiet".as_ref(), from.as_ref(), path.as_ref()];
        self.run_git(&self.root, args);
        self.open(path)
    }

    /// The checkout at `path` (or so named below the root), made by something else.
    pub fn open(&self, path: impl AsRef<Path>) -> Repo<'_> {
        Repo::new(self, self.root.join(path))
    }

    /// Runs git in `dir` and gives what it printed.
    ///
    /// # Panics
    /// If git fails.
    #[track_caller]
    pub fn run_git<S: AsRef<OsStr>>(&self, dir: &Path, args: impl IntoIterator<Item = S>) -> String {
        let args: Vec<OsString> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let output = self.try_git(dir, &args);
        assert!(
            output.status.success(),
            "git {} in {} failed ({}):\n{}{}",
            args.join(" ".as_ref()).display(),
            dir.display(),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs git in `dir`, whatever it answers: for calls that stop at a conflict.
    #[track_caller]
    pub fn try_git<S: AsRef<OsStr>>(&self, dir: &Path, args: impl IntoIterator<Item = S>) -> Output {
        must(self.git_command(dir).args(args).output(), dir)
    }

    /// A git command of the lab, ready for more arguments or variables.
    pub fn git_command(&self, dir: &Path) -> Command {
        let mut command = Command::new(&self.git);
        self.seal(&mut command).current_dir(dir);
        command
    }

    /// Gives any program the lab's environment and nothing else: HOME, git configuration, dates, language, no questions.
    pub fn seal<'command>(&self, command: &'command mut Command) -> &'command mut Command {
        let home = self.home();
        let minutes = self.minutes.fetch_add(1, Ordering::Relaxed);
        let date = format!("{} +0000", FIRST_COMMIT_AT + 60 * minutes);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()))
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", home.join("gitconfig"))
            .env("GIT_CEILING_DIRECTORIES", self.folder())
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_EDITOR", "true")
            .env("GIT_SEQUENCE_EDITOR", "true")
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .stdin(Stdio::null())
    }

    /// Version of the git in use, as (major, minor): some states need a newer one than the oldest supported.
    #[track_caller]
    pub fn git_version(&self) -> (u32, u32) {
        let text = self.run_git(&self.root, ["version"]);
        let mut numbers = text
            .trim_start_matches("git version ")
            .split('.')
            .map_while(|number| number.trim().parse::<u32>().ok());
        match (numbers.next(), numbers.next()) {
            (Some(major), Some(minor)) => (major, minor),
            _ => panic!("cannot read git's version from `{}`", text.trim()),
        }
    }
}

/// The value, or a panic that names `path`.
#[track_caller]
pub(crate) fn must<T>(result: std::io::Result<T>, path: &Path) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

#[track_caller]
fn make_public(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    must(fs::set_permissions(folder, fs::Permissions::from_mode(0o755)), folder);
}
