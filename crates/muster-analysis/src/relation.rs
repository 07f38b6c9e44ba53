//! Whose repository is it: a pure decision over the remote's owner and who made the commits. It knows nothing of
//! accounts or addresses themselves; the caller compares them and hands in yes, no and counts.

use muster_model::{RemoteUrl, relation::Relation};

/// What decides whose a repository is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RelationInputs {
    /// The remote's owner is one of the person's own accounts.
    pub owner_is_mine: bool,
    /// At least one e-mail address is known to be the person's own.
    pub emails_known: bool,
    /// Commits of the sample by one of these addresses.
    pub own_commits: u32,
    /// Commits looked at; 0 when there are none or none could be read.
    pub sampled_commits: u32,
    /// Different authors in the sample.
    pub distinct_authors: u32,
    /// There is uncommitted work in the checkout.
    pub has_uncommitted_work: bool,
}

/// Share of own commits, in percent, from which a repository is the person's own.
const MINE_PERCENT: u64 = 50;
/// Share of own commits, in percent, from which the person belongs to the team.
const TEAM_PERCENT: u64 = 2;
/// Own commits from which the person belongs to the team, however many others there are.
const TEAM_COMMITS: u32 = 3;

/// Decides the relation. The remote is `None` when the repository has none.
pub fn relation(remote: Option<&RemoteUrl>, inputs: &RelationInputs) -> Relation {
    if remote.is_some() && inputs.owner_is_mine {
        return Relation::Mine;
    }
    if remote.is_none() {
        let is_only_mine =
            inputs.own_commits > 0 || (inputs.sampled_commits == 0 && inputs.has_uncommitted_work);
        return if is_only_mine { Relation::Mine } else { Relation::Unknown };
    }
    if !inputs.emails_known || inputs.sampled_commits == 0 {
        return Relation::Unknown;
    }
    let (own, sampled) = (u64::from(inputs.own_commits), u64::from(inputs.sampled_commits));
    if own * 100 >= sampled * MINE_PERCENT {
        Relation::Mine
    } else if inputs.own_commits >= TEAM_COMMITS || (own >= 1 && own * 100 >= sampled * TEAM_PERCENT) {
        Relation::Team
    } else if own == 0 {
        Relation::ThirdParty
    } else {
        // One or two commits among hundreds: a patch to somebody else's project, or the start of something.
        Relation::Unknown
    }
}

#[cfg(test)]
mod tests {
    use muster_model::{RemoteUrl, relation::Relation};

    use super::{RelationInputs, relation};

    fn with_commits(own: u32, sampled: u32) -> RelationInputs {
        RelationInputs {
            emails_known: true,
            own_commits: own,
            sampled_commits: sampled,
            ..RelationInputs::default()
        }
    }

    #[test]
    fn the_shares_decide_when_there_is_a_remote() {
        let remote = RemoteUrl::parse("https://forge.example/somebody/thing").unwrap();
        for (own, sampled, expected) in [
            (1, 1, Relation::Mine),
            (50, 100, Relation::Mine),
            (49, 100, Relation::Team),
            (1, 50, Relation::Team),
            (1, 51, Relation::Unknown),
            (2, 500, Relation::Unknown),
            (3, 500, Relation::Team),
            (0, 500, Relation::ThirdParty),
            (0, 0, Relation::Unknown),
        ] {
            assert_eq!(relation(Some(&remote), &with_commits(own, sampled)), expected, "{own} of {sampled}");
        }
    }

    #[test]
    fn an_own_account_wins_over_shares() {
        let remote = RemoteUrl::parse("https://forge.example/me/fork").unwrap();
        let inputs = RelationInputs { owner_is_mine: true, ..with_commits(0, 500) };
        assert_eq!(relation(Some(&remote), &inputs), Relation::Mine);
    }

    #[test]
    fn nobody_is_judged_without_known_addresses() {
        let remote = RemoteUrl::parse("https://forge.example/me/fork").unwrap();
        let inputs = RelationInputs { emails_known: false, ..with_commits(0, 500) };
        assert_eq!(relation(Some(&remote), &inputs), Relation::Unknown);
    }

    #[test]
    fn without_a_remote_own_work_makes_it_mine() {
        assert_eq!(relation(None, &with_commits(1, 400)), Relation::Mine);
        assert_eq!(relation(None, &with_commits(0, 400)), Relation::Unknown);
        let only_files = RelationInputs { has_uncommitted_work: true, ..RelationInputs::default() };
        assert_eq!(relation(None, &only_files), Relation::Mine);
        assert_eq!(relation(None, &RelationInputs::default()), Relation::Unknown);
        let foreign = RelationInputs { has_uncommitted_work: true, ..with_commits(0, 10) };
        assert_eq!(relation(None, &foreign), Relation::Unknown);
    }
}
