//! One file per subcommand. What they share is the [`Session`]: configuration, roots, the interrupt flag, and running
//! a scan with its progress bar.

mod alerts;
mod asking;
mod attention;
mod cache;
mod config;
mod db;
mod doctor;
mod each;
mod fetch;
mod jobs;
mod man;
mod openapi;
mod path;
mod scan;
mod serve;
mod show;
mod token;
mod watch;

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use clap::CommandFactory;
use muster_app::services::scan::{Detail, RelationChoices, ScanReport, ScanRequest};
use muster_model::{Clock, SystemClock, query::Query};

use crate::{
    args::{Args, Command},
    commands::each::group::Groups,
    config::{Config, Gathered, gather},
    exit::{Exit, UsageError},
    output::progress::Bar,
    signals,
};

/// Runs what was asked.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.command {
        // These answer without a configuration, so that a broken one does not stand in their way.
        Some(Command::Completions { shell }) => {
            // By way of a buffer: the generator panics when its reader goes away.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Args::command(), "muster", &mut script);
            std::io::stdout().write_all(&script)?;
            return Ok(Exit::Fine);
        }
        Some(Command::Man { dir }) => return man::run(dir.as_deref()),
        Some(Command::Config { command }) => return config::run(command, args.config.as_deref()),
        Some(Command::Cache { command, server }) => {
            return cache::run(command, server.server.as_deref(), args.config.as_deref());
        }
        Some(Command::Token { command, server }) => {
            let asking = asking::Asking::new(server.server.as_deref(), args.config.as_deref())?;
            return token::run(command, &asking);
        }
        Some(Command::Watch { command, server }) => {
            let asking = asking::Asking::new(server.server.as_deref(), args.config.as_deref())?;
            return watch::run(command, &asking, !args.no_progress);
        }
        Some(Command::Fetch(fetch)) => {
            let asking = asking::Asking::new(fetch.server.server.as_deref(), args.config.as_deref())?;
            return fetch::run(fetch, &asking, !args.no_progress);
        }
        Some(Command::Jobs { command, server }) => {
            let asking = asking::Asking::new(server.server.as_deref(), args.config.as_deref())?;
            return jobs::run(command, &asking);
        }
        Some(Command::Alerts { repo, output, server }) => {
            let asking = asking::Asking::new(server.server.as_deref(), args.config.as_deref())?;
            return alerts::run(repo.as_deref(), output.format(), &asking);
        }
        Some(Command::Db { command, data_dir }) => {
            return db::run(command, data_dir.as_deref(), args.config.as_deref());
        }
        Some(Command::Openapi) => return openapi::run(),
        Some(Command::Serve(serve)) => return serve::run(serve, args.config.as_deref()),
        Some(Command::Doctor { output }) => return doctor::run(output.format(), args.config.as_deref()),
        _ => {}
    }
    let session = Session::new(args)?;
    match &args.command {
        None => attention::run(&session),
        Some(Command::Scan(scan)) => scan::run(&session, scan),
        Some(Command::Show(show)) => show::run(&session, show),
        Some(Command::Path(path)) => path::run(&session, path),
        Some(Command::Each(each)) => each::run(&session, each),
        Some(
            Command::Completions { .. }
            | Command::Man { .. }
            | Command::Cache { .. }
            | Command::Token { .. }
            | Command::Watch { .. }
            | Command::Jobs { .. }
            | Command::Fetch(_)
            | Command::Alerts { .. }
            | Command::Config { .. }
            | Command::Db { .. }
            | Command::Openapi
            | Command::Serve(_)
            | Command::Doctor { .. },
        ) => Ok(Exit::Fine),
    }
}

/// What every command that looks at repositories shares.
pub(crate) struct Session {
    pub(crate) config: Config,
    pub(crate) interrupt: Arc<AtomicBool>,
    /// What `each` has running.
    pub(crate) groups: Arc<Groups>,
    pub(crate) clock: Arc<dyn Clock>,
    shows_progress: bool,
}

impl Session {
    fn new(args: &Args) -> anyhow::Result<Self> {
        let Gathered { config, .. } = gather(args.config.as_deref())?;
        let groups = Arc::new(Groups::default());
        let interrupt = if matches!(&args.command, Some(Command::Each(_))) {
            let groups = Arc::clone(&groups);
            signals::interrupt_flag_with_last_act(move || groups.kill_all())?
        } else {
            signals::interrupt_flag()?
        };
        Ok(Self {
            config,
            interrupt,
            groups,
            clock: Arc::new(SystemClock),
            // A picture that is drawn again and again needs no bar in between.
            shows_progress: !args.no_progress
                && !matches!(&args.command, Some(Command::Scan(scan)) if scan.watch),
        })
    }

    /// The folders to search: those named, else the configured ones, else the current folder.
    pub(crate) fn roots(&self, named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
        roots_of(named, &self.config.portfolio.roots)
    }

    /// Scans, with a progress bar on a terminal.
    pub(crate) fn scan(&self, roots: Vec<PathBuf>, detail: Detail) -> anyhow::Result<ScanReport> {
        self.scan_only(roots, detail, None)
    }

    /// The same for one project that was found before.
    pub(crate) fn scan_only(
        &self,
        roots: Vec<PathBuf>,
        detail: Detail,
        only: Option<PathBuf>,
    ) -> anyhow::Result<ScanReport> {
        let request = ScanRequest {
            roots,
            detail,
            scan: self.config.scan.clone(),
            portfolio: self.config.portfolio.clone(),
            only,
            choices: RelationChoices::default(),
            freshness: None,
            memo: None,
            emails: if detail >= Detail::Attention { muster_app::global_emails() } else { Vec::new() },
        };
        let mut bar = Bar::new(self.shows_progress);
        let report =
            muster_app::services::scan::scan(&request, &self.clock, &self.interrupt, &mut |progress| {
                bar.on(progress);
            })?;
        bar.finish();
        tracing::debug!(
            scan.projects = report.projects.len(),
            scan.folders_listed = report.folders_listed,
            "scan finished"
        );
        Ok(report)
    }
}

/// The folders to search: those named, else the configured ones, else the current folder.
fn roots_of(named: &[PathBuf], configured: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let roots = match (named, configured) {
        ([], []) => &[PathBuf::from(".")][..],
        ([], configured) => configured,
        (named, _) => named,
    };
    // Without "." parts, so that names and paths read well; links stay as the person wrote them.
    let absolute = |root: &PathBuf| Ok(without_dots(&std::path::absolute(root)?));
    roots.iter().map(absolute).collect()
}

/// Resolves `.` and `..` by text, which is what the person meant who typed them.
fn without_dots(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                clean.pop();
            }
            std::path::Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean
}

/// Parses a query typed by a person.
pub(crate) fn parse_query(text: &str) -> anyhow::Result<Query> {
    const MAX_ECHO: usize = 200;
    Query::parse(text).map_err(|error| {
        let place =
            if text.len() > MAX_ECHO { String::new() } else { format!("\n{}", error.pointed_at(text)) };
        let message = format!("wrong query: {}{place}", error.message);
        let fields: Vec<_> = muster_model::query::Field::TABLE.iter().map(|row| row.0).collect();
        UsageError { message, hint: Some(format!("words, field:value, -not; fields: {}", fields.join(", "))) }
            .into()
    })
}

/// How much must be found out to answer the query.
pub(crate) fn detail_for(query: &Query, least: Detail) -> Detail {
    use muster_model::query::Field;
    let needed = [
        (Field::Health, Detail::Full),
        (Field::Stack, Detail::Full),
        (Field::State, Detail::Attention),
        (Field::Relation, Detail::Attention),
        (Field::Branch, Detail::State),
        (Field::Ahead, Detail::State),
        (Field::Behind, Detail::State),
    ];
    needed
        .into_iter()
        .filter(|&(field, _)| query.asks_for(field))
        .map(|(_, detail)| detail)
        .max()
        .unwrap_or(least)
        .max(least)
}
