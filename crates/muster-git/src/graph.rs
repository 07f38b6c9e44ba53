//! Questions over the commit graph: how far two branches are apart, and what no remote has. Commits are painted with
//! the sides that reach them, newest first, until only common history is left. Clocks of committers may be wrong, so
//! paint that arrives late is carried on to commits already passed, as git does.

use std::{
    collections::BinaryHeap,
    sync::atomic::{AtomicBool, Ordering},
};

use gix::{ObjectId, hashtable};
use muster_model::git_state::Divergence;

/// After the paint has met, this many further common commits are looked at before we believe the clocks; git's SLOP.
const SLOP: u32 = 5;

/// Sides are bits: the lowest is what everybody has, the others are the starting points.
pub(crate) type Sides = u64;

/// Starting points that one painting can tell apart.
pub(crate) const MAX_SIDES: usize = 63;

const COMMON: Sides = 1;
const OURS: Sides = 2;
const THEIRS: Sides = 4;

#[derive(Debug, Clone, Copy)]
struct Mark {
    sides: Sides,
    seconds: i64,
}

/// Commits of `ours` that `theirs` lacks, and the other way round.
pub(crate) fn divergence(
    repo: &gix::Repository,
    ours: ObjectId,
    theirs: ObjectId,
    interrupt: &AtomicBool,
) -> gix::Result<Divergence> {
    if ours == theirs {
        return Ok(Divergence::default());
    }
    let marks = paint(repo, &[(ours, OURS), (theirs, THEIRS)], OURS | THEIRS, interrupt)?;
    let mut result = Divergence::default();
    for mark in marks.values() {
        match mark.sides & (OURS | THEIRS) {
            OURS => result.ahead += 1,
            THEIRS => result.behind += 1,
            _ => {}
        }
    }
    Ok(result)
}

/// For each of `tips` (at most [`MAX_SIDES`]) the number of its commits that none of `known` reaches.
pub(crate) fn commits_not_in(
    repo: &gix::Repository,
    tips: &[ObjectId],
    known: &[ObjectId],
    interrupt: &AtomicBool,
) -> gix::Result<Vec<u32>> {
    debug_assert!(tips.len() <= MAX_SIDES, "one bit per tip");
    let starts: Vec<_> = known
        .iter()
        .map(|&id| (id, COMMON))
        .chain(tips.iter().enumerate().map(|(at, &id)| (id, COMMON << (at + 1))))
        .collect();
    let marks = paint(repo, &starts, COMMON, interrupt)?;
    let mut counts = vec![0; tips.len()];
    for mark in marks.values().filter(|mark| mark.sides & COMMON == 0) {
        for (at, count) in counts.iter_mut().enumerate() {
            *count += u32::from(mark.sides & (COMMON << (at + 1)) != 0);
        }
    }
    Ok(counts)
}

/// Commits that any of `tips` reaches and none of `known` does.
pub(crate) fn any_not_in(
    repo: &gix::Repository,
    tips: &[ObjectId],
    known: &[ObjectId],
    interrupt: &AtomicBool,
) -> gix::Result<Vec<ObjectId>> {
    if tips.is_empty() {
        return Ok(Vec::new());
    }
    let starts: Vec<_> =
        known.iter().map(|&id| (id, COMMON)).chain(tips.iter().map(|&id| (id, OURS))).collect();
    let marks = paint(repo, &starts, COMMON, interrupt)?;
    Ok(marks.iter().filter(|(_, mark)| mark.sides & COMMON == 0).map(|(id, _)| *id).collect())
}

/// Paints from `starts` until every commit left in the queue carries all bits of `done`.
fn paint(
    repo: &gix::Repository,
    starts: &[(ObjectId, Sides)],
    done: Sides,
    interrupt: &AtomicBool,
) -> gix::Result<hashtable::HashMap<ObjectId, Mark>> {
    let cache = repo.commit_graph_if_enabled().ok().flatten();
    let shallow = repo.shallow_commits()?;
    let is_cut_off = |id: &ObjectId| shallow.as_ref().is_some_and(|cut| cut.binary_search(id).is_ok());
    let mut graph = repo.revision_graph::<()>(cache.as_ref());
    let mut marks: hashtable::HashMap<ObjectId, Mark> = hashtable::HashMap::default();
    let mut queue = BinaryHeap::new();
    let mut undecided = 0_usize;
    let is_done = |sides: Sides| sides & done == done;
    let push = |id: ObjectId,
                sides: Sides,
                seconds: i64,
                marks: &mut hashtable::HashMap<ObjectId, Mark>,
                queue: &mut BinaryHeap<(i64, ObjectId, Sides)>,
                undecided: &mut usize| {
        let mark = marks.entry(id).or_insert(Mark { sides: 0, seconds });
        let merged = mark.sides | sides;
        if merged != mark.sides {
            mark.sides = merged;
            queue.push((seconds, id, merged));
            *undecided += usize::from(!is_done(merged));
        }
    };
    for &(id, sides) in starts {
        // A missing object is the end of a shallow clone or a damaged one: it has no parents to paint.
        if let Some(commit) = graph.try_lookup(&id)? {
            let seconds = commit.committer_timestamp().unwrap_or_default();
            push(id, sides, seconds, &mut marks, &mut queue, &mut undecided);
        }
    }
    let mut oldest_undecided = i64::MAX;
    let mut slop = SLOP;
    while let Some((seconds, id, sides)) = queue.pop() {
        if !is_done(sides) {
            undecided -= 1;
            oldest_undecided = oldest_undecided.min(seconds);
        }
        if undecided > 0 || seconds >= oldest_undecided {
            slop = SLOP;
        } else {
            slop -= 1;
            if slop == 0 {
                break;
            }
        }
        if interrupt.load(Ordering::Relaxed) {
            // Half a painting would look like an answer.
            return Err(gix::Error::from_error(gix::error::message("interrupted")));
        }
        // A later, richer entry of the same commit carries this paint as well.
        if marks.get(&id).is_some_and(|mark| mark.sides != sides) {
            continue;
        }
        let parents: Vec<ObjectId> = match graph.try_lookup(&id)? {
            Some(commit) if !is_cut_off(&id) => commit.iter_parents().filter_map(Result::ok).collect(),
            _ => continue,
        };
        for parent in parents {
            let known = marks.get(&parent).map(|mark| mark.seconds);
            let seconds = match known {
                Some(seconds) => seconds,
                None => match graph.try_lookup(&parent)? {
                    Some(commit) => commit.committer_timestamp().unwrap_or_default(),
                    None => continue,
                },
            };
            push(parent, sides, seconds, &mut marks, &mut queue, &mut undecided);
        }
    }
    Ok(marks)
}
