//! `mix.exs`: the tuples of its dependency list, and whether it starts an application.

use super::{Content, scan};

pub(super) fn parse(text: &str) -> Content {
    let mut content = Content::default();
    for (number, line) in scan::numbered(text) {
        let code = line.trim();
        if let Some(rest) = code.strip_prefix("{:").or_else(|| code.strip_prefix("[{:")) {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
            // `{:name, "…"}`, `{:name, git: …}`; an application's own tuple has a module there.
            if rest[end..].starts_with(',') {
                content.depend(&rest[..end], number);
            }
        } else if let Some(value) = code.strip_prefix("licenses:") {
            content.licence = scan::quoted(value).first().map(|licence| ((*licence).to_owned(), number));
        } else if let Some(value) = code.strip_prefix("app:") {
            content.name = Some(value.trim().trim_matches([':', ',']).to_owned());
        }
    }
    content.is_workspace = text.contains("apps_path:");
    content.is_program = text.contains("escript:");
    content.is_library = text.contains("package:") || text.contains("package()");
    content.is_application = !content.is_library && text.contains("mod: {");
    content.is_complete =
        content.name.is_some() && content.licence.is_some() && text.contains("description:");
    content
}
