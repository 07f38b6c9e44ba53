//! `muster alerts`: what the alert settings of watched repositories found, through the API.

use serde_json::json;

use crate::{
    args::Format,
    commands::asking::{Asking, text},
    exit::Exit,
    output::{self, Align, Column, Table},
};

/// Runs the command.
pub(crate) fn run(repo: Option<&str>, format: Format, asking: &Asking) -> anyhow::Result<Exit> {
    let mut query = vec![("limit", "500")];
    query.extend(repo.map(|repo| ("repository", repo)));
    let page = asking.get(&["alerts"], &query)?;
    let alerts = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    match format {
        Format::Json => output::json(&json!({ "schema_version": 1, "items": alerts }))?,
        Format::Jsonl => output::jsonl(alerts.iter())?,
        format => {
            let mut table = Table::new(vec![
                Column::new("when", Align::Left),
                Column::new("what", Align::Left),
                Column::new("repository", Align::Left),
                Column::new("message", Align::Left),
            ]);
            for alert in alerts {
                let day: String = text(alert, "fired_at").chars().take(10).collect();
                table.row(vec![
                    output::cell(&day),
                    output::cell(text(alert, "type")).bold(),
                    output::cell(text(alert, "repository")),
                    output::cell(text(alert, "message")),
                ]);
            }
            table.print(format)?;
        }
    }
    Ok(Exit::Fine)
}
