//! A PostgreSQL server of a test's own: a copy of a cluster that was made once on this machine, reached by a socket in
//! a temporary folder. It runs without rights (initdb refuses root), forgets to sync unless it is to be measured, and is
//! gone with its test.

use std::{
    fs::{self, File},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use tempfile::TempDir;

use crate::{
    supervised::{Supervised, give_to_nobody, must},
    unprivileged::unprivileged_command,
};

/// What makes a test quick and its data worth nothing.
const HASTE: &[&str] = &["fsync=off", "full_page_writes=off", "autovacuum=off", "shared_buffers=16MB"];

/// A running server. Stopped and removed when dropped.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    haste: &'static [&'static str],
    running: Option<Supervised>,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts a server with one empty database, whose texts sort as people expect in English (not by bytes), where
    /// the server can do so.
    ///
    /// # Panics
    /// If no PostgreSQL is installed, or it does not start.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(HASTE)
    }

    /// As [`Postgres::start`], but it syncs what is committed and has the usual settings: for measurements.
    #[track_caller]
    pub fn durable() -> Self {
        Self::start_with(&[])
    }

    #[track_caller]
    fn start_with(haste: &'static [&'static str]) -> Self {
        let programs = programs();
        let template = template(&programs);
        // Short: the path of a socket has room for 107 bytes.
        let folder = must("make a folder", tempfile::Builder::new().prefix("pg-").tempdir());
        let data = folder.path().join("data");
        run(Command::new("cp").arg("-a").arg("--reflink=auto").arg(&template).arg(&data));
        give_to_nobody(folder.path());
        let mut server = Self { folder, programs, haste, running: None, databases: AtomicU32::new(0) };
        server.start_again();
        server
    }

    /// The address of its first database.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// As the server calls itself: `postgres (PostgreSQL) 15.14`.
    #[track_caller]
    pub fn version(&self) -> String {
        run(Command::new(self.programs.join("postgres")).arg("--version")).trim().to_owned()
    }

    /// Makes an empty database and gives its address.
    #[track_caller]
    pub fn fresh_database(&self) -> String {
        let name = format!("fresh_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut command = Command::new(self.programs.join("createdb"));
        run(command.arg("--host").arg(self.folder.path()).args(["--username", "postgres", "--", &name]));
        self.url_of(&name)
    }

    /// Bytes on disk of the database with this address, indexes too.
    ///
    /// # Panics
    /// If the server does not answer.
    #[track_caller]
    pub fn bytes_of(&self, url: &str) -> u64 {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["--no-psqlrc", "--tuples-only", "--no-align", "--command"]);
        let said = run(command.arg("SELECT pg_database_size(current_database())").arg(url));
        said.trim().parse().unwrap_or_else(|_| panic!("psql said: {said}"))
    }

    /// Stops the server at once, as a crash would; its data stay. Connections break.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }

    /// Starts it again with its data, at the same address.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.stop();
        let mut server = unprivileged_command(self.programs.join("postgres"));
        server.arg("-D").arg(self.folder.path().join("data")).arg("-k").arg(self.folder.path());
        let always = ["listen_addresses=", "max_connections=60", "lc_messages=C", "log_checkpoints=off"];
        for setting in always.iter().chain(self.haste) {
            server.arg("-c").arg(setting);
        }
        match Supervised::start(self.folder.path(), "QUIT", &server) {
            Ok(running) => self.running = Some(running),
            Err(said) => panic!("PostgreSQL did not start: {said}"),
        }
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=postgres", self.folder.path().display())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The folder of the server's programs: from PATH, else where Debian keeps them, the newest version first.
#[track_caller]
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut debian: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    debian.sort_by(|one, other| other.cmp(one));
    let debian = debian.into_iter().map(|(_, folder)| folder);
    std::env::split_paths(&path)
        .chain(debian)
        .find(|folder| {
            ["initdb", "postgres", "createdb"].iter().all(|program| folder.join(program).is_file())
        })
        .unwrap_or_else(|| panic!("no PostgreSQL is installed: run `scripts/setup postgres`"))
}

/// A cluster made once for this user and this version, to be copied.
#[track_caller]
fn template(programs: &Path) -> PathBuf {
    let initdb = programs.join("initdb");
    let version = run(Command::new(&initdb).arg("--version"));
    let version: String = version
        .trim()
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .collect();
    let own = must("look at oneself", fs::metadata("/proc/self")).uid();
    let cache = std::env::temp_dir().join(format!("muster-testkit-{own}"));
    must("make a cache", fs::create_dir_all(&cache));
    let owner = must("look at the cache", fs::symlink_metadata(&cache));
    assert!(owner.is_dir() && owner.uid() == own, "{} belongs to somebody else: remove it", cache.display());
    must("open the cache", fs::set_permissions(&cache, fs::Permissions::from_mode(0o711)));
    let lock = must("make a lock", File::create(cache.join("lock")));
    must("wait for the lock", lock.lock());
    let template = cache.join(version);
    if !template.exists() {
        let part = must("make a folder", tempfile::Builder::new().prefix("part-").tempdir_in(&cache));
        give_to_nobody(part.path());
        let data = part.path().join("data");
        let initialise = |locale: &[&str]| {
            let mut command = unprivileged_command(&initdb);
            command.arg("-D").arg(&data).args(["--username=postgres", "--auth=trust", "--encoding=UTF8"]);
            command.args(["--no-sync", "--no-instructions", "--wal-segsize=1"]).args(locale).current_dir("/");
            must("run initdb", command.output())
        };
        // By people's order, so that a query that relies on the order of bytes fails here; old servers lack it.
        let mut made = initialise(&["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en"]);
        if !made.status.success() {
            made = initialise(&["--locale=C.UTF-8"]);
        }
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        must("keep the cluster", fs::rename(&data, &template));
    }
    template
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = must("start a program", command.output());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
