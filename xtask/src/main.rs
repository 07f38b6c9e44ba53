//! The project's own tooling, run as `cargo xtask VERB`. Each verb is one module; this file knows their names only.
//! Kept out of the product: nothing here is imported by a crate that ships.

mod compare;
mod generate;
mod generate_store;
mod tidy;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};

const HELP: &str = "\
cargo xtask VERB

  tidy                 check the rules of the house (CONTRIBUTING.md), with file, line, reason and remedy
  generate [--check]   write the committed generated files anew; with --check only compare them
  generate-store TO REPOSITORIES COMMITS [SEED]
                       fill an empty store with made-up repositories: TO is a SQLite file or postgres://...
  compare DIR...       compare `muster scan --state-only` with git itself, for every checkout below DIR
                       (MUSTER_BIN names the program, else the release build)
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => workspace().and_then(|root| tidy::run(&root)),
        ["generate"] => workspace().and_then(|root| generate::write(&root, generate::GENERATED)),
        ["generate", "--check"] => workspace().and_then(|root| generate::check(&root, generate::GENERATED)),
        ["generate-store", args @ ..] if (3..=4).contains(&args.len()) => {
            workspace().and_then(|root| generate_store::run(&root, args))
        }
        ["compare", roots @ ..] if !roots.is_empty() => {
            compare::run(&roots.iter().map(PathBuf::from).collect::<Vec<_>>())
        }
        [] | ["help" | "--help" | "-h"] => {
            say(HELP.trim_end());
            return ExitCode::SUCCESS;
        }
        _ => {
            complain(HELP.trim_end());
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The folder of the root manifest.
fn workspace() -> Result<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(own.parent().context("xtask lies in no workspace")?.to_owned())
}

/// Prints a line of result.
#[expect(clippy::print_stdout, reason = "this program's output is text for a person")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// Prints a line about what is wrong.
#[expect(clippy::print_stderr, reason = "this program's output is text for a person")]
pub(crate) fn complain(line: &str) {
    eprintln!("{line}");
}
