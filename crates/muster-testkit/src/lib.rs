//! Stand-ins for the outside world that tests share: repositories made by the real git in a sealed [`Lab`], a zoo of
//! awkward states, hostile repositories whose every program leaves a trace, git's own answer to "what is the status"
//! ([`StatusOracle`]), a PostgreSQL or a Redis server for one test ([`Postgres`], [`Redis`]), a git server
//! ([`GitServer`]), and a clock that stands still.
//!
//! Knows muster-model alone, so that the tests of any crate may use it. Everything here panics with the command and
//! its output when something goes wrong: a test that cannot build its world has nothing to say.
//!
//! The tests run under another git when `MUSTER_TEST_GIT` names one, so that the oldest supported version and the
//! newest are tried by the same tests.

mod canaries;
mod clock;
mod git_server;
mod lab;
mod oracle;
mod postgres;
mod redis;
mod supervised;
mod unprivileged;
mod zoo;

pub use canaries::{CANARY_WAYS, canaries};
pub use clock::FixedClock;
pub use git_server::{Behaviour, GitServer};
pub use lab::{Lab, Repo};
pub use oracle::{OracleError, OracleStatus, StatusOracle};
pub use postgres::Postgres;
pub use redis::Redis;
pub use unprivileged::{is_root, unprivileged_command};
pub use zoo::state_zoo;
