//! The names of everything that lies in Redis, all under one prefix. Values bear the name that the cache knows them by;
//! the rest is `tag:`, `lock:`, `node:`, `told`, `server` and `ratelimit:`, and one channel, `bus`.

/// What is no value. A value's key does not begin with one of these.
const INTERNAL: [&str; 6] = ["tag:", "lock:", "node:", "told", "server", "ratelimit:"];

/// See the module.
#[derive(Debug)]
pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    pub(crate) fn value(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    pub(crate) fn tag(&self, name: &str) -> String {
        format!("{}tag:{name}", self.prefix)
    }

    /// Of a load for one state of the tags: after an invalidation it is another lock, so that nobody waits for a load
    /// that is already worthless.
    pub(crate) fn lock(&self, key: &str, state: u64) -> String {
        format!("{}lock:{key}:{state:016x}", self.prefix)
    }

    pub(crate) fn node(&self, id: u64) -> String {
        format!("{}node:{id:016x}", self.prefix)
    }

    /// A pattern for all nodes, and what stands before a node's id.
    pub(crate) fn nodes(&self) -> (String, String) {
        let before = format!("{}node:", self.prefix);
        (format!("{}*", literal(&before)), before)
    }

    pub(crate) fn limit(&self, client: &str, window_seconds: u64) -> String {
        format!("{}ratelimit:{client}:{window_seconds}", self.prefix)
    }

    /// The number of a change up to which all are told.
    pub(crate) fn told(&self) -> String {
        format!("{}told", self.prefix)
    }

    /// The process of the server under which the values were stored.
    pub(crate) fn server(&self) -> String {
        format!("{}server", self.prefix)
    }

    pub(crate) fn channel(&self) -> String {
        format!("{}bus", self.prefix)
    }

    /// Whether a name, found by a pattern, is one of a value.
    pub(crate) fn is_value(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&self.prefix);
        rest.is_some_and(|rest| !INTERNAL.iter().any(|internal| rest.starts_with(internal)))
    }

    /// Redis's pattern for the values whose keys `glob` (`*` and `?`) names.
    pub(crate) fn matching(&self, glob: &str) -> String {
        let (mut pattern, mut plain) = (literal(&self.prefix), String::new());
        for letter in glob.chars() {
            if matches!(letter, '*' | '?') {
                pattern.push_str(&literal(&std::mem::take(&mut plain)));
                pattern.push(letter);
            } else {
                plain.push(letter);
            }
        }
        pattern + &literal(&plain)
    }
}

/// `text` as a pattern that names it alone.
fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '^' | '-' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_what_it_says_and_the_prefix_means_itself() {
        let keys = Keys::new("m[1]:");
        assert_eq!(keys.matching("http:/a?b*"), r"m\[1\]:http:/a?b*");
        assert_eq!(keys.matching("a[b]^c\\"), r"m\[1\]:a\[b\]\^c\\");
        assert_eq!(keys.nodes(), (r"m\[1\]:node:*".to_owned(), "m[1]:node:".to_owned()));
    }
}
