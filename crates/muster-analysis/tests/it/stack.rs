//! The stack: what proves a technology, in which order, and what is only marginal.

use crate::support::{names, of, stack};

#[test]
fn the_root_proves_and_examples_are_marginal() {
    let analysis = of(&[
        (
            "package.json",
            "{\n  \"dependencies\": {\n    \"react\": \"^19\",\n    \"css-loader\": \"1\"\n  }\n}",
        ),
        ("packages/api/package.json", "{\"dependencies\": {\n\"express\": \"5\", \"react\": \"19\"}}"),
        ("examples/shop/package.json", "{\"dependencies\": {\"vue\": \"3\"}}"),
        ("node_modules/svelte/package.json", "{\"dependencies\": {\"svelte\": \"5\"}}"),
        ("src/a.ts", ""),
        ("src/b.ts", ""),
        ("src/c.tsx", ""),
        ("scripts/one.py", ""),
        ("tests/a.test.ts", ""),
        (
            ".github/workflows/ci.yml",
            "services:\n  db:\n    image: docker.io/library/postgres:16@sha256:0\n  - uses: 'codecov/codecov-action@v4'\n",
        ),
        ("Dockerfile", "FROM --platform=linux/amd64 ghcr.io/x/y:1\nfrom redis:7 AS cache\n"),
    ]);
    insta::assert_snapshot!(stack(&analysis), @r"
    TypeScript [language] src/a.ts 3 of 4 source files, 75 %
    Python [language] scripts/one.py 1 of 4 source files, 25 %
    Express [framework] packages/api/package.json:2 npm dependency express
    React [ui] package.json:3 npm dependency react
    PostgreSQL [database] .github/workflows/ci.yml:3 container image postgres
    Redis [database] Dockerfile:2 container image redis
    Docker [hosting] Dockerfile the file is there
    Codecov [ci] .github/workflows/ci.yml:4 action codecov/codecov-action
    GitHub Actions [ci] .github/workflows/ci.yml the file is there
    ~Vue.js [ui] examples/shop/package.json:1 npm dependency vue
    ");
}

#[test]
fn a_stray_file_names_no_project() {
    let mut files: Vec<(String, String)> = (0..60).map(|n| (format!("src/f{n}.rs"), String::new())).collect();
    files.push(("pkg/brew/formula.rb".into(), String::new()));
    files.push(("ci/a.sh".into(), String::new()));
    files.push(("ci/b.sh".into(), String::new()));
    files.push(("ci/c.sh".into(), String::new()));
    let borrowed: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    assert_eq!(names(&of(&borrowed), "language"), ["Rust", "Bash"]);
}

#[test]
fn one_file_is_the_whole_of_a_small_project() {
    assert_eq!(names(&of(&[("main.py", "print()")]), "language"), ["Python"]);
    assert!(names(&of(&[("tests/a.py", "")]), "language").is_empty());
    assert!(of(&[]).stack.is_empty());
}

#[test]
fn files_folders_and_patterns_prove_too() {
    let analysis = of(&[
        (".circleci/config.yml", ""),
        ("vite.config.ts", ""),
        ("infra/main.tf", ""),
        ("docker-compose.prod.yml", "  image: \"registry:5000/x/mongo\"\n  image: mongo\n  image: ${X}\n"),
        ("prisma/schema.prisma", ""),
        ("services/app/firebase.json", "{}"),
        ("supabase/config.toml", ""),
    ]);
    assert_eq!(names(&analysis, "ci"), ["CircleCI"]);
    assert_eq!(names(&analysis, "orm"), ["Prisma"]);
    assert_eq!(names(&analysis, "database"), ["Firebase", "MongoDB", "Supabase"]);
    assert_eq!(names(&analysis, "hosting"), ["Docker Compose", "Terraform"]);
}
