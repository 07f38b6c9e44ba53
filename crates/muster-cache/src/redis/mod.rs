//! Redis or Valkey: one link, over which the second level of the cache, the invalidations of other nodes and the shared
//! rate limit go. Everything works without it, and nobody waits for it: a link that is away is not asked, and what it
//! misses is told when it is back. Only commands that Redis 6, Valkey and Dragonfly have are used. Why it is so is in
//! docs/decisions/0014-states-not-counts-in-redis.md.
//!
//! From below: `breaker.rs`, `keeper.rs`, `origin.rs` and `link.rs` are the connections, `level.rs` is values, `bus.rs` messages,
//! `limit.rs` the rate limit.

mod breaker;
mod bus;
mod check;
mod checks;
mod config;
mod envelope;
mod keeper;
mod keys;
mod level;
mod limit;
mod link;
mod message;
mod origin;
mod outbox;
mod stats;

pub use check::{CheckReport, CheckedNode};
pub use config::{RedisConfig, RedisConfigError};
pub use level::Away;
pub use link::RedisLink;
pub use stats::{LinkState, SharedStats};

pub(crate) use bus::{Unknown, run as run_bus};
pub(crate) use envelope::{Content, Parcel, unpack};
pub(crate) use level::{Arrived, Level, Look, Wanted};
pub(crate) use limit::{Rules, Verdict, VerdictKind};
pub(crate) use outbox::{Outbox, TagNews};
