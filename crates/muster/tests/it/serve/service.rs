//! The built program serving a lab, and a small client that asks it.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use muster_testkit::Lab;
use rustix::process::{Signal, kill_process};
use serde_json::Value;

use crate::run::{LIMIT, muster, pid, until};

/// A running service.
pub(super) struct Service {
    child: Child,
    pub(super) address: String,
    log: PathBuf,
}

impl Service {
    /// Serves the lab's root with these settings; its data stay in the lab.
    #[track_caller]
    pub(super) fn start(lab: &Lab, settings: &[(&str, &str)]) -> Self {
        Self::start_over(lab, lab.root(), settings)
    }

    /// The same over another root.
    #[track_caller]
    pub(super) fn start_over(lab: &Lab, root: &Path, settings: &[(&str, &str)]) -> Self {
        let data = lab.folder().join("data").display().to_string();
        Self::start_with(lab, root, &data, settings)
    }

    /// The same with its data in another folder, beside which it writes its log.
    #[track_caller]
    pub(super) fn start_with(lab: &Lab, root: &Path, data: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_as(lab, &[root.as_os_str()], data, settings)
    }

    /// The same with these arguments instead of a root.
    #[track_caller]
    pub(super) fn start_as(lab: &Lab, args: &[&OsStr], data: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_at(lab, "127.0.0.1:0", args, data, settings)
    }

    /// The same at this address.
    #[track_caller]
    pub(super) fn start_at(
        lab: &Lab,
        listen: &str,
        args: &[&OsStr],
        data: &str,
        settings: &[(&str, &str)],
    ) -> Self {
        let log = PathBuf::from(format!("{data}.log"));
        let file = fs::OpenOptions::new().create(true).append(true).open(&log).expect("a log");
        let mut command = muster(lab);
        command.arg("serve").args(args).args(["--listen", listen, "--data-dir"]);
        command.arg(data).env("MUSTER_LOG", "info").envs(settings.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(file).spawn().expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a stdout");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("http://").unwrap_or_else(|| {
            panic!("no address but '{line}'; the log: {}", fs::read_to_string(&log).unwrap_or_default())
        });
        Self { child, address: address.to_owned(), log }
    }

    /// The JSON at `path`.
    #[track_caller]
    pub(super) fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask("GET", path, "");
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Status and JSON of the answer to this body.
    #[track_caller]
    pub(super) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask("POST", path, &body.to_string())
    }

    /// Status and JSON of any answer; `null` where there is no content.
    #[track_caller]
    pub(super) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        if body.is_empty() {
            return (status, Value::Null);
        }
        let json = serde_json::from_str(body).unwrap_or_else(|error| panic!("{path}: {error}: {answer}"));
        (status, json)
    }

    /// How often the log says so.
    pub(super) fn says(&self, text: &str) -> usize {
        fs::read_to_string(&self.log).expect("the log").matches(text).count()
    }

    /// Tells the process something.
    pub(super) fn signal(&self, signal: Signal) {
        kill_process(pid(&self.child), signal).expect("it runs");
    }

    /// Ends at once, without being asked, and leaves everything as it is at this moment.
    pub(super) fn kill(mut self) {
        kill_process(pid(&self.child), Signal::KILL).expect("it runs");
        self.child.wait().expect("a child");
    }

    /// Ends in good order.
    #[track_caller]
    pub(super) fn stop(mut self) {
        kill_process(pid(&self.child), Signal::TERM).expect("it runs");
        let status = until("the end", || self.child.try_wait().expect("a child"));
        assert!(status.success(), "{status}");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
