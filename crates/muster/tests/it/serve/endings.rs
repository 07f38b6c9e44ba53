//! How a server begins and ends, wanted or not.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
};

use muster_testkit::Lab;
use rustix::process::Signal;

use super::{Served, data_dir, serve};
use crate::run::{LIMIT, finish, stderr, until};

#[test]
fn the_first_line_says_where_it_answers_and_signals_end_it_cleanly() {
    let lab = Lab::new();
    lab.repo("api").commit_file("README.md", "");
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        // The folder of the one before is free again.
        let served = Served::over(&lab);
        assert!(served.address.ip().is_loopback() && served.address.port() != 0);
        served.scanned();
        assert_eq!(served.json("/portfolio/summary")["total_projects"], 1);
        assert!(served.log().contains(&format!("muster answers at {}/", served.url())), "{}", served.log());
        let address = served.address;
        served.signal(signal);
        assert_eq!(served.ended().code(), Some(0));
        assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    }
    // What a running database keeps beside itself was put in order.
    let left: Vec<_> = std::fs::read_dir(data_dir(&lab))
        .expect("the folder")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with("-wal")), "{left:?}");
}

#[test]
fn listeners_and_half_requests_do_not_keep_it() {
    let lab = Lab::new();
    lab.repo("api").commit_file("README.md", "");
    let served = Served::start(&lab, serve(&lab).env("MUSTER__SERVER__SHUTDOWN_SECONDS", "1"));
    let mut listener = TcpStream::connect(served.address).expect("a connection");
    listener.set_read_timeout(Some(LIMIT)).expect("a limit");
    listener.write_all(b"GET /api/v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("sent");
    let mut begin = [0; 12];
    listener.read_exact(&mut begin).expect("an answer");
    assert_eq!(&begin, b"HTTP/1.1 200");
    let mut half = TcpStream::connect(served.address).expect("a connection");
    half.write_all(b"GET /portfolio/summary HT").expect("sent");
    served.signal(Signal::TERM);
    assert_eq!(served.ended().code(), Some(0));
    let mut rest = Vec::new();
    // The stream ends; a reset is an end as well.
    let _ = listener.read_to_end(&mut rest);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let lab = Lab::new();
    lab.repo("api").commit_file("README.md", "");
    let served = Served::start(&lab, serve(&lab).env("MUSTER__SERVER__SHUTDOWN_SECONDS", "100000"));
    let mut half = TcpStream::connect(served.address).expect("a connection");
    // A whole request after which the line stays busy with half of the next.
    half.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\nGET /livez HT").expect("sent");
    let mut begin = [0; 12];
    half.read_exact(&mut begin).expect("an answer");
    served.signal(Signal::TERM);
    until("it stops listening", || TcpStream::connect(served.address).is_err().then_some(()));
    // Whether the half request still holds it or not.
    let _ = rustix::process::kill_process(crate::run::pid(&served.child), Signal::TERM);
    assert!(matches!(served.ended().code(), Some(0 | 130)));
}

#[test]
fn killed_in_the_middle_of_writing_it_answers_from_what_was_stored_and_then_truly() {
    let lab = Lab::new();
    let api = lab.repo("api").commit_file("README.md", "one\n");
    api.git(["checkout", "--quiet", "-b", "other"]).commit_file("README.md", "two\n");
    for number in 0..5 {
        let served = Served::over(&lab);
        served.scanned();
        // Changes come as fast as git makes them, until the server is killed.
        let script = format!(
            "while [ -e go ]; do \"$0\" checkout --quiet main; \"$0\" checkout --quiet other; \
             \"$0\" commit --quiet --allow-empty --message 'Again {number}'; done"
        );
        api.write(".git/info/exclude", "go\n").write("go", "");
        let mut writer = lab
            .seal(&mut Command::new("sh"))
            .args(["-c", &script])
            .arg(lab.git_command(api.path()).get_program())
            .current_dir(api.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        // Some of it was written, at another place in each round.
        until("changes", || {
            let changed = metric(&served, "muster_projects_changed_total");
            (changed >= 2 + number).then_some(())
        });
        served.signal(Signal::KILL);
        assert_eq!(served.ended().code(), None);
        api.remove("go");
        assert!(writer.wait().expect("a child").success());
        api.commit_all(&format!("After {number}"));

        let served = Served::over(&lab);
        // At once, whether the search is done or not: the project is known.
        assert_eq!(served.json("/portfolio/summary")["total_projects"], 1);
        assert_eq!(served.json("/portfolio/projects/api")["error"], serde_json::Value::Null);
        served.shows_commit("api", &format!("After {number}"));
        let project = served.json("/portfolio/projects/api");
        assert_eq!((&project["git"]["branch"], &project["git"]["modified"]), (&"other".into(), &0.into()));
        served.signal(Signal::TERM);
        assert_eq!(served.ended().code(), Some(0));
    }
}

fn metric(served: &Served, name: &str) -> u64 {
    let (_, page) = served.ask("GET", "/metrics");
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).expect("the metric")
}

#[test]
fn a_thousand_known_projects_answer_before_they_are_looked_at_again() {
    const KNOWN: usize = 1000;
    let lab = Lab::new();
    for number in 0..KNOWN {
        lab.open(format!("p{number}")).folder("").write("go.mod", "module example.org/p\n");
    }
    let served = Served::over(&lab);
    served.scanned();
    assert_eq!(served.json("/portfolio/summary")["total_projects"], KNOWN);
    served.signal(Signal::TERM);
    assert_eq!(served.ended().code(), Some(0));

    // Only what was stored still knows of this one.
    std::fs::remove_dir_all(lab.root().join("p7")).expect("removed");
    let served = Served::over(&lab);
    let total = served.json("/portfolio/summary")["total_projects"].clone();
    // Had the answer waited for the search, the search would be done now.
    assert!(total == KNOWN || served.is_scanned(), "{total} before the search was done");
    until("the search", || (served.json("/portfolio/summary")["total_projects"] == KNOWN - 1).then_some(()));
    assert_eq!(served.ask("GET", "/portfolio/projects/p7").0, 404);
}

#[test]
fn a_port_that_is_taken_is_named_with_a_way_out() {
    let lab = Lab::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = finish(serve(&lab).args(["--listen", &address]));
    // Named twice: clap says so. Once, as a person would.
    assert_eq!(output.status.code(), Some(2));
    let output = finish(
        crate::run::muster(&lab).args(["serve", "--listen", &address, "--data-dir"]).arg(data_dir(&lab)),
    );
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&lab, &output);
    assert!(said.contains(&address) && said.contains("in use by another program"), "{said}");
    assert!(said.contains("try: ") && said.contains("--listen"), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn addresses_that_others_can_reach_are_refused() {
    let lab = Lab::new();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8100"] {
        let output = finish(
            crate::run::muster(&lab).args(["serve", "--listen", address, "--data-dir"]).arg(data_dir(&lab)),
        );
        let said = stderr(&lab, &output);
        assert_eq!(output.status.code(), Some(1), "{address}: {said}");
        assert!(said.contains("reached from other machines") && said.contains("127.0.0.1"), "{said}");
        assert!(!data_dir(&lab).exists(), "nothing was made");
    }
}
