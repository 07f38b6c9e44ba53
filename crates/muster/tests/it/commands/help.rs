//! Help, completions and manual pages: made from one description, so one snapshot holds them all.

use muster_testkit::Lab;

use crate::run::{run, stderr, stdout};

const COMMANDS: [&str; 8] = ["scan", "show", "path", "each", "config", "doctor", "completions", "man"];

#[test]
fn help() {
    let lab = Lab::new();
    let output = run(&lab, &["--help"]);
    assert_eq!((output.status.code(), stderr(&lab, &output).as_str()), (Some(0), ""));
    insta::assert_snapshot!(stdout(&lab, &output), @r#"
    Every repository you own, its true state, and what needs you

    Usage: muster [OPTIONS] [COMMAND]

    Commands:
      scan         List every repository under the folders with its state
      show         Everything about one repository
      path         Print the path of the repository that matches, for cd and fzf
      each         Run a command in every matching repository, in parallel
      serve        Answer over HTTP and keep the answers fresh
      cache        The cache of a running server
      token        Tokens by which programs say who they are to a running server
      watch        Remote repositories that a running server watches
      fetch        Fetch for the matching repositories, through a running server
      jobs         Work that a running server does in the background
      alerts       What the alert settings of watched repositories found
      db           The database of the service
      openapi      Print the description of the HTTP API (OpenAPI 3.1)
      config       The configuration in force
      doctor       Check that this machine has what muster needs
      completions  Print the completion script for a shell
      man          Print the manual page, or write all pages into a folder
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Everywhere:
          --config <FILE>
              Configuration file instead of the usual one
              
              [env: MUSTER_CONFIG]

          --color <WHEN>
              When to colour

              Possible values:
              - auto:   On a terminal, unless NO_COLOR is set
              - always: Always
              - never:  Never
              
              [default: auto]

          --no-progress
              Show no progress bar

          --log-level <LEVEL>
              Log filter: error, warn, info, debug, trace, or per module [env: MUSTER_LOG]

          --log-format <FORMAT>
              Shape of the log on stderr

              Possible values:
              - text: Lines for people
              - json: One document a line
              
              [default: text]

    Exit codes: 0 fine, 1 failed, 2 usage or configuration, 4 some repository listed with an error, 130
    interrupted.

    Examples:
      muster                                   what needs me, over my roots or this folder
      muster scan ~/code                       every repository with its state
      muster scan ~/code --json | jq '.projects[].name'
      cd "$(muster path api)"                  go to a repository by name
      muster each 'state:dirty' -- git diff --stat
      muster serve ~/code                      the same over HTTP, kept fresh
    "#);
}

#[test]
fn help_of_scan() {
    let lab = Lab::new();
    let output = run(&lab, &["help", "scan"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(stdout(&lab, &output), @r#"
    List every repository under the folders with its state

    Usage: muster scan [OPTIONS] [PATH]...

    Arguments:
      [PATH]...
              Folders to search [default: portfolio.roots, else the current folder]

    Options:
          --attention
              Only what needs you, most urgent first, with the command that clears it

          --all
              With --attention: all lines, not just those that fit the screen

          --state-only
              Only what git status and git log -1 say: the fastest

          --watch
              Draw again whenever something changed, until Ctrl-C

      -q, --query <QUERY>
              Only repositories that match, such as 'state:dirty stack:rust -name:old'

          --format <FORMAT>
              Shape of the output

              Possible values:
              - table: For people; tab-separated and whole when not on a terminal
              - json:  One document
              - jsonl: One document a line
              - csv:   Comma-separated with a header
              - md:    A Markdown table
              
              [default: table]

          --json
              The same as --format json

      -h, --help
              Print help (see a summary with '-h')

    Everywhere:
          --config <FILE>
              Configuration file instead of the usual one
              
              [env: MUSTER_CONFIG]

          --color <WHEN>
              When to colour

              Possible values:
              - auto:   On a terminal, unless NO_COLOR is set
              - always: Always
              - never:  Never
              
              [default: auto]

          --no-progress
              Show no progress bar

          --log-level <LEVEL>
              Log filter: error, warn, info, debug, trace, or per module [env: MUSTER_LOG]

          --log-format <FORMAT>
              Shape of the log on stderr

              Possible values:
              - text: Lines for people
              - json: One document a line
              
              [default: text]

    QUERY: words and field:value, all of which must hold; -term must not; "a phrase"; prefix*.
    Several values of one field are alternatives: state:dirty,ahead. Fields:
      ahead     commits that the upstream lacks: ahead>0
      behind    commits of the upstream that are missing here: behind>=10
      branch    current branch: branch:main, branch:feat/*
      health    health score 0-100: health<60
      name      name of the repository: name:api
      path      part of the path: path:shop/
      relation  mine, team, third_party, unknown
      stack     technology: stack:rust, stack:react,vue
      state     clean, dirty, modified, staged, untracked, conflicts, stash, ahead, behind, diverged,
      remote-moved, unpushed, local-only, detached, no-upstream, upstream-gone, no-remote, no-commits,
      rebase, am, merge, cherry-pick, revert, bisect, operation, filtered, bare, folder, error,
      attention
    "#);
}

#[test]
fn a_wrong_command_line_is_told_on_stderr() {
    let lab = Lab::new();
    for args in [
        &["scann"][..],
        &["scan", "--nope"],
        &["scan", "--attention", "--state-only"],
        &["scan", "--json", "--format", "csv"],
        &["scan", "--all"],
    ] {
        let output = run(&lab, args);
        assert_eq!((output.status.code(), stdout(&lab, &output).as_str()), (Some(2), ""), "{args:?}");
        assert!(stderr(&lab, &output).starts_with("error: "), "{args:?}");
    }
    assert!(stderr(&lab, &run(&lab, &["scann"])).contains("'scan'"), "it suggests what was meant");
}

#[test]
fn completions_know_every_command() {
    let lab = Lab::new();
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&lab, &["completions", shell]);
        assert_eq!((output.status.code(), stderr(&lab, &output).as_str()), (Some(0), ""), "{shell}");
        let text = stdout(&lab, &output);
        for command in COMMANDS {
            assert!(text.contains(command), "{command} in {shell}");
        }
        assert!(text.contains("state-only"), "options in {shell}");
    }
}

#[test]
fn manual_pages() {
    let lab = Lab::new();
    let output = run(&lab, &["man"]);
    assert_eq!(output.status.code(), Some(0));
    let page = stdout(&lab, &output);
    assert!(page.contains(".TH muster 1") && page.contains("EXIT") || page.contains("Exit codes"), "{page}");
    let output = run(&lab, &["man", "--dir", "man/man1"]);
    assert_eq!((output.status.code(), stdout(&lab, &output).as_str()), (Some(0), ""));
    let mut pages: Vec<_> = std::fs::read_dir(lab.root().join("man/man1"))
        .expect("the folder was made")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    pages.sort();
    for command in COMMANDS {
        assert!(pages.contains(&format!("muster-{command}.1")), "{command} in {pages:?}");
    }
    assert!(pages.contains(&"muster.1".to_owned()), "{pages:?}");
}

#[test]
fn these_need_no_right_configuration() {
    let lab = Lab::new();
    lab.open(lab.home()).write(".config/muster/muster.toml", "[nope]\n");
    for args in [&["--help"][..], &["--version"], &["man"], &["completions", "bash"]] {
        assert_eq!(run(&lab, args).status.code(), Some(0), "{args:?}");
    }
}
