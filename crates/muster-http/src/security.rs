//! Who may ask. muster reads local folders and answers without a password on loopback, so a web page that the person
//! happens to visit must not be able to use it: neither by sending requests from its own origin, nor by having its
//! name resolve to this machine (DNS rebinding). Pure functions over headers; the middleware calls them.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, Uri, header, uri::Authority};

use crate::problem::{Code, Problem};

/// The host names that are served.
#[derive(Debug, Clone)]
pub struct HostList {
    /// Lower case, without a port.
    names: Vec<String>,
}

impl HostList {
    /// Loopback names, the listening address and what the configuration adds.
    pub fn new(listen: IpAddr, configured: &[String]) -> Self {
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "[::1]"].map(ToOwned::to_owned).into();
        if !listen.is_unspecified() {
            names.push(match listen {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            });
        }
        names.extend(configured.iter().map(|name| name.trim().to_ascii_lowercase()));
        names.dedup();
        Self { names }
    }

    fn contains(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        self.names.iter().any(|name| name.eq_ignore_ascii_case(host))
            // Names below localhost are loopback by RFC 6761, and no public name server answers for them.
            || host.to_ascii_lowercase().ends_with(".localhost")
    }

    /// Refuses a request that names another host.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let named = match (uri.authority(), hosts.next(), hosts.next()) {
            (_, _, Some(_)) => {
                return Err(Problem::new(Code::BadRequest, "the request has several Host headers"));
            }
            (Some(authority), _, _) => authority.clone(),
            (None, Some(host), None) => {
                let text = host.to_str().ok().filter(|host| !host.contains('@'));
                let authority = text.and_then(|host| host.parse::<Authority>().ok());
                authority.ok_or_else(|| Problem::new(Code::BadRequest, "the Host header is no host name"))?
            }
            (None, None, None) => {
                return Err(Problem::new(Code::BadRequest, "the request has no Host header"));
            }
        };
        if self.contains(named.host()) {
            return Ok(());
        }
        let detail = format!(
            "'{}' is not among the names that muster serves; if it is this machine, add it to server.allowed_hosts",
            printable(named.host())
        );
        Err(Problem::new(Code::ForeignHost, detail))
    }
}

/// Refuses what a web page of another origin sends. A browser would not let the page read the answer to a GET, for there
/// is no CORS header in any answer; it is refused all the same, so that not even its size or time can be measured. A
/// link that the person follows to a page of ours is no request of the other page.
pub(crate) fn check_origin(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &'static str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if method.is_safe() && text("sec-fetch-mode") == Some("navigate") {
        return Ok(());
    }
    match text("sec-fetch-site") {
        // The browser's own word: from a page of ours, or typed by the person.
        Some("same-origin" | "none") => return Ok(()),
        Some(_) => return Err(foreign()),
        None => {}
    }
    match (text("origin"), text("host")) {
        // No browser: those send one of the two with every request that is not safe.
        (None, _) => Ok(()),
        (Some(origin), Some(host))
            if origin_authority(origin).is_some_and(|named| named.eq_ignore_ascii_case(host)) =>
        {
            Ok(())
        }
        (Some(_), _) => Err(foreign()),
    }
}

fn foreign() -> Problem {
    Problem::new(
        Code::ForeignOrigin,
        "the request comes from a web page of another origin, which may not use this service",
    )
}

fn origin_authority(origin: &str) -> Option<&str> {
    origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
}

fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[track_caller]
    fn check_host(host: &'static str, expected: Result<(), Code>) {
        let hosts = HostList::new(IpAddr::V4(Ipv4Addr::LOCALHOST), &["Box.lan".to_owned()]);
        let found = hosts.check(&Uri::from_static("/x"), &headers(&[("host", host)]));
        assert_eq!(found.map_err(|problem| problem.code()), expected, "{host}");
    }

    #[test]
    fn only_our_own_names_are_served() {
        for host in [
            "localhost",
            "LOCALHOST:8100",
            "127.0.0.1:8100",
            "[::1]:8100",
            "box.lan:1",
            "muster.localhost",
            "localhost.",
        ] {
            check_host(host, Ok(()));
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8100",
            "127.0.0.2",
            "0.0.0.0",
            "notlocalhost",
        ] {
            check_host(host, Err(Code::ForeignHost));
        }
        for host in ["", "a b", "user@localhost", "user@localhost@x"] {
            check_host(host, Err(Code::BadRequest));
        }
    }

    #[track_caller]
    fn check(method: &Method, pairs: &[(&'static str, &'static str)], is_allowed: bool) {
        assert_eq!(check_origin(method, &headers(pairs)).is_ok(), is_allowed, "{method} {pairs:?}");
    }

    #[test]
    fn pages_of_other_origins_change_and_read_nothing() {
        let host = ("host", "localhost:8100");
        check(&Method::POST, &[host], true);
        check(&Method::POST, &[host, ("origin", "http://localhost:8100")], true);
        check(
            &Method::POST,
            &[host, ("sec-fetch-site", "same-origin"), ("origin", "http://localhost:8100")],
            true,
        );
        check(&Method::GET, &[host], true);
        check(&Method::GET, &[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], true);
        check(&Method::GET, &[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], false);
        check(&Method::GET, &[host, ("origin", "https://evil.example")], false);
        check(
            &Method::POST,
            &[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
            false,
        );
        check(&Method::POST, &[host, ("sec-fetch-site", "cross-site")], false);
        check(&Method::DELETE, &[host, ("sec-fetch-site", "same-site")], false);
        check(&Method::POST, &[host, ("origin", "http://localhost:3000")], false);
        check(&Method::PUT, &[host, ("origin", "https://evil.example")], false);
        check(&Method::POST, &[host, ("origin", "null")], false);
        check(&Method::POST, &[("origin", "http://localhost:8100")], false);
    }
}
