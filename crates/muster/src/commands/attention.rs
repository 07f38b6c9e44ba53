//! `muster` and `scan --attention`: what needs me, most urgent first, one line each, with the command that clears it.
//! On a terminal the list ends where the screen does and says how many lines it left out.

use std::path::Path;

use muster_app::services::{
    attention::{self, Attention, FolderText},
    scan::{Detail, ScanReport},
};
use muster_model::project::Project;
use serde::Serialize;

use muster_http::wire::DocumentView;

use crate::{
    args::Format,
    commands::Session,
    exit::{Exit, exit_of},
    output::{self, Align, Column, Table, Tone},
};

/// `muster` without a subcommand.
pub(crate) fn run(session: &Session) -> anyhow::Result<Exit> {
    let report = session.scan(session.roots(&[])?, Detail::Attention)?;
    let projects: Vec<&Project> = report.projects.iter().collect();
    print(&report, &projects, Format::Table, Lines::Screen)?;
    Ok(exit_of(&report, &projects))
}

/// The summary, the line about the rest and the prompt want to be seen too.
const AROUND: usize = 4;

/// What stands in the place of a command that does not fit.
fn pointer(project: &Project, attention: &Attention) -> String {
    match attention.advice {
        Some(advice) => advice.to_owned(),
        None => format!("muster show {}", attention::shell_word(&output::clean(&project.name))),
    }
}

/// How many lines are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    Screen,
    All,
}

/// Prints the list.
pub(crate) fn print(
    report: &ScanReport,
    shown: &[&Project],
    format: Format,
    lines: Lines,
) -> anyhow::Result<()> {
    let list: Vec<(&Project, Attention)> = attention::list(&report.projects)
        .into_iter()
        .filter(|(project, _)| shown.iter().any(|s| s.path == project.path))
        .collect();
    match format {
        Format::Json => return output::json(&AttentionView::list(&list)),
        Format::Jsonl => {
            return output::jsonl(AttentionView::list(&list).attention.into_iter().map(DocumentView::of));
        }
        Format::Table | Format::Csv | Format::Md => {}
    }
    let screen = output::screen();
    let room = match (lines, screen) {
        (Lines::Screen, Some(screen)) if format == Format::Table => screen.rows.saturating_sub(AROUND).max(5),
        _ => usize::MAX,
    };
    let mut table = Table::new([
        Column::new("repository", Align::Left).shrinks_to(16),
        Column::new("needs", Align::Left).shrinks_to(24).cut_last(),
        Column::new("command", Align::Left).shrinks_to(32),
    ]);
    for (project, attention) in list.iter().take(room) {
        table.row([
            output::cell(&project.name).bold(),
            output::cell(&attention.summary).tone(tone(attention)),
            output::cell(&command(attention)).or_else(pointer(project, attention)).tone(Tone::Quiet),
        ]);
    }
    if format != Format::Table {
        return table.print(format);
    }
    if list.is_empty() {
        let what = match shown.len() {
            0 if report.projects.is_empty() => "no repository found".to_owned(),
            0 => "no repository matches".to_owned(),
            1 => "nothing needs you: 1 repository looked at".to_owned(),
            count => format!("nothing needs you: {count} repositories looked at"),
        };
        return output::note(&what);
    }
    table.print(format)?;
    let left_out = list.len().saturating_sub(room);
    let noun = if shown.len() == 1 { "repository" } else { "repositories" };
    let verb = if list.len() == 1 { "needs" } else { "need" };
    let mut summary = format!("{} of {} {noun} {verb} you", list.len(), shown.len());
    if left_out > 0 {
        summary = format!("{summary}; {left_out} more: muster scan --attention --all");
    }
    output::note(&summary)
}

fn tone(attention: &Attention) -> Tone {
    use attention::Urgency;
    match attention.urgency {
        Urgency::Error | Urgency::Unfinished => Tone::Bad,
        Urgency::Unpushed | Urgency::Uncommitted | Urgency::Stashed => Tone::Warn,
        Urgency::Untracked | Urgency::Behind | Urgency::RemoteMoved | Urgency::OnlyHere => Tone::Info,
    }
}

/// The command, ready to paste: from the current folder on a terminal, from anywhere in what may be kept.
pub(crate) fn command(attention: &Attention) -> String {
    let folder = if output::screen().is_some() {
        output::folder_text(&attention.folder)
    } else {
        absolute(&attention.folder)
    };
    match attention.advice {
        Some(advice) => advice.to_owned(),
        None => attention::shell_line(&attention.commands, &folder),
    }
}

fn absolute(folder: &Path) -> FolderText {
    FolderText::Path(folder.to_string_lossy().into_owned())
}

#[derive(Debug, Serialize)]
struct AttentionView {
    schema_version: u32,
    attention: Vec<LineView>,
}

#[derive(Debug, Serialize)]
struct LineView {
    name: String,
    path: String,
    urgency: &'static str,
    needs: String,
    command: Option<String>,
    advice: Option<&'static str>,
    folder: String,
}

impl AttentionView {
    fn list(list: &[(&Project, Attention)]) -> Self {
        let line = |(project, attention): &(&Project, Attention)| LineView {
            name: project.name.clone(),
            path: project.path.to_string_lossy().into_owned(),
            urgency: attention.urgency.as_str(),
            needs: attention.summary.clone(),
            command: (!attention.commands.is_empty())
                .then(|| attention::shell_line(&attention.commands, &absolute(&attention.folder))),
            advice: attention.advice,
            folder: attention.folder.to_string_lossy().into_owned(),
        };
        Self { schema_version: muster_http::wire::SCHEMA_VERSION, attention: list.iter().map(line).collect() }
    }
}
