//! The skin of muster: routes, who may ask, errors as problems, ready bodies, live events, and the shapes of the public
//! API, which the command line prints as well. Decides nothing about repositories; it asks muster-app and says what
//! comes back.

pub mod api;
pub mod config;
mod counters;
mod extract;
mod gate;
mod identity;
mod metrics;
mod needs;
mod problem;
mod ready;
mod security;
mod server;
mod state;
mod warm;
pub mod wire;

pub use api::openapi;
pub use config::Role;
pub use counters::HttpCounters;
pub use identity::Proxies;
pub use security::HostList;
pub use server::{BindError, Reach, bind, serve};
pub use state::{HttpState, Parts};
