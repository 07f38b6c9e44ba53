//! Random histories and random changes, judged by git: how far branches are apart, what no remote has, how many entries
//! a rename makes of two. Every run builds the same repositories; a difference names the seed.

#![expect(clippy::format_push_string, clippy::format_collect, reason = "text for git, made once")]

use std::{io::Write, process::Stdio};

use muster_testkit::{Lab, Repo, StatusOracle};
use serde_json::json;

use crate::run::{named, scan};

/// A small generator, so that a seed says everything.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }
}

fn import(repo: &Repo<'_>, stream: &str) {
    let mut command = repo.lab().git_command(repo.path());
    let mut child = command
        .args(["fast-import", "--quiet", "--force"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("git fast-import starts");
    child.stdin.take().expect("a pipe").write_all(stream.as_bytes()).expect("written");
    assert!(child.wait().expect("it ends").success(), "git fast-import");
}

/// Sixty commits with one or two parents each, committed by people whose clocks are an hour wrong at times, and a
/// handful of branches here and at the remote that point anywhere.
fn random_history(lab: &Lab, name: &str, seed: u64) {
    const COMMITS: usize = 60;
    let mut random = Random(seed);
    let mut stream = String::new();
    for mark in 1..=COMMITS {
        let seconds = 1_767_225_600 + mark * 600 + random.below(6000);
        stream.push_str(&format!(
            "commit refs/heads/scratch\nmark :{mark}\ncommitter A <a@example.org> {seconds} +0000\ndata 1\nc\n"
        ));
        if mark > 1 {
            let nearest = 1.max(mark.saturating_sub(8));
            let parent = nearest + random.below(mark - nearest);
            stream.push_str(&format!("from :{parent}\n"));
            let other = nearest + random.below(mark - nearest);
            if other != parent && random.below(4) == 0 {
                stream.push_str(&format!("merge :{other}\n"));
            }
        }
    }
    for (place, count) in [("heads/b", 5), ("remotes/origin/b", 3)] {
        for number in 0..count {
            let mark = COMMITS / 3 + random.below(COMMITS * 2 / 3) + 1;
            stream.push_str(&format!("reset refs/{place}{number}\nfrom :{mark}\n\n"));
        }
    }
    stream.push_str("reset refs/heads/scratch\nfrom 0000000000000000000000000000000000000000\n\n");
    let repo = lab.repo(name);
    import(&repo, &stream);
    repo.git(["remote", "add", "origin", "https://host.example/a/b"])
        .git(["symbolic-ref", "HEAD", "refs/heads/b0"])
        .git(["branch", "--quiet", "--set-upstream-to=origin/b0", "b0"]);
}

#[test]
fn divergence_and_unpushed_commits_are_those_of_git() {
    const SEEDS: u64 = 25;
    let lab = Lab::new();
    for seed in 0..SEEDS {
        random_history(&lab, &format!("history-{seed}"), seed);
    }
    let projects = scan(&lab, &[]);
    for seed in 0..SEEDS {
        let name = format!("history-{seed}");
        let git = &named(&projects, &name)["git"];
        let repo = lab.open(lab.root().join(&name));
        let count = |args: &[&str]| {
            let text = repo.git_output([&["rev-list", "--count"], args].concat());
            text.trim().parse::<u64>().expect("a number")
        };
        assert_eq!(git["ahead"], json!(count(&["refs/remotes/origin/b0..refs/heads/b0"])), "{name}");
        assert_eq!(git["behind"], json!(count(&["refs/heads/b0..refs/remotes/origin/b0"])), "{name}");
        let expected: Vec<_> = (0..5)
            .map(|number| format!("b{number}"))
            .map(|branch| (count(&[&format!("refs/heads/{branch}"), "--not", "--remotes"]), branch))
            .filter(|(commits, _)| *commits > 0)
            .map(|(commits, branch)| json!({"name": branch, "commits": commits}))
            .collect();
        assert_eq!(git["unpushed_branches"], json!(expected), "{name}");
        assert_eq!(git["local_only_branches"], json!(["b3", "b4"]), "{name}");
    }
}

/// Twelve files, some alike; some are moved, changed, split, emptied, deleted or new, all staged.
fn random_changes(lab: &Lab, name: &str, seed: u64) {
    let mut random = Random(seed);
    let repo = lab.repo(name);
    let mut contents: Vec<String> = Vec::new();
    for number in 0..12 {
        let lines = random.below(40);
        let alike = random.below(3);
        let content: String =
            (0..lines).map(|line| format!("line {} of kind {alike}{}\n", line, random.below(2))).collect();
        repo.write(format!("dir{}/file{number}.txt", number % 3), &content);
        contents.push(content);
    }
    let repo = repo.commit_all("Begin");
    for (number, content) in contents.iter().enumerate() {
        let path = format!("dir{}/file{number}.txt", number % 3);
        let mut lines: Vec<&str> = content.split_inclusive('\n').collect();
        for _ in 0..random.below(lines.len() / 2 + 2) {
            if !lines.is_empty() {
                let at = random.below(lines.len());
                if random.below(2) == 0 {
                    lines.remove(at);
                } else {
                    lines[at] = "something else entirely\n";
                }
            }
        }
        let changed = lines.concat();
        let target = match random.below(3) {
            0 => format!("moved/file{number}.txt"),
            1 => format!("moved/other{number}.txt"),
            _ => format!("dir{}/file{number}.txt", (number + 1) % 3),
        };
        match random.below(5) {
            0 => {}
            1 => drop(repo.remove(&path).write(&target, content)),
            2 | 3 => drop(repo.remove(&path).write(&target, &changed)),
            _ => drop(repo.remove(&path)),
        }
    }
    for number in 0..random.below(3) {
        repo.write(format!("new/file{number}.txt"), &contents[random.below(contents.len())]);
    }
    repo.stage_all();
}

#[test]
fn renames_make_as_many_entries_as_in_git() {
    const SEEDS: u64 = 60;
    let lab = Lab::new();
    for seed in 0..SEEDS {
        random_changes(&lab, &format!("changes-{seed}"), seed);
    }
    let oracle = StatusOracle::in_lab(&lab);
    let projects = scan(&lab, &["--state-only"]);
    let mut renamed = 0;
    for seed in 0..SEEDS {
        let name = format!("changes-{seed}");
        let repo = lab.open(lab.root().join(&name));
        let expected = oracle.read(repo.path()).expect("git has an answer");
        assert_eq!(named(&projects, &name)["git"]["staged"], json!(expected.staged), "{name}");
        let lines = repo.git_output(["status", "--porcelain=v2"]);
        renamed += lines.lines().filter(|line| line.starts_with("2 ")).count();
    }
    assert!(renamed > 100, "the changes hold renames enough to prove something: {renamed}");
}
