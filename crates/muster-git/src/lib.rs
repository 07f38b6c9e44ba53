//! The only crate that knows git: finds checkouts, reads their state, reads their trees, watches for changes.
//!
//! Repositories are hostile by default. Nothing of a repository is ever run: no hook, filter, textconv, alias or
//! helper. Its own configuration is refused except for a short list of harmless values (`open.rs`), files that could
//! hang a reader are refused before git code touches them (`guard.rs`), and nothing outside the roots is read
//! (`boundary.rs`). Reading happens in process through gix, one repository per worker, no lock taken, nothing written.
//!
//! Git itself is run in two places: [`act`] does what a person orders in a repository that they trust, and [`mirror`] keeps
//! bare copies of remote repositories that nobody trusts, asks remotes what they have, and fetches for checkouts, with a
//! git that knows no configuration but ours and never runs in anybody else's repository.

pub mod act;
mod boundary;
mod branches;
mod config_path;
mod discover;
mod error;
mod graph;
mod group;
mod guard;
mod history;
mod identity;
mod link;
mod memo;
pub mod mirror;
mod open;
mod read;
mod reading;
mod status;
mod submodules;
mod tracking;
mod tree;
mod watch;
mod worktrees;

pub use boundary::Boundary;
pub use discover::{DiscoverOptions, Found, ManifestFolder, WorkTrees, discover, discover_within};
pub use history::Authors;
pub use identity::{environment_leaks, global_emails};
pub use link::{Checkout, CheckoutKind, enclosing_checkout};
pub use memo::HistoryMemo;
pub use read::{Depth, ReadOptions, read};
pub use reading::Reading;
pub use tracking::Tracking;
pub use tree::{CommitTree, WorkTree};
pub use watch::{Coverage, Purpose, WatchEvent, WatchFolders, Watched, Watcher, has_events};
pub use worktrees::{LinkedWorktree, linked_worktrees};
