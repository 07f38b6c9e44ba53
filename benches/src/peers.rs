//! Peers that come from the registries of Python and of Node: installed once, with fixed versions, in a folder of the
//! bench. What is not there stays in the tables, with the way to get it.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::{corpus, tell};

const PYDRILLER: &str = "2.12";
const PYDRILLER_SCRIPT: &str = include_str!("../peers/pydriller_counts.py");
const BULLMQ_SCRIPT: &str = include_str!("../peers/bullmq.mjs");
const NODE_PACKAGES: &str = include_str!("../peers/package.json");
/// Until a server must listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A peer that can run, or what to do to have it.
pub(crate) type Peer<T> = std::result::Result<T, &'static str>;

/// PyDriller in an environment of its own.
pub(crate) struct PyDriller {
    python: PathBuf,
    script: PathBuf,
    pub(crate) version: String,
}

/// BullMQ and its Redis, which stops when dropped.
pub(crate) struct BullMq {
    script: PathBuf,
    port: u16,
    redis: Child,
    pub(crate) version: String,
    _folder: TempDir,
}

impl PyDriller {
    pub(crate) fn find() -> Result<Peer<Self>> {
        let folder = folder()?;
        let python = folder.join("python/bin/python");
        let is_there = || run(Command::new(&python).args(["-c", "import pydriller"])).is_ok();
        if !is_there() {
            tell(&format!("installing PyDriller {PYDRILLER} in {}, once", folder.display()));
            let made = run(Command::new("python3").args(["-m", "venv"]).arg(folder.join("python")));
            let package = format!("pydriller=={PYDRILLER}");
            let pip = || run(Command::new(&python).args(["-m", "pip", "install", "--quiet", &package]));
            if let Err(error) = made.and_then(|_| pip()) {
                tell(&format!("PyDriller: {error:#}"));
                return Ok(Err("install python3 with venv, and let pip reach its registry"));
            }
        }
        let script = folder.join("pydriller_counts.py");
        fs::write(&script, PYDRILLER_SCRIPT)?;
        Ok(Ok(Self { python, script, version: format!("PyDriller {PYDRILLER}") }))
    }

    /// Counts the newest commits; lines of id, parents, files, added, removed.
    pub(crate) fn count(&self, repository: &Path, commits: usize) -> Result<String> {
        run(Command::new(&self.python).arg(&self.script).arg(repository).arg(commits.to_string()))
    }
}

impl BullMq {
    pub(crate) fn find() -> Result<Peer<Self>> {
        let folder = folder()?;
        let node = run(Command::new("node").arg("--version"));
        let redis = run(Command::new("redis-server").arg("--version"));
        let (Ok(node), Ok(redis)) = (node, redis) else {
            return Ok(Err("install node, npm and redis-server"));
        };
        let script = folder.join("bullmq.mjs");
        fs::write(&script, BULLMQ_SCRIPT)?;
        if fs::read_to_string(folder.join("package.json")).ok().as_deref() != Some(NODE_PACKAGES)
            || !folder.join("node_modules/bullmq").is_dir()
        {
            tell(&format!("installing BullMQ in {}, once", folder.display()));
            fs::write(folder.join("package.json"), NODE_PACKAGES)?;
            let npm = ["install", "--no-audit", "--no-fund", "--ignore-scripts"];
            if let Err(error) = run(Command::new("npm").args(npm).current_dir(&folder)) {
                // The next run tries again.
                fs::remove_file(folder.join("package.json"))?;
                tell(&format!("BullMQ: {error:#}"));
                return Ok(Err("install npm, and let it reach its registry"));
            }
        }
        let version = format!(
            "BullMQ {}, node {}, redis {}, AOF everysec",
            bullmq_version().unwrap_or("unknown"),
            node.trim().trim_start_matches('v'),
            redis.split_whitespace().find_map(|word| word.strip_prefix("v=")).unwrap_or("unknown"),
        );
        let data = tempfile::tempdir()?;
        let (redis, port) = start_redis(data.path())?;
        Ok(Ok(Self { script, port, redis, version, _folder: data }))
    }

    /// Runs so many no-op jobs, so many at a time; the line of JSON that the script prints.
    pub(crate) fn run(&self, jobs: u32, concurrency: u32) -> Result<String> {
        let numbers = [u32::from(self.port), jobs, concurrency].map(|number| number.to_string());
        run(Command::new("node").arg(&self.script).args(numbers))
    }
}

impl Drop for BullMq {
    fn drop(&mut self) {
        let _ = self.redis.kill();
        let _ = self.redis.wait();
    }
}

fn bullmq_version() -> Option<&'static str> {
    let line = NODE_PACKAGES.lines().find(|line| line.contains("\"bullmq\""))?;
    line.split('"').nth(3)
}

fn start_redis(folder: &Path) -> Result<(Child, u16)> {
    // The port is free again for the server; if somebody else takes it meanwhile, the server ends and says so.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut redis = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--daemonize", "no"])
        .args(["--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction"])
        .arg("--dir")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("cannot start redis-server")?;
    let begin = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        if let Some(status) = redis.try_wait()? {
            bail!("redis-server ended: {status}");
        }
        ensure!(begin.elapsed() < PATIENCE, "redis-server does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok((redis, port))
}

/// Where peers are kept.
fn folder() -> Result<PathBuf> {
    let folder = corpus::home().join("muster-bench-peers-1");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} failed: {}", said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
