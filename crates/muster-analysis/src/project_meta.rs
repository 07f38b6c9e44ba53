//! Reads `PROJECT_META.json`, the file in which a person overrides what was guessed. Knows its keys and shapes and
//! says with line and column what is wrong; what it does not know it ignores, so that newer files still work.

use std::fmt;

use muster_model::analysis::ProjectMeta;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// What is wrong with the file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectMetaError {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What was expected, and what was found.
    pub message: String,
}

impl fmt::Display for ProjectMetaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ProjectMetaError {}

/// The values stay raw text at first: their place in the file is the place the error names.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    description: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    priority: Option<&'a RawValue>,
    #[serde(borrow)]
    completion: Option<&'a RawValue>,
    #[serde(borrow)]
    time_to_launch: Option<&'a RawValue>,
    #[serde(borrow)]
    revenue: Option<&'a RawValue>,
    #[serde(borrow)]
    blockers: Option<&'a RawValue>,
    #[serde(borrow)]
    links: Option<&'a RawValue>,
}

/// Parses the file. Depth is bounded by the JSON parser, size by who read the bytes.
pub fn parse_project_meta(bytes: &[u8]) -> Result<ProjectMeta, ProjectMetaError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        at(&valid, valid.len(), "the file must be UTF-8".to_owned())
    })?;
    let document = Document { text };
    let start = text.len() - text.trim_start().len();
    if !text[start..].starts_with('{') {
        let found = shown(&text[start..]);
        return Err(at(text, start, format!("the file must hold one object in braces, found {found}")));
    }
    let fields: Fields<'_> = serde_json::from_str(text).map_err(|error| syntax(text, &error))?;
    Ok(ProjectMeta {
        name: document.text_of(fields.name, "name")?,
        description: document.text_of(fields.description, "description")?,
        status: document.text_of(fields.status, "status")?,
        priority: document.text_of(fields.priority, "priority")?,
        completion: document.completion(fields.completion)?,
        time_to_launch: document.text_or_number(fields.time_to_launch, "time_to_launch")?,
        revenue: document.text_or_number(fields.revenue, "revenue")?,
        blockers: document.blockers(fields.blockers)?,
        links: document.links(fields.links)?,
    })
}

struct Document<'a> {
    text: &'a str,
}

impl<'a> Document<'a> {
    fn value(&self, raw: &'a RawValue) -> Result<Value, ProjectMetaError> {
        serde_json::from_str(raw.get()).map_err(|error| {
            // Only depth gets here: the whole text has been scanned once already.
            self.wrong(raw, &format!("a value that can be read ({})", without_place(&error)))
        })
    }

    fn text_of(&self, raw: Option<&'a RawValue>, key: &str) -> Result<Option<String>, ProjectMetaError> {
        let Some(raw) = raw else { return Ok(None) };
        match self.value(raw)? {
            Value::String(text) => Ok(not_empty(&text)),
            Value::Null => Ok(None),
            _ => Err(self.wrong(raw, &format!("{key} must be a text"))),
        }
    }

    fn text_or_number(
        &self,
        raw: Option<&'a RawValue>,
        key: &str,
    ) -> Result<Option<String>, ProjectMetaError> {
        let Some(raw) = raw else { return Ok(None) };
        match self.value(raw)? {
            Value::String(text) => Ok(not_empty(&text)),
            // The number as the person wrote it, not as a float prints it.
            Value::Number(_) => Ok(Some(raw.get().to_owned())),
            Value::Null => Ok(None),
            _ => Err(self.wrong(raw, &format!("{key} must be a text or a number"))),
        }
    }

    fn completion(&self, raw: Option<&'a RawValue>) -> Result<Option<f64>, ProjectMetaError> {
        let Some(raw) = raw else { return Ok(None) };
        match self.value(raw)? {
            Value::Null => Ok(None),
            Value::Number(number) => match number.as_f64() {
                Some(value) if (0.0..=100.0).contains(&value) => Ok(Some(value)),
                _ => Err(self.wrong(raw, "completion must be a number from 0 to 100")),
            },
            _ => Err(self.wrong(raw, "completion must be a number from 0 to 100")),
        }
    }

    fn blockers(&self, raw: Option<&'a RawValue>) -> Result<Vec<String>, ProjectMetaError> {
        let Some(raw) = raw else { return Ok(Vec::new()) };
        match self.value(raw)? {
            Value::Null => return Ok(Vec::new()),
            Value::String(text) => return Ok(not_empty(&text).into_iter().collect()),
            Value::Array(_) => {}
            _ => return Err(self.wrong(raw, "blockers must be a list of texts")),
        }
        let items: Vec<&RawValue> =
            serde_json::from_str(raw.get()).map_err(|error| syntax(self.text, &error))?;
        let mut blockers = Vec::new();
        for item in items {
            blockers.extend(self.text_of(Some(item), "each of blockers")?);
        }
        Ok(blockers)
    }

    /// An object of name and address, or a list of addresses that are their own names.
    fn links(&self, raw: Option<&'a RawValue>) -> Result<Vec<(String, String)>, ProjectMetaError> {
        let Some(raw) = raw else { return Ok(Vec::new()) };
        let mut links = Vec::new();
        match self.value(raw)? {
            Value::Null => {}
            Value::Object(map) => {
                for (name, value) in map {
                    match value {
                        Value::String(url) => links.push((name, url)),
                        Value::Null => {}
                        other => {
                            let message = format!(
                                "links.{name} must be an address, found {}",
                                shown(&other.to_string())
                            );
                            return Err(at(self.text, self.offset(raw), message));
                        }
                    }
                }
            }
            Value::Array(_) => {
                let items: Vec<&RawValue> =
                    serde_json::from_str(raw.get()).map_err(|error| syntax(self.text, &error))?;
                for item in items {
                    if let Some(url) = self.text_of(Some(item), "each of links")? {
                        links.push((url.clone(), url));
                    }
                }
            }
            _ => {
                return Err(
                    self.wrong(raw, "links must be an object of names and addresses, or a list of addresses")
                );
            }
        }
        Ok(links)
    }

    fn wrong(&self, raw: &RawValue, expected: &str) -> ProjectMetaError {
        at(self.text, self.offset(raw), format!("{expected}, found {}", shown(raw.get())))
    }

    /// Where the raw value lies in the file: it borrows from it, so the addresses tell.
    fn offset(&self, raw: &RawValue) -> usize {
        (raw.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize).min(self.text.len())
    }
}

fn at(text: &str, offset: usize, message: String) -> ProjectMetaError {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    ProjectMetaError {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        message,
    }
}

fn syntax(text: &str, error: &serde_json::Error) -> ProjectMetaError {
    let line_text = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    // The parser counts bytes; people count characters.
    let bytes = error.column().min(line_text.len());
    let column = String::from_utf8_lossy(&line_text.as_bytes()[..bytes]).chars().count();
    ProjectMetaError { line: error.line().max(1), column: column.max(1), message: without_place(error) }
}

fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or_default().to_owned()
}

fn not_empty(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn shown(value: &str) -> String {
    const LIMIT: usize = 40;
    let value = value.trim();
    if value.is_empty() {
        return "nothing".to_owned();
    }
    let mut shown: String = value.chars().take(LIMIT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if value.chars().nth(LIMIT).is_some() {
        shown.push('…');
    }
    shown
}
