//! What a request shows of who asks: a token, a session's cookie, or the word of a proxy that may give it. What that is
//! worth is muster-app's matter.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, header};
use muster_app::actions::access::Shown;
use muster_cache::limiter::Network;

/// The cookie of a session. Strict enough for every browser, and no name that a program of ours would share.
const COOKIE: &str = "muster_session";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Which proxies may say who asks, and how.
#[derive(Debug, Clone)]
pub struct Proxies {
    /// The header.
    pub header: String,
    /// Their addresses.
    pub peers: Vec<Network>,
}

/// The first of: the word of a proxy, a bearer token, a session.
pub(crate) fn shown<'a>(headers: &'a HeaderMap, peer: IpAddr, proxies: Option<&Proxies>) -> Shown<'a> {
    let named = proxies.filter(|proxies| is_among(peer, &proxies.peers)).and_then(|proxies| {
        let mut values = headers.get_all(proxies.header.as_str()).iter();
        match (values.next(), values.next()) {
            (None, _) => None,
            (Some(value), None) => Some(str::from_utf8(value.as_bytes()).unwrap_or_default()),
            // Two names are none: who knows which of them the proxy said.
            (Some(_), Some(_)) => Some(""),
        }
    });
    if let Some(name) = named {
        return Shown::Person(name);
    }
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    match (bearer, session(headers)) {
        (Some(token), _) => Shown::Token(token),
        (None, Some(session)) => Shown::Session(session),
        (None, None) => Shown::Nothing,
    }
}

fn session(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|cookies| cookies.split(';')).find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    })
}

fn is_among(address: IpAddr, networks: &[Network]) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// Whether the browser's connection is encrypted, as far as a trusted proxy says so; muster itself speaks HTTP alone.
pub(crate) fn is_encrypted(headers: &HeaderMap, peer: IpAddr, trusted: &[Network]) -> bool {
    is_among(peer, trusted) && headers.get(FORWARDED_PROTO).is_some_and(|value| value == "https")
}

/// The field that gives a browser its session, for so many seconds; an empty text takes it away. No script can read it,
/// and no page of another origin can have it sent with anything but a link.
pub(crate) fn cookie(text: &str, seconds: u64, is_encrypted: bool) -> Option<HeaderValue> {
    let secure = if is_encrypted { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={text}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&cookie).ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;
    use muster_cache::limiter::network;

    use super::*;

    const PROXY: [u8; 4] = [10, 0, 0, 1];

    #[track_caller]
    fn check(pairs: &[(&'static str, &'static str)], peer: [u8; 4], expected: Shown<'_>) {
        let headers: HeaderMap = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let mut several = HeaderMap::new();
        for (name, value) in pairs {
            several.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let headers = if headers.len() == pairs.len() { headers } else { several };
        let peers = vec![network("10.0.0.0/30").expect("a network")];
        let proxies = Proxies { header: "X-Forwarded-User".to_owned(), peers };
        assert_eq!(shown(&headers, peer.into(), Some(&proxies)), expected, "{pairs:?}");
    }

    #[test]
    fn the_word_of_a_proxy_counts_from_its_address_alone() {
        let ada = ("x-forwarded-user", "ada");
        check(&[ada], PROXY, Shown::Person("ada"));
        check(&[ada], [10, 0, 0, 9], Shown::Nothing);
        check(&[ada, ("authorization", "Bearer of-the-proxy")], PROXY, Shown::Person("ada"));
        check(&[ada, ("authorization", "Bearer mine")], [10, 0, 0, 9], Shown::Token("mine"));
        check(&[("x-forwarded-user", "eve"), ada], PROXY, Shown::Person(""));
    }

    #[test]
    fn tokens_and_sessions_are_found() {
        let peer = [127, 0, 0, 1];
        check(&[], peer, Shown::Nothing);
        check(&[("authorization", "bearer  abc ")], peer, Shown::Token("abc"));
        check(&[("authorization", "Basic abc")], peer, Shown::Nothing);
        let cookie = ("cookie", "theme=dark; muster_session=xyz; muster_session_old=no");
        check(&[cookie], peer, Shown::Session("xyz"));
        check(&[cookie, ("authorization", "Bearer abc")], peer, Shown::Token("abc"));
    }

    #[test]
    fn encryption_is_known_from_trusted_proxies_alone() {
        let headers: HeaderMap =
            [(HeaderName::from_static(FORWARDED_PROTO), HeaderValue::from_static("https"))]
                .into_iter()
                .collect();
        let trusted = [network("10.0.0.1").expect("an address")];
        assert!(is_encrypted(&headers, PROXY.into(), &trusted));
        assert!(!is_encrypted(&headers, [10, 0, 0, 2].into(), &trusted));
        assert!(!is_encrypted(&HeaderMap::new(), PROXY.into(), &trusted));
        assert!(cookie("a", 1, true).is_some_and(|it| it.to_str().is_ok_and(|it| it.ends_with("; Secure"))));
    }
}
