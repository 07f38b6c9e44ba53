//! Maven and Gradle: `pom.xml` by its tags, build scripts and version catalogues by their literals. Parents and
//! properties are not resolved; a coordinate with a property in its name is left out.

use super::{
    Content,
    scan::{self, Xml},
    toml_lines::Document,
};

pub(super) fn pom(text: &str) -> Content {
    let mut content = Content::default();
    let mut path: Vec<&str> = Vec::new();
    let mut too_deep = 0_usize;
    let (mut group, mut artifact, mut line) = (String::new(), String::new(), 0);
    let mut has_version = false;
    let mut has_description = false;
    for part in scan::xml(text) {
        match part {
            Xml::Open { name, is_empty, line: at, .. } => {
                if matches!(name, "dependency" | "plugin") {
                    (group, artifact, line) = (String::new(), String::new(), at);
                }
                if is_empty {
                } else if path.len() < 32 {
                    path.push(name);
                } else {
                    too_deep += 1;
                }
            }
            Xml::Close { name } => {
                if too_deep > 0 {
                    too_deep -= 1;
                    continue;
                }
                path.pop();
                if matches!(name, "dependency" | "plugin") && !artifact.is_empty() && !artifact.contains('$')
                {
                    content.depend(format!("{group}:{artifact}"), line);
                }
            }
            Xml::Text { text, line: at } => match path.as_slice() {
                // The parent of a Spring Boot project says as much as a dependency.
                [.., "dependency" | "plugin", "groupId"] | ["project", "parent", "groupId"] => {
                    text.clone_into(&mut group);
                }
                [.., "dependency" | "plugin", "artifactId"] => {
                    text.clone_into(&mut artifact);
                    line = at;
                }
                ["project", "parent", "artifactId"] => content.depend(format!("{group}:{text}"), at),
                ["project", "artifactId"] => content.name = Some(text.to_owned()),
                ["project", "version"] => has_version = true,
                ["project", "description"] => has_description = true,
                ["project", "packaging"] => {
                    content.is_workspace = text == "pom";
                    content.is_application = text == "war";
                }
                ["project", "licenses", "license", "name"] => content.licence = Some((text.to_owned(), at)),
                _ => {}
            },
        }
    }
    let boots = |name: &str| name.starts_with("org.springframework.boot:") || name.starts_with("io.quarkus:");
    content.is_application |= content.dependencies.iter().any(|dependency| boots(&dependency.name));
    content.is_library = !content.is_application && !content.is_workspace;
    content.is_complete =
        content.name.is_some() && has_version && has_description && content.licence.is_some();
    content
}

pub(super) fn gradle(text: &str) -> Content {
    let mut content = Content::default();
    for (number, line) in scan::numbered(text) {
        let code = line.trim();
        if code.starts_with("//") {
            continue;
        }
        for word in scan::quoted(code) {
            let mut parts = word.split(':');
            if let (Some(group), Some(artifact)) = (parts.next(), parts.next())
                && is_coordinate(group)
                && is_coordinate(artifact)
            {
                content.depend(format!("{group}:{artifact}"), number);
            } else if is_plugin_line(code)
                && is_coordinate(word)
                && !word.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            {
                content.depend(format!("plugin:{word}"), number);
            }
        }
        for plugin in ["application", "java-library", "maven-publish"] {
            if (code == plugin || code == format!("`{plugin}`")) && !plugin.is_empty() {
                content.depend(format!("plugin:{plugin}"), number);
            }
        }
    }
    let has = |name: &str| content.dependencies.iter().any(|dependency| dependency.name == name);
    content.is_program = has("plugin:application");
    content.is_mobile = has("plugin:com.android.application");
    content.is_application = has("plugin:org.springframework.boot");
    content.is_library =
        has("plugin:java-library") || has("plugin:maven-publish") || has("plugin:com.android.library");
    content
}

/// `gradle/libs.versions.toml`.
pub(super) fn catalog(text: &str) -> Content {
    let document = Document::parse(text);
    let mut content = Content::default();
    for (key, line) in document.keys(&["libraries"]) {
        let text = |field: &str| document.text(&["libraries", &key, field]).map(|(text, _)| text);
        let whole = document.text(&["libraries", &key]).map(|(text, _)| text);
        let module =
            text("module").or(whole).or_else(|| Some(format!("{}:{}", text("group")?, text("name")?)));
        if let Some(module) = module {
            let mut parts = module.split(':');
            if let (Some(group), Some(artifact)) = (parts.next(), parts.next()) {
                content.depend(format!("{group}:{artifact}"), line);
            }
        }
    }
    for (key, line) in document.keys(&["plugins"]) {
        let id = document.text(&["plugins", &key, "id"]).or_else(|| document.text(&["plugins", &key]));
        if let Some((id, _)) = id {
            content.depend(format!("plugin:{}", id.split(':').next().unwrap_or_default()), line);
        }
    }
    content
}

fn is_coordinate(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

fn is_plugin_line(code: &str) -> bool {
    code.starts_with("id ")
        || code.starts_with("id(")
        || code.starts_with("apply plugin")
        || code.starts_with("kotlin(")
}
