//! The composition root of the service: from the configuration to the parts that answer requests. Every choice of an
//! implementation is made here and nowhere else.

use std::{
    fs::File,
    hash::{BuildHasher, RandomState},
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use muster_app::{
    Context,
    actions::{
        access::{Access, SecretSource},
        execute::Executor,
        fetch::Fetcher,
        freshness,
        jobs::JobControl,
        refresh::Keeper,
        registry::{OwnRoots, RegistryKeeper},
        watchlist::Watchlist,
    },
    caches,
    config::{
        AuthConfig, AuthMode, CacheSection, DatabaseConfig, RedisSection, RegistryConfig, WebhookConfig,
    },
    context::News,
    follow,
    jobs::{self, Copies, JobParts},
    live::Live,
    remote_policy::RemotePolicy,
    services::scan::{Detail, RelationChoices, ScanRequest},
    upkeep,
};
use muster_cache::{
    Cache, CacheConfig,
    limiter::{LimitConfig, Limiter, Network, SharedLimiter, network},
    redis::RedisLink,
};
use muster_http::{
    HostList, HttpState, Parts, Proxies, Reach, Role, config::RateLimitConfig, wire::SettingView,
};
use muster_jobs::{JobScope, ProgressListener, Registry, Runner, RunnerConfig};
use muster_model::{Clock, NodeId, SystemClock};
use muster_net::Webhook;
use muster_store::{DatabaseKind, FolderLock, Migrate, Store, StoreConfig};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    config::{Config, Gathered, Origin, Setting},
    exit::UsageError,
};

/// What is running.
pub(crate) struct Composed {
    pub(crate) state: HttpState,
    pub(crate) store: Store,
    /// The folder for what is kept.
    pub(crate) data_dir: PathBuf,
    /// Held as long as this node runs.
    pub(crate) node_lock: FolderLock,
    /// What follows registry.json.
    pub(crate) registry_task: JoinHandle<()>,
    /// What runs jobs; ends by itself when muster stops.
    pub(crate) runner_task: JoinHandle<()>,
}

/// Puts everything together and starts what runs in the background.
pub(crate) async fn compose(
    gathered: Gathered,
    roots: OwnRoots,
    listen: SocketAddr,
    interrupt: &Arc<AtomicBool>,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<Composed> {
    let Gathered { config, settings, .. } = gathered;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let data_dir = data_dir(&config.server.data_dir)?;
    let store_config = store_config(&config.database, &data_dir);
    let role = config.server.role;
    refuse_divided(role, store_config.kind()?)?;
    let store = Store::open(&store_config, Arc::clone(&clock)).await?;
    let node = node_id(&data_dir, &*clock)?;
    // Two servers with one identity would each take the other's projects for their own. The store holds a lock of its own
    // where it lies in the data folder; this one is for a store elsewhere.
    let node_lock = FolderLock::take(data_dir.join("node.lock"))?;
    let link = redis_link(&config.redis, &settings, node)?;
    let cache = cache(&config.cache, &clock, link.clone());
    let webhook = webhook(&config.webhook)?;
    let news = if webhook.is_some() { News::Delivered } else { News::Kept };
    let context = Context::new(store.clone(), cache, Arc::clone(&clock), Arc::new(chance), node, news);
    let followed = follow::start(context.clone()).await?;
    let policy = RemotePolicy::new(&config.mirror)?;
    let keeper = Keeper::load(context.clone(), scan_request(&config, &policy), Arc::clone(interrupt)).await?;
    // Before the first search: it says where to search.
    let home = etcetera::home_dir().ok();
    let registry =
        RegistryKeeper::load(context.clone(), keeper.clone(), &registry_config(&config)?, roots, home)
            .await?;
    tokio::spawn(upkeep::run(context.clone()));
    let (kinds, copies) = kinds(&context, &config, &data_dir, &policy, &keeper, webhook)?;
    jobs::begin_upkeep(&context).await?;
    tokio::spawn(copies.look_after());
    let runner_task = run_jobs(&context, &config, kinds.clone(), stopped.clone());
    let live = match role {
        Role::All | Role::Api => Live::start(context.clone(), keeper.clone(), config.watch.clone()),
        Role::Worker => Live::idle(),
    };
    // Without a file, as a worker is, this does nothing.
    let registry_task = registry.follow(live.searcher());
    if role != Role::Worker {
        follow_remotes(&context, &keeper, &config, &live);
    }
    let state = HttpState::new(Parts {
        fetcher: Fetcher::new(context.clone(), policy.clone()),
        watchlist: Watchlist::start(context.clone(), policy),
        jobs: JobControl::new(context.clone(), kinds),
        access: Access::new(context.clone(), config.auth.clone(), secret_source())?,
        proxies: proxies(&config.auth)?,
        executor: Executor::new(context.clone(), keeper.clone(), config.actions.clone()),
        context,
        followed,
        keeper,
        registry,
        live,
        stopped,
        hosts: HostList::new(listen.ip(), &config.server.allowed_hosts),
        trusted_proxies: networks("server.trusted_proxies", &config.server.trusted_proxies)?,
        limiter: limiter(&config.ratelimit, &clock, link)?,
        request_timeout: Duration::from_secs(config.server.request_timeout_seconds.max(1)),
        max_body_bytes: config.server.max_body_bytes,
        settings: settings.iter().map(setting_view).collect(),
        role,
        version: env!("CARGO_PKG_VERSION"),
        started: Instant::now(),
        counters: muster_http::HttpCounters::default(),
    });
    Ok(Composed { state, store, data_dir, node_lock, registry_task, runner_task })
}

/// One process holds a SQLite database: a part of muster that runs by itself would find nobody to work with.
fn refuse_divided(role: Role, kind: DatabaseKind) -> Result<(), UsageError> {
    if role == Role::All || kind == DatabaseKind::Postgres {
        return Ok(());
    }
    let message = format!(
        "role {} needs PostgreSQL: a SQLite database is held by one process, which has to do everything",
        role.as_str()
    );
    let hint =
        "set DATABASE_URL=postgres://… (`muster db copy` takes along what is there), or leave out the role";
    Err(UsageError { message, hint: Some(hint.to_owned()) })
}

fn webhook(config: &WebhookConfig) -> anyhow::Result<Option<Webhook>> {
    if config.url.is_empty() {
        return Ok(None);
    }
    Ok(Some(Webhook::new(&config.url, &config.secret)?))
}

/// The kinds of jobs with what they stand on.
fn kinds(
    context: &Context,
    config: &Config,
    data_dir: &Path,
    policy: &RemotePolicy,
    keeper: &Keeper,
    webhook: Option<Webhook>,
) -> anyhow::Result<(Registry, Copies)> {
    let folder = &config.mirror.folder;
    let folder =
        if folder.as_os_str().is_empty() { data_dir.join("mirrors") } else { std::path::absolute(folder)? };
    let parts = JobParts {
        folder,
        policy: policy.clone(),
        webhook,
        mirror: config.mirror.clone(),
        backfill: config.backfill.clone(),
        watchlist: config.watchlist.clone(),
        portfolio: config.portfolio.clone(),
        local: keeper.local_projects(),
    };
    Ok(jobs::registry(context, parts)?)
}

/// Runs jobs until muster stops. What they say of their progress is news at once, and not kept.
fn run_jobs(
    context: &Context,
    config: &Config,
    kinds: Registry,
    stopped: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let telling = context.clone();
    let on_progress: ProgressListener = Arc::new(move |job, progress| {
        let data = serde_json::json!({
            "id": job.id,
            "kind": job.kind,
            "subject": job.subject,
            "done": progress.done,
            "total": progress.total,
            "unit": progress.unit,
            "message": progress.message,
        });
        follow::tell_everywhere(&telling, "job.progress", data);
    });
    let grace = Duration::from_secs(config.server.shutdown_seconds);
    let scope = match config.server.role {
        Role::All | Role::Worker => JobScope::All,
        // What is about its own folders waits for no other node.
        Role::Api => JobScope::OwnNode,
    };
    let runner = Runner::new(
        context.store.clone(),
        kinds,
        RunnerConfig { scope, ..jobs::runner_config(&config.jobs, grace) },
        Arc::clone(&context.clock),
        Arc::clone(&context.chance),
        context.node,
        on_progress,
    );
    tokio::spawn(async move { runner.run(stopped).await })
}

/// Has remotes asked whether they have moved on, if that is wanted.
fn follow_remotes(context: &Context, keeper: &Keeper, config: &Config, live: &Live) {
    if config.portfolio.remote_freshness {
        let period = Duration::from_secs(config.portfolio.remote_freshness_seconds);
        tokio::spawn(freshness::run(context.clone(), keeper.clone(), period, live.reader()));
    }
}

/// Its roots are set by the registry's keeper.
fn scan_request(config: &Config, policy: &RemotePolicy) -> ScanRequest {
    ScanRequest {
        roots: Vec::new(),
        detail: Detail::Full,
        scan: config.scan.clone(),
        portfolio: config.portfolio.clone(),
        emails: muster_app::global_emails(),
        only: None,
        choices: RelationChoices::default(),
        freshness: config.portfolio.remote_freshness.then(|| policy.clone()),
        memo: Some(Arc::default()),
    }
}

fn registry_config(config: &Config) -> anyhow::Result<RegistryConfig> {
    let mut registry = config.registry.clone();
    if config.server.role == Role::Worker {
        // What it says is about folders.
        registry.path = PathBuf::new();
    }
    if !registry.path.as_os_str().is_empty() {
        registry.path = std::path::absolute(&registry.path)?;
    }
    Ok(registry)
}

/// The folder for what is kept.
pub(crate) fn data_dir(configured: &Path) -> anyhow::Result<PathBuf> {
    use etcetera::BaseStrategy;
    if !configured.as_os_str().is_empty() {
        return Ok(std::path::absolute(configured)?);
    }
    let strategy =
        etcetera::base_strategy::Xdg::new().context("the home folder is not known; name a --data-dir")?;
    Ok(strategy.data_dir().join("muster"))
}

/// Where and how things are kept.
pub(crate) fn store_config(config: &DatabaseConfig, data_dir: &Path) -> StoreConfig {
    StoreConfig {
        url: (!config.url.is_empty()).then(|| config.url.clone()),
        data_dir: data_dir.to_owned(),
        max_connections: config.max_connections.max(1),
        statement_timeout: Duration::from_secs(config.statement_timeout_seconds.max(1)),
        acquire_timeout: Duration::from_secs(config.acquire_timeout_seconds.max(1)),
        idle_timeout: Duration::from_secs(config.idle_seconds.max(1)),
        max_lifetime: Duration::from_secs(config.lifetime_seconds.max(1)),
        migrate: if config.migrate { Migrate::Automatically } else { Migrate::Refuse },
    }
}

/// The link to Redis, if anything was said of one. It connects in the background.
fn redis_link(
    section: &RedisSection,
    settings: &[Setting],
    node: NodeId,
) -> anyhow::Result<Option<RedisLink>> {
    let is_set = |setting: &Setting| setting.section == "redis" && setting.origin != Origin::Default;
    if !section.enabled || !settings.iter().any(is_set) {
        return Ok(None);
    }
    let config = section.config(node.to_string(), env!("CARGO_PKG_VERSION").to_owned());
    Ok(Some(RedisLink::start(config, any_number).context("redis.url is wrong")?))
}

fn cache(section: &CacheSection, clock: &Arc<dyn Clock>, link: Option<RedisLink>) -> Cache {
    const JITTER_PERCENT: u8 = 10;
    // So that a page that asks each minute asks in the last part of five, jitter included: it never waits for its answer.
    const EARLY_REFRESH_PERCENT: u8 = 75;
    const NEGATIVE_TTL: Duration = Duration::from_secs(10);
    let config = CacheConfig {
        max_bytes: section.max_bytes,
        max_entry_bytes: section.max_entry_bytes,
        load_timeout: Duration::from_millis(section.load_timeout_ms),
        soft_timeout: Duration::from_millis(section.soft_timeout_ms),
        jitter_percent: JITTER_PERCENT,
        early_refresh_percent: EARLY_REFRESH_PERCENT,
        negative_ttl: NEGATIVE_TTL,
    };
    let (types, clock) = (caches::data_types(section), Arc::clone(clock));
    match link {
        Some(link) => Cache::shared(config, &types, clock, any_number, link, &caches::OWN_TAGS),
        None => Cache::new(config, &types, clock, any_number),
    }
}

/// Chance for jitter, and for the states of tags in Redis, which must not repeat themselves.
fn any_number() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        // The standard library's chance for its tables, which it keeps for each thread.
        Err(_) => RandomState::new().hash_one(Instant::now()),
    }
}

fn limiter(
    config: &RateLimitConfig,
    clock: &Arc<dyn Clock>,
    link: Option<RedisLink>,
) -> anyhow::Result<Option<SharedLimiter>> {
    if !config.enabled {
        return Ok(None);
    }
    let limits = LimitConfig {
        requests: config.requests,
        token_requests: config.token_requests,
        window: Duration::from_secs(config.window_seconds.max(1)),
        allowed: networks("ratelimit.allowed", &config.allowed)?,
        ..LimitConfig::default()
    };
    Ok(Some(SharedLimiter::new(Limiter::new(limits, Arc::clone(clock)), link)))
}

/// Who may reach this muster.
pub(crate) fn reach(auth: &AuthConfig) -> Reach {
    if auth.mode == AuthMode::None && !auth.open_to_network { Reach::Machine } else { Reach::Network }
}

/// Which proxies may say who asks.
fn proxies(auth: &AuthConfig) -> anyhow::Result<Option<Proxies>> {
    if auth.mode != AuthMode::Proxy {
        return Ok(None);
    }
    if auth.proxy_peers.is_empty() {
        bail!("auth.mode is proxy, and auth.proxy_peers names no proxy; set it to the addresses of yours");
    }
    let header: String = auth.proxy_header.trim().to_ascii_lowercase();
    let is_name =
        !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_name {
        bail!(
            "auth.proxy_header '{}' is no name of a header; write it like X-Forwarded-User",
            auth.proxy_header
        );
    }
    Ok(Some(Proxies { header, peers: networks("auth.proxy_peers", &auth.proxy_peers)? }))
}

/// Secrets come from the system, and from nowhere else.
fn secret_source() -> SecretSource {
    Arc::new(|| {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).ok().map(|()| bytes)
    })
}

fn networks(key: &str, texts: &[String]) -> anyhow::Result<Vec<Network>> {
    texts.iter().map(|text| network(text).with_context(|| format!("{key} is wrong"))).collect()
}

/// The identity of this node, made once and kept in the data folder: local projects belong to the node that sees them.
fn node_id(data_dir: &Path, clock: &dyn Clock) -> anyhow::Result<NodeId> {
    std::fs::create_dir_all(data_dir).with_context(|| format!("cannot make {}", data_dir.display()))?;
    let path = data_dir.join("node-id");
    match std::fs::read_to_string(&path) {
        Ok(text) => text
            .trim()
            .parse()
            .with_context(|| format!("{} holds no id; delete it to get a new one", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id = NodeId::new(clock.now(), chance());
            // Named when it is whole: an empty one would be in the way of every later start.
            let unnamed = path.with_extension("new");
            let cannot_write = || format!("cannot write {}", path.display());
            let mut file = File::create(&unnamed).with_context(cannot_write)?;
            writeln!(file, "{id}")?;
            file.sync_all()?;
            std::fs::rename(&unnamed, &path).with_context(cannot_write)?;
            Ok(id)
        }
        Err(error) => bail!("cannot read {}: {error}", path.display()),
    }
}

fn chance() -> [u8; 10] {
    let mut bytes = [0; 10];
    // Without the system's chance ids are told apart by their time alone, which one node's are.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

fn setting_view(setting: &Setting) -> SettingView {
    SettingView {
        key: format!("{}.{}", setting.section, setting.key),
        value: serde_json::to_value(setting.shown_value()).unwrap_or_default(),
        origin: setting.origin.to_string(),
    }
}
