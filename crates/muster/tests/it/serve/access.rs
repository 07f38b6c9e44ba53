//! Who may ask the whole program: commands on its machine, tokens on every node, addresses beyond this machine.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Output,
};

use muster_testkit::{Lab, Postgres, Redis};
use serde_json::{Value, json};

use super::service::Service;
use crate::run::{finish, muster, stderr, stdout, until};

const LOCAL: (&str, &str) = ("MUSTER__AUTH__MODE", "local");

/// A command on the machine of a server whose data lie there, which shows this token if it is one.
fn command(lab: &Lab, service: &Service, data: &Path, token: Option<&str>, args: &[&str]) -> Output {
    let server = format!("http://{}", service.address);
    let mut command = muster(lab);
    command.args(args).args(["--server", &server]).env("MUSTER__SERVER__DATA_DIR", data);
    if let Some(token) = token {
        command.env("MUSTER_TOKEN", token);
    }
    finish(&mut command)
}

/// The status of a request with this token, and how much of its limit is left.
fn ask(service: &Service, path: &str, token: &str) -> (u16, Option<u32>) {
    let mut stream = TcpStream::connect(&service.address).expect("it listens");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n",
        service.address
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let left = answer.lines().find_map(|line| line.strip_prefix("x-ratelimit-remaining: "));
    (status, left.and_then(|left| left.parse().ok()))
}

#[test]
fn commands_of_whoever_owns_the_data_folder_need_no_sign_in_and_others_do() {
    let lab = Lab::new();
    let service = Service::start(&lab, &[LOCAL]);
    let data = lab.folder().join("data");
    until("whoever starts it to be told the way in", || {
        (service.says("set-up token: muster_") == 1).then_some(())
    });
    let mode = fs::metadata(data.join("own-token")).expect("the token").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(service.ask("GET", "/portfolio/projects", "").0, 401);

    let elsewhere = lab.folder().join("elsewhere");
    let refused = command(&lab, &service, &elsewhere, None, &["jobs", "ls"]);
    assert!(!refused.status.success());
    let said = stderr(&lab, &refused);
    assert!(said.contains("this needs scope read") && said.contains("try: set MUSTER_TOKEN"), "{said}");

    let created = command(&lab, &service, &data, None, &["token", "create", "ci", "--scope", "read,jobs"]);
    assert!(created.status.success(), "{}", stderr(&lab, &created));
    let token = String::from_utf8(created.stdout).expect("text").trim().to_owned();
    assert!(token.starts_with("muster_"), "{token}");
    let said = String::from_utf8_lossy(&created.stderr).into_owned();
    assert!(said.contains("ci may read, jobs until") && !said.contains(&token), "{said}");

    let listed = command(&lab, &service, &elsewhere, Some(&token), &["jobs", "ls"]);
    assert!(listed.status.success(), "{}", stderr(&lab, &listed));
    let refused = command(&lab, &service, &elsewhere, Some(&token), &["token", "ls"]);
    assert!(stderr(&lab, &refused).contains("this needs scope admin; token:ci has read,jobs"));

    let listed = command(&lab, &service, &data, None, &["token", "ls"]);
    let listed = stdout(&lab, &listed);
    assert!(listed.contains("ci") && listed.contains("read, jobs") && !listed.contains(&token), "{listed}");
    let revoked = command(&lab, &service, &data, None, &["token", "revoke", "ci"]);
    assert!(revoked.status.success(), "{}", stderr(&lab, &revoked));
    assert_eq!(ask(&service, "/portfolio/projects", &token).0, 401);
    let again = command(&lab, &service, &data, None, &["token", "revoke", "ci"]);
    assert!(stderr(&lab, &again).contains("there is no token 'ci'"));

    let setup = command(&lab, &service, &data, None, &["token", "setup"]);
    let setup = stdout(&lab, &setup).trim().to_owned();
    let body = json!({ "token": setup, "password": "correct horse battery" });
    assert_eq!(service.post("/api/v1/session/setup", &body).0, 200);
    // Nowhere but with whoever holds them.
    let log = fs::read_to_string(lab.folder().join("data.log")).expect("the log");
    assert!(!log.contains(&token) && !log.contains(&setup), "{log}");
    service.stop();
    assert!(!data.join("own-token").exists());
}

#[test]
fn a_token_is_one_on_all_nodes_and_revoked_on_all_at_once() {
    let lab = Lab::new();
    let (postgres, redis) = (Postgres::start(), Redis::start());
    for with_redis in [true, false] {
        let (database, address) = (postgres.url(), redis.url());
        let start = |name: &str| {
            let mut settings = vec![LOCAL, ("DATABASE_URL", &database), ("MUSTER__RATELIMIT__ALLOWED", "")];
            if with_redis {
                settings.push(("REDIS_URL", &address));
            }
            let data = lab.folder().join(name).display().to_string();
            Service::start_with(&lab, lab.root(), &data, &settings)
        };
        let [one, two] = ["one", "two"].map(start);
        let data = lab.folder().join("one");
        let made = command(&lab, &one, &data, None, &["token", "create", "ci", "--json"]);
        let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
        let token = made["secret"].as_str().expect("a secret");
        let path = "/api/v1/watchlist";
        if with_redis {
            // One bucket for both. A node that has not reached Redis yet counts for itself.
            until("it to be one bucket", || {
                let left = [&one, &two].map(|node| ask(node, path, token)).map(|(status, left)| {
                    assert_eq!(status, 200);
                    left.expect("a limit")
                });
                (left[1] < left[0]).then_some(())
            });
        } else {
            assert_eq!((ask(&one, path, token).0, ask(&two, path, token).0), (200, 200));
        }
        let revoked = command(&lab, &one, &data, None, &["token", "revoke", "ci"]);
        assert!(revoked.status.success(), "{}", stderr(&lab, &revoked));
        assert_eq!(ask(&one, path, token).0, 401, "at once where it was revoked");
        until("the other to refuse it", || (ask(&two, path, token).0 == 401).then_some(()));
        one.stop();
        two.stop();
    }
}

#[test]
fn other_machines_may_reach_what_one_signs_in_to() {
    let lab = Lab::new();
    let data = lab.folder().join("data").display().to_string();
    let root = [lab.root().as_os_str()];
    let start = |setting| {
        let mut service = Service::start_at(&lab, "0.0.0.0:0", &root, &data, &[setting]);
        assert!(service.address.starts_with("0.0.0.0:"), "{}", service.address);
        service.address = service.address.replace("0.0.0.0", "127.0.0.1");
        service
    };
    let service = start(LOCAL);
    assert_eq!(service.get("/health")["status"], "ok");
    assert_eq!(service.ask("GET", "/portfolio/projects", "").0, 401);
    let listed = command(&lab, &service, Path::new(&data), None, &["jobs", "ls"]);
    assert!(listed.status.success(), "{}", stderr(&lab, &listed));
    service.stop();

    let service = start(("MUSTER__AUTH__OPEN_TO_NETWORK", "true"));
    assert_eq!(service.get("/portfolio/summary")["total_projects"], 0);
    until("the warning", || (service.says("whoever reaches it may do everything") == 1).then_some(()));
    service.stop();
}

#[test]
fn a_proxy_that_is_not_named_is_a_mistake() {
    let lab = Lab::new();
    let output =
        finish(muster(&lab).args(["serve", "--listen", "127.0.0.1:0"]).env("MUSTER__AUTH__MODE", "proxy"));
    assert!(!output.status.success());
    let said = stderr(&lab, &output);
    assert!(said.contains("auth.proxy_peers names no proxy"), "{said}");
}
