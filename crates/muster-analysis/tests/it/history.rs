//! What commits say in numbers: totals, weeks, hours and activity; and that nothing which may stand in a commit upsets
//! it.

use jiff::SignedDuration;
use muster_analysis::history::{RULE_VERSION, derive};
use muster_model::{
    Commit, Timestamp,
    commit::{ChangeSize, FileChange, LineChange},
};

use crate::{
    commits::{ADA, Build, DEPENDABOT, GRACE, by, commit, days_ago, id, now, of},
    support::at,
};

#[test]
fn without_commits_nothing_is_said() {
    let facts = of(&[]);
    assert_eq!((facts.rule_version, facts.as_of), (RULE_VERSION, now()));
    assert_eq!((facts.commits, facts.first_at, facts.last_at), (0, None, None));
    assert_eq!((facts.bus_factor, facts.activity), (None, None));
    assert!(facts.weeks.is_empty() && facts.churn.is_empty() && facts.contributors.is_empty());
}

#[test]
fn totals_leave_the_lines_of_merges_out() {
    let commits = [
        commit(1, ADA, days_ago(9)).sized(1, 10, 2),
        commit(2, DEPENDABOT, days_ago(5)).sized(1, 1, 1),
        commit(3, GRACE, days_ago(1)).on(&[1, 2]).sized(9, 900, 900),
    ];
    let facts = of(&commits);
    assert_eq!((facts.commits, facts.merges, facts.bot_commits), (3, 1, 1));
    assert_eq!((facts.insertions, facts.deletions), (11, 3));
    assert_eq!((facts.first_at, facts.last_at), (Some(days_ago(9)), Some(days_ago(1))));
    let grace = &facts.contributors[0];
    assert_eq!(
        (grace.name.as_str(), grace.commits, grace.merges, grace.insertions),
        ("Grace Hopper", 1, 1, 0)
    );
}

#[test]
fn weeks_run_from_the_first_commit_to_now_and_quiet_ones_count() {
    let commits = [
        commit(1, ADA, at("2026-05-17T23:59:59Z")).sized(1, 1, 1),
        commit(2, ADA, at("2026-05-18T00:00:00Z")).sized(1, 2, 0),
        commit(3, GRACE, at("2026-05-19T00:00:00Z")).sized(1, 3, 1),
        commit(4, GRACE, at("2026-05-20T00:00:00Z")).on(&[2, 3]),
        commit(5, DEPENDABOT, at("2026-05-21T00:00:00Z")).sized(1, 1, 1),
        commit(6, ADA, at("2026-06-01T00:00:00Z")).sized(1, 5, 5),
        commit(7, ADA, at("2026-06-08T00:00:00Z")).sized(1, 7, 7),
    ];
    let facts = of(&commits);
    let weeks = facts.weeks.iter().map(|week| {
        let day = week.begins_at.to_string().split('T').next().map(str::to_owned).expect("a day");
        format!("{day} {} by {} +{} -{}", week.commits, week.people, week.insertions, week.deletions)
    });
    let weeks: Vec<String> = weeks.collect();
    assert_eq!(
        weeks,
        [
            "2026-05-11 1 by 1 +1 -1",
            "2026-05-18 4 by 2 +6 -2",
            "2026-05-25 0 by 0 +0 -0",
            "2026-06-01 1 by 1 +5 -5"
        ]
    );
    // Full weeks: 1, 3 without the bot, 0.
    assert!((facts.rate.recent - 4.0 / 3.0).abs() < 1e-9 && (facts.rate.usual - 4.0 / 3.0).abs() < 1e-9);
}

#[test]
fn a_year_of_weeks_is_kept_and_the_rate_leaves_the_present_one_out() {
    let mut commits: Vec<Commit> =
        (0..80).map(|week| commit(week, ADA, days_ago(i64::from(week) * 7))).collect();
    for number in 0..4 {
        commits.push(commit(100 + number, GRACE, days_ago(7 * (i64::from(number) + 1))));
        commits.push(commit(200 + number, GRACE, now()));
    }
    let facts = of(&commits);
    assert_eq!((facts.weeks.len(), facts.weeks[52].commits), (53, 5));
    assert!((facts.rate.recent - 2.0).abs() < 1e-9);
    assert!((facts.rate.usual - 56.0 / 52.0).abs() < 1e-9);
}

#[test]
fn hours_are_those_of_the_authors_clock() {
    let commits = [
        // Monday 23:30 in UTC is Tuesday 05:00 in Kolkata and Monday 16:30 in Phoenix.
        commit(1, ADA, now()).authored("2026-05-25T23:30:00Z", 330),
        commit(2, ADA, now()).authored("2026-05-25T23:30:00Z", -420),
        commit(3, ADA, now()).authored("2026-05-31T23:59:59Z", 0),
        commit(4, ADA, now()).authored("1969-12-31T23:00:00Z", 60),
        commit(5, ADA, now()).authored("2026-05-25T23:30:00Z", 1_000_000),
        commit(6, DEPENDABOT, now()).authored("2026-05-25T23:30:00Z", 0),
    ];
    let map = of(&commits).heat_map;
    assert_eq!([map[1][5], map[0][16], map[6][23], map[3][0]], [1, 1, 1, 1]);
    assert_eq!(map.iter().flatten().sum::<u64>(), 4);
}

fn activity(commits: &[Commit]) -> String {
    let score = of(commits).activity.expect("there are commits");
    assert_eq!(score.score, score.factors.iter().map(|factor| factor.points).sum::<u32>());
    let lines =
        score.factors.iter().map(|one| format!("{} {}/{}: {}", one.name, one.points, one.max, one.reason));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_busy_repository_has_all_points() {
    // Two hundred and forty in twelve weeks, by ten people, and some in each week before.
    let commits: Vec<Commit> = (0..540)
        .map(|number| {
            let author = format!("Person {0} <{0}@example.org>", number % 10);
            commit(number, &author, now() - SignedDuration::from_mins(i64::from(number) * 504))
        })
        .collect();
    assert_eq!(
        activity(&commits),
        "recency 30/30: last commit less than a day ago\n\
         frequency 30/30: 20 commits a week in the last 12 weeks\n\
         people 20/20: 10 people in the last 90 days\n\
         steadiness 20/20: commits in 26 of the last 26 weeks"
    );
}

#[test]
fn one_person_a_week_is_alive() {
    let commits: Vec<Commit> =
        (0..12).map(|week| commit(week, ADA, days_ago(i64::from(week) * 7 + 3))).collect();
    assert_eq!(
        activity(&commits),
        "recency 30/30: last commit 3 days ago\n\
         frequency 7/30: 1 commit a week in the last 12 weeks\n\
         people 6/20: 1 person in the last 90 days\n\
         steadiness 9/20: commits in 12 of the last 26 weeks"
    );
}

#[test]
fn only_bots_are_no_life() {
    assert_eq!(
        activity(&by(&[DEPENDABOT])),
        "recency 0/30: no person has committed\n\
         frequency 0/30: 0 commits a week in the last 12 weeks\n\
         people 0/20: 0 people in the last 90 days\n\
         steadiness 0/20: commits in 0 of the last 26 weeks"
    );
}

#[test]
fn recency_falls_from_a_week_to_a_year() {
    for (days, points) in [(0, 30), (7, 30), (186, 15), (276, 7), (365, 0), (4000, 0), (-3000, 30)] {
        let score = of(&[commit(1, ADA, days_ago(days))]).activity.expect("there are commits");
        assert_eq!(score.factors[0].points, points, "{days} days");
    }
}

#[test]
fn the_future_is_recent_and_nothing_else() {
    assert_eq!(
        activity(&[commit(1, ADA, days_ago(-3000))]),
        "recency 30/30: last commit less than a day ago\n\
         frequency 0/30: 0 commits a week in the last 12 weeks\n\
         people 0/20: 0 people in the last 90 days\n\
         steadiness 0/20: commits in 0 of the last 26 weeks"
    );
}

#[test]
fn what_is_not_stored_is_not_held_against_anyone() {
    let young = [commit(1, ADA, days_ago(10)), commit(2, ADA, days_ago(2)).on(&[1])];
    assert!(activity(&young).ends_with("steadiness 2/20: commits in 2 of the last 26 weeks"));
    let cut_off = [commit(1, ADA, days_ago(10)).on(&[0]), commit(2, ADA, days_ago(2)).on(&[1])];
    assert_eq!(
        activity(&cut_off),
        "recency 30/30: last commit 2 days ago\n\
         frequency 7/30: 1 commit a week in the last 2 weeks\n\
         people 6/20: 1 person in the last 90 days\n\
         steadiness 20/20: commits in 2 of the last 2 weeks"
    );
}

#[test]
fn a_commit_that_comes_twice_counts_once() {
    let one = commit(1, ADA, days_ago(1)).sized(1, 2, 3).file("a", 2, 3);
    assert_eq!(of(&[one.clone(), one.clone(), one.clone()]), of(&[one]));
}

#[test]
fn the_order_of_the_input_does_not_matter() {
    let mut commits: Vec<Commit> = (0..60)
        .map(|number| {
            let author = match number % 4 {
                0 => "ada <a@x.example>",
                1 => "Ada Lovelace <a@x.example>",
                2 => "Ada Lovelace <b@x.example>",
                _ => GRACE,
            };
            let time = days_ago(i64::from(number * 7 % 13));
            commit(number, author, time).file(&format!("f{}", number % 7), number.into(), 1)
        })
        .collect();
    let expected = of(&commits);
    commits.reverse();
    assert_eq!(of(&commits), expected);
    commits.rotate_left(17);
    assert_eq!(of(&commits), expected);
}

#[test]
fn impossible_times_are_survived() {
    let ends = [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH, at("9999-01-01T00:00:00Z"), now()];
    for as_of in ends {
        let mut commits = Vec::new();
        for time in ends {
            for offset_minutes in [0, i32::MIN, i32::MAX, 1_000_000, -1_000_000] {
                let number = u32::try_from(commits.len()).expect("few");
                let mut one = commit(number, ADA, time).sized(1, 1, 1).file("a", 1, 1);
                one.author.offset_minutes = offset_minutes;
                one.committer.offset_minutes = offset_minutes;
                commits.push(one);
            }
        }
        let facts = derive(&commits, as_of);
        assert_eq!(facts.commits, 25);
        assert!((1..=53).contains(&facts.weeks.len()), "{as_of}: {}", facts.weeks.len());
        assert!(facts.weeks.is_sorted_by_key(|week| week.begins_at));
    }
}

#[test]
fn counters_stop_at_their_end() {
    let full = |number| {
        let mut one = commit(number, ADA, days_ago(1)).sized(u64::MAX, u64::MAX, u64::MAX);
        one.files = vec![FileChange {
            path: "a".into(),
            from: None,
            lines: Some(LineChange { insertions: u64::MAX, deletions: u64::MAX }),
        }];
        one
    };
    let facts = of(&[full(1), full(2)]);
    assert_eq!((facts.insertions, facts.churn[0].deletions), (u64::MAX, u64::MAX));
    assert_eq!((facts.contributors[0].insertions, facts.weeks[0].deletions), (u64::MAX, u64::MAX));
}

#[test]
fn names_without_end_are_cut() {
    let long = "x y\u{202e}\u{7}".repeat(300_000);
    let facts = of(&by(&[&format!("{long} <{long}@example.org>"), &format!("{long} <>"), "<>", "< @ >"]));
    assert!(facts.contributors.iter().all(|one| one.name.chars().count() <= 254));
    assert!(facts.contributors.iter().flat_map(|one| &one.emails).all(|email| email.chars().count() <= 254));
    assert!(facts.bus_factor.expect("somebody committed").reason.chars().count() < 300);
}

#[test]
fn forged_shapes_are_survived() {
    let mut circle = vec![
        commit(1, ADA, days_ago(1)).on(&[2]).moved("a", "b").file("a", 1, 0),
        commit(2, ADA, days_ago(2)).on(&[1]).moved("b", "a"),
        commit(3, ADA, days_ago(3)).on(&[3]).moved("a", "a"),
        commit(4, ADA, days_ago(4)).on(&[1, 1, 1, 1]),
    ];
    circle.push(Commit { id: String::new(), size: None, ..commit(5, ADA, days_ago(5)) });
    circle.push(Commit { size: Some(ChangeSize::default()), ..commit(6, ADA, days_ago(6)).binary("") });
    assert_eq!(of(&circle).commits, 6);
}

#[test]
fn a_long_history_is_read_whole() {
    let commits: Vec<Commit> = (0..20_000_u32)
        .map(|number| {
            let author = format!("Person {0} <{0}@example.org>", number % 700);
            let time = now() - SignedDuration::from_mins(i64::from(number) * 20);
            let one = commit(number, &author, time).on(&[number + 1]).sized(2, 3, 1);
            one.moved(&format!("dir/{}", number + 1), &format!("dir/{number}")).file(
                &format!("f{}", number % 3000),
                3,
                1,
            )
        })
        .collect();
    let facts = of(&commits);
    assert_eq!((facts.commits, facts.contributors.len(), facts.files_changed), (20_000, 700, 3001));
    assert_eq!(facts.churn.len(), 200);
    assert_eq!(facts.bus_factor.expect("somebody committed").people, 345);
    assert_eq!(commits[0].parents, [id(1)]);
}
