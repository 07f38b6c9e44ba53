//! `muster cache`: the cache of a running server, through its API.

use std::path::Path;

use serde_json::Value;

use crate::{
    args::{CacheCommand, Format},
    commands::asking::Asking,
    exit::Exit,
    output::{self, Align, Column, Table},
};

/// Runs the command.
pub(crate) fn run(
    command: &CacheCommand,
    address: Option<&str>,
    named_config: Option<&Path>,
) -> anyhow::Result<Exit> {
    let Asking { server, runtime } = Asking::new(address, named_config)?;
    match command {
        CacheCommand::Stats { output } => {
            let stats = runtime.block_on(server.get("/api/v1/admin/cache/stats", &[]))?;
            show(&stats, output.format())?;
        }
        CacheCommand::Clear { tag, pattern } => {
            let query: Vec<_> = [("tag", tag), ("pattern", pattern)]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.as_deref()?)))
                .collect();
            let answer = runtime.block_on(server.post("/api/v1/admin/cache/clear", &query))?;
            output::line(answer["message"].as_str().unwrap_or("done"))?;
        }
        CacheCommand::Warm => {
            let answer = runtime.block_on(server.post("/api/v1/portfolio/cache/warm", &[]))?;
            output::line(&format!("{} answers are at hand", answer["loaded"]))?;
        }
        CacheCommand::Check { output } => {
            let report = runtime.block_on(server.get("/api/v1/admin/cache/check", &[]))?;
            show_check(&report, output.format())?;
            // Without Redis there is nothing to prove.
            return Ok(if report["complete"] == false { Exit::Failed } else { Exit::Fine });
        }
    }
    Ok(Exit::Fine)
}

fn show_check(report: &Value, format: Format) -> anyhow::Result<()> {
    let nodes = || report["nodes"].as_array().into_iter().flatten();
    match format {
        Format::Json => return output::json(report),
        Format::Jsonl => return output::jsonl(nodes()),
        Format::Table => output::line(report["message"].as_str().unwrap_or_default())?,
        Format::Csv | Format::Md => {}
    }
    if nodes().next().is_none() {
        return Ok(());
    }
    let mut table = Table::new(vec![
        Column::new("node", Align::Left),
        Column::new("answered", Align::Left),
        Column::new("milliseconds", Align::Right),
    ]);
    for node in nodes() {
        let time = node["milliseconds"].as_f64().map_or_else(|| "-".to_owned(), |time| format!("{time:.1}"));
        let answered = if node["answered"] == true { "yes" } else { "no" };
        let name = node["name"].as_str().unwrap_or_default();
        table.row(vec![output::cell(name).bold(), output::cell(answered), output::cell(&time)]);
    }
    table.print(format)
}

fn show(stats: &Value, format: Format) -> anyhow::Result<()> {
    const NUMBERS: [&str; 7] =
        ["hits", "misses", "stale_served", "loads", "entries", "bytes", "suggested_ttl"];
    let types = || stats["data_types"].as_array().into_iter().flatten().chain([&stats["totals"]]);
    match format {
        Format::Json => return output::json(stats),
        Format::Jsonl => return output::jsonl(types()),
        Format::Table | Format::Csv | Format::Md => {}
    }
    let mut columns = vec![Column::new("type", Align::Left), Column::new("hit ratio", Align::Right)];
    columns.extend(NUMBERS.map(|name| Column::new(name, Align::Right)));
    let mut table = Table::new(columns);
    for row in types() {
        let ratio = row["hit_ratio"]
            .as_f64()
            .map_or_else(|| "-".to_owned(), |ratio| format!("{:.0} %", ratio * 100.0));
        let mut cells =
            vec![output::cell(row["name"].as_str().unwrap_or_default()).bold(), output::cell(&ratio)];
        cells.extend(NUMBERS.map(|name| match row[name].as_u64() {
            Some(number) => output::cell(&number.to_string()),
            None => output::cell("-"),
        }));
        table.row(cells);
    }
    table.print(format)
}
