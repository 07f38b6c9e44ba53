//! The yes/no facts: found where they are, and not where they only seem to be.

use crate::support::{of, place};

fn places(evidence: &[muster_model::analysis::Evidence]) -> Vec<String> {
    evidence.iter().map(place).collect()
}

#[test]
fn facts_name_their_files() {
    let facts = of(&[
        ("README.de.md", "Hallo"),
        ("README.md", "Hello"),
        ("COPYING", "do what you want"),
        ("Cargo.toml", "[package]\nname = \"x\"\n"),
        ("Cargo.lock", ""),
        ("src/main.rs", "fn main() {}\n#[cfg(test)]\nmod tests {}\n"),
        ("vendor/x/README.md", ""),
        ("vendor/x/go.mod", ""),
        (".gitlab-ci.yml", ""),
        ("api/openapi.yaml", ""),
        ("tests/openapi.json", ""),
        ("web/app/pricing/page.tsx", ""),
        ("web/app/pricing-engine.ts", ""),
        ("web/terms.html", ""),
    ])
    .facts;
    assert_eq!(places(&facts.readme), ["README.md README", "README.de.md README"]);
    assert_eq!(places(&facts.licence), ["COPYING present, not identified with certainty"]);
    assert_eq!(places(&facts.manifests), ["Cargo.toml cargo"]);
    assert_eq!(places(&facts.lock_files), ["Cargo.lock lock file"]);
    assert_eq!(places(&facts.ci), [".gitlab-ci.yml CI file"]);
    assert_eq!(places(&facts.api_description), ["api/openapi.yaml API description"]);
    assert_eq!(
        places(&facts.pricing),
        ["web/app/pricing/page.tsx pricing page", "web/terms.html terms or privacy page"]
    );
    assert_eq!(
        places(&facts.tests),
        ["src/main.rs:2 tests inside the source file", "tests/openapi.json test file"][..1]
    );
    assert_eq!(facts.file_count, 14);
    assert!(facts.unread.is_empty());
}

#[test]
fn a_licence_field_stands_in_for_the_file() {
    let facts = of(&[("package.json", "{\n\"license\": \"MIT\"\n}")]).facts;
    assert_eq!(places(&facts.licence), ["package.json:2 the manifest says MIT"]);
    assert!(of(&[("a.py", "")]).facts.licence.is_empty());
}
