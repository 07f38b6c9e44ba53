//! `muster jobs`: what a running server does in the background, through its API.

use serde_json::{Value, json};

use crate::{
    args::{Format, JobsCommand},
    commands::asking::{Asking, text},
    exit::Exit,
    output::{self, Align, Column, Table},
};

/// Runs the command.
pub(crate) fn run(command: &JobsCommand, asking: &Asking) -> anyhow::Result<Exit> {
    match command {
        JobsCommand::Ls { queue, state, limit, output } => {
            let limit = limit.to_string();
            let mut query = vec![("limit", limit.as_str())];
            query.extend(queue.as_deref().map(|queue| ("queue", queue)));
            query.extend(state.as_deref().map(|state| ("state", state)));
            let page = asking.get(&["jobs"], &query)?;
            list(&page, output.format())?;
        }
        JobsCommand::Show { id } => output::json(&asking.get(&["jobs", id], &[])?)?,
        JobsCommand::Retry { id: Some(id) } => {
            asking.post(&["jobs", id, "retry"], None)?;
            output::line("taken up again")?;
        }
        JobsCommand::Retry { id: None } => {
            let answer = asking.post(&["jobs", "retry-failed"], Some(&json!({})))?;
            output::line(&format!("{} taken up again", answer["retried"]))?;
        }
        JobsCommand::Cancel { id } => {
            let job = asking.post(&["jobs", id, "cancel"], None)?;
            let is_over = text(&job, "state") == "cancelled";
            output::line(if is_over { "cancelled" } else { "asked to stop" })?;
        }
        JobsCommand::Pause { queue } => {
            asking.post(&["queues", queue, "pause"], None)?;
            output::line(&format!("{queue} is paused"))?;
        }
        JobsCommand::Resume { queue } => {
            asking.post(&["queues", queue, "resume"], None)?;
            output::line(&format!("{queue} goes on"))?;
        }
    }
    Ok(Exit::Fine)
}

fn list(page: &Value, format: Format) -> anyhow::Result<()> {
    let jobs = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    match format {
        Format::Json => return output::json(&json!({ "schema_version": 1, "items": jobs })),
        Format::Jsonl => return output::jsonl(jobs.iter()),
        Format::Table | Format::Csv | Format::Md => {}
    }
    let mut table = Table::new(vec![
        Column::new("job", Align::Left),
        Column::new("kind", Align::Left),
        Column::new("about", Align::Left),
        Column::new("state", Align::Left),
        Column::new("attempt", Align::Right),
        Column::new("note", Align::Left),
    ]);
    for job in jobs {
        let progress = &job["progress"];
        let far = match (progress["done"].as_u64(), progress["total"].as_u64()) {
            (Some(done), Some(total)) => format!("{done} of {total} {}", text(progress, "unit")),
            _ => String::new(),
        };
        let is_running = text(job, "state") == "running";
        let note = match (text(job, "wait_reason"), text(job, "error")) {
            ("", _) if is_running => &far,
            ("", error) => error,
            (waits, _) => waits,
        };
        table.row(vec![
            output::cell(text(job, "id")).bold(),
            output::cell(text(job, "kind")),
            output::cell(text(job, "subject")),
            output::cell(text(job, "state")),
            output::cell(&format!("{}/{}", job["attempt"], job["max_attempts"])),
            output::cell(note),
        ]);
    }
    table.print(format)
}
