//! What the branches of a repository say about its remotes: which have commits that no remote has, which exist only
//! here. Most branches point where a remote branch points, so the graph is walked only for those that do not.

use std::{
    collections::{BTreeMap, HashSet},
    sync::atomic::AtomicBool,
};

use bstr::{BStr, BString, ByteSlice};
use gix::{ObjectId, objs::Exists};
use muster_model::git_state::{BranchReport, UnpushedBranch};

use crate::{graph, guard};

/// Whether tags and other references are asked what they hold. The answer may lie at the very beginning of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OtherRefs {
    Walk,
    Leave,
}

/// Reads all branches, and what tags and other references hold besides them.
pub(crate) fn report(
    repo: &gix::Repository,
    other_refs: OtherRefs,
    emails: &[String],
    interrupt: &AtomicBool,
) -> gix::Result<BranchReport> {
    let mut broken = 0;
    let local = tips(repo, "refs/heads/", &mut broken)?;
    let remote = tips(repo, "refs/remotes/", &mut broken)?;
    let mut report = BranchReport {
        local_branches: u32::try_from(local.len()).unwrap_or(u32::MAX),
        has_remote: !repo.remote_names().is_empty(),
        ..BranchReport::default()
    };
    if !report.has_remote {
        report.broken_refs = broken;
        return Ok(report);
    }
    report.local_only = local
        .keys()
        .filter(|name| !has_remote_counterpart(repo, name.as_bstr(), &remote))
        .map(|name| name.to_str_lossy().into_owned())
        .collect();

    let known: HashSet<ObjectId> = remote.values().copied().collect();
    let at_remotes: Vec<ObjectId> = known.iter().copied().collect();
    let mut asked: Vec<(&BString, ObjectId)> = local.iter().map(|(name, id)| (name, *id)).collect();
    asked.retain(|(_, id)| !known.contains(id));
    broken += count_missing(repo, asked.iter().map(|(_, id)| *id));
    let head = repo.head()?;
    let head_name = head.referent_name().map(|name| name.shorten().to_owned());
    for chunk in asked.chunks(graph::MAX_SIDES) {
        let ids: Vec<ObjectId> = chunk.iter().map(|(_, id)| *id).collect();
        let counts = graph::commits_not_in(repo, &ids, &at_remotes, interrupt)?;
        for ((name, _), commits) in chunk.iter().zip(counts).filter(|(_, commits)| *commits > 0) {
            report.unpushed.push(UnpushedBranch {
                name: name.to_str_lossy().into_owned(),
                commits,
                is_head: head_name.as_ref() == Some(*name),
            });
        }
    }
    report.unpushed.sort_by(|a, b| (!a.is_head, &a.name).cmp(&(!b.is_head, &b.name)));

    let on_branches: HashSet<ObjectId> = known.into_iter().chain(local.values().copied()).collect();
    let on_branches_list: Vec<ObjectId> = on_branches.iter().copied().collect();
    if head.is_detached()
        && let Some(id) = head.id().map(gix::Id::detach).filter(|id| !on_branches.contains(id))
    {
        report.detached_commits = count(&graph::any_not_in(repo, &[id], &on_branches_list, interrupt)?);
    }
    if other_refs == OtherRefs::Walk {
        let others = other_tips(repo, &on_branches, &mut broken)?;
        // Release tags hold commits that no branch has in many a clone. Nobody here knows whether the remote has the
        // tag, but what somebody else committed came from there.
        let mut only_here = graph::any_not_in(repo, &others, &on_branches_list, interrupt)?;
        only_here.retain(|&id| is_own(repo, id, emails));
        report.commits_on_tags_only = count(&only_here);
    }
    report.broken_refs = broken;
    Ok(report)
}

/// Branch tips below `prefix` by the rest of their name. Symbolic refs (`origin/HEAD`) repeat another branch.
fn tips(repo: &gix::Repository, prefix: &str, broken: &mut u32) -> gix::Result<BTreeMap<BString, ObjectId>> {
    let mut tips = BTreeMap::new();
    for reference in repo.references()?.prefixed(prefix)? {
        let Ok(reference) = reference else {
            *broken += 1;
            continue;
        };
        if let Some(id) = reference.try_id()
            && let Some(name) = reference.name().as_bstr().strip_prefix(prefix.as_bytes())
        {
            tips.insert(BString::from(name), id.detach());
        }
    }
    Ok(tips)
}

/// Commits that tags, notes and other references name, without those that branches name anyway. The stash is counted
/// by its entries.
fn other_tips(
    repo: &gix::Repository,
    on_branches: &HashSet<ObjectId>,
    broken: &mut u32,
) -> gix::Result<Vec<ObjectId>> {
    let mut ids = HashSet::new();
    for reference in repo.references()?.all()? {
        let Ok(mut reference) = reference else { continue };
        let name = reference.name().as_bstr();
        let is_told = ["refs/heads/", "refs/remotes/", "refs/stash", "refs/replace/", "refs/bisect/"]
            .iter()
            .any(|prefix| name.starts_with(prefix.as_bytes()));
        if is_told || !name.starts_with(b"refs/") {
            continue;
        }
        match reference.peel_to_id() {
            Ok(id) if on_branches.contains(&id.detach()) => {}
            // A tag may name a blob or a tree; that is no commit to lose.
            Ok(id) if repo.find_header(id).is_ok_and(|header| header.kind() == gix::objs::Kind::Commit) => {
                ids.insert(id.detach());
            }
            Ok(_) => {}
            Err(_) => *broken += 1,
        }
    }
    Ok(ids.into_iter().collect())
}

fn count(ids: &[ObjectId]) -> u32 {
    u32::try_from(ids.len()).unwrap_or(u32::MAX)
}

/// Whether the commit was made by the person: by an address of theirs, or by that of this repository. Where no address
/// is known, every commit may be.
fn is_own(repo: &gix::Repository, id: ObjectId, emails: &[String]) -> bool {
    let here = repo.config_snapshot().string("user.email").map(|email| email.to_str_lossy().to_lowercase());
    if emails.is_empty() && here.is_none() {
        return true;
    }
    let Ok(commit) = repo.find_commit(id) else { return true };
    let Ok(committer) = commit.committer() else { return true };
    let email = committer.email.to_str_lossy().trim().to_lowercase();
    emails.contains(&email) || here.is_some_and(|here| here == email)
}

fn count_missing(repo: &gix::Repository, ids: impl Iterator<Item = ObjectId>) -> u32 {
    u32::try_from(ids.filter(|id| !repo.objects.exists(id)).count()).unwrap_or(u32::MAX)
}

/// Whether a remote has the branch: its upstream exists, or any remote has a branch of the same name.
fn has_remote_counterpart(repo: &gix::Repository, name: &BStr, remote: &BTreeMap<BString, ObjectId>) -> bool {
    let same_name = repo.remote_names().iter().any(|remote_name| {
        let mut full = BString::from(remote_name.as_bstr());
        full.push(b'/');
        full.extend_from_slice(name);
        remote.contains_key(&full)
    });
    same_name || upstream_exists(repo, name)
}

fn upstream_exists(repo: &gix::Repository, name: &BStr) -> bool {
    let mut full = BString::from("refs/heads/");
    full.extend_from_slice(name);
    let Ok(full) = gix::refs::FullName::try_from(full) else { return false };
    let Some(upstream) = upstream_of(repo, full.as_ref()) else { return false };
    guard::check_ref(repo.git_dir(), repo.common_dir(), upstream.as_bstr()).is_ok()
        && repo.try_find_reference(upstream.as_ref()).is_ok_and(|found| found.is_some())
}

/// The full name of the branch that `branch` follows, existing or not.
pub(crate) fn upstream_of(
    repo: &gix::Repository,
    branch: &gix::refs::FullNameRef,
) -> Option<gix::refs::FullName> {
    let short = branch.shorten();
    let config = repo.config_snapshot();
    let key = |name: &str| config.string(format!("branch.{short}.{name}").as_str());
    // "." means this repository: one local branch follows another.
    if key("remote").is_some_and(|remote| remote == ".") {
        return gix::refs::FullName::try_from(key("merge")?).ok();
    }
    let name = repo.branch_remote_tracking_ref_name(branch, gix::remote::Direction::Fetch)?.ok()?;
    Some(name)
}
