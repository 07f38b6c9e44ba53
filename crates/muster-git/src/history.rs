//! A short look into recent history: who commits here, how much lately, which tags there are. Bounded, because a scan
//! must not read a whole history to say whose repository it is.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use bstr::{BString, ByteSlice};
use jiff::Timestamp;
use muster_model::analysis::TagFact;

/// Commits looked at.
const MAX_COMMITS: usize = 200;
/// Tags whose date is read, newest names first.
const MAX_DATED_TAGS: usize = 20;
/// Tags listed at all.
const MAX_TAGS: usize = 5_000;

/// Authors of the newest commits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Authors {
    /// Commits by author e-mail, lower case, lossy UTF-8.
    pub commits_by_email: BTreeMap<String, u32>,
    /// Commits looked at.
    pub commits: u32,
    /// Committer times of those commits, newest first, seconds since 1970.
    pub times: Vec<i64>,
    /// More commits exist than were looked at.
    pub is_capped: bool,
}

/// Looks at the newest commits reachable from HEAD.
pub(crate) fn authors(repo: &gix::Repository, interrupt: &AtomicBool) -> gix::Result<Authors> {
    let mut authors = Authors::default();
    let Ok(head) = repo.head_id() else { return Ok(authors) };
    let order = gix::revision::walk::Sorting::ByCommitTime(
        gix::traverse::commit::simple::CommitTimeOrder::NewestFirst,
    );
    for info in head.ancestors().sorting(order).all()? {
        if interrupt.load(Ordering::Relaxed) {
            break;
        }
        if authors.commits as usize == MAX_COMMITS {
            authors.is_capped = true;
            break;
        }
        // The end of a shallow clone, or a damaged object: what was seen so far still counts.
        let Ok(info) = info else { break };
        let Ok(commit) = repo.find_commit(info.id) else { break };
        let Ok(author) = commit.author() else { continue };
        authors.commits += 1;
        authors.times.push(info.commit_time.unwrap_or_default());
        *authors.commits_by_email.entry(author.email.to_str_lossy().trim().to_lowercase()).or_insert(0) += 1;
    }
    Ok(authors)
}

/// Tags by name; the ones with the highest version numbers carry the date of their commit.
pub(crate) fn tags(repo: &gix::Repository) -> gix::Result<Vec<TagFact>> {
    let mut names: Vec<BString> = repo
        .references()?
        .prefixed("refs/tags/")?
        .filter_map(Result::ok)
        .take(MAX_TAGS)
        .map(|reference| reference.name().shorten().to_owned())
        .collect();
    names.sort_by_cached_key(|name| std::cmp::Reverse(version_key(name)));
    Ok(names
        .into_iter()
        .enumerate()
        .map(|(at, name)| TagFact {
            at: if at < MAX_DATED_TAGS { tagged_at(repo, &name) } else { None },
            name: name.to_str_lossy().into_owned(),
        })
        .collect())
}

fn tagged_at(repo: &gix::Repository, name: &BString) -> Option<Timestamp> {
    let full = format!("refs/tags/{}", name.to_str().ok()?);
    let commit = repo.find_reference(full.as_str()).ok()?.peel_to_commit().ok()?;
    Timestamp::from_second(commit.time().ok()?.seconds).ok()
}

/// Numbers of a name, so that `v1.10` comes after `v1.9`.
fn version_key(name: &BString) -> Vec<u64> {
    name.split(|byte| !byte.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(|digits| digits.to_str().ok().and_then(|digits| digits.parse().ok()).unwrap_or(u64::MAX))
        .collect()
}
