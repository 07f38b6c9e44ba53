//! The server of a test: there when it says so, gone with its test.

use std::{
    io::{BufRead, BufReader},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use muster_testkit::Postgres;

fn folder(url: &str) -> PathBuf {
    let (_, rest) = url.split_once("host=").unwrap();
    rest.split('&').next().unwrap().into()
}

fn is_listening(folder: &Path) -> bool {
    UnixStream::connect(folder.join(".s.PGSQL.5432")).is_ok()
}

#[test]
fn it_listens_while_it_lives_and_leaves_nothing() {
    let mut server = Postgres::start();
    let folder = folder(&server.url());
    assert!(is_listening(&folder));
    assert_ne!(server.fresh_database(), server.fresh_database());
    server.stop();
    assert!(!is_listening(&folder) && folder.exists());
    server.start_again();
    assert!(is_listening(&folder));
    drop(server);
    assert!(!folder.exists());
}

/// Not a test: what the next one starts and kills.
#[test]
#[ignore = "run by its_server_dies_with_a_test_that_is_killed"]
#[expect(clippy::print_stdout, reason = "this is how it speaks to its parent")]
fn start_and_wait_to_be_killed() {
    let server = Postgres::start();
    println!("started at {}", server.url());
    loop {
        std::thread::park();
    }
}

#[test]
fn its_server_dies_with_a_test_that_is_killed() {
    let mut test = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "postgres::start_and_wait_to_be_killed", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(test.stdout.take().unwrap()).lines().map_while(Result::ok);
    let started = lines.into_iter().find(|line| line.contains("started at")).unwrap();
    let folder = folder(&started);
    assert!(is_listening(&folder));
    test.kill().unwrap();
    test.wait().unwrap();
    // Nobody tells us when the supervisor is done; it is the only thing that this test can look at.
    let patience = Instant::now() + Duration::from_mins(1);
    while folder.exists() {
        assert!(Instant::now() < patience, "{} is still there", folder.display());
        std::thread::yield_now();
    }
    assert!(!is_listening(&folder));
}
