//! A cache that is right when things change while they are being loaded, and a rate limiter; both free of the domain.
//!
//! What an entry means, who may see it and which event makes it wrong is the caller's business: here are keys, tags and
//! bytes. The first level lives in this process, bounded in bytes; a second one may lie in Redis, shared by all nodes
//! ([`redis`]). The design, and what is promised, is in docs/cache.md;
//! the measurements that shaped it are summed up in docs/decisions/0008-own-cache-core.md.
//!
//! The three rules everything else follows from: a tag is a counter that an entry compares with what it saw *before* its
//! load began; a load belongs to nobody who waits for it; a hit encodes nothing and waits for no lock.

mod body;
mod cache;
mod config;
mod engine;
mod entry;
mod fetch;
mod flight;
mod glob;
mod landing;
pub mod limiter;
pub mod negotiate;
mod patience;
mod popularity;
pub mod redis;
mod removals;
mod shared;
mod stats;
mod status;
mod store;
mod suggest;
mod tags;
mod time;
pub mod warm;

pub use body::{Body, FORMAT_VERSION, Rendered};
pub use cache::{Cache, DataType, EntryInfo};
pub use config::{CacheConfig, DataTypeConfig, Sharing};
pub use negotiate::Encoding;
pub use patience::of_request;
pub use popularity::Hot;
pub use stats::{CacheStats, TypeStats};
pub use status::{Found, FoundBody, LoadError, StaleDetail, StaleReason, Status};
pub use tags::{ALL_TAG, Stamp};
