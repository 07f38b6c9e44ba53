//! The list of rules, alphabetic. A new rule is one file and one line here.

use super::{
    api_without_pricing::ApiWithoutPricing, behind_upstream::BehindUpstream,
    committed_secrets::CommittedSecrets, conflicts::Conflicts, detached_commits::DetachedCommits,
    local_only_branches::LocalOnlyBranches, no_ci::NoCi, no_licence::NoLicence, no_lock_file::NoLockFile,
    no_readme::NoReadme, no_release_tag::NoReleaseTag, no_remote::NoRemote, no_tests::NoTests,
    no_version_control::NoVersionControl, operation_in_progress::OperationInProgress,
    payment_flow_ready::PaymentFlowReady, rule::Rule, stashes::Stashes,
    uncommitted_changes::UncommittedChanges, unpushed_commits::UnpushedCommits,
};

pub(super) const RULES: &[&dyn Rule] = &[
    &ApiWithoutPricing,
    &BehindUpstream,
    &CommittedSecrets,
    &Conflicts,
    &DetachedCommits,
    &LocalOnlyBranches,
    &NoCi,
    &NoLicence,
    &NoLockFile,
    &NoReadme,
    &NoReleaseTag,
    &NoRemote,
    &NoTests,
    &NoVersionControl,
    &OperationInProgress,
    &PaymentFlowReady,
    &Stashes,
    &UncommittedChanges,
    &UnpushedCommits,
];

#[cfg(test)]
mod tests {
    use super::RULES;

    #[test]
    fn ids_are_unique_and_in_order() {
        let ids: Vec<&str> = RULES.iter().map(|rule| rule.id()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
        assert!(ids.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    }
}
