//! The stack of a project: languages by their share of the source files, technologies by what manifests, file names,
//! container images and workflows prove. Each with its evidence, the root's first; what only tests, examples or
//! documentation use is marginal, so that one stray file never names the project.

pub(crate) mod rules;

use std::collections::BTreeMap;

use muster_model::analysis::{Evidence, StackItem};

use crate::{
    layout::{File, Layout, Place},
    survey::Survey,
};
use rules::RULES;

/// Most places named for one technology.
const MOST_EVIDENCE: usize = 5;
/// Share of the source files, in percent, from which a language counts.
const LEAST_SHARE: usize = 2;
/// Files from which a language with the least share counts; fewer need a fifth of all.
const LEAST_FILES: usize = 3;
/// Order of the categories in the answer; others follow by name.
const CATEGORIES: [&str; 18] = [
    "framework",
    "ui",
    "database",
    "orm",
    "queue",
    "library",
    "ai",
    "payment",
    "auth",
    "email",
    "analytics",
    "monitoring",
    "advertising",
    "affiliate",
    "test",
    "tool",
    "hosting",
    "ci",
];

/// Languages first, most used first; then technologies by category and name; marginal ones last in each.
pub(crate) fn detect(layout: &Layout<'_>, survey: &Survey<'_, '_>) -> Vec<StackItem> {
    let mut stack = languages(layout);
    let mut hits: BTreeMap<usize, Vec<(Place, usize, Evidence)>> = BTreeMap::new();
    let mut hit = |index: usize, file: &File<'_>, line: Option<u32>, note: String| {
        let evidence = Evidence { path: file.shown(), line, note };
        hits.entry(index).or_default().push((file.place, file.depth, evidence));
    };
    for file in layout.own() {
        for index in RULES.of_file(&file.lower, file.name(), file.extension()) {
            hit(index, file, None, "the file is there".to_owned());
        }
    }
    for manifest in &survey.manifests {
        for dependency in &manifest.content.dependencies {
            for index in RULES.of_dependency(manifest.ecosystem, &dependency.name) {
                let note = format!("{} dependency {}", manifest.ecosystem.as_str(), dependency.name);
                hit(index, manifest.file, Some(dependency.line), note);
            }
        }
    }
    for image in &survey.images {
        for &index in RULES.of_image(&image.name) {
            hit(index, image.file, Some(image.line), format!("container image {}", image.name));
        }
    }
    for action in &survey.actions {
        for &index in RULES.of_action(&action.name) {
            hit(index, action.file, Some(action.line), format!("action {}", action.name));
        }
    }
    let mut technologies: Vec<StackItem> = hits
        .into_iter()
        .map(|(index, mut found)| {
            found.sort();
            let is_marginal = found.first().is_none_or(|(place, ..)| *place != Place::Source);
            let mut evidence: Vec<Evidence> = found.into_iter().map(|(.., evidence)| evidence).collect();
            evidence.dedup_by(|a, b| a.path == b.path);
            evidence.truncate(MOST_EVIDENCE);
            let technology = &RULES.technologies[index];
            StackItem {
                name: technology.name.clone(),
                category: technology.category.clone(),
                evidence,
                is_marginal,
            }
        })
        .collect();
    technologies.sort_by(|a, b| order(a).cmp(&order(b)));
    stack.extend(technologies);
    stack
}

fn order(item: &StackItem) -> (bool, usize, &str, String) {
    let rank = CATEGORIES.iter().position(|category| *category == item.category).unwrap_or(CATEGORIES.len());
    (item.is_marginal, rank, &item.category, item.name.to_lowercase())
}

fn languages(layout: &Layout<'_>) -> Vec<StackItem> {
    #[derive(Default)]
    struct Count<'a> {
        source: usize,
        all: usize,
        first: Option<(Place, usize, &'a str, String)>,
    }
    let mut counts: BTreeMap<&str, Count<'_>> = BTreeMap::new();
    for file in layout.own().filter(|file| file.is_regular) {
        let Some(language) = RULES.language(file.extension()) else {
            continue;
        };
        let count = counts.entry(language).or_default();
        count.all += 1;
        count.source += usize::from(file.place == Place::Source);
        let rank = (file.place, file.depth, file.lower.as_str());
        if count.first.as_ref().is_none_or(|(place, depth, path, _)| rank < (*place, *depth, path)) {
            count.first = Some((rank.0, rank.1, rank.2, file.shown()));
        }
    }
    let total: usize = counts.values().map(|count| count.source).sum();
    let mut ordered: Vec<(&str, Count<'_>)> = counts.into_iter().collect();
    ordered.sort_by(|(a_name, a), (b_name, b)| (b.source, b.all, *a_name).cmp(&(a.source, a.all, *b_name)));
    let mut items: Vec<StackItem> = ordered
        .into_iter()
        .enumerate()
        .map(|(rank, (name, count))| {
            let percent = (count.source * 100).checked_div(total).unwrap_or(0);
            let counts = (count.source >= LEAST_FILES && percent >= LEAST_SHARE) || percent >= 20;
            let is_marginal = count.source == 0 || !(rank == 0 || counts);
            let note = format!("{} of {total} source files, {percent} %", count.source);
            let path = count.first.map(|(.., path)| path).unwrap_or_default();
            let evidence = vec![Evidence { path, line: None, note }];
            StackItem { name: name.to_owned(), category: "language".to_owned(), evidence, is_marginal }
        })
        .collect();
    // Stable: the order by use stays within both halves.
    items.sort_by_key(|item| item.is_marginal);
    items
}
