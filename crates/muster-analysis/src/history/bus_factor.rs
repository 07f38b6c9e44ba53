//! How much of the work stands and falls with few people: the contributor absence factor of CHAOSS
//! (chaoss.community, metric "Contributor Absence Factor"). Merges say who pressed the button, so they do not count.

use muster_model::history::{BusFactor, BusRisk, Contributor};

use crate::text::{count, join_and, short, some_of};

/// Names in the reason; more would be no sentence.
const NAMED: usize = 3;

/// Counts people until they have half of all commits; `None` if no person committed anything but merges.
pub(super) fn bus_factor(people: &[Contributor]) -> Option<BusFactor> {
    let mut authors: Vec<(u64, &Contributor)> =
        people.iter().map(|person| (person.commits - person.merges, person)).collect();
    // Stable: those with equally many stay in the order of the list of people.
    authors.sort_by_key(|(commits, _)| std::cmp::Reverse(*commits));
    let all: u64 = authors.iter().map(|(commits, _)| commits).sum();
    if all == 0 {
        return None;
    }
    let mut theirs = 0;
    let mut names = Vec::new();
    for (commits, person) in &authors {
        theirs += commits;
        names.push(if person.name.is_empty() {
            "somebody without a name".to_owned()
        } else {
            short(&person.name)
        });
        if theirs * 2 >= all {
            break;
        }
    }
    let people = names.len() as u64;
    let risk = match people {
        1 => BusRisk::Critical,
        2 => BusRisk::High,
        3 | 4 => BusRisk::Medium,
        _ => BusRisk::Low,
    };
    let who = if names.len() > NAMED { some_of(&names, NAMED) } else { join_and(&names) };
    // Rounded half up; at least half of all, so at least 50.
    let share = (theirs * 200 + all) / (all * 2);
    let reason = format!("{who} wrote {theirs} of {} ({share} %)", count(all, "commit", "commits"));
    Some(BusFactor { people, risk, reason })
}
