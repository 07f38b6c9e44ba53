//! `Package.swift`: the addresses of its packages, as `owner/name`, and the products it declares.

use super::{Content, scan};

pub(super) fn parse(text: &str) -> Content {
    let mut content = Content::default();
    for (number, line) in scan::numbered(text) {
        let code = line.trim();
        if code.starts_with("//") {
            continue;
        }
        for word in scan::quoted(code)
            .into_iter()
            .filter(|word| word.starts_with("https://") || word.starts_with("git@"))
        {
            let path = word.trim_end_matches('/').trim_end_matches(".git");
            let mut parts = path.rsplit(['/', ':']);
            if let (Some(name), Some(owner)) = (parts.next(), parts.next()) {
                content.depend(format!("{owner}/{name}").to_lowercase(), number);
            }
        }
        if code.starts_with("name:") && content.name.is_none() {
            content.name = scan::quoted(code).first().map(|name| (*name).to_owned());
        }
    }
    content.is_library = text.contains(".library(");
    content.is_program = text.contains(".executable(") || text.contains(".executableTarget(");
    content
}
