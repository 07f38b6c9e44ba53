//! Data of git that is broken, missing, or in a format of another day.

use muster_testkit::Repo;
use serde_json::Value;

use super::{SCAN, bad, is_read, lab_with_neighbour, read, refused};
use crate::run::{finish, muster};

/// Takes a loose object away.
fn lose(repo: &Repo<'_>, revision: &str) {
    let id = repo.id(revision);
    repo.remove(format!(".git/objects/{}/{}", &id[..2], &id[2..]));
}

#[test]
fn index_cut_short() {
    refused("corrupt", "index", |repo| {
        repo.truncate(".git/index", 40);
    });
}

#[test]
fn index_of_garbage() {
    refused("corrupt", "index", |repo| {
        repo.write(".git/index", &"no index at all ".repeat(20));
    });
}

#[test]
fn empty_index() {
    refused("corrupt", "index", |repo| {
        repo.write(".git/index", "");
    });
}

#[test]
fn commit_of_head_lost() {
    refused("corrupt", "HEAD", |repo| lose(repo, "HEAD"));
}

#[test]
fn tree_of_head_lost() {
    refused("corrupt", "", |repo| {
        lose(repo, "HEAD^{tree}");
        // Something staged, so that the index does not stand for the tree.
        repo.write("new.txt", "new\n").git(["update-index", "--add", "new.txt"]);
    });
}

#[test]
fn older_history_lost_still_tells_the_state() {
    let project = read(|repo| lose(repo, "HEAD~1"));
    assert_eq!(project["git"]["last_commit"], "Write src/b.txt");
}

#[test]
fn blob_lost_whose_file_is_modified() {
    let project = read(|repo| {
        lose(repo, "HEAD:a.txt");
        repo.write("a.txt", "b\n");
    });
    assert_eq!(project["git"]["modified"], 1);
    assert_eq!(project["git"]["staged"], 0);
}

#[test]
fn head_on_a_branch_without_commits() {
    let project = read(|repo| {
        repo.write(".git/HEAD", "ref: refs/heads/gone\n");
    });
    assert_eq!(project["git"]["branch"], "gone");
    assert_eq!(project["git"]["head"], Value::Null);
    assert_eq!(project["git"]["staged"], 2);
    assert_eq!(project["unknown"]["git.head"], "no_commits");
}

#[test]
fn head_of_garbage() {
    refused("corrupt", "HEAD", |repo| {
        repo.write(".git/HEAD", "neither a branch nor a commit\n");
    });
}

#[test]
fn head_to_an_object_that_never_was() {
    refused("corrupt", "HEAD", |repo| {
        repo.write(".git/HEAD", &format!("{}\n", "1".repeat(40)));
    });
}

#[test]
fn head_missing() {
    refused("corrupt", "no HEAD", |repo| {
        repo.remove(".git/HEAD");
    });
}

#[test]
fn branch_of_garbage() {
    refused("corrupt", "", |repo| {
        repo.write(".git/refs/heads/main", "garbage\n");
    });
}

#[test]
fn empty_git_folder() {
    refused("corrupt", "no HEAD", |repo| {
        repo.remove(".git").folder(".git");
    });
}

#[test]
fn git_file_of_garbage() {
    refused("corrupt", ".git does not name a path", |repo| {
        repo.remove(".git").write(".git", "garbage\n");
    });
}

#[test]
fn no_commits_at_all() {
    let lab = lab_with_neighbour();
    lab.repo("bad");
    let project = is_read(&lab, &finish(muster(&lab).args(SCAN)), "bad");
    assert_eq!(project["git"]["branch"], "main");
    assert_eq!(project["git"]["state"], serde_json::json!(["clean", "no commits"]));
    assert_eq!(project["git"]["last_commit"], Value::Null);
}

#[test]
fn configuration_with_a_syntax_error() {
    refused("corrupt", ".git/config: ", |repo| {
        repo.write(".git/config", "[core]\n\trepositoryformatversion = 0\n[remote \"origin\n\turl = x\n");
    });
}

#[test]
fn configuration_of_ten_megabytes() {
    refused("hostile", "config is larger than", |repo| {
        repo.write(".git/config", &"# nothing to see here\n".repeat(500_000));
    });
}

#[test]
fn packed_references_of_a_gigabyte() {
    refused("hostile", "packed-refs is larger than", |repo| {
        // Takes no room: nothing but a hole.
        repo.write(".git/packed-refs", "").truncate(".git/packed-refs", 1 << 30);
    });
}

#[test]
fn devices_instead_of_files() {
    for file in ["HEAD", "config", "index", "packed-refs", "refs/heads/main"] {
        refused("hostile", file, |repo| {
            let file = format!(".git/{file}");
            if repo.path().join(&file).exists() {
                repo.remove(&file);
            }
            repo.symlink(&file, "/dev/zero");
        });
    }
    for file in [".gitignore", ".gitattributes", ".gitmodules", ".musterignore", "PROJECT_META.json"] {
        read(|repo| {
            repo.symlink(file, "/dev/zero");
        });
    }
}

#[test]
fn a_long_list_of_what_was_fetched_is_no_attack() {
    let line =
        format!("{}\tnot-for-merge\tbranch 'topic' of https://forge.example/acme/thing\n", "1".repeat(40));
    let project = read(|repo| {
        repo.write(".git/FETCH_HEAD", &line.repeat(60_000));
    });
    assert!(project["git"]["fetched_at"].is_string());
}

#[test]
fn reftable() {
    let by_git = lab_with_neighbour();
    if by_git.git_version() >= (2, 45) {
        by_git.repo_with("bad", ["--ref-format=reftable"]).commit_file("a.txt", "a\n");
        super::is_refused(&by_git, &finish(muster(&by_git).args(SCAN)), "unsupported_format", "reftable");
    }
    // What an older git leaves us to write by hand.
    refused("unsupported_format", "reftable", |repo| {
        let config = "[core]\n\trepositoryformatversion = 1\n[extensions]\n\trefStorage = reftable\n";
        repo.write(".git/config", config)
            .folder(".git/reftable")
            .write(".git/HEAD", "ref: refs/heads/.invalid\n");
    });
}

#[test]
fn format_version_of_the_future() {
    refused("unsupported_format", "99", |repo| {
        repo.config("core.repositoryFormatVersion", "99");
    });
}

#[test]
fn unknown_extension() {
    refused("unsupported_format", "the extension 'timeTravel'", |repo| {
        repo.config("core.repositoryFormatVersion", "1").config("extensions.timeTravel", "true");
    });
}

#[test]
fn extensions_that_change_nothing_here() {
    let project = read(|repo| {
        // By hand: an older git does not know all of them.
        let config = "[core]\nrepositoryFormatVersion = 1\n[extensions]\nnoop = true\nrelativeWorktrees = true\n\
                      preciousObjects = true\npartialClone = origin\n";
        repo.write(".git/config", config);
    });
    assert_eq!(project["git"]["branch"], "main");
    // Before version 1 the section had no meaning.
    let project = read(|repo| {
        repo.config("extensions.timeTravel", "true");
    });
    assert_eq!(project["git"]["branch"], "main");
}

#[test]
fn sha256_is_read_in_full() {
    let lab = lab_with_neighbour();
    let repo = lab.repo_with("bad", ["--object-format=sha256"]).commit_file("a.txt", "a\n");
    repo.write("a.txt", "b\n").write("new.txt", "n\n");
    let project = is_read(&lab, &finish(muster(&lab).args(SCAN)), "bad");
    assert_eq!(project["git"]["head"], repo.id("HEAD"));
    assert_eq!(project["git"]["head"].as_str().map(str::len), Some(64));
    assert_eq!(project["git"]["state"], serde_json::json!(["1 modified", "1 untracked", "no upstream"]));
}

#[test]
fn a_bad_branch_elsewhere_spoils_nothing() {
    let project = read(|repo| {
        repo.write(".git/refs/heads/other", "garbage\n");
    });
    assert_eq!(project["git"]["branch"], "main");
}

#[test]
fn the_table_and_the_attention_list_name_the_bad_one_too() {
    let lab = lab_with_neighbour();
    bad(&lab).write(".git/HEAD", "garbage\n");
    let table = finish(muster(&lab).arg("scan"));
    assert_eq!(table.status.code(), Some(4));
    let text = crate::run::stdout(&lab, &table);
    assert!(text.contains("bad\t-\terror: "), "{text}");
    let attention = finish(muster(&lab).args(["scan", "--attention"]));
    assert_eq!(attention.status.code(), Some(4));
    let text = crate::run::stdout(&lab, &attention);
    assert!(text.lines().nth(1).is_some_and(|line| line.starts_with("bad\t")), "{text}");
    assert!(text.contains("git fsck"), "{text}");
}
