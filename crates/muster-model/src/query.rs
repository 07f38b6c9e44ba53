//! The one query language of muster, used by the command line, the API, the dashboard and alert rules alike. Text is
//! parsed once into a [`Query`]; every error names the byte it is about.
//!
//! ```text
//! query   = term*                      all terms must hold
//! term    = ["-"] (word | phrase | field)
//! field   = name op value ("," value)* values are alternatives
//! op      = ":" | "=" | "<" | "<=" | ">" | ">="     comparisons for numbers
//! word    = characters without space; a trailing "*" makes a prefix
//! phrase  = '"' … '"'                  inside: \" and \\
//! ```
//!
//! The same field given several times is a choice as well: `state:dirty state:ahead` finds both.

mod eval;
mod parse;

use std::fmt;

pub use eval::Document;
pub use parse::nearest;

/// A parsed query. Empty matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    terms: Vec<Term>,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The condition must not hold.
    pub is_negated: bool,
    /// The condition.
    pub condition: Condition,
}

/// What must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Free text somewhere in the document.
    Text(Text),
    /// A field has one of the values.
    Is {
        /// Which field.
        field: Field,
        /// Alternatives.
        values: Vec<Text>,
    },
    /// A numeric field compares so.
    Compares {
        /// Which field.
        field: Field,
        /// How.
        op: Op,
        /// With what.
        number: i64,
    },
}

/// A piece of text to look for, without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text {
    /// What is looked for.
    pub text: String,
    /// How it must match.
    pub kind: TextKind,
}

/// How a text matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextKind {
    /// A word: contained in text fields, equal in word fields.
    Word,
    /// A quoted phrase: the same, but may hold spaces and operators.
    Phrase,
    /// `word*`: at the beginning.
    Prefix,
}

/// Comparison of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `>=`
    AtLeast,
    /// `>`
    More,
}

impl Op {
    fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "=",
            Self::AtLeast => ">=",
            Self::More => ">",
        }
    }
}

/// How a field's values match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Free text: a value matches where it is contained.
    Text,
    /// Words from a list: a value must equal one.
    Words,
    /// A whole number.
    Number,
}

/// A field that can be asked for. New fields are one row of [`Field::TABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Name of the repository or folder.
    Name,
    /// Absolute path.
    Path,
    /// State words: dirty, clean, ahead, …
    State,
    /// Current branch.
    Branch,
    /// Technologies.
    Stack,
    /// Whose it is.
    Relation,
    /// Health score.
    Health,
    /// Commits not in the upstream.
    Ahead,
    /// Commits only in the upstream.
    Behind,
}

impl Field {
    /// Name, field, how it matches, and one line for the help.
    pub const TABLE: [(&'static str, Self, FieldKind, &'static str); 9] = [
        ("ahead", Self::Ahead, FieldKind::Number, "commits that the upstream lacks: ahead>0"),
        (
            "behind",
            Self::Behind,
            FieldKind::Number,
            "commits of the upstream that are missing here: behind>=10",
        ),
        ("branch", Self::Branch, FieldKind::Text, "current branch: branch:main, branch:feat/*"),
        ("health", Self::Health, FieldKind::Number, "health score 0-100: health<60"),
        ("name", Self::Name, FieldKind::Text, "name of the repository: name:api"),
        ("path", Self::Path, FieldKind::Text, "part of the path: path:shop/"),
        ("relation", Self::Relation, FieldKind::Words, "mine, team, third_party, unknown"),
        ("stack", Self::Stack, FieldKind::Words, "technology: stack:rust, stack:react,vue"),
        (
            "state",
            Self::State,
            FieldKind::Words,
            "clean, dirty, modified, staged, untracked, conflicts, stash, ahead, behind, diverged, remote-moved, unpushed, \
             local-only, detached, no-upstream, upstream-gone, no-remote, no-commits, rebase, am, merge, cherry-pick, \
             revert, bisect, operation, filtered, bare, folder, error, attention",
        ),
    ];

    /// State words that `state:` accepts.
    pub const STATE_WORDS: [&'static str; 30] = [
        "ahead",
        "am",
        "attention",
        "bare",
        "behind",
        "bisect",
        "cherry-pick",
        "clean",
        "conflicts",
        "detached",
        "dirty",
        "diverged",
        "error",
        "filtered",
        "folder",
        "local-only",
        "merge",
        "modified",
        "no-commits",
        "no-remote",
        "no-upstream",
        "operation",
        "rebase",
        "remote-moved",
        "revert",
        "staged",
        "stash",
        "unpushed",
        "untracked",
        "upstream-gone",
    ];

    /// Words that `relation:` accepts.
    pub const RELATION_WORDS: [&'static str; 4] = ["mine", "team", "third_party", "unknown"];

    fn row(self) -> &'static (&'static str, Self, FieldKind, &'static str) {
        Self::TABLE.iter().find(|row| row.1 == self).unwrap_or(&Self::TABLE[0])
    }

    /// The name in a query.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// How its values match.
    pub fn kind(self) -> FieldKind {
        self.row().2
    }
}

/// Why a text is no query, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at byte {at})")]
pub struct QueryError {
    /// First byte of the text that is wrong, counted from 0.
    pub at: usize,
    /// How many bytes are wrong; at least 1, but not beyond the end of the text.
    pub length: usize,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl QueryError {
    /// The query with a line of carets below the wrong place, for a terminal.
    pub fn pointed_at(&self, text: &str) -> String {
        let before = text.get(..self.at).map_or(self.at, |before| before.chars().count());
        let wrong = text.get(self.at..self.at + self.length).map_or(1, |wrong| wrong.chars().count()).max(1);
        format!("  {text}\n  {}{}", " ".repeat(before), "^".repeat(wrong))
    }
}

impl Query {
    /// Parses a query. Unknown fields are errors, never ignored.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        parse::parse(text)
    }

    /// The conditions.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Matches everything.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether a condition on `field` occurs; tells a reader what it must find out.
    pub fn asks_for(&self, field: Field) -> bool {
        self.terms.iter().any(|term| match &term.condition {
            Condition::Text(_) => false,
            Condition::Is { field: asked, .. } | Condition::Compares { field: asked, .. } => *asked == field,
        })
    }

    /// Whether `document` fulfils the query.
    pub fn matches(&self, document: &dyn Document) -> bool {
        eval::matches(self, document)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TextKind::Word => f.write_str(&self.text),
            TextKind::Prefix => write!(f, "{}*", self.text),
            TextKind::Phrase => write!(f, "\"{}\"", self.text.replace('\\', "\\\\").replace('"', "\\\"")),
        }
    }
}

impl fmt::Display for Query {
    /// The canonical print: parsing it gives the same query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, term) in self.terms.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            if term.is_negated {
                f.write_str("-")?;
            }
            match &term.condition {
                Condition::Text(text) => write!(f, "{text}")?,
                Condition::Is { field, values } => {
                    write!(f, "{}:", field.as_str())?;
                    for (at, value) in values.iter().enumerate() {
                        write!(f, "{}{value}", if at > 0 { "," } else { "" })?;
                    }
                }
                Condition::Compares { field, op, number } => {
                    write!(f, "{}{}{number}", field.as_str(), op.as_str())?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
