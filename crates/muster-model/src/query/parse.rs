//! From text to [`Query`]: one pass over the bytes, no backtracking, every error with its place.

use super::{Condition, Field, FieldKind, Op, Query, QueryError, Term, Text, TextKind};

/// Longest query; more is no question a person asks.
const MAX_BYTES: usize = 4096;

pub(super) fn parse(text: &str) -> Result<Query, QueryError> {
    if text.len() > MAX_BYTES {
        let message = format!("the query is longer than {MAX_BYTES} bytes");
        return Err(QueryError { at: MAX_BYTES, length: 1, message });
    }
    let mut parser = Parser { text, at: 0 };
    let mut terms = Vec::new();
    while let Some(term) = parser.term()? {
        terms.push(term);
    }
    Ok(Query { terms })
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// An error from `at` to where the parser stands; at the end of the text it is the last character's.
    fn error(&self, at: usize, message: impl Into<String>) -> QueryError {
        let last = self.text.char_indices().next_back().map_or(0, |(at, _)| at);
        let at = at.min(last);
        let length = self.at.max(at + 1).min(self.text.len()).saturating_sub(at).max(1);
        QueryError { at, length, message: message.into() }
    }

    fn term(&mut self) -> Result<Option<Term>, QueryError> {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += self.peek().map_or(0, char::len_utf8);
        }
        let start = self.at;
        let is_negated = self.peek() == Some('-');
        if is_negated {
            self.at += 1;
        }
        let condition = match self.peek() {
            None if is_negated => {
                return Err(self.error(start, "'-' stands alone; write -word or -field:value"));
            }
            None => return Ok(None),
            Some(space) if space.is_whitespace() => {
                return Err(self.error(start, "'-' stands alone; write -word or -field:value"));
            }
            Some('"') => Condition::Text(self.phrase()?),
            Some(_) => self.word_or_field()?,
        };
        Ok(Some(Term { is_negated, condition }))
    }

    fn word_or_field(&mut self) -> Result<Condition, QueryError> {
        let start = self.at;
        let rest = &self.text[start..];
        let end = rest.find(|c: char| c.is_whitespace() || ":=<>\"".contains(c)).unwrap_or(rest.len());
        match rest[end..].chars().next() {
            Some(':' | '=' | '<' | '>') => {
                self.at += end;
                self.field(start)
            }
            _ => {
                let text = self.bare(char::is_whitespace)?;
                Ok(Condition::Text(text))
            }
        }
    }

    fn field(&mut self, start: usize) -> Result<Condition, QueryError> {
        let name = &self.text[start..self.at];
        let Some((_, field, kind, _)) = Field::TABLE.iter().find(|row| row.0.eq_ignore_ascii_case(name))
        else {
            return Err(self.error(start, unknown_field(name)));
        };
        let op_at = self.at;
        let op = self.op();
        match (kind, op) {
            (FieldKind::Number, op) => self.number(*field, op),
            (_, Op::Equal) => self.values(*field, *kind),
            _ => Err(self.error(op_at, format!("'{}' is no number; write {0}:value", field.as_str()))),
        }
    }

    /// `:` and `=` mean the same.
    fn op(&mut self) -> Op {
        let rest = &self.text[self.at..];
        let (op, length) = match rest {
            _ if rest.starts_with("<=") => (Op::AtMost, 2),
            _ if rest.starts_with(">=") => (Op::AtLeast, 2),
            _ if rest.starts_with('<') => (Op::Less, 1),
            _ if rest.starts_with('>') => (Op::More, 1),
            _ => (Op::Equal, 1),
        };
        self.at += length;
        op
    }

    fn number(&mut self, field: Field, op: Op) -> Result<Condition, QueryError> {
        let start = self.at;
        let rest = &self.text[start..];
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        self.at += end;
        match rest[..end].parse() {
            Ok(number) => Ok(Condition::Compares { field, op, number }),
            Err(_) => {
                let name = field.as_str();
                Err(self.error(start, format!("'{name}' needs a whole number, like {name}>0")))
            }
        }
    }

    fn values(&mut self, field: Field, kind: FieldKind) -> Result<Condition, QueryError> {
        let mut values = Vec::new();
        loop {
            let start = self.at;
            let value = match self.peek() {
                Some('"') => self.phrase()?,
                _ => self.bare(|c| c.is_whitespace() || c == ',')?,
            };
            if value.text.is_empty() {
                return Err(self.error(start, format!("'{}:' has no value", field.as_str())));
            }
            if kind == FieldKind::Words {
                self.check_word(field, &value, start)?;
            }
            values.push(value);
            if self.peek() != Some(',') {
                return Ok(Condition::Is { field, values });
            }
            self.at += 1;
        }
    }

    fn check_word(&self, field: Field, value: &Text, start: usize) -> Result<(), QueryError> {
        let words: &[&str] = match field {
            Field::State => &Field::STATE_WORDS,
            Field::Relation => &Field::RELATION_WORDS,
            _ => return Ok(()),
        };
        let fits = match value.kind {
            TextKind::Prefix => words.iter().any(|word| word.starts_with(&value.text.to_lowercase())),
            _ => words.iter().any(|word| word.eq_ignore_ascii_case(&value.text)),
        };
        if fits {
            return Ok(());
        }
        let hint = match nearest(&value.text, words.iter().copied()) {
            Some(word) => format!("did you mean {}:{word}?", field.as_str()),
            None => format!("it is one of {}", words.join(", ")),
        };
        Err(self.error(start, format!("'{}' is no {}; {hint}", value.text, field.as_str())))
    }

    fn bare(&mut self, is_end: impl Fn(char) -> bool) -> Result<Text, QueryError> {
        let start = self.at;
        let rest = &self.text[start..];
        let end = rest.find(is_end).unwrap_or(rest.len());
        self.at += end;
        let word = &rest[..end];
        if let Some(quote) = word.find('"') {
            return Err(
                self.error(start + quote, "a quote in the middle of a word; put the whole value in quotes")
            );
        }
        match word.strip_suffix('*') {
            Some("") => Err(self.error(start, "'*' alone matches everything; leave it out")),
            Some(prefix) => Ok(Text { text: prefix.to_owned(), kind: TextKind::Prefix }),
            None => Ok(Text { text: word.to_owned(), kind: TextKind::Word }),
        }
    }

    fn phrase(&mut self) -> Result<Text, QueryError> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += c.len_utf8();
            match c {
                '"' if text.is_empty() => return Err(self.error(start, "the quotes are empty")),
                '"' => return Ok(Text { text, kind: TextKind::Phrase }),
                '\\' => match self.peek() {
                    Some(escaped @ ('"' | '\\')) => {
                        self.at += 1;
                        text.push(escaped);
                    }
                    _ => text.push('\\'),
                },
                other => text.push(other),
            }
        }
        Err(self.error(start, "the quote is not closed"))
    }
}

fn unknown_field(name: &str) -> String {
    if name.is_empty() {
        return "a field name must stand before the operator; to look for the sign itself, quote it"
            .to_owned();
    }
    match nearest(name, Field::TABLE.iter().map(|row| row.0)) {
        Some(field) => format!("there is no field '{name}'; did you mean '{field}'?"),
        None => {
            let names: Vec<_> = Field::TABLE.iter().map(|row| row.0).collect();
            format!(
                "there is no field '{name}'; fields are {}. To look for the text itself, quote it",
                names.join(", ")
            )
        }
    }
}

/// The candidate at most two edits away, if there is one.
pub fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const MAX_EDITS: usize = 2;
    let text = text.to_lowercase();
    candidates
        .map(|candidate| (edits(&text, candidate), candidate))
        .filter(|&(edits, candidate)| edits <= MAX_EDITS && edits < candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != *y)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}
