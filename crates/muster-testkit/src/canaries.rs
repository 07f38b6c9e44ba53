//! A hostile repository. Its configuration, attributes and hooks name a program in every way we know of; each program
//! leaves a file named after its way and then does what such a program does, so that nothing else goes wrong. A
//! reader of other people's repositories passes if the canary folder stays empty.
//!
//! The configuration is written by hand after the last git call, so that building it trips nothing.

use std::{fs, path::PathBuf};

use crate::{Lab, Repo, lab::must};

/// One way to name a program.
struct Way {
    /// Name of the way, and of the file that its program leaves.
    name: &'static str,
    /// What the program does after leaving its trace, in sh.
    then: &'static str,
    /// Where it is written.
    place: Place,
    /// The configuration that names it; `PROGRAM` stands for its path.
    config: &'static str,
}

/// The file that holds a piece of configuration.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `.git/config`
    Repository,
    /// `.git/config.worktree`
    Worktree,
    /// A file that `.git/config` includes.
    Included,
    /// A file that `.git/config` includes under a condition that holds.
    IncludedIf,
    /// `.git/modules/sub/config`
    Submodule,
}

use Place::{Included, IncludedIf, Repository, Submodule, Worktree};

const WAYS: &[Way] = &[
    way("alias", "", Repository, "[alias]\nstate = !PROGRAM\n"),
    way("alias-shadow", "", Repository, "[alias]\nstatus = !PROGRAM\n"),
    way("alternate-refs-command", "", Repository, "[core]\nalternateRefsCommand = PROGRAM\n"),
    way("ask-pass", "echo x", Repository, "[core]\naskPass = PROGRAM\n"),
    way("attributes-info", "exec cat", Repository, "[filter \"canary-info\"]\nclean = PROGRAM\n"),
    way("browser", "", Repository, "[browser \"canary\"]\ncmd = PROGRAM\n[help]\nbrowser = canary\n"),
    way("credential-helper", "", Repository, "[credential]\nhelper = !PROGRAM\n"),
    way("diff-command", "", Repository, "[diff \"canary-command\"]\ncommand = PROGRAM\n"),
    way("diff-external", "", Repository, "[diff]\nexternal = PROGRAM\n"),
    way("diff-textconv", "exec cat \"$1\"", Repository, "[diff \"canary-textconv\"]\ntextconv = PROGRAM\n"),
    way("difftool", "", Repository, "[difftool \"canary\"]\ncmd = PROGRAM\n[diff]\ntool = canary\n"),
    way("editor", "", Repository, "[core]\neditor = PROGRAM\n"),
    way(
        "ext-url",
        "exit 1",
        Repository,
        "[remote \"ext\"]\nurl = ext::PROGRAM\n[protocol \"ext\"]\nallow = always\n",
    ),
    way("filter-clean", "exec cat", Repository, "[filter \"canary-clean\"]\nclean = PROGRAM\n"),
    way("filter-process", POLITE_FILTER, Repository, "[filter \"canary-process\"]\nprocess = PROGRAM\n"),
    way("filter-smudge", "exec cat", Repository, "[filter \"canary-smudge\"]\nsmudge = PROGRAM\n"),
    way("fsmonitor", "exit 1", Repository, "[core]\nfsmonitor = PROGRAM\n"),
    way(
        "git-proxy",
        "exit 1",
        Repository,
        "[core]\ngitProxy = PROGRAM\n[remote \"proxy\"]\nurl = git://localhost/x\n",
    ),
    way("gpg-program", "exit 1", Repository, "[gpg]\nprogram = PROGRAM\n[log]\nshowSignature = true\n"),
    way(
        "gpg-ssh-program",
        "exit 1",
        Repository,
        "[gpg \"ssh\"]\nprogram = PROGRAM\nallowedSignersFile = /dev/null\n",
    ),
    way("included", "exec cat", Included, "[filter \"canary-included\"]\nclean = PROGRAM\n"),
    way("included-if", "exec cat", IncludedIf, "[filter \"canary-included-if\"]\nclean = PROGRAM\n"),
    way("interactive-diff-filter", "exec cat", Repository, "[interactive]\ndiffFilter = PROGRAM\n"),
    way("merge-driver", "", Repository, "[merge \"canary\"]\ndriver = PROGRAM\n"),
    way("mergetool", "", Repository, "[mergetool \"canary\"]\ncmd = PROGRAM\n[merge]\ntool = canary\n"),
    way("pack-objects-hook", "exec \"$@\"", Repository, "[uploadpack]\npackObjectsHook = PROGRAM\n"),
    way("pager", "exec cat", Repository, "[core]\npager = PROGRAM\n"),
    way("pager-status", "exec cat", Repository, "[pager]\nstatus = PROGRAM\n"),
    way(
        "promisor-upload-pack",
        "exit 1",
        Repository,
        "[remote \"promisor\"]\nurl = .\npromisor = true\npartialCloneFilter = blob:none\nuploadpack = PROGRAM\n",
    ),
    way("receive-pack", "exit 1", Repository, "[remote \"receive\"]\nurl = .\nreceivepack = PROGRAM\n"),
    way("sequence-editor", "", Repository, "[sequence]\neditor = PROGRAM\n"),
    way("ssh-command", "exit 1", Repository, "[core]\nsshCommand = PROGRAM\n[remote \"ssh\"]\nurl = h:x\n"),
    way("submodule-filter", "exec cat", Submodule, "[filter \"canary-sub\"]\nclean = PROGRAM\n"),
    way("submodule-fsmonitor", "exit 1", Submodule, "[core]\nfsmonitor = PROGRAM\n"),
    way("submodule-update", "", Repository, "[submodule \"sub\"]\nupdate = !PROGRAM\n"),
    way("tar-filter", "exec cat", Repository, "[tar \"canary\"]\ncommand = PROGRAM\n"),
    way("trailer-cmd", "echo x", Repository, "[trailer \"canary-cmd\"]\ncmd = PROGRAM\n"),
    way("trailer-command", "echo x", Repository, "[trailer \"canary\"]\nkey = Canary\ncommand = PROGRAM\n"),
    way("upload-pack", "exit 1", Repository, "[remote \"upload\"]\nurl = .\nuploadpack = PROGRAM\n"),
    way("worktree-config", "exec cat", Worktree, "[filter \"canary-worktree\"]\nclean = PROGRAM\n"),
];

/// A long-running filter that greets git, offers nothing, and waits for it to go: one that just ends kills `git status`.
const POLITE_FILTER: &str = r"printf '0016git-filter-server\n000eversion=2\n00000000'; exec cat > /dev/null";

const fn way(name: &'static str, then: &'static str, place: Place, config: &'static str) -> Way {
    Way { name, then, place, config }
}

/// Hooks, which leave `hook-NAME` from `.git/hooks` and `hooks-path-NAME` from the folder of `core.hooksPath`.
const HOOKS: &[&str] = &[
    "commit-msg",
    "fsmonitor-watchman",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "prepare-commit-msg",
    "reference-transaction",
];

/// Attributes that lead to the drivers above, committed with the files they apply to.
const ATTRIBUTES: &str = "\
*.clean filter=canary-clean\n*.smudge filter=canary-smudge\n*.process filter=canary-process\n\
*.included filter=canary-included\n*.included-if filter=canary-included-if\n*.worktree filter=canary-worktree\n\
*.textconv diff=canary-textconv\n*.command diff=canary-command\n*.merge merge=canary\n";

const FILES: &[&str] = &[
    "a.clean",
    "a.command",
    "a.included",
    "a.included-if",
    "a.info",
    "a.merge",
    "a.process",
    "a.smudge",
    "a.textconv",
    "a.txt",
    "a.worktree",
];

/// Number of ways, hooks included, in which [`canaries`] names a program.
pub const CANARY_WAYS: usize = WAYS.len() + 2 * HOOKS.len();

/// A repository that names a program in [`CANARY_WAYS`] ways, and the folder in which each run of one leaves a file
/// named after its way: empty now. All files of the work tree are changed since the commit, so that whoever asks for
/// the state is tempted; the blob of `other:missing.txt` is gone and a promisor remote offers it; `sub` is a hostile
/// submodule.
#[track_caller]
pub fn canaries(lab: &Lab) -> (Repo<'_>, PathBuf) {
    lab.repo("canary-library").commit_file("a.txt", "library\n");
    let mut repo = lab.repo("canary").write(".gitattributes", ATTRIBUTES);
    for file in FILES {
        repo = repo.write(file, "one\ntwo\nthree\n");
    }
    repo = repo.commit_all("Begin").git(["checkout", "--quiet", "-b", "other"]);
    repo =
        repo.write("missing.txt", "this blob will be missing\n").commit_file("a.merge", "one\ntwo\ntheirs\n");
    repo = repo.git(["checkout", "--quiet", "main"]).commit_file("a.merge", "ours\ntwo\nthree\n");
    repo = repo.submodule("canary-library", "sub");
    let blob = repo.id("other:missing.txt");
    repo.remove(format!(".git/objects/{}/{}", &blob[..2], &blob[2..]));

    let folder = lab.folder().join("canaries");
    let programs = lab.folder().join("canary-programs");
    must(fs::create_dir_all(&folder), &folder);
    let program = |name: &str, then: &str| {
        let trace = folder.join(name);
        let script = format!("#!/bin/sh\n: > '{}'\n{then}\n", trace.display());
        lab.open(&programs).write(name, &script).make_executable(name).path().join(name)
    };
    for hook in HOOKS {
        let own = fs::read(program(&format!("hook-{hook}"), "")).unwrap_or_default();
        repo.write_bytes(format!(".git/hooks/{hook}"), &own).make_executable(format!(".git/hooks/{hook}"));
        let elsewhere = fs::read(program(&format!("hooks-path-{hook}"), "")).unwrap_or_default();
        repo.write_bytes(format!(".git/elsewhere/{hook}"), &elsewhere);
        repo.make_executable(format!(".git/elsewhere/{hook}"));
    }
    for way in WAYS {
        let path = program(way.name, way.then);
        append(&repo, way.place, &way.config.replace("PROGRAM", &path.display().to_string()));
    }
    let hooks_path = repo.path().join(".git/elsewhere");
    let rest = format!(
        "[core]\nhooksPath = {}\n[extensions]\nworktreeConfig = true\n[include]\npath = included\n\
         [includeIf \"gitdir:**\"]\npath = included-if\n",
        hooks_path.display()
    );
    append(&repo, Repository, &rest);
    repo.write(".git/info/attributes", "*.info filter=canary-info\n");
    repo.write(".git/modules/sub/info/attributes", "*.txt filter=canary-sub\n");
    for file in FILES {
        // Same size: git must look at the content, and so at the filters.
        repo.write(file, "one\nTWO\nthree\n");
    }
    repo.write("sub/a.txt", "LIBRARY\n").write("new.txt", "untracked\n");
    (repo, folder)
}

#[track_caller]
fn append(repo: &Repo<'_>, place: Place, config: &str) {
    let file = match place {
        Repository => ".git/config",
        Worktree => ".git/config.worktree",
        Included => ".git/included",
        IncludedIf => ".git/included-if",
        Submodule => ".git/modules/sub/config",
    };
    let before = fs::read_to_string(repo.path().join(file)).unwrap_or_default();
    repo.write(file, &(before + config));
}
