//! `muster serve` as a process: where it says it is, how it ends, what it does on a bad machine, and the commands that
//! look after it.

mod access;
mod actions;
mod admin;
mod cluster;
mod endings;
mod fetch;
mod machine;
mod redis;
mod registry;
mod service;
mod watchlist;

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use muster_testkit::Lab;
use rustix::process::{Signal, kill_process};
use serde_json::Value;

use crate::run::{LIMIT, muster, pid, sealed, until};

/// A running server. Killed when dropped, so that a test that fails leaves nothing behind.
struct Served {
    address: SocketAddr,
    log: PathBuf,
    child: Child,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `muster serve` over the lab's root on a free port, with a data folder beside it.
fn serve(lab: &Lab) -> Command {
    let mut command = muster(lab);
    serve_args(&mut command, lab);
    command
}

fn serve_args(command: &mut Command, lab: &Lab) {
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir(lab)).arg(lab.root());
}

fn data_dir(lab: &Lab) -> PathBuf {
    lab.folder().join("data")
}

impl Served {
    #[track_caller]
    fn over(lab: &Lab) -> Self {
        Self::start(lab, &mut serve(lab))
    }

    /// Starts and waits for the first line, which says where it answers.
    #[track_caller]
    fn start(lab: &Lab, command: &mut Command) -> Self {
        let log = lab.folder().join("stderr.log");
        let stderr = File::create(&log).expect("a file");
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.trim_end().strip_prefix("http://").and_then(|address| address.parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            panic!("the first line is '{line}'; stderr: {}", fs::read_to_string(&log).unwrap_or_default());
        };
        Self { address, log, child }
    }

    /// Status and body of an answer.
    #[track_caller]
    fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        write!(stream, "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), body.to_owned())
    }

    #[track_caller]
    fn json(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    fn is_scanned(&self) -> bool {
        self.json("/health")["parts"]["portfolio"]["message"].is_null()
    }

    /// Waits until the first search is done.
    #[track_caller]
    fn scanned(&self) {
        until("the first search", || self.is_scanned().then_some(()));
    }

    /// Waits until that is the subject of a project's last commit.
    #[track_caller]
    fn shows_commit(&self, project: &str, subject: &str) {
        until(subject, || {
            let project = self.json(&format!("/portfolio/projects/{project}"));
            (project["git"]["last_commit"] == subject).then_some(())
        });
    }

    fn signal(&self, signal: Signal) {
        kill_process(pid(&self.child), signal).expect("it runs");
    }

    /// How it ended, once it has.
    #[track_caller]
    fn ended(mut self) -> ExitStatus {
        until("the end", || self.child.try_wait().expect("a child"))
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// The lab's HOME and data folder given to the user without rights.
fn as_nobody(lab: &Lab, program: &Path) -> Command {
    sealed(lab, muster_testkit::unprivileged_command(program))
}
