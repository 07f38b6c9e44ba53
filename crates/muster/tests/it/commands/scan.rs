//! `muster scan` in its formats, and its queries.

use muster_testkit::Lab;
use serde_json::Value;

use super::{cloned, portfolio, without_columns};
use crate::run::{finish, muster, named, names, run, scan, stderr, stdout};

/// What the calendar changes.
const VOLATILE: [&str; 3] = ["fetched", "last", "health"];

#[test]
fn a_pipe_gets_the_whole_table() {
    let lab = Lab::new();
    portfolio(&lab);
    let output = run(&lab, &["scan"]);
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(stderr(&lab, &output), "", "progress is for terminals");
    insta::assert_snapshot!(without_columns(&stdout(&lab, &output), &VOLATILE), @r#"
    name → branch → state → sync → fetched → last → commit → stack → health
    api → main → 1 staged, 1 modified, 1 untracked → 2 ahead →  → … → Write src/main.rs → Rust → …
    bad → - → error: cannot read HEAD in ROOT/bad: Reference content could not be parsed, input="garbage\n" →  →  →  →  →  →
    web → main → clean → = →  → … → Write package.json → React → …
    old → - → clean, 1 stash, detached →  →  → … → Write README.md →  → …
    script → - → no version control →  →  →  →  →  → …
    "#);
}

#[test]
fn state_only_leaves_out_what_it_does_not_read() {
    let lab = Lab::new();
    portfolio(&lab);
    let output = run(&lab, &["scan", "--state-only"]);
    insta::assert_snapshot!(without_columns(&stdout(&lab, &output), &VOLATILE), @r#"
    name → branch → state → sync → fetched → last → commit
    api → main → 1 staged, 1 modified, 1 untracked → 2 ahead →  → … → Write src/main.rs
    bad → - → error: cannot read HEAD in ROOT/bad: Reference content could not be parsed, input="garbage\n" →  →  →  →
    web → main → clean → = →  → … → Write package.json
    old → - → clean, 1 stash, detached →  →  → … → Write README.md
    script → - → no version control →  →  →  →
    "#);
    let projects = scan(&lab, &["--state-only"]);
    let web = named(&projects, "web");
    for key in ["type", "relation", "stack", "readiness", "monetization", "health", "metadata"] {
        assert_eq!(web[key], Value::Null, "{key}");
    }
    assert_eq!(web["unknown"]["relation"], "not_requested");
    assert_eq!(web["unknown"]["git.unpushed_branches"], "not_requested");
    assert_eq!(web["recommendations"], serde_json::json!([]));
}

#[test]
fn potential_is_shown_when_asked_for() {
    let lab = Lab::new();
    portfolio(&lab);
    let output = finish(muster(&lab).args(["scan", "group"]).env("MUSTER__PORTFOLIO__MONETIZATION", "true"));
    assert!(stdout(&lab, &output).lines().next().is_some_and(|titles| titles.ends_with("\tpotential")));
    let output = run(&lab, &["scan", "group"]);
    assert!(!stdout(&lab, &output).contains("potential"));
}

#[test]
fn csv_quotes_what_needs_it() {
    let lab = Lab::new();
    portfolio(&lab);
    lab.repo("say, \"what\"").commit_all("Comma, and \"quotes\"");
    let output = run(&lab, &["scan", "--format", "csv", "--query", "name:api,say", "--state-only"]);
    assert_eq!(output.status.code(), Some(0), "what is shown decides");
    let mut reader = csv::Reader::from_reader(output.stdout.as_slice());
    let titles = reader.headers().expect("a header").clone();
    insta::assert_snapshot!(titles.iter().collect::<Vec<_>>().join(" "), @"name branch state sync fetched last commit");
    let rows: Vec<_> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(&rows[1][0], "say, \"what\"");
    assert_eq!(&rows[1][6], "Comma, and \"quotes\"");
    assert!(stdout(&lab, &output).contains("\"say, \"\"what\"\"\","));
}

#[test]
fn markdown_is_one_table() {
    let lab = Lab::new();
    portfolio(&lab);
    lab.repo("a|b").commit_all("One | two");
    let output = run(&lab, &["scan", "--format", "md", "--state-only", "--query", "name:a|b"]);
    let text = stdout(&lab, &output);
    let lines: Vec<_> = text.lines().collect();
    insta::assert_snapshot!(lines[..2].join("\n"), @"
    | name | branch | state | sync | fetched | last | commit |
    | --- | --- | --- | --- | ---: | ---: | --- |
    ");
    assert!(lines[2].starts_with(r"| a\|b | main | clean, no upstream |"), "{}", lines[2]);
    assert!(lines[2].ends_with(r"| One \| two |"), "{}", lines[2]);
    assert_eq!(lines.len(), 3);
}

#[test]
fn jsonl_is_one_project_a_line_of_the_same_shape() {
    let lab = Lab::new();
    portfolio(&lab);
    let output = run(&lab, &["scan", "--format", "jsonl"]);
    let text = stdout(&lab, &output);
    assert_eq!(text.lines().count(), 5);
    assert!(
        text.starts_with(
            r#"{"schema_version":1,"name":"api","display_name":null,"path":"ROOT/api","kind":"repository","#
        ),
        "{text}"
    );
    for (line, project) in text.lines().zip(scan(&lab, &[])) {
        let mut line: Value = serde_json::from_str(line).expect("a document");
        assert_eq!(line.as_object_mut().expect("an object").remove("schema_version"), Some(1.into()));
        assert_eq!(keys(&line), keys(&project));
        assert_eq!(line["name"], project["name"]);
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn json_has_a_stable_shape() {
    let lab = Lab::new();
    portfolio(&lab);
    let output = run(&lab, &["scan", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(keys(&document), ["projects", "schema_version"]);
    assert_eq!(document["schema_version"], 1);
    let projects = document["projects"].as_array().expect("a list");
    insta::assert_snapshot!(names(projects).join(" "), @"api bad web old script");
    let api = named(projects, "api");
    insta::assert_snapshot!(keys(api).join(" "), @"checked_at display_name error git health id kind metadata monetization name number path readiness recommendations relation stack submodules type unknown updated_at warnings watch worktrees");
    insta::assert_snapshot!(keys(&api["git"]).join(" "), @"ahead behind branch conflicted deletable detached detached_commits fetched_at filtered_unknown head is_repo last_commit last_commit_author last_commit_date last_commit_id local_only_branches modified operation remote remote_moved shallow staged stashes state unpushed_branches untracked upstream");
    insta::assert_snapshot!(api["unknown"], @r#"{"git.fetched_at":"never_fetched","git.remote_moved":"needs_server","id":"needs_server","number":"needs_server","watch":"needs_server"}"#);
    insta::assert_snapshot!(named(projects, "bad")["unknown"], @r#"{"git":"repository_error","git.remote_moved":"needs_server","health":"repository_error","id":"needs_server","metadata":"repository_error","monetization":"repository_error","number":"needs_server","readiness":"repository_error","relation":"repository_error","stack":"repository_error","type":"repository_error","watch":"needs_server"}"#);
    insta::assert_snapshot!(named(projects, "script")["unknown"], @r#"{"git":"no_repository","git.remote_moved":"needs_server","id":"needs_server","number":"needs_server","watch":"needs_server"}"#);
    insta::assert_snapshot!(keys(&named(projects, "bad")["error"]).join(" "), @"code message remedy");
    for project in projects {
        assert_eq!(keys(project), keys(api), "every project has every key");
        assert_eq!(keys(&project["git"]), keys(&api["git"]));
        // What is unknown has no value, and what has no value and could have one says why.
        for (field, _) in project["unknown"].as_object().expect("a map") {
            let pointer = format!("/{}", field.replace('.', "/"));
            let value = project.pointer(&pointer).unwrap_or(&Value::Null);
            let is_empty = |(key, value): (&String, &Value)| {
                matches!(key.as_str(), "is_repo" | "state") || value.is_null()
            };
            let is_unknown =
                value.is_null() || value.as_object().is_some_and(|fields| fields.iter().all(is_empty));
            assert!(is_unknown, "{}: {field} is unknown, but {value}", project["name"]);
        }
    }
    assert_eq!(api["stack"][0]["name"], "Rust");
    assert_eq!(api["git"]["ahead"], 2);
    assert_eq!(api["git"]["unpushed_branches"], serde_json::json!([{"name": "main", "commits": 2}]));
}

#[test]
fn queries_choose() {
    let lab = Lab::new();
    portfolio(&lab);
    for (query, expected) in [
        ("", "api bad web old script"),
        ("api", "api"),
        ("API", "api"),
        ("-api -bad", "web old script"),
        ("name:a*", "api"),
        ("path:group/", "web"),
        ("state:dirty", "api"),
        ("state:clean", "web old"),
        ("state:stash,staged", "api old"),
        ("state:detached", "old"),
        ("state:error", "bad"),
        ("state:folder", "script"),
        ("state:unpushed", "api"),
        ("state:attention", "api bad old"),
        ("stack:rust", "api"),
        ("stack:react", "web"),
        ("branch:main", "api web"),
        ("ahead>1", "api"),
        ("ahead>2", ""),
        ("behind=0", "api web"),
        ("relation:mine", "api web old script"),
        ("health>0 name:w*", "web"),
        ("\"no such words\"", ""),
    ] {
        assert_eq!(names(&scan(&lab, &["--query", query])).join(" "), expected, "{query}");
    }
}

#[test]
fn a_query_that_finds_nothing_says_so() {
    let lab = Lab::new();
    portfolio(&lab);
    let output = run(&lab, &["scan", "group", "-q", "nothing"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&lab, &output), "no repository matches\n");
}

#[test]
fn a_wrong_query_points_at_the_place() {
    let lab = Lab::new();
    let wrong = |args: &[&str]| {
        let output = run(&lab, args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty());
        stderr(&lab, &output)
    };
    insta::assert_snapshot!(wrong(&["scan", "--query", "api stat:dirty"]), @"
    error: wrong query: there is no field 'stat'; did you mean 'state'?
      api stat:dirty
          ^^^^
      try: words, field:value, -not; fields: ahead, behind, branch, health, name, path, relation, stack, state
    ");
    insta::assert_snapshot!(wrong(&["scan", "--query", "grün state:dirtty"]), @"
    error: wrong query: 'dirtty' is no state; did you mean state:dirty?
      grün state:dirtty
                 ^^^^^^
      try: words, field:value, -not; fields: ahead, behind, branch, health, name, path, relation, stack, state
    ");
    insta::assert_snapshot!(wrong(&["path", "ahead>many"]), @"
    error: wrong query: 'ahead' needs a whole number, like ahead>0
      ahead>many
            ^^^^
      try: words, field:value, -not; fields: ahead, behind, branch, health, name, path, relation, stack, state
    ");
    insta::assert_snapshot!(wrong(&["each", "name:\"open", "--", "true"]), @r#"
    error: wrong query: the quote is not closed
      name:"open
           ^^^^^
      try: words, field:value, -not; fields: ahead, behind, branch, health, name, path, relation, stack, state
    "#);
    insta::assert_snapshot!(wrong(&["scan", "--state-only", "--query", "stack:rust"]), @"
    error: the query asks for more than --state-only reads
      try: leave out --state-only, or ask for name, path, branch, ahead, behind
    ");
}

#[test]
fn several_roots_are_one_scan() {
    let lab = Lab::new();
    portfolio(&lab);
    let projects = scan(&lab, &["group", "api", "group/web", "./api/"]);
    assert_eq!(names(&projects), ["api", "web"], "each once, whatever the roots");
    let configured =
        finish(muster(&lab).args(["scan", "--json"]).env("MUSTER__PORTFOLIO__ROOTS", "group, old"));
    assert_eq!(names(&crate::run::projects(&configured)), ["web", "old"]);
}

#[test]
fn a_folder_inside_a_checkout_stands_for_the_checkout() {
    let lab = Lab::new();
    portfolio(&lab);
    let output = finish(muster(&lab).args(["scan", "--json"]).current_dir(lab.root().join("api/src")));
    let projects = crate::run::projects(&output);
    assert_eq!(names(&projects), ["api"]);
    assert_eq!(projects[0]["git"]["state"].as_array().map(Vec::len), Some(3));
}

#[test]
fn warnings_are_told_in_one_line() {
    let lab = Lab::new();
    let names = ["a", "b", "c", "d"];
    for name in names {
        cloned(&lab, name).commit_file("PROJECT_META.json", "garbage").git(["push", "--quiet"]);
    }
    let output = run(&lab, &["scan", "a", "b", "c", "d"]);
    assert_eq!(
        stderr(&lab, &output),
        "4 warnings: muster show a, muster show b, muster show c, and 1 more\n"
    );
    assert_eq!(stderr(&lab, &run(&lab, &["scan", "a"])), "1 warning: muster show a\n");
    assert_eq!(stderr(&lab, &run(&lab, &["scan", "--json"])), "", "programs find them in the data");
}

#[test]
fn json_holds_nothing_that_acts_on_a_terminal() {
    let lab = Lab::new();
    let subject = "C1 \u{9b}31m, DEL \u{7f}, right to left \u{202e}";
    cloned(&lab, "one").write("a.txt", "a\n").stage_all().git(["commit", "--quiet", "-m", subject]);
    for format in ["json", "jsonl"] {
        let text = stdout(&lab, &run(&lab, &["scan", "--format", format]));
        assert!(text.contains(r"C1 \u009b31m, DEL \u007f, right to left \u202e"), "{text}");
        assert!(!text.contains(['\u{9b}', '\u{7f}', '\u{202e}']), "{text}");
    }
    assert_eq!(scan(&lab, &[])[0]["git"]["last_commit"], subject);
}

#[test]
fn errors_hold_nothing_that_acts_on_a_terminal() {
    let lab = Lab::new();
    let output = run(&lab, &["show", "\u{1b}]0;title\u{7}"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&lab, &output);
    assert!(text.starts_with("error: no repository matches '\u{fffd}]0;title\u{fffd}'"), "{text:?}");
}
