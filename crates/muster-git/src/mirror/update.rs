//! Makes a mirror, or brings it up to date: the default branch alone, no tags, as deep as the window asks and one deeper.
//!
//! The depth is a moment (`--shallow-since`), or a number of commits where too few are newer; every fetch names it again,
//! because a plain fetch into a shallow repository brings the whole history as soon as an old branch is merged. A commit
//! near the edge whose parents are missing is mended by deepening. A server that does not know depth (plain files
//! behind HTTP) gives everything, within the limits.
//!
//! A new mirror is made under another name and renamed when it is whole. One that cannot be brought up to date is made
//! anew.

use std::{collections::HashSet, fs, io, path::Path, process::Command};

use jiff::{SignedDuration, Timestamp};
use muster_model::RepoId;

use super::{
    credentials::Credentials,
    error::MirrorError,
    folder::{BRANCH, Copied, Mirror, Mirrors},
    lock::{Hold, Lock},
    program::Git,
    remote::RemoteRefs,
    source::Source,
    transfer::{Call, Task},
    watch::{MirrorLimits, Watch},
    window::{Coverage, Window, select},
};

/// Earlier than the window, so that its first commits have their parents most of the time.
const MARGIN: SignedDuration = SignedDuration::from_hours(24);
/// How often a mirror is made deeper for one update; each time by twice as much.
const ROUNDS: u32 = 6;
/// How often a mirror is looked for again that vanished between writing and reading.
const ATTEMPTS: u32 = 3;
/// Packs of a mirror; each fetch adds one.
const MOST_PACKS: usize = 50;
/// Bytes of output that are kept, of programs that print nothing of interest.
const MOST_OUTPUT: u64 = 1 << 10;

/// Makes the mirror of `id`, or brings it up to date, and holds it for reading. `refs` is what [`super::ls_remote`] just
/// said; if nothing has changed since the last time, nothing is fetched.
pub fn update(
    mirrors: &Mirrors,
    id: RepoId,
    source: &Source,
    refs: &RemoteRefs,
    window: &Window,
    limits: &MirrorLimits,
    watch: &Watch<'_>,
) -> Result<Mirror, MirrorError> {
    let place = source.url().to_string();
    let Some(head) = &refs.head else {
        return Err(if refs.refs.is_empty() {
            MirrorError::EmptyRepository { place }
        } else {
            MirrorError::NoDefaultBranch { place }
        });
    };
    let source = source.clone().with_spelling(refs.spelling);
    let call = Call::new(place, limits, watch);
    let work = Work { mirrors, id, source: &source, refs, head, window, call: &call };
    let file = mirrors.copy_lock(id, Copied::Window);
    for _ in 0..ATTEMPTS {
        let lock = Lock::take(&file, Hold::Alone, || {
            call.check().map_err(|error| match error {
                MirrorError::TimedOut { .. } => MirrorError::InUse { id: id.to_string() },
                other => other,
            })
        })?;
        let mirror = work.bring_up_to_date(lock)?;
        if mirror.share()? {
            return Ok(mirror);
        }
    }
    Err(MirrorError::InUse { id: id.to_string() })
}

struct Work<'a> {
    mirrors: &'a Mirrors,
    id: RepoId,
    source: &'a Source,
    refs: &'a RemoteRefs,
    head: &'a str,
    window: &'a Window,
    call: &'a Call<'a>,
}

/// How much of the history is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// What was committed since.
    Since(Timestamp),
    /// So many commits from the tip.
    Commits(u32),
    /// So many more at the edge.
    Deeper(u32),
    /// Everything.
    All,
}

impl Work<'_> {
    /// Gives the mirror under the lock, still held alone.
    fn bring_up_to_date(&self, lock: Lock) -> Result<Mirror, MirrorError> {
        let Self { mirrors, id, .. } = self;
        let (path, new) = (mirrors.path(*id), mirrors.unfinished(*id, Copied::Window));
        mirrors.discard(*id, &new)?;
        if !self.refresh(&path)? {
            if let Err(error) = self.make(&new) {
                mirrors.discard(*id, &new)?;
                return Err(error);
            }
            mirrors.discard(*id, &path)?;
            fs::rename(&new, &path).map_err(|error| MirrorError::folder(&path, &error))?;
        }
        let mirror = mirrors.held(*id, lock)?;
        mirror.ok_or_else(|| self.corrupt("its newest commit cannot be read"))
    }

    /// Brings the mirror at `path` up to date in its place; false if there is none or it does not let itself.
    fn refresh(&self, path: &Path) -> Result<bool, MirrorError> {
        let Some(tip) = self.mirrors.tip(path)? else { return Ok(false) };
        clean(path).map_err(|error| MirrorError::folder(path, &error))?;
        match self.refresh_from(path, &tip) {
            Ok(()) => Ok(true),
            Err(MirrorError::Corrupt { .. } | MirrorError::TooLarge { .. } | MirrorError::Failed { .. }) => {
                Ok(false)
            }
            Err(error) => {
                clean(path).map_err(|error| MirrorError::folder(path, &error))?;
                Err(error)
            }
        }
    }

    fn refresh_from(&self, path: &Path, tip: &str) -> Result<(), MirrorError> {
        let selected = select(self.mirrors.git(), path, tip, self.window, self.call)?;
        if tip == self.head {
            return self.deepen(path, None);
        }
        let depth = if !path.join("shallow").exists() {
            Depth::All
        } else if selected.is_by_time {
            self.since()
        } else {
            // Few commits in the window last time, probably few this time.
            self.least()
        };
        self.fetch_from(path, depth)?;
        self.deepen(path, Some(depth))?;
        compact(self.mirrors.git(), path, self.call)
    }

    fn make(&self, path: &Path) -> Result<(), MirrorError> {
        let format = if self.head.len() == 64 { "sha256" } else { "sha1" };
        let mut git = self.mirrors.git().command();
        git.args(["init", "--quiet", "--bare", "--template=", "--initial-branch=default"]);
        git.arg(format!("--object-format={format}")).arg("--").arg(path);
        self.run(&mut git, "init", path)?;
        let depth = self.since();
        self.fetch_from(path, depth)?;
        self.deepen(path, Some(depth))
    }

    fn since(&self) -> Depth {
        let since = self.window.since.saturating_sub(MARGIN).unwrap_or(Timestamp::UNIX_EPOCH);
        if since.as_second() > 0 { Depth::Since(since) } else { Depth::All }
    }

    fn least(&self) -> Depth {
        Depth::Commits(self.window.at_least.min(self.window.at_most).saturating_add(1))
    }

    /// Fetches at this depth, or what the server can do instead.
    fn fetch_from(&self, path: &Path, depth: Depth) -> Result<(), MirrorError> {
        match self.fetch(path, depth) {
            // A server with nothing newer than the moment ends the conversation, in words of its own.
            Err(
                MirrorError::Failed { .. } | MirrorError::Unreachable { .. } | MirrorError::Corrupt { .. },
            ) if matches!(depth, Depth::Since(_)) => {
                clean(path).map_err(|error| MirrorError::folder(path, &error))?;
                self.fetch_from(path, self.least())
            }
            Err(MirrorError::Failed { message, .. }) if depth != Depth::All && is_ignorant(&message) => {
                self.fetch(path, Depth::All)
            }
            other => other,
        }
    }

    /// Makes the mirror deeper until the window is whole. `depth` is what was just asked for.
    fn deepen(&self, path: &Path, depth: Option<Depth>) -> Result<(), MirrorError> {
        let mut is_since_tried = matches!(depth, Some(Depth::Since(_)));
        let mut is_least_tried = matches!(depth, Some(Depth::Commits(_)));
        for round in 0..ROUNDS {
            let tip = self.mirrors.tip(path)?.ok_or_else(|| self.corrupt("its newest commit is missing"))?;
            let selected = select(self.mirrors.git(), path, &tip, self.window, self.call)?;
            let depth = match selected.coverage {
                Coverage::Whole => return Ok(()),
                Coverage::TooFew if !is_least_tried => {
                    is_least_tried = true;
                    self.least()
                }
                Coverage::Cut if !is_since_tried => {
                    is_since_tried = true;
                    self.since()
                }
                Coverage::TooFew | Coverage::Cut => Depth::Deeper(1 << round),
            };
            let edge = fs::read(path.join("shallow")).ok();
            self.fetch_from(path, depth)?;
            if matches!(depth, Depth::Deeper(_)) && fs::read(path.join("shallow")).ok() == edge {
                // The source itself goes no deeper.
                return Ok(());
            }
        }
        // A history with absurd dates; what lost its parents is not reported.
        Ok(())
    }

    fn fetch(&self, path: &Path, depth: Depth) -> Result<(), MirrorError> {
        let branch = self.refs.default_branch.as_ref().map(|name| format!("refs/heads/{name}"));
        let refspec = format!("+{}:{BRANCH}", branch.as_deref().unwrap_or("HEAD"));
        let depth = match depth {
            // The only form of a number that git's reader of dates takes for seconds since 1970, whatever its size.
            Depth::Since(moment) => Some(format!("--shallow-since=@{} +0000", moment.as_second())),
            Depth::Commits(number) => Some(format!("--depth={number}")),
            Depth::Deeper(number) => Some(format!("--deepen={number}")),
            Depth::All => path.join("shallow").exists().then(|| "--unshallow".to_owned()),
        };
        self.source.by_any_route(|route| {
            let mut git = self.mirrors.git().command_in(path);
            route.apply(&mut git, self.mirrors.root(), &Credentials::none());
            git.args(["fetch", "--progress", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance"]);
            git.args(["--no-recurse-submodules", "--no-show-forced-updates", "--update-shallow"]);
            git.args(depth.as_ref()).args(["--", &route.url(), &refspec]);
            self.run(&mut git, "fetch", path)
        })?;
        self.drop_absent_edges(path)
    }

    /// Forgets edges of commits that were not sent. Asked for what is new, a server names edges behind a merge with an old
    /// branch, which is an edge itself; a later fetch that goes deeper fails at them ("error in object: unshallow").
    fn drop_absent_edges(&self, path: &Path) -> Result<(), MirrorError> {
        let file = path.join("shallow");
        let failed = |error: io::Error| MirrorError::folder(&file, &error);
        let edges = match fs::read_to_string(&file) {
            Ok(edges) => edges,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        let known = self.mirrors.git().ask_of(path, &["cat-file", "--batch-check"], edges.as_bytes())?;
        let absent = |line: &str| line.strip_suffix(" missing").map(str::to_owned);
        let absent: HashSet<String> = known.lines().filter_map(absent).collect();
        if absent.is_empty() {
            return Ok(());
        }
        let present = edges.lines().filter(|edge| !absent.contains(*edge));
        let present: String = present.flat_map(|edge| [edge, "\n"]).collect();
        // Written whole or not at all. What a crash leaves is removed with the rest ([`clean`]).
        let new = path.join("shallow_new");
        fs::write(&new, present).and_then(|()| fs::rename(&new, &file)).map_err(failed)
    }

    fn run(&self, git: &mut Command, what: &str, path: &Path) -> Result<(), MirrorError> {
        let task = Task { what, folder: path, most_output: MOST_OUTPUT };
        self.call.run(git, &task).map(drop)
    }

    fn corrupt(&self, message: &str) -> MirrorError {
        MirrorError::Corrupt { place: self.call.place.clone(), message: message.to_owned() }
    }
}

/// Makes one pack of many, without what forced pushes left behind.
pub(super) fn compact(git: &Git, path: &Path, call: &Call<'_>) -> Result<(), MirrorError> {
    let packs = fs::read_dir(path.join("objects/pack")).into_iter().flatten().filter_map(Result::ok);
    let is_pack = |entry: &fs::DirEntry| entry.path().extension().is_some_and(|end| end == "pack");
    if packs.filter(is_pack).count() <= MOST_PACKS {
        return Ok(());
    }
    let mut git = git.command_in(path);
    git.args(["-c", "repack.writeBitmaps=false", "repack", "-a", "-d", "-q"]);
    let task = Task { what: "repack", folder: path, most_output: MOST_OUTPUT };
    call.run(&mut git, &task).map(drop)
}

/// The server does not know depth.
fn is_ignorant(message: &str) -> bool {
    ["dumb http transport", "does not support"].iter().any(|sign| message.contains(sign))
}

/// Removes what a git that was killed leaves in a repository. Only under the lock.
pub(super) fn clean(path: &Path) -> io::Result<()> {
    for folder in ["", "objects", "objects/pack", "refs", "refs/heads"] {
        let entries = match fs::read_dir(path.join(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let begins = ["tmp_", "incoming-", "tmp-", "shallow_", ".tmp-"];
            let ends = [".lock", ".keep"];
            if begins.iter().any(|begin| name.starts_with(begin))
                || ends.iter().any(|end| name.ends_with(end))
            {
                let path = entry.path();
                if entry.file_type()?.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
            }
        }
    }
    Ok(())
}
