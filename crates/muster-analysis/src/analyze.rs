//! Puts the analysis together: sort the paths, read the few files that matter, conclude. The order here is the whole
//! story; each step is a file of its own.

use muster_model::{
    SourceTree,
    analysis::{Analysis, Context, Evidence, FileFacts},
};

use crate::{
    health,
    layout::{File, Layout, MOST_EVIDENCE, Place},
    project_type, readiness,
    reading::Reader,
    signals, stack,
    survey::Survey,
    text::short,
    view::View,
};

/// Type, stack, readiness, health, commercial signals and facts of a tree. Reads few files within a budget; the same
/// tree and context always give the same answer.
pub fn analyze(tree: &dyn SourceTree, context: &Context<'_>) -> Analysis {
    let layout = Layout::of(tree);
    let reader = Reader::new(tree);
    let survey = Survey::of(&layout, &reader);
    let stack = stack::detect(&layout, &survey);
    let mut facts = facts(&layout, &survey);
    let view =
        View { layout: &layout, reader: &reader, survey: &survey, stack: &stack, facts: &facts, context };
    let project_type = project_type::of(&view);
    let signals = signals::find(&view, project_type);
    let health = health::score(&view);
    let readiness = readiness::score(&view);
    let revenue_streams = signals::revenue_streams(&signals);
    facts.unread = reader.into_unread();
    Analysis { project_type, stack, readiness, health, signals, revenue_streams, facts }
}

fn facts(layout: &Layout<'_>, survey: &Survey<'_, '_>) -> FileFacts {
    let mut licence: Vec<Evidence> = survey
        .licences
        .iter()
        .map(|licence| match licence.id {
            Some(id) => licence.file.evidence(id),
            None => licence.file.evidence("present, not identified with certainty"),
        })
        .collect();
    if licence.is_empty()
        && let Some((text, mut evidence)) = survey.licence_field()
    {
        evidence.note = format!("the manifest says {}", short(text));
        licence.push(evidence);
    }
    let named = |note: &str, is: fn(&File<'_>) -> bool| -> Vec<Evidence> {
        layout
            .own()
            .filter(|file| matches!(file.place, Place::Source | Place::Docs) && is(file))
            .take(MOST_EVIDENCE)
            .map(|file| file.evidence(note))
            .collect()
    };
    FileFacts {
        readme: survey.readmes.iter().map(|file| file.evidence("README")).collect(),
        licence,
        tests: survey.tests.evidence.clone(),
        ci: survey.ci_files.iter().take(MOST_EVIDENCE).map(|file| file.evidence("CI file")).collect(),
        manifests: survey
            .manifests
            .iter()
            .filter(|manifest| matches!(manifest.file.place, Place::Source | Place::Docs))
            .map(|manifest| manifest.file.evidence(manifest.ecosystem.as_str()))
            .collect(),
        lock_files: survey
            .lock_files
            .iter()
            .take(MOST_EVIDENCE)
            .map(|file| file.evidence("lock file"))
            .collect(),
        secrets: survey.secrets.clone(),
        pricing: pricing(layout),
        api_description: named("API description", is_api_description),
        file_count: u32::try_from(layout.files.len()).unwrap_or(u32::MAX),
        unread: Vec::new(),
    }
}

fn pricing(layout: &Layout<'_>) -> Vec<Evidence> {
    let note = |file: &File<'_>| {
        // File routers name the folder: `app/pricing/page.tsx`.
        let is_page = matches!(file.stem(), "page" | "index" | "+page" | "+server" | "route");
        let folder = file.folder().rsplit('/').next().unwrap_or_default();
        let name = if is_page { folder } else { file.stem() };
        match name {
            "pricing" | "plans" | "prices" | "price-list" | "pricing-page" | "pricingpage" => {
                Some("pricing page")
            }
            "terms" | "tos" | "terms-of-service" | "terms-and-conditions" | "privacy" | "privacy-policy" => {
                Some("terms or privacy page")
            }
            _ => None,
        }
    };
    let mut found: Vec<Evidence> = layout
        .source()
        .filter(|file| {
            matches!(
                file.extension(),
                "html"
                    | "md"
                    | "mdx"
                    | "tsx"
                    | "jsx"
                    | "ts"
                    | "js"
                    | "vue"
                    | "svelte"
                    | "astro"
                    | "erb"
                    | "haml"
                    | "slim"
                    | "heex"
                    | "eex"
                    | "twig"
                    | "php"
                    | "njk"
                    | "hbs"
                    | "ejs"
                    | "pug"
                    | "jinja"
                    | "j2"
                    | "cshtml"
                    | "razor"
            )
        })
        .filter_map(|file| note(file).map(|note| file.evidence(note)))
        .collect();
    found.sort_by(|a, b| (&a.note, &a.path).cmp(&(&b.note, &b.path)));
    found.truncate(MOST_EVIDENCE);
    found
}

fn is_api_description(file: &File<'_>) -> bool {
    let is_document = matches!(file.extension(), "json" | "yaml" | "yml");
    let stem = file.stem();
    (is_document
        && ["openapi", "swagger", "asyncapi"]
            .iter()
            .any(|word| stem.starts_with(word) || stem.ends_with(word)))
        || matches!(file.extension(), "graphql" | "graphqls" | "gql") && stem.contains("schema")
        || file.extension() == "proto"
}
