//! The whole history of a remote, without its files: who wrote its commits and when, and how old its branches and tags
//! are. A copy of its own beside the mirror (`ID.all.git`), of all branches, without trees (`--filter=tree:0`): a hundredth of
//! what a clone takes. A server that knows no filters sends everything, within the limits.
//!
//! Tags are not fetched, because one that stands for a tree or a file makes git refuse all of them; their commits are
//! found on the branches. Nothing that git is asked needs an object that may be missing: git before 2.41 would want to
//! fetch it.

use std::{
    collections::{HashMap, hash_map::Entry},
    ffi::OsString,
    fs,
    io::{BufRead, BufReader},
    os::unix::ffi::OsStringExt,
    path::Path,
    process::Command,
};

use bstr::ByteSlice;
use jiff::Timestamp;
use muster_model::{
    RepoId,
    history::{AuthorCount, RefTip, WholeHistory},
};

use crate::group::{Group, collect, drained};

use super::{
    credentials::Credentials,
    error::MirrorError,
    folder::{Copied, Mirror, Mirrors, quoted},
    lock::{Hold, Lock},
    parse::{AUTHOR_FORMAT, Authored, Parser, timestamp},
    program::Git,
    remote::RemoteRefs,
    source::Source,
    transfer::{Call, Task},
    update::{clean, compact},
    watch::{MirrorLimits, Phase, Progress, Watch},
};

/// What the other side's HEAD and branches are called in the copy.
const HEAD: &str = "refs/copied/head";
const BRANCHES: &str = "refs/copied/heads/";
/// Spellings of authors that are told apart, some kilobytes each at worst; commits of others are counted all the same.
const MOST_AUTHORS: usize = 50_000;
/// Bytes of a list of branches.
const MOST_BRANCHES: u64 = 32 << 20;
/// How often the caller's wish to stop is looked at, in commits.
const LOOK: u64 = 1_000;

/// Copies the history of `id`, or brings the copy up to date, and reads it. `refs` is what [`super::ls_remote`] just said.
/// `mailmap` is the blob through which authors are read; it lies in the mirror, and without one they are read as written.
///
/// # Errors
/// [`MirrorError::InUse`] while the copy, or the mirror that is to be read from, is being written.
pub fn whole_history(
    mirrors: &Mirrors,
    id: RepoId,
    source: &Source,
    refs: &RemoteRefs,
    mailmap: Option<&str>,
    limits: &MirrorLimits,
    watch: &Watch<'_>,
) -> Result<WholeHistory, MirrorError> {
    let source = source.clone().with_spelling(refs.spelling);
    let call = Call::new(source.url().to_string(), limits, watch);
    let file = mirrors.copy_lock(id, Copied::Whole);
    let lock = Lock::try_take(&file, Hold::Alone).map_err(|error| MirrorError::folder(&file, &error))?;
    let lock = lock.ok_or_else(|| MirrorError::InUse { id: id.to_string() })?;
    let work = Work { mirrors, id, source: &source, call: &call };
    let path = work.bring_up_to_date()?;
    lock.touch().map_err(|error| MirrorError::folder(&path, &error))?;
    // Not before: who wants to bring the mirror up to date would have to wait for the other side here.
    let mirror = if mailmap.is_some() { mirrors.find(id)? } else { None };
    work.read(&path, refs, mirror.as_ref().zip(mailmap))
}

struct Work<'a> {
    mirrors: &'a Mirrors,
    id: RepoId,
    source: &'a Source,
    call: &'a Call<'a>,
}

impl Work<'_> {
    fn bring_up_to_date(&self) -> Result<std::path::PathBuf, MirrorError> {
        let path = self.mirrors.copy_path(self.id, Copied::Whole);
        let new = self.mirrors.unfinished(self.id, Copied::Whole);
        self.mirrors.discard(self.id, &new)?;
        let failed = |error| MirrorError::folder(&path, &error);
        if path.is_dir() {
            clean(&path).map_err(failed)?;
            match self.fetch(&path) {
                Ok(()) => return Ok(path),
                Err(
                    MirrorError::Corrupt { .. } | MirrorError::TooLarge { .. } | MirrorError::Failed { .. },
                ) => {}
                Err(error) => return Err(error),
            }
            self.mirrors.discard(self.id, &path)?;
        }
        let mut git = self.mirrors.git().command();
        git.args(["init", "--quiet", "--bare", "--template=", "--initial-branch=none", "--"]).arg(&new);
        let made = self.run(&mut git, "init", &new).and_then(|()| self.fetch(&new));
        if let Err(error) = made {
            self.mirrors.discard(self.id, &new)?;
            return Err(error);
        }
        fs::rename(&new, &path).map_err(failed)?;
        Ok(path)
    }

    fn fetch(&self, path: &Path) -> Result<(), MirrorError> {
        let refspecs = [format!("+HEAD:{HEAD}"), format!("+refs/heads/*:{BRANCHES}*")];
        self.source.by_any_route(|route| {
            let mut git = self.mirrors.git().command_in(path);
            route.apply(&mut git, self.mirrors.root(), &Credentials::none());
            // A name for what promised to have the rest; its address is this call's alone.
            git.args(["-c", &format!("remote.origin.url={}", route.url())]);
            // For promised objects git knows no eased checks, and old, honest repositories fail the strict ones. Nothing but
            // commits is ever read from here.
            git.args(["-c", "fetch.fsckObjects=false"]);
            git.args([
                "fetch",
                "--progress",
                "--filter=tree:0",
                "--prune",
                "--no-tags",
                "--no-write-fetch-head",
            ]);
            git.args(["--no-auto-maintenance", "--no-recurse-submodules", "--no-show-forced-updates"]);
            git.args(["--", "origin"]).args(&refspecs);
            self.run(&mut git, "fetch", path)
        })?;
        // One file instead of one for each branch.
        let mut git = self.mirrors.git().command_in(path);
        git.args(["pack-refs", "--all"]);
        self.run(&mut git, "pack-refs", path)?;
        compact(self.mirrors.git(), path, self.call)
    }

    fn run(&self, git: &mut Command, what: &str, folder: &Path) -> Result<(), MirrorError> {
        self.call.run(git, &Task { what, folder, most_output: 1 << 10 }).map(drop)
    }

    fn read(
        &self,
        path: &Path,
        refs: &RemoteRefs,
        people: Option<(&Mirror, &str)>,
    ) -> Result<WholeHistory, MirrorError> {
        let mut tags: HashMap<&str, Option<Timestamp>> = HashMap::new();
        let names = || refs.refs.iter().filter_map(|(name, id)| Some((name.strip_prefix("refs/tags/")?, id)));
        tags.extend(names().map(|(_, id)| (id.as_str(), None)));

        let mut tally = Tally::default();
        self.read_authors(path, people, &mut |author| {
            if let Some(at) = tags.get_mut(author.id.as_str()) {
                *at = Some(author.committed_at);
            }
            tally.add(author);
        })?;
        self.read_others(path, &mut |id, at| {
            if let Some(known) = tags.get_mut(id) {
                *known = Some(at);
            }
        })?;
        let tag = |(name, id): (&str, &String)| RefTip {
            name: name.to_owned(),
            at: tags.get(id.as_str()).copied().flatten(),
        };
        let tags = names().map(tag).collect();
        let branches = self.read_branches(path, refs.default_branch.as_deref())?;
        let has_default_branch = refs.default_branch.is_some();
        Ok(WholeHistory { has_default_branch, branches, tags, ..tally.finish() })
    }

    /// The commits of the default branch, newest first.
    fn read_authors(
        &self,
        path: &Path,
        people: Option<(&Mirror, &str)>,
        sink: &mut dyn FnMut(Authored),
    ) -> Result<(), MirrorError> {
        let mut git = self.mirrors.git().command_in(path);
        if let Some((mirror, mailmap)) = people {
            // In quotes, because a colon separates folders.
            let mut objects = quoted(&mirror.path().join("objects"));
            objects.truncate(objects.trim_ascii_end().len());
            git.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", OsString::from_vec(objects));
            git.args(["-c", &format!("mailmap.blob={mailmap}")]);
        } else {
            git.args(["-c", "mailmap.blob=refs/none"]);
        }
        git.args(["log", "-z", AUTHOR_FORMAT, "--end-of-options", HEAD]);
        let mut progress = Progress { phase: Phase::Reading, done: 0, total: None, bytes: 0 };
        self.stream(&mut git, path, |reader| {
            let mut parser = Parser::new(reader);
            while let Some(author) = parser.author().map_err(|error| error.0)? {
                progress.done += 1;
                if progress.done.is_multiple_of(LOOK) {
                    self.call.check().map_err(|error| error.to_string())?;
                    (self.call.watch.progress)(progress);
                }
                sink(author);
            }
            Ok(())
        })
    }

    /// Commits that are on other branches alone.
    fn read_others(&self, path: &Path, sink: &mut dyn FnMut(&str, Timestamp)) -> Result<(), MirrorError> {
        let mut git = self.mirrors.git().command_in(path);
        git.args(["rev-list", "--timestamp", &format!("--glob={BRANCHES}*"), "--not", HEAD]);
        self.stream(&mut git, path, |reader| {
            for (line, number) in reader.lines().zip(1_u64..) {
                if number.is_multiple_of(LOOK) {
                    self.call.check().map_err(|error| error.to_string())?;
                }
                let line = line.map_err(|error| error.to_string())?;
                if let Some((at, id)) = line.split_once(' ') {
                    sink(id, timestamp(at));
                }
            }
            Ok(())
        })
    }

    fn read_branches(&self, path: &Path, default: Option<&str>) -> Result<Vec<RefTip>, MirrorError> {
        let mut git = self.mirrors.git().command_in(path);
        git.args(["for-each-ref", "--format=%(committerdate:unix) %(refname)", BRANCHES]);
        let task = Task { what: "for-each-ref", folder: path, most_output: MOST_BRANCHES };
        let printed = self.call.run(&mut git, &task)?.bytes;
        let branch = |line: &[u8]| {
            let line = line.to_str().ok()?;
            let (at, name) = line.split_once(' ')?;
            let name = name.strip_prefix(BRANCHES).filter(|name| Some(*name) != default)?;
            Some(RefTip { name: name.to_owned(), at: Some(timestamp(at)) })
        };
        Ok(ByteSlice::lines(&*printed).filter_map(branch).collect())
    }

    /// Reads what a git prints while it prints it. `read` gives what is wrong with it, in words.
    fn stream(
        &self,
        git: &mut Command,
        path: &Path,
        read: impl FnOnce(&mut dyn BufRead) -> Result<(), String>,
    ) -> Result<(), MirrorError> {
        let mut group = Group::spawn_behind(git).map_err(|error| Git::missing(&error))?;
        let stderr = group.take_stderr().map(|stream| collect(stream, 1 << 16));
        let read = match group.take_stdout() {
            Some(stdout) => read(&mut BufReader::with_capacity(1 << 16, stdout)),
            None => Ok(()),
        };
        // What was stopped is what is told.
        self.call.check()?;
        let place = path.display().to_string();
        match read {
            Ok(()) => {
                let status = group.wait().map_err(|error| Git::missing(&error))?;
                let said = drained(stderr).bytes;
                if status.success() {
                    return Ok(());
                }
                Err(MirrorError::classify("log", &place, path, &said.to_str_lossy()))
            }
            Err(message) => Err(MirrorError::Corrupt { place, message }),
        }
    }
}

#[derive(Default)]
struct Tally {
    whole: WholeHistory,
    /// By name and address.
    authors: HashMap<(String, String), AuthorCount>,
}

impl Tally {
    fn add(&mut self, author: Authored) {
        let whole = &mut self.whole;
        whole.commits += 1;
        whole.merges += u64::from(author.is_merge);
        if author.committed_at > Timestamp::UNIX_EPOCH {
            let at = author.committed_at;
            whole.first_at = Some(whole.first_at.map_or(at, |first| first.min(at)));
            whole.last_at = Some(whole.last_at.map_or(at, |last| last.max(at)));
        }
        let is_full = self.authors.len() >= MOST_AUTHORS;
        let count = match self.authors.entry((author.name, author.email)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if is_full => return,
            Entry::Vacant(new) => {
                let (name, email) = new.key().clone();
                let at = author.written_at;
                new.insert(AuthorCount { name, email, commits: 0, merges: 0, first_at: at, last_at: at })
            }
        };
        count.commits += 1;
        count.merges += u64::from(author.is_merge);
        count.first_at = count.first_at.min(author.written_at);
        count.last_at = count.last_at.max(author.written_at);
    }

    fn finish(self) -> WholeHistory {
        let mut authors: Vec<AuthorCount> = self.authors.into_values().collect();
        authors.sort_by(|a, b| (&a.name, &a.email).cmp(&(&b.name, &b.email)));
        WholeHistory { authors, ..self.whole }
    }
}
