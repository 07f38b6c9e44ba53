//! Which network addresses a request made for a user may reach. Pure: names are resolved elsewhere, once, and what is
//! reached is exactly the addresses that passed here, so that a name that changes its mind gains nothing.
//!
//! Refused unless private addresses are allowed: everything that is not globally reachable, after IANA's registries of
//! special-purpose addresses (iana.org/assignments/iana-ipv4-special-registry and …-ipv6-special-registry), and IPv6
//! forms that carry such an IPv4 address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddressPolicy {
    /// Only addresses of the public internet.
    #[default]
    Public,
    /// Private, loopback and link-local ones too; still none that stands for no machine.
    AllowPrivate,
}

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {kind}; set mirror.allow_private to reach it")]
pub struct Refused {
    /// The address.
    pub address: IpAddr,
    /// What it is: `a loopback address`.
    pub kind: &'static str,
}

impl AddressPolicy {
    /// Says whether this address may be reached.
    pub fn check(self, address: IpAddr) -> Result<(), Refused> {
        let kind = match address {
            IpAddr::V4(v4) => kind_v4(v4),
            IpAddr::V6(v6) => kind_v6(v6),
        };
        match kind {
            None => Ok(()),
            Some(Kind::Private(_)) if self == Self::AllowPrivate => Ok(()),
            Some(Kind::Private(kind) | Kind::NoMachine(kind)) => Err(Refused { address, kind }),
        }
    }
}

enum Kind {
    /// A machine, but not one of the public internet.
    Private(&'static str),
    /// Never one machine.
    NoMachine(&'static str),
}

fn kind_v4(address: Ipv4Addr) -> Option<Kind> {
    use Kind::{NoMachine, Private};
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (0, ..) => Some(NoMachine("an address of this host on this network")),
        (127, ..) => Some(Private("a loopback address")),
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => Some(Private("a private address")),
        (100, 64..=127, _) => Some(Private("an address shared inside a provider's network")),
        // Also where clouds tell their machines secrets.
        (169, 254, _) => Some(Private("a link-local address")),
        (192, 0, 0) => Some(Private("an address reserved for protocols")),
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => Some(Private("an address for documentation")),
        (198, 18..=19, _) => Some(Private("an address for benchmarks")),
        (192, 88, 99) => Some(Private("a retired relay address")),
        (224..=239, ..) => Some(NoMachine("a multicast address")),
        (240..=255, ..) => Some(NoMachine("a reserved or broadcast address")),
        _ => None,
    }
}

fn kind_v6(address: Ipv6Addr) -> Option<Kind> {
    use Kind::{NoMachine, Private};
    if address.is_unspecified() {
        return Some(NoMachine("the unspecified address"));
    }
    if address.is_loopback() {
        return Some(Private("a loopback address"));
    }
    if let Some(v4) = carried_v4(address) {
        // Allowed or not as the address that is really reached; a public one in disguise has no honest use either.
        return kind_v4(v4).or(Some(Private("an IPv4 address inside an IPv6 one")));
    }
    let segments = address.segments();
    match segments[0] {
        0xfc00..=0xfdff => Some(Private("a private address")),
        0xfe80..=0xfebf => Some(Private("a link-local address")),
        0xfec0..=0xfeff => Some(Private("a site-local address")),
        0xff00..=0xffff => Some(NoMachine("a multicast address")),
        0x0100 if segments[1..4] == [0, 0, 0] => Some(NoMachine("an address whose traffic is dropped")),
        0x2001 if segments[1] < 0x0200 => Some(Private("an address reserved for protocols")),
        0x2001 if segments[1] == 0x0db8 => Some(Private("an address for documentation")),
        0x3fff if segments[1] < 0x1000 => Some(Private("an address for documentation")),
        0x5f00 => Some(Private("an address of segment routing")),
        // Global unicast is 2000::/3; the rest is not given out.
        0x2000..=0x3fff => None,
        _ => Some(NoMachine("an address that is not in use")),
    }
}

/// The IPv4 address in a mapped, compatible, translated (64:ff9b::/96 and 64:ff9b:1::/48), 6to4 or Teredo address.
fn carried_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0 | 1, _, _, _, high, low] => {
            Some(of(high, low))
        }
        [0x2002, high, low, ..] => Some(of(high, low)),
        [0x2001, 0, _, _, _, _, high, low] => Some(of(!high, !low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::AddressPolicy;

    #[test]
    fn the_public_internet_is_allowed() {
        for text in
            ["140.82.121.4", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a04:4e42::81"]
        {
            assert_eq!(AddressPolicy::Public.check(text.parse().expect("address")), Ok(()), "{text}");
        }
    }

    #[test]
    fn private_addresses_in_every_dress_need_leave() {
        for text in [
            "127.0.0.1",
            "127.8.9.1",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001:0:0:0:0:0:80ff:fffe",
        ] {
            let address = text.parse().expect("address");
            assert!(AddressPolicy::Public.check(address).is_err(), "{text}");
            assert_eq!(AddressPolicy::AllowPrivate.check(address), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_no_machine_is_never_reached() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::",
            "ff02::1",
            "100::1",
            "::ffff:0.0.0.0",
        ] {
            assert!(AddressPolicy::AllowPrivate.check(text.parse().expect("address")).is_err(), "{text}");
        }
    }
}
