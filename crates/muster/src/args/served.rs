//! What can be typed after the commands that ask a running server.

use clap::Subcommand;

use super::OutputArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// How well the cache serves, by type of data
    Stats {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Forget what is cached: all of it, by tag, or by pattern
    Clear {
        /// Only what carries this tag, such as portfolio or project:repo_…
        #[arg(long, value_name = "TAG", conflicts_with = "pattern")]
        tag: Option<String>,
        /// Only keys that match, such as 'http:/portfolio/*'
        #[arg(long, value_name = "PATTERN")]
        pattern: Option<String>,
    },
    /// Work out the answers that are asked for most
    Warm,
    /// Prove that an invalidation reaches every node; fails if one does not hear it
    Check {
        #[command(flatten)]
        output: OutputArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token for a program, and print it this once
    Create {
        /// What it is for
        name: String,
        /// What may be done with it: read, write, jobs, admin
        #[arg(long = "scope", value_name = "SCOPES", value_delimiter = ',', default_value = "read")]
        scopes: Vec<String>,
        /// Days after which it is worth nothing; 0 is never
        #[arg(long, value_name = "DAYS", default_value_t = 90)]
        expires: u32,
        /// Print all that is known of it
        #[arg(long)]
        json: bool,
    },
    /// List tokens, without their texts
    Ls {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Revoke a token; every node refuses it within a second
    Revoke {
        /// Its name or id
        token: String,
    },
    /// Make a set-up token, with which the administrator's password is set anew
    Setup,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WatchCommand {
    /// Add repositories by their addresses, and follow until they are ready
    Add(WatchAddArgs),
    /// List what is watched
    Ls {
        /// Only what is processing, ready or failed
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,
        /// Only what this person watches
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Say how one stands
    Status {
        /// Id, number, owner/name or address
        repo: String,
        /// Follow it until it is ready or failed
        #[arg(long)]
        wait: bool,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Watch one no longer; without watchers everything known of it is removed
    Rm {
        /// Id, number, owner/name or address
        repo: String,
        /// Only this person's watch
        #[arg(long, value_name = "NAME", conflicts_with = "everybody")]
        by: Option<String>,
        /// Everybody's, with all that is known of it
        #[arg(long)]
        everybody: bool,
    },
    /// Take up one that failed
    Retry {
        /// Id, number, owner/name or address
        repo: String,
    },
    /// Ask the remote for news now
    Refresh {
        /// Id, number, owner/name or address
        repo: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct WatchAddArgs {
    #[arg(required = true, value_name = "URL", help = "Addresses, such as https://github.com/owner/name")]
    pub(crate) urls: Vec<String>,
    /// Who watches
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// How much to learn: facts, history or full [default: full]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) level: Option<String>,
    /// A note
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// What it is for, such as library
    #[arg(long, value_name = "CATEGORY")]
    pub(crate) category: Option<String>,
    /// A word for it; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// Do not follow until they are ready
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List jobs, newest first
    Ls {
        /// Only of this queue
        #[arg(long, value_name = "QUEUE")]
        queue: Option<String>,
        /// Only in these states, such as running,retryable
        #[arg(long, value_name = "STATES")]
        state: Option<String>,
        /// So many at most
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u64,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Show one job with what it wrote about its work
    Show {
        /// Its id
        id: String,
    },
    /// Try a job again that was given up; without an id all that failed
    Retry {
        /// Its id
        id: Option<String>,
    },
    /// Cancel a job that waits, or ask one that runs to stop
    Cancel {
        /// Its id
        id: String,
    },
    /// Begin no more jobs of a queue; what runs goes on
    Pause {
        /// Such as repository-setup; `muster jobs ls` shows them
        queue: String,
    },
    /// Go on with a queue
    Resume {
        /// Such as repository-setup; `muster jobs ls` shows them
        queue: String,
    },
}
