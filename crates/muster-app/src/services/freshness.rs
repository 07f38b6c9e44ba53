//! Has the remote of a checkout moved on? What was stored of its last answer is compared with the branches that the
//! checkout follows. Values in, a verdict out; nothing is asked here.
//!
//! A branch counts as moved if the remote has it elsewhere than where it was last seen from here. One that is new there
//! does not count, because nobody here follows it yet; nor does one that is gone there, because a fetch would not clear
//! it. One that was written here after the remote was asked is not compared: a fetch, a pull or a push has just told
//! what the remote has, and the answer is the older news.

use std::collections::HashMap;

use muster_model::{RemoteUrl, UnknownReason, git_state::TrackedHead, project::Project};
use muster_store::RemoteHeads;

use crate::remote_policy::RemotePolicy;

/// The field whose reason is given.
const FIELD: &str = "git.remote_moved";

/// The address by which the remote of a project is asked and its answer kept, if there is one that may be asked.
pub(crate) fn address(remote: Option<&RemoteUrl>, policy: &RemotePolicy) -> Result<RemoteUrl, UnknownReason> {
    let remote = remote.ok_or(UnknownReason::NoRemote)?;
    policy.askable(remote.clone()).map_err(|_| UnknownReason::NotAskable)
}

/// Notes in a project that was just read whether its remote has moved on, or why that is not known. `policy` is `None`
/// if remotes are not asked.
pub(crate) fn note(
    project: &mut Project,
    policy: Option<&RemotePolicy>,
    known: &HashMap<String, RemoteHeads>,
) {
    project.remote_moved = None;
    project.unknown.remove(FIELD);
    match judge(project, policy, known) {
        Ok(has_moved) => project.remote_moved = Some(has_moved),
        Err(reason) => {
            project.unknown.insert(FIELD.into(), reason);
        }
    }
}

fn judge(
    project: &Project,
    policy: Option<&RemotePolicy>,
    known: &HashMap<String, RemoteHeads>,
) -> Result<bool, UnknownReason> {
    if project.error.is_some() {
        return Err(UnknownReason::RepositoryError);
    }
    if project.git.is_none() {
        return Err(UnknownReason::NoRepository);
    }
    let policy = policy.ok_or(UnknownReason::FreshnessOff)?;
    let address = address(project.remote.as_ref(), policy)?;
    let tracked = project.tracked.as_ref().ok_or(UnknownReason::NotTracked)?;
    let known = known.get(&address.to_string()).ok_or(UnknownReason::NotAsked)?;
    let has_moved = has_moved(tracked, known);
    match (has_moved, &known.failure) {
        // What was seen once is not undone by a remote that is silent now.
        (Some(true), _) => Ok(true),
        (_, Some(failure)) => Err(failure.reason),
        (Some(false), None) => Ok(false),
        (None, None) => Err(UnknownReason::NotAsked),
    }
}

/// Whether one of the branches is elsewhere; `None` if the remote has never answered.
fn has_moved(tracked: &[TrackedHead], known: &RemoteHeads) -> Option<bool> {
    let (heads, asked_at) = (known.heads.as_ref()?, known.asked_at?);
    let is_elsewhere = |one: &TrackedHead| {
        one.changed_at < asked_at && heads.get(&one.branch).is_some_and(|id| *id != one.id)
    };
    Some(tracked.iter().any(is_elsewhere))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use muster_model::Timestamp;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn only_what_a_fetch_would_change_counts() {
        let tracked = |branch: &str, id: &str, second: i64| TrackedHead {
            branch: branch.to_owned(),
            id: id.to_owned(),
            changed_at: at(second),
        };
        let heads = |pairs: &[(&str, &str)]| RemoteHeads {
            url: String::new(),
            heads: Some(pairs.iter().map(|(name, id)| ((*name).to_owned(), (*id).to_owned())).collect()),
            asked_at: Some(at(10)),
            checked_at: at(10),
            failures: 0,
            failure: None,
        };
        let here = [tracked("main", "a", 5), tracked("old", "b", 5)];
        for (there, expected) in [
            (&[("main", "a"), ("old", "b")][..], false),
            (&[("main", "c"), ("old", "b")], true),
            (&[("main", "a"), ("old", "b"), ("new", "d")], false),
            (&[("main", "a")], false),
            (&[], false),
        ] {
            assert_eq!(has_moved(&here, &heads(there)), Some(expected), "{there:?}");
        }
        // Written after the question was put: the answer may be the older news.
        assert_eq!(has_moved(&[tracked("main", "z", 11)], &heads(&[("main", "a")])), Some(false));
        let silent = RemoteHeads { heads: None, asked_at: None, ..heads(&[]) };
        assert_eq!(has_moved(&here, &silent), None);
        assert_eq!(silent.heads, None::<BTreeMap<_, _>>);
    }
}
