//! The state of a project in words. The same words stand in the table, in `state:` of a query and on the dashboard, so
//! that what a person reads is what they can ask for.

use muster_model::{
    git_state::{GitState, Head},
    project::{Project, ProjectKind},
    unknown::UnknownReason,
};

/// One word about a state, with its number where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateWord {
    /// A word of the query language.
    pub word: &'static str,
    /// How many, for words that count.
    pub count: Option<u32>,
}

impl StateWord {
    fn plain(word: &'static str) -> Self {
        Self { word, count: None }
    }

    /// The phrase for people: `3 modified`, `rebase in progress`.
    pub fn phrase(self) -> String {
        match (self.word, self.count) {
            ("stash", Some(1)) => "1 stash".to_owned(),
            ("stash", Some(count)) => format!("{count} stashes"),
            ("conflicts", Some(1)) => "1 conflict".to_owned(),
            ("filtered", Some(count)) => format!("{count} undecided (filter not run)"),
            ("local-only", Some(1)) => "1 branch only here".to_owned(),
            ("local-only", Some(count)) => format!("{count} branches only here"),
            ("unpushed", Some(1)) => "1 branch unpushed".to_owned(),
            ("unpushed", Some(count)) => format!("{count} branches unpushed"),
            (word @ ("rebase" | "am" | "merge" | "cherry-pick" | "revert" | "bisect"), _) => {
                format!("{word} in progress")
            }
            ("no-upstream", _) => "no upstream".to_owned(),
            ("upstream-gone", _) => "upstream gone".to_owned(),
            ("no-remote", _) => "no remote".to_owned(),
            ("no-commits", _) => "no commits".to_owned(),
            ("remote-moved", _) => "remote moved".to_owned(),
            (word, Some(count)) => format!("{count} {word}"),
            (word, None) => word.to_owned(),
        }
    }
}

/// What the table shows of one checkout: trouble first, then counts; `clean` if there is nothing to say of its files.
pub fn state_words(state: &GitState) -> Vec<StateWord> {
    let mut words = Vec::new();
    words.extend(state.operation.map(|operation| StateWord::plain(operation.as_str())));
    match state.work_tree {
        Ok(counts) => {
            let numbers = [
                ("conflicts", counts.conflicted),
                ("staged", counts.staged),
                ("modified", counts.modified),
                ("untracked", counts.untracked),
                ("filtered", counts.filtered_unknown),
            ];
            words.extend(
                numbers
                    .into_iter()
                    .filter(|&(_, count)| count > 0)
                    .map(|(word, count)| StateWord { word, count: Some(count) }),
            );
            if counts.is_clean() && state.operation.is_none() {
                words.push(StateWord::plain("clean"));
            }
        }
        Err(UnknownReason::Bare) => words.push(StateWord::plain("bare")),
        Err(_) => {}
    }
    if state.stashes > 0 {
        words.push(StateWord { word: "stash", count: Some(state.stashes) });
    }
    match &state.head {
        Head::Detached => words.push(StateWord::plain("detached")),
        Head::Unborn(_) => words.push(StateWord::plain("no-commits")),
        Head::Branch(_) => match &state.upstream {
            Some(upstream) if upstream.divergence.is_none() => words.push(StateWord::plain("upstream-gone")),
            None if state.work_tree.is_ok() => words.push(StateWord::plain("no-upstream")),
            _ => {}
        },
    }
    words
}

/// The same of a project's main checkout, with what only a server knows of it.
pub fn project_words(project: &Project, state: &GitState) -> Vec<StateWord> {
    let mut words = state_words(state);
    if project.remote_moved == Some(true) {
        words.push(StateWord::plain("remote-moved"));
    }
    words
}

/// Every word that `state:` finds for a project.
pub fn query_words(project: &Project) -> Vec<&'static str> {
    let mut words = Vec::new();
    if project.error.is_some() {
        words.push("error");
    }
    match project.kind {
        ProjectKind::Folder => words.push("folder"),
        ProjectKind::Bare => words.push("bare"),
        ProjectKind::Repository => {}
    }
    let Some(state) = &project.git else { return words };
    words.extend(project_words(project, state).into_iter().map(|word| word.word));
    if state.operation.is_some() {
        words.push("operation");
    }
    if state.work_tree.is_ok_and(|counts| !counts.is_clean()) {
        words.push("dirty");
    }
    if let Some(divergence) = state.upstream.as_ref().and_then(|upstream| upstream.divergence) {
        match (divergence.ahead > 0, divergence.behind > 0) {
            (true, true) => words.extend(["ahead", "behind", "diverged"]),
            (true, false) => words.push("ahead"),
            (false, true) => words.push("behind"),
            (false, false) => {}
        }
    }
    if let Some(branches) = &project.branches {
        if !branches.unpushed.is_empty() || branches.has_remote && branches.detached_commits > 0 {
            words.push("unpushed");
        }
        if !branches.local_only.is_empty() {
            words.push("local-only");
        }
        if !branches.has_remote {
            words.push("no-remote");
        }
    }
    words.sort_unstable();
    words.dedup();
    words
}
