//! Which commits of a mirror are reported: those reachable from its newest commit that were committed since a moment, but
//! at most so many, and at least so many if the history has them. All in the order of `git log`.
//!
//! The oldest commits of a shallow mirror have lost their parents and look as if they added everything. They are never
//! reported, and [`Coverage`] says when the mirror must be made deeper for their sake.

use std::{
    collections::HashSet,
    fs,
    io::{BufRead, BufReader},
    path::Path,
};

use bstr::ByteSlice;
use jiff::Timestamp;

use crate::group::{Group, collect, drained};

use super::{
    error::MirrorError,
    folder::Mirror,
    parse::timestamp,
    program::Git,
    remote::is_id,
    transfer::Call,
    watch::{MirrorLimits, Watch},
};

/// Bytes of a `.mailmap` that is applied; each process reads it.
const MOST_MAILMAP: u64 = 4 << 20;
/// Commits between two looks at the limits.
const LOOK: u64 = 1_000;

/// Which commits are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// All that were committed at this moment or later,
    pub since: Timestamp,
    /// but if they are fewer, the newest so many,
    pub at_least: u32,
    /// and never more than so many.
    pub at_most: u32,
}

/// The commits of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The newest commit of the default branch.
    pub tip: String,
    /// Ids in the order of `git log`, newest first.
    pub ids: Vec<String>,
    /// What is older than this is not (all) here; `None` if the listing reaches the first commit.
    pub cut_off: Option<Timestamp>,
    /// Id of the `.mailmap` in the tree of the tip.
    pub mailmap: Option<String>,
}

/// Whether a mirror is deep enough for a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coverage {
    /// Everything that is to be reported has its parents.
    Whole,
    /// There are fewer commits than wanted at least, and the history goes on.
    TooFew,
    /// A commit that is to be reported has lost its parents.
    Cut,
}

/// The commits of `window` that this mirror has.
pub fn list(
    mirror: &Mirror,
    window: &Window,
    limits: &MirrorLimits,
    watch: &Watch<'_>,
) -> Result<Listing, MirrorError> {
    let call = Call::new(mirror.path().display().to_string(), limits, watch);
    let selected = select(mirror.git(), mirror.path(), mirror.tip(), window, &call)?;
    Ok(Listing { mailmap: mailmap(mirror)?, ..selected.listing })
}

/// What was chosen.
#[derive(Debug)]
pub(super) struct Selected {
    /// Without the `.mailmap`.
    pub(super) listing: Listing,
    pub(super) coverage: Coverage,
    /// The window has enough commits, so that its beginning counts and not their number.
    pub(super) is_by_time: bool,
}

/// Chooses from the repository at `path`.
pub(super) fn select(
    git: &Git,
    path: &Path,
    tip: &str,
    window: &Window,
    call: &Call<'_>,
) -> Result<Selected, MirrorError> {
    let boundary = boundary(path)?;
    let mut git = git.command_in(path);
    git.args(["rev-list", "--timestamp", "--end-of-options", tip]);
    let mut group = Group::spawn_behind(&mut git).map_err(|error| Git::missing(&error))?;
    let stderr = group.take_stderr().map(|stream| collect(stream, 1 << 16));
    let mut chosen = Selection::new(window);
    let mut is_whole = true;
    if let Some(stdout) = group.take_stdout() {
        for (line, number) in BufReader::new(stdout).lines().zip(1_u64..) {
            if number % LOOK == 0 {
                call.check()?;
            }
            let line = line.map_err(|error| MirrorError::folder(path, &error))?;
            let Some((at, id)) = line.split_once(' ') else { continue };
            if chosen.is_full() {
                is_whole = false;
                break;
            }
            chosen.add(timestamp(at), id, boundary.contains(id));
        }
    }
    if is_whole {
        let status = group.wait().map_err(|error| Git::missing(&error))?;
        if !status.success() {
            let said = drained(stderr).bytes;
            let place = path.display().to_string();
            return Err(MirrorError::classify("rev-list", &place, path, &said.to_str_lossy()));
        }
    }
    let reaches_first = is_whole && boundary.is_empty();
    Ok(chosen.finish(tip, reaches_first, boundary.is_empty()))
}

/// Walks once, newest first, and keeps both answers until it is known which one counts.
struct Selection<'a> {
    window: &'a Window,
    /// Those of the window.
    recent: Vec<String>,
    /// The newest, whatever their time.
    newest: Vec<String>,
    /// Times of the last of each.
    last_recent: Option<Timestamp>,
    last_newest: Option<Timestamp>,
    /// A commit without parents would belong to it.
    is_recent_cut: bool,
    is_newest_cut: bool,
    /// Commits that were looked at.
    seen: usize,
}

impl<'a> Selection<'a> {
    fn new(window: &'a Window) -> Self {
        Self {
            window,
            recent: Vec::new(),
            newest: Vec::new(),
            last_recent: None,
            last_newest: None,
            is_recent_cut: false,
            is_newest_cut: false,
            seen: 0,
        }
    }

    /// No further commit can change the answer.
    fn is_full(&self) -> bool {
        self.recent.len() >= most(self.window) && self.newest.len() >= least(self.window)
    }

    fn add(&mut self, at: Timestamp, id: &str, is_boundary: bool) {
        self.seen += 1;
        if self.newest.len() < least(self.window) {
            if is_boundary {
                self.is_newest_cut = true;
            } else {
                self.newest.push(id.to_owned());
                self.last_newest = Some(at);
            }
        }
        if at >= self.window.since && self.recent.len() < most(self.window) {
            if is_boundary {
                self.is_recent_cut = true;
            } else {
                self.recent.push(id.to_owned());
                self.last_recent = Some(at);
            }
        }
    }

    fn finish(self, tip: &str, reaches_first: bool, is_complete: bool) -> Selected {
        let is_by_time = self.recent.len() >= least(self.window);
        let (ids, cut_off, is_cut) = if is_by_time {
            let is_full = self.recent.len() >= most(self.window);
            let cut_off = if is_full { self.last_recent } else { None };
            (self.recent, cut_off, self.is_recent_cut)
        } else {
            (self.newest, self.last_newest, self.is_newest_cut || self.is_recent_cut)
        };
        let coverage = if ids.len() < least(self.window) && !is_complete {
            Coverage::TooFew
        } else if is_cut {
            Coverage::Cut
        } else {
            Coverage::Whole
        };
        let is_all = reaches_first && ids.len() == self.seen;
        let cut_off = if is_all { None } else { cut_off.or(Some(self.window.since)) };
        let listing = Listing { tip: tip.to_owned(), ids, cut_off, mailmap: None };
        Selected { listing, coverage, is_by_time }
    }
}

fn least(window: &Window) -> usize {
    window.at_least.min(window.at_most) as usize
}

fn most(window: &Window) -> usize {
    window.at_most as usize
}

/// The commits whose parents were not fetched.
fn boundary(path: &Path) -> Result<HashSet<String>, MirrorError> {
    let path = path.join("shallow");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(HashSet::new()),
        Err(error) => Err(MirrorError::folder(&path, &error)),
    }
}

/// The `.mailmap` of the tip, if it is a file of bearable size.
fn mailmap(mirror: &Mirror) -> Result<Option<String>, MirrorError> {
    let names = format!("{}:.mailmap\n", mirror.tip());
    let answer = mirror.git().ask_of(mirror.path(), &["cat-file", "--batch-check"], names.as_bytes())?;
    let mut words = answer.split(' ');
    let (Some(id), Some("blob"), Some(size)) = (words.next(), words.next(), words.next()) else {
        return Ok(None);
    };
    let is_bearable = size.parse::<u64>().is_ok_and(|size| size <= MOST_MAILMAP);
    Ok((is_bearable && is_id(id)).then(|| id.to_owned()))
}
