//! Who may do what: scopes, and the tokens that carry them. What a token's text is and where its hash lies is not known
//! here; a scope says nothing of routes.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::TokenId;

/// One thing that somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// See what is known.
    Read,
    /// Change it. Includes [`Scope::Read`].
    Write,
    /// Retry and cancel work in the background, stop queues. Includes [`Scope::Read`].
    Jobs,
    /// Look after the service itself: tokens, cache, configuration, audit log. Includes all others.
    Admin,
}

impl Scope {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Jobs, Self::Admin];

    /// The word used in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Jobs => "jobs",
            Self::Admin => "admin",
        }
    }

    /// This one and those that it includes.
    fn bits(self) -> u8 {
        match self {
            Self::Read => 0b0001,
            Self::Write => 0b0011,
            Self::Jobs => 0b0101,
            Self::Admin => 0b1111,
        }
    }

    fn own_bit(self) -> u8 {
        match self {
            Self::Read => 0b0001,
            Self::Write => 0b0010,
            Self::Jobs => 0b0100,
            Self::Admin => 0b1000,
        }
    }
}

/// Why a word is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no scope; there are read, write, jobs and admin")]
pub struct ScopeError(String);

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let text = text.trim();
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| ScopeError(text.chars().take(40).collect()))
    }
}

/// What somebody may do; with a scope come those that it includes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// Everything.
    pub const ALL: Self = Self(0b1111);
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// Is this among them?
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & scope.own_bit() != 0
    }

    /// Are all of these among them?
    pub fn contains_all(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Is there none?
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The words, the least first.
    pub fn words(self) -> Vec<&'static str> {
        Scope::ALL.into_iter().filter(|scope| self.contains(*scope)).map(Scope::as_str).collect()
    }

    /// Of words, as they come from outside. Each must be a scope.
    pub fn of_words<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> Result<Self, ScopeError> {
        words.into_iter().map(|word| word.as_ref().parse::<Scope>()).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bits()))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(","))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.words().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        Self::of_words(words).map_err(serde::de::Error::custom)
    }
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenKind {
    /// For a program.
    Api,
    /// Of somebody who has signed in.
    Session,
    /// For setting the administrator's password.
    Setup,
}

impl TokenKind {
    /// The word used in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Session => "session",
            Self::Setup => "setup",
        }
    }

    /// The kind of that word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Api, Self::Session, Self::Setup].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What is known of a token. Its text is known to whoever holds it, and to nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id, which is no secret.
    pub id: TokenId,
    /// What it is for.
    pub kind: TokenKind,
    /// What its maker calls it; of a session whose it is.
    pub name: String,
    /// What may be done with it.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// From then on it is worth nothing; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to some minutes.
    pub last_used_at: Option<Timestamp>,
}

impl Token {
    /// Is it still worth something?
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &[&str], all: &str) {
        assert_eq!(Scopes::of_words(words).unwrap().to_string(), all);
    }

    #[test]
    fn a_scope_brings_those_that_it_includes() {
        check(&[], "");
        check(&["read"], "read");
        check(&["write"], "read,write");
        check(&["jobs"], "read,jobs");
        check(&[" jobs", "write "], "read,write,jobs");
        check(&["admin"], "read,write,jobs,admin");
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        for word in ["", "Read", "root", "read,write"] {
            let error = Scopes::of_words([word]).unwrap_err().to_string();
            assert!(error.contains("there are read, write, jobs and admin"), "{error}");
        }
    }

    #[test]
    fn they_are_written_as_words() {
        let scopes: Scopes = serde_json::from_str(r#"["write"]"#).unwrap();
        assert_eq!(serde_json::to_string(&scopes).unwrap(), r#"["read","write"]"#);
        assert!(Scopes::ALL.contains_all(scopes) && !scopes.contains_all(Scopes::ALL));
        assert!(!scopes.contains(Scope::Admin) && Scopes::NONE.is_empty());
    }
}
