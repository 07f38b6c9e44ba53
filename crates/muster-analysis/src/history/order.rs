//! The order of a history: children before their parents, and otherwise by the committer's time. Time alone is not
//! enough, because a rebase gives many commits the same second and clocks go wrong; then a rename would be met in the
//! wrong place.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use muster_model::Commit;

/// The commits in the order of their history, each id once. Ties go by id, so that the order of the input does not matter.
pub fn newest_first(commits: &[Commit]) -> Vec<&Commit> {
    let mut sorted: Vec<&Commit> = commits.iter().collect();
    sorted.sort_by(|a, b| b.committer.at.cmp(&a.committer.at).then_with(|| a.id.cmp(&b.id)));
    let mut place_by_id: HashMap<&str, usize> = HashMap::with_capacity(sorted.len());
    let mut unique: Vec<&Commit> = Vec::with_capacity(sorted.len());
    for commit in sorted {
        place_by_id.entry(&commit.id).or_insert_with(|| {
            unique.push(commit);
            unique.len() - 1
        });
    }

    let parents = |place: usize| {
        let ids = unique[place].parents.iter();
        ids.filter_map(|id| place_by_id.get(id.as_str()).copied())
    };
    let mut children_left = vec![0_usize; unique.len()];
    for place in 0..unique.len() {
        for parent in parents(place) {
            children_left[parent] += 1;
        }
    }
    // The newest has the lowest place.
    let free = (0..unique.len()).filter(|&place| children_left[place] == 0).map(Reverse);
    let mut free: BinaryHeap<Reverse<usize>> = free.collect();
    let mut ordered = Vec::with_capacity(unique.len());
    while let Some(Reverse(place)) = free.pop() {
        ordered.push(unique[place]);
        for parent in parents(place) {
            children_left[parent] -= 1;
            if children_left[parent] == 0 {
                free.push(Reverse(parent));
            }
        }
    }
    // Commits that are their own ancestors do not exist in git, but they may stand in what is handed in.
    ordered.extend((0..unique.len()).filter(|&place| children_left[place] > 0).map(|place| unique[place]));
    ordered
}
