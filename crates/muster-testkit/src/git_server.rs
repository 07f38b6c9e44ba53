//! A git server on the loopback: the repositories of a lab over HTTP (`git http-backend` behind a server of a few lines)
//! and over git's own protocol (`git daemon`, started for each connection, so that no port is guessed). It can be told
//! to behave as servers in the wild do: to refuse, to send elsewhere, to fall silent, to hand out nothing but files.
//!
//! One thread for each connection, one request on each connection. A silent server waits for the other side to hang up.

use std::{
    ffi::OsString,
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
    path::{Component, Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use crate::Lab;

/// How the server answers by HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// As `git http-backend` does.
    #[default]
    Normal,
    /// With this status and nothing else.
    Status(u16),
    /// As usual to who gives this user and password, joined by a colon; with 401 to others.
    Password(String),
    /// With 302 to this address.
    RedirectTo(String),
    /// As usual, until so many bytes of a pack were sent; then not another one.
    SilentAfter(u64),
    /// With files, as any web server: git's old, dumb protocol. `git update-server-info` must have been run.
    Files,
}

/// A running server. Stops taking connections when dropped.
#[derive(Debug)]
pub struct GitServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    program: OsString,
    environment: Vec<(OsString, OsString)>,
    behaviour: Mutex<Behaviour>,
    requests: Mutex<Vec<String>>,
    sent: AtomicU64,
    is_over: AtomicBool,
}

impl GitServer {
    /// Serves all repositories below [`Lab::root`] over HTTP.
    #[track_caller]
    pub fn http(lab: &Lab) -> Self {
        Self::start(lab, serve_http)
    }

    /// Serves all repositories below [`Lab::root`] over git's own protocol.
    #[track_caller]
    pub fn daemon(lab: &Lab) -> Self {
        Self::start(lab, serve_daemon)
    }

    #[track_caller]
    fn start(lab: &Lab, serve: fn(&Shared, TcpStream) -> io::Result<()>) -> Self {
        let git = lab.git_command(lab.root());
        let environment =
            git.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
        let shared = Arc::new(Shared {
            root: lab.root().to_owned(),
            program: git.get_program().to_owned(),
            environment,
            behaviour: Mutex::default(),
            requests: Mutex::default(),
            sent: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0));
        let listener = listener.unwrap_or_else(|error| panic!("no port on the loopback: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("no address: {error}"));
        let all = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if all.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&all);
                // The other side may hang up whenever it likes.
                thread::spawn(move || drop(serve(&shared, stream)));
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers so from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        *lock(&self.shared.behaviour) = behaviour;
    }

    /// What was asked for since the last call, such as `GET /a.git/info/refs`; `git` for each connection of a daemon.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.shared.requests))
    }

    /// Bytes of bodies sent over HTTP since the last call.
    pub fn take_sent(&self) -> u64 {
        self.shared.sent.swap(0, Ordering::SeqCst)
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes the listener; if it is gone already, so much the better.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn git(&self) -> Command {
        let mut git = Command::new(&self.program);
        git.env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.root);
        git
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve_daemon(shared: &Shared, stream: TcpStream) -> io::Result<()> {
    lock(&shared.requests).push("git".to_owned());
    let base = format!("--base-path={}", shared.root.display());
    let mut git = shared.git();
    git.args(["daemon", "--inetd", "--export-all", "--informative-errors", &base]);
    git.stdin(OwnedFd::from(stream.try_clone()?)).stdout(OwnedFd::from(stream)).stderr(Stdio::null());
    git.status().map(drop)
}

fn serve_http(shared: &Shared, mut stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let request = Request::read(&mut reader)?;
    lock(&shared.requests).push(format!("{} {}", request.method, request.path));
    let behaviour = lock(&shared.behaviour).clone();
    let empty = "Content-Length: 0\r\nConnection: close\r\n\r\n";
    match behaviour {
        Behaviour::Status(status) => {
            write!(stream, "HTTP/1.1 {status} As told\r\nWWW-Authenticate: Basic realm=\"lab\"\r\n{empty}")
        }
        Behaviour::Password(expected) if !request.is_signed(&expected) => {
            write!(stream, "HTTP/1.1 401 As told\r\nWWW-Authenticate: Basic realm=\"lab\"\r\n{empty}")
        }
        Behaviour::RedirectTo(place) => write!(stream, "HTTP/1.1 302 Found\r\nLocation: {place}\r\n{empty}"),
        Behaviour::Files => serve_file(shared, &request, &mut stream, empty),
        Behaviour::Normal | Behaviour::Password(_) => {
            run_backend(shared, &request, &mut reader, &mut stream, u64::MAX)
        }
        Behaviour::SilentAfter(bytes) => run_backend(shared, &request, &mut reader, &mut stream, bytes),
    }
}

/// RFC 4648, for the one header that needs it.
fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for place in 0..4 {
            let index = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or(0);
            encoded.push(if place <= chunk.len() { char::from(LETTERS[index]) } else { '=' });
        }
    }
    encoded
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
}

impl Request {
    fn read(reader: &mut impl BufRead) -> io::Result<Self> {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split_ascii_whitespace().map(str::to_owned);
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(io::Error::other("no request"));
        };
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Self { method, path, query, headers })
    }

    /// It gives this user and password.
    fn is_signed(&self, expected: &str) -> bool {
        self.header("authorization").is_some_and(|value| value == format!("Basic {}", base64(expected)))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body, as long as it says or in chunks.
    fn body(&self, reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            loop {
                let mut line = String::new();
                reader.read_line(&mut line)?;
                let size = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
                reader.take(size).read_to_end(&mut body)?;
                reader.read_line(&mut line)?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        let length = self.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        reader.take(length).read_to_end(&mut body)?;
        Ok(body)
    }
}

/// Runs the program of git as RFC 3875 (CGI) wants it, and sends on what it says.
fn run_backend(
    shared: &Shared,
    request: &Request,
    reader: &mut impl BufRead,
    stream: &mut TcpStream,
    most: u64,
) -> io::Result<()> {
    let body = request.body(reader)?;
    let mut git = shared.git();
    git.arg("http-backend")
        .env("GIT_PROJECT_ROOT", &shared.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", &request.path)
        .env("QUERY_STRING", &request.query)
        .env("REQUEST_METHOD", &request.method)
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("CONTENT_LENGTH", body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    for (header, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ] {
        if let Some(value) = request.header(header) {
            git.env(variable, value);
        }
    }
    let mut child = git.spawn()?;
    let stdin = child.stdin.take();
    let writer = thread::spawn(move || stdin.map_or(Ok(()), |mut stdin| stdin.write_all(&body)));
    if let Some(stdout) = child.stdout.take() {
        let is_pack = request.path.ends_with("upload-pack") && request.method == "POST";
        let sent = answer(shared, &mut BufReader::new(stdout), stream, if is_pack { most } else { u64::MAX });
        if !sent.is_ok_and(|is_whole| is_whole) {
            child.kill()?;
        }
    }
    child.wait()?;
    // What git did not want to read is its own matter.
    let _ = writer.join();
    stream.shutdown(Shutdown::Both)
}

/// Sends headers and body; false if it fell silent.
fn answer(shared: &Shared, said: &mut impl BufRead, stream: &mut TcpStream, most: u64) -> io::Result<bool> {
    let (mut status, mut headers) = ("200 OK".to_owned(), String::new());
    loop {
        let mut line = String::new();
        said.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some(("Status", value)) => value.clone_into(&mut status),
            Some((name, value)) => headers.extend([name, ": ", value, "\r\n"]),
            None => break,
        }
    }
    write!(stream, "HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n")?;
    let sent = io::copy(&mut said.take(most), stream)?;
    shared.sent.fetch_add(sent, Ordering::SeqCst);
    if sent < most {
        return Ok(true);
    }
    // Until the other side has had enough.
    io::copy(stream, &mut io::sink())?;
    Ok(false)
}

fn serve_file(shared: &Shared, request: &Request, stream: &mut TcpStream, empty: &str) -> io::Result<()> {
    let path = Path::new(request.path.trim_start_matches('/'));
    let is_below = path.components().all(|part| matches!(part, Component::Normal(_)));
    match fs::read(shared.root.join(path)) {
        Ok(bytes) if is_below => {
            let length = bytes.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n"
            )?;
            shared.sent.fetch_add(length as u64, Ordering::SeqCst);
            stream.write_all(&bytes)
        }
        _ => write!(stream, "HTTP/1.1 404 Not Found\r\n{empty}"),
    }
}
