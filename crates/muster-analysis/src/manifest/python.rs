//! Python: `pyproject.toml` (PEP 621, dependency groups, Poetry, PDM), `requirements*.txt`, `Pipfile`, `setup.cfg` and
//! the plain literals of `setup.py`. Names are normalised as PEP 503 says. No file is ever run.

use super::{Content, scan, toml_lines::Document};

pub(super) fn pyproject(text: &str) -> Content {
    let document = Document::parse(text);
    let mut content = Content::default();
    let mut requirements = document.texts(&["project", "dependencies"]);
    requirements.extend(document.texts(&["build-system", "requires"]));
    for group in [
        &["project", "optional-dependencies"][..],
        &["dependency-groups"],
        &["tool", "pdm", "dev-dependencies"],
    ] {
        let Some(table) = document.table(group) else {
            continue;
        };
        for (key, _) in document.keys_of(table) {
            if let Some(list) = table.get(key.as_str()) {
                requirements.extend(document.texts_of(list.get_ref()));
            }
        }
    }
    requirements.extend(document.texts(&["tool", "uv", "dev-dependencies"]));
    for (requirement, line) in requirements {
        content.depend(requirement_name(&requirement), line);
    }
    let mut tables: Vec<Vec<String>> =
        ["dependencies", "dev-dependencies"].iter().map(|key| vec![(*key).to_owned()]).collect();
    for (group, _) in document.keys(&["tool", "poetry", "group"]) {
        tables.push(vec!["group".to_owned(), group, "dependencies".to_owned()]);
    }
    for table in tables {
        let path: Vec<&str> =
            ["tool", "poetry"].into_iter().chain(table.iter().map(String::as_str)).collect();
        for (name, line) in document.keys(&path) {
            if name != "python" {
                content.depend(normalised(&name), line);
            }
        }
    }
    let either =
        |key: &str| document.text(&["project", key]).or_else(|| document.text(&["tool", "poetry", key]));
    content.name = either("name").map(|(name, _)| name);
    content.licence = either("license").or_else(|| document.text(&["project", "license", "text"]));
    let is_dynamic = document.texts(&["project", "dynamic"]).iter().any(|(field, _)| field == "version");
    content.is_complete = content.name.is_some()
        && (either("version").is_some() || is_dynamic)
        && either("description").is_some()
        && (content.licence.is_some() || document.has(&["project", "license"]));
    let classifiers = document.texts(&["project", "classifiers"]);
    let is_classed = |class: &str| classifiers.iter().any(|(text, _)| text.contains(class));
    let has_scripts = document.has(&["project", "scripts"]) || document.has(&["tool", "poetry", "scripts"]);
    content.is_library = is_classed("Software Development :: Libraries")
        || (document.has(&["build-system"]) && content.name.is_some() && !has_scripts);
    content.is_program = has_scripts && !is_classed("Software Development :: Libraries");
    content.is_application = is_classed("Private :: ");
    content.is_workspace = document.has(&["tool", "uv", "workspace"]);
    content
}

pub(super) fn requirements(text: &str) -> Content {
    let mut content = Content::default();
    let mut pinned = 0;
    for (number, line) in scan::numbered(text) {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.starts_with("--hash")
            || line.is_empty()
            || line.starts_with(['#', '-'])
            || line.contains("://")
        {
            continue;
        }
        let name = requirement_name(line);
        if !name.is_empty() {
            pinned += usize::from(line.contains("=="));
            content.depend(name, number);
        }
    }
    content.is_pinned = pinned > 0 && pinned == content.dependencies.len();
    content
}

pub(super) fn pipfile(text: &str) -> Content {
    let document = Document::parse(text);
    let mut content = Content { is_application: true, ..Content::default() };
    for table in ["packages", "dev-packages"] {
        for (name, line) in document.keys(&[table]) {
            content.depend(normalised(&name), line);
        }
    }
    content
}

pub(super) fn setup_cfg(text: &str) -> Content {
    let mut content = Content::default();
    let (mut section, mut key) = (String::new(), String::new());
    let mut has = [false; 3];
    for (number, line) in scan::numbered(text) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[') {
            name.trim_end_matches(']').clone_into(&mut section);
            key.clear();
            continue;
        }
        let is_continued = line.starts_with([' ', '\t']);
        let mut value = trimmed;
        if !is_continued && let Some((name, rest)) = trimmed.split_once('=') {
            name.trim().clone_into(&mut key);
            value = rest.trim();
        }
        match (section.as_str(), key.as_str()) {
            ("options", "install_requires" | "setup_requires" | "tests_require")
            | ("options.extras_require", _)
                if !value.is_empty() =>
            {
                content.depend(requirement_name(value), number);
            }
            ("metadata", "name") => content.name = Some(value.to_owned()),
            ("metadata", "license") => content.licence = Some((value.to_owned(), number)),
            ("metadata", "version") => has[0] = true,
            ("metadata", "description") => has[1] = true,
            ("options.entry_points", "console_scripts") => has[2] = true,
            _ => {}
        }
    }
    content.is_program = has[2];
    content.is_library = content.name.is_some() && !has[2];
    content.is_complete = content.name.is_some() && has[0] && has[1] && content.licence.is_some();
    content
}

/// Only the literals between `install_requires=[` and its bracket; what a program computes is not guessed.
pub(super) fn setup_py(text: &str) -> Content {
    let mut content = Content::default();
    let mut is_inside = false;
    for (number, line) in scan::numbered(text) {
        let code = line.split('#').next().unwrap_or_default();
        let mut list = code;
        if let Some(at) = code.find("install_requires").filter(|_| code.contains('[')) {
            is_inside = true;
            list = &code[at..];
        }
        if is_inside {
            let end = list.rfind(']').filter(|_| !list.contains("extras"));
            for requirement in scan::quoted(list) {
                content.depend(requirement_name(requirement), number);
            }
            is_inside = end.is_none();
        }
        if let Some((before, value)) =
            code.split_once("license").filter(|(before, _)| before.trim().is_empty())
            && value.trim_start().starts_with('=')
            && let Some(licence) = scan::quoted(value).first()
        {
            let _ = before;
            content.licence = Some(((*licence).to_owned(), number));
        }
    }
    content.is_program = text.contains("console_scripts");
    content.is_library = !content.is_program && text.contains("setup(");
    content.is_complete = ["name=", "version=", "description=", "license="]
        .iter()
        .all(|key| text.replace(" =", "=").contains(key));
    content
}

/// The name at the start of a PEP 508 requirement.
fn requirement_name(requirement: &str) -> String {
    let requirement = requirement.trim();
    let end = requirement
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')))
        .unwrap_or(requirement.len());
    normalised(&requirement[..end])
}

/// PEP 503: lower case, runs of `-`, `_` and `.` become one dash.
fn normalised(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '-' | '_' | '.') {
            if !normal.ends_with('-') {
                normal.push('-');
            }
        } else {
            normal.push(c.to_ascii_lowercase());
        }
    }
    normal.trim_matches('-').to_owned()
}
