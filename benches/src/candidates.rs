//! Who takes part: muster twice (state only, and the whole scan), and the peers with what each needs to answer the
//! same question. A peer that is not there stays in the list, with the way to install it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context, Result, ensure};

/// One competitor.
pub(crate) struct Candidate {
    /// As the report names it.
    pub(crate) name: &'static str,
    /// Its own words about its version, or why it does not run.
    pub(crate) version: String,
    /// What to do in a round; `None` if it is not installed.
    pub(crate) work: Option<Work>,
}

/// One round of one competitor.
pub(crate) enum Work {
    /// One program over the root.
    Program { command: Vec<OsString>, environment: Vec<(OsString, OsString)>, accepted: &'static [i32] },
    /// Git for each repository, two at a time, started by this process: no shell and no xargs on its bill.
    Git { git: OsString, repositories: Vec<PathBuf> },
}

/// Name of the row that the numbers to reach are about.
pub(crate) const STATE_ONLY: &str = "muster scan --state-only";
pub(crate) const GFOLD: &str = "gfold -d json";
pub(crate) const GITA: &str = "gita ll";
pub(crate) const GIT: &str = "git status + git log -1, 2 at a time";

/// All competitors; `scratch` is for what a peer must be told beforehand.
pub(crate) fn all(root: &Path, repositories: &[PathBuf], scratch: &Path) -> Result<Vec<Candidate>> {
    let muster = std::env::var_os("MUSTER_BIN").unwrap_or_else(|| "target/release/muster".into());
    let gfold = std::env::var_os("GFOLD").unwrap_or_else(|| "gfold".into());
    let gita = std::env::var_os("GITA").unwrap_or_else(|| "gita".into());
    let git: OsString = "git".into();
    let root = root.as_os_str().to_owned();

    // 4: a repository is listed with an error, as it would be in the peers' answers.
    let scan = |name, flags: &[&str]| {
        let mut command = vec![muster.clone(), "scan".into()];
        command.extend(flags.iter().map(OsString::from));
        command.extend(["--format".into(), "json".into(), root.clone()]);
        let work = Work::Program { command, environment: Vec::new(), accepted: &[0, 4] };
        candidate(
            name,
            &muster,
            work,
            "build it: cargo build --release --package muster, or name it in MUSTER_BIN",
        )
    };
    let gfold_work = Work::Program {
        command: vec![gfold.clone(), "-d".into(), "json".into(), root.clone()],
        environment: Vec::new(),
        accepted: &[0],
    };
    let gita_home: (OsString, OsString) = ("XDG_CONFIG_HOME".into(), scratch.into());
    let gita_work = Work::Program {
        command: vec![gita.clone(), "ll".into()],
        environment: vec![gita_home.clone()],
        accepted: &[0],
    };
    let candidates = vec![
        scan(STATE_ONLY, &["--state-only"]),
        scan("muster scan", &[]),
        candidate(GFOLD, &gfold, gfold_work, "install it: cargo install gfold, or name it in GFOLD"),
        candidate(GITA, &gita, gita_work, "install it: pip install gita, or name it in GITA"),
        candidate(
            GIT,
            &git,
            Work::Git { git: git.clone(), repositories: repositories.to_vec() },
            "install git",
        ),
    ];
    if candidates[3].work.is_some() {
        // Gita knows only what it was told.
        let output = Command::new(&gita).arg("add").args(repositories).envs([gita_home]).output();
        ensure!(output.context("gita add")?.status.success(), "gita add failed");
    }
    Ok(candidates)
}

fn candidate(name: &'static str, program: &OsString, work: Work, remedy: &str) -> Candidate {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => {
            let words = String::from_utf8_lossy(&output.stdout);
            let version = words.lines().next().unwrap_or_default().trim().to_owned();
            Candidate { name, version, work: Some(work) }
        }
        _ => {
            crate::tell(&format!("{name}: not installed; to have it in the table, {remedy}"));
            Candidate { name, version: "not installed".to_owned(), work: None }
        }
    }
}

impl Work {
    /// Does it once, output thrown away.
    pub(crate) fn run(&self) -> Result<()> {
        match self {
            Self::Program { command, environment, accepted } => {
                let mut process = Command::new(&command[0]);
                process.args(&command[1..]).envs(environment.iter().cloned());
                let status = quiet(&mut process).status();
                let status = status.with_context(|| format!("cannot run {}", command[0].display()))?;
                ensure!(
                    status.code().is_some_and(|code| accepted.contains(&code)),
                    "{} failed: {status}",
                    command[0].display()
                );
            }
            Self::Git { git, repositories } => {
                let next = AtomicUsize::new(0);
                let worker = || {
                    while let Some(repository) = repositories.get(next.fetch_add(1, Ordering::Relaxed)) {
                        run_git(git, repository, &["status", "--porcelain=v2", "--branch", "--show-stash"])?;
                        run_git(git, repository, &["log", "-1", "--format=%H%x00%an%x00%ae%x00%ct%x00%s"])?;
                    }
                    anyhow::Ok(())
                };
                std::thread::scope(|scope| {
                    let (one, two) = (scope.spawn(worker), scope.spawn(worker));
                    let joined = [one.join(), two.join()];
                    joined.into_iter().try_for_each(|result| {
                        result.unwrap_or_else(|_| Err(anyhow::anyhow!("a worker panicked")))
                    })
                })?;
            }
        }
        Ok(())
    }
}

fn run_git(git: &OsString, repository: &Path, args: &[&str]) -> Result<()> {
    let mut command = Command::new(git);
    command.arg("-C").arg(repository).args(args).env("GIT_OPTIONAL_LOCKS", "0");
    // A repository without a commit has no log, a bare one no status: an answer too.
    quiet(&mut command).status().map(drop).context("cannot run git")
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}
