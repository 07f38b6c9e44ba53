//! Whole histories without files: every number is git's, nothing but commits is copied where the server knows how, and
//! what is odd or hostile is in nobody's way.

use muster_git::mirror::{MirrorError, MirrorLimits, Mirrors, Source, whole_history};
use muster_model::history::WholeHistory;
use muster_testkit::{GitServer, Lab, Repo};

use crate::mirror_support::*;

fn try_whole(mirrors: &Mirrors, source: &Source, mailmap: Option<&str>) -> Result<WholeHistory, MirrorError> {
    let refs = refs(mirrors, source)?;
    whole_history(mirrors, id(1), source, &refs, mailmap, &LIMITS, &onlooker())
}

#[track_caller]
fn whole(mirrors: &Mirrors, source: &Source) -> WholeHistory {
    try_whole(mirrors, source, None).unwrap()
}

/// What git says of it, in the same words.
#[track_caller]
fn same_as_git(repo: &Repo<'_>, whole: &WholeHistory) {
    let count =
        |args: &[&str]| repo.git_output([&["rev-list", "--count"], args].concat()).trim().parse().unwrap();
    assert_eq!((whole.commits, whole.merges), (count(&["HEAD"]), count(&["--merges", "HEAD"])));
    let times = repo.git_output(["log", "--format=%ct"]);
    let times = || times.lines().map(|time| at(time.parse().unwrap()));
    assert_eq!((whole.first_at, whole.last_at), (times().min(), times().max()));
    let authors = repo.git_output(["log", "--format=%an <%ae>"]);
    let mut expected: Vec<&str> = authors.lines().collect();
    expected.sort_unstable();
    let mut found: Vec<String> = Vec::new();
    for author in &whole.authors {
        for _ in 0..author.commits {
            found.push(format!("{} <{}>", author.name, author.email));
        }
    }
    found.sort_unstable();
    assert_eq!(found, expected);
    let tips = |prefix: &str| {
        let format = "--format=%(refname:lstrip=2) %(committerdate:unix)%(*committerdate:unix)";
        let mut lines: Vec<String> =
            repo.git_output(["for-each-ref", format, prefix]).lines().map(str::to_owned).collect();
        lines.retain(|line| !line.starts_with("main "));
        lines
    };
    let of = |tips: &[muster_model::history::RefTip]| -> Vec<String> {
        let time =
            |at: Option<muster_model::Timestamp>| at.map_or(String::new(), |at| at.as_second().to_string());
        tips.iter().map(|tip| format!("{} {}", tip.name, time(tip.at))).collect()
    };
    assert_eq!(of(&whole.branches), tips("refs/heads"));
    assert_eq!(of(&whole.tags), tips("refs/tags"));
}

/// A history with branches, merges and tags of all kinds.
fn eventful<'lab>(lab: &'lab Lab, name: &str) -> Repo<'lab> {
    let repo = history(lab, name, 40);
    repo.git(["checkout", "-q", "main"]);
    repo.git(["branch", "old", "HEAD~30"]).git(["branch", "feature/deep/er", "HEAD~2"]);
    repo.git(["checkout", "-q", "-b", "side", "HEAD~5"]).commit_file("side", "side").git(["tag", "on-side"]);
    repo.git(["checkout", "-q", "main"]).git(["merge", "-q", "--no-ff", "-m", "merge", "feature/deep/er"]);
    repo.git(["merge", "-q", "--no-ff", "-m", "join", "side"]).commit_file("last", "last");
    repo.git(["tag", "v1", "HEAD~3"]).git(["tag", "-a", "-m", "two", "v2"]);
    repo
}

#[test]
fn every_number_is_that_of_git_and_no_file_is_copied() {
    let lab = Lab::new();
    let repo = eventful(&lab, "a");
    repo.git(["config", "uploadpack.allowFilter", "true"]);
    let server = GitServer::http(&lab);
    let mirrors = mirrors(&lab);
    same_as_git(&repo, &whole(&mirrors, &http(&server, "a")));
    let copy = lab.folder().join("mirrors").join(format!("{}.all.git", id(1)));
    let objects = lab.run_git(&copy, ["cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"]);
    assert!(objects.lines().all(|kind| kind == "commit"), "{objects}");

    // Brought up to date: what is new comes, what is gone goes.
    repo.commit_file("more", "more").git(["branch", "-D", "-q", "old"]).git(["tag", "-d", "v1"]);
    same_as_git(&repo, &whole(&mirrors, &http(&server, "a")));
    // Rewritten, and the commit of a tag is on no branch any more.
    repo.git(["reset", "-q", "--hard", "HEAD~4"]).commit_file("other", "other");
    let rewritten = whole(&mirrors, &http(&server, "a"));
    assert_eq!(rewritten.tags.iter().find(|tag| tag.name == "v2").map(|tag| tag.at), Some(None));
    repo.git(["tag", "-d", "v2"]);
    same_as_git(&repo, &whole(&mirrors, &http(&server, "a")));
}

#[test]
fn a_server_without_filters_sends_everything_and_the_numbers_are_the_same() {
    let lab = Lab::new();
    let repo = eventful(&lab, "a");
    let server = GitServer::daemon(&lab);
    same_as_git(&repo, &whole(&mirrors(&lab), &daemon(&server, "a")));
}

#[test]
fn tags_of_files_and_trees_are_in_nobodys_way() {
    let lab = Lab::new();
    let repo = eventful(&lab, "a");
    repo.git(["config", "uploadpack.allowFilter", "true"]);
    repo.git(["tag", "tree", "HEAD^{tree}"]).git(["tag", "-a", "-m", "key", "file", "HEAD:last"]);
    let server = GitServer::http(&lab);
    let whole = whole(&mirrors(&lab), &http(&server, "a"));
    let undated: Vec<_> = whole.tags.iter().filter(|tag| tag.at.is_none()).map(|tag| &*tag.name).collect();
    assert_eq!((whole.tags.len(), undated), (5, vec!["file", "tree"]));
}

#[test]
fn people_are_read_through_the_mailmap_of_the_mirror() {
    let lab = Lab::new();
    let repo = history(&lab, "a", 5);
    repo.git(["checkout", "-q", "main"]);
    repo.commit_file(".mailmap", "Ada Lovelace <ada@lovelace.example> <ada@example.org>\n");
    repo.git(["config", "uploadpack.allowFilter", "true"]);
    let server = GitServer::http(&lab);
    let (mirrors, source) = (mirrors(&lab), http(&server, "a"));
    let mailmap = listing(&mirror(&mirrors, &source, &window()), &window()).mailmap.expect("a mailmap");
    let found = try_whole(&mirrors, &source, Some(&mailmap)).unwrap();
    assert!(found.authors.iter().any(|author| author.email == "ada@lovelace.example"), "{:?}", found.authors);
    assert!(found.authors.iter().all(|author| author.email != "ada@example.org"), "{:?}", found.authors);
}

#[test]
fn limits_hold_and_nothing_unfinished_is_left() {
    let lab = Lab::new();
    history(&lab, "a", 300);
    let server = GitServer::daemon(&lab);
    let (mirrors, source) = (mirrors(&lab), daemon(&server, "a"));
    let refs = refs(&mirrors, &source).unwrap();
    let limits = MirrorLimits { max_bytes: 1_000, ..LIMITS };
    let failed = whole_history(&mirrors, id(1), &source, &refs, None, &limits, &onlooker());
    assert!(matches!(failed, Err(MirrorError::TooLarge { .. })), "{failed:?}");
    assert_eq!(mirrors.sizes().unwrap(), []);
    assert_eq!(whole(&mirrors, &source).commits, 300);
    assert_eq!(mirrors.sizes().unwrap().len(), 1);
    mirrors.remove(id(1)).unwrap();
    assert_eq!(mirrors.sizes().unwrap(), []);
}

#[test]
fn old_and_honest_trees_of_a_server_without_filters_are_no_damage() {
    let lab = Lab::new();
    let repo = history(&lab, "a", 2);
    // A mode with a zero before it, as early programs wrote it.
    let blob = repo.git_output(["rev-parse", "HEAD:file0.txt"]);
    let id: Vec<u8> =
        (0..20).map(|place| u8::from_str_radix(&blob[2 * place..2 * place + 2], 16).unwrap()).collect();
    std::fs::create_dir_all(lab.folder().join("odd")).unwrap();
    let tree = lab.folder().join("odd/tree");
    std::fs::write(&tree, [b"0100644 file\0".as_slice(), &id].concat()).unwrap();
    let tree = tree.display().to_string();
    let tree = repo.git_output(["hash-object", "-w", "-t", "tree", "--literally", &tree]);
    let commit = repo.git_output(["commit-tree", "-p", "HEAD", "-m", "odd", tree.trim()]);
    repo.git(["update-ref", "refs/heads/main", commit.trim()]);
    let server = GitServer::http(&lab);
    assert_eq!(whole(&mirrors(&lab), &http(&server, "a")).commits, 3);
}
