//! Which authors are machines. A name alone proves little, so beside GitHub's mark `[bot]` only whole names and whole
//! addresses from a short list count: a person called Abbot stays a person. Committers are not looked at: `web-flow` is
//! in that place whenever a person presses a button on GitHub.

use super::spelling::GITHUB_HIDDEN;

/// The mark of GitHub's apps, in their names and addresses.
const MARK: &str = "[bot]";

/// Names and GitHub accounts of machines that commit without the mark, lower case, alphabetic.
const NAMES: &[&str] = &[
    "allcontributors",
    "bors",
    "bors-servo",
    "dependabot",
    "dependabot bot",
    "dependabot-preview",
    "dependabot-support",
    "github action",
    "github actions",
    "github-actions",
    "gitlab-bot",
    "greenkeeper",
    "greenkeeperio-bot",
    "hosted weblate",
    "imgbot",
    "imgbotapp",
    "k8s-ci-robot",
    "mergify",
    "pre-commit-ci",
    "pyup-bot",
    "release-please",
    "renovate",
    "renovate bot",
    "renovate-bot",
    "renovatebot",
    "semantic-release-bot",
    "snyk-bot",
    "travis ci",
    "web-flow",
    "whitesource renovate",
];

/// Addresses of the same, lower case, alphabetic.
const ADDRESSES: &[&str] = &[
    "action@github.com",
    "actions@github.com",
    "bors@rust-lang.org",
    "bot@renovateapp.com",
    "github-actions@github.com",
    "hosted@weblate.org",
    "renovate@whitesourcesoftware.com",
    "semantic-release-bot@martynus.net",
    "snyk-bot@snyk.io",
    "support@dependabot.com",
    "support@greenkeeper.io",
];

/// Judges a name and an address in their normal forms (`spelling.rs`).
pub(super) fn is_bot(name: &str, email: &str) -> bool {
    let user = email.rsplit_once('@').map_or(email, |(user, _)| user);
    let account = email.strip_suffix(GITHUB_HIDDEN);
    name.ends_with(MARK)
        || user.ends_with(MARK)
        || email.ends_with(MARK)
        || NAMES.contains(&name)
        || account.is_some_and(|account| NAMES.contains(&account))
        || ADDRESSES.contains(&email)
}

#[cfg(test)]
mod tests {
    use super::super::spelling::{normal_email, normal_name};
    use super::{ADDRESSES, NAMES, is_bot};

    fn judge(name: &str, email: &str) -> bool {
        is_bot(&normal_name(name), &normal_email(email))
    }

    #[test]
    fn tables_are_in_order_and_normal() {
        for table in [NAMES, ADDRESSES] {
            assert!(table.is_sorted_by(|a, b| a < b), "{table:?}");
            assert!(table.iter().all(|word| *word == word.to_lowercase()), "{table:?}");
        }
    }

    #[test]
    fn machines_are_known() {
        for (name, email) in [
            ("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com"),
            ("renovate[bot]", "bot@renovateapp.com"),
            ("github-actions[bot]", "41898282+github-actions[bot]@users.noreply.github.com"),
            ("pre-commit-ci[bot]", "66853113+pre-commit-ci[bot]@users.noreply.github.com"),
            ("allcontributors[bot]", "46447321+allcontributors[bot]@users.noreply.github.com"),
            ("mergify[bot]", "37929162+mergify[bot]@users.noreply.github.com"),
            ("Renovate Bot", "anything@example.org"),
            ("GitHub Actions", "actions@github.com"),
            ("CI", "action@github.com"),
            ("Snyk bot", "snyk-bot@snyk.io"),
            ("Someone", "23040076+greenkeeperio-bot@users.noreply.github.com"),
            ("Our Own [Bot]", ""),
            ("", "release[bot]"),
        ] {
            assert!(judge(name, email), "{name} <{email}>");
        }
    }

    #[test]
    fn people_are_people() {
        for (name, email) in [
            ("Abbot", "abbot@example.org"),
            ("robot-fan", "robot-fan@users.noreply.github.com"),
            ("Jane Bot", "jane.bot@example.org"),
            ("[bot] hunter", "hunter@example.org"),
            ("Renovate Smith", "renovate@example.org"),
            ("GitHub", "noreply@github.com"),
            ("", ""),
        ] {
            assert!(!judge(name, email), "{name} <{email}>");
        }
    }
}
