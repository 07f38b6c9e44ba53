//! Small words: counts with their plural and lists as people write them. Nothing of the domain.

/// `1 stash`, `2 stashes`.
pub(crate) fn count(number: impl Into<u64>, one: &str, many: &str) -> String {
    let number: u64 = number.into();
    format!("{number} {}", if number == 1 { one } else { many })
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn join_and<S: AsRef<str>>(parts: &[S]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

/// The first `limit` names and how many more there are: `a, b and 3 more`.
pub(crate) fn some_of<S: AsRef<str>>(names: &[S], limit: usize) -> String {
    if names.len() <= limit {
        return join_and(names);
    }
    let shown: Vec<&str> = names[..limit].iter().map(AsRef::as_ref).collect();
    format!("{} and {} more", shown.join(", "), names.len() - limit)
}

/// Enough of a text to recognise it.
pub(crate) fn short(text: &str) -> String {
    const LIMIT: usize = 60;
    let mut short: String = text.chars().take(LIMIT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LIMIT).is_some() {
        short.push('…');
    }
    short
}

/// `part` of `whole` in percent, rounded half up; 0 of nothing.
pub(crate) fn percent(part: u32, whole: u32) -> u32 {
    (part * 200 + whole).checked_div(2 * whole).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{join_and, some_of};

    #[test]
    fn lists_read_like_prose() {
        assert_eq!(join_and::<&str>(&[]), "");
        assert_eq!(join_and(&["a"]), "a");
        assert_eq!(join_and(&["a", "b", "c"]), "a, b and c");
        assert_eq!(some_of(&["a", "b", "c", "d"], 2), "a, b and 2 more");
        assert_eq!(some_of(&["a", "b"], 2), "a and b");
    }
}
