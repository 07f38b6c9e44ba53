//! Fetching for checkouts: the remote's branches move, and nothing else of the checkout does, whatever its configuration
//! says.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use muster_git::{
    Boundary, Checkout, Depth, ReadOptions, Tracking,
    mirror::{
        Credentials, FetchError, Fetched, MirrorError, MirrorLimits, Watch, fetch, followed, ls_remote_as,
    },
    read,
};
use muster_model::git_state::TrackedHead;
use muster_testkit::{Behaviour, GitServer, Lab, Repo, canaries};

use crate::mirror_support::*;

/// A remote with a history, a clone of it that asks `server`, and somebody else's clone to push from.
fn clone_of<'lab>(lab: &'lab Lab, server: &GitServer, name: &str) -> (Repo<'lab>, Repo<'lab>) {
    let bare = lab.bare("far/remote.git");
    history(lab, "far/origin", 3).git(["push", "--quiet", "../remote.git", "main"]);
    let other = lab.clone_of(bare.path(), "far/other");
    (follow(&lab.clone_of(bare.path(), name), server), other)
}

fn follow<'lab>(clone: &Repo<'lab>, server: &GitServer) -> Repo<'lab> {
    let url = format!("http://forge.invalid:{}/far/remote.git", server.address().port());
    clone.git(["remote", "set-url", "origin", &url])
}

fn boundary(lab: &Lab) -> Boundary {
    Boundary::new([lab.root()])
}

fn try_fetch(lab: &Lab, repo: &Repo<'_>) -> Result<Fetched, FetchError> {
    try_fetch_within(lab, repo, &LIMITS, &onlooker())
}

fn try_fetch_within(
    lab: &Lab,
    repo: &Repo<'_>,
    limits: &MirrorLimits,
    watch: &Watch<'_>,
) -> Result<Fetched, FetchError> {
    let (mirrors, boundary) = (mirrors(lab), boundary(lab));
    let checkout = Checkout::at(repo.path(), &boundary).unwrap();
    let followed = followed(&checkout, &boundary)?;
    let source = source(&followed.url.to_string());
    let none = Credentials::none();
    let refs = ls_remote_as(&mirrors, &source, &none, limits, watch)?;
    let source = source.with_spelling(refs.spelling);
    let now = at(1_800_000_000);
    fetch(&mirrors, id(9), &checkout, &boundary, &followed, &source, &none, now, limits, watch)
}

/// Every file of a folder with what is in it, but for those below `left_out`.
fn files(folder: &Path, left_out: &[&str]) -> BTreeMap<String, Vec<u8>> {
    fn collect(top: &Path, folder: &Path, left_out: &[&str], into: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(top).unwrap().to_string_lossy().into_owned();
            if left_out.contains(&name.as_str()) {
                continue;
            }
            let meta = path.symlink_metadata().unwrap();
            if meta.is_dir() {
                collect(top, &path, left_out, into);
            } else {
                let mut content = fs::read(&path).unwrap_or_default();
                content.extend(format!("{} {} {}", meta.mtime(), meta.mtime_nsec(), meta.ino()).bytes());
                into.insert(name, content);
            }
        }
    }
    let mut found = BTreeMap::new();
    collect(folder, folder, left_out, &mut found);
    found
}

/// What a fetch may write.
const WRITTEN: [&str; 4] =
    [".git/objects", ".git/refs/remotes/origin", ".git/logs/refs/remotes", ".git/FETCH_HEAD"];

fn tracked(lab: &Lab, repo: &Repo<'_>) -> Option<Vec<TrackedHead>> {
    let boundary = boundary(lab);
    let options = ReadOptions {
        boundary: &boundary,
        emails: &[],
        interrupt: &AtomicBool::new(false),
        memo: None,
        tracking: Tracking::Read,
    };
    let checkout = Checkout::at(repo.path(), &boundary).unwrap();
    read(&checkout, &options, Depth::State).unwrap().tracked
}

#[test]
fn the_remotes_branches_move_and_nothing_else_does() {
    let lab = Lab::new();
    let server = GitServer::http(&lab);
    let (mine, other) = clone_of(&lab, &server, "mine");
    mine.write("file0.txt", "changed\n").write("new.txt", "untracked\n");
    mine.git(["branch", "topic"]);
    other.commit_file("b.txt", "b\n").git(["push", "--quiet", "origin", "main", "main:feature/x"]);
    other.git(["tag", "v1"]).git(["push", "--quiet", "origin", "v1"]);
    let before = files(mine.path(), &WRITTEN);
    let refs = mine.git_output(["for-each-ref", "refs/heads", "refs/tags"]);
    assert_eq!(try_fetch(&lab, &mine).unwrap(), Fetched { updated: 1, new: 1 });
    assert_eq!(files(mine.path(), &WRITTEN), before);
    assert_eq!(mine.git_output(["for-each-ref", "refs/heads", "refs/tags"]), refs);
    for branch in ["main", "feature/x"] {
        assert_eq!(mine.id(&format!("origin/{branch}")), other.id("main"));
    }
    mine.git(["fsck", "--strict"]).git(["merge", "--quiet", "--ff-only", "origin/main"]);
    assert!(mine.git_output(["reflog", "origin/main"]).contains("fetch by muster"));
    assert!(mine.path().join(".git/FETCH_HEAD").exists());
    // Again there is nothing to write but that it was looked.
    let before = files(mine.path(), &[".git/FETCH_HEAD", ".git/index"]);
    assert_eq!(try_fetch(&lab, &mine).unwrap(), Fetched::default());
    assert_eq!(files(mine.path(), &[".git/FETCH_HEAD", ".git/index"]), before);
    let left: Vec<_> = fs::read_dir(lab.folder().join("mirrors")).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "only the empty home: {left:?}");
}

#[test]
fn forced_pushes_are_taken_as_the_refspec_says() {
    let lab = Lab::new();
    let server = GitServer::http(&lab);
    let (mine, other) = clone_of(&lab, &server, "mine");
    other.git(["reset", "--quiet", "--hard", "HEAD~1"]).commit_file("c.txt", "c\n");
    other.git(["push", "--quiet", "--force", "origin", "main"]);
    assert_eq!(try_fetch(&lab, &mine).unwrap(), Fetched { updated: 1, new: 0 });
    assert_eq!(mine.id("origin/main"), other.id("main"));
    mine.git(["config", "--replace-all", "remote.origin.fetch", "refs/heads/*:refs/remotes/origin/*"]);
    other.git(["reset", "--quiet", "--hard", "HEAD~1"]).commit_file("d.txt", "d\n");
    other.git(["push", "--quiet", "--force", "origin", "main"]);
    let error = try_fetch(&lab, &mine).unwrap_err();
    assert!(error.to_string().contains("rejected"), "{error}");
    assert_ne!(mine.id("origin/main"), other.id("main"));
}

#[test]
fn a_shallow_clone_stays_shallow_and_a_single_branch_single() {
    let lab = Lab::new();
    let server = GitServer::http(&lab);
    let (_, other) = clone_of(&lab, &server, "mine");
    let bare = format!("file://{}", lab.root().join("far/remote.git").display());
    lab.run_git(lab.root(), ["clone", "--quiet", "--depth=1", "--single-branch", &bare, "shallow"]);
    let shallow = follow(&lab.open(lab.root().join("shallow")), &server);
    other.commit_file("b.txt", "b\n").git(["push", "--quiet", "origin", "main", "main:other"]);
    assert_eq!(try_fetch(&lab, &shallow).unwrap(), Fetched { updated: 1, new: 0 });
    assert_eq!(shallow.git_output(["rev-list", "--count", "origin/main"]).trim(), "2");
    shallow.git(["fsck"]);
}

#[test]
fn what_its_configuration_names_is_not_run() {
    let lab = Lab::new();
    let server = GitServer::http(&lab);
    let (_, other) = clone_of(&lab, &server, "mine");
    let (repo, folder) = canaries(&lab);
    let config = repo.path().join(".git/config");
    let port = server.address().port();
    let program = |name: &str| lab.folder().join("canary-programs").join(name).display().to_string();
    let more = format!(
        "[remote \"origin\"]\n\turl = http://forge.invalid:{port}/far/remote.git\n\
         \tfetch = +refs/heads/*:refs/remotes/origin/*\n\tuploadpack = {upload}\n\tvcs = canary\n\tproxy = http://127.0.0.1:1\n\
         [url \"ext::{upload} \"]\n\tinsteadOf = http://forge.invalid\n[fetch]\n\trecurseSubmodules = true\n\
         [http]\n\tproxy = http://127.0.0.1:1\n[gc]\n\tauto = 1\n[maintenance]\n\tauto = true\n\
         [branch \"main\"]\n\tremote = origin\n\tmerge = refs/heads/main\n",
        upload = program("upload-pack"),
    );
    fs::write(&config, fs::read_to_string(&config).unwrap() + &more).unwrap();
    assert_eq!(try_fetch(&lab, &repo).unwrap(), Fetched { updated: 0, new: 1 });
    let fetched = fs::read_to_string(repo.path().join(".git/refs/remotes/origin/main")).unwrap();
    assert_eq!(fetched.trim(), other.id("main"));
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.is_empty(), "{names:?}");
    // The proof that they can.
    lab.try_git(repo.path(), ["fetch", "origin"]);
    assert!(fs::read_dir(&folder).unwrap().count() > 0, "the canaries are alive");
}

#[test]
fn what_could_lead_the_writing_elsewhere_is_refused() {
    let lab = Lab::new();
    let server = GitServer::http(&lab);
    let (mine, other) = clone_of(&lab, &server, "mine");
    other.commit_file("b.txt", "b\n").git(["push", "--quiet", "origin", "main:feature/x"]);
    let outside = lab.folder().join("outside");
    fs::create_dir(&outside).unwrap();
    mine.symlink(".git/refs/remotes/origin/feature", &outside);
    let error = try_fetch(&lab, &mine).unwrap_err();
    assert!(error.to_string().contains("symbolic link"), "{error}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    mine.remove(".git/refs/remotes/origin/feature").config("extensions.partialClone", "origin");
    let error = try_fetch(&lab, &mine).unwrap_err();
    assert!(error.to_string().contains("partial clone"), "{error}");
    let alone = lab.repo("alone").commit_file("a", "a");
    assert!(try_fetch(&lab, &alone).unwrap_err().to_string().contains("no remote"));
    let mirror = lab.repo("odd").commit_file("a", "a").config("remote.origin.url", "http://h.example/a");
    mirror.config("remote.origin.fetch", "+refs/*:refs/*");
    assert!(try_fetch(&lab, &mirror).unwrap_err().to_string().contains("keeps no branches"));
}

#[test]
fn a_fetch_that_is_stopped_leaves_nothing() {
    let lab = Lab::new();
    let server = GitServer::http(&lab);
    let (mine, other) = clone_of(&lab, &server, "mine");
    grow(&other, 0..500);
    other.git(["push", "--quiet", "--force", "origin", "main"]);
    let before = files(mine.path(), &[]);
    server.behave(Behaviour::SilentAfter(2_000));
    let limits = MirrorLimits { stall: Duration::from_millis(400), ..LIMITS };
    let error = try_fetch_within(&lab, &mine, &limits, &onlooker()).unwrap_err();
    assert!(matches!(error, FetchError::Remote(MirrorError::Stalled { .. })), "{error:?}");
    assert_eq!(files(mine.path(), &[]), before);
    let cancelled = AtomicBool::new(true);
    let progress = |_| {};
    let watch = Watch { progress: &progress, cancelled: &cancelled };
    let error = try_fetch_within(&lab, &mine, &LIMITS, &watch).unwrap_err();
    assert!(matches!(error, FetchError::Remote(MirrorError::Cancelled)), "{error:?}");
    assert!(cancelled.load(Ordering::Relaxed));
    server.behave(Behaviour::Status(401));
    let error = try_fetch(&lab, &mine).unwrap_err();
    assert!(matches!(error, FetchError::Remote(MirrorError::AuthenticationNeeded { .. })), "{error:?}");
    assert_eq!(files(mine.path(), &[]), before);
    server.behave(Behaviour::Normal);
    assert_eq!(try_fetch(&lab, &mine).unwrap().updated, 1);
}

#[test]
fn followed_branches_are_told_with_their_age() {
    let lab = Lab::new();
    let server = GitServer::http(&lab);
    let (mine, other) = clone_of(&lab, &server, "mine");
    let heads = tracked(&lab, &mine).unwrap();
    assert_eq!(heads.len(), 1, "{heads:?}");
    assert_eq!((heads[0].branch.as_str(), heads[0].id.as_str()), ("main", other.id("main").as_str()));
    let cloned_at = heads[0].changed_at;
    other.commit_file("b.txt", "b\n").git(["push", "--quiet", "origin", "main"]);
    try_fetch(&lab, &mine).unwrap();
    let heads = tracked(&lab, &mine).unwrap();
    assert_eq!(heads[0].id, other.id("main"));
    assert!(heads[0].changed_at > cloned_at);
    assert_eq!(tracked(&lab, &lab.repo("alone")), None);
}
