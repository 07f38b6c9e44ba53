//! Sentences quote what others wrote: files, git, hooks. Passwords in addresses must not travel along into logs, answers
//! and the store.

/// The sentence with `scheme://user:password@host` written as `scheme://***@host`.
pub(crate) fn without_passwords(message: &str) -> String {
    let mut parts = message.split("://");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|end: char| end.is_whitespace() || "/?#\"'`".contains(end)).unwrap_or(part.len());
        clean.push_str("://");
        match part[..end].rfind('@') {
            Some(at) => {
                clean.push_str("***");
                clean.push_str(&part[at..]);
            }
            None => clean.push_str(part),
        }
    }
    clean
}
