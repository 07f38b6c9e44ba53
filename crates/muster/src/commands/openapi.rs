//! `muster openapi`: the description of the HTTP API, made from the code.

use crate::{exit::Exit, output};

/// Runs the command.
pub(crate) fn run() -> anyhow::Result<Exit> {
    output::line(&muster_http::openapi().to_pretty_json()?)?;
    Ok(Exit::Fine)
}
