//! Who is one person: the same address, or else the same full name. `.mailmap` has been applied before, so this only
//! joins what nobody wrote down. It rather leaves one person in two than makes one of two: addresses and names that
//! many machines share join nobody, and a bot never joins a person.

use std::collections::HashMap;

use muster_model::Commit;

use super::{
    bots::is_bot,
    spelling::{normal_email, normal_name},
};

/// The authors of a list of signatures.
pub(crate) struct Identities {
    /// For each signature, in the order of the list, the number of its author.
    pub(crate) author_of: Vec<usize>,
    /// For each author: no person but a machine.
    pub(crate) is_bot: Vec<bool>,
}

/// What two spellings may have in common.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Email(String),
    FullName(String),
    /// Neither is good enough alone.
    Both(String, String),
}

impl Identities {
    /// The authors of commits.
    pub(crate) fn of_commits(commits: &[&Commit]) -> Self {
        Self::of(commits.iter().map(|commit| (&*commit.author.name, &*commit.author.email)))
    }

    /// Of names and addresses as they were written.
    pub(crate) fn of<'a>(signatures: impl ExactSizeIterator<Item = (&'a str, &'a str)>) -> Self {
        let count = signatures.len();
        let mut groups = Groups::default();
        let mut node_by_spelling: HashMap<(&str, &str), usize> = HashMap::new();
        let mut node_by_key: HashMap<(bool, Key), usize> = HashMap::new();
        let mut bot_by_node: Vec<bool> = Vec::new();
        let mut node_of = Vec::with_capacity(count);
        for (name, email) in signatures {
            let node = *node_by_spelling.entry((name, email)).or_insert_with(|| {
                let node = groups.add();
                let (name, email) = (normal_name(name), normal_email(email));
                let is_bot = is_bot(&name, &email);
                bot_by_node.push(is_bot);
                for key in keys(name, email) {
                    let other = *node_by_key.entry((is_bot, key)).or_insert(node);
                    groups.join(node, other);
                }
                node
            });
            node_of.push(node);
        }

        let mut author_by_root: HashMap<usize, usize> = HashMap::new();
        let mut identities = Self { author_of: Vec::with_capacity(count), is_bot: Vec::new() };
        for node in node_of {
            let author = *author_by_root.entry(groups.root(node)).or_insert_with(|| {
                identities.is_bot.push(bot_by_node[node]);
                identities.is_bot.len() - 1
            });
            identities.author_of.push(author);
        }
        identities
    }
}

fn keys(name: String, email: String) -> Vec<Key> {
    let mut keys = Vec::with_capacity(2);
    if is_full_name(&name) {
        keys.push(Key::FullName(name.clone()));
    }
    if is_own_address(&email) {
        keys.push(Key::Email(email));
    } else {
        keys.push(Key::Both(name, email));
    }
    keys
}

/// Names of two words that are nobody's; programs and instructions suggest them.
const NO_NAMES: &[&str] = &[
    "(no author)",
    "anonymous user",
    "first last",
    "firstname lastname",
    "full name",
    "no author",
    "no name",
    "root user",
    "system administrator",
    "test user",
    "unknown author",
    "unknown user",
    "user name",
    "your full name",
    "your name",
    "your name here",
];

/// Addresses of instructions and of forges, which many people have.
const NO_ADDRESSES: &[&str] = &[
    "email@example.com",
    "me@example.com",
    "name@example.com",
    "test@example.com",
    "test@test.com",
    "user@example.com",
    "you@email.com",
    "you@example.com",
    "your.email@example.com",
    "your@email.com",
    "your_email@example.com",
];

/// Accounts that are on every machine, or on none; alphabetic.
const NO_USERS: &[&str] = &[
    "devnull",
    "do-not-reply",
    "donotreply",
    "git",
    "no-reply",
    "nobody",
    "none",
    "noreply",
    "null",
    "root",
    "unknown",
];

/// Hosts that are everywhere, or nowhere; alphabetic.
const NO_HOSTS: &[&str] =
    &["(none)", "invalid", "localhost", "localhost.localdomain", "none", "null", "unknown"];

fn is_full_name(name: &str) -> bool {
    let words = name.split(' ').filter(|word| word.chars().any(char::is_alphanumeric)).count();
    words >= 2 && !NO_NAMES.contains(&name)
}

fn is_own_address(email: &str) -> bool {
    let Some((user, host)) = email.rsplit_once('@') else { return false };
    let is_everywhere = user.is_empty()
        || host.is_empty()
        || NO_USERS.contains(&user)
        || NO_HOSTS.contains(&host)
        // What git writes when a machine has no domain.
        || host.ends_with(".(none)")
        || NO_ADDRESSES.contains(&email);
    !is_everywhere
}

/// Sets that only ever grow together (union-find, with halved paths).
#[derive(Default)]
struct Groups {
    parent: Vec<usize>,
}

impl Groups {
    fn add(&mut self) -> usize {
        self.parent.push(self.parent.len());
        self.parent.len() - 1
    }

    fn root(&mut self, mut node: usize) -> usize {
        while self.parent[node] != node {
            self.parent[node] = self.parent[self.parent[node]];
            node = self.parent[node];
        }
        node
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        let (older, newer) = (one.min(other), one.max(other));
        self.parent[newer] = older;
    }
}

#[cfg(test)]
mod tests {
    use super::{NO_ADDRESSES, NO_HOSTS, NO_NAMES, NO_USERS, is_full_name, is_own_address};

    #[test]
    fn tables_are_in_order_and_normal() {
        for table in [NO_ADDRESSES, NO_HOSTS, NO_NAMES, NO_USERS] {
            assert!(table.is_sorted_by(|a, b| a < b), "{table:?}");
            assert!(table.iter().all(|word| *word == word.to_lowercase()), "{table:?}");
        }
    }

    #[test]
    fn shared_addresses_and_names_are_nobodys() {
        let shared =
            ["", "none", "root@localhost", "noreply@github.com", "ada@laptop.(none)", "@x.org", "x@"];
        for email in shared.iter().chain(NO_ADDRESSES) {
            assert!(!is_own_address(email), "{email}");
        }
        assert!(is_own_address("ada@users.noreply.github.com"));
        for name in ["", "ada", "- -", "ada -", "your name"] {
            assert!(!is_full_name(name), "{name}");
        }
        assert!(is_full_name("ada l."));
    }
}
