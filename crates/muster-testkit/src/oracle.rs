//! Git's own answer to "what is the status of this checkout", for comparing ours with: `git status --porcelain=v2`
//! with every program that the repository could name blanked, parsed into the numbers of the portfolio.
//!
//! A file under a configured filter cannot be judged without running the filter: such files are taken out of
//! `modified` and counted in `filtered`. Spawns git on purpose: whoever shares code with the thing it checks proves
//! nothing.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fs,
    io::Write,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// What git says of a checkout.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OracleStatus {
    /// Short name of the branch; `None` when detached.
    pub branch: Option<String>,
    /// Full object id of HEAD; `None` before the first commit.
    pub head: Option<String>,
    /// HEAD is on a commit, not on a branch.
    pub detached: bool,
    /// Short name of the followed branch, existing or not.
    pub upstream: Option<String>,
    /// Commits that the upstream lacks; `None` if there is none to compare with.
    pub ahead: Option<u32>,
    /// Commits of the upstream that are not here.
    pub behind: Option<u32>,
    /// Entries with X ≠ '.'.
    pub staged: u32,
    /// Entries with Y ≠ '.', without those of `filtered`.
    pub modified: u32,
    /// `?` lines.
    pub untracked: u32,
    /// `u` lines.
    pub conflicted: u32,
    /// Entries with Y ≠ '.' under a filter driver that is configured, and was blanked.
    pub filtered: u32,
    /// Entries of the stash.
    pub stashes: u32,
}

/// Why git has no answer.
#[derive(Debug)]
pub enum OracleError {
    /// Bare repositories have no status.
    Bare,
    /// Git refused: no repository, a format it does not know, a broken index. Its own words.
    Refused(String),
    /// Git said something that is not porcelain v2.
    Unreadable(String),
}

impl std::fmt::Display for OracleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bare => f.write_str("a bare repository has no status"),
            Self::Refused(words) => write!(f, "git refused: {words}"),
            Self::Unreadable(line) => write!(f, "not porcelain v2: {line}"),
        }
    }
}

impl std::error::Error for OracleError {}

/// Asks git, with the caller's environment unless told otherwise.
#[derive(Debug, Clone)]
pub struct StatusOracle {
    git: OsString,
    environment: Option<Vec<(OsString, OsString)>>,
}

impl Default for StatusOracle {
    fn default() -> Self {
        Self { git: std::env::var_os("MUSTER_TEST_GIT").unwrap_or_else(|| "git".into()), environment: None }
    }
}

impl StatusOracle {
    /// The oracle of a person's machine: `MUSTER_TEST_GIT` or the git on PATH, with the person's configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// The oracle inside a lab: the same sealed environment that built its repositories.
    pub fn in_lab(lab: &crate::Lab) -> Self {
        let sealed = lab.git_command(lab.root());
        let environment =
            sealed.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect();
        Self { git: sealed.get_program().to_owned(), environment: Some(environment) }
    }

    /// The status of the checkout at `path`. Runs no program that the repository names and writes nothing.
    pub fn read(&self, path: &Path) -> Result<OracleStatus, OracleError> {
        let bare = self.run(path, &[], ["rev-parse", "--is-bare-repository"], None)?;
        if bare.trim_ascii() == b"true" {
            return Err(OracleError::Bare);
        }
        let drivers = self.filter_drivers(path)?;
        let blanked = blanks(&drivers);
        let args = ["status", "--porcelain=v2", "--branch", "--show-stash", "-z"];
        let mut porcelain = parse(&self.run(path, &blanked, args, None)?)?;
        if !drivers.is_empty() && !porcelain.changed.is_empty() {
            let paths = porcelain.changed.join(&0);
            let args = ["check-attr", "-z", "--stdin", "filter"];
            let answer = self.run(path, &blanked, args, Some(&paths))?;
            porcelain.status.filtered = count_filtered(&answer, &drivers);
            porcelain.status.modified -= porcelain.status.filtered;
        }
        Ok(porcelain.status)
    }

    /// Names of all filter drivers that any configuration in reach of `path` defines, submodules included: git asks
    /// its submodules for their state, and they inherit only what is blanked here.
    fn filter_drivers(&self, path: &Path) -> Result<BTreeSet<Vec<u8>>, OracleError> {
        let mut drivers = BTreeSet::new();
        let list = self.run(path, &[], ["config", "-z", "--includes", "--name-only", "--list"], None)?;
        drivers.extend(list.split(|byte| *byte == 0).filter_map(driver_of));
        let common = self.run(path, &[], ["rev-parse", "--git-common-dir"], None)?;
        let common = path.join(OsStr::from_bytes(common.trim_ascii_end()));
        for config in configs_below(&common.join("modules")) {
            let args: [&OsStr; 7] = [
                "config".as_ref(),
                "-z".as_ref(),
                "--includes".as_ref(),
                "--name-only".as_ref(),
                "--file".as_ref(),
                config.as_ref(),
                "--list".as_ref(),
            ];
            // A folder below `modules` may hold anything; what git cannot read there it cannot run from there.
            if let Ok(list) = self.run(path, &[], args, None) {
                drivers.extend(list.split(|byte| *byte == 0).filter_map(driver_of));
            }
        }
        Ok(drivers)
    }

    /// Runs git with all that could start a program switched off, feeding `input`.
    fn run<S: AsRef<OsStr>>(
        &self,
        path: &Path,
        blanked: &[(OsString, &str)],
        args: impl IntoIterator<Item = S>,
        input: Option<&[u8]>,
    ) -> Result<Vec<u8>, OracleError> {
        let mut command = Command::new(&self.git);
        if let Some(environment) = &self.environment {
            command.env_clear().envs(environment.iter().map(|(key, value)| (key, value)));
        }
        for key in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_CONFIG_PARAMETERS"] {
            command.env_remove(key);
        }
        let always = [("core.fsmonitor".into(), "false"), ("core.hooksPath".into(), "/dev/null")];
        let settings: Vec<&(OsString, &str)> = always.iter().chain(blanked).collect();
        command.env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (number, (key, value)) in settings.into_iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{number}"), key);
            command.env(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
        command.current_dir(path).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let refused = |error: std::io::Error| OracleError::Refused(error.to_string());
        let output = converse(command, input.unwrap_or_default()).map_err(refused)?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(OracleError::Refused(words));
        }
        Ok(output.stdout)
    }
}

/// Feeds and reads at once: a child that answers while it is still being fed must not block us both.
fn converse(mut command: Command, input: &[u8]) -> std::io::Result<Output> {
    let mut child = command.spawn()?;
    let stdin = child.stdin.take();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        child.wait_with_output()
    })
}

struct Porcelain {
    status: OracleStatus,
    /// Paths with Y ≠ '.'.
    changed: Vec<Vec<u8>>,
}

/// Reads `git status --porcelain=v2 --branch --show-stash -z`.
fn parse(output: &[u8]) -> Result<Porcelain, OracleError> {
    let mut status = OracleStatus::default();
    let mut changed = Vec::new();
    let mut records = output.split(|byte| *byte == 0);
    while let Some(record) = records.next() {
        let unreadable = || OracleError::Unreadable(String::from_utf8_lossy(record).into_owned());
        match record.first() {
            None | Some(b'!') => {}
            Some(b'#') => header(&mut status, &String::from_utf8_lossy(record)).ok_or_else(unreadable)?,
            Some(b'?') => status.untracked += 1,
            Some(b'u') => status.conflicted += 1,
            Some(kind @ (b'1' | b'2')) => {
                let &[_, _, x, y, b' ', ..] = record else { return Err(unreadable()) };
                status.staged += u32::from(x != b'.');
                if y != b'.' {
                    status.modified += 1;
                    // `1 XY sub mH mI mW hH hI path`, with one more field before the path of a rename.
                    let fields = if *kind == b'1' { 9 } else { 10 };
                    let path = record.splitn(fields, |byte| *byte == b' ').nth(fields - 1);
                    changed.push(path.ok_or_else(unreadable)?.to_vec());
                }
                if *kind == b'2' {
                    records.next().ok_or_else(unreadable)?;
                }
            }
            Some(_) => return Err(unreadable()),
        }
    }
    Ok(Porcelain { status, changed })
}

fn header(status: &mut OracleStatus, line: &str) -> Option<()> {
    let (key, value) = line.strip_prefix("# ")?.split_once(' ')?;
    match key {
        "branch.oid" => status.head = (value != "(initial)").then(|| value.to_owned()),
        // A branch may be named `(detached)`; git does not tell them apart and neither can we.
        "branch.head" if value == "(detached)" => status.detached = true,
        "branch.head" => status.branch = Some(value.to_owned()),
        "branch.upstream" => status.upstream = Some(value.to_owned()),
        "branch.ab" => {
            let (ahead, behind) = value.split_once(' ')?;
            status.ahead = Some(ahead.strip_prefix('+')?.parse().ok()?);
            status.behind = Some(behind.strip_prefix('-')?.parse().ok()?);
        }
        "stash" => status.stashes = value.parse().ok()?,
        _ => {}
    }
    Some(())
}

/// `filter.NAME.key` → NAME, which may hold dots.
fn driver_of(key: &[u8]) -> Option<Vec<u8>> {
    let rest = key.strip_prefix(b"filter.")?;
    let dot = rest.iter().rposition(|byte| *byte == b'.')?;
    Some(rest[..dot].to_vec())
}

fn blanks(drivers: &BTreeSet<Vec<u8>>) -> Vec<(OsString, &'static str)> {
    let variables = [("clean", ""), ("smudge", ""), ("process", ""), ("required", "false")];
    let of_driver = |driver: &Vec<u8>| {
        let driver = OsStr::from_bytes(driver).to_owned();
        variables.map(|(variable, value)| {
            let mut key = OsString::from("filter.");
            key.push(&driver);
            key.push(".");
            key.push(variable);
            (key, value)
        })
    };
    drivers.iter().flat_map(of_driver).collect()
}

/// Counts paths whose attribute names a configured driver, in `PATH NUL filter NUL VALUE NUL` records.
fn count_filtered(answer: &[u8], drivers: &BTreeSet<Vec<u8>>) -> u32 {
    let fields: Vec<&[u8]> = answer.split(|byte| *byte == 0).collect();
    let filtered = fields.chunks_exact(3).filter(|record| drivers.contains(record[2])).count();
    u32::try_from(filtered).unwrap_or(u32::MAX)
}

/// Every file `config` and `config.worktree` below a folder, without following links.
fn configs_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && name != "objects" && name != "refs" => {
                    folders.push(entry.path());
                }
                Ok(kind) if kind.is_file() && (name == "config" || name == "config.worktree") => {
                    found.push(entry.path());
                }
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(text: &str) -> OracleStatus {
        parse(text.replace('\n', "\0").as_bytes()).unwrap().status
    }

    #[test]
    fn counts_by_letter() {
        let status = read(
            "# branch.oid 1111\n# branch.head main\n# branch.upstream o/main\n# branch.ab +2 -3\n# stash 4\n\
             1 MM N... 100644 100644 100644 a b both\n1 .M N... 100644 100644 100644 a b only modified\n\
             2 R. N... 100644 100644 100644 a b R100 new\nold\nu UU N... 1 2 3 4 a b c conflict\n? new file\n",
        );
        let expected = OracleStatus {
            branch: Some("main".into()),
            head: Some("1111".into()),
            upstream: Some("o/main".into()),
            ahead: Some(2),
            behind: Some(3),
            staged: 2,
            modified: 2,
            untracked: 1,
            conflicted: 1,
            stashes: 4,
            ..OracleStatus::default()
        };
        assert_eq!(status, expected);
    }

    #[test]
    fn knows_unborn_and_detached() {
        let unborn = read("# branch.oid (initial)\n# branch.head main\n");
        assert_eq!((unborn.head, unborn.branch.as_deref()), (None, Some("main")));
        let detached = read("# branch.oid 22\n# branch.head (detached)\n");
        assert!(detached.detached && detached.branch.is_none());
    }

    #[test]
    fn a_path_with_blanks_is_kept_whole() {
        let parsed = parse(b"1 .M N... 100644 100644 100644 a b with two  blanks\0").unwrap();
        assert_eq!(parsed.changed, [b"with two  blanks".to_vec()]);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(parse(b"x nonsense\0").is_err());
        assert!(parse(b"1 M\0").is_err());
        assert!(parse(b"# branch.ab many few\0").is_err());
    }

    #[test]
    fn driver_names_may_hold_dots() {
        assert_eq!(driver_of(b"filter.a.b.clean"), Some(b"a.b".to_vec()));
        assert_eq!(driver_of(b"user.name"), None);
    }
}
