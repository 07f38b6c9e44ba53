//! Merges the layers of the configuration key by key and remembers who set each. The defaults are the schema: a key
//! that is not there is an error, and so is a value of another type. All errors are collected before any is told.

use std::{collections::BTreeMap, fmt, path::Path};

use muster_model::redact::without_passwords;
use serde::de::DeserializeOwned;
use toml::{Spanned, Table, Value, de::DeTable, de::DeValue};

/// Prefix of environment names: `MUSTER__SECTION__KEY`.
const ENVIRONMENT_PREFIX: &str = "MUSTER__";

/// Names that other programs use too, and whose key they are. The name with the prefix wins.
const PLAIN_NAMES: [(&str, &str, &str); 17] = [
    ("DATABASE_URL", "database", "url"),
    ("GIT_CLONE_DIR", "mirror", "folder"),
    ("RATELIMIT_ENABLED", "ratelimit", "enabled"),
    ("RATELIMIT_REQUESTS", "ratelimit", "requests"),
    // Two names of one thing: a limit is kept as long as its window. The second wins.
    ("CACHE_TTL_RATELIMIT", "ratelimit", "window_seconds"),
    ("RATELIMIT_WINDOW", "ratelimit", "window_seconds"),
    ("CACHE_TTL_FACETS", "cache", "ttl_facets"),
    ("REDIS_CONNECT_TIMEOUT", "redis", "connect_timeout_seconds"),
    ("REDIS_DB", "redis", "db"),
    ("REDIS_ENABLED", "redis", "enabled"),
    ("REDIS_HOST", "redis", "host"),
    ("REDIS_MAX_CONNECTIONS", "redis", "max_connections"),
    ("REDIS_PASSWORD", "redis", "password"),
    ("REDIS_PORT", "redis", "port"),
    ("REDIS_SOCKET_TIMEOUT", "redis", "socket_timeout_seconds"),
    ("REDIS_URL", "redis", "url"),
    ("REDIS_USERNAME", "redis", "username"),
];

/// Who set a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `muster.default.toml`.
    Default,
    /// A file, with its line.
    File(String, usize),
    /// An environment variable.
    Environment(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{path}:{line}"),
            Self::Environment(name) => write!(f, "${name}"),
        }
    }
}

/// One key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    pub(crate) section: String,
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

impl Setting {
    /// The value as it may be shown: a secret is not, an address with a password is shown without it.
    pub(crate) fn shown_value(&self) -> Value {
        match &self.value {
            // The path may hold a token.
            Value::String(text) if self.section == "webhook" && self.key == "url" && !text.is_empty() => {
                let origin = text.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
                Value::String(format!("{}/…", without_passwords(&origin)))
            }
            Value::String(text) if matches!(self.key.as_str(), "secret" | "password") && !text.is_empty() => {
                Value::String("***".to_owned())
            }
            Value::String(text) => Value::String(without_passwords(text)),
            value => value.clone(),
        }
    }
}

/// Everything that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigError {
    pub(crate) problems: Vec<String>,
}

impl ConfigError {
    pub(crate) fn one(problem: String) -> Self {
        Self { problems: vec![problem] }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [problem] => write!(f, "wrong configuration: {problem}"),
            problems => {
                write!(f, "wrong configuration, {} problems:", problems.len())?;
                problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

type Settings = BTreeMap<(String, String), Setting>;

/// Merges defaults, file and environment, in this order.
pub(crate) fn merge(
    defaults: &str,
    file: Option<(&Path, &str)>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Vec<Setting>, ConfigError> {
    let mut settings = read_defaults(defaults)?;
    let mut problems = Vec::new();
    if let Some((path, text)) = file {
        merge_file(&mut settings, &path.display().to_string(), text, &mut problems);
    }
    let mut variables: Vec<(String, String)> = environment.collect();
    variables.sort();
    for (name, section, key) in PLAIN_NAMES {
        let text = variables.iter().find(|(known, _)| known == name).map(|(_, text)| text);
        if let Some(Err(problem)) = text.map(|text| set_variable(&mut settings, name, section, key, text)) {
            problems.push(problem);
        }
    }
    for (name, text) in variables.iter().filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX)) {
        if let Err(problem) = merge_variable(&mut settings, name, text) {
            problems.push(problem);
        }
    }
    if problems.is_empty() { Ok(settings.into_values().collect()) } else { Err(ConfigError { problems }) }
}

/// The settings as the struct of all sections.
pub(crate) fn deserialize<T: DeserializeOwned>(settings: &[Setting]) -> Result<T, ConfigError> {
    let mut table = Table::new();
    for setting in settings {
        let section = table.entry(&setting.section).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(section) = section {
            section.insert(setting.key.clone(), setting.value.clone());
        }
    }
    // Types agree with the defaults by now; what is left is the range of a number.
    T::deserialize(table).map_err(|error| {
        let message = error.to_string();
        ConfigError::one(message.split_whitespace().collect::<Vec<_>>().join(" "))
    })
}

fn read_defaults(text: &str) -> Result<Settings, ConfigError> {
    let table: Table =
        text.parse().map_err(|error| ConfigError::one(format!("built-in defaults: {error}")))?;
    let mut settings = Settings::new();
    for (section, keys) in table {
        for (key, value) in keys.as_table().cloned().unwrap_or_default() {
            let setting =
                Setting { section: section.clone(), key: key.clone(), value, origin: Origin::Default };
            settings.insert((section.clone(), key), setting);
        }
    }
    Ok(settings)
}

fn merge_file(settings: &mut Settings, path: &str, text: &str, problems: &mut Vec<String>) {
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            problems.push(format!("{path}:{line}: {}", error.message()));
            return;
        }
    };
    // Told in the order of the file, which the parsed table does not keep.
    let mut found: Vec<(usize, String)> = Vec::new();
    for (section, content) in table.get_ref() {
        let name = section.get_ref().to_string();
        let line = line_of(text, section.span().start);
        if !settings.keys().any(|(known, _)| *known == name) {
            let sections = settings.keys().map(|(section, _)| section.as_str());
            found.push((line, format!("there is no section [{name}]{}", suggestion(&name, sections))));
            continue;
        }
        let DeValue::Table(keys) = content.get_ref() else {
            found.push((line, format!("'{name}' is a section; write [{name}] and its keys below")));
            continue;
        };
        for (key, value) in keys {
            let line = line_of(text, key.span().start);
            let origin = Origin::File(path.to_owned(), line);
            if let Err(problem) = set(settings, &name, key.get_ref(), &to_value(text, value), origin) {
                found.push((line, problem));
            }
        }
    }
    found.sort();
    problems.extend(found.into_iter().map(|(line, problem)| format!("{path}:{line}: {problem}")));
}

/// The value at a span, parsed once more without spans.
fn to_value(text: &str, value: &Spanned<DeValue<'_>>) -> Value {
    let literal = text.get(value.span()).unwrap_or_default();
    let table: Option<Table> = format!("value = {literal}").parse().ok();
    table.and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::Table(Table::new()))
}

fn merge_variable(settings: &mut Settings, name: &str, text: &str) -> Result<(), String> {
    let path = name[ENVIRONMENT_PREFIX.len()..].to_lowercase();
    let Some((section, key)) = path.split_once("__") else {
        return Err(format!("${name}: a name has the form {ENVIRONMENT_PREFIX}SECTION__KEY"));
    };
    set_variable(settings, name, section, key, text)
}

fn set_variable(
    settings: &mut Settings,
    name: &str,
    section: &str,
    key: &str,
    text: &str,
) -> Result<(), String> {
    let value = match settings.get(&(section.to_owned(), key.to_owned())).map(|setting| &setting.value) {
        Some(Value::Boolean(_)) => Value::Boolean(
            text.parse().map_err(|_| format!("${name}: '{text}' is neither \"true\" nor \"false\""))?,
        ),
        Some(Value::Integer(_)) => {
            Value::Integer(text.parse().map_err(|_| format!("${name}: '{text}' is no whole number"))?)
        }
        Some(Value::Float(_)) => {
            Value::Float(text.parse().map_err(|_| format!("${name}: '{text}' is no number"))?)
        }
        Some(Value::Array(_)) => Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(|part| part.to_owned().into())
                .collect(),
        ),
        _ => Value::String(text.to_owned()),
    };
    set(settings, section, key, &value, Origin::Environment(name.to_owned()))
        .map_err(|problem| format!("${name}: {problem}"))
}

fn set(
    settings: &mut Settings,
    section: &str,
    key: &str,
    value: &Value,
    origin: Origin,
) -> Result<(), String> {
    let Some(setting) = settings.get_mut(&(section.to_owned(), key.to_owned())) else {
        let keys = settings.keys().filter(|(known, _)| known == section).map(|(_, key)| key.as_str());
        return Err(format!("there is no key '{key}' in [{section}]{}", suggestion(key, keys)));
    };
    let whole = value.as_integer().and_then(|whole| i32::try_from(whole).ok()).map(f64::from);
    let value = match (&setting.value, whole) {
        (Value::Float(_), Some(whole)) => &Value::Float(whole),
        _ => value,
    };
    if setting.value.type_str() != value.type_str() {
        return Err(format!("'{key}' must be {}, not {}", a(setting.value.type_str()), a(value.type_str())));
    }
    if let Value::Array(items) = value
        && let Some(wrong) = items.iter().find(|item| !item.is_str())
    {
        return Err(format!("'{key}' holds text, not {}", a(wrong.type_str())));
    }
    if value.as_integer().is_some_and(|number| number < 0)
        || value.as_float().is_some_and(|number| !(0.0..f64::INFINITY).contains(&number))
    {
        return Err(format!("'{key}' must not be negative"));
    }
    setting.value = value.clone();
    setting.origin = origin;
    Ok(())
}

fn a(type_name: &str) -> String {
    match type_name {
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "integer" => "a whole number".to_owned(),
        "float" => "a number".to_owned(),
        "array" => "a list".to_owned(),
        other => format!("a {other}"),
    }
}

fn suggestion<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<_> = known.collect();
    known.sort_unstable();
    known.dedup();
    match muster_model::query::nearest(wrong, known.iter().copied()) {
        Some(right) => format!("; did you mean '{right}'?"),
        None => format!("; it knows {}", known.join(", ")),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or(text).matches('\n').count() + 1
}

#[cfg(test)]
mod tests;
