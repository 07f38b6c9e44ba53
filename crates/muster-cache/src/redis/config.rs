//! Where Redis is and how it is used, as the composition root says it; parsed here, so that a wrong address is found at
//! the start and not at the first request. What it holds of secrets is never printed.

use std::{fmt, time::Duration};

use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

/// Longest wait for a connection whatever the configuration says: with it and the longest pause between two tries, Redis
/// is used again within 5 s of coming back.
const LONGEST_CONNECT: Duration = Duration::from_secs(2);

/// How Redis is reached and used.
#[derive(Clone)]
pub struct RedisConfig {
    /// `redis://[user[:password]@]host[:port][/db]`, `rediss://` for TLS, or `unix:///path`.
    pub url: String,
    /// Instead of the one in `url`.
    pub username: Option<String>,
    /// Instead of the one in `url`.
    pub password: Option<String>,
    /// Instead of the one in `url`.
    pub database: Option<i64>,
    /// For one try to connect; above 2 s it counts as 2 s.
    pub connect_timeout: Duration,
    /// For one answer; on the path of a request never more than 100 ms of it are waited.
    pub response_timeout: Duration,
    /// All connections together, at least two: one listens, the others ask.
    pub max_connections: usize,
    /// Begins every key. `muster:` unless several installations share one Redis.
    pub prefix: String,
    /// What is kept can only be read by who says the same here: the version of the program.
    pub schema: String,
    /// How this node is called in the report of a check.
    pub node: String,
    /// Envelopes above this many bytes are not stored.
    pub max_value_bytes: usize,
    /// Pause between two signs of life.
    pub heartbeat: Duration,
    /// Pause between two readings of all tags, which heal a lost message.
    pub resync: Duration,
}

impl Default for RedisConfig {
    /// This machine, 1 s to connect, 500 ms to answer, two connections, 4 MiB a value, a heartbeat a second, tags read
    /// again every 10 s.
    fn default() -> Self {
        Self {
            url: "redis://127.0.0.1:6379".to_owned(),
            username: None,
            password: None,
            database: None,
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_millis(500),
            max_connections: 2,
            prefix: "muster:".to_owned(),
            schema: String::new(),
            node: String::new(),
            max_value_bytes: 4 << 20,
            heartbeat: Duration::from_secs(1),
            resync: Duration::from_secs(10),
        }
    }
}

/// An address that cannot be one of a Redis.
#[derive(Debug, thiserror::Error)]
#[error(
    "the address of Redis is wrong ({0}); it reads redis://host:port/db, rediss:// for TLS, or unix:///path"
)]
pub struct RedisConfigError(String);

impl RedisConfig {
    /// A client that has not connected yet, and the place without secrets.
    pub(super) fn client(&self) -> Result<(Client, String), RedisConfigError> {
        let wrong = |error: redis::RedisError| RedisConfigError(error.category().to_owned());
        let info: ConnectionInfo = self.url.as_str().into_connection_info().map_err(wrong)?;
        let place = match info.addr() {
            ConnectionAddr::Tcp(host, port) => format!("{host}:{port}"),
            ConnectionAddr::TcpTls { host, port, .. } => format!("{host}:{port} (TLS)"),
            ConnectionAddr::Unix(path) => path.display().to_string(),
            _ => "an unknown kind of address".to_owned(),
        };
        // RESP3, because its messages come as pushes beside answers.
        let mut settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        if let Some(username) = &self.username {
            settings = settings.set_username(username);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        if let Some(database) = self.database {
            settings = settings.set_db(database);
        }
        // Small questions and answers: waiting to fill a packet would cost 40 ms each.
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let info = info.set_redis_settings(settings).set_tcp_settings(tcp);
        Ok((Client::open(info).map_err(wrong)?, place))
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        self.connect_timeout.clamp(Duration::from_millis(10), LONGEST_CONNECT)
    }

    /// For what happens in the background; bounded for the same reason as connecting is.
    pub(super) fn background_timeout(&self) -> Duration {
        self.response_timeout.clamp(Duration::from_millis(10), Duration::from_secs(1))
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.client().map_or_else(|error| error.to_string(), |(_, place)| place);
        f.debug_struct("RedisConfig")
            .field("place", &place)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
