//! Documentation signals: a README with substance, a site, the description of an API, a changelog.

use super::{Earned, Measure};
use crate::{layout::Place, view::View};

/// Words a README needs to say something.
const LEAST_WORDS: usize = 150;

pub(super) fn substance(view: &View<'_, '_, '_>) -> Measure {
    let Some(readme) = &view.survey.readme else {
        return Measure::new(Earned::Nothing, Vec::new(), "no README that can be read");
    };
    let words = readme.text.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count();
    let earned = if words > LEAST_WORDS { Earned::All } else { Earned::Nothing };
    Measure::new(earned, vec![readme.file.evidence("README")], format!("{words} words"))
}

pub(super) fn headings(view: &View<'_, '_, '_>) -> Measure {
    const INSTALL: [&str; 11] = [
        "install",
        "getting started",
        "get started",
        "quick start",
        "quickstart",
        "setup",
        "set up",
        "download",
        "build",
        "requirements",
        "running",
    ];
    const USAGE: [&str; 12] = [
        "usage",
        "use",
        "using",
        "example",
        "quick start",
        "quickstart",
        "getting started",
        "get started",
        "guide",
        "tutorial",
        "commands",
        "how to",
    ];
    let Some(readme) = &view.survey.readme else {
        return Measure::new(Earned::Nothing, Vec::new(), "no README that can be read");
    };
    let headings = headings_of(&readme.text);
    let find = |words: &[&str]| {
        headings
            .iter()
            .find(|(_, heading)| words.iter().any(|word| heading.contains(word)))
            .map(|(line, _)| *line)
    };
    let mut evidence = Vec::new();
    let (install, usage) = (find(&INSTALL), find(&USAGE));
    evidence.extend(install.map(|line| readme.file.evidence_at(line, "how to install")));
    evidence.extend(usage.map(|line| readme.file.evidence_at(line, "how to use")));
    let (earned, note) = match (install, usage) {
        (Some(_), Some(_)) => (Earned::All, "says how to install and how to use it"),
        (Some(_), None) => (Earned::Half, "says how to install, has no heading on use"),
        (None, Some(_)) => (Earned::Half, "says how to use, has no heading on installing"),
        (None, None) => (Earned::Nothing, "no heading on installing or use"),
    };
    Measure::new(earned, evidence, note)
}

/// Headings in lower case with their lines: `# …`, `= …`, and texts underlined with `=`, `-` or `~`.
fn headings_of(text: &str) -> Vec<(u32, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut headings = Vec::new();
    let mut is_code = false;
    for (index, line) in lines.iter().enumerate() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            is_code = !is_code;
        }
        if is_code || trimmed.len() > 200 || trimmed.is_empty() {
            continue;
        }
        let number = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
        let marked = trimmed.starts_with("# ")
            || trimmed.starts_with("##")
            || trimmed.starts_with("== ")
            || trimmed.starts_with("=== ")
            || trimmed.starts_with("<h");
        let underlined = lines.get(index + 1).is_some_and(|next| {
            let next = next.trim();
            next.len() >= 3
                && ["=", "-", "~", "^"].iter().any(|mark| next.trim_matches(|c| mark.contains(c)).is_empty())
        });
        if marked || underlined {
            headings.push((number, trimmed.to_lowercase()));
        }
    }
    headings
}

pub(super) fn site(view: &View<'_, '_, '_>) -> Measure {
    let mut found: Vec<_> = view
        .layout
        .own()
        .filter(|file| {
            let is_config = matches!(
                file.name(),
                "mkdocs.yml"
                    | "mkdocs.yaml"
                    | "book.toml"
                    | "docusaurus.config.js"
                    | "docusaurus.config.ts"
                    | "antora.yml"
                    | "_quarto.yml"
                    | "typedoc.json"
                    | ".readthedocs.yaml"
                    | ".readthedocs.yml"
                    | "doxyfile"
            ) || file.lower.contains(".vitepress/config.")
                || matches!(file.place, Place::Docs)
                    && matches!(file.name(), "conf.py" | "_config.yml" | "astro.config.mjs");
            is_config && !matches!(file.place, Place::Fixture | Place::Test)
        })
        .map(|file| file.evidence("documentation site"))
        .collect();
    if found.is_empty() {
        let pages: Vec<_> = view
            .layout
            .own()
            .filter(|file| {
                (file.lower.starts_with("docs/") || file.lower.starts_with("doc/"))
                    && matches!(file.extension(), "md" | "rst" | "adoc" | "mdx" | "html" | "txt")
            })
            .collect();
        // One page is a note, several are documentation.
        if pages.len() >= 3 {
            found = pages.iter().take(3).map(|file| file.evidence("documentation page")).collect();
        }
    }
    Measure::found(found, "no documentation site or folder")
}

pub(super) fn api_description(view: &View<'_, '_, '_>) -> Measure {
    Measure::found(view.facts.api_description.clone(), "no OpenAPI, GraphQL or protocol description")
}

pub(super) fn changelog(view: &View<'_, '_, '_>) -> Measure {
    let is_changelog = |stem: &str| {
        matches!(
            stem,
            "changelog"
                | "changes"
                | "history"
                | "news"
                | "release-notes"
                | "releasenotes"
                | "releases"
                | "release_notes"
        )
    };
    let found = view
        .layout
        .own()
        .filter(|file| {
            file.depth <= 1 && matches!(file.place, Place::Source | Place::Docs) && is_changelog(file.stem())
        })
        .map(|file| file.evidence("changelog"))
        .collect();
    Measure::found(found, "no changelog")
}
