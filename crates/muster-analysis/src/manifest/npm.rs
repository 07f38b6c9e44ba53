//! `package.json`: the dependency objects with their lines, and whether the package is private, a command or a library.

use serde_json::Value;

use super::{Content, scan};

const SECTIONS: [&str; 4] = ["dependencies", "devDependencies", "peerDependencies", "optionalDependencies"];

pub(super) fn parse(text: &str) -> Content {
    let mut content = Content::default();
    let mut licence_line = 1;
    // Keys come from a scanner that also reads what is cut or broken; values from the parser, if it can.
    for key in scan::json_keys(text, 2) {
        match key.parents.as_slice() {
            [] if key.key == "license" => licence_line = key.line,
            [Some(section)] if SECTIONS.contains(section) => content.depend(key.key, key.line),
            _ => {}
        }
    }
    let Ok(Value::Object(package)) = serde_json::from_str::<Value>(text) else {
        return content;
    };
    let text_of = |key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
    let is_private = package.get("private").and_then(Value::as_bool) == Some(true);
    let licence = text_of("license").or_else(|| {
        package
            .get("license")
            .and_then(|licence| licence.get("type"))
            .and_then(Value::as_str)
            .map(str::to_owned)
    });
    let has_script = |name: &str| package.get("scripts").is_some_and(|scripts| scripts.get(name).is_some());
    let is_entry =
        ["main", "exports", "module", "types", "typings"].iter().any(|key| package.contains_key(*key));
    content.name = text_of("name");
    content.is_complete = content.name.is_some()
        && text_of("version").is_some()
        && text_of("description").is_some()
        && licence.is_some()
        && package.contains_key("repository");
    content.licence = licence.map(|licence| (licence, licence_line));
    content.is_workspace = package.contains_key("workspaces");
    content.is_program = package.contains_key("bin") && !is_private;
    content.is_application = is_private || has_script("start");
    content.is_library = !content.is_application && (is_entry || package.contains_key("files"));
    content
}
