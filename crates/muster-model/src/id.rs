//! Identifiers: ordered by the time they were made, told apart by chance, with a prefix that says of what they are.
//! The text is a TypeID (github.com/jetify-com/typeid): prefix, underscore, a UUID of version 7 in Crockford's base 32.
//! Time and chance are handed in.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const DIGITS: usize = 26;

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no id of this kind; it begins with '{prefix}_' and has {DIGITS} digits after it")]
pub struct IdError {
    text: String,
    prefix: &'static str,
}

fn uuid_v7(at: Timestamp, chance: [u8; 10]) -> u128 {
    let millis = u128::try_from(at.as_millisecond().max(0)).unwrap_or_default() & 0xffff_ffff_ffff;
    let mut random = [0; 16];
    random[6..].copy_from_slice(&chance);
    let random = u128::from_be_bytes(random);
    let version_and_variant = (0x7_u128 << 76) | (0b10_u128 << 62);
    let random = random & !(0xf_u128 << 76) & !(0b11_u128 << 62);
    (millis << 80) | version_and_variant | random
}

fn write_base32(value: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut digits = [0; DIGITS];
    for (at, digit) in digits.iter_mut().rev().enumerate() {
        *digit = ALPHABET[usize::try_from((value >> (5 * at)) & 31).unwrap_or_default()];
    }
    f.write_str(str::from_utf8(&digits).unwrap_or_default())
}

fn read_base32(text: &str) -> Option<u128> {
    if text.len() != DIGITS || text.as_bytes()[0] > b'7' {
        return None;
    }
    text.bytes().try_fold(0_u128, |value, byte| {
        let digit = ALPHABET.iter().position(|&known| known == byte)?;
        Some((value << 5) | digit as u128)
    })
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// What its text begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new one, from the time and ten bytes of chance.
            pub fn new(at: Timestamp, chance: [u8; 10]) -> Self {
                Self(uuid_v7(at, chance))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                write_base32(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(read_base32)
                    .map(Self)
                    .ok_or_else(|| IdError { text: text.to_owned(), prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A repository, local or remote, or a folder that stands as a project.
    RepoId = "repo",
    /// A process of muster and the machine's folders it sees.
    NodeId = "node",
    /// A plan of an action, shown before it is carried out.
    PlanId = "plan",
    /// A stored unit of work.
    JobId = "job",
    /// A person's watch over a repository.
    WatchId = "watch",
    /// Something that an alert setting found.
    AlertId = "alert",
    /// A token that says who asks. No secret.
    TokenId = "token",
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn its_text_is_a_type_id() {
        let id = RepoId::new(at(1_700_000_000), [0xff; 10]);
        assert_eq!(id.to_string(), "repo_01hf7yat00fzzvzzzzzzzzzzzz");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(serde_json::to_string(&id).expect("text"), "\"repo_01hf7yat00fzzvzzzzzzzzzzzz\"");
    }

    #[test]
    fn a_later_one_sorts_later_as_value_and_as_text() {
        let (early, late) = (NodeId::new(at(1), [0xff; 10]), NodeId::new(at(2), [0; 10]));
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "repo",
            "repo_",
            "node_01hf7yat00fzzvzzzzzzzzzzzz",
            "repo_81hf7yat00fzzbzzzzzzzzzzzz",
            "repo_01HF7YAT00FZZVZZZZZZZZZZZZ",
        ] {
            assert!(text.parse::<RepoId>().is_err(), "{text}");
        }
    }
}
