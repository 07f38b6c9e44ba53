//! registry.json: the roots, repositories and agents that a person declares. From bytes to a [`Registry`] that cannot be
//! wrong, or to the one error that comes first, with its line and column. Pure: nothing is read, no path is looked at;
//! when the file is read and what follows from it is the registry keeper's matter.

mod alerts;
mod file;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use muster_model::{
    RemoteUrl, category::Category, redact::without_passwords, relation::Relation, word::path_text,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

/// Bytes of a file at most; a list of ten thousand repositories fits several times.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// What a person declares.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    /// Folders to search besides the configured ones; absolute, each once.
    #[serde(with = "path_text::list")]
    pub roots: Vec<PathBuf>,
    /// Repositories of which something is said.
    pub repositories: Vec<DeclaredRepository>,
    /// Agents; listed, and otherwise left alone.
    pub agents: Vec<Agent>,
}

/// A repository of which something is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredRepository {
    /// Which one.
    pub place: Place,
    /// What it is for.
    pub category: Option<Category>,
    /// Labels, each once.
    pub tags: Vec<String>,
    /// Whose it is; wins over every guess.
    pub relation: Option<Relation>,
    /// Alert settings, an object of known keys.
    pub alerts: Option<Value>,
}

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A folder of this machine, absolute.
    Path(#[serde(with = "path_text")] PathBuf),
    /// A remote.
    Url(RemoteUrl),
}

impl Place {
    /// The same for every spelling of one place.
    fn identity(&self) -> String {
        match self {
            Self::Path(path) => format!("path:{}", path_text::encode(path)),
            Self::Url(url) => format!("url:{}", url.identity()),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => std::fmt::Display::fmt(&path.display(), f),
            Self::Url(url) => std::fmt::Display::fmt(url, f),
        }
    }
}

/// An agent as it is declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Unique in the file.
    pub id: String,
    /// For people.
    pub name: String,
    /// As its maker counts.
    pub version: Option<String>,
    /// In its maker's word.
    pub status: Option<String>,
    /// What it is about.
    pub domain: Option<String>,
    /// In its maker's word.
    pub kind: Option<String>,
    /// One sentence.
    pub description: Option<String>,
    /// What it can do.
    pub capabilities: Vec<String>,
    /// What it speaks.
    pub protocols: Vec<String>,
    /// Where it is carried out: an object or a list, in its maker's words.
    pub implementations: Option<Value>,
}

/// What is wrong with a file, and where: both count from 1, the column in characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct RegistryError {
    /// The line.
    pub line: usize,
    /// The character in it.
    pub column: usize,
    /// What is wrong and what is right; never with the password of an address.
    pub message: String,
}

impl RegistryError {
    /// An error of the file as a whole.
    pub(crate) fn whole(message: String) -> Self {
        Self { line: 1, column: 1, message }
    }

    fn at(text: &str, offset: usize, message: &str) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: without_passwords(message),
        }
    }

    /// An error that serde_json met while it read `part` of `text`.
    fn of_json(text: &str, part: &str, error: &serde_json::Error) -> Self {
        let line_start = match error.line() {
            0 | 1 => 0,
            line => part.match_indices('\n').nth(line - 2).map_or(part.len(), |(newline, _)| newline + 1),
        };
        let mut offset = (line_start + error.column().saturating_sub(1)).min(part.len());
        while !part.is_char_boundary(offset) {
            offset -= 1;
        }
        // The place is told apart from the sentence.
        let message = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let message = message.strip_suffix(&place).unwrap_or(&message);
        Self::at(text, offset_in(text, part) + offset, message)
    }
}

/// Parses a file. `home` is what "~" stands for.
pub fn parse(bytes: &[u8], home: Option<&Path>) -> Result<Registry, RegistryError> {
    if bytes.len() > MAX_BYTES {
        return Err(RegistryError::whole(format!("the file has more than {} MiB", MAX_BYTES / 1024 / 1024)));
    }
    let text = str::from_utf8(bytes).map_err(|error| {
        let valid = str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
        RegistryError::at(valid, valid.len(), "the file is not UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('[') {
        return Err(RegistryError::whole(
            "expected an object with roots, repositories and agents".to_owned(),
        ));
    }
    let lists: file::Lists<'_> =
        serde_json::from_str(text).map_err(|error| RegistryError::of_json(text, text, &error))?;
    let mut registry = Registry::default();
    for raw in lists.roots {
        let file::Folder(root) = element(text, raw)?;
        let root = root.in_home(home).map_err(|message| at_element(text, raw, message))?;
        if !registry.roots.contains(&root) {
            registry.roots.push(root);
        }
    }
    let mut first = HashMap::new();
    for raw in lists.repositories {
        let repository = object::<file::Repository>(text, raw, "path or url")?
            .into_declared(home)
            .map_err(|message| at_element(text, raw, message))?;
        let what = format!("the repository {}", repository.place);
        only_once(text, raw, &mut first, repository.place.identity(), &what)?;
        registry.repositories.push(repository);
    }
    let mut first = HashMap::new();
    for raw in lists.agents {
        let agent = Agent::from(object::<file::Agent>(text, raw, "id and name")?);
        only_once(text, raw, &mut first, agent.id.clone(), &format!("the agent '{}'", agent.id))?;
        registry.agents.push(agent);
    }
    Ok(registry)
}

fn element<'a, T: Deserialize<'a>>(text: &str, raw: &'a RawValue) -> Result<T, RegistryError> {
    serde_json::from_str(raw.get()).map_err(|error| RegistryError::of_json(text, raw.get(), &error))
}

/// An element that is an object; serde would take a list of its values as well.
fn object<'a, T: Deserialize<'a>>(text: &str, raw: &'a RawValue, with: &str) -> Result<T, RegistryError> {
    if !raw.get().starts_with('{') {
        return Err(at_element(text, raw, &format!("expected an object with {with}")));
    }
    element(text, raw)
}

fn at_element(text: &str, raw: &RawValue, message: &str) -> RegistryError {
    RegistryError::at(text, offset_in(text, raw.get()), message)
}

/// Notes where a thing is declared first, and refuses the second time.
fn only_once<'a>(
    text: &str,
    raw: &'a RawValue,
    first: &mut HashMap<String, &'a RawValue>,
    identity: String,
    what: &str,
) -> Result<(), RegistryError> {
    match first.insert(identity, raw) {
        None => Ok(()),
        Some(before) => {
            let line = at_element(text, before, "").line;
            Err(at_element(text, raw, &format!("{what} is declared twice, first in line {line}")))
        }
    }
}

/// Where a part, which is a slice of the text, begins.
fn offset_in(text: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(text.as_ptr().addr())
}
