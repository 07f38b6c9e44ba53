//! `muster doctor`: named checks of this machine, each ok, warn, fail or unknown, with what to do. Needs no
//! configuration to be right, since that is one of the checks.

use std::{path::Path, process::Command};

use serde::Serialize;

use muster_http::wire::DocumentView;

use crate::{
    args::Format,
    config::{Gathered, gather},
    exit::Exit,
    output::{self, Align, Column, Table, Tone},
};

/// Oldest git whose repositories and commands are tested.
const OLDEST_GIT: (u32, u32) = (2, 39);

/// Runs the command.
pub(crate) fn run(format: Format, named: Option<&Path>) -> anyhow::Result<Exit> {
    let gathered = gather(named);
    let mut checks = vec![git(), identity(), configuration(&gathered)];
    if let Ok(gathered) = &gathered {
        checks.extend(gathered.config.portfolio.roots.iter().map(|root| root_check(root)));
    }
    let has_failed = checks.iter().any(|check| check.outcome == Outcome::Fail);
    match format {
        Format::Json => output::json(&DocumentView::of(ChecksView { checks: &checks }))?,
        Format::Jsonl => output::jsonl(checks.iter().map(DocumentView::of))?,
        Format::Table | Format::Csv | Format::Md => table(&checks).print(format)?,
    }
    Ok(if has_failed { Exit::Failed } else { Exit::Fine })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Ok,
    Warn,
    Fail,
    Unknown,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    outcome: Outcome,
    message: String,
    remedy: Option<String>,
}

#[derive(Debug, Serialize)]
struct ChecksView<'a> {
    checks: &'a [Check],
}

impl Check {
    fn new(name: &'static str, outcome: Outcome, message: impl Into<String>, remedy: Option<&str>) -> Self {
        Self { name, outcome, message: message.into(), remedy: remedy.map(ToOwned::to_owned) }
    }
}

fn git() -> Check {
    const REMEDY: &str = "install git 2.39 or newer; scanning works without it, its commands do not";
    let output = match Command::new("git").arg("--version").output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(error) => {
            return Check::new("git", Outcome::Warn, format!("git cannot be started: {error}"), Some(REMEDY));
        }
    };
    let mut numbers =
        output.rsplit(' ').next().unwrap_or_default().split('.').map_while(|part| part.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST_GIT => {
            Check::new("git", Outcome::Ok, output, None)
        }
        (Some(_), Some(_)) => Check::new("git", Outcome::Warn, format!("{output} is old"), Some(REMEDY)),
        _ => Check::new(
            "git",
            Outcome::Unknown,
            format!("cannot read a version from '{output}'"),
            Some(REMEDY),
        ),
    }
}

fn identity() -> Check {
    match muster_app::global_emails().as_slice() {
        [] => Check::new(
            "identity",
            Outcome::Warn,
            "git knows no e-mail address of yours, so nobody can say which repositories are yours",
            Some("git config --global user.email you@example.org, or set portfolio.emails"),
        ),
        emails => Check::new("identity", Outcome::Ok, emails.join(", "), None),
    }
}

fn configuration(gathered: &Result<Gathered, crate::config::ConfigError>) -> Check {
    match gathered {
        Ok(Gathered { file: Some(file), .. }) => {
            Check::new("configuration", Outcome::Ok, file.display().to_string(), None)
        }
        Ok(Gathered { file: None, .. }) => Check::new("configuration", Outcome::Ok, "defaults", None),
        Err(error) => Check::new(
            "configuration",
            Outcome::Fail,
            error.problems.join("; "),
            Some("correct it, then `muster config check`"),
        ),
    }
}

fn root_check(root: &Path) -> Check {
    match std::fs::read_dir(root) {
        Ok(_) => Check::new("root", Outcome::Ok, root.display().to_string(), None),
        Err(error) => Check::new(
            "root",
            Outcome::Fail,
            format!("{}: {error}", root.display()),
            Some("create the folder, or take it out of portfolio.roots"),
        ),
    }
}

fn table(checks: &[Check]) -> Table {
    let mut table = Table::new([
        Column::new("check", Align::Left),
        Column::new("result", Align::Left),
        Column::new("message", Align::Left).shrinks_to(24),
        Column::new("try", Align::Left).shrinks_to(24),
    ]);
    for check in checks {
        let (word, tone) = match check.outcome {
            Outcome::Ok => ("ok", Tone::Good),
            Outcome::Warn => ("warn", Tone::Warn),
            Outcome::Fail => ("fail", Tone::Bad),
            Outcome::Unknown => ("unknown", Tone::Quiet),
        };
        table.row([
            output::cell(check.name).bold(),
            output::cell(word).tone(tone),
            output::cell(&check.message),
            output::cell(check.remedy.as_deref().unwrap_or_default()),
        ]);
    }
    table
}
