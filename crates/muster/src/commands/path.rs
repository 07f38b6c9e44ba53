//! `muster path`: the folder of the repository that matches, for `cd "$(muster path api)"`; with `--all` every match,
//! for fzf. Reads no repository unless the query asks for something that only reading tells.

use std::{
    io::{IsTerminal, Write},
    os::unix::ffi::OsStrExt,
};

use muster_app::{
    AppError,
    services::{matching::ProjectDocument, scan::Detail},
};
use muster_model::project::Project;

use crate::{
    args::PathArgs,
    commands::{Session, detail_for, parse_query},
    exit::{Exit, UsageError},
    output,
};

/// Runs the command.
pub(crate) fn run(session: &Session, args: &PathArgs) -> anyhow::Result<Exit> {
    let text = args.query.join(" ");
    if text.trim().is_empty() && !args.all {
        let hint = Some("`muster path NAME` prints one folder, `muster path --all` all of them".to_owned());
        return Err(UsageError { message: "which repository?".to_owned(), hint }.into());
    }
    let query = parse_query(&text)?;
    let detail = detail_for(&query, Detail::Name);
    let report = session.scan(session.roots(&args.roots.roots)?, detail)?;
    if report.is_interrupted {
        return Ok(Exit::Interrupted);
    }
    let found: Vec<&Project> = report
        .projects
        .iter()
        .filter(|project| query.matches(&ProjectDocument::new(project, &report.roots)))
        .collect();
    let chosen = if args.all { found } else { vec![only(&text, &found)?] };
    let mut stdout = std::io::stdout().lock();
    let is_terminal = stdout.is_terminal();
    for project in chosen {
        if is_terminal {
            writeln!(stdout, "{}", output::clean(&project.path.to_string_lossy()))?;
            continue;
        }
        // The exact bytes: a path that is not UTF-8 must work in cd as well.
        stdout.write_all(project.path.as_os_str().as_bytes())?;
        stdout.write_all(b"\n")?;
    }
    stdout.flush()?;
    Ok(Exit::Fine)
}

/// The one that is meant: the only match, or the one whose name is exactly what was typed.
fn only<'a>(text: &str, found: &[&'a Project]) -> Result<&'a Project, AppError> {
    const SHOWN: usize = 12;
    match found {
        [] => Err(AppError::NotFound { query: text.to_owned() }),
        [project] => Ok(project),
        several => {
            let is_exact = |project: &&&Project| project.name.eq_ignore_ascii_case(text);
            let mut exact = several.iter().filter(is_exact);
            match (exact.next(), exact.next()) {
                (Some(project), None) => Ok(project),
                _ => {
                    let mut candidates: Vec<_> =
                        several.iter().take(SHOWN).map(|project| project.name.clone()).collect();
                    if several.len() > SHOWN {
                        candidates.push(format!("{} more", several.len() - SHOWN));
                    }
                    Err(AppError::Ambiguous { query: text.to_owned(), candidates })
                }
            }
        }
    }
}
