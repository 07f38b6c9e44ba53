//! Reads one checkout: state always, branches and recent history on request. One function tells the story from HEAD to
//! the work tree; each part that fails leaves its field unknown where that is honest and ends the reading where not.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use bstr::{BString, ByteSlice};
use jiff::Timestamp;
use muster_model::{
    ErrorCode, RemoteUrl, RepoError, SourceTree,
    error::Warning,
    git_state::{GitState, Head, LastCommit, Operation, Upstream},
    unknown::UnknownReason,
};

use crate::{
    boundary::Boundary,
    branches::{self, OtherRefs},
    error, graph, guard, history,
    link::Checkout,
    memo::{self, HistoryMemo, Walked},
    open::{Opened, open},
    reading::Reading,
    status,
    submodules::Submodules,
    tracking::{self, Tracking},
    tree::{CommitTree, WorkTree},
    watch::WatchFolders,
};

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// What `git status` and `git log -1` say, and the operation in progress.
    State,
    /// Branches against remotes and recent authors as well.
    Branches,
    /// What only tags hold, tags and the list of files as well.
    Full,
}

/// What reading is told.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions<'a> {
    /// What may be read.
    pub boundary: &'a Boundary,
    /// The person's e-mail addresses, lower case.
    pub emails: &'a [String],
    /// Set by another thread to stop early.
    pub interrupt: &'a AtomicBool,
    /// What was walked before, for whoever reads again and again.
    pub memo: Option<&'a HistoryMemo>,
    /// Whether the remote's branches are read as they are known here.
    pub tracking: Tracking,
}

/// Reads the checkout.
pub fn read(checkout: &Checkout, options: &ReadOptions<'_>, depth: Depth) -> Result<Reading, RepoError> {
    read_nested(checkout, options, depth, 0).map_err(|error| match error.code {
        // Whatever part noticed it calls it its own failure.
        ErrorCode::Corrupt if options.interrupt.load(Ordering::Relaxed) => interrupted(checkout),
        _ => error,
    })
}

fn interrupted(checkout: &Checkout) -> RepoError {
    let message = format!("reading {} took too long and was given up", checkout.path.display());
    RepoError::new(ErrorCode::TimedOut, message)
}

pub(crate) fn read_nested(
    checkout: &Checkout,
    options: &ReadOptions<'_>,
    depth: Depth,
    nesting: usize,
) -> Result<Reading, RepoError> {
    let fail = |what: &'static str| move |source: gix::Error| error::from_gix(&checkout.path, what, &source);
    let Opened { repo, blanked_filters, borrows_from, mut warnings } = open(checkout, options.boundary)?;
    guard::check_ref(&checkout.git_dir, &checkout.common_dir, b"HEAD")?;
    let (head, head_id) = read_head(checkout, &repo)?;
    let last_commit =
        head_id.map(|id| read_commit(&repo, id)).transpose().map_err(fail("cannot read HEAD's commit"))?;
    let followed = repo.head_name().map_err(fail("cannot read HEAD"))?;
    let followed = followed.and_then(|branch| branches::upstream_of(&repo, branch.as_ref()));
    if let Some(name) = &followed {
        guard::check_ref(&checkout.git_dir, &checkout.common_dir, name.as_bstr())?;
    }
    let upstream = followed
        .map(|name| read_upstream(&repo, name.as_ref(), head_id, options.interrupt))
        .transpose()
        .map_err(fail("cannot compare with the upstream"))?;

    // Submodules are judged, not analysed: they belong to somebody else's project.
    let is_analyzed = depth == Depth::Full && nesting == 0;
    let mut modified_by_untracked_only = 0;
    let mut unseen = Vec::new();
    let mut submodules = Vec::new();
    let mut unexplored = Vec::new();
    let mut watch = WatchFolders::of_repository(checkout);
    let mut tree: Option<Box<dyn SourceTree>> = None;
    let work_tree = match repo.workdir().map(Path::to_owned) {
        Some(work_tree) => {
            let mut index = open_index(&repo).map_err(fail("cannot read the index"))?;
            let read_submodule = |checkout: &Checkout| read_nested(checkout, options, depth, nesting + 1);
            let mut visitor = Submodules::new(&repo, &work_tree, options.boundary, nesting, &read_submodule);
            let comparison = status::compare(
                &repo,
                &mut index,
                &work_tree,
                &blanked_filters,
                options.interrupt,
                &mut |link| visitor.visit(link),
            )?;
            submodules = visitor.found;
            unexplored = visitor.unexplored;
            watch.extend(visitor.watch);
            for place in &comparison.folders {
                watch
                    .work_tree
                    .extend(gix::path::from_bstr(place.as_bstr()).ok().map(|place| work_tree.join(place)));
            }
            for place in comparison.nested.iter().chain(&comparison.unexplored) {
                unexplored
                    .extend(gix::path::from_bstr(place.as_bstr()).ok().map(|place| work_tree.join(place)));
            }
            modified_by_untracked_only = comparison.modified_by_untracked_only;
            unseen = comparison.unseen;
            if is_analyzed {
                tree = Some(Box::new(WorkTree::from_index(&work_tree, &index)));
            }
            Ok(comparison.counts)
        }
        None => Err(UnknownReason::Bare),
    };
    if options.interrupt.load(Ordering::Relaxed) {
        return Err(interrupted(checkout));
    }

    let is_mirror = work_tree.is_err() && !has_remote_branches(&repo);
    let Walked { branches: report, authors, tags } =
        walk_history(checkout, &repo, options, depth, nesting, is_mirror)?;
    if is_analyzed && work_tree.is_err() && head_id.is_some() {
        tree = Some(Box::new(CommitTree::of_head(&repo).map_err(fail("cannot read the tree of HEAD"))?));
    }
    if options.interrupt.load(Ordering::Relaxed) {
        return Err(interrupted(checkout));
    }
    let stashes = count_stashes(checkout)?;
    if stashes == 0 && checkout.common_dir.join("refs/stash").exists() {
        unseen.push("a stash without a log".into());
    }
    let state = GitState {
        head,
        head_id: head_id.map(|id| id.to_string()),
        upstream,
        work_tree,
        stashes,
        operation: operation(&repo),
        last_commit,
        is_shallow: repo.is_shallow().map_err(fail("cannot read the shallow boundary"))?,
        unseen,
    };
    let push_remote = push_remote(&repo);
    let counting = counting_remote(&repo);
    let remote = counting.as_ref().and_then(|remote| read_remote(&repo, remote, &mut warnings));
    let tracked = match counting.as_ref().and_then(|remote| remote.to_str().ok()) {
        Some(remote) if options.tracking == Tracking::Read && nesting == 0 => {
            tracking::tracked(&repo, &checkout.common_dir, remote)
                .map_err(fail("cannot read the branches of the remote"))?
        }
        _ => None,
    };
    Ok(Reading {
        state,
        remote,
        tracked,
        push_remote: push_remote.map(|name| name.to_str_lossy().into_owned()),
        fetched_at: fetched_at(checkout),
        submodules,
        borrows_from,
        unexplored,
        watch,
        warnings,
        branches: report,
        authors,
        tags,
        tree,
        modified_by_untracked_only,
    })
}

/// What only the history says; from the memo, if no reference has changed.
fn walk_history(
    checkout: &Checkout,
    repo: &gix::Repository,
    options: &ReadOptions<'_>,
    depth: Depth,
    nesting: usize,
    is_mirror: bool,
) -> Result<Walked, RepoError> {
    if depth < Depth::Branches {
        return Ok(Walked::default());
    }
    let fail = |what: &'static str| move |source: gix::Error| error::from_gix(&checkout.path, what, &source);
    let print = match options.memo {
        Some(_) => memo::print(repo, checkout, options.emails, (depth, nesting == 0, is_mirror)).ok(),
        None => None,
    };
    if let (Some(memo), Some(print)) = (options.memo, print)
        && let Some(known) = memo.get(checkout, print)
    {
        return Ok(Walked::clone(&known));
    }
    let mut walked = Walked::default();
    // The branches of a mirror are those of its remote; nothing there waits to be pushed.
    let other_refs = if depth == Depth::Full { OtherRefs::Walk } else { OtherRefs::Leave };
    if !is_mirror {
        let report = branches::report(repo, other_refs, options.emails, options.interrupt);
        walked.branches = Some(report.map_err(fail("cannot read the branches"))?);
    }
    if nesting == 0 {
        let authors = history::authors(repo, options.interrupt);
        walked.authors = Some(authors.map_err(fail("cannot read the history"))?);
        if depth == Depth::Full {
            walked.tags = Some(history::tags(repo).map_err(fail("cannot read the tags"))?);
        }
    }
    // A walk that was stopped halfway is no answer to remember.
    if let (Some(memo), Some(print)) = (options.memo, print)
        && !options.interrupt.load(Ordering::Relaxed)
    {
        memo.put(checkout, print, walked.clone());
    }
    Ok(walked)
}

/// The index as it is on disk; an empty one where there is none yet.
fn open_index(repo: &gix::Repository) -> gix::Result<gix::index::State> {
    match repo.open_index() {
        Ok(index) => Ok(index.into()),
        Err(_) if !repo.index_path().exists() => Ok(gix::index::State::new(repo.object_hash())),
        Err(error) => Err(error),
    }
}

fn read_head(
    checkout: &Checkout,
    repo: &gix::Repository,
) -> Result<(Head, Option<gix::ObjectId>), RepoError> {
    let fail = |source: gix::Error| error::from_gix(&checkout.path, "cannot read HEAD", &source);
    let mut head = repo.head().map_err(fail)?;
    let short = |name: &gix::refs::FullNameRef| name.shorten().to_str_lossy().into_owned();
    let id = match head.kind.clone() {
        gix::head::Kind::Unborn(name) => return Ok((Head::Unborn(short(name.as_ref())), None)),
        gix::head::Kind::Symbolic(_) | gix::head::Kind::Detached { .. } => {
            head.peel_to_commit().map_err(fail)?.id().detach()
        }
    };
    Ok((head.referent_name().map_or(Head::Detached, |name| Head::Branch(short(name))), Some(id)))
}

fn read_commit(repo: &gix::Repository, id: gix::ObjectId) -> gix::Result<LastCommit> {
    let commit = repo.find_commit(id)?;
    let author = commit.author()?;
    let message = commit.message_raw()?;
    Ok(LastCommit {
        id: id.to_string(),
        subject: subject(message),
        author: short(author.name.to_str_lossy().into_owned()),
        author_email: short(author.email.to_str_lossy().into_owned()),
        committed_at: Timestamp::from_second(commit.time()?.seconds).unwrap_or_default(),
    })
}

/// The first paragraph on one line, as git's `%s`.
fn subject(message: &bstr::BStr) -> String {
    let lines =
        message.lines().skip_while(|line| line.trim().is_empty()).take_while(|line| !line.trim().is_empty());
    let lines: Vec<_> = lines.map(|line| line.trim_end().to_str_lossy()).collect();
    short(lines.join(" ").trim().to_owned())
}

/// A commit may carry a subject of a gigabyte; no table and no person wants it.
fn short(mut text: String) -> String {
    const MAX_CHARACTERS: usize = 1000;
    if let Some((end, _)) = text.char_indices().nth(MAX_CHARACTERS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

fn read_upstream(
    repo: &gix::Repository,
    name: &gix::refs::FullNameRef,
    head_id: Option<gix::ObjectId>,
    interrupt: &AtomicBool,
) -> gix::Result<Upstream> {
    let tip = repo.try_find_reference(name)?.map(|mut found| found.peel_to_commit()).transpose();
    let divergence = match (head_id, tip) {
        (Some(ours), Ok(Some(theirs))) => Some(graph::divergence(repo, ours, theirs.id, interrupt)?),
        _ => None,
    };
    Ok(Upstream { name: shorten(name.as_bstr()).to_str_lossy().into_owned(), divergence })
}

/// `refs/remotes/origin/main` as git prints it in a status.
fn shorten(name: &bstr::BStr) -> &bstr::BStr {
    for prefix in ["refs/remotes/", "refs/heads/", "refs/"] {
        if let Some(rest) = name.strip_prefix(prefix.as_bytes()) {
            return rest.as_bstr();
        }
    }
    name
}

fn operation(repo: &gix::Repository) -> Option<Operation> {
    use gix::state::InProgress;
    Some(match repo.state()? {
        InProgress::ApplyMailbox => Operation::ApplyMailbox,
        InProgress::ApplyMailboxRebase | InProgress::Rebase | InProgress::RebaseInteractive => {
            Operation::Rebase
        }
        InProgress::Merge => Operation::Merge,
        InProgress::CherryPick | InProgress::CherryPickSequence => Operation::CherryPick,
        InProgress::Revert | InProgress::RevertSequence => Operation::Revert,
        InProgress::Bisect => Operation::Bisect,
    })
}

/// Entries of the stash are the lines of its reflog.
fn count_stashes(checkout: &Checkout) -> Result<u32, RepoError> {
    const MAX_REFLOG_BYTES: u64 = 64 * 1024 * 1024;
    if !checkout.common_dir.join("refs/stash").exists() && !packed_stash(checkout)? {
        return Ok(0);
    }
    let log = guard::read_small(&checkout.common_dir.join("logs/refs/stash"), MAX_REFLOG_BYTES)?
        .unwrap_or_default();
    Ok(u32::try_from(log.lines().filter(|line| !line.is_empty()).count()).unwrap_or(u32::MAX))
}

fn packed_stash(checkout: &Checkout) -> Result<bool, RepoError> {
    // Only asked when there is no loose ref; a stash is packed by `git pack-refs --all` alone.
    let log = checkout.common_dir.join("logs/refs/stash");
    if log.symlink_metadata().is_err() {
        return Ok(false);
    }
    let packed = guard::read_small(&checkout.common_dir.join("packed-refs"), u64::MAX)?.unwrap_or_default();
    Ok(packed.contains_str(" refs/stash\n"))
}

/// Whether a bare repository keeps the branches of its remotes apart from its own.
fn has_remote_branches(repo: &gix::Repository) -> bool {
    let references = repo.references().ok();
    references.is_some_and(|refs| refs.prefixed("refs/remotes/").is_ok_and(|mut refs| refs.next().is_some()))
}

/// The remote that counts: the current branch's, else `origin`, else the only one.
fn push_remote(repo: &gix::Repository) -> Option<BString> {
    let names: Vec<BString> = repo.remote_names().iter().map(|name| BString::from(name.as_bstr())).collect();
    let of_branch = repo
        .head_name()
        .ok()
        .flatten()
        .and_then(|branch| repo.branch_remote_name(branch.shorten(), gix::remote::Direction::Fetch))
        .map(|name| BString::from(name.as_bstr()));
    let only = if let [only] = names.as_slice() { Some(only) } else { None };
    of_branch
        .as_ref()
        .filter(|name| names.contains(name))
        .or_else(|| names.iter().find(|name| *name == "origin"))
        .or(only)
        .cloned()
}

/// The remote that counts, else the first.
pub(crate) fn counting_remote(repo: &gix::Repository) -> Option<BString> {
    let first = || repo.remote_names().iter().next().map(|name| BString::from(name.as_bstr()));
    push_remote(repo).or_else(first)
}

/// The address of a remote.
fn read_remote(repo: &gix::Repository, chosen: &BString, warnings: &mut Vec<Warning>) -> Option<RemoteUrl> {
    let url = repo.config_snapshot().string(format!("remote.{chosen}.url").as_str())?;
    match RemoteUrl::parse(&url.to_str_lossy()) {
        Ok(url) => Some(url),
        Err(error) => {
            warnings.push(Warning {
                code: "remote_url".into(),
                message: format!("the address of remote '{chosen}' cannot be used: {error}"),
            });
            None
        }
    }
}

/// Time of the last fetch: `FETCH_HEAD` is rewritten by each; a fresh clone has none, but its reflog begins with it.
fn fetched_at(checkout: &Checkout) -> Option<Timestamp> {
    let written = |dir: &Path| {
        let modified = dir.join("FETCH_HEAD").metadata().ok()?.modified().ok()?;
        Timestamp::try_from(modified).ok()
    };
    let fetched = written(&checkout.git_dir).max(written(&checkout.common_dir));
    fetched.or_else(|| {
        const MAX_REFLOG_BYTES: u64 = 64 * 1024 * 1024;
        let log = guard::read_small(&checkout.common_dir.join("logs/HEAD"), MAX_REFLOG_BYTES).ok()??;
        let first = log.lines().next()?;
        let (who, message) = first.split_once_str("\t")?;
        if !message.starts_with(b"clone:") {
            return None;
        }
        let seconds = who.rsplitn(3, |&byte| byte == b' ').nth(1)?;
        Timestamp::from_second(seconds.to_str().ok()?.parse().ok()?).ok()
    })
}
