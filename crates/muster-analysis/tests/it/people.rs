//! Who is one person and who is a bot, and how much depends on how many.

use muster_model::{
    Commit,
    history::{BusRisk, Contributor},
};

use crate::commits::{ADA, Build, DEPENDABOT, GRACE, by, commit, days_ago, of};

/// `authors[n]` commits as often as `commits[n]` says.
fn shares(commits: &[usize]) -> Vec<Commit> {
    let authors = commits.iter().enumerate().flat_map(|(author, &commits)| {
        let author = format!("Person {author} <{author}@example.org>");
        std::iter::repeat_n(author, commits)
    });
    (0..).zip(authors).map(|(number, author)| commit(number, &author, days_ago(1))).collect()
}

/// Who is one person, as `name: address address`, those with most commits first.
#[track_caller]
fn people(authors: &[&str], expected: &[&str]) {
    let facts = of(&by(authors));
    let people = facts.contributors.iter();
    let people: Vec<String> =
        people.map(|one| format!("{}: {}", one.name, one.emails.join(" ")).trim_end().to_owned()).collect();
    assert_eq!(people, expected);
}

#[test]
fn an_address_makes_one_person_of_many_spellings() {
    people(&["ada <Ada@Example.org>", "A. Lovelace <ada@example.org>"], &["ada: ada@example.org"]);
    people(
        &["ada <123+ada@users.noreply.github.com>", "Countess <ada@users.noreply.github.com>"],
        &["ada: 123+ada@users.noreply.github.com ada@users.noreply.github.com"],
    );
    people(
        &["ada <123+ada@users.noreply.github.com>", "eve <123+eve@users.noreply.github.com>"],
        &["ada: 123+ada@users.noreply.github.com", "eve: 123+eve@users.noreply.github.com"],
    );
}

#[test]
fn a_full_name_makes_one_person_of_many_addresses() {
    people(
        &["Ada Lovelace <a@home.example>", "ada  lovelace <a@work.example>", "Ada Lovelace <a@work.example>"],
        &["Ada Lovelace: a@work.example a@home.example"],
    );
    people(
        &["ada <a@home.example>", "ada <a@work.example>"],
        &["ada: a@home.example", "ada: a@work.example"],
    );
    people(
        &["Your Name <a@home.example>", "Your Name <b@home.example>"],
        &["Your Name: a@home.example", "Your Name: b@home.example"],
    );
}

#[test]
fn addresses_that_many_have_join_nobody() {
    for email in ["", "none", "root@localhost", "noreply@github.com", "you@example.com", "u@pc.(none)"] {
        let facts =
            of(&by(&[&format!("ada <{email}>"), &format!("grace <{email}>"), &format!("Ada <{email}>")]));
        let people: Vec<(&str, u64)> =
            facts.contributors.iter().map(|one| (one.name.as_str(), one.commits)).collect();
        assert_eq!(people, [("ada", 2), ("grace", 1)], "{email}");
    }
}

#[test]
fn people_are_joined_through_a_third_spelling() {
    people(
        &["al <a@work.example>", "Ada Lovelace <a@home.example>", "Ada Lovelace <a@work.example>"],
        &["al: a@work.example a@home.example"],
    );
}

#[test]
fn the_newest_name_that_is_one_is_told() {
    people(
        &["<ada@example.org>", "Ada <ada@example.org>", "Old <ada@example.org>"],
        &["Ada: ada@example.org"],
    );
    people(&["<>", "<>"], &[":"]);
}

#[test]
fn bots_are_apart_even_with_the_address_of_a_person() {
    let authors =
        [DEPENDABOT, ADA, "renovate[bot] <ada@example.org>", "Abbot <abbot@example.org>", DEPENDABOT];
    let facts = of(&by(&authors));
    let names = |list: &[Contributor]| -> Vec<String> {
        list.iter().map(|one| format!("{} {}", one.name, one.commits)).collect()
    };
    assert_eq!(names(&facts.contributors), ["Ada Lovelace 1", "Abbot 1"]);
    assert_eq!(names(&facts.bots), ["dependabot[bot] 2", "renovate[bot] 1"]);
    assert_eq!((facts.commits, facts.bot_commits), (5, 3));
    assert_eq!(facts.heat_map.iter().flatten().sum::<u64>(), 2);
}

#[track_caller]
fn bus(commits: &[Commit], people: u64, risk: BusRisk, reason: &str) {
    let factor = of(commits).bus_factor.expect("somebody committed");
    assert_eq!((factor.people, factor.risk, factor.reason.as_str()), (people, risk, reason));
}

#[test]
fn the_bus_factor_is_that_of_chaoss() {
    // The example in the text of the metric.
    bus(
        &shares(&[1000, 202, 90, 33, 332, 343, 42, 433]),
        2,
        BusRisk::High,
        "Person 0 and Person 7 wrote 1433 of 2475 commits (58 %)",
    );
}

#[test]
fn each_number_of_people_has_its_risk() {
    bus(&shares(&[1]), 1, BusRisk::Critical, "Person 0 wrote 1 of 1 commit (100 %)");
    bus(&shares(&[2, 2]), 1, BusRisk::Critical, "Person 0 wrote 2 of 4 commits (50 %)");
    bus(&shares(&[1; 3]), 2, BusRisk::High, "Person 0 and Person 1 wrote 2 of 3 commits (67 %)");
    bus(&shares(&[1; 6]), 3, BusRisk::Medium, "Person 0, Person 1 and Person 2 wrote 3 of 6 commits (50 %)");
    assert_eq!(of(&shares(&[1; 8])).bus_factor.expect("known").risk, BusRisk::Medium);
    let reason = "Person 0, Person 1, Person 2 and 2 more wrote 5 of 9 commits (56 %)";
    bus(&shares(&[1; 9]), 5, BusRisk::Low, reason);
}

#[test]
fn merges_and_bots_carry_nothing() {
    let commits = [
        commit(1, ADA, days_ago(3)),
        commit(2, GRACE, days_ago(2)).on(&[1, 9]),
        commit(3, GRACE, days_ago(2)).on(&[1, 2]),
        commit(4, DEPENDABOT, days_ago(1)),
    ];
    bus(&commits, 1, BusRisk::Critical, "Ada Lovelace wrote 1 of 1 commit (100 %)");
    assert_eq!(of(&commits[1..]).bus_factor, None);
}
