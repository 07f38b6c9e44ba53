//! `muster watch`: the watchlist of a running server, through its API.

use std::time::Duration;

use anyhow::bail;
use muster_net::{Call, Verb};
use serde_json::{Value, json};

use crate::{
    args::{Format, WatchAddArgs, WatchCommand},
    commands::asking::{Asking, text},
    exit::Exit,
    output::{self, Align, Column, Table, progress::Steps},
};

/// Between two looks at an entry that is being processed.
const LOOK: Duration = Duration::from_millis(250);

/// Runs the command.
pub(crate) fn run(command: &WatchCommand, asking: &Asking, shows_progress: bool) -> anyhow::Result<Exit> {
    match command {
        WatchCommand::Add(args) => return add(args, asking, shows_progress),
        WatchCommand::Ls { status, by, output } => {
            list(asking, status.as_deref(), by.as_deref(), output.format())?;
        }
        WatchCommand::Status { repo, wait, output } => {
            let entry = if *wait { follow(asking, repo, shows_progress)? } else { entry(asking, repo)? };
            match output.format() {
                Format::Json | Format::Jsonl => output::json(&entry)?,
                format => table(std::slice::from_ref(&entry)).print(format)?,
            }
            return Ok(exit_of(&entry));
        }
        WatchCommand::Rm { repo, by, everybody } => {
            if by.is_none() && !everybody {
                refuse_others(&entry(asking, repo)?, repo)?;
            }
            let query: Vec<_> = by.iter().map(|by| ("added_by", by.as_str())).collect();
            asking.call(Call { query: &query, ..Call::new(Verb::Delete, &["watchlist", repo]) })?;
            output::line("removed")?;
        }
        WatchCommand::Retry { repo } => {
            asking.post(&["watchlist", repo, "retry"], None)?;
            output::line("taken up again")?;
        }
        WatchCommand::Refresh { repo } => {
            asking.post(&["watchlist", repo, "refresh"], None)?;
            output::line("asked for news")?;
        }
    }
    Ok(Exit::Fine)
}

fn add(args: &WatchAddArgs, asking: &Asking, shows_progress: bool) -> anyhow::Result<Exit> {
    let mut added = Vec::with_capacity(args.urls.len());
    for url in &args.urls {
        let mut body = json!({ "repo_url": url });
        let optional = [
            ("added_by", &args.by),
            ("level", &args.level),
            ("notes", &args.note),
            ("category", &args.category),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        if !args.tags.is_empty() {
            body["tags"] = json!(args.tags);
        }
        let answer = asking.post(&["watchlist"], Some(&body))?;
        output::line(&format!("{}  {}", text(&answer, "watchlist_id"), text(&answer, "message")))?;
        added.push(text(&answer, "watchlist_id").to_owned());
    }
    let mut exit = Exit::Fine;
    if args.no_wait {
        return Ok(exit);
    }
    for id in &added {
        let entry = follow(asking, id, shows_progress)?;
        let name = text(&entry["package"], "full_name");
        match text(&entry, "status") {
            "ready" => output::line(&format!("{name} is ready{}", counted(&entry["package"])))?,
            _ => {
                output::note(&format!("{name} failed: {}", text(&entry, "last_error")))?;
                exit = Exit::Failed;
            }
        }
    }
    Ok(exit)
}

fn counted(package: &Value) -> String {
    package["commits"].as_u64().map(|commits| format!(": {commits} commits")).unwrap_or_default()
}

fn entry(asking: &Asking, id: &str) -> anyhow::Result<Value> {
    asking.get(&["watchlist", id], &[])
}

fn is_busy(entry: &Value) -> bool {
    text(entry, "status") == "processing" || entry["refreshing"] == true
}

/// What several people watch is not taken from all of them by the way.
fn refuse_others(entry: &Value, repo: &str) -> anyhow::Result<()> {
    let watches = entry["user_watchlists"].as_array().into_iter().flatten();
    let people: Vec<&str> = watches.map(|watch| text(watch, "added_by")).collect();
    if people.len() > 1 {
        bail!(
            "{} watch {repo}; say whose watch ends with --by NAME, or that all of them do with --everybody",
            people.join(", ")
        );
    }
    Ok(())
}

/// A step that an entry is ready without, and why it failed.
fn failed_step(entry: &Value) -> String {
    let mut steps = entry["steps"].as_array().into_iter().flatten();
    let failed = steps.find(|step| step["state"] == "failed");
    failed.map_or_else(String::new, |step| format!("{} failed: {}", text(step, "name"), text(step, "error")))
}

/// Looks again and again until it is ready or failed, and shows how far it is.
fn follow(asking: &Asking, id: &str, shows_progress: bool) -> anyhow::Result<Value> {
    let mut bar: Option<Steps> = None;
    loop {
        let entry = entry(asking, id)?;
        if !is_busy(&entry) {
            if let Some(bar) = bar {
                bar.end();
            }
            return Ok(entry);
        }
        if shows_progress {
            let bar = bar.get_or_insert_with(|| Steps::new(text(&entry["package"], "full_name")));
            show(bar, &entry);
        }
        asking.runtime.block_on(async { tokio::time::sleep(LOOK).await });
    }
}

fn show(bar: &Steps, entry: &Value) {
    let steps = entry["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(step) = steps.iter().find(|step| step["state"] != "done") else { return };
    let mut message = text(step, "name").to_owned();
    for more in [text(&step["progress"], "message"), text(step, "error"), text(entry, "waiting")] {
        if !more.is_empty() {
            message = format!("{message}: {more}");
        }
    }
    let progress = &step["progress"];
    bar.show(progress["done"].as_u64().unwrap_or(0), progress["total"].as_u64(), &message);
}

fn exit_of(entry: &Value) -> Exit {
    if text(entry, "status") == "failed" { Exit::Failed } else { Exit::Fine }
}

fn list(asking: &Asking, status: Option<&str>, by: Option<&str>, format: Format) -> anyhow::Result<()> {
    let mut entries: Vec<Value> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("limit", "500")];
        query.extend(status.map(|status| ("status", status)));
        query.extend(by.map(|by| ("added_by", by)));
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = asking.get(&["watchlist"], &query)?;
        entries.extend(page["items"].as_array().cloned().unwrap_or_default());
        cursor = page["next"].as_str().map(ToOwned::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    match format {
        Format::Json => output::json(&json!({ "schema_version": 1, "items": entries })),
        Format::Jsonl => output::jsonl(entries.iter()),
        format => table(&entries).print(format),
    }
}

fn table(entries: &[Value]) -> Table {
    let mut table = Table::new(vec![
        Column::new("repository", Align::Left),
        Column::new("status", Align::Left),
        Column::new("commits", Align::Right),
        Column::new("last commit", Align::Left),
        Column::new("activity", Align::Right),
        Column::new("bus factor", Align::Right),
        Column::new("watchers", Align::Left),
        Column::new("note", Align::Left),
    ]);
    for entry in entries {
        let package = &entry["package"];
        let number =
            |name: &str| package[name].as_i64().map_or_else(|| "-".to_owned(), |number| number.to_string());
        let status = match (text(entry, "status"), entry["refreshing"] == true) {
            (status, true) => format!("{status}, refreshing"),
            (status, false) => status.to_owned(),
        };
        let watchers: Vec<_> = entry["user_watchlists"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter()
            .map(|watch| text(watch, "added_by"))
            .collect();
        let day: String = text(package, "last_commit_at").chars().take(10).collect();
        let note = match (text(entry, "last_error"), text(entry, "waiting")) {
            ("", "") => failed_step(entry),
            ("", waiting) => waiting.to_owned(),
            (error, _) => error.to_owned(),
        };
        table.row(vec![
            output::cell(text(package, "full_name")).bold(),
            output::cell(&status),
            output::cell(&number("commits")),
            output::cell(&day),
            output::cell(&number("activity_score")),
            output::cell(&number("bus_factor")),
            output::cell(&watchers.join(", ")),
            output::cell(&note),
        ]);
    }
    table
}
