//! Clients that ask all nodes again and again, and note what they were answered.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use super::*;

/// Cached and not, of the catalogue, of jobs, of folders.
const ROUTES: [&str; 7] = [
    CATALOGUE,
    "/api/v1/repositories?status=processing",
    "/api/v1/watchlist?limit=5",
    "/api/v1/jobs?limit=5",
    "/portfolio/summary",
    "/portfolio/projects",
    "/portfolio/recommendations",
];
/// Clients of each node.
const CLIENTS: usize = 2;

/// While it lives, all nodes are asked, and something falls all the time.
pub(super) struct Load {
    noted: Arc<Noted>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Noted {
    is_over: AtomicBool,
    answered: AtomicU64,
    refused: AtomicU64,
    failures: Mutex<Vec<String>>,
    slowest: Mutex<Duration>,
    /// Entries that were promised.
    promised: Mutex<Vec<String>>,
}

/// What came of it.
pub(super) struct Report {
    /// Answers that are neither a success nor a 503 that says when to come again.
    pub(super) failures: Vec<String>,
    pub(super) refused: u64,
    pub(super) slowest: Duration,
    pub(super) promised: Vec<String>,
}

impl Load {
    pub(super) fn on(nodes: &[Service]) -> Self {
        let noted = Arc::<Noted>::default();
        let mut clients = Vec::new();
        for (number, node) in nodes.iter().enumerate() {
            for _ in 0..CLIENTS {
                let (noted, mut client) = (Arc::clone(&noted), Client::of(node));
                clients.push(thread::spawn(move || {
                    for route in ROUTES.iter().cycle() {
                        if noted.is_over.load(Ordering::SeqCst) {
                            return;
                        }
                        noted.ask(&mut client, "GET", route, "");
                    }
                }));
            }
            let (noted, mut client) = (Arc::clone(&noted), Client::of(node));
            clients.push(thread::spawn(move || {
                for change in 0.. {
                    if noted.is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    let body = json!({ "repo_url": format!("http://127.0.0.1:1/ada/of{number}x{change}") });
                    if let Some(answer) =
                        noted.ask(&mut client, "POST", "/api/v1/watchlist", &body.to_string())
                    {
                        let answer: Value = serde_json::from_slice(&answer.body).expect("JSON");
                        let id = answer["watchlist_id"].as_str().expect("an id").to_owned();
                        noted.promised.lock().expect("a lock").push(id);
                    }
                    thread::sleep(Duration::from_millis(50));
                }
            }));
        }
        Self { noted, clients }
    }

    /// Waits until so many more requests were answered.
    #[track_caller]
    pub(super) fn goes_on(&self, answers: u64) {
        let before = self.noted.answered.load(Ordering::SeqCst);
        until("the load to go on", || {
            (self.noted.answered.load(Ordering::SeqCst) >= before + answers).then_some(())
        });
    }

    /// Waits until somebody was told to come again.
    #[track_caller]
    pub(super) fn is_refused(&self) {
        let before = self.refused();
        until("somebody to be refused", || (self.refused() > before).then_some(()));
    }

    pub(super) fn refused(&self) -> u64 {
        self.noted.refused.load(Ordering::SeqCst)
    }

    pub(super) fn end(self) -> Report {
        self.noted.is_over.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().expect("a client");
        }
        let noted = &self.noted;
        Report {
            failures: std::mem::take(&mut noted.failures.lock().expect("a lock")),
            refused: noted.refused.load(Ordering::SeqCst),
            slowest: *noted.slowest.lock().expect("a lock"),
            promised: std::mem::take(&mut noted.promised.lock().expect("a lock")),
        }
    }
}

impl Noted {
    /// The answer, if it is a success.
    fn ask(&self, client: &mut Client, method: &str, path: &str, body: &str) -> Option<Answer> {
        let begin = Instant::now();
        let answer = client.ask(method, path, "", body);
        let mut slowest = self.slowest.lock().expect("a lock");
        *slowest = begin.elapsed().max(*slowest);
        drop(slowest);
        let failure = match answer {
            Ok(answer) if matches!(answer.status, 200 | 202) => {
                self.answered.fetch_add(1, Ordering::SeqCst);
                return Some(answer);
            }
            Ok(answer) if answer.status == 503 && header(&answer.head, "retry-after").is_some() => {
                self.refused.fetch_add(1, Ordering::SeqCst);
                return None;
            }
            Ok(answer) => format!("{path}: {} {}", answer.head, String::from_utf8_lossy(&answer.body)),
            Err(error) => format!("{path}: {error}"),
        };
        self.failures.lock().expect("a lock").push(failure);
        None
    }
}
