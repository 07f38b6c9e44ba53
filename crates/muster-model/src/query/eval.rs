//! Asks a document whether it fulfils a query. What cannot be measured fulfils no comparison and no negated one
//! either: `health<60` and `-health<60` both leave out a repository without a score.

use std::collections::BTreeMap;

use super::{Condition, Field, FieldKind, Op, Query, Text, TextKind};

/// Something that can be asked.
pub trait Document {
    /// Texts that a free word is looked for in.
    fn texts(&self) -> Vec<&str>;

    /// The words or texts of a field; empty if it has none.
    fn values(&self, field: Field) -> Vec<String>;

    /// The number of a field; `None` if unknown.
    fn number(&self, field: Field) -> Option<i64>;
}

pub(super) fn matches(query: &Query, document: &dyn Document) -> bool {
    // The same field given twice is a choice; so collect the positive ones first.
    let mut choices: BTreeMap<Field, bool> = BTreeMap::new();
    for term in query.terms() {
        let holds = match &term.condition {
            Condition::Text(text) => document.texts().iter().any(|candidate| contains(candidate, text)),
            Condition::Is { field, values } => {
                let have = document.values(*field);
                let holds =
                    values.iter().any(|value| have.iter().any(|have| fits(have, value, field.kind())));
                if !term.is_negated {
                    *choices.entry(*field).or_insert(false) |= holds;
                    continue;
                }
                holds
            }
            Condition::Compares { field, op, number } => match document.number(*field) {
                Some(have) => compares(have, *op, *number),
                None => return false,
            },
        };
        if holds == term.is_negated {
            return false;
        }
    }
    choices.values().all(|&holds| holds)
}

fn fits(have: &str, value: &Text, kind: FieldKind) -> bool {
    match kind {
        FieldKind::Text => contains(have, value),
        FieldKind::Words | FieldKind::Number => match value.kind {
            TextKind::Prefix => have.to_lowercase().starts_with(&value.text.to_lowercase()),
            TextKind::Word | TextKind::Phrase => have.to_lowercase() == value.text.to_lowercase(),
        },
    }
}

fn contains(have: &str, value: &Text) -> bool {
    let (have, text) = (have.to_lowercase(), value.text.to_lowercase());
    match value.kind {
        TextKind::Word | TextKind::Phrase => have.contains(&text),
        TextKind::Prefix => have.starts_with(&text) || have.contains(&format!("/{text}")),
    }
}

fn compares(have: i64, op: Op, number: i64) -> bool {
    match op {
        Op::Less => have < number,
        Op::AtMost => have <= number,
        Op::Equal => have == number,
        Op::AtLeast => have >= number,
        Op::More => have > number,
    }
}
