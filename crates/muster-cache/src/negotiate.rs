//! Which encoding to send, and whether the client has it already: the two header fields that need a parser (RFC 9110,
//! sections 12.5.3 and 13.1.2). Pure functions over text; what cannot be read counts as not said.

/// An encoding that a body is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    Zstd,
    Gzip,
    Identity,
}

impl Encoding {
    /// In the order in which we would rather send them.
    pub const ALL: [Self; 3] = [Self::Zstd, Self::Gzip, Self::Identity];

    /// The value of `Content-Encoding`; none for identity.
    pub fn token(self) -> Option<&'static str> {
        match self {
            Self::Zstd => Some("zstd"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }

    fn is_named(self, coding: &str) -> bool {
        let names: &[&str] = match self {
            Self::Zstd => &["zstd"],
            Self::Gzip => &["gzip", "x-gzip"],
            Self::Identity => &["identity"],
        };
        names.iter().any(|name| coding.eq_ignore_ascii_case(name))
    }
}

/// The encoding to send for a value of `Accept-Encoding` (several header lines joined by commas). The client's highest
/// weight wins, and among equals our order. No header, or one that forbids everything: identity, which is better than no
/// answer.
pub fn encoding(accept_encoding: Option<&str>) -> Encoding {
    let Some(accepted) = accept_encoding else { return Encoding::Identity };
    let ranges: Vec<(&str, u16)> = accepted.split(',').filter_map(range).collect();
    let mut best = (Encoding::Identity, 0);
    for encoding in Encoding::ALL {
        let named =
            ranges.iter().filter(|(coding, _)| encoding.is_named(coding)).map(|(_, weight)| *weight).max();
        let any = || ranges.iter().find(|(coding, _)| *coding == "*").map(|(_, weight)| *weight);
        let weight = named.or_else(any).unwrap_or(0);
        if weight > best.1 {
            best = (encoding, weight);
        }
    }
    best.0
}

/// `gzip;q=0.5` → ("gzip", 500).
fn range(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let coding = parts.next().filter(|coding| !coding.is_empty())?;
    let mut weight = 1000;
    for parameter in parts {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        if name.trim().eq_ignore_ascii_case("q") {
            weight = thousandths(value.trim())?;
        }
    }
    Some((coding, weight))
}

/// A weight of RFC 9110: `0`, `1`, up to three digits after the point, at most 1.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

/// Whether a value of `If-None-Match` (several header lines joined by commas) names `etag`, compared weakly: then the
/// answer is 304. `*` names everything.
pub fn is_known(if_none_match: &str, etag: &str) -> bool {
    let ours = opaque(etag);
    let mut rest = if_none_match.trim();
    if rest == "*" {
        return true;
    }
    // A tag may hold commas, so the list is read quote by quote.
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let unprefixed = rest.strip_prefix("W/").unwrap_or(rest);
        let Some((tag, after)) = unprefixed.strip_prefix('"').and_then(|quoted| quoted.split_once('"'))
        else {
            return false;
        };
        if ours == Some(tag) {
            return true;
        }
        rest = after;
    }
}

fn opaque(etag: &str) -> Option<&str> {
    etag.strip_prefix("W/").unwrap_or(etag).strip_prefix('"')?.strip_suffix('"')
}
