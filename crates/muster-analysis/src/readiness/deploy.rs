//! Deployment signals: how it is packed, where it runs, what it must be told, how one sees that it lives.

use super::{Measure, lines_with};
use crate::{
    layout::{File, Place},
    survey::is_compose,
    view::View,
};

fn named(
    view: &View<'_, '_, '_>,
    note: &str,
    is: fn(&File<'_>) -> bool,
) -> Vec<muster_model::analysis::Evidence> {
    view.layout.source().filter(|file| is(file)).take(3).map(|file| file.evidence(note)).collect()
}

pub(super) fn container(view: &View<'_, '_, '_>) -> Measure {
    let found = named(view, "container or buildpack", |file| {
        let name = file.name();
        matches!(
            name,
            "dockerfile" | "containerfile" | "procfile" | "project.toml" | "nixpacks.toml" | "app.json"
        ) && (name != "app.json" || file.depth == 0)
            || name.starts_with("dockerfile.")
            || file.extension() == "dockerfile"
    });
    Measure::found(found, "no Dockerfile or buildpack")
}

pub(super) fn platform(view: &View<'_, '_, '_>) -> Measure {
    let found = named(view, "orchestrator or platform", |file| {
        let name = file.name();
        matches!(
            name,
            "chart.yaml"
                | "kustomization.yaml"
                | "kustomization.yml"
                | "fly.toml"
                | "vercel.json"
                | "netlify.toml"
                | "render.yaml"
                | "app.yaml"
                | "serverless.yml"
                | "serverless.yaml"
                | "railway.json"
                | "railway.toml"
                | "wrangler.toml"
                | "wrangler.json"
                | "wrangler.jsonc"
                | "skaffold.yaml"
                | "cdk.json"
                | "pulumi.yaml"
                | "cloudbuild.yaml"
                | "nomad.hcl"
                | "apprunner.yaml"
                | "firebase.json"
        ) || is_compose(name)
            || file.extension() == "tf"
            || file.folder().split('/').any(|part| matches!(part, "k8s" | "kubernetes" | "helm"))
                && matches!(file.extension(), "yaml" | "yml")
    });
    Measure::found(found, "no orchestrator or platform settings")
}

pub(super) fn env_example(view: &View<'_, '_, '_>) -> Measure {
    let found = named(view, "example of the settings", |file| {
        let name = file.name();
        let is_env = name.starts_with(".env") || name.starts_with("env.") || name.ends_with(".env");
        (is_env && ["example", "sample", "template", "dist"].iter().any(|word| name.contains(word)))
            || ["config.example.", "settings.example.", "config.sample."]
                .iter()
                .any(|start| name.starts_with(start))
    });
    Measure::found(found, "no example of the environment's settings")
}

pub(super) fn health_probe(view: &View<'_, '_, '_>) -> Measure {
    const WORDS: [&str; 5] = ["healthcheck", "livenessprobe", "readinessprobe", "/healthz", "health-cmd"];
    let mut found = lines_with(view.survey.containers.iter(), &WORDS, "probe");
    found.extend(named(view, "health endpoint", |file| {
        matches!(
            file.stem(),
            "healthcheck"
                | "health_check"
                | "healthz"
                | "health-check"
                | "healthcontroller"
                | "health_controller"
        ) || (file.stem() == "route" || file.stem() == "+server")
            && file.folder().rsplit('/').next().is_some_and(|part| part == "health" || part == "healthz")
    }));
    Measure::found(found, "no health endpoint or probe")
}

pub(super) fn migrations(view: &View<'_, '_, '_>) -> Measure {
    let found = view
        .layout
        .own()
        .filter(|file| file.place == Place::Source)
        .filter(|file| {
            let is_code = matches!(
                file.extension(),
                "sql"
                    | "py"
                    | "rb"
                    | "php"
                    | "js"
                    | "ts"
                    | "go"
                    | "rs"
                    | "exs"
                    | "cs"
                    | "java"
                    | "kt"
                    | "xml"
                    | "yaml"
                    | "yml"
            );
            let is_in = |name: &str| file.folder().split('/').any(|part| part == name);
            let is_in_folder =
                is_in("migrations") || is_in("migrate") || file.folder().contains("db/migration");
            // Migrations have an order in their names; code about migrations has not.
            let stem = file.stem().trim_start_matches(['v', 'm']);
            let has_order = stem.starts_with(|c: char| c.is_ascii_digit()) || is_in("versions");
            file.name() == "alembic.ini"
                || is_code && is_in_folder && (has_order || file.extension() == "sql")
        })
        .take(3)
        .map(|file| file.evidence("database migration"))
        .collect();
    Measure::found(found, "no database migrations")
}
