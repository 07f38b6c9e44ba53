//! Whose a repository is: by the remote's owner, else by who made the commits.

use muster_testkit::{Lab, Repo};
use serde_json::{Value, json};

use crate::run::{finish, muster, named, projects, scan};

const ADA: &str = "ada@example.org";

/// A repository with these commits by these people, newest last, and a remote that is never asked.
fn by<'lab>(lab: &'lab Lab, name: &str, commits: &[(&str, usize)]) -> Repo<'lab> {
    let repo = lab.repo(name);
    if !commits.is_empty() {
        repo.write("src/main.rs", "fn main() {}\n").stage_all();
    }
    for (email, count) in commits {
        for _ in 0..*count {
            let author = format!("Somebody <{email}>");
            repo.git(["commit", "--quiet", "--allow-empty", "--message", "Work", "--author", &author]);
        }
    }
    if !commits.is_empty() {
        repo.git(["update-ref", "refs/remotes/origin/main", "HEAD"]);
    }
    repo.git(["remote", "add", "origin", &format!("https://forge.example/acme/{name}.git")])
}

#[test]
fn the_share_of_commits_decides() {
    let lab = Lab::new();
    by(&lab, "mine", &[(ADA, 2), ("bob@example.org", 2)]);
    by(&lab, "shouting", &[("ADA@Example.ORG", 1)]);
    by(&lab, "team", &[("bob@example.org", 5), (ADA, 1)]);
    by(&lab, "theirs", &[("bob@example.org", 3)]);
    by(&lab, "empty", &[]);
    let projects = scan(&lab, &[]);
    for (name, expected) in [
        ("mine", "mine"),
        ("shouting", "mine"),
        ("team", "team"),
        ("theirs", "third_party"),
        ("empty", "unknown"),
    ] {
        assert_eq!(named(&projects, name)["relation"], expected, "{name}");
    }
    let rules = |name: &str| named(&projects, name)["recommendations"].as_array().map_or(0, Vec::len);
    assert!(rules("mine") > 0 && rules("team") > 0);
    assert_eq!((rules("theirs"), rules("empty")), (0, 0), "recommendations are for mine and team");
}

#[test]
fn own_accounts_and_further_addresses_count() {
    let lab = Lab::new();
    by(&lab, "fork", &[("bob@example.org", 3)]);
    by(&lab, "work", &[("ada@work.example", 3)]).git([
        "remote",
        "set-url",
        "origin",
        "git@forge.example:corp/work",
    ]);
    let relation = |variables: &[(&str, &str)]| {
        let output = finish(muster(&lab).args(["scan", "--json"]).envs(variables.iter().copied()));
        let projects = projects(&output);
        let of = |name: &str| named(&projects, name)["relation"].as_str().unwrap_or_default().to_owned();
        (of("fork"), of("work"))
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(relation(&[]), pair("third_party", "third_party"));
    assert_eq!(relation(&[("MUSTER__PORTFOLIO__ACCOUNTS", "ACME")]), pair("mine", "third_party"));
    assert_eq!(relation(&[("MUSTER__PORTFOLIO__ACCOUNTS", "corp")]), pair("third_party", "mine"));
    assert_eq!(relation(&[("MUSTER__PORTFOLIO__EMAILS", "Ada@Work.example")]), pair("third_party", "mine"));
}

#[test]
fn without_a_known_address_nobody_is_judged() {
    let lab = Lab::new();
    by(&lab, "repo", &[("bob@example.org", 3)]);
    lab.open(lab.home()).write("gitconfig", "");
    let projects = scan(&lab, &[]);
    assert_eq!(projects[0]["relation"], Value::Null);
    assert_eq!(projects[0]["unknown"]["relation"], "no_identity");
}

#[test]
fn the_address_of_the_repository_itself_proves_nothing() {
    // Its configuration belongs to whoever made it.
    let lab = Lab::new();
    by(&lab, "repo", &[("bob@example.org", 3)]).config("user.email", "bob@example.org");
    assert_eq!(scan(&lab, &[])[0]["relation"], "third_party");
}

#[test]
fn without_a_remote_own_commits_make_it_mine() {
    let lab = Lab::new();
    let without_remote =
        |name: &str, commits: &[(&str, usize)]| by(&lab, name, commits).git(["remote", "remove", "origin"]);
    without_remote("started", &[(ADA, 1), ("bob@example.org", 3)]);
    without_remote("copied", &[("bob@example.org", 3)]);
    without_remote("fresh", &[]).write("a.txt", "a\n");
    let projects = scan(&lab, &[]);
    for (name, expected) in [("started", "mine"), ("copied", "unknown"), ("fresh", "mine")] {
        assert_eq!(named(&projects, name)["relation"], json!(expected), "{name}");
    }
}
