//! `muster fetch`: lets a running server fetch for the projects that match, and follows it to the end. The server does the
//! work, within its hosts' budgets; whoever leaves early finds it done later.

use std::{collections::VecDeque, time::Duration};

use serde_json::{Value, json};

use crate::{
    args::{FetchArgs, Format},
    commands::{
        asking::{Asking, text},
        parse_query,
    },
    exit::Exit,
    output::{self, Align, Column, Table, Tone, progress::Many},
};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// Jobs looked at each time; the others wait behind them anyway.
const LOOKED_AT: usize = 20;

/// How one project ended.
struct Outcome {
    place: usize,
    state: &'static str,
    note: String,
}

/// Runs the command.
pub(crate) fn run(args: &FetchArgs, asking: &Asking, shows_progress: bool) -> anyhow::Result<Exit> {
    let query = args.query.join(" ");
    // Here as well, because this side can point at the place.
    parse_query(&query)?;
    let answer = asking.post(&["portfolio", "fetch"], Some(&json!({ "query": query })))?;
    let projects = answer["projects"].as_array().cloned().unwrap_or_default();
    let mut outcomes = Vec::with_capacity(projects.len());
    let mut waiting = VecDeque::new();
    for (place, project) in projects.iter().enumerate() {
        if project["job"].is_string() {
            waiting.push_back(place);
        } else {
            outcomes.push(Outcome { place, state: "skipped", note: text(project, "reason").to_owned() });
        }
    }
    let mut bars = Many::new(shows_progress, waiting.len(), "fetched");
    while !waiting.is_empty() {
        for _ in 0..waiting.len().min(LOOKED_AT) {
            let Some(place) = waiting.pop_front() else { break };
            let project = &projects[place];
            let job = asking.find(&["jobs", text(project, "job")])?;
            // Jobs that ended are kept for a while, the newest of them.
            let job = job.unwrap_or_else(
                || json!({ "state": "discarded", "error": "it ended and is no longer kept" }),
            );
            match ended(&job) {
                Some((state, note)) => {
                    bars.over(text(project, "name"));
                    outcomes.push(Outcome { place, state, note });
                }
                None => {
                    show(&mut bars, text(project, "name"), &job);
                    waiting.push_back(place);
                }
            }
        }
        if !waiting.is_empty() {
            asking.runtime.block_on(async { tokio::time::sleep(LOOK).await });
        }
    }
    bars.end();
    outcomes.sort_by_key(|outcome| outcome.place);
    print(&projects, &outcomes, args.output.format())?;
    let is = |state: &str| outcomes.iter().filter(|outcome| outcome.state == state).count();
    let is_fine = is("failed") + is("cancelled") == 0 && (outcomes.is_empty() || is("fetched") > 0);
    Ok(if is_fine { Exit::Fine } else { Exit::Failed })
}

/// How the job ended, if it has.
fn ended(job: &Value) -> Option<(&'static str, String)> {
    match text(job, "state") {
        "completed" => Some(("fetched", text(&job["progress"], "message").to_owned())),
        "cancelled" => Some(("cancelled", text(job, "error").to_owned())),
        "discarded" => Some(("failed", text(job, "error").to_owned())),
        _ => None,
    }
}

fn show(bars: &mut Many, name: &str, job: &Value) {
    let progress = &job["progress"];
    if text(job, "state") == "running" {
        bars.show(
            name,
            progress["done"].as_u64().unwrap_or(0),
            progress["total"].as_u64(),
            text(progress, "message"),
        );
    }
}

fn print(projects: &[Value], outcomes: &[Outcome], format: Format) -> anyhow::Result<()> {
    let views = outcomes.iter().map(|outcome| {
        let project = &projects[outcome.place];
        json!({
            "id": project["id"],
            "name": project["name"],
            "path": project["path"],
            "job": project["job"],
            "state": outcome.state,
            "note": outcome.note,
        })
    });
    let views: Vec<Value> = views.collect();
    match format {
        Format::Json => return output::json(&json!({ "schema_version": 1, "projects": views })),
        Format::Jsonl => return output::jsonl(views.iter()),
        Format::Table | Format::Csv | Format::Md => {}
    }
    let mut table = Table::new(vec![
        Column::new("repository", Align::Left),
        Column::new("state", Align::Left),
        Column::new("note", Align::Left),
    ]);
    for view in &views {
        let tone = match text(view, "state") {
            "fetched" => Tone::Good,
            "skipped" => Tone::Info,
            _ => Tone::Bad,
        };
        table.row(vec![
            output::cell(text(view, "name")).bold(),
            output::cell(text(view, "state")).tone(tone),
            output::cell(text(view, "note")),
        ]);
    }
    table.print(format)
}
