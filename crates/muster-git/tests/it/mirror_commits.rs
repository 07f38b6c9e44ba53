//! Commits out of a mirror, held against `git log` under an empty configuration: the same numbers for the same commits,
//! whatever is in them.

use std::{cell::Cell, ops::ControlFlow, process::Command, sync::atomic::AtomicBool};

use muster_git::mirror::{Mirror, MirrorError, Mirrors, Watch, Window, read_commits};
use muster_model::Commit;
use muster_testkit::{GitServer, Lab, Repo, canaries};

use crate::mirror_support::*;

/// Mirrors `name` over HTTP.
#[track_caller]
fn mirrored(lab: &Lab, mirrors: &Mirrors, name: &str) -> Mirror {
    let server = GitServer::http(lab);
    mirror(mirrors, &http(&server, name), &window())
}

/// What SPEC calls the numbers: git's own, of all commits, as text.
#[track_caller]
fn gits_answer(lab: &Lab, path: &std::path::Path) -> String {
    let mut git = lab.git_command(path);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").arg("--git-dir").arg(path);
    git.args(["log", "-z", "--numstat", "-M", "--diff-merges=off", "--no-ext-diff", "--no-textconv"]);
    let output = git.args(["--format=tformat:@%H", "refs/heads/default"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The same text, made of what was read.
fn as_git_prints(commits: &[Commit]) -> String {
    let mut text = String::new();
    for commit in commits {
        text.extend([format!("@{}\0", commit.id)]);
        for (index, file) in commit.files.iter().enumerate() {
            let begin = if index == 0 { "\n" } else { "" };
            let lines = match file.lines {
                Some(lines) => format!("{begin}{}\t{}\t", lines.insertions, lines.deletions),
                None => format!("{begin}-\t-\t"),
            };
            let path = match &file.from {
                Some(from) => format!("\0{from}\0{}\0", file.path),
                None => format!("{}\0", file.path),
            };
            text.extend([lines, path]);
        }
    }
    text
}

/// Reads all and insists that git says the same, with one process and with several.
#[track_caller]
fn check_equal(lab: &Lab, mirror: &Mirror) -> Vec<Commit> {
    let listing = listing(mirror, &window());
    let commits = read(mirror, &listing, 1);
    assert_eq!(as_git_prints(&commits), gits_answer(lab, mirror.path()));
    assert_eq!(read(mirror, &listing, 3), commits);
    for commit in &commits {
        match commit.size {
            Some(size) => {
                assert_eq!(size.files, commit.files.len() as u64);
                let lines = || commit.files.iter().filter_map(|file| file.lines);
                assert_eq!(size.insertions, lines().map(|lines| lines.insertions).sum::<u64>());
                assert_eq!(size.deletions, lines().map(|lines| lines.deletions).sum::<u64>());
            }
            None => assert!(commit.is_merge() && commit.files.is_empty()),
        }
    }
    commits
}

/// Renames with and without changes, binary files, merges, modes, links, submodules, nothing at all.
fn awkward<'lab>(lab: &'lab Lab, name: &str) -> Repo<'lab> {
    let repo = lab.repo(name);
    let lines = (0..40).map(|line| format!("line {line}\n")).collect::<Vec<_>>().concat();
    repo.write("long.txt", &lines).write("no newline", "end").stage_all().git(["commit", "-qm", "Root"]);
    repo.git(["mv", "long.txt", "moved.txt"]).git(["commit", "-qm", "Rename"]);
    repo.write("moved.txt", &lines.replace("line 7\n", "seven\n")).git([
        "mv",
        "-k",
        "moved.txt",
        "again.txt",
    ]);
    repo.stage_all().git(["commit", "-qm", "Rename and change"]);
    repo.write_bytes("binary", &[0, 1, 2, 255]).stage_all().git(["commit", "-qm", "Binary"]);
    repo.write_bytes("binary", &[0, 1, 3]).stage_all().git(["commit", "-qm", "Binary changed"]);
    repo.make_executable("no newline").stage_all().git(["commit", "-qm", "Mode"]);
    repo.symlink("link", "again.txt").stage_all().git(["commit", "-qm", "Link"]);
    repo.git(["commit", "-q", "--allow-empty", "-m", "Nothing"]);
    let gitlink = "160000,1234567890123456789012345678901234567890,sub";
    repo.git(["update-index", "--add", "--cacheinfo", gitlink]).git(["commit", "-qm", "Submodule"]);
    repo.git(["checkout", "-q", "-b", "side", "HEAD~3"]).write("side", "1\n2\n").stage_all();
    repo.git(["commit", "-qm", "Side"]).git(["checkout", "-qf", "main"]);
    repo.git(["merge", "-q", "--no-ff", "-m", "Merge", "side"]);
    repo.git(["rm", "-q", "again.txt"]).git(["commit", "-qm", "Delete"])
}

#[test]
fn the_numbers_are_gits() {
    let lab = Lab::new();
    awkward(&lab, "a");
    let mirrors = mirrors(&lab);
    let commits = check_equal(&lab, &mirrored(&lab, &mirrors, "a"));
    let subjects: Vec<_> = commits.iter().map(Commit::subject).collect();
    assert_eq!(subjects.first().zip(subjects.last()), Some((&"Delete", &"Root")));
    let of = |subject: &str| commits.iter().find(|commit| commit.subject() == subject).unwrap();
    assert_eq!(of("Root").size.unwrap().insertions, 41);
    assert_eq!(of("Rename").files[0].from.as_deref(), Some("long.txt"));
    assert_eq!(of("Binary").files[0].lines, None);
    assert_eq!((of("Merge").size, of("Merge").parents.len()), (None, 2));
    assert_eq!(of("Nothing").size.unwrap().files, 0);
}

/// Makes a commit of these bytes and lets `main` point to it.
#[track_caller]
fn commit_raw(repo: &Repo<'_>, raw: &[u8]) -> String {
    use std::io::Write;
    let mut git = repo.lab().git_command(repo.path());
    git.args(["hash-object", "-t", "commit", "-w", "--stdin", "--literally"]);
    git.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = git.spawn().unwrap();
    child.stdin.take().unwrap().write_all(raw).unwrap();
    let output = child.wait_with_output().unwrap();
    let id = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    repo.git(["update-ref", "refs/heads/main", &id]);
    id
}

#[test]
fn hostile_names_messages_and_paths_are_read() {
    let lab = Lab::new();
    let repo = lab.repo("a");
    for name in [
        &b"tab\there"[..],
        b"new\nline",
        b"quote\"s",
        b"a => b",
        b"{x => y}",
        b"\xff\xfe",
        b"1\t2\tz",
        b"-",
        "ü".as_bytes(),
    ] {
        repo.write_raw_name(name, "x\n");
    }
    repo.stage_all().git(["commit", "-qm", "Names"]);
    let tree = repo.git_output(["rev-parse", "HEAD^{tree}"]).trim().to_owned();
    let parent = repo.git_output(["rev-parse", "HEAD"]).trim().to_owned();
    let message = format!("1\t2\tx\n\n{parent}\n-\t-\ty\n\u{1b}[31m\u{202e}");
    let raw = format!(
        "tree {tree}\nparent {parent}\nauthor A\tB => C <a@b> 1767230000 +0530\ncommitter  <> 1767230000 -0330\n\n{message}"
    );
    let parent = commit_raw(&repo, raw.as_bytes());
    let latin = [
        format!("tree {tree}\nparent {parent}\nauthor ").as_bytes(),
        b"J\xf6rg <j@x> 1767230000 +0000\ncommitter J\xf6rg <j@x> 1767230000 +0000\nencoding ISO-8859-1\n\nGr\xfc\xdfe",
    ]
    .concat();
    let parent = commit_raw(&repo, &latin);
    let huge = format!(
        "tree {tree}\nparent {parent}\nauthor A <a> 1767230000 +0000\ncommitter A <a> 1767230000 +0000\n\n{}",
        "long ".repeat(40_000)
    );
    let parent = commit_raw(&repo, huge.as_bytes());
    // Dates that no calendar has: beyond 64 bits, and none.
    let odd = format!(
        "tree {tree}\nparent {parent}\nauthor A <a> 99999999999999999999 +0000\ncommitter A <a> 1767230000 +9999\n\nOdd"
    );
    commit_raw(&repo, odd.as_bytes());
    let mirrors = mirrors(&lab);
    let mirror = mirrored(&lab, &mirrors, "a");
    let commits = check_equal(&lab, &mirror);
    assert_eq!(commits.len(), 5);
    assert_eq!(commits[0].author.at, at(0));
    assert_eq!(commits[0].committer.offset_minutes, 0);
    assert_eq!(commits[1].message.len(), 64 * 1024);
    assert_eq!((commits[2].author.name.as_str(), commits[2].subject()), ("Jörg", "Grüße"));
    assert_eq!(commits[3].message.trim_end(), message);
    assert_eq!((commits[3].author.name.as_str(), commits[3].author.offset_minutes), ("A\tB => C", 330));
    assert_eq!((commits[3].committer.email.as_str(), commits[3].committer.offset_minutes), ("", -210));
    assert_eq!(commits[4].files.len(), 9);
    assert!(commits[4].files.iter().any(|file| file.path == "new\nline"));
}

#[test]
fn the_mailmap_of_the_tip_holds() {
    let lab = Lab::new();
    let repo = lab.repo("a").write("a", "1\n").stage_all().git(["commit", "-qm", "One"]);
    repo.write(".mailmap", "Ada Lovelace <ada@new.example> <ADA@example.org>\n").stage_all();
    repo.git(["commit", "-qm", "Two"]);
    let mirrors = mirrors(&lab);
    let mirror = mirrored(&lab, &mirrors, "a");
    let listing = listing(&mirror, &window());
    assert!(listing.mailmap.is_some());
    for commit in read(&mirror, &listing, 2) {
        assert_eq!(
            (commit.author.name.as_str(), commit.committer.email.as_str()),
            ("Ada Lovelace", "ada@new.example")
        );
    }
    let without = muster_git::mirror::Listing { mailmap: None, ..listing };
    assert!(read(&mirror, &without, 1).iter().all(|commit| commit.author.name == "Ada Example"));
}

#[test]
fn thousands_of_files_are_counted_and_the_first_listed() {
    let lab = Lab::new();
    let repo = lab.repo("a");
    for number in 0..20_050 {
        repo.write(format!("{}/{number}", number % 50), "1\n");
    }
    repo.stage_all().git(["commit", "-qm", "Many"]);
    let mirrors = mirrors(&lab);
    let mirror = mirrored(&lab, &mirrors, "a");
    let commits = read(&mirror, &listing(&mirror, &window()), 1);
    assert_eq!(commits[0].size.unwrap().files, 20_050);
    assert_eq!((commits[0].size.unwrap().insertions, commits[0].files.len()), (20_050, 20_000));
}

#[test]
fn a_part_of_the_list_is_read_in_its_order() {
    let lab = Lab::new();
    history(&lab, "a", 700);
    let mirrors = mirrors(&lab);
    let server = GitServer::http(&lab);
    let window = Window { at_most: 700, ..window() };
    let mirror = mirror(&mirrors, &http(&server, "a"), &window);
    let mut listing = listing(&mirror, &window);
    listing.ids = listing.ids.split_off(123);
    listing.ids.reverse();
    let commits = read(&mirror, &listing, 4);
    assert!(commits.iter().map(|commit| &commit.id).eq(&listing.ids));
}

#[test]
fn the_reader_can_be_stopped_and_strange_ids_are_refused() {
    let lab = Lab::new();
    history(&lab, "a", 2_000);
    let mirrors = mirrors(&lab);
    let server = GitServer::http(&lab);
    let window = Window { at_most: 2_000, ..window() };
    let mirror = mirror(&mirrors, &http(&server, "a"), &window);
    let ids = listing(&mirror, &window).ids;
    let four = std::num::NonZeroUsize::new(4).unwrap();
    let batches = Cell::new(0);
    let mut sink = |_: Vec<Commit>| {
        batches.set(batches.get() + 1);
        ControlFlow::Break(())
    };
    read_commits(&mirror, &ids, None, four, &LIMITS, &onlooker(), &mut sink).unwrap();
    assert_eq!(batches.get(), 1);
    let cancelled = AtomicBool::new(true);
    let watch = Watch { progress: &|_| {}, cancelled: &cancelled };
    let stopped = read_commits(&mirror, &ids, None, four, &LIMITS, &watch, &mut sink);
    assert_eq!(stopped, Err(MirrorError::Cancelled));
    for odd in ["--output=/tmp/x", "HEAD", "", "-z"] {
        let odd = [odd.to_owned()];
        let refused = read_commits(&mirror, &odd, None, four, &LIMITS, &onlooker(), &mut sink);
        assert!(matches!(refused, Err(MirrorError::Failed { .. })), "{odd:?}");
    }
    let missing = ["1".repeat(40)];
    let error = read_commits(&mirror, &missing, None, four, &LIMITS, &onlooker(), &mut sink).unwrap_err();
    assert!(matches!(error, MirrorError::Corrupt { .. }), "{error:?}");
}

#[test]
fn nothing_of_a_repository_is_run() {
    let lab = Lab::new();
    let (repo, folder) = canaries(&lab);
    let sung = || std::fs::read_dir(&folder).unwrap().count();
    let mirrors = mirrors(&lab);
    // Served from a copy without its configuration: what the server's own git runs is the server's matter.
    let copy = lab.root().join("copy.git");
    let status = Command::new("cp").arg("-r").arg(repo.path().join(".git")).arg(&copy).status().unwrap();
    assert!(status.success());
    std::fs::write(copy.join("config"), "[core]\nbare = true\nrepositoryformatversion = 0\n").unwrap();
    let before = sung();
    let mirror = mirrored(&lab, &mirrors, "copy.git");
    check_equal(&lab, &mirror);
    assert_eq!(sung(), before);
    let config = std::fs::read_to_string(mirror.path().join("config")).unwrap();
    assert!(!config.contains("filter") && !config.contains("diff"), "{config}");
    assert!(!mirror.path().join("hooks").exists());
}
