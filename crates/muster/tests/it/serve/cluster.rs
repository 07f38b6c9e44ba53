//! Three nodes on one PostgreSQL, with one Redis or without: what one of them does the others serve, whatever is killed,
//! frozen or restarted meanwhile. The nodes are processes, and so are the servers.
//!
//! The routes that show it are those of the catalogue: its counts are cached and shared by all nodes. What is said of
//! folders is each node's own.

mod coherence;
mod limits;
mod live;
mod load;
mod outages;

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use muster_testkit::{GitServer, Lab, Postgres, Redis};
use serde_json::{Value, json};

use super::service::Service;
use crate::run::{LIMIT, until};

/// The promise is 5 s from the moment that Redis is back; a busy machine is given twice that.
const AGAIN: Duration = Duration::from_secs(10);
/// All repositories and how many there are, of which the number is cached.
const CATALOGUE: &str = "/api/v1/repositories?limit=1";

/// A node: the first, `a`, answers and works, all others answer alone.
#[track_caller]
fn node(lab: &Lab, name: &str, postgres: &Postgres, redis: Option<&str>, more: &[(&str, &str)]) -> Service {
    let nothing = lab.folder().join("nothing");
    std::fs::create_dir_all(&nothing).expect("a folder");
    let role = if name == "a" { "all" } else { "api" };
    let database = postgres.url();
    let mut settings = vec![
        ("DATABASE_URL", database.as_str()),
        ("MUSTER__MIRROR__ALLOW_PRIVATE", "true"),
        ("MUSTER__MIRROR__SCHEMES", "http"),
    ];
    settings.extend(redis.map(|redis| ("REDIS_URL", redis)));
    settings.extend(more);
    let args = [OsStr::new("--role"), OsStr::new(role), nothing.as_os_str()];
    Service::start_as(lab, &args, &lab.folder().join(name).display().to_string(), &settings)
}

#[track_caller]
fn three(lab: &Lab, postgres: &Postgres, redis: Option<&Redis>) -> [Service; 3] {
    let url = redis.map(Redis::url);
    let nodes = ["a", "b", "c"].map(|name| node(lab, name, postgres, url.as_deref(), &[]));
    if redis.is_some() {
        nodes.iter().for_each(is_used);
    }
    nodes
}

fn shared(node: &Service) -> Value {
    node.get("/api/v1/admin/cache/stats")["shared"].clone()
}

/// Waits until a node uses Redis. Asks what is not limited.
#[track_caller]
fn is_used(node: &Service) {
    until("Redis to be used", || (node.get("/health")["parts"]["redis"]["status"] == "ok").then_some(()));
}

fn url(server: &GitServer, name: &str) -> String {
    format!("http://{}/{name}", server.address())
}

/// Has `node` watch a repository, and gives the id of its entry.
#[track_caller]
fn watch(node: &Service, url: &str) -> String {
    let (status, answer) = node.post("/api/v1/watchlist", &json!({ "repo_url": url }));
    assert_eq!(status, 202, "{answer}");
    answer["watchlist_id"].as_str().expect("an id").to_owned()
}

fn total(node: &Service) -> u64 {
    node.get(CATALOGUE)["total"].as_u64().expect("a number")
}

/// One connection that is kept, as a browser has it.
struct Client {
    address: String,
    stream: Option<BufReader<TcpStream>>,
}

struct Answer {
    status: u16,
    /// In lower case.
    head: String,
    body: Vec<u8>,
}

impl Client {
    fn of(node: &Service) -> Self {
        Self { address: node.address.clone(), stream: None }
    }

    fn json(&mut self, path: &str) -> Value {
        let answer = self.ask("GET", path, "", "").expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    /// `head` is further lines of the request's head.
    fn ask(&mut self, method: &str, path: &str, head: &str, body: &str) -> std::io::Result<Answer> {
        let asked = self.try_ask(method, path, head, body);
        if asked.is_err() {
            self.stream = None;
        }
        asked
    }

    fn try_ask(&mut self, method: &str, path: &str, head: &str, body: &str) -> std::io::Result<Answer> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(&self.address)?;
                stream.set_read_timeout(Some(LIMIT))?;
                stream.set_nodelay(true)?;
                self.stream.insert(BufReader::new(stream))
            }
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{head}\r\n{body}",
            self.address,
            body.len()
        );
        stream.get_mut().write_all(request.as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        let head = head.to_lowercase();
        let invalid = || std::io::Error::from(std::io::ErrorKind::InvalidData);
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(invalid)?;
        let length = header(&head, "content-length").and_then(|length| length.parse().ok());
        let mut body = vec![0; length.ok_or_else(invalid)?];
        stream.read_exact(&mut body)?;
        Ok(Answer { status, head, body })
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
