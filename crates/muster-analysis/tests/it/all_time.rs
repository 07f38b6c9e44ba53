//! What the whole history says, from counts alone: the same as from the commits themselves.

use std::collections::BTreeMap;

use muster_analysis::history::all_time;
use muster_model::{
    Commit,
    history::{AuthorCount, RefTip, WholeHistory},
};

use crate::commits::{ADA, Build, DEPENDABOT, GRACE, by, commit, days_ago, now, of};

/// The commits as git counts them.
fn counted(commits: &[Commit]) -> WholeHistory {
    let mut authors: BTreeMap<(String, String), AuthorCount> = BTreeMap::new();
    for one in commits {
        let author = &one.author;
        let count =
            authors.entry((author.name.clone(), author.email.clone())).or_insert_with(|| AuthorCount {
                name: author.name.clone(),
                email: author.email.clone(),
                commits: 0,
                merges: 0,
                first_at: author.at,
                last_at: author.at,
            });
        count.commits += 1;
        count.merges += u64::from(one.is_merge());
        count.first_at = count.first_at.min(author.at);
        count.last_at = count.last_at.max(author.at);
    }
    WholeHistory {
        commits: commits.len() as u64,
        authors: authors.into_values().collect(),
        ..WholeHistory::default()
    }
}

#[test]
fn people_and_the_bus_factor_are_those_of_the_commits() {
    let spellings = ["ada <Ada@Example.org>", "ada l. <ada@example.org>", GRACE, "G <grace@example.org>"];
    let mut commits = by(&[ADA, ADA, GRACE, DEPENDABOT, ADA, "Eve Adams <eve@example.net>", "- <>"]);
    commits.extend((100..).zip(spellings).map(|(number, author)| commit(number, author, days_ago(40))));
    commits.push(commit(200, GRACE, days_ago(1)).on(&[1, 2]));
    for _ in 0..commits.len() {
        commits.rotate_left(1);
        let (few, all) = (of(&commits), all_time(&counted(&commits), "d", now()));
        assert_eq!((all.people, all.bots), (few.contributors.len() as u64, few.bots.len() as u64));
        assert_eq!(all.bus_factor, few.bus_factor);
    }
    let nothing = all_time(&WholeHistory::default(), "d", now());
    assert_eq!((nothing.people, nothing.bus_factor, nothing.branches), (0, None, 0));
}

#[test]
fn branches_are_stale_after_three_months_and_tags_come_newest_first() {
    let tip = |name: &str, days: Option<i64>| RefTip { name: name.into(), at: days.map(days_ago) };
    let whole = WholeHistory {
        has_default_branch: true,
        branches: vec![tip("new", Some(90)), tip("b", Some(400)), tip("a", Some(91)), tip("c", Some(400))],
        tags: vec![tip("v1", Some(9)), tip("tree", None), tip("v3", Some(1)), tip("v2", Some(9))],
        ..WholeHistory::default()
    };
    let all = all_time(&whole, "d", now());
    let names = |tips: &[RefTip]| tips.iter().map(|tip| tip.name.clone()).collect::<Vec<_>>().join(" ");
    assert_eq!((all.branches, all.stale_branches, names(&all.stalest).as_str()), (5, 3, "b c a"));
    assert_eq!((all.tags, names(&all.newest_tags).as_str()), (4, "v3 v1 v2 tree"));
}
