//! Which rows of the view `catalogue` fit a filter, and which lie behind a place of a sort: as conditions in SQL with their
//! values apart. The same text on both databases.

use muster_model::catalogue::{CatalogueCursor, CatalogueFilter, Direction, Facet, Sort, SortKey, SortValue};
use sea_orm::Value;

/// The values of a statement, in the order in which they were named.
#[derive(Default)]
pub(super) struct Values(pub(super) Vec<Value>);

impl Values {
    /// The name of a new value.
    pub(super) fn name(&mut self, value: impl Into<Value>) -> String {
        self.0.push(value.into());
        format!("${}", self.0.len())
    }

    pub(super) fn names<T: Into<Value>>(&mut self, values: impl IntoIterator<Item = T>) -> String {
        let names: Vec<_> = values.into_iter().map(|value| self.name(value)).collect();
        names.join(", ")
    }
}

/// The column of the view that a facet counts; `None` for those that have several values.
pub(super) fn column(facet: Facet) -> Option<&'static str> {
    match facet {
        Facet::Tag | Facet::AddedBy => None,
        one => Some(one.as_str()),
    }
}

/// What the filter asks beside its facets. `TRUE` if nothing.
pub(super) fn of_plain(filter: &CatalogueFilter, values: &mut Values) -> String {
    let mut all = Vec::new();
    if let Some(text) = &filter.text {
        let pattern = values.name(format!("%{}%", escaped(&text.to_ascii_lowercase())));
        all.push(format!("LOWER(COALESCE(owner || '/', '') || name) LIKE {pattern} ESCAPE '\\'"));
    }
    if let Some(least) = filter.min_activity {
        all.push(format!("activity_score >= {}", values.name(least)));
    }
    every(&all)
}

/// What the filter asks of each facet that it names.
pub(super) fn of_facets(filter: &CatalogueFilter, values: &mut Values) -> Vec<(Facet, String)> {
    let named = filter.values.iter().filter(|(_, wanted)| !wanted.is_empty());
    let mut conditions = Vec::new();
    for (&facet, wanted) in named {
        let condition = match facet {
            Facet::Owner | Facet::Language => {
                let folded = values.names(wanted.iter().map(|value| value.to_ascii_lowercase()));
                format!("LOWER({}) IN ({folded})", facet.as_str())
            }
            Facet::Tag => {
                let tags = values.names(wanted.iter().map(String::as_str));
                format!("id IN (SELECT repository FROM repository_tag WHERE tag IN ({tags}))")
            }
            Facet::AddedBy => {
                let people = values.names(wanted.iter().map(String::as_str));
                format!("id IN (SELECT repository FROM watch WHERE added_by IN ({people}))")
            }
            other => {
                let wanted = values.names(wanted.iter().map(String::as_str));
                format!("{} IN ({wanted})", other.as_str())
            }
        };
        conditions.push((facet, condition));
    }
    conditions
}

/// All of them; `TRUE` for none.
pub(super) fn every(conditions: &[String]) -> String {
    if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") }
}

/// What is sorted by. Names as they are compared, whatever the case of ASCII letters: both databases fold no others.
fn expression(key: SortKey) -> &'static str {
    match key {
        SortKey::Name => "LOWER(name)",
        other => other.as_str(),
    }
}

/// What stands behind ORDER BY.
pub(super) fn order(sort: Sort) -> String {
    let direction = match sort.direction {
        Direction::Ascending => "ASC",
        Direction::Descending => "DESC",
    };
    format!("{} {direction} NULLS LAST, number", expression(sort.key))
}

/// What comes behind a place, in its sort.
pub(super) fn behind(cursor: &CatalogueCursor, values: &mut Values) -> String {
    let by = expression(cursor.sort.key);
    let number = values.name(cursor.number);
    let value = match &cursor.value {
        None => return format!("({by} IS NULL AND number > {number})"),
        Some(SortValue::Text(text)) => values.name(text.as_str()),
        Some(SortValue::Number(number)) => values.name(*number),
    };
    let beyond = match cursor.sort.direction {
        Direction::Ascending => '>',
        Direction::Descending => '<',
    };
    format!("({by} {beyond} {value} OR ({by} = {value} AND number > {number}) OR {by} IS NULL)")
}

/// A text as it is meant, inside a pattern.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
