//! Every manifest format gives its dependencies with the right line; seen through the technologies they prove.

use crate::support::{of, place};

/// The evidence of a technology that one manifest proves.
fn proof(path: &str, text: &str, technology: &str) -> String {
    let analysis = of(&[(path, text)]);
    let item = analysis.stack.iter().find(|item| item.name == technology);
    item.map_or_else(|| format!("{technology} not found"), |item| place(&item.evidence[0]))
}

#[test]
fn each_format_names_the_line() {
    for (path, text, technology, expected) in [
        (
            "Cargo.toml",
            "[dependencies]\nserde = \"1\"\n[dependencies.web]\npackage = \"axum\"\n",
            "Axum",
            "Cargo.toml:3 cargo dependency axum",
        ),
        (
            "Cargo.toml",
            "[target.'cfg(unix)'.dependencies]\ntokio = { version = \"1\" }\n",
            "Tokio",
            "Cargo.toml:2 cargo dependency tokio",
        ),
        (
            "Cargo.toml",
            "[workspace.dependencies]\nsqlx = \"0.9\"\n",
            "sqlx",
            "Cargo.toml:2 cargo dependency sqlx",
        ),
        (
            "pyproject.toml",
            "[project]\nname = \"x\"\ndependencies = [\n  \"Flask[async]>=3\",\n]\n",
            "Flask",
            "pyproject.toml:4 pypi dependency flask",
        ),
        (
            "pyproject.toml",
            "[dependency-groups]\ntest = [\"pytest\", {include-group = \"x\"}]\n",
            "pytest",
            "pyproject.toml:2 pypi dependency pytest",
        ),
        (
            "pyproject.toml",
            "[tool.poetry.dependencies]\npython = \"^3\"\nDjango = \"5\"\n",
            "Django",
            "pyproject.toml:3 pypi dependency django",
        ),
        (
            "pyproject.toml",
            "[tool.poetry.group.dev.dependencies]\nruff = \"*\"\n",
            "Ruff",
            "pyproject.toml:2 pypi dependency ruff",
        ),
        (
            "requirements/prod.txt",
            "# web\n-r base.txt\nFlask_SQLAlchemy==3 # orm\n",
            "SQLAlchemy",
            "requirements/prod.txt:3 pypi dependency flask-sqlalchemy",
        ),
        ("Pipfile", "[packages]\ncelery = \"*\"\n", "Celery", "Pipfile:2 pypi dependency celery"),
        (
            "setup.cfg",
            "[options]\ninstall_requires =\n  fastapi>=0.1\n",
            "FastAPI",
            "setup.cfg:3 pypi dependency fastapi",
        ),
        (
            "setup.py",
            "setup(\n  install_requires=[\n    'tornado>=6',\n  ],\n)",
            "Tornado",
            "setup.py:3 pypi dependency tornado",
        ),
        (
            "go.mod",
            "module x\n\nrequire (\n\tgithub.com/gofiber/fiber/v2 v2.1 // ok\n\tgorm.io/gorm v1 // indirect\n)\n",
            "Fiber",
            "go.mod:4 go dependency github.com/gofiber/fiber",
        ),
        (
            "pom.xml",
            "<project>\n<!-- <dependency> -->\n<dependencies><dependency>\n<groupId>org.postgresql</groupId>\n<artifactId>postgresql</artifactId>\n</dependency></dependencies></project>",
            "PostgreSQL",
            "pom.xml:5 maven dependency org.postgresql:postgresql",
        ),
        (
            "app/build.gradle.kts",
            "dependencies {\n  implementation(\"io.ktor:ktor-server-core:3\")\n}\n",
            "Ktor",
            "app/build.gradle.kts:2 maven dependency io.ktor:ktor-server-core",
        ),
        (
            "gradle/libs.versions.toml",
            "[libraries]\njunit = { module = \"junit:junit\", version = \"4\" }\n",
            "JUnit",
            "gradle/libs.versions.toml:2 maven dependency junit:junit",
        ),
        (
            "src/App.csproj",
            "<Project Sdk=\"Microsoft.NET.Sdk\">\n <ItemGroup>\n  <PackageReference Include=\"Npgsql\" Version=\"9\" />\n</ItemGroup></Project>",
            "PostgreSQL",
            "src/App.csproj:3 nuget dependency npgsql",
        ),
        (
            "composer.json",
            "{\"require\": {\"php\": \"8\",\n \"laravel\\/framework\": \"12\"}}",
            "Laravel",
            "composer.json:2 packagist dependency laravel/framework",
        ),
        (
            "Gemfile",
            "source 'x'\ngem 'rails', '~> 8'\n",
            "Ruby on Rails",
            "Gemfile:2 rubygems dependency rails",
        ),
        (
            "x.gemspec",
            "Gem::Specification.new do |s|\n s.add_dependency \"sinatra\"\nend",
            "Sinatra",
            "x.gemspec:2 rubygems dependency sinatra",
        ),
        (
            "pubspec.yaml",
            "name: x\ndependencies:\n  flutter:\n    sdk: flutter\n  sqflite: ^2\n",
            "SQLite",
            "pubspec.yaml:5 pub dependency sqflite",
        ),
        (
            "mix.exs",
            "defp deps do\n [\n  {:phoenix, \"~> 1.7\"},\n ]",
            "Phoenix",
            "mix.exs:3 hex dependency phoenix",
        ),
        (
            "Package.swift",
            "dependencies: [\n .package(url: \"https://github.com/vapor/vapor.git\", from: \"4\")\n]",
            "Vapor",
            "Package.swift:2 swift dependency vapor/vapor",
        ),
    ] {
        assert_eq!(proof(path, text, technology), expected, "{path}\n{text}");
    }
}

#[test]
fn what_is_indirect_commented_or_nested_proves_nothing() {
    assert_eq!(proof("go.mod", "require gorm.io/gorm v1 // indirect\n", "GORM"), "GORM not found");
    assert_eq!(
        proof("build.gradle", "// implementation 'io.ktor:ktor-server-core:3'\n", "Ktor"),
        "Ktor not found"
    );
    assert_eq!(
        proof("pubspec.yaml", "dependencies:\n  x:\n    flutter: 1\n", "Flutter"),
        "Flutter not found"
    );
    assert_eq!(proof("package.json", "{\"scripts\": {\"react\": \"x\"}}", "React"), "React not found");
}

#[test]
fn broken_manifests_give_what_they_can() {
    assert_eq!(
        proof("package.json", "{\"dependencies\": {\"vue\": \"3\", ", "Vue.js"),
        "package.json:1 npm dependency vue"
    );
    assert_eq!(
        proof("Cargo.toml", "[dependencies]\ntokio = \"1\"\n[broken\nx = = 1\n", "Tokio"),
        "Cargo.toml:2 cargo dependency tokio"
    );
    // One broken file never stops the others.
    let analysis = of(&[
        ("package.json", "]]]{{{\"\\"),
        ("Cargo.toml", "\u{0}"),
        ("go.mod", "require github.com/gin-gonic/gin v1\n"),
    ]);
    assert!(analysis.stack.iter().any(|item| item.name == "Gin"));
}
