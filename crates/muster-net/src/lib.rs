//! All that leaves by HTTP. For now that is one thing: the command line asking a running muster.

mod server;

pub use server::{Server, ServerError};
