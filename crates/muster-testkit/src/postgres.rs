//! A PostgreSQL server of a test's own: a copy of a cluster that was made once on this machine, reached by a socket in
//! a temporary folder. It runs without rights (initdb refuses root), forgets to sync unless it is to be measured, and is
//! gone with its test.
//!
//! A small shell script stands over it and reads from a pipe that only the test's process holds: when that process
//! ends, in whatever way, the pipe closes, and the script stops the server and removes the folder. That works for
//! `kill -9` too, needs no thread that lives long enough, and leaves no shared memory behind.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tempfile::TempDir;

use crate::unprivileged::{NOBODY, is_root, unprivileged_command};

/// A server that does not come up within this time does not come up.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// What makes a test quick and its data worth nothing.
const HASTE: &[&str] = &["fsync=off", "full_page_writes=off", "autovacuum=off", "shared_buffers=16MB"];

/// Runs the program given to it until the standard input ends, then removes the folder given first, unless it was told
/// to keep it. Signals to the group of the test are for the server, not for the one that must clean up behind it.
const SUPERVISOR: &str = r#"
trap '' HUP INT TERM
folder=$1; shift
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
told=
read -r told <&3
kill -QUIT "$server" 2>/dev/null
wait "$server"
[ "$told" = keep ] || rm -rf -- "$folder"
"#;

/// A running server. Stopped and removed when dropped.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    haste: &'static [&'static str],
    running: Option<Running>,
    databases: AtomicU32,
}

#[derive(Debug)]
struct Running {
    supervisor: Child,
    log: JoinHandle<()>,
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

    /// Stops the server at once, as a crash would; its data stay. Connections break.
    pub fn stop(&mut self) {
        if let Some(Running { mut supervisor, log }) = self.running.take() {
            if let Some(mut stdin) = supervisor.stdin.take() {
                // Without a reader the supervisor is gone, and with it the server.
                let _told = stdin.write_all(b"keep\n");
            }
            // Both end with the server; how it ended is not what a test is about.
            let _ended = supervisor.wait();
            let _drained = log.join();
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
        let mut supervisor = Command::new("sh");
        supervisor.args(["-c", SUPERVISOR, "sh"]).arg(self.folder.path());
        supervisor.arg(server.get_program()).args(server.get_args());
        supervisor.env("LC_ALL", "C").current_dir("/");
        supervisor.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut supervisor = must("start a shell", supervisor.spawn());
        let Some(stderr) = supervisor.stderr.take() else { panic!("the server has no log") };
        let (tell, told) = mpsc::channel();
        let log = thread::spawn(move || {
            // Read to the end: a server that cannot write its log stands still.
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // The test may have ended its wait.
                let _heard = tell.send(line);
            }
        });
        let mut lines = Vec::new();
        loop {
            match told.recv_timeout(START_TIMEOUT) {
                Ok(line) if line.contains("ready to accept connections") => break,
                Ok(line) => lines.push(line),
                Err(error) => panic!("PostgreSQL did not start ({error}):\n{}", lines.join("\n")),
            }
        }
        self.running = Some(Running { supervisor, log });
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

fn give_to_nobody(folder: &Path) {
    if is_root() {
        must("give a folder away", chown(folder, Some(NOBODY), Some(NOBODY)));
    }
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = must("start a program", command.output());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn must<T>(what: &str, result: std::io::Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("cannot {what}: {error}"),
    }
}
