//! Test signals: that there are tests, how many beside the code, whether coverage is kept and the whole is tried.

use super::{Earned, Measure, lines_with};
use crate::{layout::Place, view::View};

pub(super) fn files(view: &View<'_, '_, '_>) -> Measure {
    Measure::found(view.facts.tests.clone(), "no test files")
}

/// By number of files: lines are not counted yet, and the ratio of files is near that of lines.
pub(super) fn share(view: &View<'_, '_, '_>) -> Measure {
    let survey = view.survey;
    let (tests, code) = (survey.tests.test_files, survey.tests.code_files);
    if survey.tests.is_inline && tests * 5 < code {
        return Measure::unmeasured("tests stand inside the source files, where they are not counted yet");
    }
    if code == 0 && tests == 0 {
        return Measure::unmeasured("no source files of a known language");
    }
    let earned = match (tests * 10).checked_div(code) {
        None | Some(5..) => Earned::All,
        Some(2..) => Earned::Half,
        Some(_) => Earned::Nothing,
    };
    Measure::new(earned, Vec::new(), format!("{tests} test files beside {code} source files"))
}

pub(super) fn coverage(view: &View<'_, '_, '_>) -> Measure {
    const WORDS: [&str; 10] = [
        "codecov",
        "coveralls",
        "--coverage",
        "--cov",
        "llvm-cov",
        "tarpaulin",
        "-coverprofile",
        "jacoco",
        "lcov",
        "coverage run",
    ];
    let mut found: Vec<_> = view
        .layout
        .own()
        .filter(|file| {
            file.depth <= 1
                && matches!(
                    file.name(),
                    ".coveragerc"
                        | "codecov.yml"
                        | ".codecov.yml"
                        | "codecov.yaml"
                        | ".nycrc"
                        | ".nycrc.json"
                        | ".c8rc.json"
                        | "tarpaulin.toml"
                        | ".simplecov"
                        | "coveralls.yml"
                        | ".coveralls.yml"
                )
        })
        .map(|file| file.evidence("coverage settings"))
        .collect();
    found.extend(lines_with(view.survey.ci.iter(), &WORDS, "CI measures coverage"));
    found.extend(view.survey.own_manifests().flat_map(|manifest| {
        manifest
            .content
            .dependencies
            .iter()
            .filter(|dependency| {
                matches!(
                    dependency.name.as_str(),
                    "coverage"
                        | "pytest-cov"
                        | "nyc"
                        | "c8"
                        | "@vitest/coverage-v8"
                        | "@vitest/coverage-istanbul"
                        | "simplecov"
                        | "excoveralls"
                        | "coverlet.collector"
                        | "plugin:jacoco"
                        | "org.jacoco:jacoco-maven-plugin"
                )
            })
            .map(|dependency| {
                manifest.file.evidence_at(dependency.line, format!("depends on {}", dependency.name))
            })
    }));
    Measure::found(found, "no settings for test coverage")
}

pub(super) fn end_to_end(view: &View<'_, '_, '_>) -> Measure {
    let found = view
        .layout
        .own()
        .filter(|file| {
            let parts = || file.folder().split('/');
            let is_folder = parts().any(|part| {
                matches!(
                    part,
                    "e2e"
                        | "end-to-end"
                        | "cypress"
                        | "playwright"
                        | "integration-tests"
                        | "acceptance"
                        | "system-tests"
                )
            }) || (parts()
                .any(|part| part == "integration" || part == "system" || part == "features")
                && file.place == Place::Test);
            is_folder
                || file.name().starts_with("playwright.config.")
                || file.name().starts_with("cypress.config.")
        })
        .take(3)
        .map(|file| file.evidence("tests of the whole"))
        .collect();
    Measure::found(found, "no end-to-end tests")
}
