//! How a command on the machine of a server says who asks: the server leaves a token in its data folder that whoever may
//! read it can show, so that commands need no sign-in where the folder is theirs. The token is new at each start and
//! stands beside the address that it is for, so that no other program is ever shown it.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{compose, config::Gathered};

const FILE: &str = "own-token";

#[derive(Serialize, Deserialize)]
struct Document {
    address: String,
    token: String,
}

/// A file that goes when the server ends.
pub(crate) struct OwnToken(PathBuf);

impl OwnToken {
    /// Leaves the token for this address, readable for this person alone. Without it the server goes on, and commands need
    /// a token of their own.
    pub(crate) fn leave(data_dir: &Path, address: SocketAddr, token: &str) -> Option<Self> {
        let path = data_dir.join(FILE);
        let document = Document { address: asked_at(address).to_string(), token: token.to_owned() };
        match write(&path, &document) {
            Ok(()) => Some(Self(path)),
            Err(error) => {
                tracing::warn!(file.path = %path.display(), %error, "the token for commands on this machine could not be left");
                None
            }
        }
    }
}

impl Drop for OwnToken {
    fn drop(&mut self) {
        // What is left by a crash is worth nothing to the next server.
        let _ = fs::remove_file(&self.0);
    }
}

fn write(path: &Path, document: &Document) -> io::Result<()> {
    let unnamed = path.with_extension("new");
    // One that a crash left may have other rights.
    let _ = fs::remove_file(&unnamed);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unnamed)?;
    file.write_all(serde_json::to_string(document)?.as_bytes())?;
    fs::rename(&unnamed, path)
}

/// The token that the server at this address left, if its data folder is the configured one.
pub(crate) fn of(address: &str, gathered: Option<&Gathered>) -> Option<String> {
    let data_dir = compose::data_dir(&gathered?.config.server.data_dir).ok()?;
    let text = fs::read_to_string(data_dir.join(FILE)).ok()?;
    let document: Document = serde_json::from_str(&text).ok()?;
    let asked = address.strip_prefix("http://")?.trim_end_matches('/');
    (asked == document.address).then_some(document.token)
}

/// Where a server is asked that listens there: on all addresses means on this machine's own too.
pub(crate) fn asked_at(listen: SocketAddr) -> SocketAddr {
    let address = match listen.ip() {
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    };
    SocketAddr::new(address, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_asked_on_this_machine() {
        for (listen, asked) in [
            ("0.0.0.0:8100", "127.0.0.1:8100"),
            ("[::]:8100", "[::1]:8100"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(asked_at(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
