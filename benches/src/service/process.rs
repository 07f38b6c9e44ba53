//! A muster that serves, and what the kernel says of a process.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::{client::Client, world::World};

const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) struct Muster {
    child: Child,
    address: SocketAddr,
    begin: Instant,
}

impl Muster {
    pub(crate) fn start(world: &World) -> Result<Self> {
        Self::start_with(world, &[])
    }

    /// With these variables besides.
    pub(crate) fn start_with(world: &World, environment: &[(&str, &str)]) -> Result<Self> {
        let program = std::env::var_os("MUSTER_BIN").map_or_else(|| PathBuf::from("muster"), PathBuf::from);
        let begin = Instant::now();
        let mut child = world
            .seal(&mut Command::new(&program))
            .envs(environment.iter().copied())
            .arg("serve")
            .arg(world.root())
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(world.data())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let address = line.trim().strip_prefix("http://").context("no address")?.parse()?;
        Ok(Self { child, address, begin })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn client(&self) -> Result<Client> {
        Client::connect(self.address)
    }

    /// Waits until so many projects are listed; the time since start.
    pub(crate) fn wait_for_projects(&self, count: usize) -> Result<Duration> {
        let expected = format!("\"total_projects\":{count},");
        let mut client = self.client()?;
        loop {
            if client.get("/portfolio/summary", &[])?.text().contains(&expected) {
                return Ok(self.begin.elapsed());
            }
            ensure!(self.begin.elapsed() < PATIENCE, "{count} projects never showed");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until it reads nothing for a second.
    pub(crate) fn wait_until_quiet(&self) -> Result<()> {
        let mut client = self.client()?;
        let (mut before, begin) = (u64::MAX, Instant::now());
        loop {
            let read = client.metric("muster_projects_read_total")?;
            if read == before {
                return Ok(());
            }
            before = read;
            ensure!(begin.elapsed() < PATIENCE, "it never comes to rest");
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

impl Drop for Muster {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap_or_default());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

/// CPU time of a process, threads that ended included, to a hundredth of a second.
pub(crate) fn ticks_of(pid: u32) -> Result<Duration> {
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in brackets may hold anything; fields are counted after it.
    let fields: Vec<&str> = stat.rsplit_once(')').context("no name")?.1.split_whitespace().collect();
    let field = |at: usize| fields.get(at).and_then(|text| text.parse::<u32>().ok()).context("no such field");
    Ok(TICK * (field(11)? + field(12)?))
}

/// CPU time of the threads that a process has now, to the nanosecond.
pub(crate) fn cpu_of(pid: u32) -> Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        nanos += text.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanos))
}

/// Resident memory in bytes.
pub(crate) fn memory_of(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kilobytes: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kilobytes * 1024.0)
}
