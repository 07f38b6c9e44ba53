//! The corpus: 100 repositories of 20 to 3,000 files, some 65,000 in all, in ordinary states. The same in every run
//! and on every machine, built once and kept. Files are older than the index, as they are in a checkout that was not
//! made a second ago: otherwise every tool would have to read them all.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};

/// Change it when the corpus changes: an old one is then not taken for the new one.
const VERSION: &str = "muster-bench-corpus-1";
const REPOSITORIES: u32 = 100;
/// 2026-01-01T00:00:00Z
const WRITTEN_AT: u64 = 1_767_225_600;

/// The corpus, built if it is not there yet.
pub(crate) fn ensure_built() -> Result<PathBuf> {
    let home = home();
    let root = home.join(VERSION);
    if root.is_dir() {
        return Ok(root);
    }
    crate::tell(&format!("building {REPOSITORIES} repositories in {}, once", root.display()));
    fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    // It gets its name when it is whole.
    let unfinished = tempfile::tempdir_in(&home).context("no room for the corpus")?;
    for number in 0..REPOSITORIES {
        build(&unfinished.path().join(format!("repo-{number:02}")), number)
            .with_context(|| format!("building repository {number}"))?;
    }
    fs::rename(unfinished.keep(), &root).context("cannot name the corpus")?;
    Ok(root)
}

/// Where things are kept from one run to the next.
pub(crate) fn home() -> PathBuf {
    std::env::var_os("BENCH_CORPUS").map_or_else(std::env::temp_dir, PathBuf::from)
}

/// Folders with a `.git` in them, at most six levels deep, sorted; not those inside others.
pub(crate) fn repositories_below(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        if folder.join(".git").exists() {
            found.push(folder);
        } else if depth < 6 {
            for entry in
                fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?.flatten()
            {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push((entry.path(), depth + 1));
                }
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Few large, many small: from 20 files to 3,000.
fn files_of(number: u32) -> u32 {
    let share = f64::from(number) / f64::from(REPOSITORIES - 1);
    let files = 20.0 + 2980.0 * share.powf(3.7);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 20 and 3,000")]
    let files = files.round() as u32;
    files
}

fn build(path: &Path, number: u32) -> Result<()> {
    fs::create_dir_all(path)?;
    let git = |args: &[&str]| git(path, args);
    git(&["init", "--quiet", "--initial-branch=main"])?;
    for file in 0..files_of(number) {
        let text = format!("file {file} of repository {number}\n").repeat(1 + (file % 40) as usize);
        write(&path.join(name_of(file)), &text)?;
    }
    write(&path.join(".gitignore"), "*.log\nbuild/\n")?;
    git(&["add", "--all"])?;
    git(&["commit", "--quiet", "--message", "Begin"])?;
    git(&["config", "remote.origin.url", "https://example.org/owner/name.git"])?;
    git(&["config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"])?;
    git(&["config", "branch.main.remote", "origin"])?;
    git(&["config", "branch.main.merge", "refs/heads/main"])?;
    git(&["update-ref", "refs/remotes/origin/main", "HEAD"])?;
    for (every, rest, change) in CHANGES {
        if number % every == *rest {
            change(path)?;
        }
    }
    Ok(())
}

type Change = fn(&Path) -> Result<()>;

/// Every how many repositories, from which on, what.
const CHANGES: &[(u32, u32, Change)] = &[
    (4, 1, |path| commit(path, "Only here")),
    (9, 2, |path| {
        commit(path, "Only there")?;
        git(path, &["update-ref", "refs/remotes/origin/main", "HEAD"])?;
        git(path, &["reset", "--quiet", "--hard", "HEAD~1"])
    }),
    (11, 3, |path| {
        write(&path.join(name_of(2)), "put aside\n")?;
        git(path, &["stash", "--quiet"])
    }),
    (13, 4, |path| git(path, &["checkout", "--quiet", "--detach"])),
    (5, 0, |path| (3..6).try_for_each(|file| write(&path.join(name_of(file)), "changed\n"))),
    (6, 0, |path| {
        write(&path.join("staged.txt"), "staged\n")?;
        git(path, &["add", "staged.txt"])
    }),
    (7, 0, |path| {
        write(&path.join("new.txt"), "new\n")?;
        write(&path.join("new/deeper/file.txt"), "new\n")
    }),
];

fn commit(path: &Path, subject: &str) -> Result<()> {
    write(&path.join("CHANGES.md"), subject)?;
    git(path, &["add", "--all"])?;
    git(path, &["commit", "--quiet", "--message", subject])
}

fn name_of(file: u32) -> String {
    format!("src/part{:02}/module{}/file{file}.txt", file % 23, file % 5)
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)?;
    File::options().write(true).open(path)?.set_modified(UNIX_EPOCH + Duration::from_secs(WRITTEN_AT))?;
    Ok(())
}

fn git(path: &Path, args: &[&str]) -> Result<()> {
    let date = format!("{WRITTEN_AT} +0000");
    let output = Command::new("git")
        .args(["-c", "user.name=Ada Example", "-c", "user.email=ada@example.org", "-c", "gc.auto=0"])
        .args(args)
        .current_dir(path)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_DATE", &date)
        .env("GIT_COMMITTER_DATE", date)
        .stdin(Stdio::null())
        .output()
        .context("cannot run git")?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {} failed: {}", args.join(" "), words.trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_are_as_promised() {
        let sizes: Vec<u32> = (0..REPOSITORIES).map(files_of).collect();
        assert_eq!((sizes[0], sizes[99]), (20, 3000));
        let total: u32 = sizes.iter().sum();
        assert!((62_000..68_000).contains(&total), "{total} files");
    }
}
