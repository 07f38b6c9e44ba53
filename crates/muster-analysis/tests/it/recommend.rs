//! Recommendations: which rules speak, to whom, in which order and words.

use muster_analysis::{analyze, recommend};
use muster_model::{
    analysis::{Context, GitFacts},
    git_state::{Divergence, Head, Operation, Upstream, WorkTreeCounts},
    recommendation::Recommendation,
    relation::Relation,
    source_tree::MemoryTree,
    word::Word,
};

use crate::support::{context, git, of};

const HEALTHY: [(&str, &str); 6] = [
    ("README.md", "x"),
    ("LICENSE", "x"),
    ("package.json", "{\"private\": true, \"dependencies\": {\"a\": \"1\"}}"),
    ("yarn.lock", ""),
    ("test/a.js", ""),
    (".travis.yml", ""),
];

fn ask(files: &[(&str, &str)], git: &GitFacts, relation: Relation) -> Vec<Recommendation> {
    let context = Context { relation, ..context(git) };
    let analysis = analyze(&MemoryTree::new(files.iter().map(|(path, text)| (*path, *text))), &context);
    recommend(&analysis, &context)
}

fn lines(recommendations: &[Recommendation]) -> String {
    let line = |one: &Recommendation| format!("{} {}: {}", one.urgency.as_str(), one.rule, one.action);
    recommendations.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A clone with something of everything that can be lost.
fn busy() -> GitFacts {
    let mut git = GitFacts {
        unpushed_commits: Some(3),
        unpushed_branch_names: vec!["main".into(), "feature".into()],
        local_only_branches: Some(1),
        detached_commits: Some(2),
        ..git(40)
    };
    let state = git.state.as_mut().expect("git() has a state");
    state.head = Head::Detached;
    state.work_tree =
        Ok(WorkTreeCounts { staged: 1, modified: 2, untracked: 3, conflicted: 1, filtered_unknown: 0 });
    state.operation = Some(Operation::Rebase);
    state.stashes = 2;
    let divergence = Some(Divergence { ahead: 3, behind: 5 });
    state.upstream = Some(Upstream { name: "origin/main".into(), divergence });
    git
}

#[test]
fn a_healthy_clone_hears_nothing() {
    assert_eq!(lines(&ask(&HEALTHY, &git(3), Relation::Mine)), "");
}

#[test]
fn a_bare_folder_hears_the_worst_first() {
    let files = [("main.py", "print()"), ("requirements.txt", "flask\n"), (".env", "API_TOKEN=0123456789\n")];
    insta::assert_snapshot!(lines(&ask(&files, &GitFacts::default(), Relation::Mine)), @r"
    critical committed-secrets: Replace the secret in .env with a new one, then remove the file from the repository and ignore it.
    critical no-version-control: Put the folder under version control: git init, then commit what is there.
    high no-tests: Add a first test for the most important path through the code.
    medium no-licence: Choose a licence and add its full text as LICENSE.
    medium no-lock-file: Commit the lock file of the package manager.
    medium no-readme: Write a README: what it is, how to install it, how to use it.
    ");
}

#[test]
fn work_that_can_be_lost_is_named_with_counts_and_branches() {
    insta::assert_snapshot!(lines(&ask(&HEALTHY, &busy(), Relation::Team)), @r"
    high conflicts: Resolve 1 conflicted file, then continue or abort the operation.
    high detached-commits: Give the 2 commits on the detached HEAD a branch: git switch -c NAME.
    high operation-in-progress: Finish the rebase that is in progress, or abort it.
    high uncommitted-changes: Commit 1 staged file, 2 modified files and 3 untracked files, or discard what is not needed.
    high unpushed-commits: Push 3 commits on main and feature.
    medium behind-upstream: Rebase or merge: origin/main has 5 commits that are missing here, and 3 commits here are missing there.
    low local-only-branches: Push the branches that matter, and delete those that are done.
    low stashes: Look through 2 stash entries: apply what is needed and drop the rest.
    ");
}

#[test]
fn unknown_and_foreign_repositories_hear_only_of_work() {
    let rules = |relation| -> Vec<String> {
        ask(&[("main.py", "")], &busy(), relation)
            .iter()
            .map(|one| format!("{} {}", one.urgency.as_str(), one.rule))
            .collect()
    };
    insta::assert_snapshot!(rules(Relation::Unknown).join("\n"), @r"
    high conflicts
    high detached-commits
    high operation-in-progress
    high uncommitted-changes
    high unpushed-commits
    low local-only-branches
    low stashes
    ");
    assert_eq!(rules(Relation::ThirdParty), ["medium uncommitted-changes", "medium unpushed-commits"]);
}

#[test]
fn the_unmeasured_is_never_held_against_anyone() {
    let facts = GitFacts { unpushed_commits: None, local_only_branches: None, tags: None, ..git(3) };
    assert_eq!(lines(&ask(&HEALTHY, &facts, Relation::Mine)), "");
    let no_state = GitFacts { state: None, ..facts };
    assert_eq!(lines(&ask(&HEALTHY, &no_state, Relation::Mine)), "");
}

#[test]
fn releases_are_asked_of_what_is_released() {
    let tagless = GitFacts { tags: Some(Vec::new()), ..git(3) };
    let rules = |files: &[(&str, &str)]| -> Vec<Word> {
        ask(files, &tagless, Relation::Mine)
            .into_iter()
            .map(|one| one.rule)
            .filter(|rule| *rule == "no-release-tag")
            .collect()
    };
    assert_eq!(rules(&[("Cargo.toml", "[package]\nname=\"x\"\n"), ("src/lib.rs", "")]), ["no-release-tag"]);
    assert!(rules(&HEALTHY).is_empty());
}

#[test]
fn revenue_comes_last_and_rests_on_code() {
    let files = [
        ("package.json", "{\"private\": true, \"dependencies\": {\"stripe\": \"1\", \"express\": \"5\"}}"),
        ("src/pay.js", "import Stripe from 'stripe';\napp.post('/checkout', pay);\n"),
        ("openapi.yaml", ""),
    ];
    let recommendations = ask(&files, &git(3), Relation::Mine);
    let last: Vec<&str> = recommendations.iter().rev().take(2).map(|one| one.rule.as_ref()).collect();
    assert_eq!(last, ["payment-flow-ready", "api-without-pricing"]);
    let priced = [&files[..], &[("pages/pricing.tsx", "")]].concat();
    assert!(!ask(&priced, &git(3), Relation::Mine).iter().any(|one| one.rule == "api-without-pricing"));
}

#[test]
fn every_sentence_is_one() {
    let facts = busy();
    for files in [&HEALTHY[..], &[("a.py", ""), (".env", "TOKEN=0123456789\n")]] {
        for one in ask(files, &facts, Relation::Mine) {
            assert!(one.action.ends_with('.') && one.impact.ends_with('.'), "{one:?}");
            assert!(!one.evidence.is_empty(), "{} without evidence", one.rule);
        }
    }
    assert!(!format!("{:?}", of(&[(".env", "TOKEN=0123456789\n")])).contains("0123456789"));
}
