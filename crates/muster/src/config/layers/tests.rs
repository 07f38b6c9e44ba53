//! Layers through their public face: who wins, who is named, what is refused and where.

use std::path::Path;

use super::{Origin, Setting, merge};

const DEFAULTS: &str = "[scan]\nmax_depth = 8\n[portfolio]\nroots = []\nmonetization = false\n";

fn with(file: &str, environment: &[(&str, &str)]) -> Result<String, String> {
    let variables = environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    let settings =
        merge(DEFAULTS, Some((Path::new("m.toml"), file)), variables).map_err(|error| error.to_string())?;
    let lines: Vec<_> = settings
        .iter()
        .map(|setting| {
            format!("{}.{} = {} ({})", setting.section, setting.key, setting.value, setting.origin)
        })
        .collect();
    Ok(lines.join("\n"))
}

#[test]
fn later_layers_win_and_are_named() {
    let printed = with("[scan]\nmax_depth = 3\n", &[("MUSTER__PORTFOLIO__ROOTS", "~/a, /b"), ("HOME", "/h")]);
    insta::assert_snapshot!(printed.expect("valid"), @r#"
    portfolio.monetization = false (default)
    portfolio.roots = ["~/a", "/b"] ($MUSTER__PORTFOLIO__ROOTS)
    scan.max_depth = 3 (m.toml:2)
    "#);
}

#[test]
fn everything_wrong_is_told_at_once_with_its_place() {
    let file = "[scan]\nmax_dept = 3\nmax_depth = \"deep\"\n[portfolios]\nx = 1\n[portfolio]\nroots = [1]\n";
    let environment = [
        ("MUSTER__SCAN__MAX_DEPTH", "many"),
        ("MUSTER__PORTFOLIO__MONETIZATION", "yes"),
        ("MUSTER__SCAN", "1"),
        ("MUSTER__SCAN__NOPE", "1"),
    ];
    insta::assert_snapshot!(with(file, &environment).expect_err("wrong"), @r#"
    wrong configuration, 8 problems:
      m.toml:2: there is no key 'max_dept' in [scan]; did you mean 'max_depth'?
      m.toml:3: 'max_depth' must be a whole number, not text
      m.toml:4: there is no section [portfolios]; did you mean 'portfolio'?
      m.toml:7: 'roots' holds text, not a whole number
      $MUSTER__PORTFOLIO__MONETIZATION: 'yes' is neither "true" nor "false"
      $MUSTER__SCAN: a name has the form MUSTER__SECTION__KEY
      $MUSTER__SCAN__MAX_DEPTH: 'many' is no whole number
      $MUSTER__SCAN__NOPE: there is no key 'nope' in [scan]; it knows max_depth
    "#);
}

#[test]
fn broken_toml_names_the_line() {
    let message = with("[scan]\nmax_depth = = 3\n", &[]).expect_err("wrong");
    assert!(message.contains("m.toml:2: "), "{message}");
}

#[test]
fn the_shipped_defaults_are_complete() {
    let settings =
        merge(super::super::DEFAULTS, None, std::iter::empty()).expect("the shipped defaults parse");
    assert!(settings.iter().all(|setting| setting.origin == Origin::Default));
    super::deserialize::<super::super::Config>(&settings)
        .expect("every key has its place in a section's struct");
}

#[test]
fn numbers_with_a_point_may_be_whole_and_a_password_is_not_shown() {
    let defaults = "[redis]\nsocket_timeout_seconds = 0.5\npassword = \"\"\nurl = \"\"\n";
    let check = |variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        merge(defaults, Some((Path::new("m.toml"), "[redis]\nsocket_timeout_seconds = 2\n")), variables)
    };
    let shown = |settings: &[Setting]| {
        let line = |setting: &Setting| format!("{} = {}", setting.key, setting.shown_value());
        settings.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    let settings = check(&[("REDIS_PASSWORD", "secret"), ("REDIS_URL", "redis://u:secret@host/1")]);
    insta::assert_snapshot!(shown(&settings.expect("valid")), @r#"
    password = "***"
    socket_timeout_seconds = 2.0
    url = "redis://***@host/1"
    "#);
    let settings = check(&[("REDIS_SOCKET_TIMEOUT", "1.25")]).expect("valid");
    assert_eq!(settings[1].value, toml::Value::Float(1.25));
    for wrong in ["-1", "nan", "soon"] {
        check(&[("REDIS_SOCKET_TIMEOUT", wrong)]).unwrap_err();
    }
}

#[test]
fn names_that_other_programs_use_work_and_ours_win() {
    let defaults =
        "[database]\nurl = \"\"\n[ratelimit]\nenabled = true\nrequests = 100\nwindow_seconds = 60\n";
    let variables = [
        ("DATABASE_URL", "postgres://db/muster"),
        ("RATELIMIT_REQUESTS", "7"),
        ("RATELIMIT_ENABLED", "false"),
        ("MUSTER__RATELIMIT__REQUESTS", "9"),
    ];
    let settings =
        merge(defaults, None, variables.map(|(name, text)| (name.to_owned(), text.to_owned())).into_iter());
    let lines: Vec<_> = settings
        .expect("valid")
        .iter()
        .map(|setting| format!("{} = {} ({})", setting.key, setting.value, setting.origin))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    url = "postgres://db/muster" ($DATABASE_URL)
    enabled = false ($RATELIMIT_ENABLED)
    requests = 9 ($MUSTER__RATELIMIT__REQUESTS)
    window_seconds = 60 (default)
    "#);
}
