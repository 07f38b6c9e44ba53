//! `muster db`: the database of the service, looked after from outside.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
};

use anyhow::Context as _;
use muster_store::{
    StoreConfig,
    admin::{self, CopiedTable, SchemaStatus},
};
use serde::Serialize;

use crate::{
    args::{DbCommand, Format},
    compose::{data_dir, store_config},
    config::gather,
    exit::{Exit, UsageError},
    output::{self, Align, Column, Table},
};

use muster_http::wire::DocumentView;

/// Runs the command.
pub(crate) fn run(command: &DbCommand, dir: Option<&Path>, named: Option<&Path>) -> anyhow::Result<Exit> {
    let config = gather(named)?.config;
    let dir = data_dir(dir.unwrap_or(&config.server.data_dir))?;
    let store = store_config(&config.database, &dir);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match command {
        DbCommand::Migrate => {
            let status = runtime.block_on(admin::migrate(&store))?;
            output::line(&format!("{} has schema {}", status.place, status.known))?;
        }
        DbCommand::Status { output } => {
            let status = runtime.block_on(admin::status(&store))?;
            let is_usable = status.is_usable;
            show(status, output.format())?;
            return Ok(if is_usable { Exit::Fine } else { Exit::Failed });
        }
        DbCommand::Backup { file } => {
            runtime.block_on(admin::backup(&store, file))?;
            output::line(&format!("copied to {}", file.display()))?;
        }
        DbCommand::Restore { file } => {
            let aside = runtime.block_on(admin::restore(&store, file))?;
            output::line(&format!("restored from {}", file.display()))?;
            if let Some(aside) = aside {
                output::note(&format!("what was there before is in {}", aside.display()))?;
            }
        }
        DbCommand::Copy { to, output } => {
            let to = StoreConfig { url: Some(address(to)?), ..store.clone() };
            let copied = runtime.block_on(admin::copy(&store, &to))?;
            show_copied(copied, output.format())?;
            output::note(
                "all rows are there; serve from it with DATABASE_URL, and keep the data folder: it says which node this is",
            )?;
        }
    }
    Ok(Exit::Fine)
}

/// The address as it was given, or the first line of standard input.
fn address(given: &str) -> anyhow::Result<String> {
    /// No address has more bytes.
    const MOST: u64 = 64 * 1024;
    if given != "-" {
        return Ok(given.to_owned());
    }
    let mut line = String::new();
    BufReader::new(std::io::stdin().lock().take(MOST)).read_line(&mut line).context("standard input")?;
    match line.trim() {
        "" => Err(UsageError {
            message: "no address came on standard input".to_owned(),
            hint: Some("muster db copy --to - < FILE, with postgres://… in its first line".to_owned()),
        }
        .into()),
        address => Ok(address.to_owned()),
    }
}

#[derive(Debug, Serialize)]
struct CopiedView {
    tables: Vec<CopiedTableView>,
}

#[derive(Debug, Serialize)]
struct CopiedTableView {
    table: String,
    /// Counted on both sides.
    rows: u64,
}

fn show_copied(copied: Vec<CopiedTable>, format: Format) -> anyhow::Result<()> {
    let tables = copied.into_iter().map(|copied| CopiedTableView { table: copied.name, rows: copied.rows });
    let tables: Vec<_> = tables.collect();
    match format {
        Format::Json => return output::json(&DocumentView::of(CopiedView { tables })),
        Format::Jsonl => return output::jsonl(tables.into_iter().map(DocumentView::of)),
        Format::Table | Format::Csv | Format::Md => {}
    }
    let mut table = Table::new([Column::new("table", Align::Left), Column::new("rows copied", Align::Right)]);
    for copied in &tables {
        table.row([output::cell(&copied.table).bold(), output::cell(&copied.rows.to_string())]);
    }
    table.print(format)
}

#[derive(Debug, Serialize)]
struct StatusView {
    database: &'static str,
    place: String,
    /// `null` if there is none yet.
    schema: Option<i64>,
    known_schema: i64,
    usable: bool,
    outdated: bool,
}

fn show(status: SchemaStatus, format: Format) -> anyhow::Result<()> {
    let view = StatusView {
        database: status.kind.as_str(),
        place: status.place,
        schema: status.found,
        known_schema: status.known,
        usable: status.is_usable,
        outdated: status.is_outdated,
    };
    match format {
        Format::Json => return output::json(&DocumentView::of(view)),
        Format::Jsonl => return output::jsonl(std::iter::once(DocumentView::of(view))),
        Format::Table | Format::Csv | Format::Md => {}
    }
    let state = match (view.schema, view.usable, view.outdated) {
        (None, ..) => "empty; the first start makes it",
        (_, false, _) => "too new for this muster",
        (_, _, true) => "outdated; the next start, or `muster db migrate`, brings it up to date",
        _ => "up to date",
    };
    let mut table = Table::new([
        Column::new("database", Align::Left),
        Column::new("place", Align::Left).shrinks_to(24),
        Column::new("schema", Align::Right),
        Column::new("state", Align::Left),
    ]);
    let schema = view.schema.map_or_else(|| "none".to_owned(), |schema| schema.to_string());
    table.row([
        output::cell(view.database).bold(),
        output::cell(&view.place),
        output::cell(&schema),
        output::cell(state),
    ]);
    table.print(format)
}
