//! `muster show REPO`: everything known of one repository on one screen.

use muster_app::services::{attention, matching::project_named, scan::Detail, words};
use muster_model::{
    analysis::{Evidence, HealthStatus, Score},
    project::Project,
};

use muster_http::wire;

use crate::{
    args::{Format, ShowArgs},
    commands::{Session, attention as attention_list},
    exit::{Exit, UsageError},
    output::{self, Section, Tone},
};

/// Runs the command.
pub(crate) fn run(session: &Session, args: &ShowArgs) -> anyhow::Result<Exit> {
    // A path names its own root; a name is looked for.
    let is_path = args.repo.contains('/') || args.repo == "." || args.repo == "..";
    let as_path = std::path::Path::new(&args.repo);
    let (roots, name) = if is_path && as_path.is_dir() && args.roots.roots.is_empty() {
        let named = session.roots(&[as_path.to_owned()])?;
        let name = named[0].to_string_lossy().into_owned();
        // The configured roots say what may be read, worktrees elsewhere for example, if they hold the path.
        let configured = session.roots(&[])?;
        let is_below = configured.iter().any(|root| named[0].starts_with(root));
        (if is_below { configured } else { named }, name)
    } else {
        (session.roots(&args.roots.roots)?, args.repo.clone())
    };
    // Find it by name first, then read it alone.
    let found = session.scan(roots.clone(), Detail::Name)?;
    let path = match project_named(&found.projects, &name) {
        Ok(project) => project.path.clone(),
        // A folder inside a checkout stands for that checkout.
        Err(_) if is_path && found.projects.len() == 1 => found.projects[0].path.clone(),
        Err(error) => return Err(error.into()),
    };
    let report = session.scan_only(roots, Detail::Full, Some(path.clone()))?;
    if found.is_interrupted || report.is_interrupted {
        return Ok(Exit::Interrupted);
    }
    let project = report.projects.iter().find(|project| project.path == path).or(report.projects.first());
    let Some(project) = project else {
        return Err(muster_app::AppError::NotFound { query: args.repo.clone() }.into());
    };
    match args.output.format() {
        Format::Json | Format::Jsonl => output::json(&wire::DocumentView::new(project))?,
        Format::Table => print(project, session)?,
        Format::Csv | Format::Md => {
            let hint = Some("use --format table or json".to_owned());
            return Err(UsageError { message: "one repository is no table".to_owned(), hint }.into());
        }
    }
    Ok(if project.error.is_some() { Exit::Partial } else { Exit::Fine })
}

fn print(project: &Project, session: &Session) -> anyhow::Result<()> {
    let mut page = output::Page::new();
    page.title(
        &project.meta.as_ref().and_then(|meta| meta.name.clone()).unwrap_or_else(|| project.name.clone()),
    );
    let mut about = Section::new("");
    about.line("path", &project.path.to_string_lossy());
    if let Some(remote) = &project.remote {
        about.line("remote", &remote.to_string());
    }
    if let Some(error) = &project.error {
        about.line_with("error", &format!("{} ({})", error.message, error.code), Tone::Bad);
        about.line("try", error.code.remedy());
    }
    if let Some(description) = project.meta.as_ref().and_then(|meta| meta.description.as_ref()) {
        about.line("about", description);
    }
    if !project.unknown.contains_key("relation") {
        about.line("relation", project.relation.as_str());
    }
    if let Some(analysis) = &project.analysis {
        about.line("type", analysis.project_type.as_str());
        let names: Vec<_> =
            analysis.stack.iter().filter(|item| !item.is_marginal).map(|item| item.name.as_str()).collect();
        if !names.is_empty() {
            about.line("stack", &names.join(", "));
        }
    }
    page.section(about);
    page.section(git_section(project, session));
    if let Some(attention) = attention::of(project) {
        let mut section = Section::new("Needs you");
        section.line_with("what", &attention.summary, Tone::Warn);
        section.line("command", &attention_list::command(&attention));
        page.section(section);
    }
    page.section(checkouts_section(project));
    if let Some(analysis) = &project.analysis {
        page.section(score_section("Health", &analysis.health, HealthStatus::of));
        page.section(readiness_section(&analysis.readiness));
        if !analysis.signals.is_empty() {
            let mut section = Section::new("Commercial signals");
            for signal in &analysis.signals {
                section.line(&signal.id, &with_evidence(&signal.title, &signal.evidence));
            }
            page.section(section);
        }
    }
    let mut section = Section::new("Recommendations");
    for recommendation in &project.recommendations {
        let tone = match recommendation.urgency {
            muster_model::recommendation::Urgency::Critical => Tone::Bad,
            muster_model::recommendation::Urgency::High => Tone::Warn,
            _ => Tone::Info,
        };
        section.line_with(recommendation.urgency.as_str(), &recommendation.action, tone);
    }
    page.section(section);
    let mut section = Section::new("Warnings");
    for warning in &project.warnings {
        section.line(&warning.code, &warning.message);
    }
    page.section(section);
    page.print()
}

fn git_section(project: &Project, session: &Session) -> Section {
    let mut section = Section::new("Git");
    let Some(git) = &project.git else { return section };
    let now = session.clock.now();
    section.line("branch", git.head.branch().unwrap_or("(detached)"));
    let phrases: Vec<_> =
        words::project_words(project, git).into_iter().map(words::StateWord::phrase).collect();
    section.line("state", &phrases.join(", "));
    if let Some(upstream) = &git.upstream {
        let sync = match upstream.divergence {
            Some(divergence) => {
                format!("{}: {} ahead, {} behind", upstream.name, divergence.ahead, divergence.behind)
            }
            None => format!("{}: gone", upstream.name),
        };
        section.line("upstream", &sync);
    }
    let fetched = project.fetched_at.map_or_else(|| "never".to_owned(), |at| output::ago(at, now));
    section.line("fetched", &fetched);
    if let Some(last) = &git.last_commit {
        let id = last.id.get(..10).unwrap_or(&last.id);
        let age = output::ago(last.committed_at, now);
        section.line("last commit", &format!("{id} {} ({}, {age})", last.subject, last.author));
    }
    if let Some(branches) = &project.branches {
        for branch in &branches.unpushed {
            let plural = if branch.commits == 1 { "" } else { "s" };
            let text = format!("{}: {} commit{plural}", branch.name, branch.commits);
            section.line_with("unpushed", &text, Tone::Warn);
        }
        if !branches.local_only.is_empty() {
            section.line("only here", &branches.local_only.join(", "));
        }
    }
    if let Some(deletable) = &project.deletable {
        let answer = if deletable.value { "yes" } else { "no" };
        section.line("deletable", &format!("{answer}: {}", deletable.reason));
    }
    section
}

fn checkouts_section(project: &Project) -> Section {
    let mut section = Section::new("Worktrees and submodules");
    for worktree in &project.worktrees {
        let text = match &worktree.state {
            Ok(state) => state_text(state),
            Err(error) => error.message.clone(),
        };
        section.line(&worktree.path.to_string_lossy(), &text);
    }
    let absent = project.submodules.iter().filter(|submodule| submodule.state.is_none()).count();
    if absent > 0 {
        section.line("not checked out", &format!("{absent} of {} submodules", project.submodules.len()));
    }
    for submodule in &project.submodules {
        let text = match &submodule.state {
            None => continue,
            Some(Ok(state)) => state_text(state),
            Some(Err(error)) => error.message.clone(),
        };
        section.line(&submodule.path, &text);
    }
    section
}

fn state_text(state: &muster_model::git_state::GitState) -> String {
    let phrases: Vec<_> = words::state_words(state).into_iter().map(words::StateWord::phrase).collect();
    format!("{}: {}", state.head.branch().unwrap_or("detached"), phrases.join(", "))
}

fn score_section(title: &str, score: &Score, status: fn(u32) -> HealthStatus) -> Section {
    let head = match score.value {
        Some(value) => format!("{title} {value} of 100, {}", status(value).as_str()),
        None => format!("{title} unknown"),
    };
    let mut section = Section::new(&format!(
        "{head} (over {} % of the points, rules v{})",
        score.coverage, score.rule_version
    ));
    for item in &score.items {
        let (mark, tone) = match item.points {
            Some(points) if points == item.max_points => ("yes", Tone::Good),
            Some(0) => ("no", Tone::Bad),
            Some(_) => ("partly", Tone::Warn),
            None => ("unknown", Tone::Quiet),
        };
        section.line_with(&item.id, &format!("{mark}: {}", with_evidence(&item.note, &item.evidence)), tone);
    }
    section
}

/// Readiness by area: the sum, and what would bring the most.
fn readiness_section(score: &Score) -> Section {
    let head = score
        .value
        .map_or_else(|| "Readiness unknown".to_owned(), |value| format!("Readiness {value} of 100"));
    let mut section = Section::new(&format!(
        "{head} (over {} % of the points, rules v{})",
        score.coverage, score.rule_version
    ));
    let mut areas: Vec<&str> = score.items.iter().map(|item| item.area.as_str()).collect();
    areas.dedup();
    for area in areas {
        let of_area: Vec<_> = score.items.iter().filter(|item| item.area == area).collect();
        let earned: u32 = of_area.iter().filter_map(|item| item.points).sum();
        let most: u32 = of_area.iter().filter(|item| item.points.is_some()).map(|item| item.max_points).sum();
        let missing: Vec<_> = of_area
            .iter()
            .filter(|item| item.points.is_some_and(|points| points < item.max_points))
            .map(|item| item.id.as_str())
            .collect();
        let missing =
            if missing.is_empty() { String::new() } else { format!("; missing: {}", missing.join(", ")) };
        section.line(area, &format!("{earned} of {most}{missing}"));
    }
    section
}

fn with_evidence(note: &str, evidence: &[Evidence]) -> String {
    let place =
        evidence.iter().find(|evidence| !evidence.path.is_empty()).map(|evidence| match evidence.line {
            Some(line) => format!("{}:{line}", evidence.path),
            None => evidence.path.clone(),
        });
    match place {
        Some(place) if !note.contains(&place) => format!("{note} ({place})"),
        _ => note.to_owned(),
    }
}
