//! `muster config`: what is in force, who set it, and whether it is right.

use std::path::Path;

use serde::Serialize;

use muster_http::wire::DocumentView;

use crate::{
    args::{ConfigCommand, Format},
    config::{Setting, gather, usual_file},
    exit::Exit,
    output::{self, Align, Column, Table, Tone},
};

/// Runs the command.
pub(crate) fn run(command: &ConfigCommand, named: Option<&Path>) -> anyhow::Result<Exit> {
    let gathered = gather(named)?;
    match command {
        ConfigCommand::Check => {
            let what = match (&gathered.file, usual_file()) {
                (Some(file), _) => format!("{} is right", file.display()),
                (None, Some(usual)) => {
                    format!("no configuration file ({} would be read); defaults are right", usual.display())
                }
                (None, None) => "no configuration file; defaults are right".to_owned(),
            };
            output::line(&what)?;
        }
        ConfigCommand::Show { origin, output } => show(&gathered.settings, *origin, output.format())?,
    }
    Ok(Exit::Fine)
}

fn show(settings: &[Setting], with_origin: bool, format: Format) -> anyhow::Result<()> {
    let views = settings.iter().map(|setting| SettingView {
        key: format!("{}.{}", setting.section, setting.key),
        value: setting.shown_value(),
        origin: setting.origin.to_string(),
    });
    match format {
        Format::Json => return output::json(&DocumentView::of(SettingsView { settings: views.collect() })),
        Format::Jsonl => return output::jsonl(views.map(DocumentView::of)),
        Format::Table | Format::Csv | Format::Md => {}
    }
    let mut columns = vec![Column::new("key", Align::Left), Column::new("value", Align::Left)];
    if with_origin {
        columns.push(Column::new("origin", Align::Left));
    }
    let mut table = Table::new(columns);
    for view in views {
        let mut row = vec![output::cell(&view.key), output::cell(&view.value.to_string()).bold()];
        if with_origin {
            row.push(output::cell(&view.origin).tone(Tone::Quiet));
        }
        table.row(row);
    }
    table.print(format)
}

#[derive(Debug, Serialize)]
struct SettingView {
    key: String,
    value: toml::Value,
    origin: String,
}

#[derive(Debug, Serialize)]
struct SettingsView {
    settings: Vec<SettingView>,
}
