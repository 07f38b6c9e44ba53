//! The configuration in force: defaults, then the file, then the environment. Flags are applied by the commands that
//! have them. Each crate owns the meaning of its section; here it is only gathered, with who set what.

mod layers;

use std::path::{Path, PathBuf};

use muster_app::config::{
    ActionsConfig, AuthConfig, BackfillConfig, CacheSection, DatabaseConfig, JobsConfig, MirrorConfig,
    PortfolioConfig, RedisSection, RegistryConfig, ScanConfig, WatchConfig, WatchlistConfig, WebhookConfig,
};
use muster_http::config::{RateLimitConfig, ServerConfig};
use serde::Deserialize;

pub(crate) use layers::{ConfigError, Origin, Setting};

/// Every setting with its default and its meaning.
pub(crate) const DEFAULTS: &str = include_str!("../../../../muster.default.toml");

/// All sections.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) scan: ScanConfig,
    pub(crate) portfolio: PortfolioConfig,
    pub(crate) each: EachConfig,
    pub(crate) server: ServerConfig,
    pub(crate) auth: AuthConfig,
    pub(crate) ratelimit: RateLimitConfig,
    pub(crate) watch: WatchConfig,
    pub(crate) cache: CacheSection,
    pub(crate) redis: RedisSection,
    pub(crate) database: DatabaseConfig,
    pub(crate) registry: RegistryConfig,
    pub(crate) actions: ActionsConfig,
    pub(crate) mirror: MirrorConfig,
    pub(crate) backfill: BackfillConfig,
    pub(crate) watchlist: WatchlistConfig,
    pub(crate) jobs: JobsConfig,
    pub(crate) webhook: WebhookConfig,
}

/// `[each]`: the command of the same name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EachConfig {
    /// Commands at the same time; 0 = one for each processor.
    pub(crate) threads: usize,
}

/// The configuration and where each value came from.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) config: Config,
    pub(crate) settings: Vec<Setting>,
    /// The file that was read, if there is one.
    pub(crate) file: Option<PathBuf>,
}

/// Gathers all layers. Every wrong key and value is reported, not only the first.
pub(crate) fn gather(named: Option<&Path>) -> Result<Gathered, ConfigError> {
    let file = match named {
        Some(path) => Some(path.to_owned()),
        None => usual_file().filter(|path| path.exists()),
    };
    let text = match &file {
        Some(path) => Some((
            path.clone(),
            std::fs::read_to_string(path).map_err(|error| {
                ConfigError::one(format!("{}: cannot read the configuration file: {error}", path.display()))
            })?,
        )),
        None => None,
    };
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())));
    let settings = layers::merge(
        DEFAULTS,
        text.as_ref().map(|(path, text)| (path.as_path(), text.as_str())),
        environment,
    )?;
    let mut config: Config = layers::deserialize(&settings)?;
    let home = etcetera::home_dir().ok();
    for root in config.portfolio.roots.iter_mut().chain(&mut config.actions.trusted) {
        *root = expand_home(root, home.as_deref());
    }
    for path in [&mut config.server.data_dir, &mut config.registry.path, &mut config.mirror.folder] {
        *path = expand_home(path, home.as_deref());
    }
    Ok(Gathered { config, settings, file })
}

/// `$XDG_CONFIG_HOME/muster/muster.toml`, on every system.
pub(crate) fn usual_file() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    let strategy = etcetera::base_strategy::Xdg::new().ok()?;
    Some(strategy.config_dir().join("muster").join("muster.toml"))
}

fn expand_home(path: &Path, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}
