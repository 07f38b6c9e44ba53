//! What the whole history says: how old a repository is, who made it, which branches nobody works on any more. Made of
//! counts alone, because nobody looks at the files of fifty thousand commits for it.

use std::cmp::Reverse;

use jiff::SignedDuration;
use muster_model::{
    Timestamp,
    history::{AllTime, AuthorCount, Contributor, RefTip, WholeHistory},
};

use super::{bus_factor::bus_factor, identity::Identities};

/// Without a commit for so long a branch is stale: what GitHub calls so, three months.
const STALE: SignedDuration = SignedDuration::from_hours(24 * 90);
/// Tags and branches that are listed.
const LISTED: usize = 100;

/// Derives everything. `digest` is that of the references which the history was learned from.
pub fn all_time(whole: &WholeHistory, digest: &str, as_of: Timestamp) -> AllTime {
    let (people, bots) = authors(&whole.authors);
    let is_stale = |branch: &&RefTip| branch.at.is_some_and(|at| as_of.duration_since(at) > STALE);
    let mut stale: Vec<RefTip> = whole.branches.iter().filter(is_stale).cloned().collect();
    stale.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.name.cmp(&b.name)));
    let stale_branches = stale.len() as u64;
    stale.truncate(LISTED);
    let mut newest_tags = whole.tags.clone();
    // What stands for no commit has no time and comes last.
    newest_tags.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.name.cmp(&b.name)));
    newest_tags.truncate(LISTED);
    AllTime {
        rule_version: super::RULE_VERSION,
        as_of,
        digest: digest.to_owned(),
        commits: whole.commits,
        merges: whole.merges,
        first_at: whole.first_at,
        last_at: whole.last_at,
        people: people.len() as u64,
        bots,
        bus_factor: bus_factor(&people),
        tags: whole.tags.len() as u64,
        newest_tags,
        branches: whole.branches.len() as u64 + u64::from(whole.has_default_branch),
        stale_branches,
        stalest: stale,
    }
}

/// The people, those with most commits first, and how many machines there are.
fn authors(spellings: &[AuthorCount]) -> (Vec<Contributor>, u64) {
    let identities = Identities::of(spellings.iter().map(|one| (&*one.name, &*one.email)));
    let mut authors: Vec<Option<Contributor>> = vec![None; identities.is_bot.len()];
    for (spelling, &author) in spellings.iter().zip(&identities.author_of) {
        let known = authors[author].get_or_insert_with(|| Contributor {
            name: String::new(),
            emails: Vec::new(),
            commits: 0,
            merges: 0,
            insertions: 0,
            deletions: 0,
            first_at: spelling.first_at,
            last_at: spelling.first_at,
        });
        known.commits += spelling.commits;
        known.merges += spelling.merges;
        known.first_at = known.first_at.min(spelling.first_at);
        // Called as in what they wrote last.
        if known.name.is_empty() || spelling.last_at > known.last_at {
            spelling.name.trim().clone_into(&mut known.name);
        }
        known.last_at = known.last_at.max(spelling.last_at);
    }
    let (mut people, mut bots) = (Vec::new(), 0);
    for (author, is_bot) in authors.into_iter().zip(identities.is_bot) {
        if is_bot {
            bots += 1;
        } else {
            people.extend(author);
        }
    }
    people.sort_by(|a, b| {
        let key = |one: &Contributor| (Reverse(one.commits), Reverse(one.last_at), one.name.clone());
        key(a).cmp(&key(b))
    });
    (people, bots)
}
