//! `cargo xtask generate-store`: a store as large as wanted, of repositories that do not exist. The work is done by
//! `muster-bench generate-store`, which stands on the store's own types; this tool builds without them, so that it starts
//! at once.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};

/// Builds the generator as it is measured and runs it.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<bool> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["run", "--quiet", "--release", "--locked", "--package", "muster-bench", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .args(["--", "generate-store"])
        .args(args)
        .status()
        .context("cannot start cargo")?;
    Ok(status.success())
}
