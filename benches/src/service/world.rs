//! Small ordinary projects for the service: a README, a manifest, some sources, one commit each. Made anew for each part
//! by the real git, in a folder that goes away.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

const SOURCES: usize = 12;

pub(crate) struct World {
    folder: TempDir,
}

impl World {
    pub(crate) fn new(projects: usize) -> Result<Self> {
        let world = Self { folder: tempfile::tempdir()? };
        fs::write(
            world.folder.path().join("gitconfig"),
            "[user]\n\tname = Ada Example\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n",
        )?;
        for number in 0..projects {
            world.build(number).with_context(|| format!("building project {number}"))?;
        }
        Ok(world)
    }

    pub(crate) fn name(number: usize) -> String {
        format!("project-{number:04}")
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("code")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Commits one edited file; the new head.
    pub(crate) fn commit(&self, number: usize) -> Result<String> {
        let path = self.root().join(Self::name(number));
        let source = path.join("src/part_0.rs");
        let text = fs::read_to_string(&source)? + "// one more line\n";
        fs::write(&source, text)?;
        self.git(&path, &["commit", "--quiet", "--all", "--message", "One more line"])?;
        Ok(self.git(&path, &["rev-parse", "HEAD"])?.trim().to_owned())
    }

    /// Keeps the person's own configuration out.
    pub(crate) fn seal<'command>(&self, command: &'command mut Command) -> &'command mut Command {
        command
            .env("GIT_CONFIG_GLOBAL", self.folder.path().join("gitconfig"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", self.folder.path())
            .env("XDG_CONFIG_HOME", self.folder.path())
    }

    fn build(&self, number: usize) -> Result<()> {
        let path = self.root().join(Self::name(number));
        fs::create_dir_all(path.join("src"))?;
        fs::write(path.join("README.md"), format!("# Project {number}\n\nOne of many.\n"))?;
        fs::write(
            path.join("Cargo.toml"),
            format!("[package]\nname = \"project-{number}\"\nversion = \"0.1.0\"\n"),
        )?;
        for source in 0..SOURCES {
            fs::write(
                path.join(format!("src/part_{source}.rs")),
                "pub fn part() -> u32 {\n    1\n}\n".repeat(20),
            )?;
        }
        self.git(&path, &["init", "--quiet"])?;
        self.git(&path, &["add", "."])?;
        self.git(&path, &["commit", "--quiet", "--message", "Begin"])?;
        Ok(())
    }

    fn git(&self, folder: &Path, args: &[&str]) -> Result<String> {
        let output = self
            .seal(&mut Command::new("git"))
            .current_dir(folder)
            .args(args)
            .stdin(Stdio::null())
            .output()
            .context("cannot start git")?;
        ensure!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
