//! Which folders are searched, and which folders without a repository count.

use muster_testkit::Lab;
use serde_json::json;

use crate::run::{finish, muster, named, names, projects, scan};

#[test]
fn equal_names_get_the_shortest_suffix_that_tells_them_apart() {
    let lab = Lab::new();
    for name in ["api", "one/api", "two/api", "x/deep/web", "y/deep/web", "alone"] {
        lab.repo(name);
    }
    let projects = scan(&lab, &[]);
    let found = names(&projects);
    assert_eq!(&found[..2], ["alone", "code/api"], "the root's own name helps where nothing else does");
    assert_eq!(&found[2..], ["one/api", "two/api", "x/deep/web", "y/deep/web"]);
}

#[test]
fn names_do_not_depend_on_where_the_roots_are() {
    let lab = Lab::new();
    for name in ["one/api", "two/api"] {
        lab.repo(name);
    }
    assert_eq!(names(&scan(&lab, &["one", "two"])), ["one/api", "two/api"]);
    assert_eq!(names(&scan(&lab, &["one"])), ["api"]);
}

#[test]
fn nested_repositories_are_rows_of_their_own() {
    let lab = Lab::new();
    lab.repo("outer").commit_file(".gitignore", "vendor/\n").commit_file("a.txt", "a\n");
    lab.repo("outer/vendor/inner").commit_file("b.txt", "b\n");
    lab.repo("outer/visible").commit_file("c.txt", "c\n");
    let projects = scan(&lab, &[]);
    assert_eq!(names(&projects), ["outer", "inner", "visible"]);
    assert_eq!(named(&projects, "outer")["git"]["untracked"], 1, "as git says: one folder");
    assert_eq!(named(&projects, "outer")["submodules"], json!([]));
}

#[test]
fn bare_repositories_are_found() {
    let lab = Lab::new();
    lab.repo("source").commit_file("package.json", r#"{"name": "x", "dependencies": {"react": "18"}}"#);
    lab.run_git(lab.root(), ["clone", "--quiet", "--bare", "source", "store.git"]);
    lab.bare("empty.git");
    let projects = scan(&lab, &[]);
    assert_eq!(names(&projects), ["empty.git", "source", "store.git"]);
    let store = named(&projects, "store.git");
    assert_eq!(store["kind"], "bare");
    assert_eq!(store["git"]["state"], json!(["bare"]));
    assert_eq!(store["git"]["modified"], json!(null));
    assert_eq!(store["unknown"]["git.modified"], "bare");
    assert_eq!(store["stack"][0]["name"], "React", "its files are those of its last commit");
    assert_eq!(named(&projects, "empty.git")["git"]["state"], json!(["bare", "no commits"]));
}

#[test]
fn folders_with_a_manifest_and_no_repository() {
    let lab = Lab::new();
    let root = lab.open("");
    for (folder, manifest) in [
        ("cargo", "Cargo.toml"),
        ("composer", "composer.json"),
        ("docker", "Dockerfile"),
        ("dotnet", "Thing.csproj"),
        ("gem", "Gemfile"),
        ("go", "go.mod"),
        ("gradle", "build.gradle"),
        ("maven", "pom.xml"),
        ("npm", "package.json"),
        ("pip", "requirements.txt"),
        ("pyproject", "pyproject.toml"),
    ] {
        root.write(format!("{folder}/{manifest}"), "{}\n");
    }
    root.write("nothing/notes.txt", "notes\n");
    // One project, whatever lies below; and inside a repository a manifest is nothing special.
    root.write("npm/packages/a/package.json", "{}\n");
    lab.repo("repo").write("sub/package.json", "{}\n");
    lab.repo("go/nested").commit_file("a.txt", "a\n");
    let projects = scan(&lab, &[]);
    assert_eq!(
        names(&projects),
        [
            "cargo",
            "composer",
            "docker",
            "dotnet",
            "gem",
            "go",
            "nested",
            "gradle",
            "maven",
            "npm",
            "pip",
            "pyproject",
            "repo"
        ]
    );
    let npm = named(&projects, "npm");
    assert_eq!((&npm["kind"], &npm["git"]["is_repo"]), (&json!("folder"), &json!(false)));
    assert_eq!(npm["recommendations"][0]["rule"], "no-version-control");
    assert_eq!(named(&projects, "go")["kind"], "folder");
}

#[test]
fn folders_that_tools_make_are_not_entered() {
    let lab = Lab::new();
    for folder in ["node_modules", "target", "venv", ".venv", "dist", "build", "__pycache__"] {
        lab.repo(&format!("{folder}/hidden"));
        lab.open("").write(format!("work/{folder}/package.json"), "{}\n");
    }
    lab.repo("seen");
    assert_eq!(names(&scan(&lab, &[])), ["seen"]);
    assert_eq!(
        names(&scan(&lab, &["target", "seen"])),
        ["seen", "hidden"],
        "a root that is named is entered"
    );
}

#[test]
fn musterignore_leaves_out_and_takes_back() {
    let lab = Lab::new();
    for name in ["keep", "old/one", "old/two", "old/kept", "deep/a/scratch", "deep/scratch", "only/scratch"] {
        lab.repo(name);
    }
    let root = lab.open("");
    root.write(".musterignore", "# not looked at any more\nold/*\n!old/kept\n\nscratch\n/deep/a/\n");
    // The nearer file wins.
    root.write("only/.musterignore", "!scratch\n");
    assert_eq!(names(&scan(&lab, &[])), ["keep", "kept", "scratch"]);
    let all = scan(&lab, &["only", "old"]);
    assert_eq!(names(&all), ["kept", "one", "two", "scratch"], "a file above the root says nothing");
}

#[test]
fn musterignore_of_a_repository_counts_below_it() {
    let lab = Lab::new();
    lab.repo("outer").write(".musterignore", "fixtures\n").commit_all("Begin");
    lab.repo("outer/fixtures/inner");
    lab.repo("outer/other");
    assert_eq!(names(&scan(&lab, &[])), ["outer", "other"]);
}

#[test]
fn depth_is_counted_from_the_root() {
    let lab = Lab::new();
    for name in ["a", "b/b", "c/c/c", "d/d/d/d"] {
        lab.repo(name);
    }
    let at_depth = |depth: &str| {
        let output = finish(
            muster(&lab).args(["scan", "--json", "--state-only"]).env("MUSTER__SCAN__MAX_DEPTH", depth),
        );
        projects(&output).len()
    };
    let found: Vec<_> = ["0", "1", "2", "3", "4", "99"].into_iter().map(at_depth).collect();
    assert_eq!(found, [0, 1, 2, 3, 4, 4]);
}
