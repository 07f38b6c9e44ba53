//! The running service, asked over HTTP.

mod registry;
