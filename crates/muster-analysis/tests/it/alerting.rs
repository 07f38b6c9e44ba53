//! Alert settings over commits: what fires, what does not, and in which words.

use muster_analysis::alerting::{Judged, availability, evaluate};
use muster_model::{
    Commit, Timestamp,
    alert::{AlertKind, AlertSettings, ChurnAlert, Finding, PlainAlert, VarianceAlert},
};

use crate::{
    commits::{ADA, Build, GRACE, commit, days_ago, id, now},
    support::at,
};

const VARIANCE: VarianceAlert = VarianceAlert {
    enabled: true,
    contributor_variance: None,
    repository_variance: None,
    hardcoded_threshold: None,
};
const CHURN: ChurnAlert = ChurnAlert { enabled: true, multiplier: None, hardcoded_threshold: None };
const PLAIN: PlainAlert = PlainAlert { enabled: true };

fn lines(wish: VarianceAlert) -> AlertSettings {
    AlertSettings { lines_added_deleted: Some(wish), ..AlertSettings::default() }
}

fn high_churn(wish: ChurnAlert) -> AlertSettings {
    AlertSettings { high_churn: Some(wish), ..AlertSettings::default() }
}

fn clocks() -> AlertSettings {
    AlertSettings { suspicious_author_timestamps: Some(PLAIN), ..AlertSettings::default() }
}

/// What the settings find in `new`, after `known`.
fn judge(settings: &AlertSettings, known: &[Commit], new: &[Commit]) -> Vec<Finding> {
    let commits = [new, known].concat();
    evaluate(settings, &Judged { known: &commits, new, rewritten_tip: None, as_of: now() })
}

fn words(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.message.as_str()).collect()
}

/// Commits of 90 and 110 lines in turn: mean 100, standard deviation 10 · √(n / (n − 1)). Numbers begin at `first`.
fn usual(first: u32, commits: u32, author: &str) -> Vec<Commit> {
    let one = |number| {
        let lines = if number % 2 == 0 { 90 } else { 110 };
        commit(number, author, days_ago(30)).sized(lines / 10, lines, 0)
    };
    (first..first + commits).map(one).collect()
}

#[test]
fn nothing_is_found_that_nobody_wanted() {
    let odd = commit(99, ADA, at("1980-01-01T00:00:00Z")).sized(1_000_000, 1_000_000, 0);
    let off = VarianceAlert { enabled: false, hardcoded_threshold: Some(1), ..VARIANCE };
    let settings = AlertSettings {
        lines_added_deleted: Some(off),
        files_changed: Some(off),
        high_churn: Some(ChurnAlert { enabled: false, hardcoded_threshold: Some(1), ..CHURN }),
        suspicious_author_timestamps: Some(PlainAlert { enabled: false }),
        ancestry_breaks: Some(PlainAlert { enabled: false }),
        ..AlertSettings::default()
    };
    for settings in [settings, AlertSettings::default()] {
        let new = [odd.clone()];
        let judged = Judged { known: &new, new: &new, rewritten_tip: Some("abc"), as_of: now() };
        assert_eq!(evaluate(&settings, &judged), []);
    }
}

#[test]
fn each_kind_is_available_or_says_why_not() {
    let missing: Vec<&str> = AlertKind::ALL
        .iter()
        .filter(|kind| availability(**kind).is_err())
        .map(|kind| kind.as_str())
        .collect();
    assert_eq!(
        missing,
        ["new_vulnerabilities_detected", "health_score_decreases", "ai_powered_anomaly_detection"]
    );
    assert!(availability(AlertKind::HealthScoreDecreases).is_err_and(|reason| reason.ends_with('.')));
}

#[test]
fn a_commit_far_above_its_authors_mean_is_told() {
    // Ten commits: the deviation is 10.54, three of them above the mean is 131.6.
    let wish = lines(VarianceAlert { contributor_variance: Some(3.0), ..VARIANCE });
    let known = usual(1, 10, ADA);
    let found = judge(&wish, &known, &[commit(20, ADA, days_ago(1)).sized(1, 100, 32)]);
    assert_eq!(
        words(&found),
        [
            "000000140000 by Ada Lovelace changes 132 lines: 3 standard deviations above this author's mean of 100 \
          (told of above 131.6)."
        ]
    );
    let finding = &found[0];
    assert_eq!((finding.kind, finding.subject.as_str()), (AlertKind::LinesAddedDeleted, id(20).as_str()));
    assert_eq!((finding.at, finding.value), (days_ago(1), Some(132.0)));
    assert!(finding.threshold.is_some_and(|threshold| (threshold - 131.62).abs() < 0.01));

    assert_eq!(judge(&wish, &known, &[commit(20, ADA, days_ago(1)).sized(1, 100, 31)]), []);
    assert_eq!(judge(&wish, &known[1..], &[commit(20, ADA, days_ago(1)).sized(1, 9999, 0)]), []);
}

#[test]
fn an_author_is_one_person_under_all_names() {
    let wish = lines(VarianceAlert { contributor_variance: Some(3.0), ..VARIANCE });
    let known = [usual(1, 5, "ada <ADA@example.org>"), usual(6, 5, "Ada Lovelace <a@work.example>")].concat();
    let new =
        [commit(20, ADA, days_ago(1)).sized(1, 500, 0), commit(21, GRACE, days_ago(1)).sized(1, 500, 0)];
    let found = judge(&wish, &known, &new);
    assert_eq!(found.iter().map(|one| one.subject.clone()).collect::<Vec<_>>(), [id(20)]);
}

#[test]
fn a_newcomer_is_compared_with_the_repository() {
    let wish = lines(VarianceAlert { repository_variance: Some(3.0), ..VARIANCE });
    let known = [usual(1, 5, ADA), usual(6, 5, GRACE)].concat();
    let found = judge(&wish, &known, &[commit(20, "Eve <eve@example.org>", days_ago(1)).sized(1, 500, 0)]);
    assert_eq!(
        words(&found),
        [
            "000000140000 by Eve changes 500 lines: 37.9 standard deviations above this repository's mean of 100 \
          (told of above 131.6)."
        ]
    );
}

#[test]
fn a_number_that_was_set_needs_no_history() {
    let wish = AlertSettings {
        files_changed: Some(VarianceAlert { hardcoded_threshold: Some(50), ..VARIANCE }),
        ..AlertSettings::default()
    };
    let new = [
        commit(1, ADA, days_ago(1)).sized(50, 0, 0),
        commit(2, "<>", days_ago(1)).sized(58, 0, 0),
        commit(3, ADA, days_ago(1)).sized(49, 0, 0),
    ];
    assert_eq!(
        words(&judge(&wish, &[], &new)),
        [
            "000000010000 by Ada Lovelace changes 50 files: exactly the number set.",
            "000000020000 by somebody without a name changes 58 files: 8 above the 50 files set."
        ]
    );
    assert_eq!(judge(&wish, &[], &new)[0].threshold, Some(50.0));
}

#[test]
fn a_setting_without_numbers_means_three_deviations_of_both() {
    let found = judge(&lines(VARIANCE), &usual(1, 10, ADA), &[commit(20, ADA, days_ago(1)).sized(1, 500, 0)]);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].message.contains("this author's mean")
            && found[0].message.contains("this repository's mean")
    );
    let only_number = lines(VarianceAlert { hardcoded_threshold: Some(1000), ..VARIANCE });
    let new = [commit(20, ADA, days_ago(1)).sized(1, 500, 0)];
    assert_eq!(judge(&only_number, &usual(1, 10, ADA), &new), []);
}

#[test]
fn several_reasons_are_one_finding_with_the_lowest_limit() {
    let wish =
        lines(VarianceAlert { hardcoded_threshold: Some(120), repository_variance: Some(3.0), ..VARIANCE });
    let found = judge(&wish, &usual(1, 10, ADA), &[commit(20, ADA, days_ago(1)).sized(1, 500, 0)]);
    assert_eq!((found.len(), found[0].threshold), (1, Some(120.0)));
    assert!(found[0].message.ends_with("and 380 above the 120 lines set."), "{}", found[0].message);
}

#[test]
fn merges_and_commits_of_one_size_say_nothing_is_usual() {
    let same: Vec<Commit> = (1..30).map(|number| commit(number, ADA, days_ago(30)).sized(1, 7, 0)).collect();
    let new = commit(40, ADA, days_ago(1)).sized(1, 500, 0);
    assert_eq!(judge(&lines(VARIANCE), &same, std::slice::from_ref(&new)), []);
    let mut merges = usual(1, 30, ADA);
    for merge in &mut merges {
        merge.parents = vec![id(1), id(2)];
    }
    assert_eq!(judge(&lines(VARIANCE), &merges, std::slice::from_ref(&new)), []);
    let huge_merge = Commit { parents: vec![id(1), id(2)], ..new };
    assert_eq!(judge(&lines(VARIANCE), &usual(1, 30, ADA), &[huge_merge]), []);
}

#[test]
fn bots_are_judged_like_people() {
    let bot = "renovate[bot] <bot@renovateapp.com>";
    let found = judge(&lines(VARIANCE), &usual(1, 20, bot), &[commit(40, bot, days_ago(1)).sized(1, 500, 0)]);
    assert_eq!(found.len(), 1);
}

#[test]
fn new_commits_are_not_usual_and_are_told_once() {
    let new = usual(1, 20, ADA);
    let big = commit(40, ADA, days_ago(1)).sized(1, 500, 0);
    let new = [new, vec![big.clone(), big.clone()]].concat();
    assert_eq!(judge(&lines(VARIANCE), &[], &new), []);
    assert_eq!(judge(&lines(VARIANCE), &usual(50, 10, ADA), &new).len(), 1);
}

/// `lines[n]` in the n-th week before the present one; nothing where it is 0.
fn weeks(lines: &[u64]) -> Vec<Commit> {
    let weeks = (1..).zip(lines).filter(|(_, lines)| **lines > 0);
    weeks.map(|(week, &lines)| commit(week, ADA, days_ago(i64::from(week) * 7)).sized(1, lines, 0)).collect()
}

#[test]
fn a_week_of_many_lines_is_told() {
    let known = weeks(&[100, 100, 100, 0, 0, 0, 0, 100, 100, 200, 200, 9000]);
    let new = [
        commit(20, GRACE, at("2026-06-01T00:00:00Z")).sized(1, 200, 0),
        commit(21, ADA, now()).sized(1, 0, 101),
    ];
    let found = judge(&high_churn(CHURN), &known, &new);
    assert_eq!(
        words(&found),
        [
            "301 lines changed in the week from 2026-06-01: 3 times the 100 of the median week (told of above 3 times)."
        ]
    );
    let finding = &found[0];
    assert_eq!((finding.kind, finding.subject.as_str()), (AlertKind::HighChurn, "2026-06-01"));
    assert_eq!((finding.at, finding.value, finding.threshold), (now(), Some(301.0), Some(300.0)));

    assert_eq!(judge(&high_churn(CHURN), &known, &new[..1]), []);
    assert_eq!(judge(&high_churn(CHURN), &known[1..], &new), [], "seven weeks are too few");
    let wish = high_churn(ChurnAlert { multiplier: Some(1.5), ..CHURN });
    assert_eq!(judge(&wish, &known, &new[..1]).len(), 1);
    assert_eq!(judge(&wish, &known, &[]), [], "nothing is new");
}

#[test]
fn what_was_known_of_the_week_counts_with_it() {
    let mut known = weeks(&[100; 8]);
    known.push(commit(30, ADA, at("2026-06-01T01:00:00Z")).sized(1, 300, 0));
    let new = [commit(31, ADA, at("2026-06-01T02:00:00Z")).sized(1, 1, 0)];
    assert_eq!(judge(&high_churn(CHURN), &known, &new)[0].value, Some(301.0));
}

#[test]
fn lines_of_a_week_may_be_set() {
    let wish = high_churn(ChurnAlert { hardcoded_threshold: Some(500), ..CHURN });
    let new = [
        commit(1, ADA, days_ago(7)).sized(1, 499, 0),
        commit(2, ADA, days_ago(14)).sized(1, 500, 0),
        commit(3, ADA, days_ago(14)).on(&[1, 2]),
    ];
    assert_eq!(
        words(&judge(&wish, &[], &new)),
        ["500 lines changed in the week from 2026-05-18: not below the 500 lines set."]
    );
}

#[test]
fn a_wrong_clock_does_not_hide_lines() {
    let wish = high_churn(ChurnAlert { hardcoded_threshold: Some(500), ..CHURN });
    let found = judge(&wish, &[], &[commit(1, ADA, Timestamp::MAX).sized(1, 500, 0)]);
    assert_eq!((found[0].subject.as_str(), found[0].at), ("2026-06-01", now()));
}

#[track_caller]
fn clock(authored: &str, offset: i32, committed: &str, says: Option<&str>) {
    let one = commit(1, ADA, at(committed)).authored(authored, offset);
    let found = judge(&clocks(), &[], &[one]);
    assert_eq!(words(&found).first().copied(), says);
    assert!(found.iter().all(|finding| finding.subject == id(1) && finding.at <= now()));
}

#[test]
fn clocks_that_can_be_right_are_left_alone() {
    for (authored, offset, committed) in [
        ("2026-06-01T12:00:00Z", 0, "2026-06-01T12:00:00Z"),
        ("2026-06-02T12:00:00Z", 840, "2026-06-01T12:00:00Z"),
        ("1990-01-01T00:00:00Z", -720, "2026-06-01T12:00:00Z"),
        ("2020-06-02T12:00:00Z", 345, "2020-06-01T12:00:00Z"),
    ] {
        clock(authored, offset, committed, None);
    }
}

#[test]
fn clocks_that_cannot_be_right_are_told() {
    clock(
        "2020-06-02T12:00:01Z",
        0,
        "2020-06-01T12:00:00Z",
        Some("000000010000 was authored 24 hours after it was committed."),
    );
    clock(
        "2026-06-04T12:00:00Z",
        0,
        "2026-06-04T12:00:00Z",
        Some("000000010000 was authored 3 days in the future."),
    );
    clock(
        "1970-01-01T00:00:00Z",
        0,
        "2020-06-01T12:00:00Z",
        Some(
            "000000010000 was authored in the first second of 1970, where clocks begin that were never set.",
        ),
    );
    clock(
        "1989-12-31T23:59:59Z",
        0,
        "2020-06-01T12:00:00Z",
        Some("000000010000 was authored at 1989-12-31T23:59:59Z, before 1990."),
    );
    clock(
        "2020-06-01T12:00:00Z",
        -721,
        "2020-06-01T12:00:00Z",
        Some(
            "000000010000 was authored by a clock 721 minutes behind UTC, where clocks are from 12 hours behind to 14 ahead.",
        ),
    );
    clock(
        "9999-01-01T00:00:00Z",
        i32::MAX,
        "2020-06-01T12:00:00Z",
        Some(
            "000000010000 was authored 2914117 days after it was committed, authored 2911926 days in the future and \
             authored by a clock 2147483647 minutes ahead of UTC, where clocks are from 12 hours behind to 14 ahead.",
        ),
    );
}

#[test]
fn a_clock_that_is_ahead_says_by_how_many_hours() {
    let new = [commit(1, ADA, days_ago(10)).authored("2026-05-25T12:00:00Z", 0)];
    let finding = &judge(&clocks(), &[], &new)[0];
    assert_eq!((finding.value, finding.threshold), (Some(72.0), Some(24.0)));
}

#[test]
fn a_rewritten_branch_is_told_by_its_new_tip() {
    let settings = AlertSettings { ancestry_breaks: Some(PLAIN), ..AlertSettings::default() };
    let tip = id(7);
    let judged = Judged { known: &[], new: &[], rewritten_tip: Some(&tip), as_of: now() };
    let found = evaluate(&settings, &judged);
    assert_eq!(
        words(&found),
        ["The default branch was rewritten: 000000070000 does not lead to the tip before."]
    );
    let finding = &found[0];
    assert_eq!((finding.kind, &finding.subject, finding.at), (AlertKind::AncestryBreaks, &tip, now()));
    assert_eq!(evaluate(&settings, &Judged { rewritten_tip: None, ..judged }), []);
}

#[test]
fn hostile_commits_are_judged_without_harm() {
    let all = AlertSettings {
        lines_added_deleted: Some(VarianceAlert { hardcoded_threshold: Some(1), ..VARIANCE }),
        files_changed: Some(VARIANCE),
        high_churn: Some(CHURN),
        suspicious_author_timestamps: Some(PLAIN),
        ancestry_breaks: Some(PLAIN),
        ..AlertSettings::default()
    };
    let long = "n\u{7}\u{202e}".repeat(20_000);
    let times = [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH];
    let hostile = |first: u32| -> Vec<Commit> {
        let numbers = first..first + 30;
        numbers
            .zip(times.into_iter().cycle())
            .map(|(number, time)| {
                let mut one =
                    commit(number, &long, time).sized(u64::MAX - u64::from(number), u64::MAX, u64::MAX);
                one.id = format!("é{number}{}", "z".repeat(100));
                one.author.offset_minutes = i32::MIN;
                one
            })
            .collect()
    };
    let (known, new) = (hostile(0), hostile(20));
    let commits = [known, new.clone()].concat();
    for as_of in times {
        let judged = Judged { known: &commits, new: &new, rewritten_tip: Some(&long), as_of };
        let found = evaluate(&all, &judged);
        assert!(found.len() >= 60, "{}", found.len());
        assert!(found.iter().all(|finding| finding.message.len() < 600 && finding.at <= as_of));
        assert!(found.iter().filter_map(|finding| finding.value).all(f64::is_finite));
        assert!(found.iter().filter_map(|finding| finding.threshold).all(f64::is_finite));
    }
}
