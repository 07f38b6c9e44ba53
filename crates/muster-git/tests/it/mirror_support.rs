//! What the tests of mirrors share: a lab with a folder of mirrors, sources on the loopback, a window, and a caller that
//! only looks on.

use std::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroUsize,
    ops::ControlFlow,
    path::PathBuf,
    sync::atomic::AtomicBool,
    time::Duration,
};

use muster_git::mirror::{
    Listing, Mirror, MirrorError, MirrorLimits, Mirrors, RemoteRefs, Source, Watch, Window, list, ls_remote,
    read_commits, update,
};
use muster_model::{Commit, RemoteUrl, RepoId, Timestamp};
use muster_testkit::{GitServer, Lab, Repo};

/// When nobody wants to stop.
static NEVER: AtomicBool = AtomicBool::new(false);

/// A caller that only looks on.
pub(crate) fn onlooker() -> Watch<'static> {
    Watch { progress: &|_| {}, cancelled: &NEVER }
}

/// Limits that no test reaches by itself.
pub(crate) const LIMITS: MirrorLimits =
    MirrorLimits { wall: Duration::from_mins(2), stall: Duration::from_mins(1), max_bytes: 1 << 30 };

/// The folder of mirrors of a lab, with the git that the tests run under.
#[track_caller]
pub(crate) fn mirrors(lab: &Lab) -> Mirrors {
    let program = std::env::var_os("MUSTER_TEST_GIT").map_or_else(|| "git".into(), PathBuf::from);
    Mirrors::open_with(&lab.folder().join("mirrors"), &program).unwrap()
}

/// The id of the repository with this number.
pub(crate) fn id(number: u8) -> RepoId {
    RepoId::new(Timestamp::UNIX_EPOCH, [number; 10])
}

/// `path` on an HTTP server, under a name that no resolver knows: reached by the pinned address or not at all.
#[track_caller]
pub(crate) fn http(server: &GitServer, path: &str) -> Source {
    source(&format!("http://forge.invalid:{}/{path}", server.address().port()))
}

/// `path` on a git daemon.
#[track_caller]
pub(crate) fn daemon(server: &GitServer, path: &str) -> Source {
    source(&format!("git://forge.invalid:{}/{path}", server.address().port()))
}

#[track_caller]
pub(crate) fn source(url: &str) -> Source {
    Source::new(RemoteUrl::parse(url).unwrap(), vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]).unwrap()
}

/// Everything of the labs, whose commits begin in 2026, with the usual numbers.
pub(crate) fn window() -> Window {
    Window { since: at(1_700_000_000), at_least: 100, at_most: 1_000 }
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

pub(crate) fn refs(mirrors: &Mirrors, source: &Source) -> Result<RemoteRefs, MirrorError> {
    ls_remote(mirrors, source, &LIMITS, &onlooker())
}

/// Asks, then mirrors.
pub(crate) fn try_mirror(mirrors: &Mirrors, source: &Source, window: &Window) -> Result<Mirror, MirrorError> {
    let refs = refs(mirrors, source)?;
    update(mirrors, id(1), source, &refs, window, &LIMITS, &onlooker())
}

#[track_caller]
pub(crate) fn mirror(mirrors: &Mirrors, source: &Source, window: &Window) -> Mirror {
    try_mirror(mirrors, source, window).unwrap()
}

#[track_caller]
pub(crate) fn listing(mirror: &Mirror, window: &Window) -> Listing {
    list(mirror, window, &LIMITS, &onlooker()).unwrap()
}

/// Reads with so many processes.
#[track_caller]
pub(crate) fn read(mirror: &Mirror, listing: &Listing, processes: usize) -> Vec<Commit> {
    let mut commits = Vec::new();
    let processes = NonZeroUsize::new(processes).unwrap();
    let mut sink = |batch| {
        commits.extend::<Vec<Commit>>(batch);
        ControlFlow::Continue(())
    };
    let mailmap = listing.mailmap.as_deref();
    read_commits(mirror, &listing.ids, mailmap, processes, &LIMITS, &onlooker(), &mut sink).unwrap();
    commits
}

/// A repository with so many commits, each a day after the one before, the first on 2026-01-01.
#[track_caller]
pub(crate) fn history<'lab>(lab: &'lab Lab, name: &str, commits: u32) -> Repo<'lab> {
    let repo = lab.repo(name);
    grow(&repo, 0..commits);
    repo
}

/// Seconds since 1970 of the first commit of a [`history`].
pub(crate) const FIRST: i64 = 1_767_225_600;
pub(crate) const DAY: i64 = 86_400;

/// Adds commits by `git fast-import`, which makes thousands in the time of one `git commit`.
#[track_caller]
pub(crate) fn grow(repo: &Repo<'_>, numbers: std::ops::Range<u32>) {
    grow_at(repo, &numbers.collect::<Vec<_>>());
}

/// The same on these days.
#[track_caller]
pub(crate) fn grow_at(repo: &Repo<'_>, numbers: &[u32]) {
    let mut script = String::new();
    let from = repo.lab().try_git(repo.path(), ["rev-parse", "--verify", "--quiet", "refs/heads/main"]);
    let from = String::from_utf8(from.stdout).unwrap();
    let mut from = if from.is_empty() { from } else { format!("from {from}") };
    for &number in numbers {
        let time = FIRST + DAY * i64::from(number);
        let (message, content) = (format!("Change {number}"), format!("{number}\n").repeat(3));
        script.extend([
            format!("commit refs/heads/main\ncommitter Ada Example <ada@example.org> {time} +0000\n"),
            format!("data {}\n{message}\n{}", message.len(), std::mem::take(&mut from)),
            format!("M 100644 inline file{}.txt\ndata {}\n{content}\n", number % 7, content.len()),
        ]);
    }
    import(repo, &script);
}

/// Feeds `git fast-import`.
#[track_caller]
pub(crate) fn import(repo: &Repo<'_>, script: &str) {
    use std::io::Write;
    let mut git = repo.lab().git_command(repo.path());
    git.args(["fast-import", "--quiet", "--force"]).stdin(std::process::Stdio::piped());
    let mut child = git.spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}
