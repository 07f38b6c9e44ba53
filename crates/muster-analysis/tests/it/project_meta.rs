//! `PROJECT_META.json`: what is read, and where an error says it is.

use muster_analysis::parse_project_meta;
use muster_model::analysis::ProjectMeta;

fn error(text: &str) -> String {
    parse_project_meta(text.as_bytes()).expect_err("must be refused").to_string()
}

#[test]
fn a_full_file_is_read() {
    let meta = parse_project_meta(
        br#"{
  "name": "Lantern", "description": "Light.", "status": "active", "priority": "high",
  "completion": 80, "time_to_launch": "6 weeks", "revenue": 1200.50,
  "blockers": ["design", " "], "links": {"site": "https://lantern.example"},
  "something_newer": {"is": ["ignored"]}
}"#,
    )
    .unwrap();
    assert_eq!(meta.name.as_deref(), Some("Lantern"));
    assert_eq!(meta.completion, Some(80.0));
    assert_eq!(meta.time_to_launch.as_deref(), Some("6 weeks"));
    assert_eq!(meta.revenue.as_deref(), Some("1200.50"), "as the person wrote it");
    assert_eq!(meta.blockers, ["design"]);
    assert_eq!(meta.links, [("site".into(), "https://lantern.example".into())]);
}

#[test]
fn links_may_be_a_list_and_anything_may_be_null() {
    let meta = parse_project_meta(br#"{"links": ["https://a.example"], "name": null, "time_to_launch": 6}"#)
        .unwrap();
    assert_eq!(meta.links, [("https://a.example".into(), "https://a.example".into())]);
    assert_eq!((meta.name, meta.time_to_launch.as_deref()), (None, Some("6")));
    assert_eq!(parse_project_meta(b"\xef\xbb\xbf{}").unwrap(), ProjectMeta::default());
}

#[test]
fn errors_name_the_place_and_what_is_expected() {
    insta::assert_snapshot!(error("{\n  \"name\": \"x\",\n  \"status\": \"y\",\n  \"completion\": \"80%\"\n}"),
        @r#"line 4, column 17: completion must be a number from 0 to 100, found "80%""#);
    insta::assert_snapshot!(error(r#"{"completion": 101}"#), @"line 1, column 16: completion must be a number from 0 to 100, found 101");
    insta::assert_snapshot!(error("{\"name\": [1,\n2]}"), @"line 1, column 10: name must be a text, found [1, 2]");
    insta::assert_snapshot!(error("{\"ä\": 1, \"blockers\": [\"ok\", 5]}"), @"line 1, column 29: each of blockers must be a text, found 5");
    insta::assert_snapshot!(error(r#"{"links": {"site": 5}}"#), @"line 1, column 11: links.site must be an address, found 5");
    insta::assert_snapshot!(error(r#"{"links": 5}"#), @"line 1, column 11: links must be an object of names and addresses, or a list of addresses, found 5");
    insta::assert_snapshot!(error("[]"), @"line 1, column 1: the file must hold one object in braces, found []");
    insta::assert_snapshot!(error(""), @"line 1, column 1: the file must hold one object in braces, found nothing");
    insta::assert_snapshot!(error("{\"name\": \"x\",}"), @"line 1, column 14: trailing comma");
    insta::assert_snapshot!(error(r#"{"name": "a", "name": "b"}"#), @"line 1, column 20: duplicate field `name`");
}

#[test]
fn hostile_files_are_refused_without_harm() {
    let deep = format!(r#"{{"name": {}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse_project_meta(deep.as_bytes()).is_err());
    assert!(error(&format!(r#"{{"completion": "{}"}}"#, "9".repeat(1 << 20))).len() < 200);
    let broken = parse_project_meta(b"{\"name\": \"\xff\"}").expect_err("no UTF-8");
    assert_eq!((broken.line, broken.column), (1, 11));
    assert!(
        error(r#"{"completion": 1e999}"#).contains("out of range"),
        "{}",
        error(r#"{"completion": 1e999}"#)
    );
}
