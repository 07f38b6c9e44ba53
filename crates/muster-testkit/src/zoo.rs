//! The zoo: one generated repository per awkward state that a checkout can be in, each named by its state. What is
//! right about them is not said here; that is git's to say ([`crate::StatusOracle`]).
//!
//! Long because it is a table: one line or one small function per state, read by name.

use std::path::{Path, PathBuf};

use crate::{Lab, Repo};

/// Builds one state in a new repository of the given name and gives the checkouts to ask about.
type Keeper = for<'lab> fn(&'lab Lab, &str) -> Vec<Repo<'lab>>;

/// Builds all states below [`Lab::root`]. Gives name and path of every checkout that `git status` can be asked about;
/// a state with several checkouts (worktrees, submodules) gives several paths under one name. Bare repositories and
/// missing worktrees are built, not listed.
#[track_caller]
pub fn state_zoo(lab: &Lab) -> Vec<(String, PathBuf)> {
    let mut checkouts = Vec::new();
    for (name, keeper) in STATES {
        for repo in keeper(lab, name) {
            checkouts.push(((*name).to_owned(), repo.path().to_owned()));
        }
    }
    checkouts
}

const STATES: &[(&str, Keeper)] = &[
    // Work tree and index.
    ("clean", |lab, name| vec![base(lab, name)]),
    ("modified", |lab, name| vec![base(lab, name).write("a.txt", "changed")]),
    ("modified-same-size", |lab, name| vec![base(lab, name).write("a.txt", "b\n")]),
    ("touched-not-modified", |lab, name| vec![base(lab, name).set_mtime("a.txt", 1_000_000_000)]),
    ("staged", |lab, name| vec![base(lab, name).write("a.txt", "changed").stage_all()]),
    ("staged-new", |lab, name| vec![base(lab, name).write("new.txt", "new").stage_all()]),
    ("staged-and-modified", |lab, name| {
        vec![base(lab, name).write("a.txt", "changed").stage_all().write("a.txt", "changed again")]
    }),
    ("staged-then-reverted", |lab, name| {
        vec![base(lab, name).write("a.txt", "changed").stage_all().write("a.txt", "a\n")]
    }),
    ("staged-new-then-deleted", |lab, name| {
        vec![base(lab, name).write("new.txt", "new").stage_all().remove("new.txt")]
    }),
    ("untracked-file", |lab, name| vec![base(lab, name).write("new.txt", "new")]),
    ("untracked-folder", |lab, name| vec![base(lab, name).write("new/1.txt", "1").write("new/2/3.txt", "3")]),
    ("untracked-in-tracked-folder", |lab, name| {
        vec![base(lab, name).write("src/new.txt", "1").write("src/deep/er/new.txt", "2")]
    }),
    ("untracked-nested-repository", untracked_nested_repository),
    ("untracked-nested-unborn", |lab, name| {
        let repo = base(lab, name);
        lab.repo(&format!("{name}/inner"));
        vec![repo]
    }),
    ("untracked-symlink-to-folder", |lab, name| vec![base(lab, name).symlink("link", "src")]),
    ("untracked-fifo", |lab, name| vec![base(lab, name).fifo("pipe")]),
    ("ignored-files", |lab, name| {
        vec![
            base(lab, name)
                .commit_file(".gitignore", "*.log\nout/\n!keep.log\n")
                .write("x.log", "")
                .write("out/x", ""),
        ]
    }),
    ("ignored-by-nested-gitignore", |lab, name| {
        vec![
            base(lab, name)
                .commit_file("src/.gitignore", "*\n!.gitignore\n!kept\n")
                .write("src/lost", "")
                .write("src/kept", ""),
        ]
    }),
    ("ignored-by-info-exclude", |lab, name| {
        vec![base(lab, name).write(".git/info/exclude", "private\n").write("private", "").write("public", "")]
    }),
    ("ignored-by-global-excludes", |lab, name| {
        let repo = base(lab, name).write("x.global", "").write("y", "").write("excludes-here", "*.global\n");
        vec![repo.config("core.excludesFile", "excludes-here")]
    }),
    ("ignored-but-tracked", |lab, name| {
        let repo = base(lab, name).commit_file("x.log", "1").commit_file(".gitignore", "*.log\n");
        vec![repo.write("x.log", "changed")]
    }),
    ("ignored-folder-with-tracked-file", |lab, name| {
        let repo = base(lab, name).commit_file("out/kept", "1").commit_file(".gitignore", "out/\n");
        vec![repo.write("out/other", "ignored").write("out/kept", "changed")]
    }),
    ("deleted", |lab, name| vec![base(lab, name).remove("a.txt")]),
    ("deleted-folder", |lab, name| vec![base(lab, name).remove("src")]),
    ("deleted-staged", |lab, name| vec![base(lab, name).git(["rm", "--quiet", "a.txt"])]),
    ("deleted-staged-kept-on-disk", |lab, name| {
        vec![base(lab, name).git(["rm", "--quiet", "--cached", "a.txt"])]
    }),
    ("type-change-to-symlink", |lab, name| vec![base(lab, name).remove("a.txt").symlink("a.txt", "b.txt")]),
    ("type-change-to-file", |lab, name| {
        vec![base(lab, name).symlink("link", "a.txt").commit_all("Link").remove("link").write("link", "file")]
    }),
    ("type-change-staged", |lab, name| {
        vec![base(lab, name).remove("a.txt").symlink("a.txt", "b.txt").stage_all()]
    }),
    ("symlink-modified", |lab, name| {
        vec![base(lab, name).symlink("l", "a.txt").commit_all("Link").remove("l").symlink("l", "b.txt")]
    }),
    ("symlink-dangling", |lab, name| vec![base(lab, name).symlink("l", "nowhere").commit_all("Link")]),
    ("symlink-loop", |lab, name| vec![base(lab, name).symlink("l", "l").commit_all("Link").write("n", "")]),
    ("executable-bit", |lab, name| vec![base(lab, name).make_executable("a.txt")]),
    ("executable-bit-staged", |lab, name| vec![base(lab, name).make_executable("a.txt").stage_all()]),
    ("executable-bit-not-trusted", |lab, name| {
        vec![base(lab, name).config("core.fileMode", "false").make_executable("a.txt")]
    }),
    ("renamed-exact", |lab, name| vec![base(lab, name).git(["mv", "src/long.txt", "moved.txt"])]),
    ("renamed-similar", |lab, name| {
        let repo = base(lab, name).git(["mv", "src/long.txt", "moved.txt"]);
        vec![repo.write("moved.txt", &long("changed")).stage_all()]
    }),
    ("renamed-and-modified", |lab, name| {
        vec![base(lab, name).git(["mv", "src/long.txt", "moved.txt"]).write("moved.txt", "changed")]
    }),
    ("renamed-folder", |lab, name| vec![base(lab, name).git(["mv", "src", "source"])]),
    ("renamed-swapped", |lab, name| {
        let repo = base(lab, name).commit_file("other.txt", &long("other"));
        vec![
            repo.rename("other.txt", "t")
                .rename("src/long.txt", "other.txt")
                .rename("t", "src/long.txt")
                .stage_all(),
        ]
    }),
    ("renamed-in-work-tree", |lab, name| vec![base(lab, name).rename("src/long.txt", "moved.txt")]),
    ("renames-off", |lab, name| {
        vec![base(lab, name).config("status.renames", "false").git(["mv", "src/long.txt", "moved.txt"])]
    }),
    ("renames-off-by-diff", |lab, name| {
        vec![base(lab, name).config("diff.renames", "false").git(["mv", "src/long.txt", "moved.txt"])]
    }),
    ("copies-on", |lab, name| {
        let repo = base(lab, name).config("status.renames", "copies");
        vec![repo.write("copy.txt", &long("")).write("src/long.txt", &long("more")).stage_all()]
    }),
    ("copied", |lab, name| vec![base(lab, name).write("copy.txt", &long("")).stage_all()]),
    ("intent-to-add", |lab, name| {
        vec![base(lab, name).write("n", "new").git(["add", "--intent-to-add", "n"])]
    }),
    ("intent-to-add-deleted", |lab, name| {
        vec![base(lab, name).write("n", "new").git(["add", "--intent-to-add", "n"]).remove("n")]
    }),
    ("intent-to-add-rename", |lab, name| {
        let repo = base(lab, name).rename("src/long.txt", "moved.txt");
        vec![repo.git(["add", "--intent-to-add", "moved.txt"])]
    }),
    ("assume-unchanged", |lab, name| {
        vec![base(lab, name).git(["update-index", "--assume-unchanged", "a.txt"]).write("a.txt", "changed")]
    }),
    ("skip-worktree", |lab, name| {
        vec![base(lab, name).git(["update-index", "--skip-worktree", "a.txt"]).write("a.txt", "changed")]
    }),
    ("skip-worktree-deleted", |lab, name| {
        vec![base(lab, name).git(["update-index", "--skip-worktree", "a.txt"]).remove("a.txt")]
    }),
    ("sparse-cone", |lab, name| vec![base(lab, name).git(["sparse-checkout", "set", "--cone", "src"])]),
    ("sparse-cone-file-outside", |lab, name| {
        let repo = base(lab, name).commit_file("out/x", "1").git(["sparse-checkout", "set", "--cone", "src"]);
        vec![repo.write("out/x", "came back").write("out/new", "new")]
    }),
    ("sparse-patterns", |lab, name| {
        vec![base(lab, name).git(["sparse-checkout", "set", "--no-cone", "/*", "!/src"]).write("src/n", "")]
    }),
    ("file-replaced-by-folder", |lab, name| vec![base(lab, name).remove("a.txt").write("a.txt/x", "1")]),
    ("file-replaced-by-folder-staged", |lab, name| {
        vec![base(lab, name).remove("a.txt").write("a.txt/x", "1").stage_all()]
    }),
    ("file-replaced-by-empty-folder", |lab, name| vec![base(lab, name).remove("a.txt").folder("a.txt")]),
    ("file-replaced-by-repository", |lab, name| {
        let repo = base(lab, name).remove("a.txt");
        lab.repo(&format!("{name}/a.txt")).commit_file("x", "1");
        vec![repo]
    }),
    ("folder-replaced-by-file", |lab, name| vec![base(lab, name).remove("src").write("src", "1")]),
    ("folder-replaced-by-symlink", |lab, name| {
        vec![base(lab, name).rename("src", "elsewhere").symlink("src", "elsewhere")]
    }),
    ("folder-replaced-by-symlink-outside", |lab, name| {
        let repo = base(lab, name).remove("src");
        let outside = lab.folder().join("outside");
        lab.open(&outside).write("long.txt", &long("")).write("x.txt", "x\n");
        vec![repo.symlink("src", outside)]
    }),
    ("racy-same-size-same-second", racy),
    ("empty-folder", |lab, name| vec![base(lab, name).folder("empty/er")]),
    ("many-files", many_files),
    // Names.
    ("awkward-names", |lab, name| {
        let repo = base(lab, name).write("new\nline", "1").write("quo\"te'", "2").write("back\\slash", "3");
        let repo =
            repo.write(" leading", "4").write("trailing ", "5").write("tab\there", "6").write("-dash", "7");
        vec![
            repo.write_raw_name(b"latin-\xe9", "8")
                .commit_all("Names")
                .write("new\nline", "changed")
                .remove("-dash"),
        ]
    }),
    ("awkward-names-untracked", |lab, name| {
        vec![
            base(lab, name)
                .write("new\nline", "1")
                .write_raw_name(b"latin-\xe9/\xff", "2")
                .write("*?[x]", "3"),
        ]
    }),
    ("awkward-names-renamed", |lab, name| {
        let repo = base(lab, name).rename("src/long.txt", "new\nline");
        vec![repo.stage_all()]
    }),
    ("unicode-names", |lab, name| {
        let repo = base(lab, name).write("über/naïve.txt", "1").write("日本/語", "2").write("e\u{301}", "3");
        vec![repo.commit_all("Names").write("日本/語", "changed").write("é", "composed")]
    }),
    ("unicode-folder-ünï", |lab, name| vec![base(lab, name).write("a.txt", "changed")]),
    ("folder with blanks", |lab, name| vec![base(lab, name).write("a.txt", "changed")]),
    ("case-differs", |lab, name| {
        vec![base(lab, name).write("A.TXT", "upper").write("A.txt", "").stage_all()]
    }),
    // Conflicts and operations.
    ("conflict-both-modified", |lab, name| vec![conflict(lab, name, "ours", "theirs")]),
    ("conflict-both-added", conflict_both_added),
    ("conflict-deleted-by-us", |lab, name| vec![conflict(lab, name, "", "theirs")]),
    ("conflict-deleted-by-them", |lab, name| vec![conflict(lab, name, "ours", "")]),
    ("conflict-rename-rename", conflict_rename_rename),
    ("conflict-resolved-not-committed", |lab, name| {
        vec![conflict(lab, name, "ours", "theirs").write("src/x.txt", "both").stage_all()]
    }),
    ("conflict-on-stash-pop", |lab, name| {
        let repo = base(lab, name).write("a.txt", "stashed").git(["stash", "--quiet"]);
        vec![repo.commit_file("a.txt", "committed").git_stops(["stash", "pop", "--quiet"])]
    }),
    ("conflict-all-seven", conflict_all_seven),
    ("merge-in-progress", |lab, name| {
        vec![forked(lab, name).git(["merge", "--quiet", "--no-commit", "--no-ff", "other"])]
    }),
    ("rebase-in-progress", |lab, name| vec![disputed(lab, name).git_stops(["rebase", "--quiet", "other"])]),
    ("rebase-apply-in-progress", |lab, name| {
        vec![disputed(lab, name).git_stops(["rebase", "--quiet", "--apply", "other"])]
    }),
    ("rebase-stopped-at-edit", |lab, name| {
        let repo = base(lab, name).commit_file("c.txt", "1").commit_file("d.txt", "2");
        vec![repo.git(["-c", "sequence.editor=sed -i 1s/pick/edit/", "rebase", "--quiet", "-i", "HEAD~2"])]
    }),
    ("cherry-pick-in-progress", |lab, name| vec![disputed(lab, name).git_stops(["cherry-pick", "other"])]),
    ("revert-in-progress", |lab, name| {
        let repo = base(lab, name).commit_file("a.txt", "1").commit_file("a.txt", "2");
        vec![repo.git_stops(["revert", "--no-edit", "HEAD~1"])]
    }),
    ("bisect-in-progress", |lab, name| {
        let repo = base(lab, name).commit_file("c", "1").commit_file("c", "2").commit_file("c", "3");
        vec![repo.git(["bisect", "start", "HEAD", "HEAD~3"])]
    }),
    ("am-in-progress", |lab, name| {
        let repo = disputed(lab, name);
        let patch = repo.git_output(["format-patch", "--stdout", "-1", "other"]);
        vec![repo.write(".git/the.patch", &patch).git_stops(["am", "--quiet", ".git/the.patch"])]
    }),
    // HEAD, branches, remotes.
    ("detached", |lab, name| vec![base(lab, name).git(["checkout", "--quiet", "--detach"])]),
    ("detached-with-own-commit", |lab, name| {
        vec![base(lab, name).git(["checkout", "--quiet", "--detach"]).commit_file("mine", "1")]
    }),
    ("detached-at-tag", |lab, name| {
        let repo = base(lab, name).git(["tag", "--annotate", "-m", "One", "v1"]);
        vec![repo.git(["checkout", "--quiet", "v1"])]
    }),
    ("unborn", |lab, name| vec![lab.repo(name)]),
    ("unborn-with-untracked", |lab, name| vec![lab.repo(name).write("x", "").write("y/z", "")]),
    ("unborn-with-staged", |lab, name| vec![lab.repo(name).write("x", "").stage_all().write("x", "changed")]),
    ("unborn-orphan-branch", |lab, name| {
        vec![base(lab, name).git(["checkout", "--quiet", "--orphan", "new"])]
    }),
    ("unborn-with-upstream", |lab, name| {
        lab.bare(&format!("{name}.git"));
        vec![lab.clone_of(format!("{name}.git"), name)]
    }),
    ("empty-commit-only", |lab, name| vec![lab.repo(name).commit_all("Nothing")]),
    ("empty-message", |lab, name| {
        vec![base(lab, name).git(["commit", "--quiet", "--allow-empty", "--allow-empty-message", "-m", ""])]
    }),
    ("no-upstream", |lab, name| vec![pushed(lab, name).git(["checkout", "--quiet", "-b", "feature"])]),
    ("upstream-gone", |lab, name| {
        let repo = pushed(lab, name).git(["checkout", "--quiet", "-b", "gone"]).push_to(&origin(name));
        vec![repo.git(["push", "--quiet", &origin(name), "--delete", "gone"])]
    }),
    ("upstream-remote-removed", |lab, name| {
        let repo = pushed(lab, name).commit_file("c", "1");
        let id = origin(name);
        vec![repo.git(["config", "--remove-section", &format!("remote.{id}")])]
    }),
    ("in-step", |lab, name| vec![pushed(lab, name)]),
    ("ahead", |lab, name| vec![pushed(lab, name).commit_file("c", "1").commit_file("c", "2")]),
    ("behind", |lab, name| {
        vec![
            pushed(lab, name)
                .commit_file("c", "1")
                .push_to(&origin(name))
                .git(["reset", "--quiet", "--hard", "HEAD~1"]),
        ]
    }),
    ("diverged", |lab, name| vec![diverged(lab, name)]),
    ("diverged-unrelated", |lab, name| {
        let repo =
            pushed(lab, name).git(["checkout", "--quiet", "--orphan", "new"]).commit_all("Another beginning");
        vec![repo.git(["branch", "--quiet", "--set-upstream-to", &format!("{}/main", origin(name))])]
    }),
    ("diverged-after-merge", |lab, name| {
        let repo =
            diverged(lab, name).git(["checkout", "--quiet", "-b", "side", "HEAD~1"]).commit_file("side", "1");
        vec![repo.git(["checkout", "--quiet", "main"]).git(["merge", "--quiet", "side"])]
    }),
    ("upstream-is-local-branch", |lab, name| {
        vec![
            base(lab, name)
                .git(["checkout", "--quiet", "-b", "topic", "--track", "main"])
                .commit_file("c", "1"),
        ]
    }),
    ("upstream-with-slash", |lab, name| {
        let repo = pushed(lab, name).git(["checkout", "--quiet", "-b", "feat/deep/er"]).commit_file("c", "1");
        vec![repo.push_to(&origin(name)).commit_file("c", "2")]
    }),
    ("upstream-other-name", |lab, name| {
        let repo = pushed(lab, name).git(["checkout", "--quiet", "-b", "mine"]).commit_file("c", "1");
        vec![repo.git(["branch", "--quiet", "--set-upstream-to", &format!("{}/main", origin(name))])]
    }),
    ("upstream-own-refspec", |lab, name| {
        let (repo, remote) = (pushed(lab, name), origin(name));
        let refspec = "+refs/heads/*:refs/remotes/elsewhere/*";
        let repo = repo.config(&format!("remote.{remote}.fetch"), refspec);
        vec![repo.git(["fetch", "--quiet", &remote]).commit_file("c", "1")]
    }),
    ("upstream-remote-with-slash", |lab, name| {
        let repo = pushed(lab, name);
        vec![repo.git(["remote", "rename", &origin(name), "up/stream"]).commit_file("c", "1")]
    }),
    ("upstream-is-url", |lab, name| {
        let repo = pushed(lab, name).commit_file("c", "1");
        let url = lab.root().join(origin(name)).display().to_string();
        vec![repo.config("branch.main.remote", &url)]
    }),
    ("push-remote-differs", |lab, name| {
        lab.bare(&format!("{name}-fork.git"));
        let repo = pushed(lab, name).remote(&format!("{name}-fork.git"));
        vec![repo.config("branch.main.pushRemote", &format!("{name}-fork.git")).commit_file("c", "1")]
    }),
    ("status-ahead-behind-off", |lab, name| {
        vec![pushed(lab, name).commit_file("c", "1").config("status.aheadBehind", "false")]
    }),
    ("nested-branch-names", |lab, name| {
        let repo = base(lab, name).git(["branch", "feat/x"]).git(["branch", "feat/y/z"]);
        vec![repo.git(["checkout", "--quiet", "-b", "fix/ünï-日本"]).write("n", "")]
    }),
    ("packed-refs", |lab, name| {
        vec![pushed(lab, name).git(["tag", "v1"]).commit_file("c", "1").git(["pack-refs", "--all"])]
    }),
    ("packed-refs-and-loose", |lab, name| {
        vec![pushed(lab, name).git(["pack-refs", "--all"]).commit_file("c", "1")]
    }),
    ("packed-objects", |lab, name| {
        vec![pushed(lab, name).commit_file("c", "1").git(["gc", "--quiet"]).write("a.txt", "changed")]
    }),
    ("commit-graph", |lab, name| {
        vec![diverged(lab, name).git(["commit-graph", "write", "--reachable"]).write("n", "")]
    }),
    ("shallow", |lab, name| {
        pushed(lab, &format!("{name}-full")).commit_file("c", "1").push_to(&origin(&format!("{name}-full")));
        let url = format!("file://{}", lab.root().join(origin(&format!("{name}-full"))).display());
        let path = lab.root().join(name).display().to_string();
        lab.run_git(lab.root(), ["clone", "--quiet", "--depth=1", &url, &path]);
        vec![lab.open(name).commit_file("d", "1")]
    }),
    ("replaced-commit", |lab, name| {
        let repo = diverged(lab, name);
        let (new, old) = (repo.id("HEAD~1"), repo.id("HEAD"));
        vec![repo.git(["replace", &old, &new])]
    }),
    ("symbolic-branch", |lab, name| {
        vec![
            base(lab, name)
                .git(["symbolic-ref", "refs/heads/alias", "refs/heads/main"])
                .git(["checkout", "--quiet", "alias"]),
        ]
    }),
    ("broken-branch-ref", |lab, name| vec![base(lab, name).write(".git/refs/heads/broken", "nonsense\n")]),
    // Stashes.
    ("stash-one", |lab, name| vec![base(lab, name).write("a.txt", "1").git(["stash", "--quiet"])]),
    ("stash-three", |lab, name| {
        let mut repo = base(lab, name);
        for content in ["1", "2", "3"] {
            repo = repo.write("a.txt", content).git(["stash", "--quiet"]);
        }
        vec![repo]
    }),
    ("stash-with-untracked", |lab, name| {
        vec![base(lab, name).write("n", "1").git(["stash", "--quiet", "--include-untracked"])]
    }),
    ("stash-dropped", |lab, name| {
        let repo = base(lab, name).write("a.txt", "1").git(["stash", "--quiet"]);
        vec![repo.git(["stash", "drop", "--quiet"])]
    }),
    // Worktrees and submodules.
    ("worktrees", worktrees),
    ("worktree-of-bare", |lab, name| {
        pushed(lab, &format!("{name}-source"));
        let bare = lab.open(origin(&format!("{name}-source")));
        vec![bare.worktree(name, "feature").write("n", "").commit_file("m", "1")]
    }),
    ("worktree-config", |lab, name| {
        let repo = base(lab, name).config("extensions.worktreeConfig", "true");
        let linked = repo.worktree(&format!("{name}-linked"), "linked");
        let linked = linked.git(["config", "--worktree", "status.showUntrackedFiles", "no"]).write("n", "");
        vec![repo.write("n", ""), linked]
    }),
    ("submodule-clean", |lab, name| with_submodule(lab, name)),
    ("submodule-new-commits", |lab, name| changed_submodule(lab, name, |sub| sub.commit_file("n", "1"))),
    ("submodule-modified", |lab, name| changed_submodule(lab, name, |sub| sub.write("a.txt", "changed"))),
    ("submodule-staged", |lab, name| changed_submodule(lab, name, |sub| sub.write("a.txt", "x").stage_all())),
    ("submodule-untracked", |lab, name| changed_submodule(lab, name, |sub| sub.write("n", "1"))),
    ("submodule-everything", |lab, name| {
        changed_submodule(lab, name, |sub| sub.commit_file("n", "1").write("a.txt", "x").write("m", "1"))
    }),
    ("submodule-new-commits-staged", |lab, name| {
        let checkouts = changed_submodule(lab, name, |sub| sub.commit_file("n", "1"));
        checkouts[0].stage_all();
        checkouts
    }),
    ("submodule-not-initialised", |lab, name| {
        let full = with_submodule(lab, &format!("{name}-full"));
        vec![lab.clone_of(full[0].path(), name)]
    }),
    ("submodule-folder-removed", |lab, name| vec![with_submodule(lab, name)[0].remove("sub")]),
    ("submodule-folder-replaced-by-file", |lab, name| {
        vec![with_submodule(lab, name)[0].remove("sub").write("sub", "a file")]
    }),
    ("submodule-removed-staged", |lab, name| {
        vec![with_submodule(lab, name)[0].git(["rm", "--quiet", "sub"])]
    }),
    ("submodule-added-not-committed", |lab, name| {
        base(lab, &format!("{name}-library"));
        let repo = base(lab, name);
        let url = lab.root().join(format!("{name}-library")).display().to_string();
        vec![repo.git(["submodule", "--quiet", "add", &url, "sub"])]
    }),
    ("submodule-nested", submodule_nested),
    ("submodule-old-style-git-folder", |lab, name| {
        let repo = base(lab, name);
        let inner = lab.repo(&format!("{name}/sub")).commit_file("x", "1");
        vec![repo.git(["add", "sub"]).git(["commit", "--quiet", "-m", "Embed"]), inner.write("x", "changed")]
    }),
    ("submodule-ignore-all", |lab, name| ignoring_submodule(lab, name, "all")),
    ("submodule-ignore-dirty", |lab, name| ignoring_submodule(lab, name, "dirty")),
    ("submodule-ignore-untracked", |lab, name| ignoring_submodule(lab, name, "untracked")),
    ("submodule-ignore-none-by-file", |lab, name| {
        let checkouts = with_submodule(lab, name);
        let repo = checkouts[0].git(["config", "--file", ".gitmodules", "submodule.sub.ignore", "all"]);
        repo.commit_all("Ignore");
        checkouts[1].write("a.txt", "changed");
        checkouts
    }),
    ("submodule-ignored-by-diff", |lab, name| {
        let checkouts = changed_submodule(lab, name, |sub| sub.write("a.txt", "changed").write("n", ""));
        checkouts[0].config("diff.ignoreSubmodules", "untracked");
        checkouts
    }),
    ("submodule-untracked-hidden-inside", |lab, name| {
        changed_submodule(lab, name, |sub| sub.config("status.showUntrackedFiles", "no").write("n", "1"))
    }),
    // Content conversion.
    ("autocrlf-with-lf-file", |lab, name| {
        vec![base(lab, name).config("core.autocrlf", "true").write("n.txt", "1\n")]
    }),
    ("autocrlf-with-crlf-file", |lab, name| {
        vec![
            base(lab, name)
                .config("core.autocrlf", "true")
                .write("a.txt", "a\r\n")
                .write("b.txt", "b\r\nmore\r\n"),
        ]
    }),
    ("autocrlf-input", |lab, name| {
        vec![base(lab, name).config("core.autocrlf", "input").write("a.txt", "a\r\n")]
    }),
    ("crlf-committed-then-attributes", |lab, name| {
        let repo = base(lab, name)
            .commit_file("dos.txt", "1\r\n2\r\n")
            .commit_file(".gitattributes", "* text=auto\n");
        vec![repo.set_mtime("dos.txt", 1_000_000_000)]
    }),
    ("attributes-eol-crlf", |lab, name| {
        let repo = base(lab, name).commit_file(".gitattributes", "*.txt text eol=crlf\n");
        vec![repo.write("a.txt", "a\r\n").write("b.txt", "b\r\nmore\r\n")]
    }),
    ("attributes-eol-lf", |lab, name| {
        vec![base(lab, name).commit_file(".gitattributes", "*.txt text eol=lf\n").write("a.txt", "a\r\n")]
    }),
    ("attributes-binary", |lab, name| {
        let repo =
            base(lab, name).config("core.autocrlf", "true").commit_file(".gitattributes", "*.txt -text\n");
        vec![repo.write("a.txt", "a\r\n")]
    }),
    ("attributes-uncommitted", |lab, name| {
        vec![base(lab, name).write("a.txt", "a\r\n").write(".gitattributes", "*.txt text\n")]
    }),
    ("attributes-in-info", |lab, name| {
        vec![base(lab, name).write(".git/info/attributes", "*.txt text\n").write("a.txt", "a\r\n")]
    }),
    ("attributes-ident", |lab, name| {
        let repo =
            base(lab, name).commit_file(".gitattributes", "*.c ident\n").commit_file("x.c", "// $Id$\n");
        vec![repo.remove("x.c").git(["checkout", "--quiet", "x.c"]).set_mtime("x.c", 1_000_000_000)]
    }),
    ("attributes-ident-modified", |lab, name| {
        let repo =
            base(lab, name).commit_file(".gitattributes", "*.c ident\n").commit_file("x.c", "// $Id$\n");
        vec![repo.write("x.c", "// $Id: 1234 $\nint x;\n")]
    }),
    ("working-tree-encoding", |lab, name| {
        let utf16: Vec<u8> = "hé\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let repo = base(lab, name).commit_file(".gitattributes", "*.u16 working-tree-encoding=UTF-16LE\n");
        let repo = repo.write_bytes("x.u16", &utf16).commit_all("Encoded");
        vec![repo.set_mtime("x.u16", 1_000_000_000)]
    }),
    ("working-tree-encoding-modified", |lab, name| {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let repo = base(lab, name).commit_file(".gitattributes", "*.u16 working-tree-encoding=UTF-16LE\n");
        vec![
            repo.write_bytes("x.u16", &utf16("hé\n"))
                .commit_all("Encoded")
                .write_bytes("x.u16", &utf16("ho\n")),
        ]
    }),
    ("filter-modified", |lab, name| {
        vec![filtered(lab, name).write("x.bin", "changed by much").write("a.txt", "changed")]
    }),
    ("filter-touched", |lab, name| vec![filtered(lab, name).set_mtime("x.bin", 1_000_000_000)]),
    ("filter-without-driver", |lab, name| {
        let repo =
            base(lab, name).commit_file(".gitattributes", "*.bin filter=nobody\n").commit_file("x.bin", "1");
        vec![repo.write("x.bin", "changed")]
    }),
    // Settings and formats.
    ("untracked-files-no", |lab, name| {
        vec![base(lab, name).config("status.showUntrackedFiles", "no").write("n", "").write("m/n", "")]
    }),
    ("untracked-files-all", |lab, name| {
        vec![base(lab, name).config("status.showUntrackedFiles", "all").write("m/1", "").write("m/2/3", "")]
    }),
    ("sha256", |lab, name| {
        let repo = lab.repo_with(name, ["--object-format=sha256"]).commit_file("a.txt", "1");
        vec![repo.write("a.txt", "changed").write("n", "")]
    }),
    ("split-index", |lab, name| {
        vec![
            base(lab, name)
                .git(["update-index", "--split-index"])
                .write("n", "")
                .stage_all()
                .write("a.txt", "changed"),
        ]
    }),
    ("untracked-cache", |lab, name| {
        let repo = base(lab, name).write("n", "").git(["update-index", "--untracked-cache"]).git(["status"]);
        vec![repo.write("src/m", "").remove("n")]
    }),
    ("untracked-cache-keep-off", |lab, name| {
        vec![base(lab, name).config("core.untrackedCache", "false").write("n", "")]
    }),
    ("fsmonitor-off", |lab, name| {
        vec![base(lab, name).config("core.fsmonitor", "false").write("a.txt", "changed")]
    }),
    ("index-v4", |lab, name| {
        vec![
            base(lab, name)
                .git(["update-index", "--index-version", "4"])
                .write("a.txt", "changed")
                .write("n", ""),
        ]
    }),
    ("index-v2-to-v4-and-back", |lab, name| {
        let repo = base(lab, name).git(["update-index", "--index-version", "4"]);
        vec![repo.git(["update-index", "--index-version", "2"]).write("a.txt", "changed").stage_all()]
    }),
    ("index-without-hash", |lab, name| {
        vec![
            base(lab, name)
                .config("index.skipHash", "true")
                .write("n", "")
                .stage_all()
                .write("a.txt", "changed"),
        ]
    }),
    ("index-missing", |lab, name| vec![base(lab, name).remove(".git/index")]),
    ("index-sparse", |lab, name| {
        vec![
            base(lab, name)
                .commit_file("out/deep/x", "1")
                .git(["sparse-checkout", "set", "--cone", "--sparse-index", "src"])
                .write("src/x.txt", "changed"),
        ]
    }),
    ("many-files-feature", |lab, name| {
        vec![base(lab, name).config("feature.manyFiles", "true").write("n", "").stage_all().write("m", "")]
    }),
    ("config-with-include", |lab, name| {
        let repo = base(lab, name).write(".git/more", "[status]\n\tshowUntrackedFiles = no\n").write("n", "");
        vec![repo.config("include.path", "more")]
    }),
    ("config-mixed-case", |lab, name| {
        let repo = pushed(lab, name).commit_file("c", "1").git(["branch", "-m", "main", "MixedCase"]);
        vec![repo.config("STATUS.ShowUntrackedFiles", "no").write("n", "")]
    }),
    ("separate-git-dir", |lab, name| {
        let git_dir = lab.folder().join("git-dirs").join(name);
        must_create(git_dir.parent());
        let argument = format!("--separate-git-dir={}", git_dir.display());
        let repo = lab.repo_with(name, [&argument]).commit_file("a.txt", "1");
        vec![repo.write("a.txt", "changed").write("n", "")]
    }),
    ("core-worktree-elsewhere", |lab, name| {
        let repo = base(lab, name);
        let elsewhere = lab.folder().join("work-trees").join(name);
        must_create(Some(&elsewhere));
        vec![repo.config("core.worktree", &elsewhere.display().to_string())]
    }),
    ("git-folder-without-write-right", |lab, name| {
        vec![base(lab, name).write("a.txt", "changed").set_mode(".git/index", 0o444)]
    }),
    ("unreadable-file", |lab, name| vec![base(lab, name).write("a.txt", "changed").set_mode("b.txt", 0o000)]),
    ("bare", |lab, name| {
        pushed(lab, &format!("{name}-source"));
        lab.bare(name);
        Vec::new()
    }),
    ("alternates", |lab, name| {
        let source = base(lab, &format!("{name}-source"));
        let (from, to) = (source.path().display().to_string(), lab.root().join(name).display().to_string());
        lab.run_git(lab.root(), ["clone", "--quiet", "--shared", &from, &to]);
        vec![lab.open(name).commit_file("c", "1").write("a.txt", "changed")]
    }),
];

/// Two commits; four files, one long enough for git to call a changed copy similar.
#[track_caller]
fn base<'lab>(lab: &'lab Lab, name: &str) -> Repo<'lab> {
    let repo = lab.repo(name).write("a.txt", "a\n").write("b.txt", "b\n").write("src/long.txt", &long(""));
    repo.commit_all("Begin").commit_file("src/x.txt", "x\n")
}

/// Forty lines, and one more that says `last`.
fn long(last: &str) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for number in 0..40 {
        let _ = writeln!(text, "line number {number} of a file that is long enough");
    }
    text + last
}

/// Name of the bare repository (and remote) of a state.
fn origin(name: &str) -> String {
    format!("{name}-origin.git")
}

/// [`base`], pushed and following.
#[track_caller]
fn pushed<'lab>(lab: &'lab Lab, name: &str) -> Repo<'lab> {
    lab.bare(&origin(name));
    base(lab, name).push_to(&origin(name))
}

/// Two commits only here, one only there.
#[track_caller]
fn diverged<'lab>(lab: &'lab Lab, name: &str) -> Repo<'lab> {
    let repo = pushed(lab, name).commit_file("theirs", "1").push_to(&origin(name));
    repo.git(["reset", "--quiet", "--hard", "HEAD~1"]).commit_file("ours", "1").commit_file("ours", "2")
}

/// On `main`, with a branch `other` that changed another file.
#[track_caller]
fn forked<'lab>(lab: &'lab Lab, name: &str) -> Repo<'lab> {
    let repo = base(lab, name).git(["checkout", "--quiet", "-b", "other"]).commit_file("b.txt", "other");
    repo.git(["checkout", "--quiet", "main"]).commit_file("c.txt", "main")
}

/// On `main`, with a branch `other` that changed the same file otherwise.
#[track_caller]
fn disputed<'lab>(lab: &'lab Lab, name: &str) -> Repo<'lab> {
    let repo = base(lab, name).git(["checkout", "--quiet", "-b", "other"]).commit_file("a.txt", "theirs");
    repo.git(["checkout", "--quiet", "main"]).commit_file("a.txt", "ours")
}

/// A merge stopped over `src/x.txt`, which each side rewrote, or removed if its content is empty.
#[track_caller]
fn conflict<'lab>(lab: &'lab Lab, name: &str, ours: &str, theirs: &str) -> Repo<'lab> {
    let side = |repo: &Repo<'lab>, content: &str| {
        if content.is_empty() { repo.remove("src/x.txt") } else { repo.write("src/x.txt", content) }
            .commit_all("Side")
    };
    let repo = base(lab, name).git(["checkout", "--quiet", "-b", "other"]);
    let repo = side(&repo, theirs).git(["checkout", "--quiet", "main"]);
    side(&repo, ours).git_stops(["merge", "--quiet", "other"])
}

fn conflict_both_added<'lab>(lab: &'lab Lab, name: &str) -> Vec<Repo<'lab>> {
    let repo = base(lab, name).git(["checkout", "--quiet", "-b", "other"]).commit_file("new", "theirs");
    let repo = repo.git(["checkout", "--quiet", "main"]).commit_file("new", "ours");
    vec![repo.git_stops(["merge", "--quiet", "other"])]
}

/// Both sides renamed one file: `both deleted` the old, `added by us`, `added by them` the new names.
fn conflict_rename_rename<'lab>(lab: &'lab Lab, name: &str) -> Vec<Repo<'lab>> {
    let repo = base(lab, name).git(["checkout", "--quiet", "-b", "other"]);
    let repo = repo.git(["mv", "src/long.txt", "theirs.txt"]).commit_all("Rename");
    let repo = repo
        .git(["checkout", "--quiet", "main"])
        .git(["mv", "src/long.txt", "ours.txt"])
        .commit_all("Rename");
    vec![repo.git_stops(["merge", "--quiet", "other"])]
}

/// An index with every combination of stages that git can name, written straight into it.
fn conflict_all_seven<'lab>(lab: &'lab Lab, name: &str) -> Vec<Repo<'lab>> {
    let repo = base(lab, name);
    let blob = repo.id("HEAD:a.txt");
    for (file, stages) in [
        ("DD", &[1][..]),
        ("AU", &[2]),
        ("UD", &[1, 2]),
        ("UA", &[3]),
        ("DU", &[1, 3]),
        ("AA", &[2, 3]),
        ("UU", &[1, 2, 3]),
    ] {
        let entries: Vec<_> = stages.iter().map(|stage| format!("100644 {blob} {stage}\t{file}\n")).collect();
        let mut command = lab.git_command(repo.path());
        command.args(["update-index", "--index-info"]).stdin(std::process::Stdio::piped());
        feed(command, &entries.concat());
        if stages.contains(&2) {
            repo.write(file, "in the work tree");
        }
    }
    vec![repo]
}

#[track_caller]
fn feed(mut command: std::process::Command, input: &str) {
    use std::io::Write;
    let fed = command.spawn().and_then(|mut child| {
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        child.wait()
    });
    assert!(fed.as_ref().is_ok_and(std::process::ExitStatus::success), "{command:?}: {fed:?}");
}

fn untracked_nested_repository<'lab>(lab: &'lab Lab, name: &str) -> Vec<Repo<'lab>> {
    let repo = base(lab, name);
    let inner = lab.repo(&format!("{name}/inner/most")).commit_file("x", "1").write("x", "changed");
    vec![repo, inner]
}

/// The size stays, the time goes back to that of the index: only the content tells.
fn racy<'lab>(lab: &'lab Lab, name: &str) -> Vec<Repo<'lab>> {
    const SECOND: u64 = 1_700_000_000;
    let repo = base(lab, name).set_mtime("a.txt", SECOND).git(["update-index", "--refresh"]);
    let repo = repo.set_mtime(".git/index", SECOND).write("a.txt", "z\n");
    vec![repo.set_mtime("a.txt", SECOND)]
}

fn many_files<'lab>(lab: &'lab Lab, name: &str) -> Vec<Repo<'lab>> {
    let repo = lab.repo(name);
    for number in 0..5_000 {
        repo.write(format!("d{}/e{}/f{number}.txt", number % 50, number % 7), "content\n");
    }
    repo.commit_all("Many");
    for number in (0..5_000).step_by(500) {
        repo.write(format!("d{}/e{}/f{number}.txt", number % 50, number % 7), "changed\n");
    }
    vec![repo.write("d1/new", "")]
}

fn worktrees<'lab>(lab: &'lab Lab, name: &str) -> Vec<Repo<'lab>> {
    let repo = base(lab, name).write("a.txt", "stashed").git(["stash", "--quiet"]);
    let linked = |state: &str| repo.worktree(&format!("{name}-{state}"), state);
    let (clean, dirty, locked, missing) =
        (linked("clean"), linked("dirty"), linked("locked"), linked("missing"));
    repo.git(["worktree".as_ref(), "lock".as_ref(), locked.path().as_os_str()]);
    missing.remove("");
    vec![repo, clean, dirty.write("a.txt", "changed").write("n", ""), locked]
}

/// A superproject with the submodule `sub`, both clean, in this order.
#[track_caller]
fn with_submodule<'lab>(lab: &'lab Lab, name: &str) -> Vec<Repo<'lab>> {
    let library = format!("{name}-library");
    base(lab, &library);
    let repo = base(lab, name).submodule(&library, "sub");
    let sub = lab.open(repo.path().join("sub"));
    vec![repo, sub]
}

#[track_caller]
fn changed_submodule<'lab>(
    lab: &'lab Lab,
    name: &str,
    change: impl FnOnce(&Repo<'lab>) -> Repo<'lab>,
) -> Vec<Repo<'lab>> {
    let checkouts = with_submodule(lab, name);
    change(&checkouts[1]);
    checkouts
}

fn ignoring_submodule<'lab>(lab: &'lab Lab, name: &str, ignore: &str) -> Vec<Repo<'lab>> {
    let change = |sub: &Repo<'lab>| sub.write("a.txt", "changed").write("n", "1");
    let checkouts = changed_submodule(lab, name, change);
    checkouts[0].config("submodule.sub.ignore", ignore);
    checkouts
}

fn submodule_nested<'lab>(lab: &'lab Lab, name: &str) -> Vec<Repo<'lab>> {
    let middle = format!("{name}-middle");
    with_submodule(lab, &middle);
    let repo = base(lab, name).submodule(&middle, "outer");
    let repo = repo.git(["submodule", "--quiet", "update", "--init", "--recursive"]);
    let (outer, inner) = (lab.open(repo.path().join("outer")), lab.open(repo.path().join("outer/sub")));
    vec![repo, outer, inner.write("a.txt", "changed")]
}

/// `x.bin` goes through a filter driver that swaps letters.
#[track_caller]
fn filtered<'lab>(lab: &'lab Lab, name: &str) -> Repo<'lab> {
    let repo = base(lab, name).config("filter.swap.clean", "tr a b").config("filter.swap.smudge", "tr b a");
    repo.commit_file(".gitattributes", "*.bin filter=swap\n").commit_file("x.bin", "aaa\n")
}

#[track_caller]
fn must_create(folder: Option<&Path>) {
    if let Some(folder) = folder {
        crate::lab::must(std::fs::create_dir_all(folder), folder);
    }
}
