//! `go.mod`: required modules, direct and indirect, with the version suffix of the path taken off.

use super::{Content, scan};

pub(super) fn parse(text: &str) -> Content {
    let mut content = Content::default();
    let mut is_inside = false;
    for (number, line) in scan::numbered(text) {
        let (code, comment) = line.split_once("//").unwrap_or((line, ""));
        let mut words = code.split_whitespace();
        match (is_inside, words.next()) {
            (_, Some(")")) => is_inside = false,
            (false, Some("module")) => {
                content.name = words.next().map(|name| name.trim_matches('"').to_owned());
            }
            (false, Some("require")) => match words.next() {
                Some("(") => is_inside = true,
                Some(module) if !is_indirect(comment) => content.depend(without_version(module), number),
                _ => {}
            },
            (true, Some(module)) if !is_indirect(comment) => content.depend(without_version(module), number),
            _ => {}
        }
    }
    content
}

fn is_indirect(comment: &str) -> bool {
    comment.trim().starts_with("indirect")
}

/// `example.org/thing/v2` and `gopkg.in/thing.v2` without their major version.
fn without_version(module: &str) -> String {
    let is_version =
        |text: &str| text.len() > 1 && text.starts_with('v') && text[1..].bytes().all(|b| b.is_ascii_digit());
    let module = module.trim_matches('"');
    for separator in ['/', '.'] {
        if let Some((path, last)) = module.rsplit_once(separator)
            && is_version(last)
        {
            return path.to_owned();
        }
    }
    module.to_owned()
}
