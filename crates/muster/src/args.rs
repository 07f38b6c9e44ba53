//! The command line: what can be typed, with its help. Parsing does no I/O and decides nothing.

mod served;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

pub(crate) use served::{CacheCommand, JobsCommand, TokenCommand, WatchAddArgs, WatchCommand};

const EXIT_CODES: &str = "\
Exit codes: 0 fine, 1 failed, 2 usage or configuration, 4 some repository listed with an error, 130 interrupted.

Examples:
  muster                                   what needs me, over my roots or this folder
  muster scan ~/code                       every repository with its state
  muster scan ~/code --json | jq '.projects[].name'
  cd \"$(muster path api)\"                  go to a repository by name
  muster each 'state:dirty' -- git diff --stat
  muster serve ~/code                      the same over HTTP, kept fresh";

/// Every repository you own, its true state, and what needs you.
#[derive(Debug, Parser)]
#[command(name = "muster", version, after_help = EXIT_CODES, max_term_width = 110)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Configuration file instead of the usual one
    #[arg(
        long,
        global = true,
        env = "MUSTER_CONFIG",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Everywhere"
    )]
    pub(crate) config: Option<PathBuf>,
    /// When to colour
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Everywhere"
    )]
    pub(crate) color: Color,
    /// Show no progress bar
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) no_progress: bool,
    /// Log filter: error, warn, info, debug, trace, or per module [env: MUSTER_LOG]
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Everywhere")]
    pub(crate) log_level: Option<String>,
    /// Shape of the log on stderr
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        help_heading = "Everywhere"
    )]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List every repository under the folders with its state
    Scan(ScanArgs),
    /// Everything about one repository
    Show(ShowArgs),
    /// Print the path of the repository that matches, for cd and fzf
    Path(PathArgs),
    /// Run a command in every matching repository, in parallel
    Each(EachArgs),
    /// Answer over HTTP and keep the answers fresh
    Serve(ServeArgs),
    /// The cache of a running server
    Cache {
        #[command(subcommand)]
        command: CacheCommand,
        #[command(flatten)]
        server: ServerFlag,
    },
    /// Tokens by which programs say who they are to a running server
    Token {
        #[command(subcommand)]
        command: TokenCommand,
        #[command(flatten)]
        server: ServerFlag,
    },
    /// Remote repositories that a running server watches
    Watch {
        #[command(subcommand)]
        command: WatchCommand,
        #[command(flatten)]
        server: ServerFlag,
    },
    /// Fetch for the matching repositories, through a running server
    Fetch(FetchArgs),
    /// Work that a running server does in the background
    Jobs {
        #[command(subcommand)]
        command: JobsCommand,
        #[command(flatten)]
        server: ServerFlag,
    },
    /// What the alert settings of watched repositories found
    Alerts {
        /// Only of this repository: its id, number, owner/name or address
        #[arg(long, value_name = "REPO")]
        repo: Option<String>,
        #[command(flatten)]
        output: OutputArgs,
        #[command(flatten)]
        server: ServerFlag,
    },
    /// The database of the service
    Db {
        #[command(subcommand)]
        command: DbCommand,
        /// Folder for what is kept [default: server.data_dir]
        #[arg(long, global = true, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Print the description of the HTTP API (OpenAPI 3.1)
    Openapi,
    /// The configuration in force
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Check that this machine has what muster needs
    Doctor {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Print the completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write all pages into a folder
    Man {
        /// Write one page for each command into this folder
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// The language of QUERY, from the table that the parser uses.
fn query_help() -> String {
    let mut help =
        "QUERY: words and field:value, all of which must hold; -term must not; \"a phrase\"; prefix*.\n\
                    Several values of one field are alternatives: state:dirty,ahead. Fields:\n"
            .to_owned();
    for (name, _, _, meaning) in muster_model::query::Field::TABLE {
        help.push_str("  ");
        help.push_str(name);
        help.push_str(&" ".repeat(10 - name.len()));
        help.push_str(meaning);
        help.push('\n');
    }
    help
}

#[derive(Debug, ClapArgs)]
#[command(after_help = query_help())]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that a person types")]
pub(crate) struct ScanArgs {
    /// Folders to search [default: portfolio.roots, else the current folder]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Only what needs you, most urgent first, with the command that clears it
    #[arg(long, conflicts_with = "state_only")]
    pub(crate) attention: bool,
    /// With --attention: all lines, not just those that fit the screen
    #[arg(long, requires = "attention")]
    pub(crate) all: bool,
    /// Only what git status and git log -1 say: the fastest
    #[arg(long)]
    pub(crate) state_only: bool,
    /// Draw again whenever something changed, until Ctrl-C
    #[arg(long)]
    pub(crate) watch: bool,
    /// Only repositories that match, such as 'state:dirty stack:rust -name:old'
    #[arg(
        long,
        short,
        value_name = "QUERY",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    pub(crate) query: String,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ShowArgs {
    /// Name, path or part of the name
    pub(crate) repo: String,
    #[command(flatten)]
    pub(crate) roots: RootArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = query_help())]
pub(crate) struct PathArgs {
    /// What to look for; see below
    #[arg(allow_hyphen_values = true)]
    pub(crate) query: Vec<String>,
    /// Print every match, one a line
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) roots: RootArgs,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = query_help())]
pub(crate) struct EachArgs {
    /// Which repositories; '' for all
    #[arg(allow_hyphen_values = true)]
    pub(crate) query: String,
    /// The command and its arguments, after --
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<std::ffi::OsString>,
    /// Commands at the same time [default: each.threads]
    #[arg(long, short = 'j', value_name = "N")]
    pub(crate) jobs: Option<usize>,
    #[command(flatten)]
    pub(crate) roots: RootArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServeArgs {
    /// Folders to keep an eye on [default: portfolio.roots, else the current folder]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Address and port; port 0 takes a free one [default: server.listen]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Folder for what is kept [default: server.data_dir]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// What this node does; api and worker need PostgreSQL [default: server.role]
    #[arg(long, value_enum, value_name = "ROLE")]
    pub(crate) role: Option<ServeRole>,
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServeRole {
    /// Everything
    All,
    /// Answers and keeps an eye on folders; work in the background is left to workers
    Api,
    /// Does the work in the background; answers only how it is
    Worker,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = query_help())]
pub(crate) struct FetchArgs {
    /// Which repositories, such as state:remote-moved; all without one. A term that begins with '-' comes after --
    pub(crate) query: Vec<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) server: ServerFlag,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServerFlag {
    /// Address of the server [default: server.listen]
    #[arg(long, global = true, env = "MUSTER_SERVER", hide_env_values = true, value_name = "URL")]
    pub(crate) server: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Bring the schema up to date
    Migrate,
    /// Say where the database is and which schema it has
    Status {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Write a consistent copy into a new file, while a server may be running
    Backup {
        /// The new file
        file: PathBuf,
    },
    /// Put a copy back in place; the database before it is kept aside
    Restore {
        /// The copy
        file: PathBuf,
    },
    /// Copy a SQLite database into an empty PostgreSQL; no server may be running
    Copy {
        /// Where to: postgres://USER@HOST/NAME, or - to read that from standard input
        ///
        /// What stands on a command line is seen by everybody on the machine. So a password in the URL belongs into
        /// standard input; else it is taken from PGPASSWORD or ~/.pgpass.
        #[arg(long, value_name = "URL")]
        to: String,
        #[command(flatten)]
        output: OutputArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting with its value
    Show {
        /// Say who set each value
        #[arg(long)]
        origin: bool,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Check the configuration and say what is wrong
    Check,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RootArgs {
    /// Folder to search; may be given several times [default: portfolio.roots, else the current folder]
    #[arg(long = "root", value_name = "PATH")]
    pub(crate) roots: Vec<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct OutputArgs {
    /// Shape of the output
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

impl OutputArgs {
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// Shapes of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people; tab-separated and whole when not on a terminal
    #[default]
    Table,
    /// One document
    Json,
    /// One document a line
    Jsonl,
    /// Comma-separated with a header
    Csv,
    /// A Markdown table
    Md,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    pub(crate) fn apply(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// Shapes of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    #[default]
    Text,
    /// One document a line
    Json,
}
