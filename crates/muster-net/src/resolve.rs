//! From a name to the addresses that may be reached: asked once, judged by the policy, and handed on. Whoever connects
//! uses exactly these, so that a name that answers differently the next time gains nothing.

use std::{net::IpAddr, time::Duration};

use muster_model::{AddressPolicy, address::Refused};
use tokio::{net::lookup_host, time::timeout};

/// A resolver that is silent for so long does not know.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a name leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Nobody knows the name; or nobody could be asked.
    #[error("the host '{host}' is unknown: {reason}")]
    Unknown {
        /// The name.
        host: String,
        /// In the words of the system.
        reason: String,
    },
    /// Everything it leads to is refused.
    #[error("the host '{host}' may not be reached: {refused}")]
    Refused {
        /// The name.
        host: String,
        /// The first address, and why.
        refused: Refused,
    },
}

impl ResolveError {
    /// The name server may know it later; a refusal stands.
    pub fn is_worth_retrying(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }
}

/// The address, if the host is written as one: `127.0.0.1`, `[::1]`.
pub fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// The addresses of a host that may be reached, in the order of the resolver. Never empty.
pub async fn resolve(host: &str, port: u16, policy: AddressPolicy) -> Result<Vec<IpAddr>, ResolveError> {
    let unknown = |reason: String| ResolveError::Unknown { host: host.to_owned(), reason };
    let found = match literal(host) {
        Some(address) => vec![address],
        None => match timeout(PATIENCE, lookup_host((host, port))).await {
            Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
            Ok(Err(error)) => return Err(unknown(error.to_string())),
            Err(_) => return Err(unknown(format!("no answer within {} s", PATIENCE.as_secs()))),
        },
    };
    let mut allowed = Vec::new();
    let mut refusal = None;
    for address in found {
        match policy.check(address) {
            Ok(()) if !allowed.contains(&address) => allowed.push(address),
            Ok(()) => {}
            Err(refused) => refusal = refusal.or(Some(refused)),
        }
    }
    match (allowed.is_empty(), refusal) {
        (false, _) => Ok(allowed),
        (true, Some(refused)) => Err(ResolveError::Refused { host: host.to_owned(), refused }),
        (true, None) => Err(unknown("it has no address".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressPolicy, ResolveError, resolve};

    #[tokio::test]
    async fn names_of_this_machine_need_leave() {
        for host in ["localhost", "127.0.0.1", "[::1]", "[::ffff:10.0.0.1]"] {
            let refused = resolve(host, 443, AddressPolicy::Public).await;
            assert!(matches!(refused, Err(ResolveError::Refused { .. })), "{host}: {refused:?}");
            assert!(!resolve(host, 443, AddressPolicy::AllowPrivate).await.expect(host).is_empty(), "{host}");
        }
    }

    #[tokio::test]
    async fn an_unknown_name_is_worth_another_try() {
        // RFC 6761: never given out.
        let error = resolve("nobody.invalid", 443, AddressPolicy::Public).await.expect_err("unknown");
        assert!(error.is_worth_retrying() && error.to_string().contains("nobody.invalid"), "{error}");
    }
}
