//! The language through its public face: what parses, what it prints, what it matches, where it is wrong.

use super::{Document, Field, Query};

struct Repo;

impl Document for Repo {
    fn texts(&self) -> Vec<&str> {
        vec!["muster-api", "/home/me/shop/muster-api", "main"]
    }

    fn values(&self, field: Field) -> Vec<String> {
        let values: &[&str] = match field {
            Field::Name => &["muster-api"],
            Field::Path => &["/home/me/shop/muster-api"],
            Field::State => &["dirty", "modified", "ahead"],
            Field::Branch => &["feat/Login"],
            Field::Stack => &["Rust", "PostgreSQL"],
            Field::Relation => &["mine"],
            _ => &[],
        };
        values.iter().map(|&value| value.to_owned()).collect()
    }

    fn number(&self, field: Field) -> Option<i64> {
        match field {
            Field::Ahead => Some(3),
            Field::Behind => Some(0),
            _ => None,
        }
    }
}

#[track_caller]
fn check(query: &str, expected: bool) {
    let parsed = Query::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    assert_eq!(parsed.matches(&Repo), expected, "{query}");
    let printed = parsed.to_string();
    assert_eq!(Query::parse(&printed).as_ref(), Ok(&parsed), "canonical print of {query}: {printed}");
}

#[test]
fn words_and_fields_must_all_hold() {
    check("", true);
    check("muster", true);
    check("MUSTER api", true);
    check("muster -shop", false);
    check("mus*", true);
    check("api*", false);
    check("muster* branch:login", true);
    check("\"shop/muster\"", true);
    check("state:dirty ahead>2", true);
    check("state:dirty ahead>3", false);
    check("-state:dirty", false);
    check("stack:rust", true);
    check("stack:rus", false);
    check("stack:rus*", true);
    check("relation:mine,team branch:feat/*", true);
    check("path:shop/ -name:web", true);
    check("behind=0 behind<=0 ahead>=3 ahead<4", true);
}

#[test]
fn several_values_of_one_field_are_alternatives() {
    check("state:clean,dirty", true);
    check("state:clean state:ahead", true);
    check("state:clean state:stash", false);
    check("-state:clean -state:stash", true);
    check("-state:clean,ahead", false);
}

#[test]
fn unknown_fulfils_no_comparison_either_way() {
    check("health<60", false);
    check("-health<60", false);
}

#[test]
fn errors_name_the_byte() {
    let wrong = |text: &str| {
        let error = Query::parse(text).expect_err(text);
        assert!(
            error.at < text.len().max(1) && error.at + error.length <= text.len().max(1),
            "{text}: {error:?}"
        );
        format!("{}+{}: {}", error.at, error.length, error.message)
    };
    insta::assert_snapshot!(wrong("clean stat:dirty"), @"6+4: there is no field 'stat'; did you mean 'state'?");
    insta::assert_snapshot!(wrong("colour:red"), @"0+6: there is no field 'colour'; fields are ahead, behind, branch, health, name, path, relation, stack, state. To look for the text itself, quote it");
    insta::assert_snapshot!(wrong("state:drity"), @"6+5: 'drity' is no state; did you mean state:dirty?");
    insta::assert_snapshot!(wrong("ahead>many"), @"6+4: 'ahead' needs a whole number, like ahead>0");
    insta::assert_snapshot!(wrong("name>3"), @"4+1: 'name' is no number; write name:value");
    insta::assert_snapshot!(wrong("name:"), @"4+1: 'name:' has no value");
    insta::assert_snapshot!(wrong("name:a,"), @"6+1: 'name:' has no value");
    insta::assert_snapshot!(wrong("a - b"), @"2+1: '-' stands alone; write -word or -field:value");
    insta::assert_snapshot!(wrong("-"), @"0+1: '-' stands alone; write -word or -field:value");
    insta::assert_snapshot!(wrong("\"open"), @"0+5: the quote is not closed");
    insta::assert_snapshot!(wrong("\"\""), @"0+2: the quotes are empty");
    insta::assert_snapshot!(wrong("ü :x"), @"3+1: a field name must stand before the operator; to look for the sign itself, quote it");
    insta::assert_snapshot!(wrong("*"), @"0+1: '*' alone matches everything; leave it out");
    insta::assert_snapshot!(wrong("na\"me"), @"2+3: a quote in the middle of a word; put the whole value in quotes");
}

#[test]
fn an_error_is_pointed_at_under_the_text() {
    let text = "zurück stat:dirty";
    let error = Query::parse(text).expect_err("no such field");
    insta::assert_snapshot!(error.pointed_at(text), @"
    zurück stat:dirty
           ^^^^
    ");
}

#[test]
fn every_field_is_in_the_table_once_and_documented() {
    let mut names: Vec<_> = Field::TABLE.iter().map(|row| row.0).collect();
    assert!(names.is_sorted(), "the table is alphabetic");
    names.dedup();
    assert_eq!(names.len(), Field::TABLE.len());
    assert!(Field::TABLE.iter().all(|row| !row.3.is_empty()));
    assert!(Field::STATE_WORDS.is_sorted());
}

#[test]
fn any_text_is_parsed_or_refused_without_a_panic() {
    let pieces = ["a", "-", "\"", ":", "state", "<", "=", "*", ",", "\\", "é", " ", "9", "\u{0}", "name"];
    let mut seed = 7_u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..8 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(pieces[usize::try_from(seed >> 33).unwrap_or(0) % pieces.len()]);
        }
        match Query::parse(&text) {
            Ok(query) => assert_eq!(Query::parse(&query.to_string()), Ok(query), "{text}"),
            Err(error) => assert!(text.is_char_boundary(error.at.min(text.len())), "{text}: {error:?}"),
        }
    }
}
