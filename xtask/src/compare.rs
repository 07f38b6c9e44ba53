//! Compares what `muster scan --state-only --format json` says of every checkout below some folders with what git
//! says ([`StatusOracle`]): main checkouts, linked worktrees, submodules. Prints each difference. Knows the JSON of
//! the command line, not the types behind it, because the JSON is what people rely on.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use muster_testkit::{OracleError, OracleStatus, StatusOracle};
use serde_json::{Value, json};

use crate::{complain, say};

/// Scans `roots` and compares; true if git agrees with all of it.
pub(crate) fn run(roots: &[PathBuf]) -> Result<bool> {
    let muster = muster_program();
    let output = Command::new(&muster)
        .args(["scan", "--state-only", "--format", "json"])
        .args(roots)
        .output()
        .with_context(|| {
            format!(
                "cannot run {}: build it with `cargo build --release`, or name it in MUSTER_BIN",
                muster.display()
            )
        })?;
    // 4: some repository is listed with an error. The rest is worth comparing.
    if !matches!(output.status.code(), Some(0 | 4)) {
        bail!(
            "{} failed ({}): {}",
            muster.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let scan: Value = serde_json::from_slice(&output.stdout).context("the scan printed no JSON")?;
    let checkouts = checkouts(&scan)?;

    let oracle = StatusOracle::new();
    let (mut equal, mut different, mut skipped) = (0, 0, 0);
    for checkout in &checkouts {
        match judge(checkout, &oracle) {
            Verdict::Equal => equal += 1,
            Verdict::Skipped(why) => {
                skipped += 1;
                complain(&format!("skipped   {}: {why}", checkout.path.display()));
            }
            Verdict::Different(differences) => {
                different += 1;
                for difference in differences {
                    complain(&format!("different {}: {difference}", checkout.path.display()));
                }
            }
        }
    }
    say(&format!(
        "compared {} checkouts: {equal} equal, {different} different, {skipped} skipped",
        checkouts.len()
    ));
    Ok(different == 0)
}

/// `MUSTER_BIN`, else the release build.
fn muster_program() -> PathBuf {
    if let Some(named) = std::env::var_os("MUSTER_BIN") {
        return named.into();
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target"))
        .join("release/muster")
}

/// One checkout as the scan lists it.
struct Checkout<'scan> {
    path: PathBuf,
    git: &'scan Value,
    error: &'scan Value,
}

/// All checkouts of a scan: of each project its own, its worktrees and its submodules.
fn checkouts(scan: &Value) -> Result<Vec<Checkout<'_>>> {
    let mut found = Vec::new();
    for project in scan["projects"].as_array().context("the scan has no `projects`")? {
        let path = path_of(project).context("a project has no `path`")?;
        found.push(Checkout { path: path.clone(), git: &project["git"], error: &project["error"] });
        for list in ["worktrees", "submodules"] {
            for item in project[list].as_array().into_iter().flatten() {
                let below = path_of(item).with_context(|| format!("an item of `{list}` has no `path`"))?;
                found.push(Checkout { path: path.join(below), git: &item["git"], error: &item["error"] });
            }
        }
    }
    Ok(found)
}

/// `path_raw` (percent-encoded bytes) when the path is not UTF-8, else `path`.
fn path_of(item: &Value) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    let Some(raw) = item["path_raw"].as_str() else { return item["path"].as_str().map(PathBuf::from) };
    let mut bytes = Vec::new();
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Equal,
    Different(Vec<String>),
    Skipped(String),
}

fn judge(checkout: &Checkout<'_>, oracle: &StatusOracle) -> Verdict {
    if !checkout.error.is_null() {
        let code = checkout.error["code"].as_str().unwrap_or("error");
        return Verdict::Skipped(format!(
            "listed with {code}: {}",
            checkout.error["message"].as_str().unwrap_or("")
        ));
    }
    if checkout.git.is_null() || checkout.git["is_repo"] == json!(false) {
        return Verdict::Skipped("no checkout (a folder, or a submodule that is not there)".into());
    }
    match oracle.read(&checkout.path) {
        Ok(status) => {
            let differences = differences(&status, checkout.git);
            if differences.is_empty() { Verdict::Equal } else { Verdict::Different(differences) }
        }
        Err(OracleError::Bare) => Verdict::Skipped("bare: git has no status of it".into()),
        Err(error) => Verdict::Different(vec![format!("we have a state, but {error}")]),
    }
}

/// What git says otherwise than `ours`, the `git` object of a project.
fn differences(status: &OracleStatus, ours: &Value) -> Vec<String> {
    let expected = [
        ("branch", json!(status.branch)),
        ("head", json!(status.head)),
        ("detached", json!(status.detached)),
        ("upstream", json!(status.upstream)),
        ("ahead", json!(status.ahead)),
        ("behind", json!(status.behind)),
        ("staged", json!(status.staged)),
        ("modified", json!(status.modified)),
        ("untracked", json!(status.untracked)),
        ("conflicted", json!(status.conflicted)),
        ("stashes", json!(status.stashes)),
    ];
    let differs = |(field, git): (&str, Value)| {
        (ours[field] != git).then(|| format!("{field}: git says {git}, muster {}", ours[field]))
    };
    let mut found: Vec<String> = expected.into_iter().filter_map(differs).collect();
    // Without running the filter, git knows fewer of them changed than we must leave open.
    if u64::from(status.filtered) > ours["filtered_unknown"].as_u64().unwrap_or(0) {
        let ours = &ours["filtered_unknown"];
        found.push(format!(
            "filtered_unknown: git sees {} changed files under a filter, muster {ours}",
            status.filtered
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use muster_testkit::Lab;

    use super::*;

    fn of_one_modified(repo: &muster_testkit::Repo<'_>) -> Value {
        json!({
            "branch": "main", "head": repo.id("HEAD"), "detached": false, "upstream": null, "ahead": null,
            "behind": null, "staged": 0, "modified": 1, "untracked": 0, "conflicted": 0, "stashes": 0,
            "filtered_unknown": 0,
        })
    }

    #[track_caller]
    fn verdict(lab: &Lab, path: &Path, git: &Value) -> Verdict {
        let checkout = Checkout { path: path.to_owned(), git, error: &Value::Null };
        judge(&checkout, &StatusOracle::in_lab(lab))
    }

    #[test]
    fn each_difference_is_named() {
        let lab = Lab::new();
        let repo = lab.repo("a").commit_file("x", "1").write("x", "2");
        let mut ours = of_one_modified(&repo);
        assert_eq!(verdict(&lab, repo.path(), &ours), Verdict::Equal);
        ours["modified"] = json!(0);
        ours["branch"] = json!(null);
        let expected = ["branch: git says \"main\", muster null", "modified: git says 1, muster 0"];
        assert_eq!(
            verdict(&lab, repo.path(), &ours),
            Verdict::Different(expected.map(str::to_owned).to_vec())
        );
    }

    #[test]
    fn files_under_a_filter_are_left_open_on_both_sides() {
        let lab = Lab::new();
        let repo = lab.repo("a").config("filter.f.clean", "cat").write(".gitattributes", "y filter=f\n");
        let repo = repo.write("y", "1").commit_file("x", "1").write("x", "2").write("y", "2");
        let mut ours = of_one_modified(&repo);
        assert!(matches!(verdict(&lab, repo.path(), &ours), Verdict::Different(_)));
        ours["filtered_unknown"] = json!(1);
        assert_eq!(verdict(&lab, repo.path(), &ours), Verdict::Equal);
    }

    #[test]
    fn worktrees_and_submodules_are_compared_too() {
        let scan = json!({"projects": [{
            "path": "/a", "git": {}, "worktrees": [{"path": "/b", "git": {}}],
            "submodules": [{"path": "sub", "git": null}, {"path": "?", "path_raw": "l%e9", "git": {}}],
        }]});
        let paths: Vec<PathBuf> =
            checkouts(&scan).unwrap().into_iter().map(|checkout| checkout.path).collect();
        let latin = Path::new("/a").join(std::ffi::OsStr::from_bytes(b"l\xe9"));
        assert_eq!(paths, [PathBuf::from("/a"), "/b".into(), "/a/sub".into(), latin]);
    }
}
