//! The ground floor: plain types and pure functions that every other crate of muster speaks.
//!
//! Knows nothing of git, SQL, HTTP or the file system; the one piece of the outside world here is the
//! [`clock`], because time is handed in everywhere else. Types are not serialized to clients: wire types are.

pub mod access;
pub mod address;
pub mod alert;
pub mod analysis;
pub mod catalogue;
pub mod category;
pub mod clock;
pub mod commit;
pub mod error;
pub mod git_state;
pub mod history;
pub mod id;
pub mod job;
pub mod project;
pub mod query;
pub mod recommendation;
pub mod redact;
pub mod relation;
pub mod remote_url;
pub mod repository;
pub mod source_tree;
pub mod unknown;
pub mod word;

pub use bstr::{BStr, BString, ByteSlice};
pub use jiff::Timestamp;

pub use access::{Scope, Scopes};
pub use address::AddressPolicy;
pub use clock::{Clock, SystemClock};
pub use commit::Commit;
pub use error::{ErrorCode, RepoError};
pub use id::{AlertId, JobId, NodeId, PlanId, RepoId, TokenId, WatchId};
pub use job::{JobRecord, JobState};
pub use remote_url::RemoteUrl;
pub use repository::Repository;
pub use source_tree::{ReadError, SourceTree, TreeEntry};
pub use unknown::{Unknown, UnknownReason};
pub use word::Word;
