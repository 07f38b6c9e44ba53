//! `pubspec.yaml`: the keys below the dependency sections, by indentation. Enough of YAML for this file, no more.

use super::{Content, scan};

pub(super) fn parse(text: &str) -> Content {
    let mut content = Content::default();
    let mut section = "";
    let mut indentation = None;
    let mut has = [false; 2];
    let mut is_private = false;
    for (number, line) in scan::numbered(text) {
        let code = line.trim_end();
        if code.trim_start().is_empty() || code.trim_start().starts_with('#') {
            continue;
        }
        let indent = code.len() - code.trim_start().len();
        let Some((key, value)) = code.trim_start().split_once(':') else {
            continue;
        };
        if indent == 0 {
            (section, indentation) = (key, None);
            match key {
                "name" => content.name = Some(value.trim().to_owned()),
                "version" => has[0] = true,
                "description" => has[1] = true,
                "publish_to" => is_private = value.contains("none"),
                "executables" => content.is_program = true,
                "workspace" => content.is_workspace = true,
                _ => {}
            }
        } else if matches!(section, "dependencies" | "dev_dependencies")
            && *indentation.get_or_insert(indent) == indent
        {
            content.depend(key.trim_matches(['"', '\'']), number);
        }
    }
    content.is_application = is_private;
    content.is_library = content.name.is_some() && !is_private;
    content.is_complete = content.name.is_some() && has[0] && has[1];
    content
}
