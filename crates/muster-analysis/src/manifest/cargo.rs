//! `Cargo.toml`: all dependency tables (also per target and of the workspace), and what the package builds.

use toml::de::DeValue;

use super::{Content, toml_lines::Document};

const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

pub(super) fn parse(text: &str) -> Content {
    let document = Document::parse(text);
    let mut content = Content::default();
    let mut tables: Vec<Vec<String>> = TABLES.iter().map(|table| vec![(*table).to_owned()]).collect();
    tables.push(vec!["workspace".to_owned(), "dependencies".to_owned()]);
    for (target, _) in document.keys(&["target"]) {
        for table in TABLES {
            tables.push(vec!["target".to_owned(), target.clone(), table.to_owned()]);
        }
    }
    for path in &tables {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let Some(table) = document.table(&path) else {
            continue;
        };
        for (key, line) in document.keys_of(table) {
            // `alias = { package = "name" }` is the package `name`.
            let package = table
                .get(key.as_str())
                .and_then(|value| value.get_ref().as_table())
                .and_then(|table| table.get("package"))
                .and_then(|name| name.get_ref().as_str().map(str::to_owned));
            content.depend(package.unwrap_or(key), line);
        }
    }
    content.name = document.text(&["package", "name"]).map(|(name, _)| name);
    content.licence = document.text(&["package", "license"]);
    content.is_workspace = document.has(&["workspace"]) && !document.has(&["package"]);
    content.is_program = document.has(&["bin"]);
    content.is_library = document.has(&["lib"]);
    let publish = document.value(&["package", "publish"]).and_then(|value| value.get_ref().as_bool());
    content.is_application = publish == Some(false);
    let has = |key: &str| {
        document.value(&["package", key]).is_some_and(|value| {
            // `version.workspace = true` is a table.
            matches!(value.get_ref(), DeValue::String(_) | DeValue::Table(_))
        })
    };
    content.is_complete = has("name")
        && has("version")
        && has("description")
        && (has("license") || has("license-file"))
        && has("repository");
    content
}
