//! `composer.json`: required packages, and the type of the package.

use serde_json::Value;

use super::{Content, scan};

pub(super) fn parse(text: &str) -> Content {
    let mut content = Content::default();
    let mut licence_line = 1;
    for key in scan::json_keys(text, 2) {
        match key.parents.as_slice() {
            [] if key.key == "license" => licence_line = key.line,
            // `php` and `ext-*` are the platform, not packages.
            [Some("require" | "require-dev")] if key.key.contains('/') => {
                content.depend(key.key.replace("\\/", "/").to_lowercase(), key.line);
            }
            _ => {}
        }
    }
    let Ok(Value::Object(package)) = serde_json::from_str::<Value>(text) else {
        return content;
    };
    let text_of = |key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
    content.licence = match package.get("license") {
        Some(Value::String(licence)) => Some((licence.clone(), licence_line)),
        // A list means a choice.
        Some(Value::Array(licences)) => {
            let names: Vec<&str> = licences.iter().filter_map(Value::as_str).collect();
            (!names.is_empty()).then(|| (names.join(" OR "), licence_line))
        }
        _ => None,
    };
    content.name = text_of("name");
    let kind = text_of("type").unwrap_or_else(|| "library".to_owned());
    content.is_application = kind == "project";
    content.is_library = !content.is_application && content.name.is_some();
    content.is_program = package.contains_key("bin") && !content.is_library;
    content.is_complete =
        content.name.is_some() && text_of("description").is_some() && content.licence.is_some();
    content
}
