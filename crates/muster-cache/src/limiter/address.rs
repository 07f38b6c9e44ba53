//! Whose address counts. `X-Forwarded-For` is written by anyone: an entry is believed only if the machine that added it is
//! a proxy of ours, so the list is walked from the right, the end that our own proxies wrote.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A range of addresses, such as `10.0.0.0/8`.
pub type Network = IpNet;

/// A text that names no address and no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address and no network such as 10.0.0.0/8 or fd00::/8")]
pub struct NetworkError(pub String);

/// A network or a single address. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) means the IPv4 address.
pub fn network(text: &str) -> Result<Network, NetworkError> {
    let text = text.trim();
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address.to_canonical()),
        Err(_) => text.parse::<IpNet>().map_err(|_| NetworkError(text.to_owned()))?,
    };
    if let IpNet::V6(v6) = network
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && let Some(length) = v6.prefix_len().checked_sub(96)
        && let Ok(v4) = Ipv4Net::new(v4, length)
    {
        return Ok(IpNet::V4(v4).trunc());
    }
    Ok(network.trunc())
}

/// The addresses of this machine to itself.
pub fn loopback() -> Vec<Network> {
    let v4 = Ipv4Net::new(Ipv4Addr::new(127, 0, 0, 0), 8).map(IpNet::V4);
    let v6 = Ipv6Net::new(Ipv6Addr::LOCALHOST, 128).map(IpNet::V6);
    [v4, v6].into_iter().flatten().collect()
}

/// The address of the client behind a request. `peer` is the address of the socket; `x_forwarded_for` the values of that
/// header, all lines in their order. Only if the peer is a trusted proxy they are looked at: from the right, past further
/// trusted proxies, to the first address that is not one. At something that is no address the walk ends, with the last
/// address that was vouched for.
pub fn client_address<'a, V>(peer: IpAddr, x_forwarded_for: V, trusted_proxies: &[Network]) -> IpAddr
where
    V: IntoIterator<Item = &'a str>,
    V::IntoIter: DoubleEndedIterator,
{
    let is_trusted = |address: &IpAddr| trusted_proxies.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    for entry in x_forwarded_for.into_iter().rev().flat_map(|line| line.rsplit(',')) {
        if !is_trusted(&client) {
            break;
        }
        let Some(address) = hop(entry) else { break };
        client = address;
    }
    client
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`; some proxies quote them.
fn hop(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim().trim_matches('"');
    let bracketed = || entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = entry
        .parse::<IpAddr>()
        .ok()
        .or_else(|| entry.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| bracketed().and_then(|inner| inner.parse::<Ipv6Addr>().ok()).map(IpAddr::V6))?;
    Some(address.to_canonical())
}

/// The address under which a client's requests are counted together.
pub(super) fn bucket(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
    }
}
