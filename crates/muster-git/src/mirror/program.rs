//! The git program, locked down: it knows no configuration but the words here, no environment but what it needs to
//! run, no hook, no monitor, no helper, no question, and no protocol unless a route allows one.
//!
//! The other side is hostile. Objects are checked on arrival; the checks that are eased are those that old, honest
//! repositories fail and that harm nobody who never checks anything out: padded modes, odd names and dates. Paths such
//! as `.git`, and `.gitmodules` that abuse git, stay refused.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use bstr::ByteSlice;

use crate::group::{Group, collect, drained};

use super::error::MirrorError;

/// For what a local git answers in milliseconds.
const QUICK: Duration = Duration::from_mins(1);
const TICK: Duration = Duration::from_millis(1);
/// Bytes kept of each stream of such an answer.
const MOST_OUTPUT: u64 = 1 << 20;

/// Variables that git keeps: where programs and certificates are, and the person's ssh keys.
const KEPT: [&str; 8] = [
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "LD_LIBRARY_PATH",
    "PATH",
    "SSH_AUTH_SOCK",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
];

const SET: [(&str, &str); 14] = [
    ("GCM_INTERACTIVE", "never"),
    ("GIT_ASKPASS", "false"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_EDITOR", "false"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_PROTOCOL_FROM_USER", "0"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("LC_ALL", "C"),
    ("SSH_ASKPASS", "false"),
    ("SSH_ASKPASS_REQUIRE", "force"),
];

const CONFIG: [&str; 20] = [
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "credential.helper=",
    "fetch.fsckObjects=true",
    "fetch.recurseSubmodules=false",
    // Few large files instead of many small ones, and nothing to be packed later.
    "fetch.unpackLimit=1",
    "fetch.writeCommitGraph=false",
    "gc.auto=0",
    "http.followRedirects=false",
    "http.proxy=",
    "i18n.logOutputEncoding=UTF-8",
    "log.showSignature=false",
    "maintenance.auto=false",
    "protocol.allow=never",
    "submodule.recurse=false",
    "transfer.bundleURI=false",
    "transfer.fsckObjects=true",
];

/// Checks of objects that honest old repositories fail.
const EASED: [&str; 14] = [
    "badDate",
    "badDateOverflow",
    "badEmail",
    "badName",
    "badTimezone",
    "duplicateEntries",
    "missingEmail",
    "missingNameBeforeEmail",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "multipleAuthors",
    "nulInCommit",
    "zeroPaddedDate",
    "zeroPaddedFilemode",
];

/// Which git, and the empty folder that it takes for a home.
#[derive(Debug, Clone)]
pub(super) struct Git {
    program: PathBuf,
    home: PathBuf,
}

impl Git {
    pub(super) fn new(program: PathBuf, home: PathBuf) -> Self {
        Self { program, home }
    }

    /// A locked-down git without a subcommand. May not reach anything; started where no repository is.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().current_dir(&self.home);
        for name in KEPT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .envs(SET)
            .env("GIT_ALLOW_PROTOCOL", "none")
            .env("GIT_CEILING_DIRECTORIES", &self.home)
            .env("HOME", &self.home)
            .env("XDG_CONFIG_HOME", &self.home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.arg("--no-pager");
        for value in CONFIG {
            command.args(["-c", value]);
        }
        for check in EASED {
            command.args(["-c", &format!("fetch.fsck.{check}=ignore")]);
        }
        command
    }

    /// A locked-down git in the repository at `path`.
    pub(super) fn command_in(&self, path: &Path) -> Command {
        let mut command = self.command();
        command.env("GIT_DIR", path);
        command
    }

    /// Runs something short in the repository at `path` and gives what it printed, without the line's end.
    pub(super) fn ask(&self, path: &Path, args: &[&str]) -> Result<String, MirrorError> {
        self.ask_of(path, args, b"")
    }

    /// The same with an input.
    pub(super) fn ask_of(&self, path: &Path, args: &[&str], input: &[u8]) -> Result<String, MirrorError> {
        let what = args.first().copied().unwrap_or_default();
        let mut command = self.command_in(path);
        command.args(args).stdin(Stdio::piped());
        let mut group = Group::spawn(&mut command).map_err(|error| Self::missing(&error))?;
        // Before the input, so that a long answer keeps nobody from reading the rest of the question.
        let stdout = group.take_stdout().map(|stream| collect(stream, MOST_OUTPUT));
        let stderr = group.take_stderr().map(|stream| collect(stream, MOST_OUTPUT));
        if let Some(mut stdin) = group.take_stdin() {
            // Who does not read it says so by its end.
            let _ = stdin.write_all(input);
        }
        let place = path.display().to_string();
        let begin = Instant::now();
        while !group.has_ended() {
            if begin.elapsed() > QUICK {
                return Err(MirrorError::TimedOut { place, seconds: QUICK.as_secs() });
            }
            thread::sleep(TICK);
        }
        let status = group.wait().map_err(|error| Self::missing(&error))?;
        let (stdout, stderr) = (drained(stdout).bytes, drained(stderr).bytes);
        if status.success() {
            return Ok(stdout.to_str_lossy().trim_end_matches('\n').to_owned());
        }
        Err(MirrorError::classify(what, &place, path, &stderr.to_str_lossy()))
    }

    /// Why it could not be started.
    pub(super) fn missing(error: &io::Error) -> MirrorError {
        MirrorError::GitMissing { message: error.to_string() }
    }
}
