//! `muster openapi`: the description of the HTTP API, made from the code.

use crate::{exit::Exit, output};

/// Runs the command.
pub(crate) fn run() -> anyhow::Result<Exit> {
    output::json(&muster_http::openapi())?;
    Ok(Exit::Fine)
}
