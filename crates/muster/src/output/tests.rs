//! What a terminal and a program get to see.

use jiff::Timestamp;

use super::{Align, Column, Table, age, cell, clean};

#[test]
fn hostile_text_cannot_drive_the_terminal() {
    assert_eq!(
        clean("fix\x1b]0;owned\x07 \r\n\u{202e}evil"),
        "fix\u{fffd}]0;owned\u{fffd} \u{fffd}\u{fffd}\u{fffd}evil"
    );
    assert_eq!(clean("Grüße 日本"), "Grüße 日本");
}

#[test]
fn ages_use_the_largest_unit() {
    let now = Timestamp::from_second(1_000_000_000).expect("valid");
    let ages: Vec<_> = [-5, 59, 60, 3599, 7200, 86_400 * 3, 86_400 * 65, 86_400 * 800]
        .into_iter()
        .map(|seconds| age(Timestamp::from_second(1_000_000_000 - seconds).expect("valid"), now))
        .collect();
    assert_eq!(ages, ["now", "now", "1 min", "59 min", "2 h", "3 d", "2 mo", "2 y"]);
}

fn table() -> Table {
    let mut table = Table::new([
        Column::new("name", Align::Left).shrinks_to(4),
        Column::new("age", Align::Right).drops(1),
        Column::new("subject", Align::Left).shrinks_to(8).drops(2),
    ]);
    table.row([cell("muster"), cell("3 d"), cell("A subject | with a bar and, a comma")]);
    table.row([cell("日本語のなまえ"), cell("12 min"), cell("")]);
    table
}

/// On a terminal of that width, without colours.
fn on_screen(width: usize) -> String {
    anstream::adapter::strip_str(&table().plain(Some(width))).to_string()
}

#[test]
fn a_wide_screen_shows_all_and_a_narrow_one_what_matters() {
    insta::assert_snapshot!(on_screen(80), @"
    name               age  subject
    muster             3 d  A subject | with a bar and, a comma
    日本語のなまえ  12 min
    ");
    insta::assert_snapshot!(on_screen(40), @"
    name               age  subject
    muster             3 d  A subject | wit…
    日本語のなまえ  12 min
    ");
    insta::assert_snapshot!(on_screen(12), @"
    name
    muster
    日本語のな…
    ");
}

#[test]
fn a_pipe_gets_everything_tab_separated() {
    assert_eq!(
        table().plain(None),
        "name\tage\tsubject\nmuster\t3 d\tA subject | with a bar and, a comma\n日本語のなまえ\t12 min\t\n"
    );
}

#[test]
fn markdown_and_csv_escape_their_own_signs() {
    insta::assert_snapshot!(table().markdown(), @r"
    | name | age | subject |
    | --- | ---: | --- |
    | muster | 3 d | A subject \| with a bar and, a comma |
    | 日本語のなまえ | 12 min |  |
    ");
    insta::assert_snapshot!(table().csv().expect("in memory"), @r#"
    name,age,subject
    muster,3 d,"A subject | with a bar and, a comma"
    日本語のなまえ,12 min,
    "#);
}
