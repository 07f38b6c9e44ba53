//! `Gemfile` and `*.gemspec`: gems named by literals, and what a specification says. Nothing is evaluated.

use super::{Content, scan};

pub(super) fn parse(text: &str) -> Content {
    let mut content = Content::default();
    let mut has = [false; 2];
    for (number, line) in scan::numbered(text) {
        let code = line.trim();
        let is_gem = code.starts_with("gem ")
            || code.starts_with("gem(")
            || code.contains(".add_dependency")
            || code.contains(".add_runtime_dependency")
            || code.contains(".add_development_dependency");
        if is_gem && let Some(name) = scan::quoted(code).first() {
            content.depend(*name, number);
            continue;
        }
        let Some((field, value)) = code.split_once('=') else {
            continue;
        };
        let Some((_, field)) = field.trim().rsplit_once('.') else {
            continue;
        };
        let first = scan::quoted(value).first().map(|text| (*text).to_owned());
        match field {
            "name" => content.name = first,
            "license" | "licenses" => content.licence = first.map(|licence| (licence, number)),
            "version" => has[0] = true,
            "description" | "summary" => has[1] = true,
            "executables" => content.is_program = first.is_some() || value.contains("%w"),
            _ => {}
        }
    }
    content.is_library = content.name.is_some();
    content.is_complete = content.name.is_some() && has[0] && has[1] && content.licence.is_some();
    content
}
