//! registry.json: what may stand in it, and where an error is said to be.

use std::path::{Path, PathBuf};

use muster_app::services::registry::{MAX_BYTES, Place, Registry, RegistryError, parse};
use muster_model::{category::Category, relation::Relation};
use serde_json::json;

fn read(text: &str) -> Result<Registry, RegistryError> {
    parse(text.as_bytes(), Some(Path::new("/home/ada")))
}

/// The text is refused at this line and column, with a message that holds `part`.
#[track_caller]
fn check(text: &str, line: usize, column: usize, part: &str) {
    let error = read(text).expect_err(text);
    assert_eq!((error.line, error.column), (line, column), "{error}\n{text}");
    assert!(error.message.contains(part), "'{part}' is not in: {}", error.message);
    assert!(!error.message.contains(" at line "), "the place is told apart: {}", error.message);
}

#[test]
fn everything_that_can_be_declared_is_taken_over() {
    let text = include_str!("../../../../docs/registry.example.json");
    let registry = read(text).expect("the example is valid");
    assert_eq!(registry.roots, [PathBuf::from("/home/ada/code"), PathBuf::from("/srv/projects")]);
    let [local, remote] = registry.repositories.as_slice() else { panic!("{:?}", registry.repositories) };
    assert_eq!(local.place, Place::Path(PathBuf::from("/home/ada/code/shop")));
    assert_eq!((local.category, local.relation), (Some(Category::Backend), Some(Relation::Mine)));
    assert_eq!(local.tags, ["customer", "live"]);
    assert_eq!(remote.place.to_string(), "https://github.com/octocat/Hello-World");
    let alerts = remote.alerts.as_ref().expect("alerts");
    assert_eq!(alerts["health_score_decreases"], json!({"enabled": true, "minimum_health_change": 1.0}));
    assert_eq!(alerts["ancestry_breaks"], json!({"enabled": true}));
    let [agent] = registry.agents.as_slice() else { panic!("{:?}", registry.agents) };
    assert_eq!((agent.id.as_str(), agent.kind.as_deref()), ("release-notes", Some("writer")));
    assert_eq!(agent.implementations.as_ref().map(serde_json::Value::is_object), Some(true));
}

#[test]
fn an_empty_object_declares_nothing() {
    assert_eq!(read("{}"), Ok(Registry::default()));
    assert_eq!(read("\u{feff}{}"), Ok(Registry::default()), "a byte order mark is no mistake");
}

#[test]
fn every_category_is_known_by_its_word() {
    let words = [
        "security",
        "ci_cd",
        "database",
        "devops",
        "api",
        "frontend",
        "backend",
        "ml_ai",
        "embedded",
        "documentation",
        "tools",
        "library",
        "mobile",
        "other",
    ];
    for word in words {
        let text = format!(r#"{{"repositories": [{{"path": "/a", "category": "{word}"}}]}}"#);
        let registry = read(&text).expect(word);
        assert_eq!(registry.repositories[0].category.map(Category::as_str), Some(word));
    }
}

#[test]
fn what_is_no_json_is_refused_where_it_stops_being_json() {
    check("", 1, 1, "EOF");
    check("nonsense", 1, 2, "expected ident");
    check("{\n  \"roots\": [\"/a\",]\n}", 2, 18, "trailing comma");
    check("{\n  \"agents\": [\n    {\"id\": \"a\"\n", 4, 1, "EOF");
    check("{} {}", 1, 4, "trailing characters");
    check("[]", 1, 1, "expected an object");
}

#[test]
fn unknown_keys_are_refused_where_they_stand() {
    check("{\n  \"root\": []\n}", 2, 8, "unknown field `root`");
    check(
        "{\"repositories\": [\n  {\"path\": \"/a\",\n   \"owner\": \"me\"}\n]}",
        3,
        10,
        "unknown field `owner`",
    );
    check(
        "{\"agents\": [{\"id\": \"a\", \"name\": \"A\",\n\"skills\": []}]}",
        2,
        8,
        "unknown field `skills`",
    );
    check(
        "{\"repositories\": [{\"path\": \"/a\", \"alerts\": {\n \"lines\": true}}]}",
        2,
        8,
        "unknown field `lines`",
    );
    check("{\"roots\": [],\n \"roots\": []}", 2, 8, "duplicate field `roots`");
}

#[test]
fn wrong_values_are_refused_where_they_stand() {
    check("{\"roots\": [\"/a\",\n  \"code\"]}", 2, 8, "must begin with '/' or '~/'");
    check("{\"roots\": [\n\"/a/../b\"]}", 2, 9, "without '..'");
    check("{\"roots\": [\n  7]}", 2, 3, "expected a path");
    check("{\"roots\": \"/a\"}", 1, 14, "expected a sequence");
    let repository = |fields: &str| format!("{{\"repositories\": [\n  {{{fields}}}\n]}}");
    check(&repository("\"url\": \"https://host\""), 2, 24, "names no repository");
    check(&repository("\"url\": \"ext::sh -c x\""), 2, 24, "not supported");
    check(&repository("\"url\": \"../thing\""), 2, 20, "names no host");
    check(&repository("\"path\": \"/a\", \"category\": \"toys\""), 2, 35, "unknown variant `toys`");
    check(&repository("\"path\": \"/a\", \"relation\": \"ours\""), 2, 35, "unknown variant `ours`");
    check(&repository("\"path\": \"/a\", \"tags\": [\"b\", \" \"]"), 2, 34, "the text is empty");
    check(&repository("\"path\": \"/a\", \"alerts\": []"), 2, 29, "alert settings");
    check(&repository(""), 2, 3, "needs a path or a url");
    check(&repository("\"path\": \"/a\", \"url\": \"https://h/a/b\""), 2, 3, "not both");
    check("{\"agents\": [\n {\"id\": \"a\"}]}", 2, 12, "missing field `name`");
    check("{\"agents\": [\n {\"id\": \"\", \"name\": \"A\"}]}", 2, 10, "the text is empty");
    check(
        "{\"agents\": [{\"id\": \"a\", \"name\": \"A\",\n\"implementations\": 1}]}",
        2,
        20,
        "an object or a list",
    );
}

#[test]
fn alert_settings_have_their_limits() {
    let alerts =
        |fields: &str| format!("{{\"repositories\": [{{\"path\": \"/a\", \"alerts\": {{\n{fields}}}}}]}}");
    let decrease = |points: &str| {
        alerts(&format!("\"health_score_decreases\": {{\"minimum_health_change\": {points}}}"))
    };
    for points in ["0.5", "5", "2.25"] {
        read(&decrease(points)).expect(points);
    }
    check(&decrease("0.4"), 2, 55, "from 0.5 to 5");
    check(&decrease("6"), 2, 53, "from 0.5 to 5");
    check(&alerts("\"high_churn\": {\"multiplier\": -1}"), 2, 31, "above 0");
    check(&alerts("\"files_changed\": {\"hardcoded_threshold\": -1}"), 2, 43, "expected u64");
    check(&alerts("\"ancestry_breaks\": \"yes\""), 2, 24, "true, false or an object");
}

#[test]
fn columns_count_characters() {
    check("{\"roots\": [\"/é/ü\", \"x\"]}", 1, 22, "must begin");
}

#[test]
fn what_is_declared_twice_is_refused_naming_both() {
    let agents = "{\"agents\": [\n  {\"id\": \"a\", \"name\": \"A\"},\n  {\"id\": \"b\", \"name\": \"B\"},\n  {\"id\": \"a\", \"name\": \"C\"}\n]}";
    check(agents, 4, 3, "the agent 'a' is declared twice, first in line 2");
    let urls = "{\"repositories\": [\n{\"url\": \"https://github.com/o/n\"},\n{\"url\": \"git@github.com:O/N.git\"}]}";
    check(urls, 3, 1, "is declared twice, first in line 2");
    let paths = "{\"repositories\": [\n{\"path\": \"~/a/\"},\n\n{\"path\": \"/home/ada/a\"}]}";
    check(paths, 4, 1, "the repository /home/ada/a is declared twice, first in line 2");
}

#[test]
fn a_root_that_is_named_twice_is_searched_once() {
    let registry = read(r#"{"roots": ["~", "/home/ada/", "/home/./ada"]}"#).expect("valid");
    assert_eq!(registry.roots, [PathBuf::from("/home/ada")]);
}

#[test]
fn a_home_that_is_not_known_is_an_error_only_where_it_is_needed() {
    let error = parse(b"{\"roots\": [\"/a\",\n \"~/b\"]}", None).expect_err("no home");
    assert_eq!((error.line, error.column), (2, 2), "{error}");
    parse(b"{\"roots\": [\"/a\"]}", None).expect("no home is needed");
}

#[test]
fn files_that_are_too_large_or_no_text_are_refused() {
    let error = parse(&vec![b' '; MAX_BYTES + 1], None).expect_err("too large");
    assert!(error.message.contains("more than 4 MiB"), "{error}");
    let error = parse(b"{\n \"roots\": [\"/\xff\"]}", None).expect_err("not UTF-8");
    assert_eq!((error.line, error.column), (2, 14), "{error}");
    let deep = format!("{{\"agents\": [{}", "[".repeat(100_000));
    read(&deep).expect_err("a bomb of brackets is refused");
}

#[test]
fn passwords_in_addresses_are_never_repeated() {
    for text in [
        r#"{"repositories": ["https://me:s3cret@host/a/b"]}"#,
        r#"{"repositories": [{"path": "https://me:s3cret@host/a/b"}]}"#,
        r#"{"repositories": [{"path": "/a", "category": "https://me:s3@cret@host/a/b"}]}"#,
        r#"{"https://me:s3cret@host/a/b": 1}"#,
    ] {
        let error = read(text).expect_err(text);
        assert!(!error.message.contains("cret@"), "{error}");
    }
    let registry = read(r#"{"repositories": [{"url": "https://me:s3cret@host/a/b"}]}"#).expect("valid");
    assert!(!format!("{registry:?}").contains("s3cret"));
}
