//! A thousand commits of one repository, from a mirror on disk to rows in a database, beside `git log --numstat` (whose
//! numbers they must be, to the line) and PyDriller. All read the same mirror. Times are of this process and of the
//! programs that it starts; the database is opened before, as in a server.

mod muster;

use std::{collections::HashMap, path::Path, process::Stdio};

use anyhow::{Context, Result, ensure};
use muster_model::Commit;

use crate::{
    history::History,
    measure::{cost, load, rotating},
    peers::PyDriller,
    report::{Row, cpus, table},
};

use muster::{Backfill, Rows};

/// Commits that are read.
const COMMITS: usize = 1_000;
const GIT: &str = "git log -1000 --numstat -M --diff-merges=off";
const STORED: &str = "muster: list, read by 2 processes, store in SQLite";
const READ: &str = "muster: list, read by 2 processes";
const PYDRILLER: &str = "PyDriller: files, lines added and removed";

/// Measures and prints the report.
#[expect(clippy::print_stdout, reason = "the report is this program's output")]
pub(crate) fn run(rounds: usize) -> Result<()> {
    let history = History::open()?;
    crate::tell(&format!("backfill: a mirror of {}", history.name));
    let backfill = Backfill::prepare(&history, COMMITS)?;
    let repository = backfill.repository();
    let peer = PyDriller::find()?;
    let load_before = load();

    // What is counted stands before what is timed: fast and wrong would be no answer.
    let expected = git_counts(&history, repository)?;
    let stored = backfill.stored()?;
    let differing = differences(&expected, &stored);
    let samples = rotating(4, rounds, |index| {
        Ok(match index {
            0 => Some(cost(|| git_log(&history, repository))?.1),
            1 => Some(backfill.timed(Rows::Stored)?),
            2 => Some(backfill.timed(Rows::Dropped)?),
            _ => match &peer {
                Ok(peer) => Some(cost(|| peer.count(repository, COMMITS))?.1),
                Err(_) => None,
            },
        })
    })?;

    let git_version = history.lab().run_git(repository, ["--version"]);
    let driller = match &peer {
        Ok(peer) => peer.version.clone(),
        Err(remedy) => format!("not installed: {remedy}"),
    };
    let versions = [git_version.trim(), "this one", "this one", &driller];
    let names = [GIT, STORED, READ, PYDRILLER];
    let rows: Vec<_> = (0..4).map(|index| Row::new(names[index], versions[index], &samples[index])).collect();
    let merges = stored.iter().filter(|commit| commit.is_merge()).count();
    println!("\nBackfill of {} commits ({merges} merges) of {},", stored.len(), history.name);
    println!(
        "median of {rounds} interleaved rounds, load {load_before} before and {} after, {} CPUs.\n",
        load(),
        cpus()
    );
    print!("{}", table(&rows, &[(GIT, "git"), (PYDRILLER, "PyDriller")]));
    println!(
        "\n- commits whose counts (each file's lines) differ from git's: {differing} of {}",
        expected.len()
    );
    if let Ok(peer) = &peer {
        println!(
            "- commits whose sums differ from git's in PyDriller, merges aside: {}",
            sums_differ(peer, repository, &expected)?
        );
    }
    let goal = |what: &str, share: Option<f64>, most: f64| match share {
        Some(share) if share <= most => println!("- {what} at most {most}: {share:.2}: reached"),
        Some(share) => println!("- {what} at most {most}: {share:.2}: NOT reached"),
        None => println!("- {what} at most {most}: not measured"),
    };
    let to_git = rows[1].shares(&rows[0]);
    goal("wall / git", to_git.map(|(wall, _)| wall), 0.75);
    goal("CPU / git", to_git.map(|(_, cpu)| cpu), 1.1);
    goal("wall / PyDriller", rows[1].shares(&rows[3]).map(|(wall, _)| wall), 0.25);
    Ok(())
}

/// The peer: nothing but git, its output thrown away.
fn git_log(history: &History, repository: &Path) -> Result<()> {
    let mut git = history.lab().git_command(repository);
    git.args(["log", "-1000", "--numstat", "-M", "--diff-merges=off"]).stdout(Stdio::null());
    let status = git.status().context("cannot run git")?;
    ensure!(status.success(), "git log failed");
    Ok(())
}

/// Lines that a file gained and lost; `None` if it is binary.
type Lines = Option<(u64, u64)>;

/// What git says of each commit, file by file; `None` for a merge.
fn git_counts(history: &History, repository: &Path) -> Result<HashMap<String, Option<Vec<Lines>>>> {
    let format = "--format=commit %H %P";
    let text = history.lab().run_git(
        repository,
        ["log", "-1000", "--numstat", "-M", "--diff-merges=off", "--no-ext-diff", "--no-textconv", format],
    );
    let mut counts = HashMap::new();
    let mut current: Option<(String, Option<Vec<Lines>>)> = None;
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("commit ") {
            counts.extend(current.take());
            let ids: Vec<&str> = rest.split(' ').collect();
            current = Some((ids[0].to_owned(), (ids.len() <= 2).then(Vec::new)));
        } else {
            let mut fields = line.split('\t');
            let (added, removed) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            let lines = if added == "-" { None } else { Some((added.parse()?, removed.parse()?)) };
            let (_, files) = current.as_mut().context("numbers before a commit")?;
            files.as_mut().context("numbers of a merge")?.push(lines);
        }
    }
    counts.extend(current);
    Ok(counts)
}

/// Commits that are stored otherwise than git says, or not, or too many.
fn differences(expected: &HashMap<String, Option<Vec<Lines>>>, stored: &[Commit]) -> usize {
    let stored: HashMap<&str, Option<Vec<Lines>>> = stored
        .iter()
        .map(|commit| {
            let lines = |file: &muster_model::commit::FileChange| {
                file.lines.map(|lines| (lines.insertions, lines.deletions))
            };
            let files: Vec<Lines> = commit.files.iter().map(lines).collect();
            let sum = |of: fn((u64, u64)) -> u64| files.iter().flatten().copied().map(of).sum::<u64>();
            let is_consistent = commit.size.is_none_or(|size| {
                (size.files, size.insertions, size.deletions)
                    == (files.len() as u64, sum(|lines| lines.0), sum(|lines| lines.1))
            });
            // Sums that do not fit their files are as wrong as other numbers.
            (
                commit.id.as_str(),
                commit.size.map(|_| if is_consistent { files } else { vec![Some((0, 0)); 1] }),
            )
        })
        .collect();
    let wrong = expected.iter().filter(|(id, files)| stored.get(id.as_str()) != Some(files)).count();
    wrong + stored.keys().filter(|id| !expected.contains_key(**id)).count()
}

/// Commits, merges aside, of which PyDriller says other sums than git.
fn sums_differ(
    peer: &PyDriller,
    repository: &Path,
    expected: &HashMap<String, Option<Vec<Lines>>>,
) -> Result<usize> {
    let mut differing = 0;
    for line in peer.count(repository, COMMITS)?.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [id, _, files, added, removed] = fields[..] else { continue };
        let Some(Some(counted)) = expected.get(id) else { continue };
        let sum = |of: fn((u64, u64)) -> u64| counted.iter().flatten().copied().map(of).sum::<u64>();
        let own = [counted.len() as u64, sum(|lines| lines.0), sum(|lines| lines.1)];
        let theirs: Vec<u64> = [files, added, removed].iter().filter_map(|text| text.parse().ok()).collect();
        differing += usize::from(own.as_slice() != theirs);
    }
    Ok(differing)
}
