//! The shapes of registry.json as people write it. Every check is made while its text is read, so that the error says
//! where it stands.

use std::{
    fmt,
    path::{Component, Path, PathBuf},
};

use muster_model::{RemoteUrl, category::Category, relation::Relation};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, value::RawValue};

use super::{DeclaredRepository, Place, alerts::Alerts};

/// Characters of a name, a tag, a description.
const MAX_CHARACTERS: usize = 4000;

/// The whole file, its items not yet looked into: where each begins is known by that.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with roots, repositories and agents")]
pub(super) struct Lists<'a> {
    #[serde(borrow, default)]
    pub(super) roots: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) repositories: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) agents: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Repository {
    path: Option<Folder>,
    url: Option<Url>,
    category: Option<Category>,
    #[serde(default)]
    tags: Vec<Text>,
    relation: Option<Relation>,
    alerts: Option<Alerts>,
}

impl Repository {
    pub(super) fn into_declared(self, home: Option<&Path>) -> Result<DeclaredRepository, &'static str> {
        let place = match (self.path, self.url) {
            (Some(Folder(path)), None) => Place::Path(path.in_home(home)?),
            (None, Some(Url(url))) => Place::Url(url),
            (None, None) => return Err("a repository needs a path or a url"),
            (Some(_), Some(_)) => return Err("a repository has a path or a url, not both"),
        };
        let mut tags = Vec::with_capacity(self.tags.len());
        for Text(tag) in self.tags {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        let alerts = self.alerts.map(serde_json::to_value).transpose();
        Ok(DeclaredRepository {
            place,
            category: self.category,
            tags,
            relation: self.relation,
            alerts: alerts.map_err(|_| "the alerts cannot be kept")?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agent {
    id: Text,
    name: Text,
    version: Option<Text>,
    status: Option<Text>,
    domain: Option<Text>,
    r#type: Option<Text>,
    description: Option<Text>,
    #[serde(default)]
    capabilities: Vec<Text>,
    #[serde(default)]
    protocols: Vec<Text>,
    implementations: Option<Implementations>,
}

impl From<Agent> for super::Agent {
    fn from(agent: Agent) -> Self {
        let text = |text: Option<Text>| text.map(|Text(text)| text);
        let list = |list: Vec<Text>| list.into_iter().map(|Text(text)| text).collect();
        Self {
            id: agent.id.0,
            name: agent.name.0,
            version: text(agent.version),
            status: text(agent.status),
            domain: text(agent.domain),
            kind: text(agent.r#type),
            description: text(agent.description),
            capabilities: list(agent.capabilities),
            protocols: list(agent.protocols),
            implementations: agent.implementations.map(|Implementations(value)| value),
        }
    }
}

/// Some text that is not empty and no book.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked(deserializer, "text", |text| match text.trim() {
            "" => Err("the text is empty".to_owned()),
            text if text.chars().count() > MAX_CHARACTERS => {
                Err(format!("the text has more than {MAX_CHARACTERS} characters"))
            }
            text => Ok(Self(text.to_owned())),
        })
    }
}

/// A folder, not yet in its home.
pub(super) struct Folder(pub(super) FolderPath);

/// Parts without `.`; below the home folder or the root of the file system.
pub(super) struct FolderPath {
    is_in_home: bool,
    path: PathBuf,
}

impl FolderPath {
    pub(super) fn in_home(self, home: Option<&Path>) -> Result<PathBuf, &'static str> {
        match (self.is_in_home, home) {
            (false, _) => Ok(self.path),
            (true, Some(home)) => Ok(home.join(self.path)),
            (true, None) => Err("the home folder is not known; write the path without '~'"),
        }
    }
}

impl<'de> Deserialize<'de> for Folder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked(deserializer, "a path", |text| {
            let path = Path::new(text);
            let below_home = path.strip_prefix("~");
            if !path.is_absolute() && below_home.is_err() {
                return Err(format!("the path '{text}' must begin with '/' or '~/'"));
            }
            if text.contains('\0') || path.components().any(|part| part == Component::ParentDir) {
                return Err(format!("the path '{}' must do without '..'", text.escape_debug()));
            }
            let is_in_home = below_home.is_ok();
            let path = below_home.unwrap_or(path).components().filter(|part| *part != Component::CurDir);
            Ok(Self(FolderPath { is_in_home, path: path.collect() }))
        })
    }
}

struct Url(RemoteUrl);

impl<'de> Deserialize<'de> for Url {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        checked(deserializer, "the address of a repository", |text| {
            let url = RemoteUrl::parse(text).map_err(|error| error.to_string())?;
            if url.host().is_empty() {
                return Err("the address names no host; a folder of this machine is a path".to_owned());
            }
            Ok(Self(url))
        })
    }
}

/// An object or a list.
struct Implementations(Value);

impl<'de> Deserialize<'de> for Implementations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Implementations;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Implementations, A::Error> {
                Value::deserialize(de::value::MapAccessDeserializer::new(map)).map(Implementations)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<Implementations, A::Error> {
                Value::deserialize(de::value::SeqAccessDeserializer::new(list)).map(Implementations)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Text that is checked while it is read: a check made later would be told at the wrong place.
fn checked<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    expected: &'static str,
    check: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    struct Visitor<C>(&'static str, C);
    impl<T, C: FnOnce(&str) -> Result<T, String>> de::Visitor<'_> for Visitor<C> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            (self.1)(text).map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Visitor(expected, check))
}
