//! Bare, shallow mirrors of remote repositories that nobody trusts, made by the git program under a lock-down
//! (`mirror/program.rs`), and the commits in them with the numbers of `git log --numstat`; whole histories without files;
//! and fetches for checkouts, in which git never runs.
//!
//! Knows git, folders and limits. Knows no name server (a [`Source`] comes with its addresses), no job, no database and
//! no time of day: who calls says what is wanted, how long it may take, and when to stop. A mirror is a cache: whatever
//! is wrong with one, it is made again.

mod checkout;
mod commits;
mod credentials;
mod error;
mod folder;
mod lock;
mod parse;
mod program;
mod remote;
mod source;
mod transfer;
mod update;
mod watch;
mod whole;
mod window;

pub use checkout::{FetchError, Fetched, Followed, fetch, followed};
pub use commits::read_commits;
pub use credentials::Credentials;
pub use error::MirrorError;
pub use folder::{Copied, Mirror, MirrorSize, Mirrors, Trimmed, default_quota};
pub use remote::{RemoteRefs, ls_remote, ls_remote_as};
pub use source::{Source, Spelling};
pub use update::update;
pub use watch::{MirrorLimits, Phase, Progress, Watch};
pub use whole::whole_history;
pub use window::{Listing, Window, list};
