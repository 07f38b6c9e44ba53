//! `muster man`: the manual page from the same descriptions as the help, on stdout or one file per command.

use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;

use crate::{args::Args, exit::Exit};

/// Runs the command.
pub(crate) fn run(dir: Option<&Path>) -> anyhow::Result<Exit> {
    let command = Args::command();
    match dir {
        Some(dir) => {
            std::fs::create_dir_all(dir)
                .with_context(|| format!("cannot make the folder {}", dir.display()))?;
            clap_mangen::generate_to(command, dir)
                .with_context(|| format!("cannot write the manual pages into {}", dir.display()))?;
        }
        None => clap_mangen::Man::new(command).render(&mut std::io::stdout())?,
    }
    Ok(Exit::Fine)
}
