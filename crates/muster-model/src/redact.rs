//! Passwords in addresses must not travel along into logs, answers and the store. One home for taking them out: whoever
//! shows or keeps a text that somebody else wrote (a file, git, a setting) calls this.

/// The text with `scheme://user:password@host` written as `scheme://***@host`, and the value of a `password=` in an
/// address's query as `***`.
pub fn without_passwords(text: &str) -> String {
    let mut parts = text.split("://");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean.push_str("://");
        let end = part.find(|end: char| end.is_whitespace() || "\"'`".contains(end)).unwrap_or(part.len());
        let (address, rest) = part.split_at(end);
        let (place, query) = address.split_at(address.find('?').unwrap_or(address.len()));
        let host_end = place.find(['/', '#']).unwrap_or(place.len());
        let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        // A password with a character that it should have escaped: what follows the colon is no port.
        let is_odd = || place[..host_end].rsplit_once(':').is_some_and(|(_, port)| !is_port(port));
        match place[..host_end].rfind('@').or_else(|| place.rfind('@').filter(|_| is_odd())) {
            Some(at) => {
                clean.push_str("***");
                clean.push_str(&place[at..]);
            }
            None => clean.push_str(place),
        }
        clean.push_str(&query.split('&').map(without_value).collect::<Vec<_>>().join("&"));
        clean.push_str(rest);
    }
    clean
}

fn without_value(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if name.to_lowercase().contains("password") => format!("{name}=***"),
        _ => pair.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_passwords;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(without_passwords(text), expected);
    }

    #[test]
    fn passwords_are_taken_out_wherever_an_address_holds_them() {
        check("postgres://me:secret@host/db", "postgres://***@host/db");
        check("redis://:ab/c#d@host:6379/0", "redis://***@host:6379/0");
        check("https://host:8443/@scope/name", "https://host:8443/@scope/name");
        check("postgres:///db?user=me&password=secret&ssl=1", "postgres:///db?user=me&password=***&ssl=1");
        check("https://secret@host?PGPASSWORD=secret", "https://***@host?PGPASSWORD=***");
        check(
            "cannot read 'https://me:p@ss@host/x' or http://b:c@d e",
            "cannot read 'https://***@host/x' or http://***@d e",
        );
    }

    #[test]
    fn other_texts_are_left_alone() {
        for text in ["", "a@b", "https://host/a@b", "https://host/?q=me@there&x=1", "sqlite:muster.db", "://"]
        {
            check(text, text);
        }
    }
}
