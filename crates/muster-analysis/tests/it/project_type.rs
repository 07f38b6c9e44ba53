//! The broad type of a project.

use crate::support::of;

fn kind(files: &[(&str, &str)]) -> &'static str {
    of(files).project_type.as_str()
}

#[test]
fn manifests_and_layout_tell_the_type() {
    let package = "[package]\nname = \"x\"\n";
    let axum = "[package]\nname = \"x\"\n[dependencies]\naxum = \"1\"\n";
    let joined = "[workspace]\nmembers = [\"a\", \"b\"]\n";
    for (files, expected) in [
        (&[("Cargo.toml", package), ("src/main.rs", "")][..], "cli"),
        (&[("Cargo.toml", package), ("src/lib.rs", "")], "library"),
        (&[("Cargo.toml", axum), ("src/main.rs", "")], "service"),
        (
            &[
                ("Cargo.toml", joined),
                ("a/Cargo.toml", package),
                ("b/Cargo.toml", package),
                ("a/src/lib.rs", ""),
            ],
            "monorepo",
        ),
        (&[("Cargo.toml", joined), ("a/Cargo.toml", axum), ("b/Cargo.toml", axum)], "monorepo"),
        (&[("go.mod", "module x"), ("main.go", "")], "cli"),
        (&[("go.mod", "module x"), ("x.go", "")], "library"),
        (&[("package.json", "{\"main\": \"x.js\"}"), ("x.js", "")], "library"),
        (&[("package.json", "{\"bin\": \"x.js\"}"), ("x.js", "")], "cli"),
        (&[("package.json", "{\"private\": true, \"dependencies\": {\"express\": \"5\"}}")], "service"),
        (&[("package.json", "{\"private\": true, \"dependencies\": {\"next\": \"15\"}}")], "web_app"),
        (
            &[("package.json", "{\"private\": true, \"devDependencies\": {\"electron\": \"30\"}}")],
            "desktop_app",
        ),
        (
            &[
                ("pubspec.yaml", "name: x\npublish_to: none\ndependencies:\n  flutter:\n    sdk: flutter\n"),
                ("android/a.gradle", ""),
            ],
            "mobile_app",
        ),
        (&[("pnpm-workspace.yaml", ""), ("a/package.json", "{}"), ("b/package.json", "{}")], "monorepo"),
        (&[("manage.py", ""), ("requirements.txt", "django\n"), ("app/templates/a.html", "")], "service"),
        (&[("main.tf", ""), ("variables.tf", ""), ("README.md", "")], "infrastructure"),
        (&[("a.ipynb", ""), ("data.csv", "")], "data"),
        (&[("README.md", ""), ("one.md", ""), ("two.md", "")], "documentation"),
        (&[("index.html", ""), ("style.css", "")], "web_app"),
        (&[("main.c", ""), ("tool.1", "")], "cli"),
        (&[("src/tool_main.c", ""), ("a.md", ""), ("b.md", "")], "cli"),
        (&[("util.c", "")], "other"),
        (&[], "other"),
    ] {
        assert_eq!(kind(files), expected, "{files:?}");
    }
}

#[test]
fn the_member_that_bears_the_name_decides() {
    let member = "[package]\nname = \"lantern\"\n";
    let files = [
        ("Cargo.toml", "[workspace]\n"),
        ("lantern/Cargo.toml", member),
        ("lantern/src/lib.rs", ""),
        ("macros/Cargo.toml", "[package]\nname = \"macros\"\n"),
    ];
    assert_eq!(kind(&files), "library");
}
