//! The broad type of a project, from its manifests and layout. Asked in the order of how telling a sign is: what a
//! project is built for (telephone, desktop), what its manifest says it is, what it answers with, what it is made of.

use muster_model::analysis::ProjectType;

use crate::{
    layout::{File, Place},
    manifest::{Ecosystem, Manifest},
    stack::rules::RULES,
    view::View,
};

/// Decides.
pub(crate) fn of(view: &View<'_, '_, '_>) -> ProjectType {
    let packages: Vec<&Manifest<'_, '_>> =
        view.survey.own_manifests().filter(|manifest| manifest.is_package()).collect();
    if is_mobile(view, &packages) {
        return ProjectType::MobileApp;
    }
    if is_desktop(view, &packages) {
        return ProjectType::DesktopApp;
    }
    if let Some(joined) = monorepo(view, &packages) {
        return joined;
    }
    // The root's own manifest decides; without one, the only package there is.
    let root: Vec<&Manifest<'_, '_>> =
        packages.iter().copied().filter(|manifest| manifest.file.depth == 0).collect();
    let deciding = if root.is_empty() { packages.iter().copied().take(1).collect() } else { root };
    for manifest in &deciding {
        if let Some(found) = of_package(view, manifest) {
            return found;
        }
    }
    of_layout(view)
}

fn has(view: &View<'_, '_, '_>, name: &str) -> bool {
    view.stack.iter().any(|item| item.name == name && !item.is_marginal)
}

fn has_category(view: &View<'_, '_, '_>, category: &str) -> bool {
    view.stack.iter().any(|item| item.category == category && !item.is_marginal)
}

fn source_has(view: &View<'_, '_, '_>, is: impl Fn(&File<'_>) -> bool) -> bool {
    view.layout.source().any(is)
}

fn is_mobile(view: &View<'_, '_, '_>, packages: &[&Manifest<'_, '_>]) -> bool {
    let has_folder = |name: &str| source_has(view, |file| file.lower.starts_with(name));
    let is_flutter_app = has(view, "Flutter") && (has_folder("android/") || has_folder("ios/"));
    let is_react_native = (has(view, "React Native") || has(view, "Expo"))
        && (has_folder("android/")
            || has_folder("ios/")
            || view.layout.root().any(|file| file.stem() == "app"));
    let is_ios_app = source_has(view, |file| file.lower.contains(".xcodeproj/") && file.depth <= 2)
        && source_has(view, |file| file.name() == "info.plist" || file.extension() == "storyboard");
    packages.iter().any(|manifest| manifest.content.is_mobile)
        || is_flutter_app
        || is_react_native
        || is_ios_app
}

fn is_desktop(view: &View<'_, '_, '_>, packages: &[&Manifest<'_, '_>]) -> bool {
    let names = ["Electron", "Tauri", "Qt", "egui", "iced"];
    packages.iter().any(|manifest| {
        let content = &manifest.content;
        let depends = content.dependencies.iter().any(|dependency| {
            RULES
                .of_dependency(manifest.ecosystem, &dependency.name)
                .into_iter()
                .any(|index| names.contains(&RULES.technologies[index].name.as_str()))
        });
        content.is_desktop || (depends && manifest.file.depth <= 2 && !is_library(view, manifest))
    })
}

/// Several packages in one tree, unless the one that bears the project's name says what it is.
fn monorepo(view: &View<'_, '_, '_>, packages: &[&Manifest<'_, '_>]) -> Option<ProjectType> {
    let root_joins =
        packages.iter().any(|manifest| manifest.file.depth == 0 && manifest.content.is_workspace)
            || view.layout.root().any(|file| {
                matches!(
                    file.name(),
                    "pnpm-workspace.yaml" | "lerna.json" | "nx.json" | "turbo.json" | "go.work" | "rush.json"
                )
            });
    let members: Vec<_> = packages.iter().filter(|manifest| manifest.file.depth > 0).collect();
    if !root_joins || members.len() < 2 {
        return None;
    }
    let name = view.context.name.to_lowercase();
    let namesake = members.iter().find(|manifest| {
        let folder = manifest.file.folder().rsplit('/').next().unwrap_or_default();
        folder == name || manifest.content.name.as_deref().is_some_and(|own| own.to_lowercase() == name)
    });
    Some(namesake.and_then(|manifest| of_package(view, manifest)).unwrap_or(ProjectType::Monorepo))
}

fn is_library(view: &View<'_, '_, '_>, manifest: &Manifest<'_, '_>) -> bool {
    of_package(view, manifest) == Some(ProjectType::Library)
}

fn of_package(view: &View<'_, '_, '_>, manifest: &Manifest<'_, '_>) -> Option<ProjectType> {
    let content = &manifest.content;
    let folder = manifest.file.folder();
    let below = |path: &str| {
        let path = if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") };
        source_has(view, |file| file.lower == path || (path.ends_with('/') && file.lower.starts_with(&path)))
    };
    match manifest.ecosystem {
        Ecosystem::Cargo => {
            let builds_program = content.is_program || below("src/main.rs") || below("src/bin/");
            if builds_program {
                return Some(requests(view, manifest).unwrap_or(ProjectType::CommandLine));
            }
            return (content.is_library || below("src/lib.rs")).then_some(ProjectType::Library);
        }
        Ecosystem::Go => {
            let has_main = below("main.go") || below("cmd/");
            if has_main {
                return Some(requests(view, manifest).unwrap_or(ProjectType::CommandLine));
            }
            return Some(ProjectType::Library);
        }
        _ => {}
    }
    if content.is_program {
        return Some(ProjectType::CommandLine);
    }
    if content.is_library {
        return Some(ProjectType::Library);
    }
    requests(view, manifest)
}

/// A page or a service, by the frameworks that this manifest names.
fn requests(view: &View<'_, '_, '_>, manifest: &Manifest<'_, '_>) -> Option<ProjectType> {
    let categories: Vec<&str> = manifest
        .content
        .dependencies
        .iter()
        .flat_map(|dependency| RULES.of_dependency(manifest.ecosystem, &dependency.name))
        .filter(|index| !matches!(RULES.technologies[*index].name.as_str(), "ratatui" | "Textual"))
        .map(|index| RULES.technologies[index].category.as_str())
        .collect();
    let has_pages = source_has(view, |file| {
        file.folder().split('/').any(|part| matches!(part, "templates" | "views" | "public"))
            && matches!(
                file.extension(),
                "html"
                    | "erb"
                    | "haml"
                    | "php"
                    | "twig"
                    | "heex"
                    | "hbs"
                    | "ejs"
                    | "pug"
                    | "j2"
                    | "jinja"
                    | "cshtml"
            )
    });
    if categories.contains(&"ui") {
        Some(ProjectType::WebApp)
    } else if categories.contains(&"framework") {
        Some(if has_pages { ProjectType::WebApp } else { ProjectType::Service })
    } else {
        None
    }
}

/// Without a telling manifest: what most files are.
fn of_layout(view: &View<'_, '_, '_>) -> ProjectType {
    let count = |is: &dyn Fn(&File<'_>) -> bool| {
        view.layout
            .own()
            .filter(|file| matches!(file.place, Place::Source | Place::Docs))
            .filter(|file| is(file))
            .count()
    };
    let all = count(&|_| true);
    let infrastructure = count(&|file| {
        matches!(file.extension(), "tf" | "tfvars" | "hcl" | "nix")
            || matches!(
                file.name(),
                "chart.yaml" | "kustomization.yaml" | "ansible.cfg" | "playbook.yml" | "site.yml"
            )
            || file.folder().split('/').any(|part| part == "roles" || part == "k8s")
    });
    let notebooks = count(&|file| {
        matches!(file.extension(), "ipynb" | "parquet" | "csv" | "rmd") || file.name() == "dvc.yaml"
    });
    let prose = count(&|file| matches!(file.extension(), "md" | "mdx" | "rst" | "adoc" | "tex" | "org"));
    let code = view.survey.tests.code_files;
    if infrastructure > 0 && infrastructure * 10 >= all * 3 {
        ProjectType::Infrastructure
    } else if notebooks > 0 && notebooks * 5 >= all {
        ProjectType::Data
    } else if has_category(view, "framework") {
        ProjectType::Service
    } else if has_category(view, "ui")
        || (code <= 5 || has_web_root(view)) && view.layout.root().any(|file| file.name() == "index.html")
    {
        ProjectType::WebApp
    } else if prose >= 1 && prose >= code * 10 && prose * 2 >= all {
        ProjectType::Documentation
    } else if source_has(view, |file| file.extension() == "service")
        && view.layout.root().any(|file| file.extension() == "conf")
    {
        ProjectType::Service
    } else if has_manual_page(view) || has_main_file(view) {
        ProjectType::CommandLine
    } else {
        ProjectType::Other
    }
}

fn has_web_root(view: &View<'_, '_, '_>) -> bool {
    view.stack
        .first()
        .is_some_and(|item| matches!(item.name.as_str(), "HTML" | "CSS" | "JavaScript" | "TypeScript"))
}

/// A manual of section 1 or 8 belongs to a command.
fn has_manual_page(view: &View<'_, '_, '_>) -> bool {
    view.layout.own().any(|file| {
        let name = file.name().trim_end_matches(".prebuilt").trim_end_matches(".in");
        file.depth <= 2 && (name.ends_with(".1") || name.ends_with(".8")) && !name.starts_with("lib")
    })
}

/// Languages without a manifest name their programs by the file that starts them.
fn has_main_file(view: &View<'_, '_, '_>) -> bool {
    source_has(view, |file| {
        let is_main = file.stem() == "main" || file.stem().ends_with("_main");
        is_main && matches!(file.extension(), "c" | "cc" | "cpp" | "cxx" | "zig" | "hs" | "ml" | "nim" | "d")
    })
}
