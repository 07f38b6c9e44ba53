//! A Redis server of a test's own, on a free port of the loopback, which keeps nothing: it can be frozen, killed, and
//! started again empty at the same address. It runs without rights and is gone with its test, however that ends.

use std::{net::TcpListener, path::PathBuf, process::Command};

use tempfile::TempDir;

use crate::{
    supervised::{Supervised, give_to_nobody, must},
    unprivileged::unprivileged_command,
};

/// Another process may take the port that was free a moment ago; then another is tried.
const PORTS_TRIED: usize = 5;

/// A server, running or not. Stopped and removed when dropped.
#[derive(Debug)]
pub struct Redis {
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
    running: Option<Supervised>,
}

impl Redis {
    /// Starts an empty server.
    ///
    /// # Panics
    /// If no Redis is installed, or it does not start.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with words of its command line, such as `["--requirepass", "secret"]`.
    #[track_caller]
    pub fn start_with(settings: &[&str]) -> Self {
        let mut said = String::new();
        for _ in 0..PORTS_TRIED {
            let mut server = Self::absent();
            server.settings = settings.iter().map(|&word| word.to_owned()).collect();
            match server.run() {
                Ok(()) => return server,
                Err(error) => said = error,
            }
        }
        panic!("Redis did not start: {said}");
    }

    /// An address where nothing listens until [`start_again`](Self::start_again).
    #[track_caller]
    pub fn absent() -> Self {
        let folder = must("make a folder", tempfile::Builder::new().prefix("redis-").tempdir());
        give_to_nobody(folder.path());
        let listener = must("find a free port", TcpListener::bind(("127.0.0.1", 0)));
        let port = must("find a free port", listener.local_addr()).port();
        Self { folder, port, settings: Vec::new(), running: None }
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, without a password.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Stands still: connections stay, are taken, and nobody answers.
    #[track_caller]
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Goes on after [`freeze`](Self::freeze), with all that was asked meanwhile.
    #[track_caller]
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Ends at once, frozen or not. Connections break; what it held is lost.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }

    /// Starts it at the same address, empty; kills it first if it runs.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.kill();
        if let Err(said) = self.run() {
            panic!("Redis did not start: {said}");
        }
    }

    /// What it answers to a command, as redis-cli prints it, without the last line's end.
    #[track_caller]
    pub fn ask<const N: usize>(&self, command: [&str; N]) -> String {
        let mut client = Command::new("redis-cli");
        client.args(["-p", &self.port.to_string()]).args(command);
        let output = must("run redis-cli", client.output());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn run(&mut self) -> Result<(), String> {
        let mut server = unprivileged_command("redis-server");
        server.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--daemonize", "no"]);
        server.args(["--save", "", "--appendonly", "no", "--dir"]).arg(self.folder.path());
        server.arg("--pidfile").arg(self.pid_file()).args(&self.settings);
        // KILL, because it is the only signal that ends a frozen process.
        self.running = Some(Supervised::start(self.folder.path(), "KILL", &server)?);
        Ok(())
    }

    #[track_caller]
    fn signal(&self, signal: &str) {
        assert!(self.running.is_some(), "a server that does not run hears no signal");
        let pid = must("read the process id", std::fs::read_to_string(self.pid_file()));
        let done = must("run kill", Command::new("kill").args([signal, pid.trim()]).status());
        assert!(done.success(), "kill {signal} {pid}: {done}");
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.path().join("pid")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
