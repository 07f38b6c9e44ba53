//! Data folders in a bad state: not writable, full, from the future, in use.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use muster_testkit::{Lab, is_root};
use rustix::process::Signal;

use super::{Served, as_nobody, data_dir, serve, serve_args};
use crate::run::{finish, run, stderr};

/// It did not start, and said these.
#[track_caller]
fn refuses(lab: &Lab, output: &Output, words: &[&str]) {
    let said = stderr(lab, output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty(), "no address is said");
    for word in words {
        assert!(said.contains(word), "'{word}' is not in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let lab = Lab::new();
    lab.repo("api").commit_file("README.md", "");
    let data = data_dir(&lab);
    fs::create_dir(&data).expect("made");
    lab.open(&data).set_mode("", 0o555);
    let mut command = as_nobody(&lab, Path::new(env!("CARGO_BIN_EXE_muster")));
    serve_args(&mut command, &lab);
    refuses(&lab, &finish(&mut command), &[&data.to_string_lossy(), "cannot be written"]);
}

#[test]
fn a_data_folder_that_is_in_use_names_who_uses_it() {
    let lab = Lab::new();
    let served = Served::over(&lab);
    let pid = served.child.id().to_string();
    let output = finish(&mut serve(&lab));
    refuses(&lab, &output, &["held by another muster", &pid]);
    // The first one does not mind.
    assert_eq!(served.ask("GET", "/readyz").0, 200);
    served.signal(Signal::TERM);
    assert_eq!(served.ended().code(), Some(0));
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let lab = Lab::new();
    lab.repo("api").commit_file("README.md", "");
    let served = Served::over(&lab);
    served.scanned();
    served.signal(Signal::TERM);
    assert_eq!(served.ended().code(), Some(0));
    let database = data_dir(&lab).join("muster.db");
    sql(&database, "UPDATE schema_version SET version = 9999, oldest_reader = 9999");
    let before = fs::read(&database).expect("the file");

    refuses(&lab, &finish(&mut serve(&lab)), &["9999", "newer muster"]);
    assert!(fs::read(&database).expect("the file") == before, "it was not touched");
    let data = data_dir(&lab);
    let output = run(&lab, &["db", "status", "--format", "json", "--data-dir", &data.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(1));
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&status["schema"], &status["usable"]), (&9999.into(), &false.into()));
}

/// A statement past muster, as another program would send it.
pub(super) fn sql(database: &Path, statement: &'static str) {
    use sqlx::Connection;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database);
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("a connection");
        sqlx::raw_sql(statement).execute(&mut connection).await.expect("done");
        connection.close().await.expect("closed");
    });
}

#[test]
fn a_database_that_is_garbage_is_named_with_a_way_out() {
    let lab = Lab::new();
    fs::create_dir(data_dir(&lab)).expect("made");
    fs::write(data_dir(&lab).join("muster.db"), "this is no database\n".repeat(1000)).expect("written");
    refuses(&lab, &finish(&mut serve(&lab)), &["muster.db", "damaged or no database", "muster db restore"]);
}

/// A file system in memory. Gone when dropped.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(folder: &'a Path, size: &str) -> Result<Self, String> {
        fs::create_dir_all(folder).expect("made");
        if !is_root() {
            return Err("only root may".to_owned());
        }
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"])
            .arg(folder)
            .output();
        match mount {
            Ok(output) if output.status.success() => Ok(Self(folder)),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn a_full_disk_is_named_at_start() {
    let lab = Lab::new();
    let data = data_dir(&lab);
    let _disk = match Disk::mount(&data, "32k") {
        Ok(disk) => disk,
        Err(reason) => {
            eprintln!("skipped: a file system cannot be mounted here ({reason})");
            return;
        }
    };
    refuses(&lab, &finish(&mut serve(&lab)), &["no space left", &data.to_string_lossy()]);
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn a_disk_that_becomes_full_stops_no_answer_and_what_happened_shows_once_there_is_room() {
    let lab = Lab::new();
    let api = lab.repo("api").commit_file("README.md", "");
    let data = data_dir(&lab);
    let _disk = match Disk::mount(&data, "8m") {
        Ok(disk) => disk,
        Err(reason) => {
            eprintln!("skipped: a file system cannot be mounted here ({reason})");
            return;
        }
    };
    let served = Served::over(&lab);
    served.scanned();
    served.shows_commit("api", "Write README.md");
    let ballast = data.join("ballast");
    // Written until nothing fits any more.
    assert!(fs::write(&ballast, vec![1; 16 * 1024 * 1024]).is_err());
    // What cannot be written is written later, and the answers are those of before.
    for number in 0..20 {
        lab.open("api").folder(format!("new-{number}")).write("more.txt", "");
        api.commit_all(&format!("Commit {number}"));
        lab.repo(&format!("another-{number}")).commit_file("README.md", "");
        let summary = served.json("/portfolio/summary");
        assert!(summary["total_projects"].as_u64() >= Some(1), "{summary}");
        assert_eq!(served.ask("GET", "/livez").0, 200);
    }
    fs::remove_file(&ballast).expect("removed");
    served.shows_commit("api", "Commit 19");
    crate::run::until("all projects", || {
        (served.json("/portfolio/summary")["total_projects"] == 21).then_some(())
    });
    served.signal(Signal::TERM);
    assert_eq!(served.ended().code(), Some(0));
}

#[test]
fn a_folder_that_is_not_there_is_named_unless_something_of_it_is_known() {
    let lab = Lab::new();
    lab.repo("api").commit_file("README.md", "");
    let elsewhere = lab.folder().join("elsewhere");
    let mut mistyped = serve(&lab);
    mistyped.arg(&elsewhere);
    refuses(&lab, &finish(&mut mistyped), &[&elsewhere.to_string_lossy(), "No such file", "try: "]);

    // A disk that was mounted once: what was known of it stays.
    fs::create_dir(&elsewhere).expect("made");
    fs::rename(lab.root().join("api"), elsewhere.join("api")).expect("moved");
    let served = Served::start(&lab, serve(&lab).arg(&elsewhere));
    served.scanned();
    served.signal(Signal::TERM);
    assert_eq!(served.ended().code(), Some(0));
    fs::rename(&elsewhere, lab.folder().join("away")).expect("moved");
    let served = Served::start(&lab, serve(&lab).arg(&elsewhere));
    served.scanned();
    assert_eq!(served.json("/portfolio/summary")["total_projects"], 1);
}
