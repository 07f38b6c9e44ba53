//! Readiness: points follow evidence; the absent earns nothing, the unmeasured is out.

use muster_analysis::analyze;
use muster_model::{
    analysis::{GitFacts, TagFact},
    source_tree::MemoryTree,
};

use crate::support::{at, context, git, item, of, place};

fn points(files: &[(&str, &str)], id: &str) -> Option<u32> {
    item(&of(files).readiness, id).points
}

#[test]
fn an_empty_tree_earns_next_to_nothing_of_what_can_be_measured() {
    let nothing = GitFacts::default();
    let readiness = analyze(&MemoryTree::default(), &context(&nothing)).readiness;
    assert_eq!(readiness.rule_version, 1);
    assert_eq!(readiness.items.len(), 33);
    // Only "no secrets" is earned; vulnerabilities, lock file, tests beside code, tags and history are out.
    assert_eq!((readiness.value, readiness.coverage), (Some(2), 64));
    for id in [
        "security-vulnerabilities",
        "health-bus-factor",
        "health-complexity",
        "health-hotspots",
        "release-recent-tag",
    ] {
        assert_eq!(item(&readiness, id).points, None, "{id}");
    }
}

#[test]
fn licences_earn_when_they_are_certain_and_agreed_on() {
    let mit = spdx::license_id("MIT").unwrap().text();
    let clause = format!("{mit}\n\"Commons Clause\" License Condition v1.0\n");
    let field = "{\"license\": \"MIT\"}";
    assert_eq!(points(&[("LICENSE", mit)], "licence-certain"), Some(8));
    assert_eq!(points(&[("LICENSE", &clause)], "licence-certain"), Some(0));
    assert_eq!(points(&[], "licence-certain"), Some(0));
    assert_eq!(points(&[("LICENSE", mit), ("package.json", field)], "licence-agrees"), Some(2));
    assert_eq!(points(&[("LICENSE", &clause), ("package.json", field)], "licence-agrees"), Some(0));
    assert_eq!(
        points(&[("LICENSE", mit), ("package.json", "{\"license\": \"ISC\"}")], "licence-agrees"),
        Some(0)
    );
    let analysis = of(&[("LICENSE", &clause)]);
    insta::assert_snapshot!(item(&analysis.readiness, "licence-certain").note, @"a licence file is present, not identified with certainty");
}

#[test]
fn a_readme_needs_words_and_headings() {
    let long = "word ".repeat(151);
    assert_eq!(points(&[("README.md", &long)], "readme-substance"), Some(4));
    assert_eq!(points(&[("README", "word ")], "readme-substance"), Some(0));
    for (text, earned) in [
        ("# Install\n\n## Usage\n", 3),
        ("Installation\n============\n\nExamples\n--------\n", 3),
        ("# Install\n", 1),
        ("```\n# Install\n# Usage\n```\n", 0),
        ("install it and use it\n", 0),
    ] {
        assert_eq!(points(&[("README.md", text)], "readme-headings"), Some(earned), "{text}");
    }
}

#[test]
fn tests_are_counted_beside_the_code() {
    let with = |tests: usize, code: usize| {
        let tests = (0..tests).map(|n| (format!("tests/t{n}.py"), ""));
        let files: Vec<_> = tests.chain((0..code).map(|n| (format!("src/c{n}.py"), ""))).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        points(&files, "test-share")
    };
    assert_eq!(
        [with(1, 10), with(2, 10), with(4, 10), with(5, 10), with(3, 0)],
        [Some(0), Some(4), Some(4), Some(8), Some(8)]
    );
    assert_eq!(with(0, 0), None);
    let inline =
        [("src/lib.rs", "#[cfg(test)]\nmod tests {}"), ("src/a.rs", ""), ("src/b.rs", ""), ("src/c.rs", "")];
    assert_eq!(points(&inline, "test-share"), None, "inline tests are not measured");
    assert_eq!(points(&inline, "test-files"), Some(4));
}

#[test]
fn ci_is_read_for_tests_and_releases() {
    let workflow = "jobs:\n  a:\n    steps:\n      - run: cargo test --all\n      # cargo publish\n";
    let analysis = of(&[(".github/workflows/ci.yml", workflow)]);
    assert_eq!(
        place(&item(&analysis.readiness, "ci-runs-tests").evidence[0]),
        ".github/workflows/ci.yml:4 runs tests: cargo test"
    );
    assert_eq!(item(&analysis.readiness, "ci-releases").points, Some(0), "a comment releases nothing");
    assert_eq!(points(&[(".github/workflows/publish.yml", "")], "ci-releases"), Some(4));
    assert_eq!(points(&[("docs/.github/workflows/ci.yml", workflow)], "ci-file"), Some(0));
}

#[test]
fn tags_count_when_they_were_read() {
    let tag = |name: &str, time: &str| TagFact { name: name.into(), at: Some(at(time)) };
    for (tags, semver, recent) in [
        (None, None, None),
        (Some(vec![]), Some(0), Some(0)),
        (Some(vec![tag("nightly", "2026-05-01T00:00:00Z")]), Some(0), Some(3)),
        (Some(vec![tag("v1.0.0", "2020-05-01T00:00:00Z")]), Some(3), Some(0)),
        (Some(vec![TagFact { name: "v1.0".into(), at: None }]), Some(3), Some(0)),
    ] {
        let facts = GitFacts { tags: tags.clone(), ..git(1) };
        let readiness = analyze(&MemoryTree::default(), &context(&facts)).readiness;
        assert_eq!(item(&readiness, "release-semver-tag").points, semver, "{tags:?}");
        assert_eq!(item(&readiness, "release-recent-tag").points, recent, "{tags:?}");
    }
}

#[test]
fn deployment_and_security_are_found_by_name_and_content() {
    let files = [
        ("Dockerfile", "FROM x\nHEALTHCHECK CMD true\n"),
        ("fly.toml", ""),
        (".env.example", ""),
        ("db/migrations/001.sql", ""),
        ("renovate.json", "{}"),
        (".github/SECURITY.md", ""),
        ("cypress.config.ts", ""),
        (".coveragerc", ""),
        ("NOTICE", ""),
        ("CHANGELOG.md", ""),
        ("mkdocs.yml", ""),
    ];
    let readiness = of(&files).readiness;
    for id in [
        "deploy-container",
        "deploy-platform",
        "deploy-env-example",
        "deploy-health-probe",
        "deploy-migrations",
        "security-update-bot",
        "security-policy",
        "security-no-secrets",
        "test-end-to-end",
        "test-coverage",
        "third-party-notices",
        "changelog",
        "docs-site",
    ] {
        let item = item(&readiness, id);
        assert_eq!(item.points, Some(item.max_points), "{id}: {}", item.note);
    }
    assert_eq!(points(&[(".devcontainer/Dockerfile", "")], "deploy-container"), Some(0));
    for (path, earned) in [
        ("app/migrations/0001_initial.py", 1),
        ("migrations/versions/ae10_x.py", 1),
        ("migration/src/migrations/m20220101_x.rs", 1),
        ("src/Console/Migrations/BaseCommand.php", 0),
    ] {
        assert_eq!(points(&[(path, "")], "deploy-migrations"), Some(earned), "{path}");
    }
}
