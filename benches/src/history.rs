//! The repository whose history is read: a person's own (`BENCH_REPO`, a clone with or without a work tree), else a
//! generated one, the same in every run, with what is awkward to count: renames, merges, binary files. Served by a git
//! daemon on the loopback, under as many names as are asked for.

use std::{
    fmt::Write as _,
    io::Write as _,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use muster_testkit::{GitServer, Lab};

/// Commits of the generated history, merges not counted.
const COMMITS: u32 = 1_200;
/// Its files at the beginning, and the lines of each.
const FILES: u32 = 60;
const LINES: u32 = 240;
/// 2026-01-01T00:00:00Z; each commit is two hours later than the one before.
const FIRST_AT: u32 = 1_767_225_600;
const STEP: u32 = 7_200;

/// A served repository.
pub(crate) struct History {
    lab: Lab,
    server: GitServer,
    /// As the report names it.
    pub(crate) name: String,
}

impl History {
    /// The one that `BENCH_REPO` names, else the generated one.
    pub(crate) fn open() -> Result<Self> {
        let lab = Lab::new();
        let name = match std::env::var_os("BENCH_REPO") {
            Some(own) => {
                let own = PathBuf::from(own).canonicalize().context("BENCH_REPO")?;
                symlink(&own, lab.root().join("source"))?;
                own.display().to_string()
            }
            None => {
                generate(&lab)?;
                format!("a generated history of {COMMITS} commits and their merges")
            }
        };
        let server = GitServer::daemon(&lab);
        Ok(Self { lab, server, name })
    }

    /// Lets the repository be reached under another name too.
    pub(crate) fn alias(&self, name: &str) -> Result<()> {
        Ok(symlink(self.lab.root().join("source"), self.lab.root().join(name))?)
    }

    /// The address of the repository under this name on this host, which stands for the loopback.
    pub(crate) fn url(&self, host: &str, name: &str) -> String {
        format!("git://{host}:{}/{name}", self.server.address().port())
    }

    /// A folder for what belongs to this run.
    pub(crate) fn folder(&self) -> &Path {
        self.lab.folder()
    }

    /// Git without anybody's configuration.
    pub(crate) fn lab(&self) -> &Lab {
        &self.lab
    }
}

fn generate(lab: &Lab) -> Result<()> {
    let repo = lab.bare("source");
    let mut git = lab.git_command(repo.path());
    git.args(["fast-import", "--quiet"]).stdin(Stdio::piped());
    let mut git = git.spawn().context("cannot run git")?;
    git.stdin.take().context("no input")?.write_all(&script()?)?;
    ensure!(git.wait()?.success(), "git fast-import failed");
    Ok(())
}

/// For `git fast-import`.
fn script() -> Result<Vec<u8>> {
    let mut texts: Vec<(String, Vec<String>)> = (0..FILES)
        .map(|file| {
            let lines = (0..LINES).map(|line| format!("line {line} of file {file} as it was written first"));
            (format!("src/part{}/file{file}.txt", file % 7), lines.collect())
        })
        .collect();
    let mut script = Vec::new();
    let mut at = FIRST_AT;
    let mut chosen: Vec<usize> = (0..texts.len()).collect();
    for number in 0..COMMITS {
        at += STEP;
        let is_on_side = number % 25 == 7;
        let mut changes = String::new();
        if number > 0 {
            chosen = touched(number, texts.len());
        }
        for &file in &chosen {
            let (path, lines) = &mut texts[file];
            edit(lines, number);
            if number % 40 == 13 {
                let moved = format!("src/moved{number}/file{file}.txt");
                writeln!(changes, "R {path} {moved}")?;
                *path = moved;
            }
            let text = lines.join("\n") + "\n";
            writeln!(changes, "M 100644 inline {path}\ndata {}\n{text}", text.len())?;
        }
        let parent = if is_on_side && number > 0 { "from refs/heads/main\n" } else { "" };
        let branch = if is_on_side { "side" } else { "main" };
        let person = format!("Person {} <person{}@example.org> {at} +0000", number % 9, number % 9);
        let message = format!("Change {number}\n\nAs it was asked for.\n");
        let length = message.len();
        let head =
            format!("commit refs/heads/{branch}\ncommitter {person}\ndata {length}\n{message}{parent}");
        script.extend_from_slice(head.as_bytes());
        script.extend_from_slice(changes.as_bytes());
        if number % 50 == 20 {
            script.extend_from_slice(b"M 100644 inline logo.png\ndata 256\n");
            script
                .extend((0..=255_u8).map(|byte| byte.wrapping_mul(u8::try_from(number % 251).unwrap_or(1))));
            script.push(b'\n');
        }
        script.push(b'\n');
        if is_on_side {
            // Main goes on beside it, then both are joined; fast-import wants the whole tree of a merge said.
            let own = format!(
                "commit refs/heads/main\ncommitter {person}\ndata 5\nAside\nM 100644 inline aside.txt\ndata {}\n{number}\n\n",
                number.to_string().len()
            );
            let merge = format!(
                "commit refs/heads/main\ncommitter {person}\ndata 5\nMerge\nmerge refs/heads/side\n{changes}\n"
            );
            script.extend_from_slice(own.as_bytes());
            script.extend_from_slice(merge.as_bytes());
        }
    }
    Ok(script)
}

/// One to four files.
fn touched(number: u32, files: usize) -> Vec<usize> {
    let mut touched: Vec<usize> =
        (0..=number % 4).map(|step| (number as usize * 17 + step as usize * 23) % files).collect();
    touched.sort_unstable();
    touched.dedup();
    touched
}

/// Changes some lines, adds some, takes some away.
fn edit(lines: &mut Vec<String>, number: u32) {
    let length = lines.len();
    for step in 0..=(number as usize % 6) {
        let at = (number as usize * 31 + step * 53) % length;
        lines[at] = format!("line {at} as it is since change {number}");
    }
    if number.is_multiple_of(3) {
        let at = number as usize % length;
        lines.insert(at, format!("a line that change {number} brought"));
    } else if number % 3 == 1 && length > 100 {
        lines.remove(number as usize % length);
    }
}
