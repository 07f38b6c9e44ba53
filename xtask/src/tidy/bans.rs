//! What is said in one crate only: SQL, git, programs, outgoing connections, the wall clock. Looks at tokens of the
//! code that ships, so that a comment or a test may speak of anything.

use std::path::Path;

use super::{
    Problem, Severity,
    source::{Kind, Source, Token, is_path_separator, path_at},
    tree::Tree,
};

/// Files outside muster-git that may start a program, and why.
const MAY_SPAWN: &[(&str, &str)] = &[
    (
        "crates/muster/src/commands/doctor.rs",
        "asks the programs of the person's machine, git too, for their versions",
    ),
    ("crates/muster/src/commands/each.rs", "runs the person's own command, given on the command line"),
    ("crates/muster/src/main.rs", "starts itself again without the variables that git gives to hooks"),
];

/// Home of the wall clock.
const CLOCK: &str = "crates/muster-model/src/clock.rs";

/// Type and method that read the wall clock. `Instant::now` measures durations and is free.
const WALL_CLOCK: &[(&str, &str)] = &[
    ("Local", "now"),
    ("OffsetDateTime", "now_utc"),
    ("SystemTime", "now"),
    ("Timestamp", "now"),
    ("Utc", "now"),
    ("Zoned", "now"),
];

/// Crates by the name they have in code, and the crate of ours that may say it.
const SPOKEN_IN: &[(&[&str], &str, &str)] = &[
    (
        &["gix", "git2"],
        "muster-git",
        "only muster-git reads git: it refuses what a hostile repository configures",
    ),
    (
        &["lettre", "reqwest", "ureq"],
        "muster-net",
        "all outgoing traffic passes one guard: address policy, budgets, time limits",
    ),
    (&["rusqlite", "sea_orm", "sqlx"], "muster-store", "one crate knows the tables"),
];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    tree.product().flat_map(check_source).collect()
}

fn check_source(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |line: usize, what: String, why: &'static str, remedy: &str| {
        let file = source.path.clone();
        problems.push(Problem {
            file,
            line,
            severity: Severity::Error,
            what,
            why,
            remedy: remedy.to_owned(),
        });
    };
    let tokens = &source.tokens;
    let home = source.crate_name.as_str();
    let is_process_command = speaks_of_process_command(tokens);
    for (index, token) in tokens.iter().enumerate() {
        if let Kind::Text(text) = &token.kind
            && home != "muster-store"
            && is_sql(text)
        {
            let what = format!("SQL outside muster-store: \"{}\"", shortened(text));
            problem(
                token.line,
                what,
                "one crate knows the tables",
                "add a method to muster-store and call it",
            );
        }
        let Some(name) = token.ident() else { continue };
        if index >= 2 && is_path_separator(tokens, index - 2) {
            continue;
        }
        let (path, after) = path_at(tokens, index);
        if path.len() > 1 || is_path_separator(tokens, index + 1) || is_use_of(tokens, index) {
            for (names, only, why) in SPOKEN_IN {
                if names.contains(&name) && home != *only {
                    let remedy = format!("use what {only} offers, or offer more there");
                    problem(token.line, format!("`{name}` outside {only}"), why, &remedy);
                }
            }
        }
        let [.., owner, method] = path.as_slice() else { continue };
        if WALL_CLOCK.contains(&(owner, method)) && source.path != Path::new(CLOCK) {
            let what = format!("`{owner}::{method}` outside the clock");
            problem(
                token.line,
                what,
                "time is handed in, so that tests can say what time it is",
                "take a `Clock` or a `Timestamp`",
            );
        }
        if *method == "connect" && matches!(*owner, "TcpStream" | "UdpSocket") && home != "muster-net" {
            let why = "all outgoing traffic passes one guard: address policy, budgets, time limits";
            problem(
                token.line,
                format!("`{owner}::connect` outside muster-net"),
                why,
                "use what muster-net offers",
            );
        }
        if (*owner, *method) == ("Command", "new") && home != "muster-git" {
            let program = program_at(tokens, after);
            let names_git = program.is_some_and(|program| program == "git" || program.ends_with("/git"));
            let may_spawn = MAY_SPAWN.iter().any(|(path, _)| source.path == Path::new(path));
            let is_spawn = path.contains(&"process") || is_process_command;
            if may_spawn {
                continue;
            }
            if names_git {
                let why = "only muster-git runs git: locked down, with nothing of the repository run";
                problem(
                    token.line,
                    "git is run outside muster-git".into(),
                    why,
                    "use what muster-git offers",
                );
            } else if is_spawn {
                let why = "nothing of a repository is ever run, and few places run anything";
                let remedy =
                    "do without, or list the file with its reason in MAY_SPAWN (xtask/src/tidy/bans.rs)";
                problem(token.line, "a program is started here".into(), why, remedy);
            }
        }
    }
    problems
}

/// The file says `process::Command` somewhere, as against the `Command` of a command-line parser.
fn speaks_of_process_command(tokens: &[Token]) -> bool {
    tokens.iter().enumerate().any(|(index, token)| {
        token.ident() == Some("process") && is_path_separator(tokens, index + 1) && {
            let rest = tokens[index + 3..].iter().take_while(|token| !token.is(';'));
            rest.take(24).any(|token| token.ident() == Some("Command"))
        }
    })
}

/// `use name;` or `use name as …;` or `use {name, …}` at the top of a path.
fn is_use_of(tokens: &[Token], index: usize) -> bool {
    index.checked_sub(1).and_then(|before| tokens[before].ident()) == Some("use")
}

/// The string literal that is the only argument at `( … )`.
fn program_at(tokens: &[Token], open: usize) -> Option<&str> {
    match tokens.get(open..open + 2) {
        Some([Token { kind: Kind::Open('('), .. }, Token { kind: Kind::Text(program), .. }]) => Some(program),
        _ => None,
    }
}

/// The text is a statement of SQL, not a sentence that begins with one of its words.
fn is_sql(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    // Prose has capitals at its beginning only: all the key words are of one case in SQL.
    let shouted = |word: &str| word.len() > 1 && word.chars().all(|letter| letter.is_ascii_uppercase());
    let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let has = |word: &str| lower.contains(&word);
    let Some(first) = words.first() else { return false };
    let is_lower = first.chars().all(|letter| letter.is_ascii_lowercase());
    if !shouted(first) && !is_lower {
        return false;
    }
    match lower.as_slice() {
        ["select", ..] if shouted(first) => has("from") || words.len() > 1,
        ["select", rest @ ..] => {
            let is_list =
                rest.first().is_some_and(|word| *word == "*" || word.ends_with(',') || word.contains('('));
            has("from") && (is_list || has("where") || has("join") || has("order"))
        }
        ["insert", rest @ ..] => rest.contains(&"into"),
        ["create" | "alter" | "drop", rest @ ..] => {
            let object = rest
                .iter()
                .find(|word| !matches!(**word, "unique" | "temp" | "temporary" | "virtual" | "materialized"));
            matches!(object, Some(&"table" | &"index" | &"view" | &"trigger"))
                && (shouted(first) || words.len() > 3)
        }
        ["with", _, "as", rest @ ..] => rest.first().is_some_and(|word| word.starts_with("(select")),
        ["replace", "into", ..]
        | ["delete", "from", ..]
        | ["update", _, "set", ..]
        | ["pragma", _, ..]
        | ["begin", "immediate" | "exclusive" | "transaction", ..] => true,
        _ => false,
    }
}

fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 40 { line } else { line.chars().take(39).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::super::tree::tree_of;
    use super::*;

    #[track_caller]
    fn whats(path: &str, code: &str) -> Vec<String> {
        let tree = tree_of(&[(path, &format!("//! Head.\n{code}"))]);
        check(&tree).into_iter().map(|problem| format!("{}: {}", problem.line, problem.what)).collect()
    }

    #[test]
    fn sql_is_found_and_prose_is_not() {
        for sql in [
            "SELECT 1",
            "SELECT a FROM b",
            "\n  SELECT *\n  FROM b",
            "select * from b",
            "select a from b where c = 1",
            "INSERT OR IGNORE INTO a VALUES (1)",
            "insert into a values (1)",
            "UPDATE a SET b = 1",
            "DELETE FROM a",
            "CREATE UNIQUE INDEX a ON b (c)",
            "PRAGMA journal_mode = wal",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "BEGIN IMMEDIATE",
        ] {
            assert!(is_sql(sql), "{sql}");
        }
        for prose in [
            "Select a file from the list",
            "select the repository from the list",
            "Update the set",
            "update everything",
            "Delete from disk",
            "create a table of contents",
            "with care as (always)",
            "",
            "SELECT",
        ] {
            assert!(!is_sql(prose), "{prose}");
        }
    }

    #[test]
    fn sql_stays_in_the_store() {
        let code = "fn a() { query!(\"SELECT a FROM b\"); }";
        assert_eq!(
            whats("crates/muster-app/src/a.rs", code),
            ["2: SQL outside muster-store: \"SELECT a FROM b\""]
        );
        assert_eq!(whats("crates/muster-store/src/a.rs", code), [""; 0]);
        assert_eq!(whats("crates/muster-app/src/a.rs", "/// SELECT a FROM b\nfn a() {}"), [""; 0]);
        let test = format!("#[cfg(test)]\nmod tests {{ {code} }}");
        assert_eq!(whats("crates/muster-app/src/a.rs", &test), [""; 0]);
        assert_eq!(whats("crates/muster-app/tests/it.rs", code), [""; 0]);
    }

    #[test]
    fn git_stays_in_its_crate() {
        let run = "use std::process::Command;\nfn a() { Command::new(\"git\"); }";
        assert_eq!(whats("crates/muster-app/src/a.rs", run), ["3: git is run outside muster-git"]);
        assert_eq!(whats("crates/muster/src/commands/doctor.rs", run), [""; 0]);
        assert_eq!(whats("crates/muster-git/src/a.rs", run), [""; 0]);
        assert_eq!(
            whats("crates/muster-app/src/a.rs", "use gix::Repository;"),
            ["2: `gix` outside muster-git"]
        );
        assert_eq!(
            whats("crates/muster-app/src/a.rs", "fn a() { gix::open(); }"),
            ["2: `gix` outside muster-git"]
        );
        assert_eq!(whats("crates/muster-git/src/a.rs", "use gix::Repository;"), [""; 0]);
        assert_eq!(whats("crates/muster-app/src/a.rs", "fn a() { let gix = 1; model::gix::b(); }"), [""; 0]);
    }

    #[test]
    fn programs_are_started_in_listed_files_only() {
        let run = "use std::{io, process::{Command, Stdio}};\nfn a(program: &str) { Command::new(program); }";
        assert_eq!(whats("crates/muster-app/src/a.rs", run), ["3: a program is started here"]);
        assert_eq!(whats("crates/muster/src/commands/each.rs", run), [""; 0]);
        let whole = "fn a() { std::process::Command::new(\"sh\"); }";
        assert_eq!(whats("crates/muster-app/src/a.rs", whole), ["2: a program is started here"]);
        let parser = "use clap::Command;\nfn a() { Command::new(\"muster\"); }";
        assert_eq!(whats("crates/muster/src/a.rs", parser), [""; 0]);
    }

    #[test]
    fn connections_leave_through_one_crate() {
        assert_eq!(
            whats("crates/muster-app/src/a.rs", "use reqwest::Client;"),
            ["2: `reqwest` outside muster-net"]
        );
        let connect = "fn a() { std::net::TcpStream::connect(\"a:1\"); }";
        assert_eq!(
            whats("crates/muster-app/src/a.rs", connect),
            ["2: `TcpStream::connect` outside muster-net"]
        );
        assert_eq!(whats("crates/muster-net/src/a.rs", connect), [""; 0]);
    }

    #[test]
    fn the_wall_clock_has_one_home() {
        for call in
            ["SystemTime::now()", "jiff::Timestamp::now()", "chrono::Utc::now()", "map(Timestamp::now)"]
        {
            let code = format!("fn a() {{ {call}; }}");
            assert_eq!(whats("crates/muster-app/src/a.rs", &code).len(), 1, "{call}");
            assert_eq!(whats(CLOCK, &code), [""; 0], "{call}");
        }
        assert_eq!(whats("crates/muster-app/src/a.rs", "fn a() { Instant::now(); clock.now(); }"), [""; 0]);
    }

    #[test]
    fn tooling_is_exempt() {
        let code = "fn a() { std::process::Command::new(\"git\"); SystemTime::now(); }";
        assert_eq!(whats("crates/muster-testkit/src/a.rs", code), [""; 0]);
    }
}
