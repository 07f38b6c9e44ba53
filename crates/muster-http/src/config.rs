//! Sections of the configuration that this crate obeys.

use std::net::SocketAddr;

use serde::Deserialize;

/// `[server]`: where and for whom muster answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// What this node does.
    pub role: Role,
    /// Address and port.
    pub listen: SocketAddr,
    /// Folder for what is kept; empty = the usual one.
    pub data_dir: std::path::PathBuf,
    /// Names of this machine under which it is asked, besides loopback names and the address it listens on.
    pub allowed_hosts: Vec<String>,
    /// Addresses and networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
    /// Bytes of a request body.
    pub max_body_bytes: usize,
    /// Seconds after which a request is given up.
    pub request_timeout_seconds: u64,
    /// Seconds that running requests get when muster stops.
    pub shutdown_seconds: u64,
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    #[default]
    All,
    /// Answers, and keeps an eye on its own folders. Of jobs only those that no other node can do, because they are
    /// about its own folders.
    Api,
    /// Does the work in the background, and answers nothing but how it is.
    Worker,
}

impl Role {
    /// The word used in the configuration and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Api => "api",
            Self::Worker => "worker",
        }
    }
}

/// `[ratelimit]`: how much one client may ask.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimitConfig {
    /// On or off.
    pub enabled: bool,
    /// Requests in one window, of an address.
    pub requests: u32,
    /// The same of a token, or of somebody who has signed in.
    pub token_requests: u32,
    /// Seconds of a window.
    pub window_seconds: u64,
    /// Addresses and networks that are not limited.
    pub allowed: Vec<String>,
}
