//! The words of the catalogue: by what its repositories are filtered, counted and sorted, and where a page of them ends.
//! Knows nothing of how that is answered.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::repository::words;

words! {
    /// Where a repository of the catalogue is known from.
    Origin {
        /// From one or several checkouts on disk.
        Local = "local",
        /// From the watchlist.
        Watched = "watched",
        /// From both.
        Both = "both",
    }

    /// By what repositories are filtered and counted.
    Facet {
        /// Where it is known from.
        Origin = "origin",
        /// How far its processing has come.
        Status = "status",
        /// How much is learned of it.
        Level = "level",
        /// The host of its address.
        Host = "host",
        /// What stands before its name.
        Owner = "owner",
        /// What it is for.
        Category = "category",
        /// A word that a person gave it.
        Tag = "tag",
        /// Its main language.
        Language = "language",
        /// Whose it is.
        Relation = "relation",
        /// Who watches it.
        AddedBy = "added_by",
    }

    /// By what repositories are sorted.
    SortKey {
        /// Their names; ASCII letters as if they were small.
        Name = "name",
        /// Their newest commits.
        LastCommitAt = "last_commit_at",
        /// How active they are.
        ActivityScore = "activity_score",
        /// Their numbers, hence when they were first known.
        Number = "number",
        /// When anything of them was last written.
        UpdatedAt = "updated_at",
    }
}

/// Which way a list goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

/// How the catalogue is sorted. What has no value comes last either way; ties go by number, ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sort {
    /// By what.
    pub key: SortKey,
    /// Which way.
    pub direction: Direction,
}

impl Default for Sort {
    fn default() -> Self {
        Self { key: SortKey::LastCommitAt, direction: Direction::Descending }
    }
}

/// `name`; `-name` the other way round.
impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.direction == Direction::Descending { "-" } else { "" };
        write!(f, "{sign}{}", self.key.as_str())
    }
}

impl FromStr for Sort {
    type Err = UnknownSort;

    fn from_str(text: &str) -> Result<Self, UnknownSort> {
        let (direction, word) = match text.strip_prefix('-') {
            Some(word) => (Direction::Descending, word),
            None => (Direction::Ascending, text),
        };
        let key = SortKey::of_word(word).ok_or_else(|| UnknownSort(text.to_owned()))?;
        Ok(Self { key, direction })
    }
}

/// Nothing is sorted that way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is none of name, last_commit_at, activity_score, number, updated_at, or one of them after '-'"
)]
pub struct UnknownSort(String);

/// Which repositories are listed. Several values of one facet are alternatives; different facets must all fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CatalogueFilter {
    /// What each facet may be; one without values is not asked for.
    pub values: BTreeMap<Facet, Vec<String>>,
    /// A part of `owner/name`, whatever the case of its ASCII letters.
    pub text: Option<String>,
    /// The least activity score.
    pub min_activity: Option<i64>,
}

/// How many repositories fit a filter, and which values they have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueCounts {
    /// Repositories that fit.
    pub total: u64,
    /// The values of each facet.
    pub facets: BTreeMap<Facet, FacetCounts>,
}

/// How often one value of a facet occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FacetCount {
    /// The value, as it is filtered by.
    pub value: String,
    /// Repositories that have it.
    pub count: u64,
}

/// The values of a facet among what fits all filters but those of the facet itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FacetCounts {
    /// The most frequent first; at most [`FACET_VALUES`].
    pub values: Vec<FacetCount>,
    /// Further values.
    pub more: u64,
}

/// Values of a facet that are named.
pub const FACET_VALUES: u64 = 20;

/// What a repository is sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortValue {
    /// A text.
    Text(String),
    /// A number, or a time in microseconds.
    Number(i64),
}

/// A place in the catalogue: right behind one repository, in one sort. As text it is opaque, and safe in an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueCursor {
    /// The sort it belongs to.
    pub sort: Sort,
    /// What the repository is sorted by; `None` if it has no value.
    pub value: Option<SortValue>,
    /// Its number.
    pub number: i64,
}

/// `SORT.NUMBER.VALUE`, the value in hexadecimal, `x` for none.
impl fmt::Display for CatalogueCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.", self.sort, self.number)?;
        let text = match &self.value {
            None => return f.write_str("x"),
            Some(SortValue::Text(text)) => text.clone(),
            Some(SortValue::Number(number)) => number.to_string(),
        };
        text.bytes().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The text is no place in the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in the list")]
pub struct BadCursor;

impl FromStr for CatalogueCursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let mut parts = text.split('.');
        let (Some(sort), Some(number), Some(value), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(BadCursor);
        };
        let sort: Sort = sort.parse().map_err(|_| BadCursor)?;
        let number = number.parse().map_err(|_| BadCursor)?;
        let value = match (value, sort.key) {
            ("x", _) => None,
            (hex, SortKey::Name) => Some(SortValue::Text(from_hex(hex)?)),
            (hex, _) => Some(SortValue::Number(from_hex(hex)?.parse().map_err(|_| BadCursor)?)),
        };
        Ok(Self { sort, value, number })
    }
}

fn from_hex(hex: &str) -> Result<String, BadCursor> {
    if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) || !hex.len().is_multiple_of(2) {
        return Err(BadCursor);
    }
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).map_err(|_| BadCursor);
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect::<Result<_, _>>()?;
    // PostgreSQL takes no text with a zero in it, and no name has one.
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or(BadCursor)
}

#[cfg(test)]
mod tests {
    use super::{CatalogueCursor, Direction, Sort, SortKey, SortValue};

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        let values = [None, Some(SortValue::Text("naïve.1 x".into())), Some(SortValue::Text(String::new()))];
        let numbers = [None, Some(SortValue::Number(i64::MIN)), Some(SortValue::Number(0))];
        for (key, values) in [(SortKey::Name, values), (SortKey::UpdatedAt, numbers)] {
            for (value, direction) in
                values.into_iter().zip([Direction::Ascending, Direction::Descending, Direction::Ascending])
            {
                let cursor = CatalogueCursor { sort: Sort { key, direction }, value, number: 7 };
                assert_eq!(cursor.to_string().parse(), Ok(cursor));
            }
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in [
            "",
            "x",
            "..",
            "name.1",
            "name.1.6",
            "name.1.é9",
            "name.1.ff",
            "name.1.00",
            "name.1.+6",
            "name.one.61",
            "size.1.61",
            "number.1.61",
            "name.1.61.61",
            "--name.1.61",
            "name.1.zz",
        ] {
            assert!(text.parse::<CatalogueCursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_sort_is_its_key_and_a_sign() {
        for text in ["name", "-last_commit_at", "number", "-updated_at", "activity_score"] {
            assert_eq!(text.parse::<Sort>().map(|sort| sort.to_string()).as_deref(), Ok(text));
        }
        assert_eq!(Sort::default().to_string(), "-last_commit_at");
        assert!("size".parse::<Sort>().is_err_and(|error| error.to_string().contains("activity_score")));
    }
}
