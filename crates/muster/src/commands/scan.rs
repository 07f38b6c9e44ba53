//! `muster scan`: every repository under the folders with its state, in five formats.

use std::{sync::atomic::Ordering, time::Duration};

use muster_app::services::{
    attention::{FolderText, shell_line},
    matching::ProjectDocument,
    scan::{Detail, ScanReport},
    words,
};
use muster_model::{
    analysis::HealthStatus,
    project::{Project, ProjectKind},
    query::Query,
};

use muster_http::wire;

use crate::{
    args::{Format, ScanArgs},
    commands::{
        Session,
        attention::{self, Lines},
        detail_for, parse_query,
    },
    exit::{Exit, UsageError, exit_of},
    output::{self, Align, Cell, Column, Table, Tone},
};

/// Runs the command.
pub(crate) fn run(session: &Session, args: &ScanArgs) -> anyhow::Result<Exit> {
    let query = parse_query(&args.query)?;
    let roots = session.roots(&args.paths)?;
    let least = match (args.state_only, args.attention) {
        (true, _) => Detail::State,
        (_, true) => Detail::Attention,
        _ => Detail::Full,
    };
    let detail = detail_for(&query, least);
    if args.state_only && detail > Detail::State {
        let hint = Some("leave out --state-only, or ask for name, path, branch, ahead, behind".to_owned());
        let message = "the query asks for more than --state-only reads".to_owned();
        return Err(UsageError { message, hint }.into());
    }
    if args.watch {
        return watch(session, args, &query, detail);
    }
    let report = session.scan(roots, detail)?;
    let shown = matching(&report, &query);
    print(&report, &shown, args, session)?;
    Ok(exit_of(&report, &shown))
}

/// One line about all warnings: where to read them.
fn note_warnings(shown: &[&Project]) -> anyhow::Result<()> {
    const NAMED: usize = 3;
    let mut names = Vec::new();
    let mut count = 0;
    for project in shown.iter().filter(|project| !project.warnings.is_empty()) {
        count += project.warnings.len();
        names.push(project.name.as_str());
        for warning in &project.warnings {
            tracing::info!(repo.name = project.name, "{}", warning.message);
        }
    }
    if count == 0 {
        return Ok(());
    }
    let noun = if count == 1 { "warning" } else { "warnings" };
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let commands: Vec<_> = names.iter().map(|name| show_command(name)).collect();
    let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
    output::note(&format!("{count} {noun}: {}{rest}", commands.join(", ")))
}

/// `muster show NAME`, whatever the folder is called.
fn show_command(name: &str) -> String {
    let words: &[&str] =
        if name.starts_with('-') { &["muster", "show", "--", name] } else { &["muster", "show", name] };
    let command = words.iter().map(|&word| word.to_owned()).collect();
    shell_line(&[command], &FolderText::Here)
}

/// The projects that fulfil the query.
fn matching<'a>(report: &'a ScanReport, query: &Query) -> Vec<&'a Project> {
    let fits = |project: &&Project| query.matches(&ProjectDocument::new(project, &report.roots));
    report.projects.iter().filter(fits).collect()
}

fn print(report: &ScanReport, shown: &[&Project], args: &ScanArgs, session: &Session) -> anyhow::Result<()> {
    let format = args.output.format();
    if args.attention {
        let lines = if args.all { Lines::All } else { Lines::Screen };
        return attention::print(report, shown, format, lines);
    }
    match format {
        Format::Json => output::json(&wire::ScanView::new(shown)),
        Format::Jsonl => output::jsonl(shown.iter().map(|project| wire::DocumentView::new(project))),
        Format::Table | Format::Csv | Format::Md => {
            table(shown, args, session).print(format)?;
            if format == Format::Table {
                note_warnings(shown)?;
                if shown.is_empty() {
                    let is_empty = report.projects.is_empty();
                    output::note(if is_empty { "no repository found" } else { "no repository matches" })?;
                }
            }
            Ok(())
        }
    }
}

fn table(shown: &[&Project], args: &ScanArgs, session: &Session) -> Table {
    let now = session.clock.now();
    let mut columns = vec![
        Column::new("name", Align::Left).shrinks_to(12),
        Column::new("branch", Align::Left).shrinks_to(8).drops(5),
        Column::new("state", Align::Left).shrinks_to(16),
        Column::new("sync", Align::Left).drops(6),
        Column::new("fetched", Align::Right).drops(2),
        Column::new("last", Align::Right).drops(4),
        Column::new("commit", Align::Left).shrinks_to(16).drops(1),
    ];
    if !args.state_only {
        columns.push(Column::new("stack", Align::Left).shrinks_to(8).drops(3));
        columns.push(Column::new("health", Align::Right).drops(3));
        if session.config.portfolio.monetization {
            columns.push(Column::new("potential", Align::Left).drops(3));
        }
    }
    let mut table = Table::new(columns);
    for project in shown {
        let git = project.git.as_ref();
        let last = git.and_then(|git| git.last_commit.as_ref());
        let mut row = vec![
            output::cell(&project.name).bold(),
            output::cell(git.and_then(|git| git.head.branch()).unwrap_or("-")),
            state_cell(project),
            sync_cell(project),
            output::cell(&project.fetched_at.map_or_else(String::new, |at| output::age(at, now))),
            output::cell(&last.map_or_else(String::new, |last| output::age(last.committed_at, now))),
            output::cell(last.map_or("", |last| last.subject.as_str())).tone(Tone::Quiet),
        ];
        if !args.state_only {
            row.push(stack_cell(project));
            row.push(health_cell(project));
            if session.config.portfolio.monetization {
                row.push(potential_cell(project));
            }
        }
        table.row(row);
    }
    table
}

fn state_cell(project: &Project) -> Cell {
    if let Some(error) = &project.error {
        return output::cell(&format!("error: {}", error.message)).tone(Tone::Bad);
    }
    let Some(git) = &project.git else {
        return output::cell(if project.kind == ProjectKind::Folder { "no version control" } else { "" })
            .tone(Tone::Info);
    };
    let words = words::project_words(project, git);
    let tone = match () {
        () if words.iter().any(|word| word.word == "conflicts") || git.operation.is_some() => Tone::Bad,
        () if git.work_tree.is_ok_and(|counts| counts.has_changes()) => Tone::Warn,
        () if git.work_tree.is_ok_and(|counts| !counts.is_clean()) || git.stashes > 0 => Tone::Info,
        () => Tone::Good,
    };
    let phrases: Vec<_> = words.into_iter().map(words::StateWord::phrase).collect();
    output::cell(&phrases.join(", ")).tone(tone)
}

/// Ahead and behind of the current branch, and what other branches hold back.
fn sync_cell(project: &Project) -> Cell {
    let divergence =
        project.git.as_ref().and_then(|git| git.upstream.as_ref()).and_then(|upstream| upstream.divergence);
    let mut parts = Vec::new();
    match divergence {
        Some(divergence) if divergence.ahead + divergence.behind == 0 => parts.push("=".to_owned()),
        Some(divergence) => {
            if divergence.ahead > 0 {
                parts.push(format!("{} ahead", divergence.ahead));
            }
            if divergence.behind > 0 {
                parts.push(format!("{} behind", divergence.behind));
            }
        }
        None => {}
    }
    if let Some(branches) = &project.branches {
        // Without an upstream nothing is ahead of it, but the commits are here alone all the same.
        if divergence.is_none()
            && let Some(head) = branches.unpushed.iter().find(|branch| branch.is_head)
        {
            parts.push(format!("{} unpushed", head.commits));
        }
        let others = branches.unpushed.iter().filter(|branch| !branch.is_head).count();
        match others {
            0 => {}
            1 => parts.push("+1 branch".to_owned()),
            count => parts.push(format!("+{count} branches")),
        }
    }
    let tone = if parts.len() == 1 && parts[0] == "=" { Tone::Quiet } else { Tone::Warn };
    output::cell(&parts.join(", ")).tone(tone)
}

fn stack_cell(project: &Project) -> Cell {
    const SHOWN: usize = 3;
    let stack = project.analysis.as_ref().map(|analysis| analysis.stack.as_slice()).unwrap_or_default();
    let names: Vec<_> =
        stack.iter().filter(|item| !item.is_marginal).take(SHOWN).map(|item| item.name.as_str()).collect();
    output::cell(&names.join(", "))
}

fn health_cell(project: &Project) -> Cell {
    let score = project.analysis.as_ref().and_then(|analysis| analysis.health.value);
    match (score, &project.analysis) {
        (Some(score), _) => {
            let tone = match HealthStatus::of(score) {
                HealthStatus::Excellent | HealthStatus::Good => Tone::Good,
                HealthStatus::Fair => Tone::Warn,
                HealthStatus::NeedsAttention => Tone::Bad,
            };
            output::cell(&score.to_string()).tone(tone)
        }
        (None, Some(_)) => output::cell("unknown").tone(Tone::Quiet),
        (None, None) => output::cell(""),
    }
}

fn potential_cell(project: &Project) -> Cell {
    let readiness = project.analysis.as_ref().and_then(|analysis| analysis.readiness.value);
    let text =
        readiness.map(|score| format!("{} {score}", muster_model::analysis::Potential::of(score).as_str()));
    output::cell(&text.unwrap_or_default())
}

/// Scans again and again, and draws only when the picture changed. The pause grows with the cost of a scan, so that
/// watching never takes more than a fifth of the machine.
fn watch(session: &Session, args: &ScanArgs, query: &Query, detail: Detail) -> anyhow::Result<Exit> {
    const LEAST_PAUSE: Duration = Duration::from_secs(1);
    const SHARE_OF_TIME: u32 = 4;
    if args.output.format() != Format::Table {
        let hint = Some("for programs, call scan again or use the service's events".to_owned());
        return Err(UsageError { message: "--watch draws tables only".to_owned(), hint }.into());
    }
    let roots = session.roots(&args.paths)?;
    let mut previous = String::new();
    loop {
        let begin = std::time::Instant::now();
        let report = session.scan(roots.clone(), detail)?;
        if report.is_interrupted {
            return Ok(Exit::Interrupted);
        }
        // Ages change all the time; only what git says makes a new picture.
        let picture = format!(
            "{:?}",
            report
                .projects
                .iter()
                .map(|p| (&p.path, &p.git, &p.error, &p.branches, &p.worktrees))
                .collect::<Vec<_>>()
        );
        if picture != previous {
            previous = picture;
            output::clear_screen()?;
            print(&report, &matching(&report, query), args, session)?;
        }
        let pause = LEAST_PAUSE.max(begin.elapsed() * SHARE_OF_TIME);
        let end = std::time::Instant::now() + pause;
        while std::time::Instant::now() < end {
            if session.interrupt.load(Ordering::Relaxed) {
                return Ok(Exit::Interrupted);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
