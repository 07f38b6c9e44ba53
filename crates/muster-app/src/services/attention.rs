//! What needs the person, one line per repository: the most urgent thing, the rest in a few words, and the command
//! that clears it. A line that cannot be acted on is not worth its place, and somebody else's repository is listed
//! only if work could be lost in it.

use std::path::PathBuf;

use muster_model::{
    error::ErrorCode,
    git_state::{GitState, Head, Operation, WorkTreeCounts},
    project::{Project, ProjectKind, Submodule},
    relation::Relation,
};

use crate::services::words;

/// How urgent a line is; the order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// It could not be read.
    Error,
    /// Conflicts, or an operation begun and not ended.
    Unfinished,
    /// Commits that no remote has.
    Unpushed,
    /// Files that no commit has.
    Uncommitted,
    /// Work put aside.
    Stashed,
    /// New files that git does not know.
    Untracked,
    /// The upstream has moved on.
    Behind,
    /// The remote has moved on, and it was not fetched yet.
    RemoteMoved,
    /// Branches, or the whole repository, exist only here.
    OnlyHere,
}

impl Urgency {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Unfinished => "unfinished",
            Self::Unpushed => "unpushed",
            Self::Uncommitted => "uncommitted",
            Self::Stashed => "stashed",
            Self::Untracked => "untracked",
            Self::Behind => "behind",
            Self::RemoteMoved => "remote moved",
            Self::OnlyHere => "only here",
        }
    }

    /// Work could be lost if the folder went away.
    fn is_about_losing_work(self) -> bool {
        !matches!(self, Self::Behind | Self::RemoteMoved | Self::OnlyHere | Self::Error)
    }
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attention {
    /// The most urgent thing.
    pub urgency: Urgency,
    /// All of it, in words, most urgent first.
    pub summary: String,
    /// The commands that clear the most urgent thing, one after the other as long as they succeed, each word by word
    /// and without the folder. [`shell_line`] makes a line of them. Empty for an error.
    pub commands: Vec<Vec<String>>,
    /// For an error, what to do in words.
    pub advice: Option<&'static str>,
    /// Where to run them.
    pub folder: PathBuf,
}

/// The folder of a command, as a person is shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderText {
    /// The current folder: nothing to say.
    Here,
    /// Below the home folder; the rest of the path.
    Home(String),
    /// Any other path.
    Path(String),
}

/// What needs the person in `project`; `None` if nothing does.
pub fn of(project: &Project) -> Option<Attention> {
    if let Some(error) = &project.error {
        return Some(Attention {
            advice: Some(error.code.remedy()),
            folder: project.path.clone(),
            ..need(Urgency::Error, error.message.clone(), [])
        });
    }
    let needs = needs_of(project);
    let mut first = needs.first()?.clone();
    if first.folder.as_os_str().is_empty() {
        first.folder.clone_from(&project.path);
    }
    let summary = needs.into_iter().map(|need| need.summary).collect::<Vec<_>>().join(", ");
    Some(Attention { summary, ..first })
}

/// Every kind of need in `project`, each once, the most urgent first.
pub fn urgencies(project: &Project) -> Vec<Urgency> {
    if project.error.is_some() {
        return vec![Urgency::Error];
    }
    let mut urgencies: Vec<_> = needs_of(project).iter().map(|need| need.urgency).collect();
    urgencies.dedup();
    urgencies
}

/// All needs, the most urgent first.
fn needs_of(project: &Project) -> Vec<Attention> {
    let Some(state) = project.git.as_ref() else { return Vec::new() };
    let mut needs = Vec::new();
    collect_unfinished(state, &mut needs);
    collect_unpushed(project, state, &mut needs);
    collect_uncommitted(state, changed_inside(&project.submodules), &mut needs);
    collect_worktrees(project, &mut needs);
    collect_submodules(project, &mut needs);
    if project.relation == Relation::ThirdParty {
        needs.retain(|need| need.urgency.is_about_losing_work());
        // Untracked files in somebody else's repository are build products far more often than work.
        if needs.iter().all(|need| need.urgency == Urgency::Untracked) {
            return Vec::new();
        }
    } else {
        collect_behind(project, state, &mut needs);
        collect_moved(project, &mut needs);
        collect_only_here(project, state, &mut needs);
    }
    needs.sort_by_key(|need| need.urgency);
    needs
}

/// The list over all projects: most urgent first, then the most recently worked on.
pub fn list(projects: &[Project]) -> Vec<(&Project, Attention)> {
    let mut list: Vec<_> =
        projects.iter().filter_map(|project| of(project).map(|attention| (project, attention))).collect();
    list.sort_by_key(|(project, attention)| {
        let worked_at =
            project.git.as_ref().and_then(|git| git.last_commit.as_ref()).map(|commit| commit.committed_at);
        (attention.urgency, std::cmp::Reverse(worked_at), project.name.clone())
    });
    list
}

/// A need of the checkout being looked at; its folder is filled in by [`of`].
fn need(urgency: Urgency, summary: String, commands: impl IntoIterator<Item = Vec<String>>) -> Attention {
    let commands = commands.into_iter().collect();
    Attention { urgency, summary, commands, advice: None, folder: PathBuf::new() }
}

/// A git command of fixed words.
fn git(words: &[&str]) -> Vec<String> {
    std::iter::once("git").chain(words.iter().copied()).map(ToOwned::to_owned).collect()
}

fn collect_unfinished(state: &GitState, needs: &mut Vec<Attention>) {
    let conflicted = state.work_tree.map_or(0, |counts| counts.conflicted);
    if let Some(operation) = state.operation {
        let summary = match conflicted {
            0 => format!("{} in progress", operation.as_str()),
            1 => format!("{} in progress, 1 conflict", operation.as_str()),
            count => format!("{} in progress, {count} conflicts", operation.as_str()),
        };
        let command = match (operation, conflicted) {
            (Operation::Bisect, _) => git(&["bisect", "reset"]),
            (_, 1..) => git(&["mergetool"]),
            (Operation::Rebase, 0) => git(&["rebase", "--continue"]),
            (Operation::ApplyMailbox, 0) => git(&["am", "--continue"]),
            (Operation::Merge, 0) => git(&["merge", "--continue"]),
            (Operation::CherryPick, 0) => git(&["cherry-pick", "--continue"]),
            (Operation::Revert, 0) => git(&["revert", "--continue"]),
        };
        needs.push(need(Urgency::Unfinished, summary, [command]));
    } else if conflicted > 0 {
        let plural = if conflicted == 1 { "" } else { "s" };
        let summary = format!("{conflicted} conflict{plural}");
        needs.push(need(Urgency::Unfinished, summary, [git(&["mergetool"])]));
    }
}

fn collect_unpushed(project: &Project, state: &GitState, needs: &mut Vec<Attention>) {
    let Some(branches) = &project.branches else { return };
    if !branches.has_remote {
        return;
    }
    // In the middle of a rebase HEAD is detached by design, and the branch is still there.
    if branches.detached_commits > 0 && state.operation.is_none() {
        let summary = format!("{} on no branch", commits(branches.detached_commits));
        needs.push(need(Urgency::Unpushed, summary, [git(&["switch", "-c", "NAME"])]));
    }
    for branch in branches.unpushed.iter().filter(|branch| branch.is_head) {
        let summary = format!("{} unpushed", commits(branch.commits));
        needs.push(need(Urgency::Unpushed, summary, push_head(project, state, &branch.name)));
    }
    let others: Vec<_> = branches.unpushed.iter().filter(|branch| !branch.is_head).collect();
    let names: Vec<_> = others.iter().map(|branch| branch.name.as_str()).collect();
    match others.as_slice() {
        [] => {}
        [branch] => {
            let summary = format!("{} unpushed on {}", commits(branch.commits), branch.name);
            needs.push(need(Urgency::Unpushed, summary, [push_branches(project, &[], &names)]));
        }
        several => {
            // No number of commits: branches share them, so a sum would count some twice.
            let summary = format!("{} other branches unpushed", several.len());
            needs.push(need(Urgency::Unpushed, summary, [push_branches(project, &[], &names)]));
        }
    }
}

/// What brings the commits of the current branch to its remote.
fn push_head(project: &Project, state: &GitState, own_name: &str) -> Vec<Vec<String>> {
    let Some(remote) = push_remote(project) else { return vec![git(&["remote"])] };
    // Remote names may hold slashes, so only the whole name tells where it ends. What does not begin with it is a
    // branch of this repository, which is no place to push to.
    let followed = state.upstream.as_ref().and_then(|upstream| {
        let branch = upstream.name.strip_prefix(remote)?.strip_prefix('/')?;
        Some((branch, upstream.divergence))
    });
    let Some((branch, divergence)) = followed else {
        return vec![git(&["push", "-u", remote, &format!("HEAD:refs/heads/{own_name}")])];
    };
    let push = git(&["push", remote, &format!("HEAD:refs/heads/{branch}")]);
    match (divergence.is_some_and(|divergence| divergence.behind > 0), state.work_tree) {
        // A rebase refuses to begin over changes, so these come first.
        (true, Ok(counts)) if counts.has_changes() => {
            vec![commit(&counts, changed_inside(&project.submodules))]
        }
        (true, _) => vec![git(&["pull", "--rebase"]), push],
        (false, _) => vec![push],
    }
}

/// Pushes branches by their full names: a short one could be an option, a tag, or a pattern.
fn push_branches(project: &Project, options: &[&str], names: &[&str]) -> Vec<String> {
    const MOST: usize = 5;
    match push_remote(project) {
        None => git(&["remote"]),
        Some(_) if names.len() > MOST => git(&["log", "--branches", "--not", "--remotes", "--oneline"]),
        Some(remote) => {
            let mut command = git(&["push"]);
            command.extend(options.iter().map(|&option| option.to_owned()));
            command.push(remote.to_owned());
            command.extend(names.iter().map(|name| format!("refs/heads/{name}")));
            command
        }
    }
}

/// The remote to push to, if its name can stand alone in a command.
fn push_remote(project: &Project) -> Option<&str> {
    let is_usable = |name: &&str| !name.is_empty() && *name != "." && !name.starts_with('-');
    project.push_remote.as_deref().filter(is_usable)
}

fn collect_uncommitted(state: &GitState, changed_submodules: u32, needs: &mut Vec<Attention>) {
    let Ok(counts) = state.work_tree else { return };
    let phrase = |words: &[&str]| {
        let phrases: Vec<_> = words::state_words(state)
            .into_iter()
            .filter(|word| words.contains(&word.word))
            .map(words::StateWord::phrase)
            .collect();
        phrases.join(", ")
    };
    if counts.staged + counts.modified > 0 {
        let command = commit(&counts, changed_submodules);
        needs.push(need(Urgency::Uncommitted, phrase(&["staged", "modified"]), [command]));
    }
    if counts.filtered_unknown > 0 {
        needs.push(need(Urgency::Untracked, phrase(&["filtered"]), [git(&["status"])]));
    }
    if counts.untracked > 0 {
        needs.push(need(Urgency::Untracked, phrase(&["untracked"]), [git(&["status"])]));
    }
    if state.stashes > 0 {
        needs.push(need(Urgency::Stashed, phrase(&["stash"]), [git(&["stash", "list"])]));
    }
}

/// The commit that is due. What was staged by hand is committed as it was staged.
fn commit(counts: &WorkTreeCounts, changed_submodules: u32) -> Vec<String> {
    match (counts.staged, counts.modified) {
        // Removed from the index and still there: what looks staged is more likely a slip than a wish.
        (1.., _) if counts.untracked > 0 => git(&["status"]),
        (1.., _) => git(&["commit"]),
        // Nothing that a commit here could hold.
        (0, modified) if modified <= changed_submodules => git(&["status"]),
        (0, _) => git(&["commit", "-a"]),
    }
}

/// Submodules that differ only by what lies inside them: git calls them modified, and no commit outside clears that.
fn changed_inside(submodules: &[Submodule]) -> u32 {
    let is_changed = |submodule: &&Submodule| {
        matches!(&submodule.state, Some(Ok(state))
            if state.work_tree.is_ok_and(|counts| !counts.is_clean())
                && state.head_id.as_deref() == Some(&submodule.expected_id))
    };
    u32::try_from(submodules.iter().filter(is_changed).count()).unwrap_or(u32::MAX)
}

fn collect_worktrees(project: &Project, needs: &mut Vec<Attention>) {
    for worktree in &project.worktrees {
        let name =
            worktree.path.file_name().unwrap_or(worktree.path.as_os_str()).to_string_lossy().into_owned();
        let state = match &worktree.state {
            Ok(state) => state,
            // Both are as the person arranged them.
            Err(error) if error.code == ErrorCode::OutsideRoots || worktree.is_locked => continue,
            Err(error) => {
                let summary = format!("worktree {name} cannot be read: {}", error.message);
                let advice = Some(error.code.remedy());
                needs.push(Attention { advice, ..need(Urgency::Error, summary, []) });
                continue;
            }
        };
        let mut below = Vec::new();
        collect_unfinished(state, &mut below);
        collect_uncommitted(state, 0, &mut below);
        // Stashes belong to the repository and were counted with it.
        below.retain(|need| need.urgency != Urgency::Stashed);
        below.sort_by_key(|need| need.urgency);
        if let Some(first) = below.into_iter().next() {
            let summary = format!("{} in worktree {name}", first.summary);
            needs.push(Attention { summary, folder: worktree.path.clone(), ..first });
        }
    }
}

fn collect_submodules(project: &Project, needs: &mut Vec<Attention>) {
    for submodule in &project.submodules {
        let Some(Ok(state)) = &submodule.state else { continue };
        let mut below = Vec::new();
        collect_unfinished(state, &mut below);
        collect_uncommitted(state, 0, &mut below);
        below.sort_by_key(|need| need.urgency);
        let Some(first) = below.first().cloned() else { continue };
        let all = below.into_iter().map(|need| need.summary).collect::<Vec<_>>().join(", ");
        let summary = format!("{all} in submodule {}", submodule.path);
        needs.push(Attention { summary, folder: project.path.join(&submodule.path), ..first });
    }
}

fn collect_behind(project: &Project, state: &GitState, needs: &mut Vec<Attention>) {
    if project.kind == ProjectKind::Repository
        && let Some(divergence) = state.upstream.as_ref().and_then(|upstream| upstream.divergence)
        && divergence.behind > 0
    {
        let how = if divergence.ahead > 0 { "--rebase" } else { "--ff-only" };
        needs.push(need(Urgency::Behind, format!("{} behind", divergence.behind), [git(&["pull", how])]));
    }
}

fn collect_moved(project: &Project, needs: &mut Vec<Attention>) {
    if project.remote_moved == Some(true) {
        let command = match push_remote(project) {
            Some(remote) => git(&["fetch", remote]),
            None => git(&["fetch", "--all"]),
        };
        needs.push(need(Urgency::RemoteMoved, "remote moved".to_owned(), [command]));
    }
}

fn collect_only_here(project: &Project, state: &GitState, needs: &mut Vec<Attention>) {
    let Some(branches) = &project.branches else { return };
    if project.kind != ProjectKind::Repository {
        return;
    }
    let has_commits = matches!(state.head, Head::Branch(_) | Head::Detached);
    if !branches.has_remote {
        if has_commits {
            let command = git(&["remote", "add", "origin", "URL"]);
            needs.push(need(Urgency::OnlyHere, "no remote".to_owned(), [command]));
        }
        return;
    }
    let is_unpushed = |name: &str| branches.unpushed.iter().any(|branch| branch.name == name);
    let names: Vec<_> =
        branches.local_only.iter().map(String::as_str).filter(|name| !is_unpushed(name)).collect();
    if !names.is_empty() {
        let count = u32::try_from(names.len()).unwrap_or(u32::MAX);
        let phrase = words::StateWord { word: "local-only", count: Some(count) }.phrase();
        let mut command = push_branches(project, &["-u"], &names);
        if command.get(1).is_some_and(|word| word == "log") {
            // Everything in them is pushed, so a log would be empty.
            command = git(&["branch", "-vv"]);
        }
        needs.push(need(Urgency::OnlyHere, phrase, [command]));
    }
}

fn commits(count: u32) -> String {
    if count == 1 { "1 commit".to_owned() } else { format!("{count} commits") }
}

/// The commands as one line for a shell, to be run anywhere. The only place where words become such a line: remotes,
/// branches and folders are named by whoever made the repository, and none of them may be read as anything but a name.
pub fn shell_line(commands: &[Vec<String>], folder: &FolderText) -> String {
    let folder = match folder {
        FolderText::Here => None,
        // The tilde is expanded only outside of quotes.
        FolderText::Home(rest) => Some(format!("~/{}", shell_word(rest))),
        FolderText::Path(path) => Some(shell_word(path)),
    };
    let line = |command: &Vec<String>| {
        let mut words: Vec<_> = command.iter().map(|word| shell_word(word)).collect();
        if let Some(folder) = &folder {
            words.splice(1..1, ["-C".to_owned(), folder.clone()]);
        }
        words.join(" ")
    };
    commands.iter().filter(|command| !command.is_empty()).map(line).collect::<Vec<_>>().join(" && ")
}

/// A word that a shell reads as one, whatever it holds.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./+=:@%".contains(c);
    // At the beginning of a word some shells replace `=` and what follows.
    if !text.is_empty() && !text.starts_with('=') && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
