//! The service in this process, put together as `muster serve` does it, on a free port and over the root of a lab. Knows
//! how to start, ask, wait and stop; what is right is the tests' matter.
//!
//! The clock is handed in and moves only when a test moves it: a project's `checked_at` then says whether it was read
//! again. Waiting is asking until the answer is the one that must come.
//!
//! Long because it wires everything that a service has, once.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use muster_app::{
    Context,
    actions::{
        access::Access,
        execute::Executor,
        fetch::Fetcher,
        jobs::JobControl,
        refresh::Keeper,
        registry::{OwnRoots, RegistryKeeper},
        watchlist::Watchlist,
    },
    caches,
    config::{
        ActionsConfig, AuthConfig, CacheSection, PortfolioConfig, RegistryConfig, ScanConfig, WatchConfig,
    },
    events::Event,
    follow,
    jobs::{self, JobParts},
    live::Live,
    remote_policy::RemotePolicy,
    services::scan::{Detail, RelationChoices, ScanRequest},
};
use muster_cache::{
    Cache, CacheConfig,
    limiter::{LimitConfig, Limiter, Network, SharedLimiter, loopback, network},
};
use muster_http::{HostList, HttpCounters, HttpState, Parts, Proxies, Reach};
use muster_model::{Clock, NodeId, Timestamp};
use muster_store::{Store, StoreConfig};
use muster_testkit::{FixedClock, Lab};
use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::{sync::watch, task::JoinHandle};

/// The time at which every server begins.
pub(crate) const NOON: &str = "2026-01-31T12:00:00Z";
/// What must come comes long before, also on a slow and busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(45);

/// What a test wants to be different.
pub(crate) struct Setup {
    pub(crate) clock: FixedClock,
    pub(crate) watch: WatchConfig,
    pub(crate) cache: CacheSection,
    /// A database of PostgreSQL instead of a file.
    pub(crate) url: Option<String>,
    /// Who is not limited; everybody on this machine unless changed.
    pub(crate) exempt: Vec<Network>,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) request_timeout: Duration,
    pub(crate) max_body_bytes: usize,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) auth: AuthConfig,
    pub(crate) proxies: Option<Proxies>,
    roots: Vec<PathBuf>,
    data_dir: PathBuf,
}

impl Setup {
    /// As the shipped configuration says, over the lab's root, kept beside it.
    pub(crate) fn new(lab: &Lab) -> Self {
        Self {
            clock: FixedClock::at(NOON),
            watch: section("watch"),
            cache: section("cache"),
            url: None,
            exempt: loopback(),
            trusted_proxies: Vec::new(),
            request_timeout: Duration::from_secs(30),
            max_body_bytes: 64 * 1024,
            allowed_hosts: Vec::new(),
            auth: section("auth"),
            proxies: None,
            roots: vec![lab.root().to_owned()],
            data_dir: lab.folder().join("data"),
        }
    }

    /// Other roots than the lab's.
    pub(crate) fn roots(mut self, roots: &[PathBuf]) -> Self {
        roots.clone_into(&mut self.roots);
        self
    }

    /// Looks at projects again and again instead of listening to events.
    pub(crate) fn without_events(mut self) -> Self {
        self.watch.events = false;
        self
    }

    /// Nobody is exempt from the limit.
    pub(crate) fn limited(mut self) -> Self {
        self.exempt = Vec::new();
        self
    }

    /// Starts, and does not wait for anything.
    pub(crate) async fn start(&self) -> TestApp {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let mut config = StoreConfig::new(self.data_dir.clone());
        config.url.clone_from(&self.url);
        let store = Store::open(&config, Arc::clone(&clock)).await.expect("the store opens");
        let cache = Cache::new(
            CacheConfig {
                max_bytes: self.cache.max_bytes,
                max_entry_bytes: self.cache.max_entry_bytes,
                load_timeout: LIMIT,
                soft_timeout: LIMIT,
                jitter_percent: 0,
                early_refresh_percent: 100,
                negative_ttl: Duration::from_secs(10),
            },
            &caches::data_types(&self.cache),
            Arc::clone(&clock),
            || 0,
        );
        let context = Context::new(
            store.clone(),
            cache,
            Arc::clone(&clock),
            chance(),
            node(),
            muster_app::context::News::Kept,
        );
        let followed = follow::start(context.clone()).await.expect("the sequence can be read");
        let interrupt = Arc::new(AtomicBool::new(false));
        let keeper =
            Keeper::load(context.clone(), self.scan_request(), interrupt).await.expect("the projects load");
        let no_registry = RegistryConfig { path: PathBuf::new(), check_seconds: 5 };
        let roots = OwnRoots { named: keeper.request().roots, fallback: Vec::new() };
        let registry = RegistryKeeper::load(context.clone(), keeper.clone(), &no_registry, roots, None);
        let registry = registry.await.expect("no registry is no error");
        let no_actions = ActionsConfig { enabled: false, trusted: Vec::new() };
        let executor = Executor::new(context.clone(), keeper.clone(), no_actions);
        let mirror = section("mirror");
        let policy = RemotePolicy::new(&mirror).expect("known schemes");
        let parts = JobParts {
            folder: self.data_dir.join("mirrors"),
            policy: policy.clone(),
            webhook: None,
            mirror,
            backfill: section("backfill"),
            watchlist: section("watchlist"),
            portfolio: section("portfolio"),
            local: keeper.local_projects(),
        };
        // Nothing runs them here: what they do is tried on the whole program.
        let (kinds, _) = jobs::registry(&context, parts).expect("a folder for mirrors");
        let fetcher = Fetcher::new(context.clone(), policy.clone());
        let watchlist = Watchlist::start(context.clone(), policy);
        let jobs = JobControl::new(context.clone(), kinds);
        let live = Live::start(context.clone(), keeper.clone(), self.watch.clone());
        let listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let listener = muster_http::bind(listen, Reach::Machine).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = watch::channel(false);
        let limits = LimitConfig { allowed: self.exempt.clone(), ..LimitConfig::default() };
        let secrets = Arc::new(|| Some(number().to_be_bytes().repeat(4).try_into().expect("32 bytes")));
        let access = Access::new(context.clone(), self.auth.clone(), secrets).expect("a secret");
        let state = HttpState::new(Parts {
            access,
            proxies: self.proxies.clone(),
            context,
            followed,
            keeper,
            registry,
            executor,
            fetcher,
            watchlist,
            jobs,
            live,
            stopped: stopped.clone(),
            hosts: HostList::new(address.ip(), &self.allowed_hosts),
            trusted_proxies: self.trusted_proxies.clone(),
            limiter: Some(SharedLimiter::new(Limiter::new(limits, clock), None)),
            request_timeout: self.request_timeout,
            max_body_bytes: self.max_body_bytes,
            settings: Vec::new(),
            role: muster_http::Role::All,
            version: "1.2.3",
            started: Instant::now(),
            counters: HttpCounters::default(),
        });
        let server = tokio::spawn(muster_http::serve(listener, state.clone(), stopped, LIMIT));
        // Of two tests in one process the first says it for both.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(LIMIT)
            .build()
            .expect("a client");
        TestApp { address, client, clock: self.clock.clone(), state, store, stop, server }
    }

    /// Starts and waits until everything on disk is known and listened to.
    pub(crate) async fn start_settled(&self) -> TestApp {
        let app = self.start().await;
        app.settled().await;
        app
    }

    fn scan_request(&self) -> ScanRequest {
        let portfolio: PortfolioConfig = section("portfolio");
        ScanRequest {
            roots: self.roots.clone(),
            detail: Detail::Full,
            scan: section::<ScanConfig>("scan"),
            portfolio,
            emails: vec!["ada@example.org".to_owned()],
            only: None,
            choices: RelationChoices::default(),
            freshness: None,
            memo: Some(Arc::default()),
        }
    }
}

/// A running service.
pub(crate) struct TestApp {
    pub(crate) address: SocketAddr,
    pub(crate) clock: FixedClock,
    client: reqwest::Client,
    state: HttpState,
    store: Store,
    stop: watch::Sender<bool>,
    server: JoinHandle<std::io::Result<()>>,
}

impl TestApp {
    /// The service over a lab, as shipped.
    pub(crate) async fn over(lab: &Lab) -> Self {
        Setup::new(lab).start_settled().await
    }

    /// A request that the test may still change.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, path, headers).await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        self.send(Method::POST, path, &[]).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.request(method, path);
        answer(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
    }

    /// The JSON of a page that must be there.
    #[track_caller]
    pub(crate) fn json(&self, path: &str) -> impl Future<Output = Value> {
        let answer = self.get(path);
        async move {
            let answer = answer.await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
            answer.json()
        }
    }

    /// The projects of the list.
    pub(crate) async fn projects(&self) -> Vec<Value> {
        self.json("/portfolio/projects").await["projects"].as_array().expect("a list").clone()
    }

    /// The project of that name in the list, if it is there.
    pub(crate) async fn listed(&self, name: &str) -> Option<Value> {
        self.projects().await.into_iter().find(|project| project["name"] == name)
    }

    /// The sum of a metric over its labels.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        self.metric_of(name, "").await
    }

    /// The sum of those samples of a metric that carry this label.
    pub(crate) async fn metric_of(&self, name: &str, label: &str) -> u64 {
        let page = self.get("/metrics").await.text();
        let samples = page.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            let is_meant = (labels.is_empty() || labels.starts_with('{')) && labels.contains(label);
            is_meant.then(|| value.parse::<u64>().expect("a whole number"))
        });
        samples.sum()
    }

    /// Waits until the first search is done and nothing is left to be read.
    pub(crate) async fn settled(&self) {
        eventually("the first search is done", || async {
            let health = self.json("/health").await;
            health["parts"]["portfolio"]["message"].is_null().then_some(())
        })
        .await;
        let search = Counts::of(self).await;
        // Projects with events are read once more, lest a change before the first watch went unseen.
        eventually("every project is known", || async {
            let counts = Counts::of(self).await;
            let known = counts.live + counts.polled;
            (counts.read >= counts.live + known && known >= search.live + search.polled).then_some(())
        })
        .await;
        // Whoever reads holds the keeper; asked for its paths, it answers when nobody does.
        self.state.keeper.paths().await;
        eventually("the cache knows of all changes", || async {
            let head = self.store.change_head().await.expect("a head");
            (self.state.followed.seq() >= head).then_some(())
        })
        .await;
    }

    /// Lets the clock show a later (or, negative, an earlier) time.
    pub(crate) fn pass(&self, seconds: i64) {
        let span = jiff::SignedDuration::from_secs(seconds);
        self.clock.set(self.clock.now() + span);
    }

    /// Another part of the process tells a piece of news that nobody replays.
    pub(crate) fn tell(&self, topic: &str, data: Value) {
        self.tell_event(Event { seq: None, topic: topic.to_owned(), data });
    }

    /// The follower of the sequence tells news.
    pub(crate) fn tell_event(&self, event: Event) {
        self.state.context.events.tell(event);
    }

    /// What a program shows that may read the data folder.
    pub(crate) fn own_token(&self) -> &str {
        self.state.access.own_text()
    }

    /// The store behind it.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Tells it to stop; event streams end.
    pub(crate) fn begin_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Stops, so that the data folder is free again.
    pub(crate) async fn stop(self) {
        self.begin_stop();
        self.state.live.stop();
        drop(self.client);
        self.server.await.expect("no panic").expect("a clean end");
        self.store.close().await;
    }
}

#[derive(Debug)]
struct Counts {
    live: u64,
    polled: u64,
    read: u64,
}

impl Counts {
    async fn of(app: &TestApp) -> Self {
        Self {
            live: app.metric_of("muster_projects", "watch=\"live\"").await,
            polled: app.metric_of("muster_projects", "watch=\"polled\"").await,
            read: app.metric("muster_projects_read_total").await,
        }
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// A header, empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("plain text"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The code of a problem, which is checked to be one.
    #[track_caller]
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        let code = problem["code"].as_str().expect("a code").to_owned();
        assert_eq!(problem["type"], format!("urn:muster:problem:{code}"));
        assert!(!problem["title"].as_str().expect("a title").is_empty());
        let text = self.text();
        for sign in [".rs:", "panicked", "stack backtrace", "axum::", "RUST_BACKTRACE"] {
            assert!(!text.contains(sign), "looks into the works: {text}");
        }
        code
    }

    pub(crate) fn is_hit(&self) -> bool {
        self.header("cache-status").starts_with("muster; hit")
    }
}

/// Sends and takes in the whole answer.
pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await.expect("a whole answer").to_vec();
    Answer { status, headers, bytes }
}

/// Asks again and again until there is an answer, at most [`LIMIT`].
pub(crate) async fn eventually<T, Fut: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> Fut,
) -> T {
    eventually_or(what, || {
        let answer = ask();
        async { answer.await.ok_or_else(|| "no".to_owned()) }
    })
    .await
}

/// The same, of an asker that says what is in the way.
pub(crate) async fn eventually_or<T, Fut: Future<Output = Result<T, String>>>(
    what: &str,
    mut ask: impl FnMut() -> Fut,
) -> T {
    let begin = Instant::now();
    loop {
        let obstacle = match ask().await {
            Ok(answer) => return answer,
            Err(obstacle) => obstacle,
        };
        assert!(begin.elapsed() < LIMIT, "{what}: not within {LIMIT:?}, last: {obstacle}");
        // Between two questions, not instead of one.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The networks written so.
pub(crate) fn networks(texts: &[&str]) -> Vec<Network> {
    texts.iter().map(|text| network(text).expect("a network")).collect()
}

/// A section of the shipped configuration.
fn section<T: DeserializeOwned>(name: &str) -> T {
    let text = include_str!("../../../../muster.default.toml");
    let mut defaults: toml::Table = text.parse().expect("TOML");
    defaults.remove(name).expect("the section").try_into().expect("its shape")
}

fn node() -> NodeId {
    NodeId::new(Timestamp::UNIX_EPOCH, [7; 10])
}

fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Counts instead of chance, over all servers of the process: ids differ, also after a restart.
fn chance() -> muster_app::context::Chance {
    Arc::new(|| {
        let mut bytes = [0; 10];
        bytes[2..].copy_from_slice(&number().to_be_bytes());
        bytes
    })
}
