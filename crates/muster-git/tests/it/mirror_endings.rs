//! How a mirror fails: each ending by its own name, nothing half left behind, and an older mirror still good.

use std::{
    fs,
    io::Write,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use muster_git::mirror::{
    MirrorError, MirrorLimits, Mirrors, Phase, Progress, Source, Watch, ls_remote, update,
};
use muster_testkit::{Behaviour, GitServer, Lab, Repo};

use crate::mirror_support::*;

/// Names in the folder of mirrors, without what always is there.
fn left(lab: &Lab) -> Vec<String> {
    let entries = fs::read_dir(lab.folder().join("mirrors")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> =
        names.filter(|name| name != "home" && name.strip_suffix(".lock").is_none()).collect();
    names.sort();
    names
}

/// A repository with some megabytes that do not compress.
#[track_caller]
fn bulky<'lab>(lab: &'lab Lab, name: &str) -> Repo<'lab> {
    let mut state = 88_172_645_463_325_252_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()
    })
    .take(1 << 18)
    .flatten()
    .collect();
    lab.repo(name).write_bytes("noise.bin", &noise).commit_all("Noise")
}

#[track_caller]
fn check_behaviour(behaviour: &Behaviour, expected: fn(&MirrorError) -> bool) {
    let lab = Lab::new();
    history(&lab, "a", 3);
    let server = GitServer::http(&lab);
    let mirrors = mirrors(&lab);
    let found = refs(&mirrors, &http(&server, "a")).unwrap();
    server.behave(behaviour.clone());
    let error = refs(&mirrors, &http(&server, "a")).unwrap_err();
    assert!(expected(&error), "{behaviour:?}: {error:?}");
    let error =
        update(&mirrors, id(1), &http(&server, "a"), &found, &window(), &LIMITS, &onlooker()).unwrap_err();
    assert!(expected(&error), "{behaviour:?} while fetching: {error:?}");
    assert!(left(&lab).is_empty(), "{:?}", left(&lab));
}

#[test]
fn refusals_have_their_names() {
    check_behaviour(&Behaviour::Status(404), |error| {
        matches!(error, MirrorError::NotFound { .. }) && !error.is_worth_retrying()
    });
    check_behaviour(&Behaviour::Status(401), |error| {
        matches!(error, MirrorError::AuthenticationNeeded { .. }) && !error.is_worth_retrying()
    });
    check_behaviour(&Behaviour::Status(403), |error| {
        matches!(error, MirrorError::AuthenticationNeeded { .. })
    });
    check_behaviour(&Behaviour::Status(503), |error| {
        matches!(error, MirrorError::Unreachable { .. }) && error.is_worth_retrying()
    });
}

#[test]
fn nobody_is_followed_elsewhere() {
    let trap = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    trap.set_nonblocking(true).unwrap();
    let place = format!("http://127.0.0.1:{}/a", trap.local_addr().unwrap().port());
    check_behaviour(&Behaviour::RedirectTo(place), |error| matches!(error, MirrorError::Redirected { .. }));
    assert!(trap.accept().is_err(), "the redirection was followed");
}

#[test]
fn a_daemon_that_does_not_know_the_repository_says_so() {
    let lab = Lab::new();
    let server = GitServer::daemon(&lab);
    let error = refs(&mirrors(&lab), &daemon(&server, "none")).unwrap_err();
    assert!(matches!(error, MirrorError::NotFound { .. }), "{error:?}");
    assert_eq!(server.take_requests().len(), 2, "each spelling is tried once");
}

#[test]
fn where_nobody_listens_is_unreachable() {
    let lab = Lab::new();
    // Taken, so that nobody else gets it, and refused, because nobody listens.
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    for scheme in ["http", "git"] {
        let error = refs(&mirrors(&lab), &source(&format!("{scheme}://h.invalid:{port}/a"))).unwrap_err();
        assert!(matches!(error, MirrorError::Unreachable { .. }), "{error:?}");
    }
}

#[test]
fn a_missing_git_is_said() {
    let lab = Lab::new();
    let mirrors = Mirrors::open_with(&lab.folder().join("mirrors"), Path::new("/nonexistent/git")).unwrap();
    let error = refs(&mirrors, &source("http://h.invalid/a")).unwrap_err();
    assert!(matches!(error, MirrorError::GitMissing { .. }), "{error:?}");
}

#[test]
fn silence_ends_a_transfer() {
    let lab = Lab::new();
    bulky(&lab, "a");
    let server = GitServer::http(&lab);
    let mirrors = mirrors(&lab);
    let found = refs(&mirrors, &http(&server, "a")).unwrap();
    server.behave(Behaviour::SilentAfter(100_000));
    let limits = MirrorLimits { stall: Duration::from_millis(500), ..LIMITS };
    let error = update(&mirrors, id(1), &http(&server, "a"), &found, &window(), &limits, &onlooker());
    assert!(matches!(error, Err(MirrorError::Stalled { .. })), "{error:?}");
    assert!(left(&lab).is_empty(), "{:?}", left(&lab));
    let limits = MirrorLimits { wall: Duration::from_millis(500), ..LIMITS };
    let error = update(&mirrors, id(1), &http(&server, "a"), &found, &window(), &limits, &onlooker());
    assert!(matches!(error, Err(MirrorError::TimedOut { .. })), "{error:?}");
    assert!(left(&lab).is_empty(), "{:?}", left(&lab));
}

#[test]
fn a_server_that_says_nothing_at_all_is_left() {
    let lab = Lab::new();
    // Takes connections into its queue and never answers one.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let limits = MirrorLimits { stall: Duration::from_millis(300), ..LIMITS };
    for scheme in ["http", "git"] {
        let source = source(&format!("{scheme}://h.invalid:{port}/a"));
        let error = ls_remote(&mirrors(&lab), &source, &limits, &onlooker());
        assert!(matches!(error, Err(MirrorError::Stalled { .. })), "{error:?}");
    }
}

#[test]
fn a_mirror_does_not_grow_beyond_its_limit() {
    let lab = Lab::new();
    bulky(&lab, "a");
    let server = GitServer::http(&lab);
    let mirrors = mirrors(&lab);
    let found = refs(&mirrors, &http(&server, "a")).unwrap();
    let limits = MirrorLimits { max_bytes: 500_000, ..LIMITS };
    let error = update(&mirrors, id(1), &http(&server, "a"), &found, &window(), &limits, &onlooker());
    assert!(matches!(error, Err(MirrorError::TooLarge { limit: 500_000, .. })), "{error:?}");
    assert!(left(&lab).is_empty(), "{:?}", left(&lab));
}

#[test]
fn a_caller_who_has_had_enough_leaves_nothing_behind() {
    let lab = Lab::new();
    bulky(&lab, "a");
    let server = GitServer::http(&lab);
    let mirrors = mirrors(&lab);
    let source = http(&server, "a");
    let found = refs(&mirrors, &source).unwrap();
    // Falls silent in the middle, so that the wish to stop comes while git runs, whatever the machine's speed.
    server.behave(Behaviour::SilentAfter(1 << 20));
    let cancelled = AtomicBool::new(false);
    let begin = Instant::now();
    let progress = |progress: Progress| {
        if progress.phase == Phase::Receiving {
            cancelled.store(true, Ordering::Relaxed);
        }
    };
    let watch = Watch { progress: &progress, cancelled: &cancelled };
    let error = update(&mirrors, id(1), &source, &found, &window(), &LIMITS, &watch);
    assert_eq!(error.err(), Some(MirrorError::Cancelled));
    assert!(begin.elapsed() < LIMITS.stall, "ended by another limit");
    assert!(left(&lab).is_empty(), "{:?}", left(&lab));
    server.behave(Behaviour::Normal);
    drop(mirror(&mirrors, &source, &window()));
    assert_eq!(left(&lab), [format!("{}.git", id(1))]);
}

#[test]
fn an_update_that_fails_leaves_the_mirror_as_it_was() {
    let lab = Lab::new();
    let repo = history(&lab, "a", 3);
    let server = GitServer::http(&lab);
    let mirrors = mirrors(&lab);
    let source = http(&server, "a");
    let tip = mirror(&mirrors, &source, &window()).tip().to_owned();
    grow(&repo, 3..6);
    let found = refs(&mirrors, &source).unwrap();
    server.behave(Behaviour::Status(503));
    let error = update(&mirrors, id(1), &source, &found, &window(), &LIMITS, &onlooker()).unwrap_err();
    assert!(matches!(error, MirrorError::Unreachable { .. }), "{error:?}");
    let kept = mirrors.find(id(1)).unwrap().unwrap();
    assert_eq!(kept.tip(), tip);
    drop(kept);
    server.behave(Behaviour::Normal);
    assert_ne!(mirror(&mirrors, &source, &window()).tip(), tip);
}

#[test]
fn progress_is_told() {
    let lab = Lab::new();
    bulky(&lab, "a");
    let server = GitServer::http(&lab);
    let mirrors = mirrors(&lab);
    let source = http(&server, "a");
    let found = refs(&mirrors, &source).unwrap();
    let seen = std::sync::Mutex::new(Vec::new());
    let progress = |progress| seen.lock().unwrap().push(progress);
    let never = AtomicBool::new(false);
    let watch = Watch { progress: &progress, cancelled: &never };
    update(&mirrors, id(1), &source, &found, &window(), &LIMITS, &watch).unwrap();
    let seen = seen.into_inner().unwrap();
    let last = seen.iter().rfind(|progress| progress.phase == Phase::Receiving).unwrap();
    assert_eq!(last.total, Some(last.done));
}

/// Puts an object into a repository, whatever git thinks of it.
#[track_caller]
fn object(repo: &Repo<'_>, kind: &str, raw: &[u8]) -> String {
    let mut git = repo.lab().git_command(repo.path());
    git.args(["hash-object", "-t", kind, "-w", "--stdin", "--literally"]);
    let mut child = git.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(raw).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

#[test]
fn malicious_trees_are_refused_and_old_sins_forgiven() {
    let lab = Lab::new();
    let server = GitServer::http(&lab);
    let mirrors = mirrors(&lab);
    let blob_of = |repo: &Repo<'_>| {
        let blob = object(repo, "blob", b"#!/bin/sh\n");
        let digits = blob.as_bytes().chunks(2).map(|two| str::from_utf8(two).unwrap());
        digits.map(|two| u8::from_str_radix(two, 16).unwrap()).collect::<Vec<_>>()
    };
    let commit = |repo: &Repo<'_>, entry: &[u8], date: &str| {
        let tree = object(repo, "tree", &[entry, b"\0", &blob_of(repo)].concat());
        let raw = format!("tree {tree}\nauthor A <a>{date}\ncommitter A <a>{date}\n\nm\n");
        let id = object(repo, "commit", raw.as_bytes());
        repo.git(["update-ref", "refs/heads/main", &id]);
    };
    for (name, entry) in [("dotgit", &b"100644 .git"[..]), ("dotdot", b"100644 .."), ("slash", b"100644 a/b")]
    {
        let repo = lab.repo(name);
        commit(&repo, entry, " 1767230000 +0000");
        let error = try_mirror(&mirrors, &http(&server, name), &window()).unwrap_err();
        assert!(matches!(error, MirrorError::Corrupt { .. }), "{name}: {error:?}");
        assert!(left(&lab).is_empty(), "{:?}", left(&lab));
    }
    for (name, entry, date) in
        [("padded", &b"0100644 a"[..], " 1767230000 +0000"), ("zone", b"100644 a", " 1767230000 +051800")]
    {
        let repo = lab.repo(name);
        commit(&repo, entry, date);
        let mirror = mirror(&mirrors, &http(&server, name), &window());
        let commits = read(&mirror, &listing(&mirror, &window()), 1);
        assert_eq!(commits[0].files.len(), 1, "{name}");
        drop(mirror);
        mirrors.remove(id(1)).unwrap();
    }
}

#[test]
fn a_path_that_looks_like_an_option_is_a_path() {
    let lab = Lab::new();
    let trace = lab.folder().join("trace");
    let (http_server, git_server) = (GitServer::http(&lab), GitServer::daemon(&lab));
    let mirrors = mirrors(&lab);
    for path in
        ["--upload-pack=touch%20trace", "-oProxyCommand=x", "$(touch trace)", "a;touch trace", "../../etc"]
    {
        for source in [http(&http_server, path), daemon(&git_server, path)] {
            let error = refs(&mirrors, &source).unwrap_err();
            assert!(!matches!(error, MirrorError::Folder { .. }), "{path}: {error:?}");
        }
    }
    assert!(!trace.exists() && !lab.folder().join("mirrors/home/trace").exists());
}

/// Says that this process is the child of the test below.
const CHILD: &str = "MUSTER_TEST_HOSTILE_ENVIRONMENT";

#[test]
fn the_environment_of_the_caller_has_no_influence() {
    if std::env::var_os(CHILD).is_some() {
        return mirror_something();
    }
    let lab = Lab::new();
    let canary = lab.folder().join("canary");
    let program = lab.folder().join("program");
    fs::write(&program, format!("#!/bin/sh\n: > '{}'\nexit 1\n", canary.display())).unwrap();
    Command::new("chmod").arg("+x").arg(&program).status().unwrap();
    let other = lab.repo("other").commit_all("Other");
    let config = format!(
        "[core]\nhooksPath = {0}\nfsmonitor = {0}\ngitProxy = {0}\nsshCommand = {0}\n[diff]\nexternal = {0}\n\
         [credential]\nhelper = {0}\n[http]\nproxy = http://127.0.0.1:1\n[url \"http://127.0.0.1:1/\"]\n\
         insteadOf = http://forge.invalid\n[fetch]\nprune = true\n[log]\nshowSignature = true\n[gpg]\nprogram = {0}\n",
        program.display()
    );
    fs::write(lab.home().join(".gitconfig"), &config).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "mirror_endings::the_environment_of_the_caller_has_no_influence"])
        .env(CHILD, "1")
        .env("HOME", lab.home())
        .env("GIT_CONFIG_GLOBAL", lab.home().join(".gitconfig"))
        .env("GIT_CONFIG_SYSTEM", lab.home().join(".gitconfig"))
        .env("GIT_CONFIG_COUNT", "2")
        .env("GIT_CONFIG_KEY_0", "core.hooksPath")
        .env("GIT_CONFIG_VALUE_0", lab.folder())
        .env("GIT_CONFIG_KEY_1", "diff.renames")
        .env("GIT_CONFIG_VALUE_1", "false")
        .env("GIT_CONFIG_PARAMETERS", "'diff.external'='false'")
        .env("GIT_DIR", other.path().join(".git"))
        .env("GIT_WORK_TREE", other.path())
        .env("GIT_OBJECT_DIRECTORY", other.path().join(".git/objects"))
        .env("GIT_INDEX_FILE", "/nonexistent")
        .env("GIT_NAMESPACE", "elsewhere")
        .env("GIT_EXTERNAL_DIFF", &program)
        .env("GIT_DIFF_OPTS", "-u0")
        .env("GIT_PROXY_COMMAND", &program)
        .env("GIT_SSH", &program)
        .env("GIT_ASKPASS", &program)
        .env("GIT_ALLOW_PROTOCOL", "file")
        .env("GIT_TRACE", lab.folder().join("trace"))
        .env("http_proxy", "http://127.0.0.1:1")
        .env("https_proxy", "http://127.0.0.1:1")
        .env("ALL_PROXY", "http://127.0.0.1:1")
        .env("LC_ALL", "de_DE.UTF-8")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(!canary.exists(), "a program of the environment was run");
    assert!(!lab.folder().join("trace").exists());
}

/// What the child does: everything that runs git.
fn mirror_something() {
    let lab = Lab::new();
    let repo = history(&lab, "a", 20);
    repo.git(["checkout", "-qf", "main"]).git(["mv", "file0.txt", "moved.txt"]).commit_all("Move");
    let (http_server, git_server) = (GitServer::http(&lab), GitServer::daemon(&lab));
    let mirrors = mirrors(&lab);
    for source in [http(&http_server, "a"), daemon(&git_server, "a")] {
        let mirror = mirror(&mirrors, &source, &window());
        let commits = read(&mirror, &listing(&mirror, &window()), 2);
        assert_eq!(commits.len(), 21);
        assert_eq!(commits[0].files[0].from.as_deref(), Some("file0.txt"));
        drop(mirror);
        mirrors.remove(id(1)).unwrap();
    }
}

#[test]
fn only_the_pinned_address_is_reached() {
    let lab = Lab::new();
    history(&lab, "a", 2);
    let server = GitServer::http(&lab);
    let url = format!("http://localhost:{}/a", server.address().port());
    // A name that a resolver knows, pinned to an address where nobody listens.
    let nowhere = vec!["127.0.0.2".parse().unwrap()];
    let source = Source::new(muster_model::RemoteUrl::parse(&url).unwrap(), nowhere).unwrap();
    let error = refs(&mirrors(&lab), &source).unwrap_err();
    assert!(matches!(error, MirrorError::Unreachable { .. }), "{error:?}");
    assert_eq!(server.take_requests(), [""; 0]);
}

#[test]
fn a_second_address_is_tried() {
    let lab = Lab::new();
    history(&lab, "a", 2);
    let server = GitServer::daemon(&lab);
    let url = format!("git://h.invalid:{}/a", server.address().port());
    let addresses = ["127.0.0.2", "127.0.0.1"].map(|address| address.parse().unwrap()).into();
    let source = Source::new(muster_model::RemoteUrl::parse(&url).unwrap(), addresses).unwrap();
    let mirrors = mirrors(&lab);
    assert!(mirror(&mirrors, &source, &window()).is_complete());
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn a_full_disk_is_called_one() {
    let lab = Lab::new();
    bulky(&lab, "a");
    let server = GitServer::http(&lab);
    let folder = lab.folder().join("mirrors");
    fs::create_dir(&folder).unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(&folder).output();
    if !mount.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: only root may mount, and not everywhere");
        return;
    }
    let error = try_mirror(&mirrors(&lab), &http(&server, "a"), &window());
    let left = left(&lab);
    assert!(Command::new("umount").arg(&folder).status().unwrap().success());
    assert!(matches!(error, Err(MirrorError::DiskFull { .. })), "{error:?}");
    assert!(left.is_empty(), "{left:?}");
}
